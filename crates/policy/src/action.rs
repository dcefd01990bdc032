//! Actions: `kms:Decrypt` in a request, `kms:*` in a policy.

use std::borrow::Cow;
use std::fmt;

use crate::pattern::{Case, Pattern};

/// The action that a request asks for: `kms:Decrypt`. Compared without regard to case.
#[derive(Clone)]
pub struct Action(Cow<'static, str>);

/// The text is not of the form `service:Operation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action has the form service:Operation")]
pub struct InvalidAction;

impl Action {
    /// The action of this name; the name is written in the program and known to be one.
    pub const fn from_static(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Reads an action that a caller named, as in the policy simulator.
    ///
    /// Fails unless it is a service prefix, one colon and an operation name, without
    /// wildcards or white space.
    pub fn parse(text: &str) -> Result<Self, InvalidAction> {
        let (service, operation) = text.split_once(':').ok_or(InvalidAction)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
        let fits = |part: &str| !part.is_empty() && part.chars().all(plain);
        if fits(service) && fits(operation) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(InvalidAction)
        }
    }

    /// The action as it was written: `kms:Decrypt`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The service prefix as it was written: `kms`.
    pub fn service(&self) -> &str {
        self.0.split_once(':').map_or("", |(service, _)| service)
    }

    /// The operation: `Decrypt`.
    pub fn operation(&self) -> &str {
        self.0
            .split_once(':')
            .map_or(self.as_str(), |(_, operation)| operation)
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Action {}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `Action` or `NotAction` of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Actions {
    /// `NotAction`: everything but the listed ones.
    pub(crate) inverted: bool,
    pub(crate) patterns: Vec<Pattern>,
}

impl Actions {
    /// Whether the statement covers `action`. No pattern at all covers nothing, inverted or
    /// not: a key policy statement without actions has no effect.
    pub(crate) fn cover(&self, action: &Action) -> bool {
        let listed = self
            .patterns
            .iter()
            .any(|p| p.matches(action.as_str(), Case::Insensitive));
        !self.patterns.is_empty() && listed != self.inverted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECRYPT: Action = Action::from_static("kms:Decrypt");

    #[test]
    fn case_does_not_distinguish_actions() {
        assert_eq!(DECRYPT, Action::parse("KMS:decrypt").unwrap());
        assert_eq!((DECRYPT.service(), DECRYPT.operation()), ("kms", "Decrypt"));
    }

    #[test]
    fn what_is_not_an_action_is_refused() {
        for text in [
            "", "kms", "kms:", ":Decrypt", "kms:De*", "kms:a:b", "kms:a b", "*:*",
        ] {
            assert_eq!(Action::parse(text), Err(InvalidAction), "{text}");
        }
    }
}
