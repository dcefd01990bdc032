//! Time is handed in, never reached for: [`Clock`], the real one and one that tests move.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Timestamp;

/// A monotonic reading for measuring spans; its zero is arbitrary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub Duration);

/// The source of wall-clock and monotonic time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The current wall-clock time, UTC.
    fn now(&self) -> Timestamp;

    /// A reading that never goes back.
    fn monotonic(&self) -> Monotonic;
}

/// The operating system's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// The clock of this machine.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that others take"
    )]
    pub fn new() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that others take"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::new(
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            since.subsec_nanos(),
        )
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.start.elapsed())
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<(Timestamp, Duration)>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self {
            state: Mutex::new((start, Duration::ZERO)),
        }
    }

    /// Moves wall-clock and monotonic time forward by `span`.
    pub fn advance(&self, span: Duration) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0 = state.0.saturating_add(span);
        state.1 = state.1.saturating_add(span);
    }

    /// Sets the wall clock ahead by `span`, as a time server does: no time passes.
    pub fn set_ahead(&self, span: Duration) {
        self.set(|now| now.saturating_add(span));
    }

    /// Sets the wall clock back by `span`.
    pub fn set_back(&self, span: Duration) {
        self.set(|now| now.saturating_sub(span));
    }

    fn set(&self, change: impl FnOnce(Timestamp) -> Timestamp) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0 = change(state.0);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .0
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(
            self.state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .1,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Timestamp::new(10, 0));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now(), Timestamp::new(11, 500_000_000));
        assert_eq!(clock.monotonic(), Monotonic(Duration::from_millis(1500)));
        clock.set_ahead(Duration::from_secs(5));
        clock.set_back(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp::new(14, 500_000_000));
        assert_eq!(clock.monotonic(), Monotonic(Duration::from_millis(1500)));
    }
}
