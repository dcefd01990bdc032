//! A store whose next commits fail as a test says.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use store::{
    AnyTable, Batch, Cells, CommitError, CommitFuture, ErasedRecord, Error, Key, Log, LogCursor,
    LogEntry, Revision, Snapshot, Space, Store,
};

/// What the next commits end with, and what the last one depended on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: Mutex<VecDeque<Option<CommitError>>>,
    conditions: AtomicUsize,
}

impl Faults {
    /// Makes one more of the next commits fail with `error`.
    pub(crate) fn add(&self, error: CommitError) {
        self.next.lock().unwrap().push_back(Some(error));
    }

    /// Lets so many more of the next commits succeed.
    pub(crate) fn skip(&self, commits: usize) {
        let mut next = self.next.lock().unwrap();
        next.extend(std::iter::repeat_n(None, commits));
    }

    /// How much must not have changed since it was read for the last commit to succeed.
    pub(crate) fn last_conditions(&self) -> usize {
        self.conditions.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) faults: Arc<Faults>,
}

impl Store for FaultyStore {
    fn commit(&self, batch: Batch) -> CommitFuture<'_> {
        let conditions = batch.preconditions().len();
        self.faults.conditions.store(conditions, Ordering::Relaxed);
        match self.faults.next.lock().unwrap().pop_front() {
            Some(Some(error)) => Box::pin(std::future::ready(Err(error))),
            Some(None) | None => self.inner.commit(batch),
        }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot()
    }

    fn cell(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.inner.cell(space, key)
    }

    fn cells(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Cells, Error> {
        self.inner.cells(space, from, to, limit)
    }

    fn log_newest_first(
        &self,
        log: &'static Log,
        stream: u32,
        before: Option<LogCursor>,
        oldest_segment: u64,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        self.inner
            .log_newest_first(log, stream, before, oldest_segment, limit)
    }

    fn log_oldest_first(
        &self,
        log: &'static Log,
        stream: u32,
        after: Option<LogCursor>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        self.inner.log_oldest_first(log, stream, after, limit)
    }

    fn drop_log_segments(&self, log: &'static Log, oldest_segment: u64) -> Result<(), Error> {
        self.inner.drop_log_segments(log, oldest_segment)
    }

    fn history(
        &self,
        table: &'static dyn AnyTable,
        key: &Key,
    ) -> Result<Vec<(Revision, Option<ErasedRecord>)>, Error> {
        self.inner.history(table, key)
    }

    fn is_writable(&self) -> bool {
        self.inner.is_writable()
    }
}
