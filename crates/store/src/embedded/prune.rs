//! Drops versions of metadata rows that nobody needs any more, a bounded part at a time.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::PoisonError;

use fjall::Readable;
use types::Timestamp;

use super::codec::Fields;
use super::engine::read_error;
use super::group::version_key;
use super::prepare::{Prepared, prepare};
use super::seal::RowKey;
use super::shared::{Shared, unanswered};
use crate::history::{DATES, DatesRecord, HISTORY, HistoryRecord, only_row};
use crate::{AnyTable, Batch, Error, HistoryBounds, Pruned, Record, Revision, Table};

/// What the engine keeps the history under, in error messages.
const NAME: &str = "history";

/// About how many versions a run looks at.
const MOST_SEEN: usize = 65_536;

/// About how many it drops.
const MOST_DROPPED: usize = 16_384;

/// How many are dropped in one commit.
const AT_ONCE: usize = 512;

/// How far the history was looked through.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    /// Where to go on; `None` is at the beginning.
    next: Option<Place>,
    /// What ended versions when all of them were looked at last.
    done: Option<Ends>,
}

/// Which versions are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    /// Those that this commit or an earlier one replaced.
    all: Revision,
    /// Those that this commit or an earlier one replaced, beyond so many of their row.
    beyond: Option<(Revision, usize)>,
}

/// Where in the history to go on.
type Place = Bound<Vec<u8>>;

/// A version to drop: its key, and the commit that replaced it.
type Dropped = (Vec<u8>, Revision);

/// The versions of a row that are to be looked at, oldest first.
struct Versions {
    row: RowKey,
    kept: VecDeque<Revision>,
}

impl Shared {
    /// One run, at `now`: dates commits by the time `may_date` if there is one, and drops versions that `bounds` do
    /// not keep.
    ///
    /// Blocks until its commits are durable.
    pub(super) fn prune(
        &self,
        may_date: Option<Timestamp>,
        now: Timestamp,
        bounds: &HistoryBounds,
    ) -> Result<Pruned, Error> {
        let pruning = self.pruning.lock();
        let mut pruning = pruning.unwrap_or_else(PoisonError::into_inner);
        let mut history: HistoryRecord = self.only(&HISTORY);
        let mut dates: DatesRecord = self.only(&DATES);
        let revision = self.published.load().revision();
        if may_date.is_some_and(|at| dates.date(revision, at)) {
            let mut batch = Batch::default();
            batch.put(&DATES, only_row(), dates.clone());
            self.write(batch, Vec::new())?;
        }
        let ends = Ends::of(&dates, now, bounds);
        let mut versions = 0;
        if ends.are_none() {
            pruning.done = Some(ends);
        }
        if pruning.done != Some(ends) {
            let (dropped, next) = self.look(ends, pruning.next.take())?;
            for some in dropped.chunks(AT_ONCE) {
                let last = some.iter().map(|(_, replaced)| *replaced).max();
                history.dropped = history.dropped.max(last.unwrap_or(0));
                history.begins = history.begins.max(dates.of(history.dropped));
                let mut batch = Batch::default();
                batch.put(&HISTORY, only_row(), history);
                self.write(batch, some.iter().map(|(key, _)| key.clone()).collect())?;
                versions += u64::try_from(some.len()).unwrap_or(0);
            }
            pruning.done = next.is_none().then_some(ends);
            pruning.next = next;
        }
        Ok(Pruned {
            versions,
            is_done: pruning.done.is_some(),
            begins: history.begins,
            dated: dates.newest(),
            bytes: self.engine.history.disk_space(),
        })
    }

    /// What is known of the history that `view` shows.
    ///
    /// INVARIANT: it is read from where the history is, and not from a snapshot, which may be
    /// older: what was dropped is known together with its being gone.
    pub(super) fn history_in(&self, view: &fjall::Snapshot) -> Result<HistoryRecord, Error> {
        let damaged = || Error::Damaged { what: NAME };
        let row_key = self.sealer.row_key(HISTORY.name(), &only_row());
        let stored = view.get(&self.engine.rows, row_key);
        let Some(stored) = stored.map_err(|error| read_error(NAME, error))? else {
            return Ok(HistoryRecord::default());
        };
        let row = self.sealer.open_row(HISTORY.name(), &row_key, &stored);
        let record = HISTORY.decode(row.ok_or_else(damaged)?.record());
        let record = record.map_err(|_unreadable| damaged())?;
        let record: Option<&HistoryRecord> = record.downcast_ref();
        record.copied().ok_or_else(damaged)
    }

    /// The only row of one of the store's own tables.
    fn only<R: Record + Clone + Default>(&self, table: &'static Table<R>) -> R {
        let snapshot = self.published.load();
        let row = snapshot.get(table, &only_row());
        row.map(|row| row.record.clone()).unwrap_or_default()
    }

    /// Looks at a part of the history, and returns what is to be dropped of it, of each row the
    /// oldest versions first, and where the next part begins.
    fn look(
        &self,
        ends: Ends,
        from: Option<Place>,
    ) -> Result<(Vec<Dropped>, Option<Place>), Error> {
        let view = self.engine.database().snapshot();
        let failed = |error| read_error(NAME, error);
        let mut dropped = Vec::new();
        let mut seen = 0;
        let mut row: Option<Versions> = None;
        let mut next = Some(from.unwrap_or(Bound::Unbounded));
        while let Some(start) = next.take() {
            for guard in view.range(&self.engine.history, (start, Bound::Unbounded)) {
                let key = guard.key().map_err(failed)?;
                let (row_key, revision) = place(&key).ok_or(Error::Damaged { what: NAME })?;
                seen += 1;
                if row.as_ref().is_none_or(|row| row.row != row_key) {
                    if let Some(row) = row.take() {
                        row.end(ends, || self.is_gone(&view, &row.row), &mut dropped)?;
                    }
                    if seen > MOST_SEEN || dropped.len() >= MOST_DROPPED {
                        return Ok((dropped, Some(Bound::Included(key.to_vec()))));
                    }
                    row = Some(Versions::of(row_key));
                }
                let Some(versions) = &mut row else { continue };
                versions.kept.push_back(revision);
                versions.drop_oldest(ends, &mut dropped);
                if dropped.len() >= MOST_DROPPED {
                    // The rest of the row is looked at when these are gone.
                    let rest = version_key(&row_key, 0);
                    return Ok((dropped, Some(Bound::Included(rest))));
                }
                if versions.is_settled(ends) {
                    next = Some(Bound::Excluded(version_key(&row_key, Revision::MAX)));
                    row = None;
                    break;
                }
            }
        }
        if let Some(row) = row {
            row.end(ends, || self.is_gone(&view, &row.row), &mut dropped)?;
        }
        Ok((dropped, None))
    }

    /// Whether there is no row at `row`: its newest version is a deletion.
    fn is_gone(&self, view: &fjall::Snapshot, row: &RowKey) -> Result<bool, Error> {
        let found = view.contains_key(&self.engine.rows, row);
        found
            .map(|found| !found)
            .map_err(|error| read_error("rows", error))
    }

    /// Commits `batch`, and with it the removal of `versions` from the history.
    fn write(&self, batch: Batch, versions: Vec<Vec<u8>>) -> Result<(), Error> {
        let committed = prepare(&self.engine, &self.sealer, batch)
            .map(|prepared| Prepared {
                versions,
                ..prepared
            })
            .and_then(|prepared| self.submit(prepared))
            .and_then(|answered| {
                let committed = answered.blocking_recv();
                committed.unwrap_or_else(|_closed| Err(unanswered()))
            });
        committed.map(drop).map_err(|source| Error::Engine {
            what: NAME,
            source: Box::new(source),
        })
    }
}

impl Ends {
    fn of(dates: &DatesRecord, now: Timestamp, bounds: &HistoryBounds) -> Self {
        let made = |ago| dates.made_by(now.saturating_sub(ago));
        let least = made(bounds.least);
        Self {
            all: bounds.most.map_or(0, |most| made(most).min(least)),
            beyond: bounds.versions.map(|versions| (least, versions.max(1))),
        }
    }

    /// Whether every version is kept.
    fn are_none(&self) -> bool {
        self.all == 0 && self.beyond.is_none_or(|(by, _)| by == 0)
    }
}

impl Versions {
    fn of(row: RowKey) -> Self {
        Self {
            row,
            kept: VecDeque::new(),
        }
    }

    /// Drops the oldest versions as far as the ones that replaced them, which are known, allow it.
    fn drop_oldest(&mut self, ends: Ends, dropped: &mut Vec<Dropped>) {
        while let (Some(oldest), Some(replaced)) = (self.kept.front(), self.kept.get(1)) {
            let (oldest, replaced) = (*oldest, *replaced);
            let is_surplus =
                |(by, versions): (Revision, usize)| replaced <= by && self.kept.len() > versions;
            if replaced > ends.all && !ends.beyond.is_some_and(is_surplus) {
                break;
            }
            dropped.push((version_key(&self.row, oldest), replaced));
            self.kept.pop_front();
        }
    }

    /// Whether nothing else of the row can be dropped, however many versions follow.
    fn is_settled(&self, ends: Ends) -> bool {
        let replaced = self.kept.get(1);
        replaced.is_some_and(|replaced| {
            *replaced > ends.all && ends.beyond.is_none_or(|(by, _)| *replaced > by)
        })
    }

    /// Drops the version that a row ended with, if it is a deletion that is old.
    fn end(
        &self,
        ends: Ends,
        is_gone: impl FnOnce() -> Result<bool, Error>,
        dropped: &mut Vec<Dropped>,
    ) -> Result<(), Error> {
        if let (Some(last), 1) = (self.kept.front(), self.kept.len())
            && *last <= ends.all
            && is_gone()?
        {
            dropped.push((version_key(&self.row, *last), *last));
        }
        Ok(())
    }
}

/// The row and commit of a version's key.
fn place(key: &[u8]) -> Option<(RowKey, Revision)> {
    let mut fields = Fields(key);
    let place = fields.array().zip(fields.number())?;
    fields.end()?;
    Some(place)
}
