//! How much of the disk each account's calls take in a day: metadata, whose history stays, and
//! audit records, which stay for 90 days. All accounts share the disk, and one must not fill it.
//!
//! Of what an account may record, calls that are refused and calls that need no permission have a
//! share each, and use nothing but that: whoever may nothing takes nothing from those who may. A third
//! share is for what takes rights away once the others' is used up: it always goes on, and is to
//! hold nobody else up.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use audit::Budget;
use store::{Batch, CommitError, Committed};
use types::{AccountId, Monotonic, Principal};

use crate::authorize::Authorization;
use crate::pace::{Class, Pace};
use crate::{Ctx, Services};

/// What the calls of each account may write in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteBudgets {
    /// Bytes of metadata, its history and what finds it in memory included.
    pub metadata: u64,
    /// Bytes of audit records: an eighth each of calls that are refused, of calls that need no
    /// permission, and of what takes rights away when the rest is used up. Beside that, an eighth
    /// as much for failed calls of other accounts about what it owns.
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

/// What is left of the records of permitted calls when only reads go on, in eighths.
const FOR_READS: u32 = 1;

/// Reads that a principal may make in a second then, so that those who use up what their account
/// may record leave the others something to find them with.
const READS_PER_SECOND: u32 = 2;

/// Which part of what its account may record a record is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Of calls that somebody has permitted.
    Permitted,
    /// Of calls that need no permission.
    Open,
    /// Of calls that were refused before anything was granted.
    Refused,
    /// Of calls that take rights away when the share of those that somebody has permitted is used
    /// up.
    Removals,
    /// Of failed calls of other accounts about what this one owns: whoever was let in uses up
    /// nothing of the account's own.
    Others,
}

impl Share {
    /// The share of a call that was done; whether it was though its account has recorded all it
    /// may ([`Written::is_used_up`]), since it takes rights away.
    pub(crate) fn of_success(authorization: &Authorization, is_beyond: bool) -> Self {
        if !authorization.granted {
            Self::Open
        } else if is_beyond {
            Self::Removals
        } else {
            Self::Permitted
        }
    }

    /// The share of a call that failed; whether its like are only counted.
    pub(crate) fn of_failure(authorization: &Authorization, damped: bool) -> Self {
        if damped {
            Self::Refused
        } else {
            Self::of_success(authorization, false)
        }
    }
}

/// What each account has written.
#[derive(Debug)]
pub(crate) struct Written {
    budgets: WriteBudgets,
    /// Accounts that have written anything: there are as many as exist.
    accounts: Mutex<HashMap<AccountId, Account>>,
    /// Bounds what is accepted of an account that has written all it may.
    revocations: Pace,
    /// The same of one that has written nearly all it may.
    reads: Pace,
}

#[derive(Debug)]
struct Account {
    metadata: Budget,
    permitted: Budget,
    open: Budget,
    refused: Budget,
    removals: Budget,
    others: Budget,
}

impl Account {
    fn new(budgets: WriteBudgets) -> Self {
        let share = budgets.log / 8;
        Self {
            metadata: Budget::new(budgets.metadata),
            permitted: Budget::new(budgets.log.saturating_sub(3 * share)),
            open: Budget::new(share),
            refused: Budget::new(share),
            removals: Budget::new(share),
            others: Budget::new(share),
        }
    }

    fn log(&self, share: Share) -> &Budget {
        match share {
            Share::Permitted => &self.permitted,
            Share::Open => &self.open,
            Share::Refused => &self.refused,
            Share::Removals => &self.removals,
            Share::Others => &self.others,
        }
    }

    fn log_mut(&mut self, share: Share) -> &mut Budget {
        match share {
            Share::Permitted => &mut self.permitted,
            Share::Open => &mut self.open,
            Share::Refused => &mut self.refused,
            Share::Removals => &mut self.removals,
            Share::Others => &mut self.others,
        }
    }

    /// Whether there is room for a call of this class, whoever makes it.
    fn has_room(&self, class: Class, now: Monotonic) -> bool {
        match class {
            Class::Open => self.open.has_room(now),
            Class::Reads => self.permitted.has_left(FOR_READS, now),
            Class::Changes | Class::TakesAway => {
                self.permitted.has_left(FOR_READS, now) && self.metadata.has_room(now)
            }
        }
    }
}

impl Written {
    /// Accounts that have written nothing yet.
    pub(crate) fn new(budgets: WriteBudgets) -> Self {
        Self {
            budgets,
            accounts: Mutex::default(),
            revocations: Pace::new(REVOCATIONS_PER_SECOND),
            reads: Pace::new(READS_PER_SECOND),
        }
    }

    /// Whether a record of `account` may be taken from this share at `now`.
    pub(crate) fn has_room(&self, account: AccountId, share: Share, now: Monotonic) -> bool {
        let accounts = self.accounts();
        let account = accounts.get(&account);
        account.is_none_or(|account| account.log(share).has_room(now))
    }

    /// Whether calls of `account` that are permitted leave no more records at `now` but of reads.
    /// What takes rights away goes on, and its records are not taken from theirs.
    pub(crate) fn is_used_up(&self, account: AccountId, now: Monotonic) -> bool {
        let accounts = self.accounts();
        let account = accounts.get(&account);
        account.is_some_and(|account| !account.permitted.has_left(FOR_READS, now))
    }

    /// Takes a call of this class, which `principal` of `account` makes at `now`; false if the
    /// account has written too much for it.
    pub(crate) fn admit(
        &self,
        principal: &str,
        account: AccountId,
        class: Class,
        now: Monotonic,
    ) -> bool {
        let enough = {
            let accounts = self.accounts();
            let known = accounts.get(&account);
            known.is_none_or(|account| account.has_room(class, now))
        };
        enough
            || match class {
                Class::Open | Class::Changes => false,
                Class::Reads => {
                    self.has_room(account, Share::Permitted, now)
                        && self.reads.admit(principal, None, class, now)
                }
                Class::TakesAway => (self.revocations).admit(principal, Some(account), class, now),
            }
    }

    /// Takes what a call of `account` wrote at `now`, its records from `share`.
    pub(crate) fn take(&self, account: AccountId, weight: Weight, share: Share, now: Monotonic) {
        let mut accounts = self.accounts();
        let account = accounts
            .entry(account)
            .or_insert_with(|| Account::new(self.budgets));
        account.metadata.take(weight.metadata, now);
        account.log_mut(share).take(weight.log, now);
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<AccountId, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ctx {
    /// Commits what the call writes, and takes it from the budgets of its account, its records
    /// from `share`; those of refused strangers from what strangers have.
    pub(crate) async fn commit(
        &self,
        batch: Batch,
        share: Share,
    ) -> Result<Committed, CommitError> {
        let weight = Weight::of_records(&batch);
        let batch = batch.on_account_of(self.home());
        let committed = self.services().store.commit(batch).await?;
        let weight = weight.with(&committed);
        if weight.is_nothing() {
            return Ok(committed);
        }
        if share == Share::Refused && self.is_of_a_stranger() {
            self.services().take_from_strangers(weight);
        } else if let Some(account) = self.home() {
            self.services().take(account, weight, share);
        }
        Ok(committed)
    }

    /// Whether nobody of a deployment's accounts calls, but somebody whom an identity provider
    /// vouches for: of those there can be any number.
    pub(crate) fn is_of_a_stranger(&self) -> bool {
        matches!(self.caller().principal, Principal::WebIdentity(_))
    }
}

impl Services {
    /// Takes what was written for `account` from its budgets.
    pub(crate) fn take(&self, account: AccountId, weight: Weight, share: Share) {
        let now = self.clock.monotonic();
        self.sources.written.take(account, weight, share, now);
    }

    /// Takes what was recorded of strangers from what they have.
    pub(crate) fn take_from_strangers(&self, weight: Weight) {
        self.strangers.wrote(weight.log, self.clock.monotonic());
        metrics::counter!("strongroom_strangers_written_bytes_total").increment(weight.log);
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
    pub(crate) fn of_records(batch: &Batch) -> Self {
        Self::of_records_from(batch, 0)
    }

    /// The audit records among the appends of `batch`, from place `first` on.
    pub(crate) fn of_records_from(batch: &Batch, first: usize) -> Self {
        let appends = batch.appends().iter().skip(first);
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

    fn weight(metadata: u64, log: u64) -> Weight {
        Weight { metadata, log }
    }

    fn written(metadata: u64, log: u64) -> Written {
        Written::new(WriteBudgets { metadata, log })
    }

    const CLASSES: [Class; 4] = [Class::Open, Class::Reads, Class::Changes, Class::TakesAway];

    /// Which calls of a principal of `account` are admitted, one of each class.
    fn admitted(written: &Written, account: AccountId, now: Monotonic) -> [bool; 4] {
        CLASSES.map(|class| written.admit("somebody", account, class, now))
    }

    #[test]
    fn an_account_that_has_written_all_it_may_takes_nothing_from_others() {
        let written = written(1_000, 1_000_000);
        let (one, other) = (account("111122223333"), account("444455556666"));
        written.take(one, weight(1_001, 500), Share::Permitted, at(1));
        // Records go on, changes do not.
        assert_eq!(admitted(&written, one, at(1)), [true, true, false, true]);
        assert_eq!(admitted(&written, other, at(1)), [true; 4]);
        written.take(one, weight(0, 2_000_000), Share::Permitted, at(2));
        assert_eq!(admitted(&written, one, at(2)), [true, false, false, true]);
        // What was taken beyond the day's worth is paid back first.
        assert_eq!(admitted(&written, one, at(75)), [true; 4]);
    }

    #[test]
    fn what_is_refused_or_needs_no_permission_uses_its_own_share() {
        let one = account("111122223333");
        for (share, left) in [
            (Share::Refused, [true; 4]),
            (Share::Others, [true; 4]),
            (Share::Open, [false, true, true, true]),
        ] {
            let written = written(1_000, 800_000);
            written.take(one, weight(0, 100_001), share, at(1));
            assert!(!written.has_room(one, share, at(1)));
            assert_eq!(admitted(&written, one, at(1)), left, "{share:?}");
        }
    }

    #[test]
    fn each_principal_reads_slowly_when_nearly_everything_is_written() {
        let written = written(1_000, 800_000);
        let one = account("111122223333");
        // An eighth of 500,000 is kept.
        written.take(one, weight(0, 437_501), Share::Permitted, at(1));
        let reads = |who: &str| {
            let calls = (0..100).filter(|_| written.admit(who, one, Class::Reads, at(1)));
            calls.count()
        };
        assert_eq!((reads("busy"), reads("other")), (2, 2));
        assert!(!written.admit("third", one, Class::Changes, at(1)));
        written.take(one, weight(0, 80_000), Share::Permitted, at(1));
        assert_eq!(reads("fourth"), 0);
    }

    #[test]
    fn what_takes_rights_away_beyond_the_budget_holds_nobody_else_up() {
        let written = written(1_000, 800_000);
        let one = account("111122223333");
        assert!(!written.is_used_up(one, at(1)));
        written.take(one, weight(0, 437_501), Share::Permitted, at(1));
        assert!(written.is_used_up(one, at(1)));
        written.take(one, weight(0, 10_000_000), Share::Removals, at(1));
        assert!(!written.has_room(one, Share::Removals, at(1)));
        assert_eq!(admitted(&written, one, at(1)), [true, true, false, true]);
        assert_eq!(admitted(&written, one, at(2)), [true; 4]);
    }
}
