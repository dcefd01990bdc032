//! Records as responses show them.

use shapes::iam;
use types::AccountId;

use crate::managed::{self, Managed, Usage};
use crate::records::{AccessKeyRecord, AccountRecord, KeyOwner, KeyStatus, UserRecord};
use crate::tags;

/// A user without what listings leave out: tags and boundary.
pub(crate) fn listed_user(user: &UserRecord) -> iam::User {
    iam::User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.to_string(),
        arn: String::from(user.arn()),
        create_date: user.created,
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    }
}

/// A user with everything.
pub(crate) fn user(user: &UserRecord) -> iam::User {
    iam::User {
        permissions_boundary: user
            .boundary
            .as_ref()
            .map(|arn| iam::AttachedPermissionsBoundary {
                permissions_boundary_type: Some(
                    iam::PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy,
                ),
                permissions_boundary_arn: Some(arn.to_string()),
            }),
        tags: tags::shape(&user.tags),
        ..listed_user(user)
    }
}

/// The root user, who has neither path nor name: the first is `/`, the second empty.
pub(crate) fn root(account: &AccountRecord) -> iam::User {
    iam::User {
        path: "/".to_owned(),
        user_name: String::new(),
        user_id: account.id.to_string(),
        arn: root_arn(account.id),
        create_date: account.created,
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    }
}

fn root_arn(account: AccountId) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// A managed policy without what listings leave out: description and tags.
pub(crate) fn listed_policy(policy: &Managed, usage: Usage) -> iam::Policy {
    let count = |number: usize| Some(i32::try_from(number).unwrap_or(i32::MAX));
    iam::Policy {
        policy_name: Some(policy.name().to_owned()),
        policy_id: Some(policy.id().to_owned()),
        arn: Some(policy.arn()),
        path: Some(policy.path().to_owned()),
        default_version_id: Some(managed::version_name(policy.default_version())),
        attachment_count: count(usage.attachments),
        permissions_boundary_usage_count: count(usage.boundaries),
        is_attachable: Some(true),
        description: None,
        create_date: Some(policy.created()),
        update_date: Some(policy.updated()),
        tags: None,
    }
}

/// A managed policy with everything.
pub(crate) fn policy(policy: &Managed, usage: Usage) -> iam::Policy {
    iam::Policy {
        description: policy.description().map(str::to_owned),
        tags: tags::shape(policy.tags()),
        ..listed_policy(policy, usage)
    }
}

/// An access key without its secret.
pub(crate) fn access_key(key: &AccessKeyRecord) -> iam::AccessKeyMetadata {
    iam::AccessKeyMetadata {
        user_name: owner_name(key),
        access_key_id: Some(key.id.to_string()),
        status: Some(status(key.status)),
        create_date: Some(key.created),
    }
}

/// The name of the user that owns a key; the root user has none.
pub(crate) fn owner_name(key: &AccessKeyRecord) -> Option<String> {
    match &key.owner {
        KeyOwner::Root => None,
        KeyOwner::User { name, .. } => Some(name.clone()),
    }
}

fn status(status: KeyStatus) -> iam::StatusType {
    match status {
        KeyStatus::Active => iam::StatusType::Active,
        KeyStatus::Inactive => iam::StatusType::Inactive,
    }
}
