//! How much a search may look at, and when it lets others have their turn.

use std::time::Duration;

use types::{Clock, Monotonic};

/// How long a turn lasts: what others wait for at most, beside one look at a group's features.
const TURN: Duration = Duration::from_millis(1);

/// After how many looks the turn is over in any case.
const LOOKS_OF_TURN: u64 = 10_000;

/// After how many looks the clock is read: that costs as much as a few of them.
const LOOKS_OF_CLOCK: u64 = 500;

/// What one search has done, and may still do.
#[derive(Debug)]
pub(crate) struct Work<'c> {
    clock: &'c dyn Clock,
    /// How much it may still look at.
    left: u64,
    /// What is left when the clock is read again, and when the turn is over in any case.
    read_at: u64,
    over_at: u64,
    /// When the turn began.
    since: Monotonic,
}

/// A search would look at more than it may.
#[derive(Debug)]
pub(crate) struct Spent;

impl<'c> Work<'c> {
    /// Work that looks at so many values at most.
    pub(crate) fn new(clock: &'c dyn Clock, most: u64) -> Self {
        Self {
            clock,
            left: most,
            read_at: most.saturating_sub(LOOKS_OF_CLOCK),
            over_at: most.saturating_sub(LOOKS_OF_TURN),
            since: clock.monotonic(),
        }
    }

    /// Takes what costs as much as so many looks.
    pub(crate) fn spend(&mut self, looks: u64) -> Result<(), Spent> {
        self.left = self.left.checked_sub(looks).ok_or(Spent)?;
        Ok(())
    }

    /// Lets others have their turn, if this one has lasted long enough.
    pub(crate) async fn pause(&mut self) {
        if self.left > self.read_at {
            return;
        }
        self.read_at = self.left.saturating_sub(LOOKS_OF_CLOCK);
        let lasts = self.clock.monotonic().0.saturating_sub(self.since.0);
        if lasts >= TURN || self.left <= self.over_at {
            pipeline::yield_once().await;
            self.since = self.clock.monotonic();
            self.over_at = self.left.saturating_sub(LOOKS_OF_TURN);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Context, Poll, Waker};

    use types::Timestamp;

    use super::*;

    /// Moves on by so many microseconds whenever it is read.
    #[derive(Debug, Default)]
    pub(in crate::search) struct Ticking {
        micros: u64,
        read: AtomicU64,
    }

    impl Ticking {
        fn by(micros: u64) -> Self {
            Self {
                micros,
                ..Self::default()
            }
        }
    }

    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }

        fn monotonic(&self) -> Monotonic {
            let read = self.read.fetch_add(1, Ordering::Relaxed);
            Monotonic(Duration::from_micros(read * self.micros))
        }
    }

    /// What comes of `work`, and after how many turns.
    pub(in crate::search) fn turns<T>(work: impl Future<Output = T>) -> (T, usize) {
        let mut work = pin!(work);
        let mut cx = Context::from_waker(Waker::noop());
        let mut turn = 1;
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(&mut cx) {
                return (done, turn);
            }
            turn += 1;
        }
    }

    fn turns_of(looks: u64, clock: &Ticking) -> usize {
        let mut work = Work::new(clock, 1_000_000);
        let looking = async {
            for _ in 0..looks {
                work.spend(1).unwrap();
                work.pause().await;
            }
        };
        turns(looking).1
    }

    #[test]
    fn a_turn_lasts_a_millisecond_or_so_many_looks() {
        let still = Ticking::default();
        assert_eq!(turns_of(9_999, &still), 1);
        assert_eq!(turns_of(10_000, &still), 2);
        assert_eq!(turns_of(100_000, &still), 11);
        // The clock is read every 500 looks: two readings are a millisecond.
        let slow = Ticking::by(500);
        assert_eq!(turns_of(499, &slow), 1);
        assert!(turns_of(9_999, &slow) > 5);
    }

    #[test]
    fn what_is_spent_is_spent() {
        let clock = Ticking::default();
        let mut work = Work::new(&clock, 3);
        assert!(work.spend(2).is_ok() && work.spend(2).is_err());
        assert!(work.spend(1).is_ok() && work.spend(1).is_err());
    }
}
