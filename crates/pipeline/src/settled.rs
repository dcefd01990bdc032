//! The time that what cannot be undone goes by: the wall clock, unless it is suddenly far ahead.
//!
//! Deleted keys, ended key material, expired records and old events are destroyed when a time has
//! come. A clock that a bad time server or a resumed machine sets months ahead for a minute must
//! not destroy them all in that minute. So the wall clock is compared with the monotonic one, and
//! at a start with the time when the deployment was last at work. If it is more than that explains
//! ahead, destroying goes by the time that it explains, until the wall clock has kept to its new
//! time for an hour. Nothing else waits: what has ended is refused from its end on.
//!
//! Dating what was done is the other way round: by a clock that is behind it looks old, and goes too
//! early. So nothing is dated unless the clock has not been set for an hour, and is not before the
//! time when the deployment was last at work.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use types::{Monotonic, Timestamp};

/// How far ahead the wall clock may be set and be believed at once.
const LEAP: Duration = Duration::from_hours(1);

/// How long it must keep to a new time that is farther ahead.
const PROBATION: Duration = Duration::from_hours(1);

/// What still counts as keeping to it: clocks are slewed.
const STEADY: Duration = Duration::from_mins(1);

/// How long a deployment may have been out of work and believe the clock that it starts with.
const PAUSE: Duration = Duration::from_hours(24);

/// What the time goes by.
#[derive(Debug, Default)]
pub(crate) struct Settled(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The wall time of the monotonic clock's zero that is believed.
    origin: Option<Timestamp>,
    /// A later one that the wall clock claims, and since when.
    claim: Option<(Timestamp, Monotonic)>,
    /// The one that the wall clock keeps to, and since when.
    kept: Option<(Timestamp, Monotonic)>,
    /// Until when the deployment was at work when it was started.
    last: Option<Timestamp>,
}

impl Settled {
    /// Begins at `now`, when the deployment was at work until `last`.
    pub(crate) fn resume(&self, last: Timestamp, now: Timestamp, monotonic: Monotonic) {
        let believed = if now.since(last) > PAUSE { last } else { now };
        let mut state = self.lock();
        state.origin = Some(believed.saturating_sub(monotonic.0));
        state.last = Some(last);
    }

    /// The time by which something may be said to have been done, if the clock is trusted with
    /// that: it is asked often, and was not set for an hour.
    pub(crate) fn date(&self, now: Timestamp, monotonic: Monotonic) -> Option<Timestamp> {
        let is_settled = self.read(now, monotonic) == now;
        let state = self.lock();
        let is_steady = state
            .kept
            .is_some_and(|(_, since)| monotonic.0.saturating_sub(since.0) >= PROBATION);
        let is_later = state.last.is_none_or(|last| last <= now);
        (is_settled && is_steady && is_later).then_some(now)
    }

    /// The time that is believed, which is `now` or before it.
    pub(crate) fn read(&self, now: Timestamp, monotonic: Monotonic) -> Timestamp {
        let mut state = self.lock();
        let origin = now.saturating_sub(monotonic.0);
        let keeps = |(kept, _): (Timestamp, Monotonic)| apart(kept, origin) <= STEADY;
        if !state.kept.is_some_and(keeps) {
            state.kept = Some((origin, monotonic));
        }
        let believed = *state.origin.get_or_insert(origin);
        if origin <= believed {
            state.claim = None;
            return now;
        }
        match state.claim {
            Some((claimed, since)) if apart(claimed, origin) <= STEADY => {
                if monotonic.0.saturating_sub(since.0) >= PROBATION {
                    state.origin = Some(origin);
                    state.claim = None;
                    return now;
                }
            }
            Some(_) | None => state.claim = Some((origin, monotonic)),
        }
        if origin.since(believed) <= LEAP {
            now
        } else {
            believed.saturating_add(monotonic.0)
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.max(other).since(one.min(other))
}

#[cfg(test)]
mod tests {
    use types::{Clock, ManualClock};

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn clock() -> ManualClock {
        ManualClock::new(Timestamp::new(1_700_000_000, 0))
    }

    fn read(settled: &Settled, clock: &ManualClock) -> Timestamp {
        settled.read(clock.now(), clock.monotonic())
    }

    #[test]
    fn time_that_passes_is_believed_however_much_it_is() {
        let (settled, clock) = (Settled::default(), clock());
        for _ in 0..3 {
            assert_eq!(read(&settled, &clock), clock.now());
            clock.advance(365 * DAY);
        }
    }

    #[test]
    fn a_clock_that_is_months_ahead_for_a_minute_is_not_believed() {
        let (settled, clock) = (Settled::default(), clock());
        let before = read(&settled, &clock);
        clock.set_ahead(100 * DAY);
        clock.advance(Duration::from_secs(59));
        assert_eq!(
            read(&settled, &clock),
            before.saturating_add(Duration::from_secs(59))
        );
        clock.set_back(100 * DAY);
        assert_eq!(read(&settled, &clock), clock.now());
    }

    #[test]
    fn a_clock_that_keeps_to_its_new_time_is_believed_after_an_hour() {
        let (settled, clock) = (Settled::default(), clock());
        read(&settled, &clock);
        clock.set_ahead(100 * DAY);
        assert!(read(&settled, &clock) < clock.now());
        clock.advance(Duration::from_mins(59));
        assert!(read(&settled, &clock) < clock.now());
        clock.advance(Duration::from_mins(1));
        assert_eq!(read(&settled, &clock), clock.now());
    }

    #[test]
    fn a_clock_that_runs_ahead_step_by_step_is_not_believed() {
        let (settled, clock) = (Settled::default(), clock());
        let before = read(&settled, &clock);
        for _ in 0..48 {
            clock.set_ahead(Duration::from_mins(30));
            clock.advance(Duration::from_mins(10));
            read(&settled, &clock);
        }
        assert_eq!(
            read(&settled, &clock),
            before.saturating_add(Duration::from_hours(8))
        );
    }

    #[test]
    fn a_clock_that_is_put_right_is_believed_at_once() {
        let (settled, clock) = (Settled::default(), clock());
        read(&settled, &clock);
        for change in [1, 1800, 3600] {
            clock.set_ahead(Duration::from_secs(change));
            assert_eq!(read(&settled, &clock), clock.now());
            clock.set_back(Duration::from_secs(change));
            assert_eq!(read(&settled, &clock), clock.now());
        }
    }

    #[test]
    fn a_start_long_after_the_last_work_waits_for_an_hour() {
        let (settled, clock) = (Settled::default(), clock());
        let last = clock.now().saturating_sub(100 * DAY);
        settled.resume(last, clock.now(), clock.monotonic());
        assert_eq!(read(&settled, &clock), last);
        clock.advance(Duration::from_hours(1));
        assert_eq!(read(&settled, &clock), clock.now());
    }

    #[test]
    fn a_start_within_a_day_does_not_wait() {
        let (settled, clock) = (Settled::default(), clock());
        settled.resume(
            clock.now().saturating_sub(DAY),
            clock.now(),
            clock.monotonic(),
        );
        assert_eq!(read(&settled, &clock), clock.now());
    }

    fn date(settled: &Settled, clock: &ManualClock) -> Option<Timestamp> {
        settled.date(clock.now(), clock.monotonic())
    }

    #[test]
    fn nothing_is_dated_until_the_clock_was_not_set_for_an_hour() {
        let (settled, clock) = (Settled::default(), clock());
        let check_waits = || {
            assert_eq!(date(&settled, &clock), None);
            clock.advance(Duration::from_mins(59));
            assert_eq!(date(&settled, &clock), None);
            clock.advance(Duration::from_mins(1));
            assert_eq!(date(&settled, &clock), Some(clock.now()));
        };
        check_waits();
        clock.set_ahead(Duration::from_mins(30));
        check_waits();
        clock.set_ahead(100 * DAY);
        check_waits();
        clock.set_back(100 * DAY);
        check_waits();
    }

    #[test]
    fn nothing_is_dated_before_the_deployment_was_last_at_work() {
        let (settled, clock) = (Settled::default(), clock());
        let last = clock.now().saturating_add(DAY);
        settled.resume(last, clock.now(), clock.monotonic());
        for _ in 0..23 {
            assert_eq!(date(&settled, &clock), None);
            clock.advance(Duration::from_hours(1));
        }
        clock.advance(Duration::from_hours(1));
        assert_eq!(date(&settled, &clock), Some(last));
    }

    #[test]
    fn nothing_is_dated_by_a_time_that_is_not_believed() {
        let (settled, clock) = (Settled::default(), clock());
        let last = clock.now().saturating_sub(100 * DAY);
        settled.resume(last, clock.now(), clock.monotonic());
        assert_eq!(date(&settled, &clock), None);
        clock.advance(Duration::from_mins(59));
        assert_eq!(date(&settled, &clock), None);
        clock.advance(Duration::from_mins(1));
        assert_eq!(date(&settled, &clock), Some(clock.now()));
    }
}
