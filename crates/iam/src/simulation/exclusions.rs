//! What a simulation leaves out: `PolicyExclusionList`.

use shapes::iam::{AttachmentType, PolicyIdentifier, PolicyIdentifierPolicyType};
use types::Arn;

use super::fault::Fault;
use super::sources::{Origin, Source, is_of_aws};
use crate::lookup::last_segment;
use crate::records::EntityKind;

/// The policies that are to be left out of a simulation.
#[derive(Debug, Default)]
pub(crate) struct Exclusions {
    rules: Vec<Rule>,
}

#[derive(Debug)]
enum Rule {
    Kind(PolicyIdentifierPolicyType),
    Managed {
        /// `arn:aws:iam::A:policy/`.
        front: String,
        name: String,
    },
    Inline {
        of: EntityKind,
        owner: String,
        name: String,
    },
}

impl Exclusions {
    /// Reads what the caller names.
    ///
    /// Fails with `InvalidInput` for an ARN of no managed policy, and for wildcards outside
    /// of its name or more than one `*`.
    pub(crate) fn read(list: Option<&[PolicyIdentifier]>) -> Result<Self, Fault> {
        let rules = list.unwrap_or_default().iter().map(rule);
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// Whether an identity policy stays in.
    pub(crate) fn keep(&self, source: &Source) -> bool {
        !self.rules.iter().any(|rule| rule.matches(&source.origin))
    }

    /// Whether all policies of a kind are left out.
    pub(crate) fn drop(&self, kind: PolicyIdentifierPolicyType) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| matches!(rule, Rule::Kind(dropped) if *dropped == kind))
    }
}

impl Rule {
    fn matches(&self, origin: &Origin) -> bool {
        match (self, origin) {
            (Self::Kind(PolicyIdentifierPolicyType::Inline), Origin::Inline { .. }) => true,
            (Self::Kind(PolicyIdentifierPolicyType::AwsManaged), Origin::Managed(arn)) => {
                is_of_aws(arn)
            }
            (Self::Kind(PolicyIdentifierPolicyType::UserManaged), Origin::Managed(arn)) => {
                !is_of_aws(arn)
            }
            (Self::Managed { front, name }, Origin::Managed(arn)) => {
                let policy = arn.as_str().strip_prefix(front.as_str());
                policy.is_some_and(|policy| glob(name, policy) || glob(name, last_segment(policy)))
            }
            (
                Self::Inline { of, owner, name },
                Origin::Inline {
                    of: kind,
                    owner: whose,
                    name: called,
                },
            ) => of == kind && owner == whose && name == called,
            _ => false,
        }
    }
}

fn rule(identifier: &PolicyIdentifier) -> Result<Rule, Fault> {
    if let Some(kind) = identifier.policy_type {
        return Ok(Rule::Kind(kind));
    }
    if let Some(arn) = &identifier.policy_arn {
        return managed(arn).ok_or_else(|| Fault::Exclusion { text: arn.clone() });
    }
    match &identifier.inline_policy_identifier {
        Some(inline) => Ok(Rule::Inline {
            of: match inline.attachment_type {
                AttachmentType::User => EntityKind::User,
                AttachmentType::Group => EntityKind::Group,
                AttachmentType::Role => EntityKind::Role,
            },
            owner: inline.attachment_name.clone(),
            name: inline.policy_name.clone(),
        }),
        None => Err(Fault::Exclusion {
            text: String::new(),
        }),
    }
}

fn managed(text: &str) -> Option<Rule> {
    let arn: Arn = text.parse().ok()?;
    let name = arn.resource_of("policy")?;
    let front = text.strip_suffix(name)?;
    let known = is_of_aws(&arn) || arn.account().is_some();
    let plain = !front.contains(['*', '?']);
    let fits = arn.service() == "iam" && arn.region().is_empty() && known && plain;
    (fits && !name.is_empty() && name.matches('*').count() <= 1).then(|| Rule::Managed {
        front: front.to_owned(),
        name: name.to_owned(),
    })
}

/// Whether `pattern`, with at most one `*`, matches all of `text`.
fn glob(pattern: &str, text: &str) -> bool {
    let same = |pattern: &[char], text: &[char]| {
        pattern.len() == text.len()
            && pattern
                .iter()
                .zip(text)
                .all(|(wanted, found)| *wanted == '?' || wanted == found)
    };
    let text: Vec<char> = text.chars().collect();
    let chars = |part: &str| part.chars().collect::<Vec<char>>();
    let Some((front, back)) = pattern.split_once('*') else {
        return same(&chars(pattern), &text);
    };
    let (front, back) = (chars(front), chars(back));
    let Some(rest) = text.len().checked_sub(front.len() + back.len()) else {
        return false;
    };
    let (head, tail) = text.split_at(front.len());
    same(&front, head) && tail.get(rest..).is_some_and(|tail| same(&back, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_one_star() {
        for (pattern, text, expected) in [
            ("Read", "Read", true),
            ("Read", "Reader", false),
            ("Re?d", "Reed", true),
            ("Re*", "Re", true),
            ("*d", "Read", true),
            ("R*d", "Rd", true),
            ("Rd*d", "Rd", false),
            ("R?*er", "Reader", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    fn read(arn: &str) -> bool {
        managed(arn).is_some()
    }

    #[test]
    fn wildcards_stand_in_names_of_managed_policies_only() {
        assert!(read("arn:aws:iam::111122223333:policy/team/Re?d*"));
        assert!(read("arn:aws:iam::aws:policy/*"));
        for refused in [
            "arn:aws:iam::111122223333:policy/R*d*",
            "arn:aws:iam::*:policy/Read",
            "arn:aws:iam::111122223333:user/Alice",
            "arn:aws:iam::111122223333:policy/",
            "policy",
        ] {
            assert!(!read(refused), "{refused}");
        }
    }
}
