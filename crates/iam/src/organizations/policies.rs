//! The organization's policies: its own, and the two of AWS's.

use std::sync::{Arc, LazyLock};

use pipeline::sources::AttachedDocument;
use policy::{Document, DocumentKind};
use store::View;
use types::Arn;

use super::records::{ControlPolicy, ControlPolicyRecord, OrganizationRecord, PolicyKind};
use super::tree::{FULL_ACCESS, RCP_FULL_ACCESS};
use super::{ids, tables};

/// A policy of AWS's: every organization has it, and nobody changes it.
#[derive(Debug)]
pub(crate) struct AwsPolicy {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) kind: PolicyKind,
    text: &'static str,
    compiled: LazyLock<Option<ControlPolicy>>,
}

/// Both of them.
static AWS_POLICIES: [AwsPolicy; 2] = [
    AwsPolicy {
        id: FULL_ACCESS,
        name: "FullAWSAccess",
        description: "Allows access to every operation",
        kind: PolicyKind::ServiceControl,
        text: SERVICE_CONTROL,
        compiled: LazyLock::new(|| {
            ControlPolicy::parse(SERVICE_CONTROL, PolicyKind::ServiceControl).ok()
        }),
    },
    AwsPolicy {
        id: RCP_FULL_ACCESS,
        name: "RCPFullAWSAccess",
        description: "Allows access to every resource",
        kind: PolicyKind::ResourceControl,
        text: RESOURCE_CONTROL,
        compiled: LazyLock::new(|| {
            ControlPolicy::parse(RESOURCE_CONTROL, PolicyKind::ResourceControl).ok()
        }),
    },
];

const SERVICE_CONTROL: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "*",
      "Resource": "*"
    }
  ]
}"#;

const RESOURCE_CONTROL: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": "*",
      "Action": "*",
      "Resource": "*"
    }
  ]
}"#;

/// A policy of either owner.
#[derive(Debug, Clone)]
pub(crate) enum Policy {
    /// AWS's.
    Aws(&'static AwsPolicy),
    /// The organization's own.
    Own(Arc<ControlPolicyRecord>),
}

impl Policy {
    /// The policy with this id.
    pub(crate) fn find(view: &View, id: &str) -> Option<Self> {
        if let Some(policy) = AWS_POLICIES.iter().find(|policy| policy.id == id) {
            return Some(Self::Aws(policy));
        }
        let record = view.get_shared(&tables::CONTROL_POLICIES, &tables::by_id(id))?;
        Some(Self::Own(record))
    }

    /// All policies of a kind, AWS's first.
    pub(crate) fn all(view: &View, kind: PolicyKind) -> Vec<Self> {
        let everything = tables::all();
        let own = view.scan(&tables::CONTROL_POLICIES, &everything, None);
        let own = own.filter(|(_, row)| row.record.content.kind() == kind);
        let aws = AWS_POLICIES.iter().filter(|policy| policy.kind == kind);
        aws.map(Self::Aws)
            .chain(own.map(|(_, row)| Self::Own(Arc::new(row.record.clone()))))
            .collect()
    }

    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Aws(policy) => policy.id,
            Self::Own(record) => &record.id,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Aws(policy) => policy.name,
            Self::Own(record) => &record.name,
        }
    }

    pub(crate) fn description(&self) -> &str {
        match self {
            Self::Aws(policy) => policy.description,
            Self::Own(record) => &record.description,
        }
    }

    pub(crate) fn kind(&self) -> PolicyKind {
        match self {
            Self::Aws(policy) => policy.kind,
            Self::Own(record) => record.content.kind(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Aws(policy) => policy.text,
            Self::Own(record) => record.content.text(),
        }
    }

    pub(crate) fn is_aws(&self) -> bool {
        matches!(self, Self::Aws(_))
    }

    pub(crate) fn arn(&self, organization: &OrganizationRecord) -> String {
        match self {
            Self::Aws(policy) => ids::aws_policy_arn(policy.kind, policy.id),
            Self::Own(record) => {
                let kind = record.content.kind();
                String::from(ids::policy_arn(organization, kind, &record.id))
            }
        }
    }

    fn document(&self) -> Option<Arc<Document>> {
        match self {
            Self::Aws(policy) => policy.compiled.as_ref().map(|p| Arc::clone(p.document())),
            Self::Own(record) => Some(Arc::clone(record.content.document())),
        }
    }
}

/// The policy with this id as evaluation takes it. One that is not there, which no operation
/// brings about, denies everything.
pub(crate) fn in_force(
    view: &View,
    organization: &OrganizationRecord,
    id: &str,
) -> Option<AttachedDocument> {
    let policy = Policy::find(view, id);
    let document = policy.as_ref().and_then(Policy::document).or_else(deny_all);
    let arn = policy.as_ref().map(|policy| policy.arn(organization));
    Some(AttachedDocument {
        document: document?,
        name: policy.map_or_else(|| id.to_owned(), |policy| policy.name().to_owned()),
        arn: arn.and_then(|arn| arn.parse::<Arn>().ok()),
    })
}

fn deny_all() -> Option<Arc<Document>> {
    static DOCUMENT: LazyLock<Option<Arc<Document>>> = LazyLock::new(|| {
        let text = r#"{"Version":"2012-10-17","Statement":{"Sid":"Missing","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
        let document = Document::parse(text, DocumentKind::Resource);
        document.ok().map(Arc::new)
    });
    DOCUMENT.clone()
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;
    use policy::Effect;
    use store::{Batch, SnapshotBuilder};
    use types::Timestamp;

    use super::super::tree::found_organization;
    use super::*;

    #[test]
    fn the_policies_of_aws_compile() {
        for policy in &AWS_POLICIES {
            let document = Policy::Aws(policy).document().unwrap();
            assert_eq!(document.text(), policy.text);
        }
    }

    #[test]
    fn a_policy_that_is_missing_denies() {
        let view = View::plain(Arc::new(SnapshotBuilder::new(&crate::tables()).build(1)));
        let (management, now) = ("111122223333".parse().unwrap(), Timestamp::EPOCH);
        let mut batch = Batch::default();
        let organization = found_organization(&mut batch, management, now, &SystemEntropy);
        let missing = in_force(&view, &organization, "p-missing").unwrap();
        let effects = missing.document.statements().iter();
        let effects: Vec<Effect> = effects.map(policy::Statement::effect).collect();
        assert_eq!(effects, [Effect::Deny]);
    }
}
