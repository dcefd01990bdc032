//! Background work that needs KMS keys in custom key stores: each store's apart.
//!
//! What is behind a store is its owner's, and may answer late or never. So nothing waits for it but
//! what is for that store: the rest of the background work goes on after a moment, while it is under
//! way, and another time leaves out the groups under its keys. If it failed in the end, they wait.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pipeline::Services;
use store::{CommitError, View};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use types::{Monotonic, ServiceError as _};

use crate::Error;
use crate::backoff::Backoff;
use crate::maintenance::Undone;
use crate::records::GroupRecord;

/// For how long others wait for work that needs a store, unless the options say something else: as long
/// as one takes that is well.
pub(crate) const PATIENCE: Duration = Duration::from_millis(150);

/// What fails after this time counts as late though nobody has given up waiting for it.
const LATE: Duration = Duration::from_millis(50);

/// The ids of custom key stores, each once.
pub(crate) type KeyStores = Vec<String>;

/// The custom key stores that hold KMS keys of `group`, those that it moves away from included.
pub(crate) fn stores_of(view: &View, group: &GroupRecord) -> KeyStores {
    let keys = group.kms_keys();
    let mut stores: KeyStores = keys.filter_map(|key| kms::store_of(view, key)).collect();
    stores.sort_unstable();
    stores.dedup();
    stores
}

/// What became of work.
#[derive(Debug)]
pub(crate) enum Attempt<T> {
    /// It has ended.
    Ended(Result<T, Error>),
    /// It has begun and goes on.
    UnderWay,
    /// It has not begun: it has to wait until other work for a store has ended, or until the store may
    /// be asked again.
    Waits,
}

/// The work that is under way for custom key stores.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// For how long others wait for it.
    patience: Duration,
    state: Mutex<State>,
    /// The stores that something is under way for. Apart from the tasks: one that is dropped gives its
    /// stores back, wherever that happens.
    busy: Mutex<HashSet<String>>,
    /// The stores for which work has failed after others had waited for it long enough.
    failed: Backoff<String>,
}

#[derive(Debug, Default)]
struct State {
    tasks: JoinSet<()>,
    /// What could not be done, and nobody has heard of.
    undone: Vec<Undone>,
    /// Whether nothing begins any more.
    is_ended: bool,
}

impl Lanes {
    /// Lanes in which others wait so long for what is under way.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            patience,
            state: Mutex::default(),
            busy: Mutex::default(),
            failed: Backoff::default(),
        }
    }

    /// Whether work for any of `stores` has to wait.
    pub(crate) fn waits(&self, stores: &KeyStores, now: Monotonic) -> bool {
        if self.lock().is_ended {
            return true;
        }
        let busy = self.busy();
        let waits = |store: &String| busy.contains(store) || self.failed.waits(store, now);
        stores.iter().any(waits)
    }

    /// Does `work`, which is for `what` and needs `stores`: if there are none, to its end; else until
    /// it has ended or others have waited long enough, at most until `end`.
    pub(crate) async fn attempt<T: Send + 'static>(
        self: &Arc<Self>,
        services: &Arc<Services>,
        (stores, what): (KeyStores, String),
        end: Monotonic,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Attempt<T> {
        if stores.is_empty() {
            return Attempt::Ended(work.await);
        }
        let now = services.clock().monotonic();
        if self.waits(&stores, now) {
            return Attempt::Waits;
        }
        let (answer, answered) = oneshot::channel();
        let (pass, clock) = (Pass::take(self, stores), Arc::clone(services.clock()));
        let task = async move {
            let done = work.await;
            let ended = clock.monotonic();
            let late = answer.is_closed() || ended.0.saturating_sub(now.0) >= LATE;
            pass.note(&done, late, ended);
            // Whoever hears of the end may begin something else for the stores.
            let lanes = pass.leave();
            if let Err(Err(source)) = answer.send(done)
                && !is_conflict(&source)
            {
                lanes.lock().undone.push(Undone::new(what, source));
            }
        };
        self.lock().tasks.spawn(task);
        let patience = self.patience.min(end.0.saturating_sub(now.0));
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(done)) => Attempt::Ended(done),
            // A bug, which is told when the task is looked at.
            Ok(Err(_)) | Err(_) => Attempt::UnderWay,
        }
    }

    /// What could not be done of what has ended since the last time.
    pub(crate) fn undone(&self) -> Vec<Undone> {
        let mut state = self.lock();
        while let Some(ended) = state.tasks.try_join_next() {
            if let Err(source) = ended {
                let source = Error::internal("background work ended early", source);
                let what = "work with a custom key store";
                state.undone.push(Undone::new(what, source));
            }
        }
        std::mem::take(&mut state.undone)
    }

    /// Ends what is under way, wherever it is: as a stop of the process would.
    pub(crate) async fn end(&self) {
        let mut tasks = {
            let mut state = self.lock();
            state.is_ended = true;
            std::mem::take(&mut state.tasks)
        };
        tasks.shutdown().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy(&self) -> MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another change came first, so that the next call looks again.
pub(crate) fn is_conflict(source: &Error) -> bool {
    matches!(
        source,
        Error::Online(online::Error::Commit(CommitError::Conflict))
    )
}

/// What keeps other work from its stores, as long as it is there.
#[derive(Debug)]
struct Pass {
    lanes: Arc<Lanes>,
    stores: KeyStores,
}

impl Pass {
    fn take(lanes: &Arc<Lanes>, stores: KeyStores) -> Self {
        lanes.busy().extend(stores.iter().cloned());
        Self {
            lanes: Arc::clone(lanes),
            stores,
        }
    }

    /// Notes the end of work; a failure only if it was `late`, and others had waited for it. Of several
    /// stores nobody knows which one failed, and they can be different owners': it counts against none.
    fn note<T>(&self, done: &Result<T, Error>, late: bool, now: Monotonic) {
        let late = late && self.stores.len() == 1;
        for store in &self.stores {
            match done {
                Ok(_) => self.lanes.failed.succeeded(store),
                Err(source) if late && !is_conflict(source) => {
                    let (store, why) = (store.clone(), source.public_message());
                    self.lanes.failed.failed(store, why, now);
                }
                Err(_) => {}
            }
        }
    }

    fn leave(self) -> Arc<Lanes> {
        Arc::clone(&self.lanes)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut busy = self.lanes.busy();
        for store in &self.stores {
            busy.remove(store);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether either of two stores waits after work that needed `stores` failed, `late` or not.
    fn closed(stores: &[&str], late: bool) -> [bool; 2] {
        let (lanes, now) = (Arc::new(Lanes::new(PATIENCE)), Monotonic(Duration::ZERO));
        let stores: KeyStores = stores.iter().map(|store| (*store).to_owned()).collect();
        let pass = Pass::take(&lanes, stores.clone());
        assert!(lanes.waits(&stores, now));
        let source = Error::internal("a step", "no answer".to_owned());
        pass.note::<()>(&Err(source), late, now);
        drop(pass);
        ["s1", "s2"].map(|store| lanes.waits(&vec![store.to_owned()], now))
    }

    #[test]
    fn only_who_was_waited_for_alone_is_left_out_after_a_failure() {
        assert_eq!(closed(&["s1"], true), [true, false]);
        assert_eq!(closed(&["s1"], false), [false, false]);
        assert_eq!(closed(&["s1", "s2"], true), [false, false]);
    }
}
