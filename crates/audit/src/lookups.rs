//! What bounds the reading of the event history, and the like: how often, and how many at a time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use types::{AccountId, Monotonic, Region};

/// Calls a second that AWS answers, for each account and region.
pub const PER_SECOND: u32 = 2;

/// Readers of one kind at a time: each goes through thousands of records.
const READERS: usize = 4;

/// Calls of an account that wait for their turn or have it; more are refused.
const IN_LINE: usize = 16;

/// Bounds one kind of readers of the history.
pub struct Lookups {
    /// The time that one call takes from its account.
    apart: Duration,
    /// When the calls so far are paid for; those of the past are forgotten.
    paid: Mutex<HashMap<(AccountId, Region), Monotonic>>,
    lines: Lines,
}

/// Bounds how many readers there are at a time, one of each account.
pub struct Lines {
    readers: Arc<Semaphore>,
    /// The accounts that read, or wait to.
    lines: Mutex<HashMap<AccountId, Line>>,
}

/// The callers of one account.
#[derive(Clone)]
struct Line {
    places: Arc<Semaphore>,
    first: Arc<Semaphore>,
}

/// A turn to read, which lasts until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _place: OwnedSemaphorePermit,
    _first: OwnedSemaphorePermit,
    _reader: OwnedSemaphorePermit,
}

impl Lookups {
    /// Allows `per_second` calls a second for each account and region, all at once or apart.
    pub fn new(per_second: u32) -> Self {
        Self {
            apart: Duration::from_secs(1) / per_second.max(1),
            paid: Mutex::default(),
            lines: Lines::default(),
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

    /// A turn to read for `account`; see [`Lines::turn`].
    pub async fn turn(&self, account: AccountId) -> Option<Turn> {
        self.lines.turn(account).await
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            readers: Arc::new(Semaphore::new(READERS)),
            lines: Mutex::default(),
        }
    }
}

impl Lines {
    /// Waits for a turn to read for `account`, which lasts as long as what is returned: whoever
    /// reads keeps it to the end, whether or not somebody still waits for the answer.
    ///
    /// An account has one turn at a time, so that no other waits behind all that it asks for;
    /// `None` if too many of its calls wait already.
    pub async fn turn(&self, account: AccountId) -> Option<Turn> {
        let (place, first) = self.in_line(account)?;
        // Closed by nobody.
        Some(Turn {
            _place: place,
            _first: first.acquire_owned().await.ok()?,
            _reader: Arc::clone(&self.readers).acquire_owned().await.ok()?,
        })
    }

    /// A place in the line of `account`, and what its first one has.
    fn in_line(&self, account: AccountId) -> Option<(OwnedSemaphorePermit, Arc<Semaphore>)> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, line| line.places.available_permits() < IN_LINE);
        let line = lines.entry(account).or_insert_with(|| Line {
            places: Arc::new(Semaphore::new(IN_LINE)),
            first: Arc::new(Semaphore::new(1)),
        });
        let place = Arc::clone(&line.places).try_acquire_owned().ok()?;
        Some((place, Arc::clone(&line.first)))
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines(..)")
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

    /// What can be had of `turn` without waiting.
    async fn ready(turn: impl Future<Output = Option<Turn>>) -> Option<Option<Turn>> {
        let mut turn = std::pin::pin!(turn);
        std::future::poll_fn(|cx| {
            let polled = turn.as_mut().poll(cx);
            std::task::Poll::Ready(match polled {
                std::task::Poll::Ready(turn) => Some(turn),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[test]
    fn an_account_has_one_turn_at_a_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let lookups = Lookups::new(PER_SECOND);
            let (one, other) = (
                "111122223333".parse().unwrap(),
                "444455556666".parse().unwrap(),
            );
            let own = ready(lookups.turn(one)).await.unwrap().unwrap();
            assert!(ready(lookups.turn(one)).await.is_none());
            // Another account does not wait for it.
            assert!(ready(lookups.turn(other)).await.unwrap().is_some());
            let mut waiting = Vec::new();
            for _ in 1..IN_LINE {
                let mut turn = Box::pin(lookups.turn(one));
                assert!(ready(&mut turn).await.is_none());
                waiting.push(turn);
            }
            // No more of them wait.
            assert!(ready(lookups.turn(one)).await.unwrap().is_none());
            drop((own, waiting));
            assert!(ready(lookups.turn(one)).await.unwrap().is_some());
        });
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
