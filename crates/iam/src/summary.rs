//! What an account has, and how much it may have.

use std::collections::BTreeMap;

use store::{Record, Table, View};
use types::AccountId;

use crate::records::EntityKind;
use crate::{quota, tables};

/// The numbers of `account` under AWS's names. What does not exist here (MFA devices, server
/// certificates, instance profiles) is missing rather than zero, but for what clients ask
/// whether the root user is protected by.
pub(crate) fn of(view: &View, account: AccountId) -> BTreeMap<String, i32> {
    let root_keys = view
        .get(&tables::ACCOUNTS, &tables::account(account))
        .map_or(0, |row| row.record.root_keys.len());
    let prefix = tables::account(account);
    let policies = view.scan(&tables::POLICIES, &prefix, None);
    let versions: usize = policies.map(|(_, row)| row.record.versions.len()).sum();
    let numbers = [
        ("Users", rows(view, &tables::USERS, account)),
        ("UsersQuota", quota::USERS),
        ("Groups", rows(view, &tables::GROUPS, account)),
        ("GroupsQuota", quota::GROUPS),
        ("GroupsPerUserQuota", quota::GROUPS_OF_USER),
        ("Roles", rows(view, &tables::ROLES, account)),
        ("RolesQuota", quota::ROLES),
        ("Policies", rows(view, &tables::POLICIES, account)),
        ("PoliciesQuota", quota::POLICIES),
        ("PolicySizeQuota", quota::POLICY_SIZE),
        ("PolicyVersionsInUse", versions),
        ("VersionsPerPolicyQuota", quota::POLICY_VERSIONS),
        ("UserPolicySizeQuota", quota::inline_size(EntityKind::User)),
        (
            "GroupPolicySizeQuota",
            quota::inline_size(EntityKind::Group),
        ),
        ("RolePolicySizeQuota", quota::inline_size(EntityKind::Role)),
        (
            "AssumeRolePolicySizeQuota",
            policy::DocumentKind::Trust.quota(),
        ),
        ("AttachedPoliciesPerUserQuota", quota::ATTACHED_POLICIES),
        ("AttachedPoliciesPerGroupQuota", quota::ATTACHED_POLICIES),
        ("AttachedPoliciesPerRoleQuota", quota::ATTACHED_POLICIES),
        ("AccessKeysPerUserQuota", quota::ACCESS_KEYS),
        ("Providers", rows(view, &tables::OPEN_ID_PROVIDERS, account)),
        ("AccountAccessKeysPresent", usize::from(root_keys > 0)),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 0),
    ];
    let shown = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    numbers
        .into_iter()
        .map(|(name, number)| (name.to_owned(), shown(number)))
        .collect()
}

fn rows<R: Record>(view: &View, table: &'static Table<R>, account: AccountId) -> usize {
    view.scan(table, &tables::account(account), None).count()
}
