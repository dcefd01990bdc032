//! How often an account may call each operation on records in a region, by AWS's page "Quotas,
//! naming rules and data types".
//!
//! As the request quotas of KMS do it: a call takes its share of time from an atomic number that
//! says until when the calls so far are paid for. Calls of one account of one operation meet in that
//! number and nowhere else, and nothing ever waits or is allocated but for the first call of an
//! account. A second's worth may be used at once. Only what is permitted is counted: who may nothing
//! cannot use up what others of the account need.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use pipeline::Ctx;
use types::{AccountId, Monotonic, Region, Service};

use crate::Error;

/// An operation that is counted, each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    BatchGetRecord,
    BatchWriteRecord,
    DeleteRecord,
    GetRecord,
    ListRecords,
    PutRecord,
    UpdateRecord,
}

/// What all accounts have called.
pub(crate) struct Calls {
    /// The nanoseconds that a call takes.
    each: u64,
    /// The same of `BatchGetRecord`.
    each_batch: u64,
    /// The accounts that have called: there are as many as exist, and few regions.
    accounts: ArcSwap<Accounts>,
}

type Accounts = HashMap<AccountId, Vec<(Region, Arc<Account>)>>;

/// One account in one region: when its calls so far are paid for, in nanoseconds.
#[derive(Debug, Default)]
struct Account {
    batch_get_record: Place,
    batch_write_record: Place,
    delete_record: Place,
    get_record: Place,
    list_records: Place,
    put_record: Place,
    update_record: Place,
}

/// Apart from the next one, so that calls of different operations do not wait for each other's memory.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Place(AtomicU64);

const SECOND: u64 = 1_000_000_000;

impl Calls {
    /// So many calls a second of each operation, and so many of `BatchGetRecord`.
    pub(crate) fn new(calls: u32, batch_reads: u32) -> Self {
        let each = |calls: u32| SECOND / u64::from(calls.max(1));
        Self {
            each: each(calls),
            each_batch: each(batch_reads),
            accounts: ArcSwap::default(),
        }
    }

    /// Takes a permitted call from what the caller's account may make.
    ///
    /// Fails with `ThrottlingException` beyond that.
    pub(crate) fn admit(&self, ctx: &Ctx, operation: Counted) -> Result<(), Error> {
        // A service that acts for itself belongs to no account.
        let Some(account) = ctx.account() else {
            return Ok(());
        };
        if ctx.is_repeated() || self.take(account, ctx.region(), operation, ctx.monotonic()) {
            return Ok(());
        }
        let service = Service::FeatureStoreRuntime.model_name();
        metrics::counter!("strongroom_throttled_total", "service" => service, "operation" => operation.name())
            .increment(1);
        Err(Error::OverThroughput {
            message: "Rate exceeded".to_owned(),
        })
    }

    fn take(
        &self,
        account: AccountId,
        region: &Region,
        operation: Counted,
        now: Monotonic,
    ) -> bool {
        let each = match operation {
            Counted::BatchGetRecord => self.each_batch,
            _ => self.each,
        };
        let now = u64::try_from(now.0.as_nanos()).unwrap_or(u64::MAX);
        if let Some(known) = find(&self.accounts.load(), account, region) {
            return known.place(operation).take(each, now);
        }
        self.accounts.rcu(|known| {
            let mut more = Accounts::clone(known);
            // Another call may have been first.
            if find(known, account, region).is_none() {
                let of_account = more.entry(account).or_default();
                of_account.push((region.clone(), Arc::default()));
            }
            more
        });
        find(&self.accounts.load(), account, region)
            .is_none_or(|known| known.place(operation).take(each, now))
    }
}

fn find<'a>(accounts: &'a Accounts, account: AccountId, region: &Region) -> Option<&'a Account> {
    let regions = accounts.get(&account)?;
    let found = regions.iter().find(|(known, _)| known == region);
    found.map(|(_, account)| &**account)
}

impl Account {
    fn place(&self, operation: Counted) -> &Place {
        match operation {
            Counted::BatchGetRecord => &self.batch_get_record,
            Counted::BatchWriteRecord => &self.batch_write_record,
            Counted::DeleteRecord => &self.delete_record,
            Counted::GetRecord => &self.get_record,
            Counted::ListRecords => &self.list_records,
            Counted::PutRecord => &self.put_record,
            Counted::UpdateRecord => &self.update_record,
        }
    }
}

impl Place {
    /// Takes a call at `now`; false beyond the quota, and then nothing is taken.
    fn take(&self, each: u64, now: u64) -> bool {
        let most = now.saturating_add(SECOND);
        let until = |paid: u64| {
            let until = paid.max(now).saturating_add(each);
            (until <= most).then_some(until)
        };
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, until);
        taken.is_ok()
    }
}

impl Counted {
    /// The operation's name.
    fn name(self) -> &'static str {
        match self {
            Self::BatchGetRecord => "BatchGetRecord",
            Self::BatchWriteRecord => "BatchWriteRecord",
            Self::DeleteRecord => "DeleteRecord",
            Self::GetRecord => "GetRecord",
            Self::ListRecords => "ListRecords",
            Self::PutRecord => "PutRecord",
            Self::UpdateRecord => "UpdateRecord",
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calls({} accounts)", self.accounts.load().len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Monotonic = Monotonic(Duration::from_secs(10));

    fn taken(calls: &Calls, account: &str, region: &str, operation: Counted) -> usize {
        let (account, region) = (account.parse().unwrap(), region.parse().unwrap());
        let tried = 0..20_000;
        tried
            .take_while(|_| calls.take(account, &region, operation, START))
            .count()
    }

    #[test]
    fn every_account_region_and_operation_has_a_seconds_worth_of_its_own() {
        let calls = Calls::new(10_000, 500);
        for account in ["111122223333", "444455556666"] {
            for region in ["us-east-1", "eu-north-1"] {
                let taken = |operation| taken(&calls, account, region, operation);
                assert_eq!(taken(Counted::GetRecord), 10_000);
                assert_eq!(taken(Counted::PutRecord), 10_000);
                assert_eq!(taken(Counted::BatchGetRecord), 500);
                assert_eq!(taken(Counted::GetRecord), 0);
            }
        }
    }

    #[test]
    fn threads_together_get_no_more_than_one_alone() {
        let calls = Calls::new(500, 1);
        let taken = std::thread::scope(|scope| {
            let spawned = std::iter::repeat_with(|| {
                scope.spawn(|| taken(&calls, "111122223333", "us-east-1", Counted::GetRecord))
            });
            let threads: Vec<_> = spawned.take(4).collect();
            let threads = threads.into_iter();
            threads.map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(taken, 500);
    }
}
