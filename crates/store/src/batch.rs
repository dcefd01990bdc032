//! A batch: changes that become durable together or not at all.

use std::fmt;
use std::sync::Arc;

use types::AccountId;

use crate::{AnyTable, ErasedRecord, Key, Log, Read, Record, Space, Table};

/// Which of the committer's two queues a batch waits in, and how long it is accepted while the
/// disk fills up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lane {
    /// Metadata and the events of its changes; goes first, is never held up by data, and is
    /// accepted longer than it.
    #[default]
    Metadata,
    /// Changes of metadata that only take rights away or remove, and their events: in the queue of
    /// metadata, and accepted longest, so that no other change can use up what they need. Of the
    /// last room each account takes a share at most ([`Batch::on_account_of`]).
    Revocation,
    /// The record of what ends the danger to everything: like revocations, but in no share of the last
    /// room, and beyond what may wait.
    Emergency,
    /// Events of calls that changed nothing, which anybody can cause: in the queue of metadata,
    /// but refused before it, so that changes have a reserve.
    Events,
    /// Online cells and outbox entries.
    Data,
    /// Removals of cells, which give space back once the engine has merged its tables: in the queue
    /// of data, and accepted until half of what is kept for revocations is left. What removes them
    /// bounds how many there are at a time.
    Relief,
    /// Events that nobody is authenticated for, and counts of events: in the queue of data, and
    /// refused long before it.
    Strangers,
}

/// A new version of a metadata row, or its deletion.
#[derive(Clone)]
pub struct MetadataWrite {
    /// The table.
    pub table: &'static dyn AnyTable,
    /// The row's key.
    pub key: Key,
    /// The new record; `None` deletes the row.
    pub record: Option<ErasedRecord>,
}

/// Decides, at commit time and in commit order, whether a cell is written.
///
/// Called with the stored value, if any; the answer must depend on nothing else.
pub trait CellRule: Send {
    /// Whether the new value replaces `stored`.
    fn replaces(&self, stored: Option<&[u8]>) -> bool;

    /// What is written beside the cell if its new value replaces `stored`: writes without rules
    /// of their own.
    fn beside(&self, _stored: Option<&[u8]>) -> Vec<CellWrite> {
        Vec::new()
    }
}

impl<F: Fn(Option<&[u8]>) -> bool + Send> CellRule for F {
    fn replaces(&self, stored: Option<&[u8]>) -> bool {
        self(stored)
    }
}

/// A write of one data cell.
pub struct CellWrite {
    /// The space.
    pub space: Space,
    /// The cell's key.
    pub key: Vec<u8>,
    /// The new value; `None` removes the cell.
    pub value: Option<Vec<u8>>,
    /// Whether to write at all; `None` writes always.
    pub rule: Option<Box<dyn CellRule>>,
}

/// An entry to append to a log.
#[derive(Clone)]
pub struct LogAppend {
    /// The log.
    pub log: &'static Log,
    /// The entry's time segment.
    pub segment: u64,
    /// The stream within the log that readers select (an account's region, a feature group).
    pub stream: u32,
    /// The payload, sealed by the store.
    pub payload: Vec<u8>,
}

/// Changes to any tables, spaces and logs, and what must still be true when they commit.
#[derive(Debug, Default)]
pub struct Batch {
    lane: Lane,
    /// Whose share of the last room it takes.
    account: Option<AccountId>,
    metadata: Vec<MetadataWrite>,
    cells: Vec<CellWrite>,
    appends: Vec<LogAppend>,
    /// Of appends that belong to a cell: their places, and the cell's.
    bound: Vec<(usize, usize)>,
    /// The places of appends that tell of changes of the batch.
    telling: Vec<usize>,
    preconditions: Vec<Read>,
}

/// A batch taken apart.
pub(crate) struct Parts {
    pub(crate) lane: Lane,
    pub(crate) account: Option<AccountId>,
    pub(crate) metadata: Vec<MetadataWrite>,
    pub(crate) cells: Vec<CellWrite>,
    pub(crate) appends: Vec<LogAppend>,
    pub(crate) bound: Vec<(usize, usize)>,
    pub(crate) preconditions: Vec<Read>,
}

impl Batch {
    /// An empty batch for `lane`. A batch that touches metadata takes that lane, unless it is one
    /// of revocations.
    pub fn new(lane: Lane) -> Self {
        Self {
            lane,
            ..Self::default()
        }
    }

    /// Writes a metadata row.
    pub fn put<R: Record>(&mut self, table: &'static Table<R>, key: Key, mut record: R) {
        record.loaded();
        self.metadata.push(MetadataWrite {
            table,
            key,
            record: Some(Arc::new(record)),
        });
    }

    /// Deletes a metadata row.
    pub fn delete<R: Record>(&mut self, table: &'static Table<R>, key: Key) {
        self.metadata.push(MetadataWrite {
            table,
            key,
            record: None,
        });
    }

    /// Writes or removes a data cell.
    pub fn cell(&mut self, write: CellWrite) {
        self.cells.push(write);
    }

    /// Appends to a log.
    pub fn append(&mut self, append: LogAppend) {
        self.appends.push(append);
    }

    /// Appends to a log if the cell that was added last is written: not if its rule keeps what
    /// is stored.
    pub fn append_with_cell(&mut self, append: LogAppend) {
        if let Some(cell) = self.cells.len().checked_sub(1) {
            self.bound.push((self.appends.len(), cell));
        }
        self.appends.push(append);
    }

    /// Has the appends from place `first` on tell of the batch's changes: where those are dropped,
    /// so are these ([`Self::only_appends`]).
    pub fn tell_of_changes(&mut self, first: usize) {
        self.telling.extend(first..self.appends.len());
    }

    /// Adds something that must still hold when the batch commits.
    pub fn require(&mut self, read: Read) {
        self.preconditions.push(read);
    }

    /// Adds all that must still hold when the batch commits.
    pub fn require_all(&mut self, reads: impl IntoIterator<Item = Read>) {
        self.preconditions.extend(reads);
    }

    /// Takes over all changes and preconditions of `other`.
    pub fn merge(&mut self, other: Self) {
        let (appends, cells) = (self.appends.len(), self.cells.len());
        let bound = other.bound.into_iter();
        self.bound
            .extend(bound.map(|(append, cell)| (append + appends, cell + cells)));
        let telling = other.telling.into_iter();
        self.telling.extend(telling.map(|append| append + appends));
        self.metadata.extend(other.metadata);
        self.cells.extend(other.cells);
        self.appends.extend(other.appends);
        self.preconditions.extend(other.preconditions);
    }

    /// What is left when the call fails: its log entries, without changes and conditions, and
    /// without those that belong to cells or tell of changes.
    pub fn only_appends(mut self) -> Self {
        let appends = std::mem::take(&mut self.appends).into_iter().enumerate();
        let left = appends.filter(|(place, _)| !self.goes_with_changes(*place));
        Self {
            appends: left.map(|(_, append)| append).collect(),
            ..Self::new(Lane::Events)
        }
    }

    /// A copy of what [`Self::only_appends`] would leave, for when this fails.
    pub fn copy_of_appends(&self) -> Self {
        let appends = self.appends.iter().enumerate();
        let left = appends.filter(|(place, _)| !self.goes_with_changes(*place));
        Self {
            appends: left.map(|(_, append)| append.clone()).collect(),
            ..Self::new(Lane::Events)
        }
    }

    /// Whether the append in this place belongs to a cell or tells of changes.
    fn goes_with_changes(&self, place: usize) -> bool {
        self.telling.contains(&place) || self.bound.iter().any(|(append, _)| *append == place)
    }

    /// The lane that the batch takes.
    pub fn lane(&self) -> Lane {
        match self.lane {
            lane @ (Lane::Revocation | Lane::Emergency) => lane,
            lane if self.metadata.is_empty() => lane,
            Lane::Metadata | Lane::Events | Lane::Data | Lane::Relief | Lane::Strangers => {
                Lane::Metadata
            }
        }
    }

    /// The same changes, which only take rights away or remove: the batch takes that lane if it
    /// changes metadata.
    pub fn revoking(mut self) -> Self {
        if !self.metadata.is_empty() {
            self.lane = Lane::Revocation;
        }
        self
    }

    /// The same changes on account of `account`: when revocations alone are accepted any more,
    /// those of an account take no more than its share of the room that is left. Those of no
    /// account, which the server makes of its own accord, have one share together.
    #[must_use]
    pub fn on_account_of(mut self, account: Option<AccountId>) -> Self {
        self.account = account;
        self
    }

    /// The metadata writes.
    pub fn metadata(&self) -> &[MetadataWrite] {
        &self.metadata
    }

    /// The cell writes.
    pub fn cells(&self) -> &[CellWrite] {
        &self.cells
    }

    /// The log appends.
    pub fn appends(&self) -> &[LogAppend] {
        &self.appends
    }

    /// The preconditions.
    pub fn preconditions(&self) -> &[Read] {
        &self.preconditions
    }

    /// Whether the batch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.metadata.is_empty() && self.cells.is_empty() && self.appends.is_empty()
    }

    /// Everything, for an engine to prepare.
    pub(crate) fn into_parts(self) -> Parts {
        Parts {
            lane: self.lane(),
            account: self.account,
            metadata: self.metadata,
            cells: self.cells,
            appends: self.appends,
            bound: self.bound,
            preconditions: self.preconditions,
        }
    }

    /// The changes, for an engine to take over: metadata, cells, appends.
    pub fn into_changes(self) -> (Vec<MetadataWrite>, Vec<CellWrite>, Vec<LogAppend>) {
        (self.metadata, self.cells, self.appends)
    }
}

impl fmt::Debug for MetadataWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MetadataWrite({}, {:?})", self.table.name(), self.key)
    }
}

impl fmt::Debug for CellWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CellWrite({})", self.space.name)
    }
}

impl fmt::Debug for LogAppend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogAppend({}, {})", self.log.name, self.segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static LOG: Log = Log { name: "log" };

    fn said(text: &str) -> LogAppend {
        LogAppend {
            log: &LOG,
            segment: 0,
            stream: 0,
            payload: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn what_tells_of_changes_goes_with_them() {
        let mut inner = Batch::default();
        inner.append(said("used"));
        let first = inner.appends().len();
        inner.append(said("changed"));
        inner.tell_of_changes(first);
        let mut outer = Batch::default();
        outer.append(said("looked"));
        outer.merge(inner);
        outer.append(said("denied"));
        for left in [outer.copy_of_appends(), outer.only_appends()] {
            let left = left.appends().iter().map(|append| &*append.payload);
            let left: Vec<_> = left.collect();
            assert_eq!(left, [b"looked".as_slice(), b"used", b"denied"]);
        }
    }
}
