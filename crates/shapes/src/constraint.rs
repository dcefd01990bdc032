//! The constraints of the models and AWS's texts for them.

use crate::Pattern;

/// A kind of constraint, for services that answer a violation with a reason instead of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A required member is missing.
    Required,
    /// The value is not one of an enumeration.
    Enum,
    /// The text does not match its pattern.
    Pattern,
    /// A text, list or map is too long.
    TooLong,
    /// A text, list or map is too short.
    TooShort,
    /// A number is too large.
    TooLarge,
    /// A number is too small.
    TooSmall,
    /// A list or map has a member that breaks a constraint.
    Member,
}

/// A constraint that a value breaks, with AWS's text for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Constraint {
    /// Its kind.
    pub kind: Broken,
    /// AWS's text.
    pub text: String,
}

/// Limits of a text member.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Fewest characters, in UTF-16 units like Java's.
    pub min: Option<usize>,
    /// Most characters, in UTF-16 units like Java's.
    pub max: Option<usize>,
    /// The pattern that the whole text must match.
    pub pattern: Option<&'static Pattern>,
    /// Whether a violation may quote the value: not if it is a secret or a customer's data.
    pub echo: bool,
}

/// Limits of the number of bytes of a blob, or of members of a list or map.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Fewest.
    pub min: Option<usize>,
    /// Most.
    pub max: Option<usize>,
}

/// Limits of an integer.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Smallest value.
    pub min: Option<i64>,
    /// Largest value.
    pub max: Option<i64>,
}

/// Limits of a list and of its members.
#[derive(Debug)]
pub struct List<R: 'static> {
    /// How many members.
    pub size: Size,
    /// The rule of each member.
    pub member: &'static R,
}

/// Limits of a map, its keys and its values.
#[derive(Debug)]
pub struct Map<R: 'static> {
    /// How many entries.
    pub size: Size,
    /// The rule of each key.
    pub key: &'static Text,
    /// The rule of each value.
    pub value: &'static R,
}

/// AWS's text for a missing member.
pub(crate) const NOT_NULL: &str = "Member must not be null";

impl Constraint {
    fn new(kind: Broken, text: String) -> Self {
        Self { kind, text }
    }

    /// The constraint that a required member is there.
    pub(crate) fn required() -> Self {
        Self::new(Broken::Required, NOT_NULL.to_owned())
    }

    /// The constraint of an enumeration with `names`.
    pub(crate) fn one_of(names: &[&str]) -> Self {
        Self::new(Broken::Enum, enum_text(names))
    }

    /// The constraints on the members of a list, one of which breaks one of them.
    pub(crate) fn on_members(constraints: &[String]) -> Self {
        let all = constraints.join(", ");
        Self::new(
            Broken::Member,
            format!("Member must satisfy constraint: [{all}]"),
        )
    }

    /// The constraints on the keys of a map, one of which breaks one of them.
    pub(crate) fn on_keys(constraints: &[String]) -> Self {
        let all = constraints.join(", ");
        Self::new(
            Broken::Member,
            format!("Map keys must satisfy constraint: [{all}]"),
        )
    }

    /// The constraints on the values of a map, one of which breaks one of them.
    pub(crate) fn on_values(constraints: &[String]) -> Self {
        let all = constraints.join(", ");
        Self::new(
            Broken::Member,
            format!("Map value must satisfy constraint: [{all}]"),
        )
    }
}

impl Text {
    /// No limits.
    pub const ANY: Self = Self {
        min: None,
        max: None,
        pattern: None,
        echo: true,
    };

    /// The constraints that `value` breaks.
    pub(crate) fn broken(&self, value: &str) -> impl Iterator<Item = Constraint> {
        let length = self.size().broken(utf16_length(value));
        let pattern = self.pattern.filter(|pattern| !pattern.matches(value));
        length.chain(pattern.map(|pattern| Constraint::new(Broken::Pattern, pattern_text(pattern))))
    }

    /// The texts of all constraints.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> {
        self.size().all().chain(self.pattern.map(pattern_text))
    }

    fn size(&self) -> Size {
        Size {
            min: self.min,
            max: self.max,
        }
    }
}

impl Size {
    /// The constraints that `length` breaks.
    pub(crate) fn broken(&self, length: usize) -> impl Iterator<Item = Constraint> + use<> {
        let max = self.max.filter(|max| length > *max);
        let min = self.min.filter(|min| length < *min);
        let max = max.map(|max| Constraint::new(Broken::TooLong, max_length_text(max)));
        let min = min.map(|min| Constraint::new(Broken::TooShort, min_length_text(min)));
        max.into_iter().chain(min)
    }

    /// The texts of both constraints.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> + use<> {
        let max = self.max.map(max_length_text);
        max.into_iter().chain(self.min.map(min_length_text))
    }
}

impl Range {
    /// The constraints that `value` breaks.
    pub(crate) fn broken(&self, value: i64) -> impl Iterator<Item = Constraint> + use<> {
        let max = self.max.filter(|max| value > *max);
        let min = self.min.filter(|min| value < *min);
        let max = max.map(|max| Constraint::new(Broken::TooLarge, max_value_text(max)));
        let min = min.map(|min| Constraint::new(Broken::TooSmall, min_value_text(min)));
        max.into_iter().chain(min)
    }

    /// The texts of both constraints.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> + use<> {
        let max = self.max.map(max_value_text);
        max.into_iter().chain(self.min.map(min_value_text))
    }
}

/// AWS's text for a value that an enumeration does not have.
pub(crate) fn enum_text(names: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", names.join(", "))
}

fn max_length_text(max: usize) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn min_length_text(min: usize) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn max_value_text(max: i64) -> String {
    format!("Member must have value less than or equal to {max}")
}

fn min_value_text(min: i64) -> String {
    format!("Member must have value greater than or equal to {min}")
}

fn pattern_text(pattern: &Pattern) -> String {
    format!(
        "Member must satisfy regular expression pattern: {}",
        pattern.text
    )
}

fn utf16_length(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}
