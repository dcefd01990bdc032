//! The tables, and how their rows are keyed.
//!
//! Keys begin with the account, so that one scan lists what belongs to it. Names are keyed in
//! lower case, because they are unique without regard to case. What belongs to a principal
//! is keyed by its unique id, so that nothing passes on to a later one of the same name.

use store::{AnyTable, Key, Table};
use types::{AccessKeyId, AccountId, Arn, UniqueId};

use crate::organizations;
use crate::records::{
    AccessKeyRecord, AccountRecord, AliasRecord, AttachmentRecord, DeletionTaskRecord, GroupRecord,
    InlinePolicyRecord, LastUsedRecord, ManagedPolicyRecord, MemberRecord, OpenIdProviderRecord,
    PrincipalIdRecord, RoleRecord, UserRecord,
};

/// Accounts, by id.
pub(crate) static ACCOUNTS: Table<AccountRecord> = Table::with_history("accounts");

/// Aliases of accounts, by alias.
pub(crate) static ALIASES: Table<AliasRecord> = Table::with_history("iam_aliases");

/// Aliases of accounts, by account.
pub(crate) static ACCOUNT_ALIASES: Table<AliasRecord> = Table::with_history("iam_account_aliases");

/// Deletions of service-linked roles, by account and the id that callers ask with.
pub(crate) static DELETION_TASKS: Table<DeletionTaskRecord> =
    Table::with_history("iam_role_deletions");

/// Users, by account and name; counted by account.
pub(crate) static USERS: Table<UserRecord> =
    Table::with_history("iam_users").counted_by(|row| Some(account(row.account)));

/// Groups, by account and name; counted by account.
pub(crate) static GROUPS: Table<GroupRecord> =
    Table::with_history("iam_groups").counted_by(|row| Some(account(row.account)));

/// Members of groups, by account, group id and user id.
pub(crate) static MEMBERS: Table<MemberRecord> = Table::with_history("iam_group_members");

/// Roles, by account and name; counted by account.
pub(crate) static ROLES: Table<RoleRecord> =
    Table::with_history("iam_roles").counted_by(|row| Some(account(row.account)));

/// Last uses of roles, by unique id.
pub(crate) static ROLE_LAST_USED: Table<LastUsedRecord> =
    Table::without_history("iam_role_last_used");

/// Whose unique id it is, by id.
pub(crate) static PRINCIPAL_IDS: Table<PrincipalIdRecord> =
    Table::with_history("iam_principal_ids");

/// Inline policies, by account, the unique id of whom they belong to, and policy name.
pub(crate) static INLINE: Table<InlinePolicyRecord> = Table::with_history("iam_inline_policies");

/// Customer managed policies, by account and name; counted by account.
pub(crate) static POLICIES: Table<ManagedPolicyRecord> =
    Table::with_history("iam_policies").counted_by(|row| Some(account(row.account)));

/// Attachments of managed policies, by account, the policy's ARN, the use and the unique id of
/// the user, group or role.
pub(crate) static ATTACHMENTS: Table<AttachmentRecord> = Table::with_history("iam_attachments");

/// OpenID Connect providers, by account and URL; counted by account.
pub(crate) static OPEN_ID_PROVIDERS: Table<OpenIdProviderRecord> =
    Table::with_history("iam_openid_providers").counted_by(|row| Some(account(row.account)));

/// Access keys, by their id. Holds secrets: no history.
pub(crate) static ACCESS_KEYS: Table<AccessKeyRecord> = Table::without_history("iam_access_keys");

/// Last uses, by access key id.
pub(crate) static LAST_USED: Table<LastUsedRecord> =
    Table::without_history("iam_access_key_last_used");

/// All tables of IAM, for the store to open.
pub fn tables() -> Vec<&'static dyn AnyTable> {
    vec![
        &ACCOUNTS,
        &ALIASES,
        &ACCOUNT_ALIASES,
        &DELETION_TASKS,
        &USERS,
        &GROUPS,
        &MEMBERS,
        &ROLES,
        &ROLE_LAST_USED,
        &PRINCIPAL_IDS,
        &INLINE,
        &POLICIES,
        &ATTACHMENTS,
        &OPEN_ID_PROVIDERS,
        &ACCESS_KEYS,
        &LAST_USED,
        &organizations::ORGANIZATION,
        &organizations::NODES,
        &organizations::CHILDREN,
        &organizations::CONTROL_POLICIES,
        &organizations::CREATIONS,
    ]
}

/// What a managed policy is to a user, group or role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It grants permissions.
    Permissions,
    /// It bounds them.
    Boundary,
}

impl Use {
    fn key_part(self) -> &'static str {
        match self {
            Self::Permissions => "policy",
            Self::Boundary => "boundary",
        }
    }
}

/// An account's row, and the prefix of everything that is keyed by account.
pub(crate) fn account(account: AccountId) -> Key {
    Key::of(&[account.as_str()])
}

/// The row of an account's alias.
pub(crate) fn alias(alias: &str) -> Key {
    Key::of(&[alias])
}

/// The row of the deletion of a service-linked role.
pub(crate) fn task(account: AccountId, id: &str) -> Key {
    Key::of(&[account.as_str(), id])
}

/// A row that is keyed by account and name.
pub(crate) fn named(account: AccountId, name: &str) -> Key {
    Key::of(&[account.as_str(), &name.to_lowercase()])
}

/// The row of a unique id.
pub(crate) fn principal_id(id: &UniqueId) -> Key {
    Key::of(&[id.as_str()])
}

/// The prefix of the inline policies of a user, group or role.
pub(crate) fn inline_of(account: AccountId, owner: &UniqueId) -> Key {
    Key::of(&[account.as_str(), owner.as_str()])
}

/// An inline policy's row.
pub(crate) fn inline(account: AccountId, owner: &UniqueId, name: &str) -> Key {
    Key::of(&[account.as_str(), owner.as_str(), name])
}

/// The prefix of a group's members.
pub(crate) fn members_of(account: AccountId, group: &UniqueId) -> Key {
    Key::of(&[account.as_str(), group.as_str()])
}

/// A member's row.
pub(crate) fn member(account: AccountId, group: &UniqueId, user: &UniqueId) -> Key {
    Key::of(&[account.as_str(), group.as_str(), user.as_str()])
}

/// The prefix of a policy's attachments of one use.
pub(crate) fn attachments_as(account: AccountId, policy: &Arn, usage: Use) -> Key {
    Key::of(&[account.as_str(), policy.as_str(), usage.key_part()])
}

/// An attachment's row.
pub(crate) fn attachment(account: AccountId, policy: &Arn, usage: Use, owner: &UniqueId) -> Key {
    Key::of(&[
        account.as_str(),
        policy.as_str(),
        usage.key_part(),
        owner.as_str(),
    ])
}

/// An access key's row, and that of its last use.
pub(crate) fn access_key(id: &AccessKeyId) -> Key {
    Key::of(&[id.as_str()])
}
