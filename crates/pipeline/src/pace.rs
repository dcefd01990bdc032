//! How often a principal, and all principals of an account together, may make management calls
//! that no quota of their service counts: each leaves a record, some of them need no permission,
//! and the log of them all is on one disk. And how often a principal may be denied by a service whose
//! quotas count what is allowed only: looking in vain for what allows a call is work too.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use types::{AccountId, Monotonic};

use crate::{Needs, Operation};

/// Management calls a second that no quota counts, unless the configuration says otherwise:
/// more than AWS lets an account make of almost any of them.
pub const CALLS_PER_SECOND: u32 = 200;

/// How many times as many calls all principals of an account may make together: an account can
/// make principals without end.
pub const ACCOUNT_FACTOR: u32 = 10;

/// What part of that the calls have that need no permission.
const OPEN_PART: u32 = 4;

/// What bounds a call: those of each class of an account are counted apart, so that none can use up
/// what another needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It needs no permission: whoever has a key of the account can make any number.
    Open,
    /// Somebody has permitted it, and it reads.
    Reads,
    /// Somebody has permitted it, and it changes something.
    Changes,
    /// Somebody has permitted it, and it can do nothing but take rights away or remove.
    TakesAway,
}

impl Class {
    /// The class of a call that has these needs, all of which are granted.
    pub(crate) fn of<O: Operation>(needs: &Needs, input: &O::Input) -> Self {
        if needs.iter().len() == 0 {
            Self::Open
        } else if O::only_takes_away(input) {
            Self::TakesAway
        } else if O::KIND.is_read_only() {
            Self::Reads
        } else {
            Self::Changes
        }
    }
}

/// Bounds the calls of each principal, and of each account.
#[derive(Debug)]
pub(crate) struct Pace {
    principals: Buckets,
    accounts: Buckets,
    /// Of accounts: calls that need no permission.
    open: Buckets,
    /// Of accounts: calls that take rights away.
    removals: Buckets,
}

impl Pace {
    /// Allows `per_second` calls a second to each principal, at least one, and
    /// [`ACCOUNT_FACTOR`] times as many to each account; as many again that take rights away, and a
    /// quarter of it that need no permission. A second's worth may be made at once.
    pub(crate) fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        let of_account = per_second.saturating_mul(ACCOUNT_FACTOR);
        Self {
            principals: Buckets::new(per_second),
            accounts: Buckets::new(of_account),
            open: Buckets::new(of_account / OPEN_PART),
            removals: Buckets::new(of_account),
        }
    }

    /// Takes a call of `principal`, who belongs to `account`, at `now`; false beyond a rate.
    ///
    /// What is beyond the principal's rate takes nothing from others of the account.
    pub(crate) fn admit(
        &self,
        principal: &str,
        account: Option<AccountId>,
        class: Class,
        now: Monotonic,
    ) -> bool {
        let accounts = match class {
            Class::Open => &self.open,
            Class::Reads | Class::Changes => &self.accounts,
            Class::TakesAway => &self.removals,
        };
        let within = self.principals.take(principal, now);
        within && account.is_none_or(|account| accounts.take(account.as_str(), now))
    }

    /// Whether a call of `principal` at `now` would be within its rate; it is not taken.
    pub(crate) fn would_admit(&self, principal: &str, now: Monotonic) -> bool {
        self.principals.would_take(principal, now)
    }
}

/// Parts of the memory of who owes what, each behind a lock of its own.
const PARTS: usize = 16;

/// How many that were remembered longest are looked at for each that is remembered anew.
const LOOKS: usize = 2;

/// One rate for each of any number of names.
#[derive(Debug)]
struct Buckets {
    /// The time that one call takes.
    each: Duration,
    hasher: RandomState,
    parts: [Mutex<Part>; PARTS],
}

/// Some of the names.
#[derive(Debug, Default)]
struct Part {
    /// When the calls so far are paid for.
    paid: HashMap<Arc<str>, Monotonic>,
    /// The same names, in the order in which they are looked at.
    hand: VecDeque<Arc<str>>,
}

impl Buckets {
    fn new(per_second: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / per_second,
            hasher: RandomState::new(),
            parts: Default::default(),
        }
    }

    /// Takes a call of `name` at `now`; false beyond the rate, and then nothing is taken.
    fn take(&self, name: &str, now: Monotonic) -> bool {
        let Some(mut part) = self.part(name) else {
            return false;
        };
        let next = self.after_one_more(&part, name, now);
        if let Some(next) = next {
            part.remember(name, next, now);
        }
        next.is_some()
    }

    /// Whether it would be taken.
    fn would_take(&self, name: &str, now: Monotonic) -> bool {
        let part = self.part(name);
        part.is_some_and(|part| self.after_one_more(&part, name, now).is_some())
    }

    /// The part that `name` is in.
    fn part(&self, name: &str) -> Option<MutexGuard<'_, Part>> {
        let parts = u64::try_from(PARTS).ok()?;
        let place = usize::try_from(self.hasher.hash_one(name) % parts).ok()?;
        let part = self.parts.get(place)?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Until when calls of `name` are paid for after one more at `now`; `None` beyond the rate.
    fn after_one_more(&self, part: &Part, name: &str, now: Monotonic) -> Option<Monotonic> {
        let paid = part.paid.get(name).map_or(now.0, |until| until.0);
        let next = paid.max(now.0).saturating_add(self.each);
        let within = next <= now.0.saturating_add(Duration::from_secs(1));
        within.then_some(Monotonic(next))
    }
}

impl Part {
    fn remember(&mut self, name: &str, until: Monotonic, now: Monotonic) {
        if let Some(paid) = self.paid.get_mut(name) {
            *paid = until;
            return;
        }
        self.forget(now);
        let name: Arc<str> = name.into();
        self.hand.push_back(Arc::clone(&name));
        self.paid.insert(name, until);
    }

    /// Forgets those that owe nothing among the few that come next. More are forgotten than
    /// remembered, so that what is remembered is bounded by who called of late.
    fn forget(&mut self, now: Monotonic) {
        for _ in 0..LOOKS {
            let Some(name) = self.hand.pop_front() else {
                return;
            };
            if self.paid.get(&name).is_some_and(|until| *until > now) {
                self.hand.push_back(name);
            } else {
                self.paid.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u64) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    fn admitted(pace: &Pace, principal: &str, of: u64, millis: u64, times: usize) -> usize {
        admitted_of(Class::Reads, pace, principal, of, millis, times)
    }

    fn admitted_of(
        class: Class,
        pace: &Pace,
        principal: &str,
        of: u64,
        millis: u64,
        times: usize,
    ) -> usize {
        let now = Monotonic(Duration::from_millis(millis));
        let of = Some(account(of));
        let calls = (0..times).filter(|_| pace.admit(principal, of, class, now));
        calls.count()
    }

    #[test]
    fn a_second_s_worth_at_once_and_then_the_rate() {
        let pace = Pace::new(10);
        assert_eq!(admitted(&pace, "a", 1, 0, 50), 10);
        assert_eq!(admitted(&pace, "b", 1, 0, 50), 10);
        assert_eq!(admitted(&pace, "a", 1, 500, 50), 5);
        assert_eq!(admitted(&pace, "a", 1, 60_000, 50), 10);
    }

    #[test]
    fn an_account_makes_no_more_calls_than_ten_principals_whatever_it_has() {
        let pace = Pace::new(10);
        let calls = |of, millis| -> usize {
            let principals = 0..500;
            let calls = principals.map(|it| admitted(&pace, &format!("{of}/{it}"), of, millis, 3));
            calls.sum()
        };
        assert_eq!(calls(1, 0), 100);
        assert_eq!(calls(1, 100), 10);
        // Another account has its own.
        assert_eq!(calls(2, 100), 100);
    }

    #[test]
    fn who_is_beyond_the_rate_takes_nothing_from_the_account() {
        let pace = Pace::new(10);
        assert_eq!(admitted(&pace, "a", 1, 0, 1_000), 10);
        let others: usize = (0..20)
            .map(|other| admitted(&pace, &other.to_string(), 1, 0, 10))
            .sum();
        assert_eq!(others, 90);
    }

    #[test]
    fn calls_of_one_class_take_nothing_from_another_s() {
        let pace = Pace::new(10);
        let calls = |class| -> usize {
            let principals = 0..100;
            let calls = principals.map(|number| {
                let principal = format!("{class:?}/{number}");
                admitted_of(class, &pace, &principal, 1, 0, 10)
            });
            calls.sum()
        };
        assert_eq!(calls(Class::Open), 25);
        assert_eq!(calls(Class::Changes), 100);
        assert_eq!(calls(Class::Reads), 0);
        assert_eq!(calls(Class::TakesAway), 100);
        // What one principal makes of them all counts together.
        let pace = Pace::new(10);
        for class in [Class::Open, Class::Reads, Class::Changes, Class::TakesAway] {
            assert_eq!(
                admitted_of(class, &pace, "a", 1, 0, 3),
                if class == Class::TakesAway { 1 } else { 3 }
            );
        }
    }

    #[test]
    fn to_ask_takes_nothing() {
        let pace = Pace::new(2);
        let now = Monotonic(Duration::ZERO);
        assert!((0..9).all(|_| pace.would_admit("a", now)));
        assert_eq!(admitted(&pace, "a", 1, 0, 9), 2);
        assert!(!pace.would_admit("a", now) && pace.would_admit("b", now));
        assert!(pace.would_admit("a", Monotonic(Duration::from_millis(500))));
    }

    fn remembered(buckets: &Buckets) -> usize {
        let parts = buckets.parts.iter();
        let parts = parts.map(|part| {
            let part = part.lock().unwrap();
            assert_eq!(part.paid.len(), part.hand.len());
            part.paid.len()
        });
        parts.sum()
    }

    #[test]
    fn principals_that_owe_nothing_are_forgotten() {
        let pace = Pace::new(10);
        for number in 0..5_000_u64 {
            let calls = admitted(&pace, &number.to_string(), number, number * 200, 1);
            assert_eq!(calls, 1);
        }
        assert!(remembered(&pace.principals) <= 4 * PARTS);
        assert!(remembered(&pace.accounts) <= 4 * PARTS);
    }
}
