//! Floods of identical failures become one record a second with a count.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use types::{AccountId, Monotonic, Region};

use crate::UserIdentity;

/// Identical failures recorded one by one within a second before counting starts.
const RECORDED_PER_SECOND: u32 = 10;

/// Failures of one principal with one code recorded within a second, whatever they were about.
const RECORDED_PER_PRINCIPAL: u32 = 50;

/// Distinct failures tracked at a time; beyond it, those of a principal share one slot.
const TRACKED: usize = 4096;

/// What makes two failures identical: who, where, what, on which resource, with which code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DenialKey {
    /// The account whose history they belong to.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The principal's ARN, or the address that nobody was authenticated at.
    pub principal: String,
    /// Service and operation.
    pub action: String,
    /// The resource's ARN, if known.
    pub resource: String,
    /// The error's code.
    pub code: String,
}

/// What to do with a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damped {
    /// Record it, and say that `suppressed` identical ones before it were not.
    Record {
        /// Identical failures since the last record that were only counted.
        suppressed: u64,
    },
    /// Count it only; a later record says how many.
    Count,
}

/// Failures that were only counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// What they had in common.
    pub key: DenialKey,
    /// The caller of the first.
    pub identity: UserIdentity,
    /// How many.
    pub count: u64,
}

#[derive(Debug)]
struct Slot {
    window: Monotonic,
    recorded: u32,
    suppressed: u64,
    /// The caller of the first that was only counted.
    identity: Option<Box<UserIdentity>>,
}

/// Decides which of many identical failures are recorded.
#[derive(Debug, Default)]
pub struct Damper {
    slots: Mutex<HashMap<DenialKey, Slot>>,
}

impl Damper {
    /// Accounts for one failure of `identity` at `now`.
    ///
    /// Beyond a rate per principal and code, and while too many distinct failures are
    /// tracked, only action and resource are given up: the principal is always kept.
    pub fn admit(&self, key: DenialKey, identity: &UserIdentity, now: Monotonic) -> Damped {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let all = key.of_principal();
        let full = slots.len() >= TRACKED && !slots.contains_key(&key);
        let within = slot(&mut slots, all.clone(), now).take(RECORDED_PER_PRINCIPAL);
        if !within || full {
            slot(&mut slots, all, now).count(identity);
            return Damped::Count;
        }
        let own = slot(&mut slots, key, now);
        if own.take(RECORDED_PER_SECOND) {
            Damped::Record {
                suppressed: std::mem::take(&mut own.suppressed),
            }
        } else {
            own.count(identity);
            Damped::Count
        }
    }

    /// Takes out the failures that were only counted and whose second is over, and forgets
    /// those that have been quiet: the maintenance task records them once a second.
    pub fn flush(&self, now: Monotonic) -> Vec<Counted> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = Vec::new();
        slots.retain(|key, slot| {
            let over = now.0.saturating_sub(slot.window.0) >= Duration::from_secs(1);
            if over && slot.suppressed > 0 {
                let identity = slot.identity.take().map(|identity| *identity);
                counted.push(Counted {
                    key: key.clone(),
                    identity: identity.unwrap_or_else(|| UserIdentity::unknown(None)),
                    count: slot.suppressed,
                });
            }
            !over
        });
        counted
    }
}

impl DenialKey {
    /// All failures of the same principal with the same code.
    fn of_principal(&self) -> Self {
        Self {
            account: self.account,
            region: self.region.clone(),
            principal: self.principal.clone(),
            action: "*".to_owned(),
            resource: "*".to_owned(),
            code: self.code.clone(),
        }
    }
}

impl Slot {
    /// Whether one more may be recorded in this second.
    fn take(&mut self, limit: u32) -> bool {
        let within = self.recorded < limit;
        self.recorded += u32::from(within);
        within
    }

    fn count(&mut self, identity: &UserIdentity) {
        self.suppressed += 1;
        self.identity
            .get_or_insert_with(|| Box::new(identity.clone()));
    }
}

fn slot(slots: &mut HashMap<DenialKey, Slot>, key: DenialKey, now: Monotonic) -> &mut Slot {
    let slot = slots.entry(key).or_insert(Slot {
        window: now,
        recorded: 0,
        suppressed: 0,
        identity: None,
    });
    if now.0.saturating_sub(slot.window.0) >= Duration::from_secs(1) {
        slot.window = now;
        slot.recorded = 0;
    }
    slot
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(principal: &str) -> DenialKey {
        DenialKey {
            account: "111122223333".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            principal: principal.into(),
            action: "kms:Decrypt".into(),
            resource: "*".into(),
            code: "AccessDenied".into(),
        }
    }

    fn who(name: &str) -> UserIdentity {
        UserIdentity::unknown(Some(name))
    }

    fn counted(key: DenialKey, count: u64) -> Counted {
        let identity = who("first");
        Counted {
            key,
            identity,
            count,
        }
    }

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    #[test]
    fn the_eleventh_identical_denial_of_a_second_is_only_counted() {
        let damper = Damper::default();
        let answers: Vec<_> = (0..12)
            .map(|_| damper.admit(key("a"), &who("first"), at(0)))
            .collect();
        assert!(
            answers[..10]
                .iter()
                .all(|a| *a == Damped::Record { suppressed: 0 })
        );
        assert_eq!(answers[10..], [Damped::Count, Damped::Count]);
        assert_eq!(
            damper.admit(key("b"), &who("first"), at(0)),
            Damped::Record { suppressed: 0 }
        );
    }

    #[test]
    fn the_next_second_reports_the_count() {
        let damper = Damper::default();
        for _ in 0..15 {
            damper.admit(key("a"), &who("first"), at(0));
        }
        assert_eq!(
            damper.admit(key("a"), &who("first"), at(1000)),
            Damped::Record { suppressed: 5 }
        );
    }

    #[test]
    fn counts_are_flushed_when_the_flood_stops() {
        let damper = Damper::default();
        for _ in 0..15 {
            damper.admit(key("a"), &who("first"), at(0));
        }
        assert_eq!(damper.flush(at(500)), []);
        assert_eq!(damper.flush(at(1000)), [counted(key("a"), 5)]);
        assert_eq!(damper.flush(at(1000)), []);
    }

    #[test]
    fn places_are_counted_apart_and_keep_the_first_caller() {
        let damper = Damper::default();
        let there = DenialKey {
            region: "eu-west-1".parse().unwrap(),
            ..key("a")
        };
        for number in 0..11 {
            // Those that are recorded one by one say themselves who called.
            let caller = if number < 10 { "recorded" } else { "first" };
            damper.admit(key("a"), &who(caller), at(0));
            damper.admit(there.clone(), &who(caller), at(0));
        }
        damper.admit(key("a"), &who("later"), at(0));
        let mut flushed = damper.flush(at(1000));
        flushed.sort_by_key(|it| it.count);
        assert_eq!(flushed, [counted(there, 1), counted(key("a"), 2)]);
    }

    #[test]
    fn one_principal_cannot_fill_the_log_with_different_failures() {
        let damper = Damper::default();
        let failure = |number: u32| DenialKey {
            resource: number.to_string(),
            ..key("a")
        };
        let recorded = (0..1000)
            .filter(|number| damper.admit(failure(*number), &who("first"), at(0)) != Damped::Count)
            .count();
        assert_eq!(recorded, 50);
        let all = DenialKey {
            action: "*".into(),
            resource: "*".into(),
            ..key("a")
        };
        assert_eq!(damper.flush(at(1000)), [counted(all, 950)]);
    }

    #[test]
    fn a_flood_of_others_does_not_hide_a_principal() {
        let damper = Damper::default();
        for number in 0..2 * TRACKED {
            damper.admit(key(&number.to_string()), &who("first"), at(0));
        }
        damper.admit(key("me"), &who("first"), at(0));
        assert!(
            damper
                .flush(at(1000))
                .iter()
                .any(|it| it.key.principal == "me" && it.count == 1)
        );
    }
}
