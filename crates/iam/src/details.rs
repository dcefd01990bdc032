//! Users, groups, roles and policies with everything that decides about them.

use std::sync::Arc;

use shapes::iam::{self, EntityType};
use store::{Table, View};
use types::{AccountId, Arn};

use crate::managed::{self, Managed, Usage};
use crate::records::{Entity, GroupRecord, LastUsedRecord, RoleRecord, UserRecord};
use crate::{attachments, documents, inline, members, shape, tables, tags};

/// What `GetAccountAuthorizationDetails` lists.
#[derive(Debug)]
pub(crate) enum Item {
    /// A user.
    User(Arc<UserRecord>),
    /// A group.
    Group(Arc<GroupRecord>),
    /// A role.
    Role(Arc<RoleRecord>),
    /// A managed policy.
    Policy(Managed),
}

/// Everything of `account` that is of a kind in `filter`, in order of the places that come
/// with it; without a filter everything.
pub(crate) fn all(view: &View, account: AccountId, filter: &[EntityType]) -> Vec<(String, Item)> {
    let wanted = |kind: EntityType| filter.is_empty() || filter.contains(&kind);
    let mut items = Vec::new();
    if wanted(EntityType::User) {
        items.extend(rows(view, &tables::USERS, account, "1", Item::User));
    }
    if wanted(EntityType::Group) {
        items.extend(rows(view, &tables::GROUPS, account, "2", Item::Group));
    }
    if wanted(EntityType::Role) {
        items.extend(rows(view, &tables::ROLES, account, "3", Item::Role));
    }
    if wanted(EntityType::LocalManagedPolicy) {
        let policy = |record| Item::Policy(Managed::Customer(record));
        items.extend(rows(view, &tables::POLICIES, account, "4", policy));
    }
    if wanted(EntityType::AWSManagedPolicy) {
        let mut policies: Vec<(String, Item)> = Managed::all_of_aws()
            .filter(|policy| {
                let usage = usage(view, account, policy);
                usage.attachments > 0 || usage.boundaries > 0
            })
            .map(|policy| (format!("5/{}", policy.arn()), Item::Policy(policy)))
            .collect();
        policies.sort_by(|(one, _), (other, _)| one.cmp(other));
        items.extend(policies);
    }
    items
}

/// The rows of a table, under their names, which its keys are in the order of.
fn rows<R: store::Record>(
    view: &View,
    table: &'static Table<R>,
    account: AccountId,
    kind: &str,
    item: impl Fn(Arc<R>) -> Item,
) -> Vec<(String, Item)> {
    let prefix = tables::account(account);
    let keys = view.scan(table, &prefix, None).map(|(key, _)| key);
    keys.filter_map(|key| {
        let name = key.text_parts().pop()?;
        let record = view.get_shared(table, key)?;
        Some((format!("{kind}/{name}"), item(record)))
    })
    .collect()
}

/// A user with its policies and groups.
pub(crate) fn user(view: &View, user: &UserRecord) -> iam::UserDetail {
    let groups = members::of_user(view, user);
    iam::UserDetail {
        path: Some(user.path.clone()),
        user_name: Some(user.name.clone()),
        user_id: Some(user.id.to_string()),
        arn: Some(String::from(user.arn())),
        create_date: Some(user.created),
        user_policy_list: Some(inline_of(view, user)),
        group_list: Some(groups.iter().map(|group| group.name.clone()).collect()),
        attached_managed_policies: Some(attached_to(view, user)),
        permissions_boundary: shape::boundary(user.boundary.as_ref()),
        tags: tags::shape(&user.tags),
    }
}

/// A group with its policies.
pub(crate) fn group(view: &View, group: &GroupRecord) -> iam::GroupDetail {
    iam::GroupDetail {
        path: Some(group.path.clone()),
        group_name: Some(group.name.clone()),
        group_id: Some(group.id.to_string()),
        arn: Some(String::from(group.arn())),
        create_date: Some(group.created),
        group_policy_list: Some(inline_of(view, group)),
        attached_managed_policies: Some(attached_to(view, group)),
    }
}

/// A role with its policies. Instance profiles do not exist here.
pub(crate) fn role(
    view: &View,
    role: &RoleRecord,
    used: Option<LastUsedRecord>,
) -> iam::RoleDetail {
    iam::RoleDetail {
        path: Some(role.path.clone()),
        role_name: Some(role.name.clone()),
        role_id: Some(role.id.to_string()),
        arn: Some(String::from(role.arn())),
        create_date: Some(role.created),
        assume_role_policy_document: Some(documents::encoded(&role.trust.shown(view))),
        instance_profile_list: Some(Vec::new()),
        role_policy_list: Some(inline_of(view, role)),
        attached_managed_policies: Some(attached_to(view, role)),
        permissions_boundary: shape::boundary(role.boundary.as_ref()),
        tags: tags::shape(&role.tags),
        role_last_used: Some(shape::role_last_used(used)),
    }
}

/// A managed policy with its versions.
pub(crate) fn policy(
    view: &View,
    account: AccountId,
    policy: &Managed,
) -> iam::ManagedPolicyDetail {
    let listed = shape::listed_policy(policy, usage(view, account, policy));
    let numbers: Vec<u32> = match policy {
        Managed::Aws(_) => vec![policy.default_version()],
        Managed::Customer(record) => {
            let versions = record.versions.iter().rev();
            versions.map(|version| version.number).collect()
        }
    };
    let version = |number: u32| {
        let (created, text) = policy.version(number)?;
        Some(iam::PolicyVersion {
            document: Some(documents::encoded(text.text())),
            version_id: Some(managed::version_name(number)),
            is_default_version: Some(number == policy.default_version()),
            create_date: Some(created),
        })
    };
    iam::ManagedPolicyDetail {
        policy_name: listed.policy_name,
        policy_id: listed.policy_id,
        arn: listed.arn,
        path: listed.path,
        default_version_id: listed.default_version_id,
        attachment_count: listed.attachment_count,
        permissions_boundary_usage_count: listed.permissions_boundary_usage_count,
        is_attachable: listed.is_attachable,
        description: policy.description().map(str::to_owned),
        create_date: listed.create_date,
        update_date: listed.update_date,
        policy_version_list: Some(numbers.into_iter().filter_map(version).collect()),
    }
}

fn inline_of<E: Entity>(view: &View, record: &E) -> Vec<iam::PolicyDetail> {
    let policies = inline::all(view, record).into_iter();
    let detail = |policy: &crate::records::InlinePolicyRecord| iam::PolicyDetail {
        policy_name: Some(policy.name.clone()),
        policy_document: Some(documents::encoded(policy.policy.text())),
    };
    policies.map(detail).collect()
}

fn attached_to<E: Entity>(view: &View, record: &E) -> Vec<iam::AttachedPolicy> {
    let policies = attachments::of(view, record);
    policies.map(|policy| attachments::shape(&policy)).collect()
}

fn usage(view: &View, account: AccountId, policy: &Managed) -> Usage {
    match policy.arn().parse::<Arn>() {
        Ok(arn) => Usage::of(view, account, &arn),
        Err(_cannot_happen) => Usage {
            attachments: 0,
            boundaries: 0,
        },
    }
}
