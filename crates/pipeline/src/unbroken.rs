//! Work that comes to its end, also if whoever waits for it goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Work that goes on in a task of its own if this is dropped after it has begun.
///
/// Whoever waits for it to the end pays for no task. Dropped outside a runtime, or in one that
/// ends, it goes no further: then the process ends, and the next start finds what is durable.
pub(crate) struct Unbroken<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    work: Option<Pin<Box<F>>>,
    begun: bool,
}

impl<F> Unbroken<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// What `work` comes to.
    pub(crate) fn new(work: F) -> Self {
        Self {
            work: Some(Box::pin(work)),
            begun: false,
        }
    }
}

impl<F> Future for Unbroken<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.begun = true;
        // Work that panics is not put back: it cannot go on.
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        let poll = work.as_mut().poll(cx);
        if poll.is_pending() {
            self.work = Some(work);
        }
        poll
    }
}

impl<F> Drop for Unbroken<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        let Some(work) = self.work.take().filter(|_| self.begun) else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(work));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Work that waits to be told, and then counts.
    fn waiting(told: &Arc<Notify>, done: &Arc<AtomicUsize>) -> impl Future<Output = ()> + use<> {
        let (told, done) = (Arc::clone(told), Arc::clone(done));
        async move {
            told.notified().await;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        Pin::new(future).poll(&mut cx).is_ready()
    }

    #[tokio::test]
    async fn what_has_begun_goes_on_when_nobody_waits_any_more() {
        let (told, done) = (Arc::new(Notify::new()), Arc::default());
        let mut work = Unbroken::new(waiting(&told, &done));
        assert!(!poll_once(&mut work));
        drop(work);
        told.notify_one();
        while done.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_has_not_begun_or_is_done_does_not() {
        let (told, done) = (Arc::new(Notify::new()), Arc::default());
        drop(Unbroken::new(waiting(&told, &done)));
        told.notify_one();
        let mut work = Unbroken::new(waiting(&told, &done));
        assert!(poll_once(&mut work));
        drop(work);
        tokio::task::yield_now().await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn outside_a_runtime_it_ends() {
        let (told, done) = (Arc::new(Notify::new()), Arc::default());
        let mut work = Unbroken::new(waiting(&told, &done));
        assert!(!poll_once(&mut work));
        drop(work);
        assert_eq!(Arc::strong_count(&told), 1);
    }
}
