//! Records as responses show them.

use shapes::iam;
use store::View;
use types::{AccountId, Arn};

use crate::managed::{self, Managed, Usage};
use crate::records::{
    AccessKeyRecord, AccountRecord, Entity, GroupRecord, KeyOwner, KeyStatus, LastUsedRecord,
    RoleRecord, UserRecord,
};
use crate::{documents, tags};

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
        permissions_boundary: boundary(user.boundary.as_ref()),
        tags: tags::shape(&user.tags),
        ..listed_user(user)
    }
}

/// A group.
pub(crate) fn group(group: &GroupRecord) -> iam::Group {
    iam::Group {
        path: group.path.clone(),
        group_name: group.name.clone(),
        group_id: group.id.to_string(),
        arn: String::from(group.arn()),
        create_date: group.created,
    }
}

/// A role without what listings leave out: tags, boundary and last use.
pub(crate) fn listed_role(view: &View, role: &RoleRecord) -> iam::Role {
    iam::Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.to_string(),
        arn: String::from(role.arn()),
        create_date: role.created,
        assume_role_policy_document: Some(documents::encoded(&role.trust.shown(view))),
        description: role.description.clone(),
        max_session_duration: i32::try_from(role.max_session).ok(),
        permissions_boundary: None,
        tags: None,
        role_last_used: None,
        source_role_template: None,
    }
}

/// A role with everything.
pub(crate) fn role(view: &View, role: &RoleRecord, used: Option<iam::RoleLastUsed>) -> iam::Role {
    iam::Role {
        permissions_boundary: boundary(role.boundary.as_ref()),
        tags: tags::shape(&role.tags),
        role_last_used: used,
        ..listed_role(view, role)
    }
}

/// The last use of a role; of one that was never used, nothing.
pub(crate) fn role_last_used(used: Option<LastUsedRecord>) -> iam::RoleLastUsed {
    iam::RoleLastUsed {
        last_used_date: used.as_ref().map(|used| used.at),
        region: used.map(|used| used.region.to_string()),
    }
}

/// The policy that bounds a user or role.
pub(crate) fn boundary(arn: Option<&Arn>) -> Option<iam::AttachedPermissionsBoundary> {
    let kind = iam::PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy;
    arn.map(|arn| iam::AttachedPermissionsBoundary {
        permissions_boundary_type: Some(kind),
        permissions_boundary_arn: Some(arn.to_string()),
    })
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

/// A managed policy as `CreatePolicy` answers it: without its description, and with tags only if
/// it has some.
pub(crate) fn created_policy(policy: &Managed, usage: Usage) -> iam::Policy {
    iam::Policy {
        tags: tags::shape(policy.tags()),
        ..listed_policy(policy, usage)
    }
}

/// A managed policy as `GetPolicy` answers it: with everything, also the list of no tags.
pub(crate) fn policy(policy: &Managed, usage: Usage) -> iam::Policy {
    iam::Policy {
        description: policy.description().map(str::to_owned),
        tags: Some(tags::shape(policy.tags()).unwrap_or_default()),
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
