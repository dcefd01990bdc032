//! The request context: condition keys, asked for one by one.

use std::borrow::Cow;
use std::fmt;

use types::fold_case;

use crate::document::heap;

/// The value of a condition key in a request.
///
/// Keys that AWS types `ArrayOf…` are [`Values::Many`] even when they hold one value; without
/// a set operator such a value never matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values<'a> {
    /// A single-valued key.
    One(Cow<'a, str>),
    /// A multivalued key; without elements it counts as absent.
    Many(Vec<Cow<'a, str>>),
}

impl Values<'_> {
    /// The values, in order.
    pub fn as_slice(&self) -> &[Cow<'_, str>] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// Whether nothing but empty text is there: AWS calls that a null data set.
    pub(crate) fn is_null(&self) -> bool {
        self.as_slice().iter().all(|value| value.is_empty())
    }
}

/// Answers for the condition keys of one request.
///
/// Asked only for the keys that a matching statement mentions, so that a key which is costly
/// to compute costs nothing where no policy uses it. The same key must get the same answer
/// throughout one evaluation.
pub trait ConditionKeys {
    /// The value of `key`, or `None` if the request does not have it.
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>>;
}

/// A request without any condition key.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl ConditionKeys for NoKeys {
    fn lookup(&self, _key: &ConditionKey) -> Option<Values<'_>> {
        None
    }
}

/// The name of a condition key, such as `aws:SourceIp` or `aws:ResourceTag/team`.
///
/// Names compare without regard to case, the part behind the name included. That part begins
/// after the first `/` or the second `:`, whichever comes first: `aws:ResourceTag/team` has
/// the name `aws:resourcetag` and the suffix `team`; `kms:EncryptionContext:aws:x` has the
/// name `kms:encryptioncontext` and the suffix `aws:x`.
#[derive(Clone)]
pub struct ConditionKey {
    original: Box<str>,
    lower: Box<str>,
    /// Where the name ends in `original` and in `lower` (case can change lengths).
    name_ends: Option<(usize, usize)>,
}

impl ConditionKey {
    /// The key of this name, as a policy or an implementer writes it.
    pub fn new(text: &str) -> Self {
        let lower = fold_case(text);
        let name_ends = name_end(text).zip(name_end(&lower));
        Self {
            original: Box::from(text),
            lower: Box::from(&*lower),
            name_ends,
        }
    }

    /// About how many bytes the key takes beside its own size.
    pub(crate) fn memory(&self) -> usize {
        heap(self.original.len()) + heap(self.lower.len())
    }

    /// The key as it was written.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// The whole key, folded by [`fold_case`].
    pub fn as_str(&self) -> &str {
        &self.lower
    }

    /// The name without suffix, in lower case: `aws:principaltag`, `kms:encryptioncontext`.
    pub fn name(&self) -> &str {
        let end = self.name_ends.map(|(_, lower)| lower);
        end.and_then(|end| self.lower.get(..end))
            .unwrap_or(&self.lower)
    }

    /// The part behind the name as it was written: a tag key, an encryption context key. It
    /// compares by [`types::same_but_for_case`].
    pub fn suffix(&self) -> Option<&str> {
        let (end, _) = self.name_ends?;
        self.original.get(end + 1..)
    }
}

/// The offset of the separator between name and suffix.
fn name_end(text: &str) -> Option<usize> {
    let mut colons = 0;
    text.bytes().position(|byte| {
        colons += usize::from(byte == b':');
        byte == b'/' || colons == 2
    })
}

impl PartialEq for ConditionKey {
    fn eq(&self, other: &Self) -> bool {
        self.lower == other.lower
    }
}

impl Eq for ConditionKey {}

impl fmt::Display for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.original)
    }
}

impl fmt::Debug for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, suffix: Option<&str>) {
        let key = ConditionKey::new(text);
        assert_eq!((key.name(), key.suffix()), (name, suffix));
    }

    #[test]
    fn names_and_suffixes_are_split() {
        check("aws:SourceIp", "aws:sourceip", None);
        check("aws:ResourceTag/Team", "aws:resourcetag", Some("Team"));
        check("aws:ResourceTag/a:b/c", "aws:resourcetag", Some("a:b/c"));
        check(
            "kms:EncryptionContext:aws:s3:arn",
            "kms:encryptioncontext",
            Some("aws:s3:arn"),
        );
        check(
            "kms:EncryptionContext:a/b",
            "kms:encryptioncontext",
            Some("a/b"),
        );
        check("plain", "plain", None);
        check("aws:ResourceTag/", "aws:resourcetag", Some(""));
    }

    #[test]
    fn case_does_not_distinguish_keys() {
        let key = ConditionKey::new("AWS:PrincipalTag/ÉQUIPE");
        assert_eq!(key, ConditionKey::new("aws:principaltag/équipe"));
        assert_eq!(key.suffix(), Some("ÉQUIPE"));
        let look_alike = ConditionKey::new("aws:PrincipalTag/ris\u{212A}");
        assert_ne!(look_alike, ConditionKey::new("aws:PrincipalTag/risk"));
    }

    #[test]
    fn only_empty_text_is_null() {
        let many = |values: &[&'static str]| {
            Values::Many(values.iter().map(|value| Cow::Borrowed(*value)).collect())
        };
        assert!(many(&[]).is_null());
        assert!(many(&[""]).is_null());
        assert!(!many(&["", "a"]).is_null());
        assert!(Values::One(Cow::Borrowed("")).is_null());
    }
}
