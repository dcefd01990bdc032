//! Which lines about callers the log gets: others decide how many there could be, and whoever
//! reads the log must not have to keep up with them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::CommitError;
use tracing::error;
use types::Monotonic;

use crate::{Ctx, Services};

/// Lines within a second about one principal with one code.
const OF_ONE: u32 = 10;

/// Lines within a second about all of them.
const OF_ALL: u32 = 100;

/// What lines about records that were not committed have for a code.
pub(crate) const UNCOMMITTED: &str = "uncommitted";

/// Bounds the lines about what callers were refused; the counters have them all.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Second>);

#[derive(Debug, Default)]
struct Second {
    begun: Option<Monotonic>,
    /// Lines so far, by principal and code.
    written: HashMap<(String, String), u32>,
    all: u32,
    left_out: u64,
}

impl Lines {
    /// Whether a line about `principal` and `code` may be written at `now`; if not, it is counted.
    pub(crate) fn admit(&self, principal: String, code: &str, now: Monotonic) -> bool {
        let mut second = self.lock();
        let is_over = |begun: Monotonic| now.0.saturating_sub(begun.0) >= Duration::from_secs(1);
        if second.begun.is_none_or(is_over) {
            second.begun = Some(now);
            second.written.clear();
            second.all = 0;
        }
        if second.all < OF_ALL {
            let own = second.written.entry((principal, code.to_owned()));
            let own = own.or_default();
            if *own < OF_ONE {
                *own += 1;
                second.all += 1;
                return true;
            }
        }
        second.left_out += 1;
        false
    }

    /// How many lines were left out since this was last asked.
    pub(crate) fn left_out(&self) -> u64 {
        std::mem::take(&mut self.lock().left_out)
    }

    fn lock(&self) -> MutexGuard<'_, Second> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services {
    /// Whether a line about an error of `code` in a call of `principal` may be written now.
    pub(crate) fn log_admits_error(&self, principal: String, code: &str) -> bool {
        self.errors.admit(principal, code, self.clock.monotonic())
    }
}

impl Ctx {
    /// Whether a line of the log about this caller and `code` may be written now: a caller decides
    /// how many there could be.
    pub(crate) fn log_admits(&self, code: &str) -> bool {
        let (services, principal) = (self.services(), self.caller().principal.standing_name());
        let now = services.clock.monotonic();
        services.lines.admit(principal, code, now)
    }

    /// The same of a line about what went wrong here.
    pub(crate) fn log_admits_error(&self, code: &str) -> bool {
        let principal = self.caller().principal.standing_name();
        self.services().log_admits_error(principal, code)
    }

    /// Logs that what this call would commit was not.
    pub(crate) fn log_uncommitted(&self, operation: &str, failed: &CommitError) {
        if self.log_admits_error(UNCOMMITTED) {
            error!(request = %self.id(), operation, error = %failed, "commit failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    fn written(lines: &Lines, principal: &str, millis: u64, times: usize) -> usize {
        let mut asked = 0..times;
        asked
            .by_ref()
            .filter(|_| lines.admit(principal.to_owned(), "AccessDenied", at(millis)))
            .count()
    }

    #[test]
    fn a_flood_of_one_caller_is_ten_lines_a_second_and_hides_no_other() {
        let lines = Lines::default();
        assert_eq!(written(&lines, "flooding", 0, 5_000), 10);
        assert_eq!(written(&lines, "other", 1, 1), 1);
        assert!(lines.admit("flooding".to_owned(), "ValidationException", at(2)));
        assert_eq!(lines.left_out(), 4_990);
        assert_eq!(lines.left_out(), 0);
        assert_eq!(written(&lines, "flooding", 1_000, 20), 10);
        assert_eq!(lines.left_out(), 10);
    }

    #[test]
    fn a_flood_of_many_callers_is_bounded_too_and_so_is_what_is_remembered() {
        let lines = Lines::default();
        let named = (0..5_000).map(|number| written(&lines, &number.to_string(), 0, 1));
        assert_eq!(named.sum::<usize>(), 100);
        assert_eq!(lines.lock().written.len(), 100);
        assert_eq!(lines.left_out(), 4_900);
    }
}
