//! Work that takes so long that other requests would wait for it: done on threads of its own, a
//! few at a time.
//!
//! On a machine of two cores, in a release build, RSA takes from 0.7 ms (2048 bits) to 4 ms
//! (4096 bits) for what needs the private key and about as long to read it from its stored form;
//! ML-DSA, P-521 and secp256k1 take some hundred microseconds. Making an RSA pair takes from a
//! tenth of a second to several. The rest is done where the request is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::Error;

/// How many requests may wait for an RSA pair of theirs.
const MAKERS_IN_LINE: usize = 16;
/// How many requests may wait to use a key of theirs.
const USERS_IN_LINE: usize = 1024;

/// The two lines that long work waits in.
#[derive(Debug)]
pub(crate) struct Beside {
    making: Line,
    using: Line,
}

impl Default for Beside {
    /// As many workers as there are processors use keys, half as many make RSA pairs: neither
    /// takes the processors from the requests that do neither.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            making: Line::new(processors.div_ceil(2), MAKERS_IN_LINE),
            using: Line::new(processors, USERS_IN_LINE),
        }
    }
}

impl Beside {
    /// Does what searches for primes.
    ///
    /// Fails with `ThrottlingException` if too many are waiting for theirs.
    pub(crate) async fn make<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.making.run(work).await
    }

    /// Does what computes with a slow key.
    ///
    /// Fails with `ThrottlingException` if too many are waiting.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.using.run(work).await
    }
}

/// A number of workers, and a bounded line in front of them.
#[derive(Debug)]
struct Line {
    workers: Arc<Semaphore>,
    waiting: AtomicUsize,
    most: usize,
}

/// A place in a line, given up when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Line {
    fn new(workers: usize, most: usize) -> Self {
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            waiting: AtomicUsize::new(0),
            most,
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.waiting);
        if before >= self.most {
            return Err(Error::Throttled);
        }
        let workers = Arc::clone(&self.workers);
        let worker = workers.acquire_owned().await;
        let worker = worker.map_err(|closed| Error::internal("the workers are gone", closed))?;
        drop(place);
        // A caller who goes away leaves its work behind: the worker is busy until that is done.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(worker);
            done
        })
        .await
        .map_err(|source| Error::internal("work for a request ended early", source))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use types::ServiceError as _;

    use super::*;

    /// Work that ends when it is told to.
    fn waiting() -> (Sender<()>, impl FnOnce() + Send + 'static) {
        let (end, ended): (Sender<()>, Receiver<()>) = channel();
        (end, move || ended.recv().unwrap_or_default())
    }

    #[tokio::test]
    async fn so_many_work_so_many_wait_and_the_rest_is_refused() {
        let line = Arc::new(Line::new(2, 3));
        let started = |work: Box<dyn FnOnce() + Send>| {
            let line = Arc::clone(&line);
            tokio::spawn(async move { line.run(work).await })
        };
        let (ends, running): (Vec<_>, Vec<_>) = (0..5)
            .map(|_| {
                let (end, work) = waiting();
                (end, started(Box::new(work)))
            })
            .unzip();
        while line.waiting.load(Ordering::Relaxed) < 3 || line.workers.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = line.run(|| ()).await.unwrap_err();
        assert_eq!(refused.code(), "ThrottlingException");
        drop(ends);
        for done in running {
            done.await.unwrap().unwrap();
        }
        assert_eq!(line.waiting.load(Ordering::Relaxed), 0);
        line.run(|| ()).await.unwrap();
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_line_and_not_the_worker() {
        let line = Line::new(1, 1);
        let (end, work) = waiting();
        {
            let mut first = Box::pin(line.run(work));
            let polled = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(first.as_mut().poll(cx).is_pending())
            });
            assert!(polled.await);
        }
        assert_eq!(line.workers.available_permits(), 0, "still at work");
        {
            let mut second = Box::pin(line.run(|| ()));
            let polled = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(second.as_mut().poll(cx).is_pending())
            });
            assert!(polled.await);
            assert_eq!(line.waiting.load(Ordering::Relaxed), 1);
        }
        assert_eq!(line.waiting.load(Ordering::Relaxed), 0);
        drop(end);
        line.run(|| ()).await.unwrap();
    }
}
