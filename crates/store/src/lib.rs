//! One store, one commit order: metadata, data cells, logs and their history.
//!
//! Layer 1. Three kinds of data live in one engine and become durable in one batch:
//!
//! - **Metadata** ([`Table`]): accounts, principals, policies, keys, groups. Small, sealed on
//!   disk, and held decoded in memory as an immutable [`Snapshot`] that a commit replaces
//!   before its caller hears success. A request reads one snapshot and no disk.
//! - **Data** ([`Space`]): online cells, opaque to the store, read from the engine.
//! - **Logs** ([`Log`]): audit events and outbox entries, appended, read from a cursor and
//!   dropped by time segment.
//!
//! A [`Batch`] changes any of them atomically, under preconditions: the revisions that the
//! request's decision read ([`View`] records them). docs/adr/0001-embedded-engine.md has the reasons.

mod batch;
pub mod embedded;
mod error;
mod history;
mod key;
mod log;
mod snapshot;
mod table;
mod view;

use std::fmt;
use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;

use types::Timestamp;

pub use batch::{Batch, CellRule, CellWrite, Lane, LogAppend, MetadataWrite};
pub use embedded::EmbeddedStore;
pub use error::{CommitError, Error, OpenError};
pub use history::{HistoryBounds, Pruned};
pub use key::{Key, KeyBuilder};
pub use log::{Log, LogCursor, LogEntry, LogFault, LogReport, SegmentReport};
pub use snapshot::{Row, Snapshot, SnapshotBuilder};
pub use table::{AnyTable, ErasedRecord, Record, RecordError, Table};
pub use view::{Read, View};

/// The number of a commit: 1 for the first, without gaps.
pub type Revision = u64;

/// A moment in the past of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Right after this commit.
    Commit(Revision),
    /// At this time: after the newest commit that was made by then.
    Time(Timestamp),
}

/// A named collection of data cells outside the metadata snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Space {
    /// The name on disk; never changes once released.
    pub name: &'static str,
    /// How many bytes at the front of each value (all, if it is shorter) its owner reads before
    /// it opens the rest. The store authenticates them, with the cell's place and the value's
    /// length; never changes once released.
    pub clear: usize,
}

/// What a successful commit tells its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The commit's number; the change is durable and in force.
    pub revision: Revision,
    /// For each conditional cell write, in order, what its rule decided.
    pub cells: Vec<CellOutcome>,
    /// About how many bytes the rows of metadata took: those of their history, and the memory of
    /// the entries by which they are found, included.
    pub metadata_bytes: u64,
}

/// What became of one conditional cell write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellOutcome {
    /// The cell was written.
    Applied,
    /// The rule kept the stored cell; nothing was written to it.
    Kept,
}

/// The future of a commit.
pub type CommitFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Committed, CommitError>> + Send + 'a>>;

/// One page of cells: keys and values in key order.
pub type Cells = Vec<(Vec<u8>, Vec<u8>)>;

/// The storage engine of a deployment.
///
/// Every backend passes the same conformance suite.
pub trait Store: fmt::Debug + Send + Sync {
    /// The newest published metadata snapshot.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Commits `batch`; the answer comes when it is durable **and** published.
    ///
    /// Fails with [`CommitError::Conflict`] if a precondition no longer holds (nothing is
    /// written), and with the other variants if the store cannot write.
    fn commit(&self, batch: Batch) -> CommitFuture<'_>;

    /// Reads one cell, as of the newest commit.
    fn cell(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Reads up to `limit` cells of `space` in key order, from `from` on, below `to`.
    fn cells(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Cells, Error>;

    /// The keys of what [`Self::cells`] would read. An engine that can tells them without the
    /// values, and so even where a value is not as it was written.
    fn cell_keys(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let cells = self.cells(space, from, to, limit)?;
        Ok(cells.into_iter().map(|(key, _)| key).collect())
    }

    /// Reads up to `limit` entries of one stream of `log`, newest first, older than `before`
    /// (all, if `None`) and not in segments before `oldest_segment`.
    fn log_newest_first(
        &self,
        log: &'static Log,
        stream: u32,
        before: Option<LogCursor>,
        oldest_segment: u64,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error>;

    /// Reads up to `limit` entries of one stream of `log`, oldest first, newer than `after`.
    fn log_oldest_first(
        &self,
        log: &'static Log,
        stream: u32,
        after: Option<LogCursor>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error>;

    /// Drops whole segments of `log` that are older than `oldest_segment`.
    fn drop_log_segments(&self, log: &'static Log, oldest_segment: u64) -> Result<(), Error>;

    /// Checks that every entry that was appended to the segments of `log` from `oldest_segment`
    /// on is there as it was written, and nothing else. Reads all of them.
    ///
    /// Entries missing at the very end, with all else that was committed since, are not found
    /// here: opening the store compares its end with `commit.mark`. Fails with
    /// [`Error::Unverifiable`] for an engine that cannot tell.
    fn verify_log(&self, log: &'static Log, oldest_segment: u64) -> Result<LogReport, Error> {
        let _ = oldest_segment;
        Err(Error::Unverifiable { what: log.name })
    }

    /// The versions of one metadata row, oldest first: commit number and record, where
    /// `None` is a deletion. Empty for tables that keep no history. The oldest may have been
    /// dropped ([`Self::prune_history`]).
    fn history(
        &self,
        table: &'static dyn AnyTable,
        key: &Key,
    ) -> Result<Vec<(Revision, Option<ErasedRecord>)>, Error>;

    /// The metadata as it was at `moment`: of tables that keep their history, the others are
    /// empty. Nothing changed yet shows as nothing; a moment to come, as now.
    ///
    /// Reads the history of all rows. Of a row that was deleted, what was before the deletion can have
    /// been removed from the disk unseen, together with it: what follows names nothing before it.
    /// Fails with [`Error::Forgotten`] if what was then has been
    /// dropped, and with [`Error::Unverifiable`] for an engine that keeps no history.
    fn past(&self, moment: Moment) -> Result<Snapshot, Error> {
        let _ = moment;
        Err(Error::Unverifiable { what: "history" })
    }

    /// Drops versions of metadata rows that `bounds` do not keep at `now`: a bounded part of the
    /// history at a time, oldest versions first, in small commits of their own. `now` is a time
    /// that is trusted to destroy. Commits until now are dated by `dated`, a time that is trusted not
    /// to be behind; without one none are, and what is not dated is kept.
    ///
    /// Blocks until they are durable: nothing for a thread that serves requests. Fails if the
    /// store cannot be read or written; whatever was dropped by then is, and the next run goes on.
    /// Fails with [`Error::Unverifiable`] for an engine that keeps no history.
    fn prune_history(
        &self,
        dated: Option<Timestamp>,
        now: Timestamp,
        bounds: &HistoryBounds,
    ) -> Result<Pruned, Error> {
        let _ = (dated, now, bounds);
        Err(Error::Unverifiable { what: "history" })
    }

    /// Whether the store still accepts writes; `false` after a failed sync.
    fn is_writable(&self) -> bool;
}
