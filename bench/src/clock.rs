//! The time of the harness: monotonic for spans, wall-clock for signatures.

use std::sync::LazyLock;
use std::time::Duration;

use types::{Clock, Monotonic, SystemClock, Timestamp};

static CLOCK: LazyLock<SystemClock> = LazyLock::new(SystemClock::new);

/// A monotonic reading.
pub(crate) fn tick() -> Duration {
    let Monotonic(reading) = CLOCK.monotonic();
    reading
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    CLOCK.now()
}
