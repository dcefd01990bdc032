//! What a request must look like for a grant to cover it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crypto::digest::sha256;
use serde::{Deserialize, Serialize};
use shapes::kms::GrantConstraints;
use types::{differ_in_case_only, fold_case};

use crate::Error;
use crate::context::EncryptionContext;

/// Pairs in one constraint.
const MOST_PAIRS: usize = 8;
/// Characters of a pair's value.
const MOST_CHARACTERS: usize = 384;

/// A constraint on the encryption context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ContextConstraint {
    /// The context is this one.
    Equals(EncryptionContext),
    /// The context has these pairs, and perhaps others.
    Subset(EncryptionContext),
}

/// All constraints of a grant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Constraints {
    /// On the encryption context; counts where requests have one.
    pub context: Option<ContextConstraint>,
    /// The resource that a service must act for.
    pub source_arn: Option<String>,
}

/// An encryption context as constraints see it: keys without regard to case, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pairs<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Pairs<'a> {
    pub(crate) fn of(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut pairs: Vec<_> = pairs.map(|(key, value)| (fold_case(key), value)).collect();
        pairs.sort_unstable();
        Self(pairs)
    }

    fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|pair| self.0.contains(pair))
    }

    /// Bytes of all keys and values.
    pub(crate) fn bytes(&self) -> usize {
        let lengths = self.0.iter().map(|(key, value)| key.len() + value.len());
        lengths.sum()
    }

    /// A digest of all pairs.
    pub(crate) fn digest(&self) -> String {
        digest(self.0.iter())
    }

    /// A digest of each pair alone.
    pub(crate) fn digests(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|pair| digest(std::iter::once(pair)))
    }
}

impl Constraints {
    /// The constraints that a caller asks for.
    ///
    /// Fails with `ValidationException` for both kinds of constraint on the context at once,
    /// and beyond the bounds of each.
    pub(crate) fn accept(asked: Option<&GrantConstraints>) -> Result<Self, Error> {
        let Some(asked) = asked else {
            return Ok(Self::default());
        };
        let context = match (
            &asked.encryption_context_equals,
            &asked.encryption_context_subset,
        ) {
            (None, None) => None,
            (Some(equals), None) => Some(ContextConstraint::Equals(bounded(equals)?)),
            (None, Some(subset)) => Some(ContextConstraint::Subset(bounded(subset)?)),
            (Some(_), Some(_)) => {
                let text = "Constraints has either EncryptionContextEquals or \
                            EncryptionContextSubset";
                return Err(Error::Validation(text.into()));
            }
        };
        Ok(Self {
            context,
            source_arn: asked.source_arn.clone(),
        })
    }

    /// Whether a request under `context` for `source` is within the constraints.
    ///
    /// `context` is `None` for operations that have none: then the constraint on it is passed
    /// over.
    pub(crate) fn hold(&self, context: Option<&Pairs<'_>>, source: Option<&str>) -> bool {
        let context_holds = match (&self.context, context) {
            (None, _) | (_, None) => true,
            (Some(ContextConstraint::Equals(pairs)), Some(context)) => {
                Pairs::of(text(pairs)) == *context
            }
            (Some(ContextConstraint::Subset(pairs)), Some(context)) => {
                context.contains(&Pairs::of(text(pairs)))
            }
        };
        let source_holds = match &self.source_arn {
            None => true,
            Some(arn) => source == Some(arn.as_str()),
        };
        context_holds && source_holds
    }

    /// Whether every request within these constraints is within `other`, too: pairs may be
    /// added to a subset and a subset become an exact context, never the reverse.
    pub(crate) fn are_within(&self, other: &Self) -> bool {
        use ContextConstraint::{Equals, Subset};
        let context = match (&self.context, &other.context) {
            (_, None) => true,
            (Some(Equals(own)), Some(Equals(theirs))) => {
                Pairs::of(text(own)) == Pairs::of(text(theirs))
            }
            (Some(Equals(own) | Subset(own)), Some(Subset(theirs))) => {
                Pairs::of(text(own)).contains(&Pairs::of(text(theirs)))
            }
            (None | Some(Subset(_)), Some(_)) => false,
        };
        context && (other.source_arn.is_none() || self.source_arn == other.source_arn)
    }

    /// The pairs of the constraint on the context, if there is one.
    pub(crate) fn pairs(&self) -> Option<&EncryptionContext> {
        match self.context.as_ref()? {
            ContextConstraint::Equals(pairs) | ContextConstraint::Subset(pairs) => Some(pairs),
        }
    }

    /// The constraint's name, as `kms:GrantConstraintType` shows it.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        Some(match self.context.as_ref()? {
            ContextConstraint::Equals(_) => "EncryptionContextEquals",
            ContextConstraint::Subset(_) => "EncryptionContextSubset",
        })
    }

    /// The constraints as callers see them; `None` if there are none.
    pub(crate) fn shown(&self) -> Option<GrantConstraints> {
        let (mut equals, mut subset) = (None, None);
        match &self.context {
            Some(ContextConstraint::Equals(pairs)) => equals = Some(pairs.clone()),
            Some(ContextConstraint::Subset(pairs)) => subset = Some(pairs.clone()),
            None => {}
        }
        (*self != Self::default()).then(|| GrantConstraints {
            encryption_context_equals: equals,
            encryption_context_subset: subset,
            source_arn: self.source_arn.clone(),
        })
    }
}

/// The pairs as [`Pairs::of`] takes them.
pub(crate) fn text(context: &EncryptionContext) -> impl Iterator<Item = (&str, &str)> {
    context
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
}

fn bounded(pairs: &BTreeMap<String, String>) -> Result<EncryptionContext, Error> {
    let invalid = |text: String| Err(Error::Validation(text.into()));
    if pairs.is_empty() || pairs.len() > MOST_PAIRS {
        return invalid(format!("a grant constraint has 1 to {MOST_PAIRS} pairs"));
    }
    if differ_in_case_only(pairs.keys().map(String::as_str)) {
        return invalid("a grant constraint has keys that differ in case only".to_owned());
    }
    if pairs
        .values()
        .any(|value| value.chars().count() > MOST_CHARACTERS)
    {
        return invalid(format!(
            "a value in a grant constraint has at most {MOST_CHARACTERS} characters"
        ));
    }
    Ok(pairs.clone())
}

fn digest<'a>(pairs: impl Iterator<Item = &'a (Cow<'a, str>, &'a str)>) -> String {
    let mut bytes = Vec::new();
    for (key, value) in pairs {
        for part in [key.as_bytes(), value.as_bytes()] {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
    }
    hex::encode(sha256(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    }

    fn equals(pairs: &[(&str, &str)]) -> Constraints {
        Constraints {
            context: Some(ContextConstraint::Equals(context(pairs))),
            source_arn: None,
        }
    }

    fn subset(pairs: &[(&str, &str)]) -> Constraints {
        Constraints {
            context: Some(ContextConstraint::Subset(context(pairs))),
            source_arn: None,
        }
    }

    fn check(constraints: &Constraints, request: &[(&str, &str)], expected: bool) {
        let pairs = Pairs::of(request.iter().copied());
        assert_eq!(
            constraints.hold(Some(&pairs), None),
            expected,
            "{constraints:?} {request:?}"
        );
    }

    #[test]
    fn a_subset_lets_other_pairs_be_and_an_exact_context_does_not() {
        let request = [("Department", "IT"), ("Purpose", "Test")];
        check(&subset(&[("Department", "IT")]), &request, true);
        check(&equals(&[("Department", "IT")]), &request, false);
        check(&equals(&request), &request, true);
        check(&subset(&[("Department", "IT")]), &[], false);
        check(&subset(&[("A", "1"), ("B", "2")]), &[("A", "1")], false);
        check(&Constraints::default(), &request, true);
    }

    #[test]
    fn values_differ_by_case_and_keys_do_not() {
        let request = [("department", "IT")];
        check(&subset(&[("Department", "IT")]), &request, true);
        check(&equals(&[("DEPARTMENT", "IT")]), &request, true);
        check(&subset(&[("department", "it")]), &request, false);
        check(&subset(&[("équipe", "IT")]), &[("ÉQUIPE", "IT")], true);
    }

    #[test]
    fn a_look_alike_is_another_key() {
        check(&subset(&[("task", "t")]), &[("tas\u{212A}", "t")], false);
        check(&equals(&[("task", "t")]), &[("tas\u{212A}", "t")], false);
    }

    #[test]
    fn a_repeated_key_in_another_case_is_not_an_exact_context() {
        let request = [("a", "1"), ("A", "2")];
        check(&equals(&[("a", "1")]), &request, false);
        check(&subset(&[("a", "1")]), &request, true);
    }

    #[test]
    fn a_source_must_be_the_one_that_is_named() {
        let constraints = Constraints {
            source_arn: Some("arn:aws:sagemaker:us-east-1:111122223333:feature-group/a".to_owned()),
            ..Constraints::default()
        };
        let source = constraints.source_arn.as_deref();
        assert!(constraints.hold(None, source));
        assert!(!constraints.hold(None, None));
        assert!(!constraints.hold(None, Some("arn:aws:sagemaker:us-east-1:111122223333:x/b")));
    }

    fn within(child: &Constraints, parent: &Constraints, expected: bool) {
        assert_eq!(
            child.are_within(parent),
            expected,
            "{child:?} within {parent:?}"
        );
    }

    #[test]
    fn a_child_is_at_least_as_strict_as_its_parent() {
        let none = Constraints::default();
        let (it, both) = ([("D", "IT")], [("D", "IT"), ("P", "T")]);
        within(&none, &none, true);
        within(&subset(&it), &none, true);
        within(&none, &subset(&it), false);
        within(&subset(&both), &subset(&it), true);
        within(&subset(&it), &subset(&both), false);
        within(&equals(&it), &subset(&it), true);
        within(&equals(&both), &subset(&it), true);
        within(&subset(&it), &equals(&it), false);
        within(&equals(&it), &equals(&it), true);
        within(&equals(&both), &equals(&it), false);
        let source = Constraints {
            source_arn: Some("arn:aws:x:us-east-1:111122223333:y".to_owned()),
            ..Constraints::default()
        };
        within(&none, &source, false);
        within(&source, &none, true);
        within(&source, &source, true);
    }

    #[test]
    fn constraints_are_bounded() {
        let (long, fits) = ("x".repeat(385), "x".repeat(384));
        let nine: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let nine: Vec<(&str, &str)> = nine.iter().map(|key| (key.as_str(), "v")).collect();
        let asked = |equals: Option<EncryptionContext>, subset: Option<EncryptionContext>| {
            let constraints = GrantConstraints {
                encryption_context_equals: equals,
                encryption_context_subset: subset,
                source_arn: None,
            };
            Constraints::accept(Some(&constraints)).is_ok()
        };
        assert!(asked(Some(context(&nine[..8])), None));
        assert!(!asked(Some(context(&nine)), None));
        assert!(!asked(None, Some(context(&[("k", &long)]))));
        assert!(asked(None, Some(context(&[("k", &fits)]))));
        assert!(!asked(None, Some(context(&[]))));
        let one = context(&[("k", "v")]);
        assert!(!asked(Some(one.clone()), Some(one)));
        let twice = context(&[("team", "a"), ("Team", "b")]);
        assert!(!asked(Some(twice.clone()), None));
        assert!(!asked(None, Some(twice)));
    }
}
