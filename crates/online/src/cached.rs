//! A store with a memory of hot cells in front of it.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use store::{
    AnyTable, Batch, Cells, CommitError, CommitFuture, Committed, ErasedRecord, Error,
    HistoryBounds, Key, Log, LogCursor, LogEntry, LogReport, Moment, Pruned, Revision, Snapshot,
    Space, Store,
};
use types::Timestamp;

use crate::{CELLS, CellKey};

/// Any store, with a bounded memory of sealed online cells in front of it.
///
/// Every commit passes through it, whoever makes it, so a cell in memory is always the
/// newest committed one. A cell that a commit touches is forgotten before the engine learns
/// of the commit, and remembered again only from a read that began after the commit was
/// done. Nothing in memory is plaintext.
pub struct CachedStore {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Arc<dyn Store>,
    cache: Cache<CellKey, Arc<[u8]>, ByteWeight>,
    stripes: Vec<Mutex<Stripe>>,
    /// The stripe of keys that have none in `stripes`.
    last_stripe: Mutex<Stripe>,
    /// Commits whose callers went away: they go on, and their end must be seen.
    orphans: Mutex<Vec<CommitFuture<'static>>>,
}

/// The commits that are under way to some of the keys.
#[derive(Default)]
struct Stripe {
    /// How many commits to this key are under way.
    under_way: HashMap<CellKey, usize>,
    /// Raised when a commit ends.
    epoch: u64,
}

#[derive(Clone)]
struct ByteWeight;

/// Beside key and value: pointers, counters, the entry in the cache's table.
const ENTRY_OVERHEAD: usize = 96;
const AVERAGE_CELL: usize = 512;
/// One less than a byte has values.
const STRIPES: usize = 255;

impl Weighter<CellKey, Arc<[u8]>> for ByteWeight {
    fn weight(&self, _: &CellKey, value: &Arc<[u8]>) -> u64 {
        let bytes = CellKey::LENGTH + ENTRY_OVERHEAD + value.len();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl CachedStore {
    /// Puts a memory of up to `capacity` bytes in front of `inner`.
    ///
    /// `inner` must not be written to but through the result.
    pub fn new(inner: Arc<dyn Store>, capacity: usize) -> Self {
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        let cache = Cache::with_weighter(capacity / AVERAGE_CELL, weight, ByteWeight);
        let mut stripes = Vec::new();
        stripes.resize_with(STRIPES, Mutex::default);
        Self {
            shared: Arc::new(Shared {
                inner,
                cache,
                stripes,
                last_stripe: Mutex::default(),
                orphans: Mutex::default(),
            }),
        }
    }

    /// How many bytes the cells in memory take.
    pub fn cached_bytes(&self) -> u64 {
        self.shared.cache.weight()
    }
}

impl Shared {
    fn stripe(&self, key: &CellKey) -> MutexGuard<'_, Stripe> {
        // The last byte of an HMAC: evenly spread.
        let [.., last] = key.as_bytes();
        lock(
            self.stripes
                .get(usize::from(*last))
                .unwrap_or(&self.last_stripe),
        )
    }

    /// Forgets `keys` until as many calls of `end` as of this have ended.
    fn begin(&self, keys: &[CellKey]) {
        for key in keys {
            let mut stripe = self.stripe(key);
            *stripe.under_way.entry(*key).or_insert(0) += 1;
            self.cache.remove(key);
        }
    }

    fn end(&self, keys: &[CellKey]) {
        for key in keys {
            let mut stripe = self.stripe(key);
            stripe.epoch = stripe.epoch.wrapping_add(1);
            let left = stripe.under_way.get(key).copied().unwrap_or(0);
            if left > 1 {
                stripe.under_way.insert(*key, left - 1);
            } else {
                stripe.under_way.remove(key);
            }
        }
    }

    fn read(&self, key: &CellKey) -> Result<Option<Vec<u8>>, Error> {
        if let Some(cell) = self.cache.get(key) {
            return Ok(Some(cell.to_vec()));
        }
        let before = {
            let stripe = self.stripe(key);
            (!stripe.under_way.contains_key(key)).then_some(stripe.epoch)
        };
        let value = self.inner.cell(CELLS, key.as_bytes())?;
        if let (Some(epoch), Some(value)) = (before, &value) {
            let stripe = self.stripe(key);
            // INVARIANT: between this check and `begin` of another commit, which forgets the
            // key again, the lock is not given back.
            if stripe.epoch == epoch && !stripe.under_way.contains_key(key) {
                self.cache.insert(*key, Arc::from(value.as_slice()));
            }
        }
        Ok(value)
    }

    async fn commit(self: Arc<Self>, batch: Batch, keys: Vec<CellKey>) -> CommitResult {
        self.begin(&keys);
        let result = self.inner.commit(batch).await;
        self.end(&keys);
        result
    }

    /// Lets the commits go on whose callers went away.
    fn poll_orphans(&self) {
        let mut orphans = lock(&self.orphans);
        let mut cx = Context::from_waker(Waker::noop());
        orphans.retain_mut(|orphan| orphan.as_mut().poll(&mut cx).is_pending());
    }
}

type CommitResult = Result<Committed, CommitError>;

/// A commit that is seen to its end also if its caller goes away.
struct Tracked {
    shared: Arc<Shared>,
    commit: Option<CommitFuture<'static>>,
    started: bool,
}

impl Future for Tracked {
    type Output = CommitResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.started = true;
        let Some(commit) = &mut self.commit else {
            return Poll::Pending;
        };
        let poll = commit.as_mut().poll(cx);
        if poll.is_ready() {
            self.commit = None;
        }
        poll
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if let Some(commit) = self.commit.take().filter(|_| self.started) {
            lock(&self.shared.orphans).push(commit);
        }
    }
}

impl Store for CachedStore {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.inner.snapshot()
    }

    fn commit(&self, batch: Batch) -> CommitFuture<'_> {
        let keys: Vec<CellKey> = batch
            .cells()
            .iter()
            .filter(|write| write.space == CELLS)
            .filter_map(|write| CellKey::from_bytes(&write.key))
            .collect();
        if keys.is_empty() {
            return self.shared.inner.commit(batch);
        }
        self.shared.poll_orphans();
        Box::pin(Tracked {
            shared: Arc::clone(&self.shared),
            commit: Some(Box::pin(Arc::clone(&self.shared).commit(batch, keys))),
            started: false,
        })
    }

    fn cell(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match CellKey::from_bytes(key).filter(|_| space == CELLS) {
            Some(key) => self.shared.read(&key),
            None => self.shared.inner.cell(space, key),
        }
    }

    fn cells(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Cells, Error> {
        self.shared.inner.cells(space, from, to, limit)
    }

    fn cell_keys(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Error> {
        self.shared.inner.cell_keys(space, from, to, limit)
    }

    fn log_newest_first(
        &self,
        log: &'static Log,
        stream: u32,
        before: Option<LogCursor>,
        oldest_segment: u64,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        let inner = &self.shared.inner;
        inner.log_newest_first(log, stream, before, oldest_segment, limit)
    }

    fn log_oldest_first(
        &self,
        log: &'static Log,
        stream: u32,
        after: Option<LogCursor>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        self.shared
            .inner
            .log_oldest_first(log, stream, after, limit)
    }

    fn drop_log_segments(&self, log: &'static Log, oldest_segment: u64) -> Result<(), Error> {
        self.shared.inner.drop_log_segments(log, oldest_segment)
    }

    fn verify_log(&self, log: &'static Log, oldest_segment: u64) -> Result<LogReport, Error> {
        self.shared.inner.verify_log(log, oldest_segment)
    }

    fn history(
        &self,
        table: &'static dyn AnyTable,
        key: &Key,
    ) -> Result<Vec<(Revision, Option<ErasedRecord>)>, Error> {
        self.shared.inner.history(table, key)
    }

    fn past(&self, moment: Moment) -> Result<Snapshot, Error> {
        self.shared.inner.past(moment)
    }

    fn prune_history(
        &self,
        dated: Option<Timestamp>,
        now: Timestamp,
        bounds: &HistoryBounds,
    ) -> Result<Pruned, Error> {
        self.shared.inner.prune_history(dated, now, bounds)
    }

    fn is_writable(&self) -> bool {
        self.shared.inner.is_writable()
    }
}

impl fmt::Debug for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedStore")
            .field("inner", &self.shared.inner)
            .field("bytes", &self.cached_bytes())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
