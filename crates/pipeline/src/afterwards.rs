//! What waits for the commit of a call.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Work that waits for a commit.
#[derive(Default)]
pub(crate) struct Afterwards(Mutex<Vec<Following>>);

/// What follows a commit.
struct Following {
    work: Box<dyn FnOnce() + Send>,
    when: When,
}

/// After which commits work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Those of a call that succeeds.
    Succeeded,
    /// The same, and those of which nobody can tell whether they are durable.
    InDoubt,
    /// Every one that has, or may have, the record of this call: of a call on somebody's behalf
    /// that of an outer call which fails, too.
    Recorded,
}

impl Afterwards {
    /// Has `work` done then.
    pub(crate) fn add(&self, when: When, work: impl FnOnce() + Send + 'static) {
        self.lock().push(Following {
            work: Box::new(work),
            when,
        });
    }

    /// Takes over what waits for `inner`, of it only what `keeps` says.
    pub(crate) fn take_over(&self, inner: &Self, keeps: impl Fn(When) -> bool) {
        let mut taken = inner.take();
        taken.retain(|following| keeps(following.when));
        self.lock().append(&mut taken);
    }

    /// Does what is due, and forgets the rest.
    pub(crate) fn done(&self, is_due: impl Fn(When) -> bool) {
        for following in self.take() {
            if is_due(following.when) {
                (following.work)();
            }
        }
    }

    fn take(&self) -> Vec<Following> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Following>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Afterwards({})", self.lock().len())
    }
}
