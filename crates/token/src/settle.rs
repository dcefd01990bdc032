//! What is still being done on tokens, for a process that is about to end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Calls that are queued or run, and sessions of dropped tokens that are not closed yet.
static UNSETTLED: Mutex<usize> = Mutex::new(0);

static SETTLED: Condvar = Condvar::new();

/// Waits until no call is queued or runs on any token, and the sessions of every dropped token are
/// closed. Returns whether that came within `patience`.
///
/// To be called before a process ends: a module tidies up its own state when it does, and a thread
/// that is in the module then may crash the process.
pub fn settle(patience: Duration) -> bool {
    let wait = SETTLED.wait_timeout_while(unsettled(), patience, |unsettled| *unsettled > 0);
    let (unsettled, _timed_out) = wait.unwrap_or_else(PoisonError::into_inner);
    *unsettled == 0
}

/// One call or one session for which [`settle`] waits, until it is dropped.
#[derive(Debug)]
pub(crate) struct Unsettled(());

impl Unsettled {
    pub(crate) fn one_more() -> Self {
        let mut unsettled = unsettled();
        *unsettled = unsettled.saturating_add(1);
        Self(())
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        let mut unsettled = unsettled();
        *unsettled = unsettled.saturating_sub(1);
        SETTLED.notify_all();
    }
}

fn unsettled() -> MutexGuard<'static, usize> {
    UNSETTLED.lock().unwrap_or_else(PoisonError::into_inner)
}
