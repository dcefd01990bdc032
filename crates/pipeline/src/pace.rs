//! How often a principal may make management calls that no quota of their service bounds: each
//! leaves a record, some of them need no permission, and the log of them all is on one disk. And
//! how often it may be denied by a service whose quotas count what is allowed only: looking in
//! vain for what allows a call is work too.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use types::Monotonic;

/// Management calls a second of services without quotas, unless the configuration says otherwise:
/// more than AWS lets an account make of almost any of them.
pub const CALLS_PER_SECOND: u32 = 200;

/// Principals remembered before those that owe nothing are forgotten.
const REMEMBERED: usize = 1024;

/// Bounds the calls of each principal. A second's worth may be made at once.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The time that one call takes.
    each: Duration,
    /// When the calls so far are paid for.
    paid: Mutex<HashMap<String, Monotonic>>,
}

impl Pace {
    /// Allows `per_second` calls a second; at least one.
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / per_second.max(1),
            paid: Mutex::default(),
        }
    }

    /// Takes a call of `principal` at `now`; false beyond the rate.
    pub(crate) fn admit(&self, principal: String, now: Monotonic) -> bool {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        if paid.len() >= REMEMBERED {
            paid.retain(|_, until| *until > now);
        }
        let until = paid.entry(principal).or_insert(now);
        let next = self.after_one_more(*until, now);
        let within = next.is_some();
        *until = next.unwrap_or(*until);
        within
    }

    /// Whether a call of `principal` at `now` would be within the rate; it is not taken.
    pub(crate) fn would_admit(&self, principal: &str, now: Monotonic) -> bool {
        let paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let until = paid.get(principal).copied().unwrap_or(now);
        self.after_one_more(until, now).is_some()
    }

    /// Until when calls are paid for after one more at `now`; `None` beyond the rate.
    fn after_one_more(&self, until: Monotonic, now: Monotonic) -> Option<Monotonic> {
        let next = until.0.max(now.0).saturating_add(self.each);
        let within = next <= now.0.saturating_add(Duration::from_secs(1));
        within.then_some(Monotonic(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(pace: &Pace, principal: &str, millis: u64, times: usize) -> usize {
        let now = Monotonic(Duration::from_millis(millis));
        let calls = (0..times).filter(|_| pace.admit(principal.to_owned(), now));
        calls.count()
    }

    #[test]
    fn a_second_s_worth_at_once_and_then_the_rate() {
        let pace = Pace::new(10);
        assert_eq!(admitted(&pace, "a", 0, 50), 10);
        assert_eq!(admitted(&pace, "b", 0, 50), 10);
        assert_eq!(admitted(&pace, "a", 500, 50), 5);
        assert_eq!(admitted(&pace, "a", 60_000, 50), 10);
    }

    #[test]
    fn to_ask_takes_nothing() {
        let pace = Pace::new(2);
        let now = Monotonic(Duration::ZERO);
        assert!((0..9).all(|_| pace.would_admit("a", now)));
        assert_eq!(admitted(&pace, "a", 0, 9), 2);
        assert!(!pace.would_admit("a", now) && pace.would_admit("b", now));
        assert!(pace.would_admit("a", Monotonic(Duration::from_millis(500))));
    }

    #[test]
    fn principals_that_owe_nothing_are_forgotten() {
        let pace = Pace::new(10);
        for number in 0..5_000_u64 {
            assert_eq!(admitted(&pace, &number.to_string(), number * 200, 1), 1);
        }
        assert!(pace.paid.lock().unwrap().len() <= REMEMBERED);
    }
}
