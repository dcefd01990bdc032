//! The constraints of the models and AWS's texts for them.

use crate::Pattern;

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

impl Text {
    /// No limits.
    pub const ANY: Self = Self {
        min: None,
        max: None,
        pattern: None,
        echo: true,
    };

    /// The texts of the constraints that `value` breaks.
    pub(crate) fn broken(&self, value: &str) -> impl Iterator<Item = String> {
        let length = self.size().broken(utf16_length(value));
        let pattern = self.pattern.filter(|pattern| !pattern.matches(value));
        length.chain(pattern.map(pattern_text))
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
    /// The texts of the constraints that `length` breaks.
    pub(crate) fn broken(&self, length: usize) -> impl Iterator<Item = String> + use<> {
        let max = self.max.filter(|max| length > *max).map(max_length_text);
        let min = self.min.filter(|min| length < *min).map(min_length_text);
        max.into_iter().chain(min)
    }

    /// The texts of both constraints.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> + use<> {
        let max = self.max.map(max_length_text);
        max.into_iter().chain(self.min.map(min_length_text))
    }
}

impl Range {
    /// The texts of the constraints that `value` breaks.
    pub(crate) fn broken(&self, value: i64) -> impl Iterator<Item = String> + use<> {
        let max = self.max.filter(|max| value > *max).map(max_value_text);
        let min = self.min.filter(|min| value < *min).map(min_value_text);
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

/// AWS's text for a list with a member that breaks a constraint.
pub(crate) fn members_text(constraints: &[String]) -> String {
    format!(
        "Member must satisfy constraint: [{}]",
        constraints.join(", ")
    )
}

/// AWS's text for a map with a key that breaks a constraint.
pub(crate) fn keys_text(constraints: &[String]) -> String {
    format!(
        "Map keys must satisfy constraint: [{}]",
        constraints.join(", ")
    )
}

/// AWS's text for a map with a value that breaks a constraint.
pub(crate) fn values_text(constraints: &[String]) -> String {
    format!(
        "Map value must satisfy constraint: [{}]",
        constraints.join(", ")
    )
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
