//! IAM's quotas.

use store::{Batch, Key, Record, Table, View};
use types::AccountId;

use crate::records::EntityKind;
use crate::{Error, tables};

/// Access keys of a user, or of the root user.
pub(crate) const ACCESS_KEYS: usize = 2;
/// Managed policies attached to a user, group or role.
pub(crate) const ATTACHED_POLICIES: usize = 10;
/// Groups that a user is in.
pub(crate) const GROUPS_OF_USER: usize = 10;
/// A managed policy, in characters that are not white space.
pub(crate) const POLICY_SIZE: usize = 6144;
/// Versions of a managed policy.
pub(crate) const POLICY_VERSIONS: usize = 5;
/// Audiences of an OpenID Connect provider.
pub(crate) const CLIENT_IDS: usize = 100;
/// OpenID Connect providers of an account.
pub(crate) const OPEN_ID_PROVIDERS: usize = 100;
/// Thumbprints of an OpenID Connect provider.
pub(crate) const THUMBPRINTS: usize = 5;
/// Tags of a user, role, policy or provider.
pub(crate) const TAGS: usize = 50;
/// Users of an account.
pub(crate) const USERS: usize = 5000;
/// Groups of an account.
pub(crate) const GROUPS: usize = 300;
/// Roles of an account.
pub(crate) const ROLES: usize = 1000;
/// Customer managed policies of an account.
pub(crate) const POLICIES: usize = 1500;
/// Deletions of service-linked roles of an account whose status is remembered.
pub(crate) const DELETION_TASKS: usize = 100;

/// Inline policies together, in characters that are not white space.
pub(crate) fn inline_size(kind: EntityKind) -> usize {
    match kind {
        EntityKind::User => 2048,
        EntityKind::Group => 5120,
        EntityKind::Role => 10_240,
    }
}

/// Whether `account` may have one more row in `table`, which counts its rows by account. Calls
/// that race for room conflict only where the last of it is taken.
///
/// Fails with `LimitExceeded` if it has `limit` already.
pub(crate) fn room_in<R: Record>(
    view: &View,
    table: &'static Table<R>,
    account: AccountId,
    quota: &'static str,
    limit: usize,
) -> Result<(), Error> {
    if view.has_room(table, &tables::account(account), limit) {
        Ok(())
    } else {
        Err(Error::Quota { quota, limit })
    }
}

/// Fails with `LimitExceeded` if there are `limit` already.
pub(crate) fn room(count: usize, quota: &'static str, limit: usize) -> Result<(), Error> {
    if count < limit {
        Ok(())
    } else {
        Err(Error::Quota { quota, limit })
    }
}

/// Deletes the oldest of the rows that nobody else deletes, so that with one more there are at
/// most `most`: those of `table` below `prefix` whose records count.
///
/// No precondition: calls that run together may leave some more, which the next one takes off.
pub(crate) fn make_room<R: Record>(
    view: &View,
    batch: &mut Batch,
    (table, prefix): (&'static Table<R>, &Key),
    most: usize,
    counts: impl Fn(&R) -> bool,
) {
    let rows = view.snapshot().scan(table, prefix);
    let rows = rows.filter(|(_, row)| counts(row.record));
    let mut rows: Vec<_> = rows.map(|(key, row)| (row.revision, key)).collect();
    let over = rows.len().saturating_add(1).saturating_sub(most);
    rows.sort_unstable_by_key(|(revision, _)| *revision);
    for (_, key) in rows.into_iter().take(over) {
        batch.delete(table, key.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use store::{Read, SnapshotBuilder};
    use types::Timestamp;

    use super::*;
    use crate::records::GroupRecord;

    /// Whether one more group fits beside `count`.
    fn check(count: usize, expected: bool) {
        let account: AccountId = "111122223333".parse().unwrap();
        let other: AccountId = "444455556666".parse().unwrap();
        let mut rows = SnapshotBuilder::new(&tables());
        for number in 0..count {
            for owner in [account, other] {
                let record = GroupRecord {
                    account: owner,
                    name: number.to_string(),
                    path: "/".to_owned(),
                    id: format!("AGPA{number:017}").parse().unwrap(),
                    created: Timestamp::new(0, 0),
                    attached: Vec::new(),
                };
                let row = tables::named(owner, &record.name);
                rows.row(&tables::GROUPS, row, 1, Arc::new(record));
            }
        }
        let view = View::recording(Arc::new(rows.build(1)));
        let fits = room_in(&view, &tables::GROUPS, account, "GroupsPerAccount", GROUPS);
        let message = fits.as_ref().err().map(types::ServiceError::public_message);
        let full = "Cannot exceed quota for GroupsPerAccount: 300";
        assert_eq!(message.as_deref(), (!expected).then_some(full));
        // Whatever is near, the commit does not walk the rows again.
        let reads = view.reads();
        assert!(matches!(reads.as_slice(), [Read::Room { .. }]), "{reads:?}");
    }

    #[test]
    fn an_account_has_300_groups_of_its_own() {
        check(0, true);
        check(299, true);
        check(300, false);
    }
}
