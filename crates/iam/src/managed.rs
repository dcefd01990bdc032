//! Managed policies: those of the account, and those that AWS owns and every account has.

use std::sync::Arc;

use store::View;
use types::{AccountId, Arn, Timestamp};

use crate::Error;
use crate::lookup::last_segment;
use crate::records::{ManagedPolicyRecord, PolicyText, PolicyVersion};
use crate::tables::{self, Use};

mod aws;

pub(crate) use aws::ADMINISTRATOR_ACCESS;
use aws::{AWS_POLICIES, AwsPolicy};

/// What stands where an account id stands in the ARNs of AWS managed policies.
const AWS: &str = "aws";

/// A managed policy of either kind.
#[derive(Debug, Clone)]
pub(crate) enum Managed {
    /// AWS's.
    Aws(&'static AwsPolicy),
    /// The account's.
    Customer(Arc<ManagedPolicyRecord>),
}

impl Managed {
    /// The policy at exactly `arn`, as principals of `account` may use it: AWS's, or their
    /// account's own.
    pub(crate) fn find(view: &View, account: AccountId, arn: &Arn) -> Option<Self> {
        let name = last_segment(arn.resource_of("policy")?);
        if arn.service() != "iam" || !arn.region().is_empty() {
            return None;
        }
        if is_aws(arn) {
            let policy = AWS_POLICIES.iter().find(|policy| policy.name == name)?;
            return (policy.arn() == arn.as_str()).then_some(Self::Aws(policy));
        }
        if arn.account() != Some(account) {
            return None;
        }
        let record = view.get_shared(&tables::POLICIES, &tables::named(account, name))?;
        (record.arn() == *arn).then_some(Self::Customer(record))
    }

    /// AWS's policies, by name.
    pub(crate) fn all_of_aws() -> impl Iterator<Item = Self> {
        AWS_POLICIES.iter().map(Self::Aws)
    }

    pub(crate) fn arn(&self) -> String {
        match self {
            Self::Aws(policy) => policy.arn(),
            Self::Customer(record) => String::from(record.arn()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Aws(policy) => policy.name,
            Self::Customer(record) => &record.name,
        }
    }

    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Aws(policy) => policy.path,
            Self::Customer(record) => &record.path,
        }
    }

    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Aws(policy) => policy.id,
            Self::Customer(record) => record.id.as_str(),
        }
    }

    pub(crate) fn description(&self) -> Option<&str> {
        match self {
            Self::Aws(policy) => Some(policy.description),
            Self::Customer(record) => record.description.as_deref(),
        }
    }

    pub(crate) fn tags(&self) -> &[(String, String)] {
        match self {
            Self::Aws(_) => &[],
            Self::Customer(record) => &record.tags,
        }
    }

    pub(crate) fn created(&self) -> Timestamp {
        match self {
            Self::Aws(policy) => policy.created(),
            Self::Customer(record) => record.created,
        }
    }

    pub(crate) fn updated(&self) -> Timestamp {
        match self {
            Self::Aws(policy) => policy.created(),
            Self::Customer(record) => record.updated,
        }
    }

    pub(crate) fn default_version(&self) -> u32 {
        match self {
            Self::Aws(_) => 1,
            Self::Customer(record) => record.default_version,
        }
    }

    /// The version `number`: when it was made, and its policy.
    pub(crate) fn version(&self, number: u32) -> Option<(Timestamp, &PolicyText)> {
        match self {
            Self::Aws(policy) if number == 1 => Some((self.created(), &policy.policy)),
            Self::Aws(_) => None,
            Self::Customer(record) => {
                let version = record
                    .versions
                    .iter()
                    .find(|version| version.number == number)?;
                Some((version.created, &version.policy))
            }
        }
    }

    /// The numbers of all versions, and when they were made.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        let (aws, customer): (Option<_>, &[PolicyVersion]) = match self {
            Self::Aws(_) => (Some((1, self.created())), &[]),
            Self::Customer(record) => (None, &record.versions),
        };
        let customer = customer
            .iter()
            .map(|version| (version.number, version.created));
        aws.into_iter().chain(customer)
    }

    /// The policy in force.
    pub(crate) fn in_force(&self) -> Option<&PolicyText> {
        self.version(self.default_version())
            .map(|(_, policy)| policy)
    }
}

/// How often a policy is used in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Principals that it is attached to.
    pub(crate) attachments: usize,
    /// Principals that it bounds.
    pub(crate) boundaries: usize,
}

impl Usage {
    /// The uses of the policy at `arn` by principals of `account`.
    pub(crate) fn of(view: &View, account: AccountId, arn: &Arn) -> Self {
        let count = |usage| {
            view.scan(
                &tables::ATTACHMENTS,
                &tables::attachments_as(account, arn, usage),
                None,
            )
            .count()
        };
        Self {
            attachments: count(Use::Permissions),
            boundaries: count(Use::Boundary),
        }
    }
}

/// Reads the ARN of a policy that a caller names.
///
/// Fails with `ValidationError` if it is no ARN at all.
pub(crate) fn read_arn(text: &str) -> Result<Arn, Error> {
    text.parse().map_err(|_not_an_arn| Error::InvalidArn {
        arn: text.to_owned(),
    })
}

/// Whether `arn` names a policy of AWS's own.
pub(crate) fn is_aws(arn: &Arn) -> bool {
    arn.account_text() == AWS
}

/// `v1` for 1.
pub(crate) fn version_name(number: u32) -> String {
    format!("v{number}")
}

/// 1 for `v1`.
pub(crate) fn version_number(name: &str) -> Option<u32> {
    name.strip_prefix('v')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbered_from_one() {
        assert_eq!(version_name(3), "v3");
        assert_eq!(version_number("v12"), Some(12));
        assert_eq!([version_number("12"), version_number("vx")], [None, None]);
    }
}
