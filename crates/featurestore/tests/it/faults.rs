//! A store whose next commits fail, or are held up, as a test says.

use std::collections::VecDeque;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use store::embedded::{Disk, DiskSpace, MarkFile, SystemDisk};
use store::{
    AnyTable, Batch, Cells, CommitError, CommitFuture, Committed, ErasedRecord, Error, Key, Lane,
    Log, LogCursor, LogEntry, Revision, Snapshot, Space, Store,
};
use tokio::sync::Notify;

/// What the next commits end with, and what the last one depended on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: Mutex<VecDeque<Next>>,
    conditions: AtomicUsize,
    /// Whether the disk has room for nothing but what takes rights away or removes.
    pub(crate) is_full: AtomicBool,
    /// How many bytes are free on a large disk, as the store sees it; 0 is what there is.
    pub(crate) free: AtomicU64,
    /// The tables of the rows that the last commit would write.
    pub(crate) rows: Mutex<Vec<&'static str>>,
    /// Bytes of metadata in all commits so far.
    pub(crate) metadata: AtomicU64,
}

/// What becomes of a commit.
#[derive(Debug)]
enum Next {
    Succeeds,
    Fails(CommitError),
    /// It is durable, and its caller hears of it when this is told.
    Unheard(Arc<Notify>),
    /// It is handed to the store when this is told.
    Held(Arc<Notify>),
}

impl Faults {
    /// Makes one more of the next commits fail with `error`.
    pub(crate) fn add(&self, error: CommitError) {
        self.next.lock().unwrap().push_back(Next::Fails(error));
    }

    /// Makes one more of the next commits durable without its caller hearing of it, until the
    /// result is told.
    pub(crate) fn unheard(&self) -> Arc<Notify> {
        let told = Arc::new(Notify::new());
        let next = Next::Unheard(Arc::clone(&told));
        self.next.lock().unwrap().push_back(next);
        told
    }

    /// Holds one more of the next commits up, until the result is told.
    pub(crate) fn held(&self) -> Arc<Notify> {
        let told = Arc::new(Notify::new());
        let next = Next::Held(Arc::clone(&told));
        self.next.lock().unwrap().push_back(next);
        told
    }

    /// Lets so many more of the next commits succeed.
    pub(crate) fn skip(&self, commits: usize) {
        let mut next = self.next.lock().unwrap();
        next.extend(std::iter::repeat_with(|| Next::Succeeds).take(commits));
    }

    /// Whether nothing is left to come.
    pub(crate) fn is_empty(&self) -> bool {
        self.next.lock().unwrap().is_empty()
    }

    /// How much must not have changed since it was read for the last commit to succeed.
    pub(crate) fn last_conditions(&self) -> usize {
        self.conditions.load(Ordering::Relaxed)
    }
}

/// A disk that has as much room as a test says.
#[derive(Debug)]
pub(crate) struct FillingDisk(pub(crate) Arc<Faults>);

impl Disk for FillingDisk {
    fn open_mark(&self, path: &Path) -> io::Result<Box<dyn MarkFile>> {
        SystemDisk.open_mark(path)
    }

    fn space(&self, path: &Path) -> io::Result<DiskSpace> {
        match self.0.free.load(Ordering::Relaxed) {
            0 => SystemDisk.space(path),
            free => Ok(DiskSpace {
                free,
                total: 1 << 40,
            }),
        }
    }
}

#[derive(Debug)]
pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) faults: Arc<Faults>,
}

impl FaultyStore {
    async fn pass_on(&self, batch: Batch) -> Result<Committed, CommitError> {
        let committed = self.inner.commit(batch).await?;
        let bytes = committed.metadata_bytes;
        self.faults.metadata.fetch_add(bytes, Ordering::Relaxed);
        Ok(committed)
    }
}

impl Store for FaultyStore {
    fn commit(&self, batch: Batch) -> CommitFuture<'_> {
        let conditions = batch.preconditions().len();
        self.faults.conditions.store(conditions, Ordering::Relaxed);
        let rows = batch.metadata().iter();
        *self.faults.rows.lock().unwrap() = rows.map(|row| row.table.name()).collect();
        let is_last = matches!(batch.lane(), Lane::Revocation | Lane::Relief);
        if self.faults.is_full.load(Ordering::Relaxed) && !is_last {
            let reason = "the disk is full".to_owned();
            return Box::pin(std::future::ready(Err(CommitError::NotWritable { reason })));
        }
        match self.faults.next.lock().unwrap().pop_front() {
            Some(Next::Fails(error)) => Box::pin(std::future::ready(Err(error))),
            Some(Next::Succeeds) | None => Box::pin(self.pass_on(batch)),
            Some(Next::Unheard(told)) => Box::pin(async move {
                let outcome = self.pass_on(batch).await;
                told.notified().await;
                outcome
            }),
            Some(Next::Held(told)) => Box::pin(async move {
                told.notified().await;
                self.pass_on(batch).await
            }),
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
