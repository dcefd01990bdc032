//! What bounds the reading of the event history: how often, and how many at a time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use types::{AccountId, Monotonic, Region};

/// Calls a second that AWS answers, for each account and region.
pub const PER_SECOND: u32 = 2;

/// Histories that are read at a time: each opens thousands of records.
const READERS: usize = 4;

/// Bounds one kind of readers of the history.
pub struct Lookups {
    /// The time that one call takes from its account.
    apart: Duration,
    /// When the calls so far are paid for; those of the past are forgotten.
    paid: Mutex<HashMap<(AccountId, Region), Monotonic>>,
    readers: Arc<Semaphore>,
}

impl Lookups {
    /// Allows `per_second` calls a second for each account and region, all at once or apart.
    pub fn new(per_second: u32) -> Self {
        Self {
            apart: Duration::from_secs(1) / per_second.max(1),
            paid: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Accounts for a call at `now`; `false` beyond the rate.
    pub fn admit(&self, account: AccountId, region: &Region, now: Monotonic) -> bool {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        paid.retain(|_, until| *until > now);
        let until = paid.entry((account, region.clone())).or_insert(now);
        if until.0 + self.apart > now.0 + Duration::from_secs(1) {
            return false;
        }
        until.0 += self.apart;
        true
    }
}

impl Lookups {
    /// Waits for a turn to read, which lasts as long as what is returned: whoever reads keeps it
    /// to the end, whether or not somebody still waits for the answer.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Closed by nobody.
        Arc::clone(&self.readers).acquire_owned().await.ok()
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookups(every {:?})", self.apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(lookups: &Lookups, account: &str, region: &str, millis: u64) -> bool {
        let now = Monotonic(Duration::from_millis(millis));
        let (account, region) = (account.parse().unwrap(), region.parse().unwrap());
        lookups.admit(account, &region, now)
    }

    #[test]
    fn two_a_second_for_each_account_and_region() {
        let lookups = Lookups::new(PER_SECOND);
        let here = |millis| admitted(&lookups, "111122223333", "us-east-1", millis);
        assert_eq!(
            [here(0), here(0), here(0), here(499)],
            [true, true, false, false]
        );
        assert!(admitted(&lookups, "111122223333", "eu-west-1", 0));
        assert!(admitted(&lookups, "444455556666", "us-east-1", 0));
        assert_eq!(
            [here(500), here(500), here(999), here(1000)],
            [true, false, false, true]
        );
        // However long it was quiet, and however often it was refused.
        assert_eq!(
            [here(60_000), here(60_000), here(60_000)],
            [true, true, false]
        );
    }

    #[test]
    fn over_a_minute_no_more_than_the_rate_passes() {
        let lookups = Lookups::new(PER_SECOND);
        let passed = (0..60_000)
            .filter(|millis| admitted(&lookups, "111122223333", "us-east-1", *millis))
            .count();
        assert_eq!(passed, 121);
    }

    #[test]
    fn quiet_accounts_are_forgotten() {
        let lookups = Lookups::new(PER_SECOND);
        for number in 0..1000_u64 {
            let account = format!("{:012}", 111_122_223_333 + number);
            assert!(admitted(&lookups, &account, "us-east-1", number * 100));
        }
        assert!(lookups.paid.lock().unwrap().len() <= 6);
    }
}
