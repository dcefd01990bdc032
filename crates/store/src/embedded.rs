//! The embedded engine: one directory, one committer thread, everything sealed.
//!
//! See `docs/adr/0001-embedded-engine.md` for what was measured and decided.

mod chain;
mod codec;
mod committer;
mod cut;
mod disk;
mod engine;
mod entry;
mod group;
mod journal;
mod load;
mod loss;
mod mark;
mod open;
mod options;
mod past;
mod prepare;
mod prune;
mod queue;
mod read;
mod recover;
mod repair;
mod reserve;
mod seal;
mod shared;
mod upkeep;
mod verify;
mod writes;

use std::fmt;
use std::ops::Bound;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use types::Timestamp;

pub use cut::{Cut, Item, NUMBERS_LEFT_OUT, RebuildError, rebuild};
pub use disk::{Disk, MarkFile, Space as DiskSpace, SystemDisk};
pub use loss::{Changes, FoundEntry, Loss};
pub use options::{Options, Tuning};
pub use recover::{Recovery, recover};

use crate::{
    AnyTable, Batch, Cells, CommitError, CommitFuture, ErasedRecord, Error, HistoryBounds, Key,
    Log, LogCursor, LogEntry, LogReport, Moment, OpenError, Pruned, Revision, Snapshot, Space,
    Store,
};
use chain::Head;
use mark::Mark;
use prepare::prepare;
use queue::DropSegments;
use shared::{Shared, unanswered};

/// The embedded storage engine.
///
/// Dropping it waits for the batches that were accepted, then stops.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

/// The running threads; dropping the sender stops the upkeep.
struct Threads {
    committer: JoinHandle<Head>,
    upkeep: JoinHandle<()>,
    stop_upkeep: Sender<()>,
}

impl EmbeddedStore {
    /// Opens the store in `options.directory`, making it if the directory is empty.
    ///
    /// Fails, and changes nothing, if commits are missing ([`OpenError::Lost`]), if a row
    /// does not open ([`OpenError::Damaged`]), or if another process has the store open.
    pub fn open(options: &Options<'_>) -> Result<Self, OpenError> {
        open::open(options)
    }

    /// Stops accepting batches, commits what waits, flushes memory and settles the mark.
    ///
    /// Blocks until done. Reads go on working. Calling it again does nothing.
    pub fn close(&self) {
        self.stop(true);
    }

    /// How many groups of commits were made durable since the store was opened, each with one
    /// sync.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }

    /// All that the store holds now, at one commit. Commits go on meanwhile.
    ///
    /// Fails if the engine cannot read.
    pub fn cut(&self) -> Result<Cut, Error> {
        Cut::of(&self.shared)
    }

    fn stop(&self, flush: bool) {
        let threads = self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(threads) = threads else {
            return;
        };
        let shared = &self.shared;
        shared.queue.close();
        let head = threads.committer.join();
        drop(threads.stop_upkeep);
        let _ = threads.upkeep.join();
        // A committer that panicked has already stopped the store.
        let (Ok(head), true) = (head, self.is_writable()) else {
            return;
        };
        let mark = Mark {
            clean: flush && flush_and_wait(shared),
            ..Mark::from(&head)
        };
        if let Err(error) = shared.mark.settle(&mark, &shared.sealer) {
            shared.stop(&format!("writing commit.mark failed: {error}"));
        }
    }
}

/// Writes memory to tables, so that the next start has no journal to replay; says whether
/// everything is there.
fn flush_and_wait(shared: &Shared) -> bool {
    const STEP: Duration = Duration::from_millis(2);
    const STEPS: u32 = 5000;
    if let Err(error) = shared.engine.flush_all() {
        tracing::warn!(%error, "flushing the store's memory failed");
        return false;
    }
    for _ in 0..STEPS {
        if shared.engine.check().is_err() {
            return false;
        }
        if shared.engine.is_flushed() {
            return true;
        }
        std::thread::sleep(STEP);
    }
    tracing::warn!("the store closes before its memory is flushed; the journal has it");
    false
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.stop(false);
    }
}

impl Store for EmbeddedStore {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.published.load_full()
    }

    fn commit(&self, batch: Batch) -> CommitFuture<'_> {
        Box::pin(async move {
            let tuning = &self.shared.tuning;
            let writes = batch.metadata().len() + batch.cells().len() + batch.appends().len();
            if writes > tuning.batch_writes {
                return Err(CommitError::TooLarge);
            }
            let prepared = prepare(&self.shared.engine, &self.shared.sealer, batch)?;
            if prepared.bytes() > tuning.batch_bytes {
                return Err(CommitError::TooLarge);
            }
            let answered = self.shared.submit(prepared)?;
            answered.await.unwrap_or_else(|_closed| Err(unanswered()))
        })
    }

    fn cell(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.shared.cell(space, key)
    }

    fn cells(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Cells, Error> {
        self.shared.cells(space, from, to, limit)
    }

    fn cell_keys(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Error> {
        self.shared.cell_keys(space, from, to, limit)
    }

    fn log_newest_first(
        &self,
        log: &'static Log,
        stream: u32,
        before: Option<LogCursor>,
        oldest_segment: u64,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        self.shared
            .newest_first(log, stream, before, oldest_segment, limit)
    }

    fn log_oldest_first(
        &self,
        log: &'static Log,
        stream: u32,
        after: Option<LogCursor>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        self.shared.oldest_first(log, stream, after, limit)
    }

    fn drop_log_segments(&self, log: &'static Log, oldest_segment: u64) -> Result<(), Error> {
        if !self.shared.engine.has_log(log) {
            return Err(Error::Undeclared { what: log.name });
        }
        let segments = self.shared.engine.segments(log).unwrap_or_default();
        if segments
            .iter()
            .all(|(segment, _)| *segment >= oldest_segment)
        {
            return Ok(());
        }
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Engine {
            what: log.name,
            source,
        };
        let (answer, answered) = mpsc::channel();
        self.shared
            .queue
            .push_drop(DropSegments {
                log,
                oldest: oldest_segment,
                answer,
            })
            .map_err(|error| failed(Box::new(error)))?;
        match answered.recv() {
            Ok(dropped) => dropped.map_err(|error| engine::read_error(log.name, error)),
            Err(stopped) => Err(failed(Box::new(stopped))),
        }
    }

    fn verify_log(&self, log: &'static Log, oldest_segment: u64) -> Result<LogReport, Error> {
        self.shared.verify_log(log, oldest_segment)
    }

    fn history(
        &self,
        table: &'static dyn AnyTable,
        key: &Key,
    ) -> Result<Vec<(Revision, Option<ErasedRecord>)>, Error> {
        self.shared.history(table, key)
    }

    fn past(&self, moment: Moment) -> Result<Snapshot, Error> {
        self.shared.past(moment)
    }

    fn prune_history(
        &self,
        dated: Option<Timestamp>,
        now: Timestamp,
        bounds: &HistoryBounds,
    ) -> Result<Pruned, Error> {
        self.shared.prune(dated, now, bounds)
    }

    fn is_writable(&self) -> bool {
        self.shared.writable.load(Ordering::Acquire)
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("directory", &self.shared.directory)
            .finish_non_exhaustive()
    }
}
