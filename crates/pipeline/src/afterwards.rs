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

    /// Takes over what waits for `inner`, a call on somebody's behalf: if that failed, only what its
    /// record is for, which is committed all the same.
    pub(crate) fn take_over(&self, inner: &Self, succeeded: bool) {
        let mut taken = inner.take();
        taken.retain(|following| succeeded || following.when == When::Recorded);
        self.lock().append(&mut taken);
    }

    /// Does all: the call has succeeded, and is durable.
    pub(crate) fn committed(&self) {
        self.done(|_when| true);
    }

    /// Does what is also to be done if nobody can tell how the commit ended, and forgets the rest.
    pub(crate) fn in_doubt(&self) {
        self.done(|when| when != When::Succeeded);
    }

    /// Does what records are for alone, which are durable, or may be, of a call that has failed;
    /// and forgets the rest.
    pub(crate) fn recorded(&self) {
        self.done(|when| when == When::Recorded);
    }

    fn done(&self, is_due: impl Fn(When) -> bool) {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const ALL: [When; 3] = [When::Succeeded, When::InDoubt, When::Recorded];

    /// What is done of work for each of these at `end`, and that nothing is done a second time.
    fn check(end: impl FnOnce(&Afterwards), expected: &[When]) {
        let (told, afterwards) = (Arc::new(Mutex::new(Vec::new())), Afterwards::default());
        for when in ALL {
            let told = Arc::clone(&told);
            afterwards.add(when, move || told.lock().unwrap().push(when));
        }
        end(&afterwards);
        afterwards.committed();
        assert_eq!(told.lock().unwrap().as_slice(), expected);
    }

    #[test]
    fn only_what_is_due_is_done_and_once() {
        check(Afterwards::committed, &ALL);
        check(Afterwards::in_doubt, &[When::InDoubt, When::Recorded]);
        check(Afterwards::recorded, &[When::Recorded]);
    }

    #[test]
    fn of_a_failed_call_on_somebodys_behalf_its_record_alone_is_waited_for() {
        let outer = Afterwards::default();
        let within = |succeeded: bool, end: fn(&Afterwards)| {
            let outer = &outer;
            move |inner: &Afterwards| {
                outer.take_over(inner, succeeded);
                end(outer);
            }
        };
        check(within(true, Afterwards::committed), &ALL);
        check(within(true, Afterwards::recorded), &[When::Recorded]);
        check(within(false, Afterwards::committed), &[When::Recorded]);
        check(within(false, Afterwards::recorded), &[When::Recorded]);
    }
}
