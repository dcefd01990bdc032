//! How long a connection waits for its client.
//!
//! A head has its time from its first byte on, and the first head of a connection from the
//! connection on. Between an answer and the head after it a connection may be idle for another
//! time. While a request is at work, nobody waits for the client.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The times that clients have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// To send a head.
    pub head: Duration,
    /// From an answer to the first byte of the next head.
    pub idle: Duration,
    /// To read a MiB of an answer.
    pub write: Duration,
}

/// Whether a request of a connection is at work, for what answers it and what waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct AtWork(Arc<AtomicBool>);

/// A request that is at work until this is dropped.
#[derive(Debug)]
pub(crate) struct Working<'w>(&'w AtomicBool);

impl AtWork {
    /// Says that a request is at work from now on.
    pub(crate) fn begin(&self) -> Working<'_> {
        self.0.store(true, Ordering::Relaxed);
        Working(&self.0)
    }

    fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// A head, all of it.
    Head,
    /// The first byte of a head.
    Beginning,
}

/// Waits for the client of one connection.
#[derive(Debug)]
pub(crate) struct Patience {
    times: Times,
    at_work: AtWork,
    has_answered: bool,
    /// What is waited for, and since when.
    waiting: Option<(Awaited, Instant)>,
    /// One timer for all requests: it ends before its time rather than being set for each.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Waits as long as `times` says, except while `at_work`.
    pub(crate) fn new(times: Times, at_work: AtWork) -> Self {
        Self {
            times,
            at_work,
            has_answered: false,
            waiting: None,
            timer: None,
        }
    }

    /// Some of an answer has left: what is waited for after it has all of its time.
    pub(crate) fn answered(&mut self) {
        self.has_answered = true;
        self.waiting = None;
    }

    /// Pending while the client, of whom nothing more has arrived, has time left. `in_head` says
    /// whether a head has begun, `reads` whether the client has an answer to read first: then its
    /// time has not begun.
    pub(crate) fn poll(&mut self, in_head: bool, reads: bool, cx: &mut Context<'_>) -> Poll<()> {
        if self.at_work.is_so() {
            // Its answer comes first, and then this is asked again.
            self.waiting = None;
            return Poll::Pending;
        }
        let (awaited, time) = if in_head || !self.has_answered {
            (Awaited::Head, self.times.head)
        } else {
            (Awaited::Beginning, self.times.idle)
        };
        let since = match self.waiting {
            Some((same, since)) if same == awaited && !reads => since,
            _ => Instant::now(),
        };
        self.waiting = Some((awaited, since));
        let end = since + time;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() > end {
            timer.as_mut().reset(end);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const TIMES: Times = Times {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(1),
        write: Duration::from_secs(30),
    };

    /// How many seconds pass before the patience ends.
    async fn lasts(patience: &mut Patience, in_head: bool) -> u64 {
        let begun = Instant::now();
        poll_fn(|cx| patience.poll(in_head, false, cx)).await;
        begun.elapsed().as_secs()
    }

    /// Lets the client send nothing for `seconds`.
    async fn wait(patience: &mut Patience, in_head: bool, seconds: u64) {
        let wait = poll_fn(|cx| patience.poll(in_head, false, cx));
        let waited = tokio::time::timeout(Duration::from_secs(seconds), wait).await;
        assert!(waited.is_err(), "the patience ended within {seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_the_time_of_a_head_whether_it_has_begun_or_not() {
        let mut patience = Patience::new(TIMES, AtWork::default());
        wait(&mut patience, false, 4).await;
        assert_eq!(lasts(&mut patience, true).await, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_answer_a_connection_may_be_idle_for_longer() {
        let mut patience = Patience::new(TIMES, AtWork::default());
        wait(&mut patience, false, 9).await;
        patience.answered();
        wait(&mut patience, false, 50).await;
        patience.answered();
        assert_eq!(lasts(&mut patience, false).await, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_has_begun_has_its_own_time_however_long_it_was_waited_for() {
        let mut patience = Patience::new(TIMES, AtWork::default());
        patience.answered();
        wait(&mut patience, false, 59).await;
        assert_eq!(lasts(&mut patience, true).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_client_that_reads_its_answer_begins_when_it_has() {
        let mut patience = Patience::new(TIMES, AtWork::default());
        patience.answered();
        let reading = poll_fn(|cx| patience.poll(false, true, cx));
        let waited = tokio::time::timeout(Duration::from_secs(1_000), reading).await;
        assert!(waited.is_err());
        assert!(lasts(&mut patience, false).await <= 60);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_the_client_while_its_request_is_at_work() {
        let at_work = AtWork::default();
        let mut patience = Patience::new(TIMES, at_work.clone());
        wait(&mut patience, true, 9).await;
        let working = at_work.begin();
        wait(&mut patience, false, 1_000).await;
        drop(working);
        patience.answered();
        assert_eq!(lasts(&mut patience, false).await, 60);
    }
}
