//! IAM's quotas.

use store::{Record, Table, View};
use types::AccountId;

use crate::Error;
use crate::tables;

/// Access keys of a user, or of the root user.
pub(crate) const ACCESS_KEYS: usize = 2;
/// Managed policies attached to a user.
pub(crate) const ATTACHED_POLICIES: usize = 10;
/// Inline policies of a user together, in characters that are not white space.
pub(crate) const INLINE_SIZE: usize = 2048;
/// A managed policy, in characters that are not white space.
pub(crate) const POLICY_SIZE: usize = 6144;
/// Users of an account.
pub(crate) const USERS: usize = 5000;
/// Customer managed policies of an account.
pub(crate) const POLICIES: usize = 1500;

/// How near to a quota the count becomes a precondition of the commit. Farther away two
/// calls cannot pass it together, and need not wait for each other.
const NEAR: usize = 256;

/// Whether `account` may have one more row in `table`.
///
/// Fails with `LimitExceeded` if it has `limit` already.
pub(crate) fn room_in<R: Record>(
    view: &View,
    table: &'static Table<R>,
    account: AccountId,
    quota: &'static str,
    limit: usize,
) -> Result<(), Error> {
    let prefix = tables::account(account);
    let mut count = view.snapshot().scan(table, &prefix).count();
    if count.saturating_add(NEAR) > limit {
        count = view.scan(table, &prefix, None).count();
    }
    room(count, quota, limit)
}

/// Fails with `LimitExceeded` if there are `limit` already.
pub(crate) fn room(count: usize, quota: &'static str, limit: usize) -> Result<(), Error> {
    if count < limit {
        Ok(())
    } else {
        Err(Error::Quota { quota, limit })
    }
}
