//! Actions: `kms:Decrypt` in a request, `kms:*` in a policy.

use std::borrow::Cow;
use std::fmt;

use crate::document::heap;
use crate::index::Index;
use crate::pattern::{Case, Pattern};
use crate::steps::Steps;

/// The action that a request asks for: `kms:Decrypt`. Compared without regard to case.
#[derive(Clone)]
pub struct Action {
    text: Cow<'static, str>,
    /// Of the whole name and of the service prefix, letters in lower case: what statements
    /// compare first.
    hash: u64,
    service_hash: u64,
    /// The operation's first letter in lower case.
    initial: u8,
}

/// Declares the actions that a crate's operations need: a static [`Action`] of each name.
#[macro_export]
macro_rules! actions {
    ($visibility:vis static: $($name:ident = $text:literal,)+) => {
        $(
            #[doc = concat!("`", $text, "`.")]
            $visibility static $name: $crate::Action = $crate::Action::from_static($text);
        )+
    };
}

/// The text is not of the form `service:Operation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action has the form service:Operation")]
pub struct InvalidAction;

impl Action {
    /// The action of this name; the name is written in the program and known to be one.
    pub const fn from_static(name: &'static str) -> Self {
        Self {
            hash: hash(name.as_bytes(), false),
            service_hash: hash(name.as_bytes(), true),
            initial: initial(name.as_bytes()),
            text: Cow::Borrowed(name),
        }
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
            Ok(Self {
                hash: hash(text.as_bytes(), false),
                service_hash: hash(text.as_bytes(), true),
                initial: initial(text.as_bytes()),
                text: Cow::Owned(text.to_owned()),
            })
        } else {
            Err(InvalidAction)
        }
    }

    /// The action as it was written: `kms:Decrypt`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The service prefix as it was written: `kms`.
    pub fn service(&self) -> &str {
        self.text.split_once(':').map_or("", |(service, _)| service)
    }

    /// Of the whole name in lower case.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The operation: `Decrypt`.
    pub fn operation(&self) -> &str {
        self.text
            .split_once(':')
            .map_or(self.as_str(), |(_, operation)| operation)
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for Action {}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// FNV-1a over a name in lower case; with `service`, up to its first colon only.
#[expect(
    clippy::as_conversions,
    reason = "widening a byte, which `From` cannot do in a constant"
)]
const fn hash(name: &[u8], service: bool) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut rest = name;
    while let Some((byte, behind)) = rest.split_first() {
        if service && *byte == b':' {
            break;
        }
        hash ^= byte.to_ascii_lowercase() as u64;
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
        rest = behind;
    }
    hash
}

/// The first letter behind the first colon, in lower case; 0 if there is none.
const fn initial(name: &[u8]) -> u8 {
    let mut rest = name;
    while let Some((byte, behind)) = rest.split_first() {
        if *byte == b':' {
            return match behind.first() {
                Some(first) => first.to_ascii_lowercase(),
                None => 0,
            };
        }
        rest = behind;
    }
    0
}

/// A set of services, small enough to be asked before anything else. It may hold more than was
/// put in, never less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServiceSet(u64);

impl ServiceSet {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u64::MAX);

    fn of(service_hash: u64) -> Self {
        // The upper bits of the product are the well mixed ones.
        Self(1 << (service_hash >> 58))
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn may_hold(self, action: &Action) -> bool {
        self.0 & Self::of(action.service_hash).0 != 0
    }
}

/// One entry of an `Action` element.
#[derive(Debug, Clone)]
pub(crate) struct ActionPattern {
    /// As written.
    pub(crate) text: Box<str>,
    /// The hash of the service prefix; `None` if that is a wildcard.
    service: Option<u64>,
    /// The first letter of the operation in lower case, unless that is a wildcard.
    initial: Option<u8>,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// Every operation of the service, or of all services.
    All,
    /// One operation: the hash of its whole name.
    Exact(u64),
    General(Pattern),
}

impl ActionPattern {
    /// The pattern written as `text`, whose wildcards are those of `pattern`.
    pub(crate) fn new(text: &str, pattern: Pattern) -> Self {
        let (service, operation) = text.split_once(':').unwrap_or(("*", text));
        let form = match (&pattern, operation) {
            (_, "*") => Form::All,
            (Pattern::Exact(_), _) => Form::Exact(hash(text.as_bytes(), false)),
            _ => Form::General(pattern),
        };
        Self {
            text: Box::from(text),
            service: (service != "*").then(|| hash(service.as_bytes(), true)),
            initial: Some(initial(text.as_bytes())).filter(|c| !matches!(c, 0 | b'*' | b'?')),
            form,
        }
    }

    /// About how many bytes the pattern takes, and what finds its statement by it.
    pub(crate) fn memory(&self) -> usize {
        let form = match &self.form {
            Form::All => 0,
            Form::Exact(_) => Index::PER_NAME + heap(self.text.len()),
            Form::General(pattern) => pattern.memory(),
        };
        size_of::<Self>() + heap(self.text.len()) + form
    }

    fn services(&self) -> ServiceSet {
        self.service.map_or(ServiceSet::ALL, ServiceSet::of)
    }

    pub(crate) fn matches(&self, action: &Action, steps: &Steps) -> bool {
        if self
            .service
            .is_some_and(|service| service != action.service_hash)
            || self
                .initial
                .is_some_and(|initial| initial != action.initial)
        {
            return false;
        }
        match &self.form {
            // Equal hashes only suggest equal names.
            Form::All => self.service.is_none() || self.names_service_of(action),
            Form::Exact(hash) => {
                *hash == action.hash && self.text.eq_ignore_ascii_case(action.as_str())
            }
            Form::General(pattern) => pattern.matches(action.as_str(), Case::Insensitive, steps),
        }
    }

    fn names_service_of(&self, action: &Action) -> bool {
        // The text ends in `:*`; what stands before, colon included, must be the same.
        let Some(prefix) = self.text.as_bytes().split_last().map(|(_, prefix)| prefix) else {
            return false;
        };
        let found = action.as_str().as_bytes().get(..prefix.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(prefix))
    }
}

/// `Action` or `NotAction` of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Actions {
    /// `NotAction`: everything but the listed ones.
    pub(crate) inverted: bool,
    pub(crate) patterns: Vec<ActionPattern>,
    /// The services of which the statement can cover an action.
    pub(crate) services: ServiceSet,
}

impl Actions {
    pub(crate) fn new(inverted: bool, patterns: Vec<ActionPattern>) -> Self {
        let listed = patterns
            .iter()
            .map(ActionPattern::services)
            .fold(ServiceSet::NONE, ServiceSet::with);
        Self {
            inverted,
            services: if inverted { ServiceSet::ALL } else { listed },
            patterns,
        }
    }

    /// The listed names and their hashes, if the statement covers exactly the actions that have
    /// one of them.
    pub(crate) fn names(&self) -> Option<impl Iterator<Item = (u64, &str)>> {
        let exact = |pattern: &ActionPattern| matches!(pattern.form, Form::Exact(_));
        if self.inverted || !self.patterns.iter().all(exact) {
            return None;
        }
        Some(
            self.patterns
                .iter()
                .filter_map(|pattern| match pattern.form {
                    Form::Exact(hash) => Some((hash, &*pattern.text)),
                    Form::All | Form::General(_) => None,
                }),
        )
    }

    /// Whether the statement covers `action`. No pattern at all covers nothing, inverted or
    /// not: a key policy statement without actions has no effect.
    pub(crate) fn cover(&self, action: &Action, steps: &Steps) -> bool {
        steps.take(self.patterns.len());
        let listed = self.patterns.iter().any(|p| p.matches(action, steps));
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

    fn covers(pattern: &str, action: &str) -> bool {
        let pieces = match crate::text::Text::compile(pattern, crate::text::Dialect::Like, false) {
            Ok(crate::text::Text::Fixed(pattern)) => pattern,
            other => panic!("{other:?}"),
        };
        let actions = Actions::new(false, vec![ActionPattern::new(pattern, pieces)]);
        let action = Action::parse(action).unwrap();
        let found = actions.cover(&action, &Steps::default());
        assert!(
            !found || actions.services.may_hold(&action),
            "{pattern} would be passed over for {action}"
        );
        found
    }

    #[test]
    fn patterns_cover_actions_by_service_and_operation() {
        for pattern in [
            "*",
            "*:*",
            "kms:*",
            "KMS:*",
            "kms:Decrypt",
            "kMs:dECRYPT",
            "kms:De*",
            "kms:?ecrypt",
            "*:Decrypt",
            "kms:*t",
            "kms:**",
        ] {
            assert!(covers(pattern, "kms:Decrypt"), "{pattern}");
        }
        for pattern in [
            "s3:*",
            "kms:Encrypt",
            "kms:Decrypt?",
            "*:Encrypt",
            "km:*",
            "kmss:*",
            "kms:Decryp",
        ] {
            assert!(!covers(pattern, "kms:Decrypt"), "{pattern}");
        }
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
