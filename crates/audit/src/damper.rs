//! Floods of identical failures become one record a second with a count.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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

/// Slots at a time; beyond it, the failures of all further principals share one for each account,
/// region and code, of which there are as many as exist.
const SLOTS: usize = 4 * TRACKED;

/// What makes two failures identical: who, where, what, on which resource, with which code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DenialKey {
    /// The account whose history they belong to.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The principal's ARN, or the network that nobody was authenticated in; `*` for several.
    pub principal: String,
    /// Service and operation.
    pub action: String,
    /// The resource's ARN, if known.
    pub resource: String,
    /// The error's code.
    pub code: String,
    /// Whether another account's caller failed, on what this account owns.
    pub by_another: bool,
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
    /// The caller, as far as all of them had it in common: of several sessions of a role only
    /// the role.
    pub identity: UserIdentity,
    /// How many.
    pub count: u64,
}

#[derive(Debug)]
struct Slot {
    window: Monotonic,
    recorded: u32,
    suppressed: u64,
    /// What those that were only counted have in common.
    identity: Option<Box<UserIdentity>>,
}

/// Decides which of many identical failures are recorded.
#[derive(Debug, Default)]
pub struct Damper {
    slots: Mutex<HashMap<DenialKey, Slot>>,
}

impl Damper {
    /// Accounts for one failure of `identity` at `now`; if there is no `room` for a record, it is
    /// only counted.
    ///
    /// Beyond a rate per principal and code, and while too many distinct failures are
    /// tracked, only action and resource are given up; the principal only without room, and while
    /// too many principals are tracked.
    pub fn admit(
        &self,
        key: DenialKey,
        identity: &UserIdentity,
        room: bool,
        now: Monotonic,
    ) -> Damped {
        let everyone = key.of_everyone();
        self.admit_or(key, identity, room, now).unwrap_or_else(|| {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slot(&mut slots, everyone, now).count(identity);
            Damped::Count
        })
    }

    /// The same; `None`, and nothing is counted, where only the room is missing.
    pub(crate) fn admit_or(
        &self,
        key: DenialKey,
        identity: &UserIdentity,
        room: bool,
        now: Monotonic,
    ) -> Option<Damped> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let (principal, everyone) = (key.of_principal(), key.of_everyone());
        // The narrowest that has had its share counts.
        let levels = [
            (&key, RECORDED_PER_SECOND),
            (&principal, RECORDED_PER_PRINCIPAL),
        ];
        let mut spent = levels.iter().filter(|(level, limit)| {
            let slot = slots.get(*level);
            slot.is_some_and(|slot| !slot.has_room(*limit, now))
        });
        let counts = match spent.next() {
            Some((level, _)) => Some((*level).clone()),
            None if !room => return None,
            None if slots.len() < TRACKED || slots.contains_key(&key) => None,
            None if slots.len() < SLOTS || slots.contains_key(&principal) => {
                Some(principal.clone())
            }
            None => Some(everyone),
        };
        if let Some(counts) = counts {
            slot(&mut slots, counts, now).count(identity);
            return Some(Damped::Count);
        }
        slot(&mut slots, principal, now).recorded += 1;
        let own = slot(&mut slots, key, now);
        own.recorded += 1;
        Some(Damped::Record {
            suppressed: std::mem::take(&mut own.suppressed),
        })
    }

    /// Takes out the failures that were only counted and whose second is over, and forgets
    /// those that have been quiet: the maintenance task records them once a second. Where there is
    /// no `room` for their records, those of all principals become one for each account, region and
    /// code.
    pub fn flush(&self, now: Monotonic, room: impl Fn(&DenialKey) -> bool) -> Vec<Counted> {
        let mut counted = self.take_out(now);
        let together = counted.extract_if(.., |one| !room(&one.key));
        let mut everyone: HashMap<DenialKey, Counted> = HashMap::new();
        for one in together {
            match everyone.entry(one.key.of_everyone()) {
                Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    known.count = known.count.saturating_add(one.count);
                    known.identity.keep_common(&one.identity);
                }
                Entry::Vacant(free) => {
                    let key = free.key().clone();
                    free.insert(Counted { key, ..one });
                }
            }
        }
        counted.extend(everyone.into_values());
        counted
    }

    fn take_out(&self, now: Monotonic) -> Vec<Counted> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = Vec::new();
        slots.retain(|key, slot| {
            let over = slot.is_over(now);
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
            by_another: self.by_another,
        }
    }

    /// All failures with the same code in the same account and region, of its own callers or of
    /// others'.
    pub(crate) fn of_everyone(&self) -> Self {
        Self {
            principal: "*".to_owned(),
            ..self.of_principal()
        }
    }
}

impl Slot {
    /// Whether one more may be recorded at `now`, with so many within a second.
    fn has_room(&self, limit: u32, now: Monotonic) -> bool {
        self.is_over(now) || self.recorded < limit
    }

    fn is_over(&self, now: Monotonic) -> bool {
        now.0.saturating_sub(self.window.0) >= Duration::from_secs(1)
    }

    fn count(&mut self, identity: &UserIdentity) {
        self.suppressed += 1;
        match &mut self.identity {
            // One session must not be recorded as another one's doing.
            Some(common) => common.keep_common(identity),
            None => self.identity = Some(Box::new(identity.clone())),
        }
    }
}

fn slot(slots: &mut HashMap<DenialKey, Slot>, key: DenialKey, now: Monotonic) -> &mut Slot {
    let slot = slots.entry(key).or_insert(Slot {
        window: now,
        recorded: 0,
        suppressed: 0,
        identity: None,
    });
    if slot.is_over(now) {
        slot.window = now;
        slot.recorded = 0;
    }
    slot
}

#[cfg(test)]
mod tests {
    use types::Principal;

    use super::*;

    fn key(principal: &str) -> DenialKey {
        DenialKey {
            account: "111122223333".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            principal: principal.into(),
            action: "kms:Decrypt".into(),
            resource: "*".into(),
            code: "AccessDenied".into(),
            by_another: false,
        }
    }

    #[test]
    fn several_sessions_of_a_role_are_counted_as_the_role() {
        let role = |session: &str, key: &str| {
            let principal = Principal::AssumedRole {
                account: "111122223333".parse().unwrap(),
                role_arn: "arn:aws:iam::111122223333:role/r".parse().unwrap(),
                role_id: "AROAEXAMPLEEXAMPLE234".parse().unwrap(),
                role_name: "r".to_owned(),
                session: session.to_owned(),
            };
            let issued = types::Timestamp::new(1_700_000_000, 0);
            UserIdentity::of(&principal, Some(&key.parse().unwrap()), None).in_session(
                issued,
                None,
                Some(session),
                None,
            )
        };
        let (one, two) = (
            role("flood", "ASIAEXAMPLEEXAMPLE23"),
            role("probe", "ASIAEXAMPLEEXAMPLE24"),
        );
        let counted = |identities: &[&UserIdentity]| {
            let damper = Damper::default();
            let now = Monotonic(Duration::ZERO);
            for identity in std::iter::repeat_n(&&one, 10).chain(identities) {
                damper.admit(key("role"), identity, true, now);
            }
            let mut flushed = damper.flush(Monotonic(Duration::from_secs(1)), |_| true);
            flushed.swap_remove(0).identity
        };
        assert_eq!(counted(&[&one, &one]), one);
        let both = counted(&[&one, &two]);
        assert_eq!(both.kind, "AssumedRole");
        assert_eq!(
            (&both.arn, &both.principal_id, &both.access_key_id),
            (&None, &None, &None)
        );
        let context = both.session_context.unwrap();
        assert_eq!(
            context.session_issuer["arn"],
            "arn:aws:iam::111122223333:role/r"
        );
        assert_eq!(
            (context.source_identity, context.attributes),
            (None, serde_json::json!({}))
        );
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
            .map(|_| damper.admit(key("a"), &who("first"), true, at(0)))
            .collect();
        assert!(
            answers[..10]
                .iter()
                .all(|a| *a == Damped::Record { suppressed: 0 })
        );
        assert_eq!(answers[10..], [Damped::Count, Damped::Count]);
        assert_eq!(
            damper.admit(key("b"), &who("first"), true, at(0)),
            Damped::Record { suppressed: 0 }
        );
    }

    #[test]
    fn the_next_second_reports_the_count() {
        let damper = Damper::default();
        for _ in 0..15 {
            damper.admit(key("a"), &who("first"), true, at(0));
        }
        assert_eq!(
            damper.admit(key("a"), &who("first"), true, at(1000)),
            Damped::Record { suppressed: 5 }
        );
    }

    #[test]
    fn counts_are_flushed_when_the_flood_stops() {
        let damper = Damper::default();
        for _ in 0..15 {
            damper.admit(key("a"), &who("first"), true, at(0));
        }
        assert_eq!(damper.flush(at(500), |_| true), []);
        assert_eq!(damper.flush(at(1000), |_| true), [counted(key("a"), 5)]);
        assert_eq!(damper.flush(at(1000), |_| true), []);
    }

    #[test]
    fn places_are_counted_apart_and_keep_the_caller() {
        let damper = Damper::default();
        let there = DenialKey {
            region: "eu-west-1".parse().unwrap(),
            ..key("a")
        };
        for number in 0..11 {
            // Those that are recorded one by one say themselves who called.
            let caller = if number < 10 { "recorded" } else { "first" };
            damper.admit(key("a"), &who(caller), true, at(0));
            damper.admit(there.clone(), &who(caller), true, at(0));
        }
        damper.admit(key("a"), &who("first"), true, at(0));
        let mut flushed = damper.flush(at(1000), |_| true);
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
            .filter(|number| {
                damper.admit(failure(*number), &who("first"), true, at(0)) != Damped::Count
            })
            .count();
        assert_eq!(recorded, 50);
        let all = DenialKey {
            action: "*".into(),
            resource: "*".into(),
            ..key("a")
        };
        assert_eq!(damper.flush(at(1000), |_| true), [counted(all, 950)]);
    }

    #[test]
    fn a_flood_of_others_does_not_hide_a_principal() {
        let damper = Damper::default();
        for number in 0..2 * TRACKED {
            damper.admit(key(&number.to_string()), &who("first"), true, at(0));
        }
        damper.admit(key("me"), &who("first"), true, at(0));
        assert!(
            damper
                .flush(at(1000), |_| true)
                .iter()
                .any(|it| it.key.principal == "me" && it.count == 1)
        );
    }

    #[test]
    fn without_room_all_of_an_account_are_counted_together() {
        let damper = Damper::default();
        for number in 0..100 {
            let admitted = damper.admit(key(&number.to_string()), &who("first"), false, at(0));
            assert_eq!(admitted, Damped::Count);
        }
        assert_eq!(damper.slots.lock().unwrap().len(), 1);
        let everyone = key("a").of_everyone();
        assert_eq!(damper.flush(at(1000), |_| true), [counted(everyone, 100)]);
    }

    #[test]
    fn what_is_tracked_is_bounded_whoever_fails() {
        let damper = Damper::default();
        for number in 0..3 * SLOTS {
            damper.admit(key(&number.to_string()), &who("first"), true, at(0));
        }
        assert!(damper.slots.lock().unwrap().len() <= SLOTS + 1);
        let flushed = damper.flush(at(1000), |_| true);
        assert!(flushed.iter().any(|it| it.key.principal == "*"));
    }

    #[test]
    fn counts_without_room_are_one_for_an_account() {
        let damper = Damper::default();
        let failure = |name: &str, by_another| DenialKey {
            by_another,
            ..key(name)
        };
        for name in ["a", "b", "c"] {
            for _ in 0..15 {
                damper.admit(failure(name, true), &who("them"), true, at(0));
            }
        }
        for _ in 0..12 {
            damper.admit(failure("own", false), &who("own"), true, at(0));
        }
        let mut flushed = damper.flush(at(1000), |key| !key.by_another);
        flushed.sort_by_key(|it| it.count);
        assert_eq!(flushed.len(), 2);
        assert_eq!(flushed[0].key, failure("own", false));
        let all = failure("a", true).of_everyone();
        assert_eq!((&flushed[1].key, flushed[1].count), (&all, 15));
    }
}
