//! Resources: `Resource` and `NotResource` of a statement.

use types::Arn;

use crate::context::{ConditionKey, ConditionKeys};
use crate::document::{DocumentKind, Effect, heap};
use crate::error::{Fault, IAM_RESOURCES};
use crate::steps::Steps;
use crate::text::{Dialect, Text};

/// `Resource` or `NotResource` of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    /// `NotResource`: everything but the listed ones.
    pub(crate) inverted: bool,
    pub(crate) patterns: Vec<ResourcePattern>,
}

impl Resources {
    /// Whether these are all resources.
    pub(crate) fn are_everything(&self) -> bool {
        !self.inverted && self.patterns.iter().any(|pattern| &*pattern.written == "*")
    }

    /// Whether a statement with `effect` covers `resource`; `None` is the `*` of operations
    /// that have no resource, which only `*` lists.
    ///
    /// A pattern whose variable has no value lists nothing. In `NotResource` that would widen
    /// the statement, so an Allow then covers nothing, while a Deny stays wide. No pattern at
    /// all covers nothing: a key policy statement without resources has no effect.
    pub(crate) fn cover(
        &self,
        resource: Option<&Arn>,
        keys: &dyn ConditionKeys,
        effect: Effect,
        steps: &Steps,
    ) -> bool {
        steps.take(self.patterns.len());
        let text = resource.map_or("*", Arn::as_str);
        let mut unresolved = false;
        let listed = self.patterns.iter().any(|pattern| {
            let found = pattern.matches(text, keys, steps);
            unresolved |= found.is_none();
            found == Some(true)
        });
        if !self.inverted {
            return listed;
        }
        let widened = unresolved && effect == Effect::Allow;
        !(listed || widened || self.patterns.is_empty())
    }
}

impl Resources {
    /// How each resource begins that is covered; `None` if that says too little or is not
    /// known.
    pub(crate) fn beginning(&self) -> Option<Beginning> {
        match self.patterns.as_slice() {
            [pattern] if !self.inverted && pattern.completed.is_none() => {
                Beginning::new(pattern.text.beginning()?)
            }
            _ => None,
        }
    }
}

/// The end of what a text has to begin with: enough to rule most texts out, and kept where
/// looking at it costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// Where the end begins.
    from: usize,
    end: [u8; Self::LENGTH],
}

impl Beginning {
    const LENGTH: usize = 8;

    fn new(text: &str) -> Option<Self> {
        let end = text.as_bytes().last_chunk()?;
        Some(Self {
            from: text.len().saturating_sub(Self::LENGTH),
            end: *end,
        })
    }

    /// Whether `text` may begin so.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        let rest = text.as_bytes().get(self.from..);
        rest.and_then(<[u8]>::first_chunk) == Some(&self.end)
    }
}

/// One pattern of a `Resource` element.
#[derive(Debug, Clone)]
pub(crate) struct ResourcePattern {
    /// As written.
    pub(crate) written: Box<str>,
    text: Text,
    /// A pattern with fewer than six segments, completed with `*`.
    completed: Option<Text>,
}

impl ResourcePattern {
    /// Compiles `*` or an ARN with wildcards and, behind the fifth colon, variables; `takes_away`
    /// says that less is allowed the more it matches.
    pub(crate) fn parse(
        pattern: &str,
        kind: DocumentKind,
        variables: bool,
        takes_away: bool,
    ) -> Result<Self, Fault> {
        let dialect = if takes_away {
            Dialect::WideResource
        } else {
            Dialect::Resource
        };
        let compile = |text: &str| {
            Text::compile(text, dialect, variables)
                .map_err(|_malformed| Fault::Variable(pattern.to_owned()))
        };
        if pattern == "*" {
            return Ok(Self {
                written: Box::from(pattern),
                text: compile(pattern)?,
                completed: None,
            });
        }
        let missing = check(pattern, kind, variables)?;
        let completed = match missing {
            Some(missing) => Some(compile(&format!("{pattern}{}", ":*".repeat(missing)))?),
            None => None,
        };
        Ok(Self {
            written: Box::from(pattern),
            text: compile(pattern)?,
            completed,
        })
    }

    /// About how many bytes the pattern takes.
    pub(crate) fn memory(&self) -> usize {
        let completed = self.completed.as_ref().map_or(0, Text::memory);
        size_of::<Self>() + heap(self.written.len()) + self.text.memory() + completed
    }

    /// The condition keys that the pattern's variables stand for.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &ConditionKey> {
        self.text.variables()
    }

    /// `None` if a variable of the pattern has no value.
    fn matches(&self, resource: &str, keys: &dyn ConditionKeys, steps: &Steps) -> Option<bool> {
        let found = self.text.matches(resource, keys, steps)?;
        let completed = || {
            self.completed
                .as_ref()
                .map_or(Some(false), |t| t.matches(resource, keys, steps))
        };
        if found { Some(true) } else { completed() }
    }
}

/// Checks the form of an ARN pattern. Returns how many segments are to be completed with `*`.
fn check(pattern: &str, kind: DocumentKind, variables: bool) -> Result<Option<usize>, Fault> {
    let Some((prefix, rest)) = pattern.split_once(':') else {
        return Err(if pattern == "arn" {
            Fault::ResourceVendor(pattern.to_owned())
        } else {
            Fault::NotAnArn(pattern.to_owned())
        });
    };
    let segments: Vec<&str> = rest.splitn(5, ':').collect();
    let in_front = segments.iter().take(4);
    if variables && in_front.into_iter().any(|segment| segment.contains("${")) {
        return Err(Fault::Variable(pattern.to_owned()));
    }
    let partition = segments.first().copied().unwrap_or_default();
    let is_partition = |c: char| c.is_ascii_lowercase() || c == '-';
    let known = partition.starts_with("aws") && partition.chars().all(is_partition);
    if !known && !has_wildcard(partition) {
        return Err(Fault::Partition {
            partition: partition.to_owned(),
            resource: pattern.to_owned(),
        });
    }
    if prefix != "arn" {
        return Err(Fault::NotAnArn(pattern.to_owned()));
    }
    let Some(service) = segments.get(1).copied() else {
        return Err(Fault::ResourceVendor(pattern.to_owned()));
    };
    if service.is_empty() {
        return Err(Fault::ShortArn(pattern.to_owned()));
    }
    if has_wildcard(service) {
        return Err(Fault::ResourceVendor(pattern.to_owned()));
    }
    check_service(pattern, service, &segments, kind)?;
    let missing = 5_usize.saturating_sub(segments.len());
    if missing == 0 {
        return Ok(None);
    }
    let short = || Fault::ShortArn(pattern.to_owned());
    match kind {
        DocumentKind::Identity | DocumentKind::Boundary | DocumentKind::Session => {
            // An empty segment in a short ARN shows that a colon was forgotten.
            if pattern.contains("::") {
                Err(short())
            } else {
                Ok(Some(missing))
            }
        }
        DocumentKind::Resource | DocumentKind::KeyPolicy | DocumentKind::Trust => {
            Ok(has_wildcard(pattern).then_some(missing))
        }
        DocumentKind::ServiceControl if has_wildcard(pattern) => Ok(Some(missing)),
        DocumentKind::ServiceControl | DocumentKind::ResourceControl => Err(short()),
    }
}

/// What IAM knows of the ARNs of its own resources and of those of S3.
fn check_service(
    pattern: &str,
    service: &str,
    segments: &[&str],
    kind: DocumentKind,
) -> Result<(), Fault> {
    let region = segments.get(2).copied().unwrap_or_default();
    let resource = segments.get(4).copied();
    let path = resource.unwrap_or_default();
    match service {
        "iam" if !matches!(region, "" | "*") => Err(Fault::IamRegion(pattern.to_owned())),
        "iam" if kind.is_of_a_principal() && resource.is_some() => {
            let known = IAM_RESOURCES.iter().any(|kind| path.starts_with(kind));
            let open = path.starts_with(['*', '?', '$']);
            if known || open {
                Ok(())
            } else {
                Err(Fault::IamPath(pattern.to_owned()))
            }
        }
        // Buckets and objects have no region; what S3 keeps per region has a kind in front.
        "s3" if kind.is_of_a_principal() && resource.is_some() => {
            let regional = [
                "accesspoint/",
                "job/",
                "storage-lens",
                "access-grants/",
                "*",
            ];
            if region.is_empty() || regional.iter().any(|kind| path.starts_with(kind)) {
                Ok(())
            } else {
                Err(Fault::S3Region(pattern.to_owned()))
            }
        }
        _ => Ok(()),
    }
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::NoKeys;

    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd";

    fn check_match(pattern: &str, kind: DocumentKind, expected: bool) {
        let compiled = ResourcePattern::parse(pattern, kind, true, false).unwrap();
        assert_eq!(
            compiled.matches(KEY, &NoKeys, &Steps::default()),
            Some(expected),
            "{pattern} in {kind:?}"
        );
    }

    fn refused(pattern: &str, kind: DocumentKind, fault: fn(String) -> Fault) {
        let found = ResourcePattern::parse(pattern, kind, true, false).unwrap_err();
        assert_eq!(found, fault(pattern.to_owned()), "{pattern} in {kind:?}");
    }

    #[test]
    fn arns_compare_by_segment_and_case() {
        check_match("*", DocumentKind::Identity, true);
        check_match(KEY, DocumentKind::Identity, true);
        check_match(
            "arn:aws:kms:*:111122223333:key/*",
            DocumentKind::Identity,
            true,
        );
        check_match("arn:*:kms:*:*:key/????abcd", DocumentKind::Identity, true);
        check_match(
            "arn:aws:kms:us-east-1:111122223333:KEY/1234abcd",
            DocumentKind::Identity,
            false,
        );
        check_match(
            "arn:aws:kms:us-east-1:444455556666:key/*",
            DocumentKind::Identity,
            false,
        );
        check_match(
            "arn:aws:kms:us-east-1:111122223333:alias/*",
            DocumentKind::Identity,
            false,
        );
    }

    #[test]
    fn what_takes_away_crosses_the_colons_of_a_name() {
        let role = "arn:aws:iam::111122223333:role/x:y/break-glass";
        let matches = |pattern: &str, takes_away| {
            let kind = DocumentKind::Identity;
            let compiled = ResourcePattern::parse(pattern, kind, true, takes_away).unwrap();
            compiled.matches(role, &NoKeys, &Steps::default())
        };
        for pattern in [
            "arn:aws:iam::*:role/*/break-glass",
            "arn:aws:iam::111122223333:role/x?y/break-glass",
            // Short ones, whose first `*` stands for the region and the account.
            "arn:aws:iam:*:role/*/break-glass",
            "arn:aws:iam:*:role/x?y/break-glass",
            "arn:aws:iam:*:role*/break-glass",
        ] {
            assert_eq!(matches(pattern, true), Some(true), "{pattern}");
            assert_eq!(matches(pattern, false), Some(false), "{pattern}");
        }
        // In front of the fifth colon nothing changes.
        assert_eq!(matches("arn:aws:iam::1*3:role/*", true), Some(true));
        assert_eq!(matches("arn:aws:iam:*:1*/break-glass", true), Some(false));
    }

    #[test]
    fn a_short_arn_is_completed_in_policies_of_a_principal() {
        check_match("arn:aws:kms", DocumentKind::Identity, true);
        check_match("arn:aws:kms:us-east-1", DocumentKind::Session, true);
        check_match("arn:aws:kms:us-west-2", DocumentKind::Boundary, false);
        // And so it is where that takes away.
        for (pattern, expected) in [("arn:aws:kms:us-east-1", true), ("arn:aws:s3", false)] {
            let kind = DocumentKind::ServiceControl;
            assert!(ResourcePattern::parse(pattern, kind, true, true).is_err());
            let denied = ResourcePattern::parse(pattern, DocumentKind::Identity, true, true);
            assert_eq!(
                denied.unwrap().matches(KEY, &NoKeys, &Steps::default()),
                Some(expected),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_short_arn_elsewhere_needs_a_wildcard() {
        check_match("arn:aws:kms", DocumentKind::Resource, false);
        check_match("arn:aws:kms:us-*", DocumentKind::KeyPolicy, true);
        check_match("arn:aws:kms:u?-east-1", DocumentKind::ServiceControl, true);
        refused("arn:aws:kms", DocumentKind::ServiceControl, Fault::ShortArn);
        refused(
            "arn:aws:kms:*",
            DocumentKind::ResourceControl,
            Fault::ShortArn,
        );
    }

    #[test]
    fn what_is_neither_star_nor_arn_is_refused() {
        for pattern in [
            "",
            "**",
            "key/1234",
            "arn",
            "Arn:aws:kms:a:b:c",
            "*:aws:kms:a:b:c",
        ] {
            let kind = DocumentKind::Identity;
            assert!(
                ResourcePattern::parse(pattern, kind, true, false).is_err(),
                "{pattern}"
            );
        }
        refused("key/1234", DocumentKind::KeyPolicy, Fault::NotAnArn);
    }

    #[test]
    fn the_service_is_named_without_wildcards() {
        for pattern in ["arn:aws:*", "arn:aws:k*s:a:b:c", "arn:aws", "arn:*"] {
            refused(pattern, DocumentKind::Identity, Fault::ResourceVendor);
        }
        refused("arn:aws::a:b:c", DocumentKind::Identity, Fault::ShortArn);
    }

    #[test]
    fn iam_resources_have_no_region() {
        refused(
            "arn:aws:iam:us-east-1:1:user/x",
            DocumentKind::Identity,
            Fault::IamRegion,
        );
        assert!(
            ResourcePattern::parse("arn:aws:iam::1:user/x", DocumentKind::Identity, true, false)
                .is_ok()
        );
    }

    #[test]
    fn variables_stand_behind_the_fifth_colon_only() {
        refused(
            "arn:aws:s3:${aws:a}:1:x",
            DocumentKind::Identity,
            Fault::Variable,
        );
        refused(
            "arn:aws:s3::${aws:a}",
            DocumentKind::Identity,
            Fault::Variable,
        );
        refused(
            "arn:aws:s3:::${aws:a",
            DocumentKind::Identity,
            Fault::Variable,
        );
        assert!(
            ResourcePattern::parse("arn:aws:s3:::${aws:a}", DocumentKind::Identity, true, false)
                .is_ok()
        );
    }

    #[test]
    fn an_unresolved_variable_lists_nothing_and_never_widens_an_allow() {
        let pattern = "arn:aws:kms:us-east-1:111122223333:key/${aws:username}";
        let resources = |inverted| Resources {
            inverted,
            patterns: vec![
                ResourcePattern::parse(pattern, DocumentKind::Identity, true, false).unwrap(),
            ],
        };
        let key: Arn = KEY.parse().unwrap();
        let steps = Steps::default();
        let covers =
            |inverted, effect| resources(inverted).cover(Some(&key), &NoKeys, effect, &steps);
        assert!(!covers(false, Effect::Allow));
        assert!(!covers(false, Effect::Deny));
        assert!(!covers(true, Effect::Allow));
        assert!(covers(true, Effect::Deny));
    }

    #[test]
    fn operations_without_a_resource_are_listed_by_star_only() {
        let lists = |pattern: &str| {
            ResourcePattern::parse(pattern, DocumentKind::Identity, true, false)
                .unwrap()
                .matches("*", &NoKeys, &Steps::default())
        };
        assert_eq!(lists("*"), Some(true));
        assert_eq!(lists("arn:aws:kms:*"), Some(false));
    }
}
