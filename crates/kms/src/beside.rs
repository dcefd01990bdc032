//! Work that takes so long that other requests would wait for it: done on threads of its own, a
//! few at a time.
//!
//! Measured on two cores (`cargo run -p strongroom-crypto --example pair_speed`, in a debug build,
//! whose libraries are optimised a little): RSA takes 0.2 ms (2048 bits) to 1.6 ms (4096 bits) for
//! what needs the private key, and 0.9 to 6 ms to be read from its stored form; P-384, P-521 and
//! secp256k1 take 0.1 to 0.7 ms, ML-DSA 0.1 to 0.2 ms and over an external mu 4 to 8 ms, and
//! ML-KEM 0.3 to 0.9 ms to be read. Making an RSA pair takes from a fifth of a second to several.
//! P-256 and Ed25519 stay below 0.1 ms and are used where the request is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use types::AccountId;

use crate::Error;

/// How many requests may wait for an RSA pair of theirs.
const MAKERS_IN_LINE: usize = 16;
/// How many requests may wait to use a key of theirs.
const USERS_IN_LINE: usize = 1024;
/// What one account may have of a line: a fourth.
const SHARE: usize = 4;

/// Whose work it is: the caller's account; services that act for themselves share one place.
pub(crate) type Owner = Option<AccountId>;

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
        owner: Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.making.run(owner, work).await
    }

    /// Does what computes with a slow key.
    ///
    /// Fails with `ThrottlingException` if too many are waiting.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        owner: Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.using.run(owner, work).await
    }
}

/// A number of workers, and a bounded line in front of them.
#[derive(Debug)]
struct Line {
    workers: Arc<Semaphore>,
    waiting: Mutex<HashMap<Owner, usize>>,
    most: usize,
}

/// A place in a line, given up when it is dropped.
struct Place<'a> {
    line: &'a Line,
    owner: Owner,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.line.waiting();
        if let Some(own) = waiting.get_mut(&self.owner) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                waiting.remove(&self.owner);
            }
        }
    }
}

impl Line {
    fn new(workers: usize, most: usize) -> Self {
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            waiting: Mutex::default(),
            most,
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<Owner, usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the line, unless it is full or the owner has its share.
    fn place(&self, owner: Owner) -> Result<Place<'_>, Error> {
        let mut waiting = self.waiting();
        let all: usize = waiting.values().sum();
        let own = waiting.get(&owner).copied().unwrap_or_default();
        if all >= self.most || own >= self.most.div_ceil(SHARE) {
            return Err(Error::Throttled);
        }
        waiting.insert(owner, own.saturating_add(1));
        drop(waiting);
        Ok(Place { line: self, owner })
    }

    async fn run<T: Send + 'static>(
        &self,
        owner: Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.place(owner)?;
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

    fn owner(number: u64) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    fn in_line(line: &Line) -> usize {
        line.waiting().values().sum()
    }

    /// Work that has been started.
    type Running = Vec<tokio::task::JoinHandle<Result<(), Error>>>;

    /// Starts work of each of these accounts, which all end when what is returned is dropped.
    fn started(line: &Arc<Line>, owners: &[u64]) -> (Vec<Sender<()>>, Running) {
        let one = |number: &u64| {
            let (line, owner) = (Arc::clone(line), Some(owner(*number)));
            let (end, work) = waiting();
            (
                end,
                tokio::spawn(async move { line.run(owner, work).await }),
            )
        };
        owners.iter().map(one).unzip()
    }

    async fn until(line: &Line, waiting: usize) {
        while in_line(line) < waiting || line.workers.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn so_many_work_so_many_wait_and_the_rest_is_refused() {
        let line = Arc::new(Line::new(2, 3));
        let (ends, running) = started(&line, &[1, 2, 3, 4, 5]);
        until(&line, 3).await;
        let refused = line.run(Some(owner(6)), || ()).await.unwrap_err();
        assert_eq!(refused.code(), "ThrottlingException");
        drop(ends);
        for done in running {
            done.await.unwrap().unwrap();
        }
        assert_eq!(in_line(&line), 0);
        line.run(Some(owner(6)), || ()).await.unwrap();
    }

    #[tokio::test]
    async fn an_account_has_its_share_of_the_line_and_no_more() {
        let line = Arc::new(Line::new(1, 8));
        let (ends, running) = started(&line, &[1, 1, 1]);
        until(&line, 2).await;
        let refused = line.run(Some(owner(1)), || ()).await.unwrap_err();
        assert_eq!(refused.code(), "ThrottlingException");
        let (others, also) = started(&line, &[2, 3]);
        until(&line, 4).await;
        drop((ends, others));
        for done in running.into_iter().chain(also) {
            done.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_line_and_not_the_worker() {
        let line = Line::new(1, 1);
        let (end, work) = waiting();
        for (work, left) in [(Some(work), 0), (None, 1)] {
            let work = move || work.map_or((), |work| work());
            let mut asked = Box::pin(line.run(Some(owner(1)), work));
            let polled = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(asked.as_mut().poll(cx).is_pending())
            });
            assert!(polled.await);
            assert_eq!(in_line(&line), left);
            assert_eq!(line.workers.available_permits(), 0, "still at work");
        }
        assert_eq!(in_line(&line), 0);
        drop(end);
        line.run(Some(owner(1)), || ()).await.unwrap();
    }
}
