//! How much of the disk each account's calls take in a day: metadata, whose history stays, and
//! audit records, which stay for 90 days. All accounts share the disk, and one must not fill it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use audit::Budget;
use store::{Batch, CommitError, Committed};
use types::{AccountId, Monotonic};

use crate::Ctx;
use crate::pace::Pace;

/// What the calls of each account may write in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteBudgets {
    /// Bytes of metadata, its history included.
    pub metadata: u64,
    /// Bytes of audit records.
    pub log: u64,
}

impl Default for WriteBudgets {
    fn default() -> Self {
        Self {
            metadata: 1 << 30,
            log: 32 << 30,
        }
    }
}

/// Calls that take rights away which a principal may make in a second when its account has
/// written all it may.
const REVOCATIONS_PER_SECOND: u32 = 10;

/// What each account has written.
#[derive(Debug)]
pub(crate) struct Written {
    budgets: WriteBudgets,
    /// Accounts that have written anything: there are as many as exist.
    accounts: Mutex<HashMap<AccountId, Account>>,
    /// Bounds what is accepted all the same.
    pub(crate) revocations: Pace,
}

#[derive(Debug)]
struct Account {
    metadata: Budget,
    log: Budget,
}

impl Written {
    /// Accounts that have written nothing yet.
    pub(crate) fn new(budgets: WriteBudgets) -> Self {
        Self {
            budgets,
            accounts: Mutex::default(),
            revocations: Pace::new(REVOCATIONS_PER_SECOND),
        }
    }

    /// Whether a call of `account` may write a record at `now`, and if it `changes` something,
    /// that.
    pub(crate) fn has_room(&self, account: AccountId, changes: bool, now: Monotonic) -> bool {
        let accounts = self.accounts();
        accounts.get(&account).is_none_or(|account| {
            account.log.has_room(now) && (!changes || account.metadata.has_room(now))
        })
    }

    /// Takes what a call of `account` wrote at `now`.
    pub(crate) fn take(&self, account: AccountId, weight: Weight, now: Monotonic) {
        let budgets = self.budgets;
        let mut accounts = self.accounts();
        let account = accounts.entry(account).or_insert_with(|| Account {
            metadata: Budget::new(budgets.metadata),
            log: Budget::new(budgets.log),
        });
        account.metadata.take(weight.metadata, now);
        account.log.take(weight.log, now);
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<AccountId, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ctx {
    /// Commits what the call writes, and takes it from the budgets of its account.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let weight = Weight::of_records(&batch);
        let committed = self.services().store.commit(batch).await?;
        let weight = weight.with(&committed);
        if let Some(account) = self.home().filter(|_| !weight.is_nothing()) {
            let written = &self.services().sources.written;
            written.take(account, weight, self.services().clock.monotonic());
        }
        Ok(committed)
    }
}

/// What a commit takes of an account's budgets, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weight {
    metadata: u64,
    log: u64,
}

impl Weight {
    /// The audit records in `batch`.
    fn of_records(batch: &Batch) -> Self {
        let appends = batch.appends().iter();
        let records = appends.filter(|append| append.log == &audit::EVENTS);
        let bytes: usize = records.map(|append| append.payload.len()).sum();
        Self {
            metadata: 0,
            log: u64::try_from(bytes).unwrap_or(u64::MAX),
        }
    }

    /// The same with the metadata that was `committed` beside them.
    fn with(self, committed: &Committed) -> Self {
        Self {
            metadata: committed.metadata_bytes,
            ..self
        }
    }

    /// Whether there is nothing to take.
    fn is_nothing(self) -> bool {
        self.metadata == 0 && self.log == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(hours: u64) -> Monotonic {
        Monotonic(Duration::from_hours(hours))
    }

    fn account(text: &str) -> AccountId {
        text.parse().unwrap()
    }

    #[test]
    fn an_account_that_has_written_all_it_may_takes_nothing_from_others() {
        let written = Written::new(WriteBudgets {
            metadata: 1_000,
            log: 1_000_000,
        });
        let (one, other) = (account("111122223333"), account("444455556666"));
        let weight = |metadata, log| Weight { metadata, log };
        written.take(one, weight(1_001, 500), at(1));
        // Records go on, changes do not.
        assert!(!written.has_room(one, true, at(1)));
        assert!(written.has_room(one, false, at(1)));
        assert!(written.has_room(other, true, at(1)));
        written.take(one, weight(0, 2_000_000), at(1));
        assert!(!written.has_room(one, false, at(1)));
        // What was taken beyond the day's worth is paid back first.
        assert!(written.has_room(one, true, at(26)));
    }
}
