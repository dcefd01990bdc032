//! The log of requests that no operation is run for: nobody is authenticated, or what is asked
//! for cannot be read or does not exist.
//!
//! Others decide how many there are, so no more than a few a second are written; the next
//! line says how many were left out. The counters have them all.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::warn;
use types::{Clock, Monotonic, RequestId, Service};

/// Lines written within a second.
const LINES_PER_SECOND: u32 = 10;

/// Writes refusals, within bounds.
#[derive(Debug)]
pub(crate) struct Refusals {
    clock: Arc<dyn Clock>,
    damping: Mutex<Damping>,
}

#[derive(Debug, Default)]
struct Damping {
    second: Option<Monotonic>,
    written: u32,
    left_out: u64,
}

impl Refusals {
    /// A log whose seconds are those of `clock`.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            damping: Mutex::default(),
        }
    }

    /// Counts and, unless there are too many, logs that request `id` of `peer` was refused
    /// with `code`.
    pub(crate) fn note(&self, peer: Option<IpAddr>, code: &str, id: RequestId) {
        metrics::counter!("strongroom_refused_total", "code" => code.to_owned()).increment(1);
        if let Some(left_out) = self.admit() {
            let peer = peer.map(|peer| peer.to_canonical().to_string());
            warn!(peer, code, request = %id, left_out, "refused before authentication");
        }
    }

    /// Counts and, unless there are too many, logs that call `id` of an authenticated caller was
    /// refused with `code` before it reached an operation of `service`.
    pub(crate) fn note_call(&self, service: Service, code: &str, id: RequestId) {
        let service = service.model_name();
        metrics::counter!("strongroom_unreadable_total", "service" => service, "code" => code.to_owned())
            .increment(1);
        if let Some(left_out) = self.admit() {
            warn!(service, code, request = %id, left_out, "refused before an operation was run");
        }
    }

    /// How many lines were left out before this one, if it may be written.
    fn admit(&self) -> Option<u64> {
        let now = self.clock.monotonic();
        let mut damping = self.damping.lock().unwrap_or_else(PoisonError::into_inner);
        damping.admit(now)
    }
}

impl Damping {
    /// How many were left out since the last line, if one more may be written at `now`.
    fn admit(&mut self, now: Monotonic) -> Option<u64> {
        let is_over = |second: Monotonic| now.0.saturating_sub(second.0) >= Duration::from_secs(1);
        if self.second.is_none_or(is_over) {
            self.second = Some(now);
            self.written = 0;
        }
        if self.written == LINES_PER_SECOND {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_ten_lines_a_second_and_a_count_of_the_rest() {
        let mut damping = Damping::default();
        let at = |millis| Monotonic(Duration::from_millis(millis));
        let written = (0..500).filter(|i| damping.admit(at(*i)).is_some()).count();
        assert_eq!(written, 10);
        assert_eq!(damping.admit(at(1000)), Some(490));
        assert_eq!(damping.admit(at(1001)), Some(0));
    }
}
