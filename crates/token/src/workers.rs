//! The threads that call a token, so that nobody else waits for it longer than allowed.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crypto::SecretBytes;
use tokio::sync::oneshot;

use crate::module::{Module, Refused};
use crate::settle::Unsettled;
use crate::{Error, Session, Settings};

/// Calls that may wait for each session.
const QUEUE: usize = 64;

/// How often a token may be open at a time, those counted that its owner has given up because it
/// does not answer: whoever opens it again and again gets no more threads.
const OPENED: usize = 16;

/// A token that is used with a PIN.
///
/// Dropping it closes its sessions as soon as their calls have ended. Only a call that the token
/// never answers keeps its thread.
pub struct Token {
    jobs: SyncSender<Job>,
    timeout: Duration,
    settings: Settings,
    closing: Closing,
}

/// One for each thread of a dropped token that has not closed its session yet.
type Closing = Arc<Mutex<Vec<Unsettled>>>;

/// What a thread does with its worker.
type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// What belongs to one thread: at most one session.
struct Worker {
    settings: Arc<Settings>,
    module: Arc<Module>,
    pin: Arc<SecretBytes>,
    refused: Arc<Refused>,
    session: Option<Session>,
    _counted: Counted,
}

/// One thread that works on a token, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one_of(threads: &Arc<AtomicUsize>) -> Self {
        threads.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(threads))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Token {
    /// Takes the token for use. Nothing is asked of it yet; if it refuses the PIN when it is, it is
    /// not asked with this PIN again, until it is opened once more.
    ///
    /// Fails if the threads cannot be started, or if too many wait for this token already.
    pub fn open(settings: Settings, pin: SecretBytes) -> Result<Self, Error> {
        let sessions = settings.sessions.max(1);
        let (jobs, queue) = sync_channel(sessions.saturating_mul(QUEUE));
        let queue = Arc::new(Mutex::new(queue));
        let (shared, pin) = (Arc::new(settings.clone()), Arc::new(pin));
        let closing = Closing::default();
        let refused = Arc::new(Refused::default());
        let module = Module::at(&settings.module);
        let threads = module.threads(&settings.slot);
        let most = sessions.saturating_mul(OPENED);
        if threads.load(Ordering::Acquire).saturating_add(sessions) > most {
            return Err(Error::Threads);
        }
        for _ in 0..sessions {
            let counted = Counted::one_of(&threads);
            let worker = Worker {
                _counted: counted,
                settings: Arc::clone(&shared),
                module: Arc::clone(&module),
                pin: Arc::clone(&pin),
                refused: Arc::clone(&refused),
                session: None,
            };
            let (queue, closing) = (Arc::clone(&queue), Arc::clone(&closing));
            let run = move || {
                work(worker, &queue);
                drop(lock(&closing).pop());
            };
            thread::Builder::new()
                .name("token".to_owned())
                .spawn(run)
                .map_err(|_no_thread| Error::Threads)?;
        }
        Ok(Self {
            jobs,
            timeout: settings.timeout,
            settings,
            closing,
        })
    }

    /// What the token was opened with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Fails unless the token is there and can do what is needed of it. No PIN is given to it.
    ///
    /// Fails in time as [`Token::run`] does.
    pub async fn probe(&self) -> Result<(), Error> {
        self.ask(|worker| worker.module.slot(&worker.settings).map(|_found| ()))
            .await
    }

    /// Runs `task` on a session. If the session turns out to be lost, `task` runs again, once, on
    /// a new one.
    ///
    /// Fails with [`Error::Timeout`] if that is not done in time, and with [`Error::Busy`] at once
    /// if too many wait already. Needs a Tokio runtime with a timer.
    pub async fn run<T, F>(&self, task: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&Session) -> Result<T, Error> + Send + 'static,
    {
        self.ask(move |worker| worker.run(&task)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Worker) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let waiting = Arc::new(());
        self.queue(Arc::downgrade(&waiting), task, move |result| {
            // Who asked may be gone.
            let _told = answer.send(result);
        })?;
        let ended = tokio::time::timeout(self.timeout, answered).await;
        drop(waiting);
        match ended {
            Ok(Ok(result)) => result,
            Ok(Err(_dropped)) => Err(Error::Threads),
            Err(_elapsed) => Err(Error::Timeout),
        }
    }

    /// Like [`Token::run`], for callers that may block.
    pub fn run_blocking<T, F>(&self, task: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&Session) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = sync_channel(1);
        let run = move |worker: &mut Worker| worker.run(&task);
        let waiting = Arc::new(());
        self.queue(Arc::downgrade(&waiting), run, move |result| {
            // Who asked may be gone.
            let _told = answer.send(result);
        })?;
        let ended = answered.recv_timeout(self.timeout);
        drop(waiting);
        match ended {
            Ok(result) => result,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Err(Error::Threads),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Err(Error::Timeout),
        }
    }

    /// Queues `task`, unless the queue is full; it is dropped if its turn comes when nobody holds
    /// what `waits` is of any more.
    fn queue<T: 'static>(
        &self,
        waits: Weak<()>,
        task: impl FnOnce(&mut Worker) -> Result<T, Error> + Send + 'static,
        answer: impl FnOnce(Result<T, Error>) + Send + 'static,
    ) -> Result<(), Error> {
        let unsettled = Unsettled::one_more();
        let job = move |worker: &mut Worker| {
            let _until_done = unsettled;
            // What nobody waits for any more must not happen.
            if waits.strong_count() > 0 {
                answer(task(worker));
            }
        };
        match self.jobs.try_send(Box::new(job)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Error::Busy),
            Err(TrySendError::Disconnected(_)) => Err(Error::Threads),
        }
    }
}

impl Worker {
    fn run<T>(&mut self, task: impl Fn(&Session) -> Result<T, Error>) -> Result<T, Error> {
        let is_new = self.session.is_none();
        let first = self.attempt(&task);
        match &first {
            Err(failed) if failed.is_lost() => {
                self.session = None;
                if is_new { first } else { self.attempt(&task) }
            }
            Ok(_) | Err(_) => first,
        }
    }

    fn attempt<T>(&mut self, task: impl Fn(&Session) -> Result<T, Error>) -> Result<T, Error> {
        if self.session.is_none() {
            let raw = self
                .module
                .session(&self.settings, (&self.pin, &self.refused))?;
            let owner = self.settings.owner.clone();
            self.session = Some(Session::new(raw, owner));
        }
        let session = self.session.as_ref().ok_or(Error::Threads)?;
        let result = task(session);
        if matches!(&result, Err(failed) if failed.is_lost()) {
            self.session = None;
        }
        result
    }
}

/// Does what is queued until the token is dropped.
fn work(mut worker: Worker, queue: &Mutex<Receiver<Job>>) {
    loop {
        let next = lock(queue).recv();
        let Ok(job) = next else {
            return;
        };
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&mut worker)));
        if unwound.is_err() {
            // Who asked learns of it, since the answer was dropped; the session may be amiss.
            worker.session = None;
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // The threads learn of it by the queue, which ends after this.
        let sessions = self.settings.sessions.max(1);
        lock(&self.closing).extend((0..sessions).map(|_| Unsettled::one_more()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.settings.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Slot;

    #[test]
    fn whoever_opens_a_token_again_and_again_gets_no_more_threads() {
        let open = || {
            let slot = Slot::Label("hangs".to_owned());
            let settings = Settings::new("/nowhere/hangs.so".into(), slot);
            Token::open(settings, SecretBytes::from(b"pin".to_vec()))
        };
        let opened: Vec<Token> = (0..OPENED).map(|_| open().unwrap()).collect();
        assert!(matches!(open(), Err(Error::Threads)));
        drop(opened);
        let ended = (0..6000).any(|_| {
            thread::sleep(Duration::from_millis(10));
            open().is_ok()
        });
        assert!(ended, "the threads of dropped tokens end");
    }
}
