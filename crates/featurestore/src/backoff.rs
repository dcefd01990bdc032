//! What fails in the background waits longer each time before it is tried again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use types::Monotonic;

/// For how long something waits that has failed once.
const FIRST: Duration = Duration::from_secs(1);

/// For how long it waits at most.
const LONGEST: Duration = Duration::from_mins(1);

/// What has failed the last time, and when it may be tried again.
#[derive(Debug)]
pub(crate) struct Backoff<K> {
    waits: Mutex<HashMap<K, Wait>>,
}

#[derive(Debug)]
struct Wait {
    /// For how long it waits.
    length: Duration,
    until: Monotonic,
    /// Why it failed, as its owner may know it.
    why: String,
}

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self {
            waits: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash> Backoff<K> {
    /// Whether `what` is to wait yet.
    pub(crate) fn waits(&self, what: &K, now: Monotonic) -> bool {
        let waits = self.lock();
        waits.get(what).is_some_and(|wait| now < wait.until)
    }

    /// Notes that `what` has failed, and `why`: twice as long as the last time it waits now.
    pub(crate) fn failed(&self, what: K, why: String, now: Monotonic) {
        let mut waits = self.lock();
        forget_old(&mut waits, now);
        let last = waits.get(&what).map(|wait| wait.length);
        let length = last.map_or(FIRST, |last| last.saturating_mul(2).min(LONGEST));
        let until = Monotonic(now.0.saturating_add(length));
        waits.insert(what, Wait { length, until, why });
    }

    /// Notes that `what` has not failed.
    pub(crate) fn succeeded(&self, what: &K) {
        self.lock().remove(what);
    }

    /// For how long `what` was to wait when it failed the last time; zero if it did not.
    pub(crate) fn length(&self, what: &K) -> Duration {
        self.lock()
            .get(what)
            .map_or(Duration::ZERO, |wait| wait.length)
    }

    /// Why `what` failed the last time that it was tried; `None` if it did not.
    pub(crate) fn why(&self, what: &K) -> Option<String> {
        self.lock().get(what).map(|wait| wait.why.clone())
    }

    /// How many things have failed the last time.
    pub(crate) fn len(&self, now: Monotonic) -> usize {
        let mut waits = self.lock();
        forget_old(&mut waits, now);
        waits.len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Wait>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what might have been tried again for long and was not: it is gone, or there is nothing to
/// do any more.
fn forget_old<K>(waits: &mut HashMap<K, Wait>, now: Monotonic) {
    waits.retain(|_, wait| now < Monotonic(wait.until.0.saturating_add(2 * LONGEST)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    #[test]
    fn what_goes_on_failing_waits_twice_as_long_and_at_most_a_minute() {
        let (backoff, mut now, mut lengths) = (Backoff::default(), 0, Vec::new());
        for _ in 0..8 {
            backoff.failed("g", "no answer".to_owned(), at(now));
            let free = (now..now + 100).find(|second| !backoff.waits(&"g", at(*second)));
            lengths.push(free.unwrap() - now);
            now = free.unwrap();
        }
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(!backoff.waits(&"another", at(0)));
        assert_eq!(backoff.why(&"g").unwrap(), "no answer");
        backoff.succeeded(&"g");
        assert_eq!((backoff.why(&"g"), backoff.len(at(now))), (None, 0));
        backoff.failed("g", String::new(), at(now));
        assert!(backoff.waits(&"g", at(now)) && !backoff.waits(&"g", at(now + 1)));
    }

    #[test]
    fn what_is_not_tried_any_more_is_forgotten() {
        let backoff = Backoff::default();
        backoff.failed("deleted", String::new(), at(0));
        backoff.failed("g", String::new(), at(1000));
        assert_eq!(backoff.len(at(1000)), 1);
        assert_eq!(backoff.len(at(2000)), 0);
    }
}
