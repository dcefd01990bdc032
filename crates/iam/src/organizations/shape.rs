//! Records as responses show them.

use shapes::SensitiveString;
use shapes::organizations::{
    Account, AccountJoinedMethod, AccountState, AccountStatus, CreateAccountFailureReason,
    CreateAccountState, CreateAccountStatus, Organization, OrganizationFeatureSet,
    OrganizationalUnit, PolicySummary, PolicyType, PolicyTypeStatus, PolicyTypeSummary, Root, Tag,
};
use store::View;

use super::policies::Policy;
use super::records::{CreationRecord, NodeRecord, OrganizationRecord, PolicyKind};
use super::{ids, tree};
use crate::records::AccountRecord;
use crate::tables;

/// AWS's name of a policy type.
pub(crate) fn policy_type(kind: PolicyKind) -> PolicyType {
    match kind {
        PolicyKind::ServiceControl => PolicyType::ServiceControlPolicy,
        PolicyKind::ResourceControl => PolicyType::ResourceControlPolicy,
    }
}

/// The policy type that AWS calls so, if it bears on requests.
pub(crate) fn kind(wanted: PolicyType) -> Option<PolicyKind> {
    let mut kinds = PolicyKind::ALL.into_iter();
    kinds.find(|kind| policy_type(*kind) == wanted)
}

/// The organization.
pub(crate) fn organization(view: &View, organization: &OrganizationRecord) -> Organization {
    let management = organization.management;
    let row = view.get(&tables::ACCOUNTS, &tables::account(management));
    let email = row.and_then(|row| row.record.email.clone());
    let available = PolicyKind::ALL.map(summary);
    Organization {
        id: Some(organization.id.clone()),
        arn: Some(String::from(ids::organization_arn(organization))),
        feature_set: Some(OrganizationFeatureSet::All),
        master_account_arn: Some(String::from(ids::node_arn(
            organization,
            management.as_str(),
        ))),
        master_account_id: Some(management.to_string()),
        master_account_email: email.map(SensitiveString::from),
        available_policy_types: Some(available.to_vec()),
    }
}

fn summary(kind: PolicyKind) -> PolicyTypeSummary {
    PolicyTypeSummary {
        r#type: Some(policy_type(kind)),
        status: Some(PolicyTypeStatus::Enabled),
    }
}

/// The root with the policy types that are enabled in it.
pub(crate) fn root(organization: &OrganizationRecord, node: &NodeRecord) -> Root {
    let kinds = PolicyKind::ALL.into_iter();
    let enabled = kinds.filter(|kind| organization.state(*kind).enabled);
    Root {
        id: Some(node.id.clone()),
        arn: Some(String::from(ids::node_arn(organization, &node.id))),
        name: Some(node.name.clone()),
        policy_types: Some(enabled.map(summary).collect()),
    }
}

/// An organizational unit.
pub(crate) fn unit(
    view: &View,
    organization: &OrganizationRecord,
    node: &NodeRecord,
) -> OrganizationalUnit {
    let upwards = tree::upwards(view, &node.id);
    // A unit that is being created is not there yet.
    let above = node.parent.as_deref().filter(|_| upwards.is_empty());
    let path = match above {
        Some(parent) => {
            let path = tree::path(organization, &tree::upwards(view, parent));
            format!("{path}{}/", node.id)
        }
        None => tree::path(organization, &upwards),
    };
    OrganizationalUnit {
        id: Some(node.id.clone()),
        arn: Some(String::from(ids::node_arn(organization, &node.id))),
        name: Some(node.name.clone()),
        path: Some(path),
    }
}

/// An account of the organization; `None` if there is no record of it.
pub(crate) fn account(
    view: &View,
    organization: &OrganizationRecord,
    node: &NodeRecord,
) -> Option<Account> {
    let row = view.get(&tables::ACCOUNTS, &tables::account(node.id.parse().ok()?))?;
    let account: &AccountRecord = row.record;
    let path = tree::path(organization, &tree::upwards(view, &node.id));
    let (status, state) = match account.closed {
        None => (AccountStatus::Active, AccountState::Active),
        Some(_) => (AccountStatus::Suspended, AccountState::Closed),
    };
    let joined = if account.management {
        AccountJoinedMethod::Invited
    } else {
        AccountJoinedMethod::Created
    };
    Some(Account {
        id: Some(node.id.clone()),
        arn: Some(String::from(ids::node_arn(organization, &node.id))),
        email: account.email.clone().map(SensitiveString::from),
        name: Some(SensitiveString::from(account.name.clone())),
        status: Some(status),
        state: Some(state),
        paths: Some(vec![format!("{path}{}/", node.id)]),
        joined_method: Some(joined),
        joined_timestamp: Some(account.created),
    })
}

/// A policy without its content.
pub(crate) fn policy_summary(organization: &OrganizationRecord, policy: &Policy) -> PolicySummary {
    PolicySummary {
        id: Some(policy.id().to_owned()),
        arn: Some(policy.arn(organization)),
        name: Some(policy.name().to_owned()),
        description: Some(policy.description().to_owned()),
        r#type: Some(policy_type(policy.kind())),
        aws_managed: Some(policy.is_aws()),
    }
}

/// A policy.
pub(crate) fn policy(
    organization: &OrganizationRecord,
    policy: &Policy,
) -> shapes::organizations::Policy {
    shapes::organizations::Policy {
        policy_summary: Some(policy_summary(organization, policy)),
        content: Some(policy.text().to_owned()),
    }
}

/// What became of a request to create an account.
pub(crate) fn creation(record: &CreationRecord) -> CreateAccountStatus {
    let (state, failure) = match record.account {
        Some(_) => (CreateAccountState::Succeeded, None),
        None => (
            CreateAccountState::Failed,
            Some(CreateAccountFailureReason::EmailAlreadyExists),
        ),
    };
    CreateAccountStatus {
        id: Some(record.id.clone()),
        account_name: Some(SensitiveString::from(record.name.clone())),
        state: Some(state),
        requested_timestamp: Some(record.at),
        completed_timestamp: Some(record.at),
        account_id: record.account.map(|account| account.to_string()),
        gov_cloud_account_id: None,
        failure_reason: failure,
    }
}

/// Tags.
pub(crate) fn tags(tags: &[(String, String)]) -> Vec<Tag> {
    let tag = |(key, value): &(String, String)| Tag {
        key: key.clone(),
        value: value.clone(),
    };
    tags.iter().map(tag).collect()
}
