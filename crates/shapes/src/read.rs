//! Reading values from a [`Tree`] and collecting every broken constraint.

mod echo;
mod values;

pub(crate) use self::values::enumeration;

use self::echo::Echo;
use crate::constraint::Constraint;
use crate::{Broken, Characters, Path, ReadError, Tree};

/// How many violations a message spells out; further ones are only counted.
const MOST_TEXTS: usize = 50;

/// How a protocol carries numbers, booleans and empty lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarForm {
    /// As JSON values of their own type.
    Json,
    /// As text: Query forms, URIs and headers.
    Text,
}

/// A value that can be read from a tree under a rule.
pub trait FromTree: Sized {
    /// The constraints on such a value; `()` for structures, whose members have their own.
    type Rule: 'static;
    /// Whether the model marks such values as sensitive: of those AWS does not even say that one is
    /// missing.
    const SENSITIVE: bool = false;

    /// Reads the value at `at`.
    ///
    /// Answers `None` after reporting a violation to `cx`. Fails with
    /// [`ReadError::Serialization`] if `tree` is no such value at all.
    fn from_tree(
        tree: &Tree<'_>,
        rule: &Self::Rule,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError>;

    /// The texts of all constraints of a scalar, which AWS lists where a member of a list
    /// breaks one of them; `None` for values whose members report for themselves.
    fn constraints(_rule: &Self::Rule) -> Option<Vec<String>> {
        None
    }

    /// Whether a violation may quote the value.
    fn may_echo(_rule: &Self::Rule) -> bool {
        true
    }
}

/// What reading a request found so far.
#[derive(Debug)]
pub struct Context {
    form: ScalarForm,
    found: Vec<(Broken, String)>,
    count: usize,
}

/// The members of a structure.
#[derive(Debug, Clone, Copy)]
pub struct Object<'t, 'a>(&'t [(Characters<'a>, Tree<'a>)]);

/// Reads a whole request.
pub(crate) fn root<T>(tree: &Tree<'_>, form: ScalarForm) -> Result<T, ReadError>
where
    T: FromTree<Rule = ()>,
{
    let mut cx = Context {
        form,
        found: Vec::new(),
        count: 0,
    };
    match T::from_tree(tree, &(), &mut cx, &Path::ROOT)? {
        Some(value) if cx.count == 0 => Ok(value),
        _ => Err(cx.into_error()),
    }
}

impl Context {
    /// How the protocol carries scalars.
    pub fn form(&self) -> ScalarForm {
        self.form
    }

    /// Runs `read` for a member that travels as text, outside of a JSON body.
    pub fn as_text<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let form = std::mem::replace(&mut self.form, ScalarForm::Text);
        let value = read(self);
        self.form = form;
        value
    }

    /// The members of the structure at `at`; `null` has none.
    ///
    /// Fails with [`ReadError::Serialization`] if `tree` is no structure.
    pub fn object<'t, 'a>(
        &self,
        tree: &'t Tree<'a>,
        at: &Path<'_>,
    ) -> Result<Object<'t, 'a>, ReadError> {
        match tree {
            Tree::Null => Ok(Object(&[])),
            Tree::Object(members) => Ok(Object(members)),
            Tree::Text(text) if self.form == ScalarForm::Text && text.as_str().is_empty() => {
                Ok(Object(&[]))
            }
            Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => {
                Err(ReadError::wrong_type(at, "a structure", tree.kind()))
            }
        }
    }

    /// Reports that the required value at `at` is missing.
    pub fn report_null(&mut self, at: &Path<'_>) {
        self.report(at, &Echo::Null, Constraint::required());
    }

    /// The same of a value of type `T`.
    fn report_missing<T: FromTree>(&mut self, at: &Path<'_>) {
        let shown = if T::SENSITIVE {
            Echo::Hidden
        } else {
            Echo::Null
        };
        self.report(at, &shown, Constraint::required());
    }

    /// Reports that `value` at `at` breaks `constraint`; the value is quoted, to a bounded
    /// length, if `echo` says so.
    fn report_value(
        &mut self,
        at: &Path<'_>,
        value: &Tree<'_>,
        echo: bool,
        constraint: Constraint,
    ) {
        let shown = if echo {
            Echo::Value(value)
        } else {
            Echo::Hidden
        };
        self.report(at, &shown, constraint);
    }

    fn report(&mut self, at: &Path<'_>, shown: &Echo<'_, '_>, constraint: Constraint) {
        self.count = self.count.saturating_add(1);
        if self.found.len() < MOST_TEXTS {
            let Constraint { kind, text } = constraint;
            let text = format!("{shown} at '{at}' failed to satisfy constraint: {text}");
            self.found.push((kind, text));
        }
    }

    /// Forgets the violations after the first `count`.
    fn roll_back(&mut self, count: usize) {
        self.count = count;
        self.found.truncate(count);
    }

    fn into_error(self) -> ReadError {
        let noun = if self.count == 1 { "error" } else { "errors" };
        let first = self.found.first().map(|(kind, _)| *kind);
        let texts: Vec<String> = self.found.into_iter().map(|(_, text)| text).collect();
        let texts = texts.join("; ");
        ReadError::Validation {
            text: format!("{} validation {noun} detected: {texts}", self.count),
            first: first.unwrap_or(Broken::Required),
        }
    }
}

impl<'t, 'a> Object<'t, 'a> {
    /// Reads member `name` (AWS's name) of the structure at `at`.
    ///
    /// Answers `None`, and reports it, if the member is absent or breaks a constraint.
    pub fn required<T: FromTree>(
        self,
        name: &str,
        rule: &T::Rule,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<T>, ReadError> {
        let place = at.member(name);
        let Some(tree) = self.member(name) else {
            cx.report_missing::<T>(&place);
            return Ok(None);
        };
        T::from_tree(tree, rule, cx, &place)
    }

    /// Reads member `name` (AWS's name) of the structure at `at`.
    ///
    /// Answers `None` if the member is absent and, after reporting it, if it breaks a
    /// constraint.
    pub fn optional<T: FromTree>(
        self,
        name: &str,
        rule: &T::Rule,
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<T>, ReadError> {
        match self.member(name) {
            Some(tree) => T::from_tree(tree, rule, cx, &at.member(name)),
            None => Ok(None),
        }
    }

    /// Demands that exactly one of `names` is set, as in a union at `at`.
    ///
    /// Fails with [`ReadError::Serialization`] otherwise.
    pub fn exactly_one(self, names: &[&str], at: &Path<'_>) -> Result<(), ReadError> {
        let set = names.iter().filter(|name| self.member(name).is_some());
        if set.count() == 1 {
            Ok(())
        } else {
            let names = names.join(", ");
            Err(ReadError::malformed(
                at,
                &format!("must have exactly one of the members {names}"),
            ))
        }
    }

    fn member(self, wanted: &str) -> Option<&'t Tree<'a>> {
        let mut newest_first = self.0.iter().rev();
        newest_first
            .find(|(name, _)| name.as_str() == wanted)
            .map(|(_, tree)| tree)
            .filter(|tree| **tree != Tree::Null)
    }
}

#[cfg(test)]
mod tests;
