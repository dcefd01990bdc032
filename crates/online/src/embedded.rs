//! Versioned cells, and their implementation in the store of the metadata.

use std::fmt;
use std::future::Future;
use std::ops::Bound as RangeBound;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::{Batch, CellOutcome, CellWrite, CommitError, Lane, Store};
use types::Timestamp;

use crate::rule::{Bound, IfExpired};
use crate::sequence::Sequencer;
use crate::{
    CELLS, CellKey, EXPIRY, Error, GroupNumber, Header, OpenError, Outcome, Rule, SealedCell,
    Version,
};

/// The future of an answer of the online store.
pub type Fetch<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Whether the cells of a group may be swept.
pub type Open<'a> = &'a (dyn Fn(GroupNumber) -> bool + Send + Sync);

/// A write of one cell.
#[derive(Debug)]
pub struct Write {
    /// Which cell.
    pub key: CellKey,
    /// The version that is written; a removal has one too, to be compared.
    pub version: Version,
    /// The new cell, of that version; `None` removes.
    pub cell: Option<SealedCell>,
    /// When it takes place.
    pub rule: Rule,
    /// The time of the request: what has expired by then counts as absent.
    pub now: Timestamp,
}

/// What one step of sweeping did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// How many cells were removed.
    pub removed: usize,
    /// How many could not be, because they were tampered with.
    pub damaged: usize,
    /// How many times the cells of one group and hour were passed over, because the group is
    /// closed.
    pub closed: usize,
    /// Whether more is left to sweep.
    pub more: bool,
}

/// What one step of removing a group's cells did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// How many cells were removed.
    pub removed: usize,
    /// Whether cells are left.
    pub more: bool,
}

/// An engine of versioned cells.
///
/// Reads return cells as they are stored: the caller decides with
/// [`Header::is_visible`](crate::Header::is_visible) what a reader may see.
pub trait Cells: fmt::Debug + Send + Sync {
    /// The sequence number for the next write.
    fn next_sequence(&self) -> Result<u64, Error>;

    /// The cell at `key`.
    fn get<'a>(&'a self, key: &'a CellKey) -> Fetch<'a, Option<SealedCell>>;

    /// The cells at `keys`, in the same order.
    fn multi_get<'a>(&'a self, keys: &'a [CellKey]) -> Fetch<'a, Vec<Option<SealedCell>>>;

    /// Adds `write` to `batch`, with everything that belongs to it; it takes place when the
    /// batch is committed, if its rule says so then.
    fn stage(&self, batch: &mut Batch, write: Write);

    /// Commits `batch` together with `writes` and says what became of each of those.
    fn write(&self, batch: Batch, writes: Vec<Write>) -> Fetch<'_, Vec<Outcome>>;

    /// Up to `limit` cells of `group`, in the order of their keys, behind `after`.
    fn scan(
        &self,
        group: GroupNumber,
        after: Option<CellKey>,
        limit: usize,
    ) -> Fetch<'_, Vec<(CellKey, SealedCell)>>;

    /// Removes up to `limit` cells whose time was over in an hour before that of `now`, of
    /// groups that are `open`.
    ///
    /// A newer version that is written meanwhile survives. A cell that was tampered with stays,
    /// and so do those of other groups: the calls up to the end, and those of a minute after
    /// that, go on behind them.
    fn sweep<'a>(&'a self, now: Timestamp, limit: usize, open: Open<'a>) -> Fetch<'a, Swept>;

    /// Removes up to `limit` cells of a group that no request can reach any more, those that
    /// were tampered with as well.
    fn purge(&self, group: GroupNumber, limit: usize) -> Fetch<'_, Purged>;
}

/// Cells in the store that holds the metadata, so that both commit together.
///
/// Beside each cell that expires there is a row: the hour, then the cell's key. It goes when the
/// cell is overwritten or removed. The rows of past hours say what to sweep.
#[derive(Debug)]
pub struct EmbeddedCells {
    store: Arc<dyn Store>,
    sequencer: Sequencer,
    passed: Mutex<Option<Passed>>,
}

/// How far sweeping does not begin anew, since all that is left there was tampered with or
/// belongs to closed groups.
#[derive(Debug)]
struct Passed {
    row: Vec<u8>,
    /// When it begins anew; not before it has come to the end.
    again: Option<Timestamp>,
}

/// For how long what cannot be removed is passed over.
const PASSED_FOR: Duration = Duration::from_mins(1);

/// How many hours of closed groups one step passes over. Each is one look for the next row.
const SKIPS: usize = 1024;

impl EmbeddedCells {
    /// Opens the cells in `store`, which must hold [`crate::spaces`] and [`crate::tables`].
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, OpenError> {
        let sequencer = Sequencer::start(&*store).await?;
        Ok(Self {
            store,
            sequencer,
            passed: Mutex::default(),
        })
    }

    fn read(&self, key: &CellKey) -> Result<Option<SealedCell>, Error> {
        let value = self.store.cell(CELLS, key.as_bytes())?;
        value.map(SealedCell::from_stored).transpose()
    }

    async fn sweep_step(
        &self,
        now: Timestamp,
        limit: usize,
        open: Open<'_>,
    ) -> Result<Swept, Error> {
        let mut swept = Swept {
            removed: 0,
            damaged: 0,
            closed: 0,
            more: false,
        };
        let rows = self.to_sweep(now, limit, open, &mut swept)?;
        match self.sweep_rows(&rows, now).await {
            Ok(removed) => swept.removed = removed,
            Err(CommitError::Damaged { .. }) => {
                self.sweep_one_by_one(&rows, now, &mut swept).await?;
            }
            Err(error) => return Err(error.into()),
        }
        if !swept.more {
            self.end_round(now);
        }
        Ok(swept)
    }

    /// The next rows of open groups whose hour is over.
    fn to_sweep(
        &self,
        now: Timestamp,
        limit: usize,
        open: Open<'_>,
        swept: &mut Swept,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let Some(now_as_event) = crate::EventTime::new(now) else {
            return Ok(Vec::new());
        };
        let end = now_as_event.hour().to_be_bytes();
        let mut wanted = limit;
        for _ in 0..SKIPS {
            let passed = self.passed(now);
            let from = match &passed {
                Some(row) => RangeBound::Excluded(&row[..]),
                None => RangeBound::Unbounded,
            };
            let to = RangeBound::Excluded(&end[..]);
            // What a row says beside its key is of no use here, and may have been tampered with.
            let mut rows = self.store.cell_keys(EXPIRY, from, to, wanted)?;
            let is_closed = |row: &Vec<u8>| group_of_row(row).is_some_and(|group| !open(group));
            let first_closed = rows.iter().position(is_closed);
            swept.more = rows.len() >= wanted || first_closed.is_some();
            if first_closed == Some(0) {
                swept.closed += 1;
                if let Some(row) = rows.first() {
                    self.pass(end_of_group(row));
                }
                // Where one group is closed the next may be too: its first row tells.
                wanted = 1;
            } else if wanted < limit && !rows.is_empty() {
                wanted = limit;
            } else {
                rows.truncate(first_closed.unwrap_or(rows.len()));
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    /// The row behind which to sweep at `now`.
    fn passed(&self, now: Timestamp) -> Option<Vec<u8>> {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |passed: &Passed| passed.again.is_some_and(|again| again <= now);
        *passed = passed.take().filter(|passed| !is_over(passed));
        passed.as_ref().map(|passed| passed.row.clone())
    }

    /// Goes on behind `row`.
    fn pass(&self, row: Vec<u8>) {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let again = passed.as_ref().and_then(|passed| passed.again);
        *passed = Some(Passed { row, again });
    }

    /// Begins anew in a minute, if something was passed over.
    fn end_round(&self, now: Timestamp) {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(passed) = passed.as_mut() {
            let fresh = || now.saturating_add(PASSED_FOR);
            passed.again.get_or_insert_with(fresh);
        }
    }

    /// Sweeps what can be swept, and passes over the rest.
    async fn sweep_one_by_one(
        &self,
        rows: &[Vec<u8>],
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), CommitError> {
        for row in rows {
            match self.sweep_rows(std::slice::from_ref(row), now).await {
                Ok(removed) => swept.removed += removed,
                Err(CommitError::Damaged { .. }) => {
                    swept.damaged += 1;
                    self.pass(row.clone());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn sweep_rows(&self, rows: &[Vec<u8>], now: Timestamp) -> Result<usize, CommitError> {
        if rows.is_empty() {
            return Ok(0);
        }
        let mut batch = Batch::new(Lane::Data);
        for row in rows {
            // The rule decides at the commit: whatever has been written to the cell by then
            // is removed if its own time is over, and else survives.
            if let Some(key) = row.get(HOUR_LENGTH..).and_then(CellKey::from_bytes) {
                batch.cell(CellWrite {
                    space: CELLS,
                    key: key.as_bytes().to_vec(),
                    value: None,
                    rule: Some(Box::new(IfExpired { now })),
                });
            }
            batch.cell(removal(EXPIRY, row.clone()));
        }
        let committed = self.store.commit(batch).await?;
        let applied = |outcome: &&CellOutcome| matches!(outcome, CellOutcome::Applied);
        Ok(committed.cells.iter().filter(applied).count())
    }

    async fn purge_step(&self, group: GroupNumber, limit: usize) -> Result<Purged, Error> {
        let first = group.0.to_be_bytes();
        let end = group.0.checked_add(1).map(u64::to_be_bytes);
        let from = RangeBound::Included(&first[..]);
        let keys = self
            .store
            .cell_keys(CELLS, from, below(end.as_ref()), limit)?;
        let purged = Purged {
            removed: keys.len(),
            more: keys.len() >= limit,
        };
        if keys.is_empty() {
            return Ok(purged);
        }
        let mut batch = Batch::new(Lane::Data);
        for key in keys {
            // The row of a cell that does not tell its expiry goes when its hour is swept.
            let value = match self.store.cell(CELLS, &key) {
                Err(store::Error::Damaged { .. }) => None,
                value => value?,
            };
            let header = value.and_then(|value| Header::read(&value).ok());
            let expiry = header.and_then(|header| header.expires_at);
            if let (Some(at), Some(key)) = (expiry, CellKey::from_bytes(&key)) {
                batch.cell(removal(EXPIRY, expiry_row(at, &key)));
            }
            batch.cell(removal(CELLS, key));
        }
        self.store.commit(batch).await?;
        Ok(purged)
    }

    fn range(
        &self,
        group: GroupNumber,
        after: Option<CellKey>,
        limit: usize,
    ) -> Result<store::Cells, Error> {
        let first = group.0.to_be_bytes();
        let end = group.0.checked_add(1).map(u64::to_be_bytes);
        let from = match &after {
            Some(key) => RangeBound::Excluded(&key.as_bytes()[..]),
            None => RangeBound::Included(&first[..]),
        };
        Ok(self.store.cells(CELLS, from, below(end.as_ref()), limit)?)
    }

    async fn commit(&self, mut batch: Batch, writes: Vec<Write>) -> Result<Vec<Outcome>, Error> {
        let earlier = conditional(&batch);
        let rules: Vec<Rule> = writes.iter().map(|write| write.rule).collect();
        for write in writes {
            self.stage(&mut batch, write);
        }
        let committed = self.store.commit(batch).await?;
        let outcomes = committed.cells.into_iter().skip(earlier);
        Ok(outcomes
            .zip(rules)
            .map(|(outcome, rule)| match outcome {
                CellOutcome::Applied => Outcome::Applied,
                CellOutcome::Kept => rule.refused(),
            })
            .collect())
    }
}

impl Cells for EmbeddedCells {
    fn next_sequence(&self) -> Result<u64, Error> {
        self.sequencer.next()
    }

    fn get<'a>(&'a self, key: &'a CellKey) -> Fetch<'a, Option<SealedCell>> {
        Box::pin(std::future::ready(self.read(key)))
    }

    fn multi_get<'a>(&'a self, keys: &'a [CellKey]) -> Fetch<'a, Vec<Option<SealedCell>>> {
        let cells = keys.iter().map(|key| self.read(key)).collect();
        Box::pin(std::future::ready(cells))
    }

    fn stage(&self, batch: &mut Batch, write: Write) {
        let expires_at = write
            .cell
            .as_ref()
            .and_then(|cell| cell.header().expires_at);
        batch.cell(CellWrite {
            space: CELLS,
            key: write.key.as_bytes().to_vec(),
            value: write.cell.map(SealedCell::into_stored),
            rule: Some(Box::new(Bound {
                key: write.key,
                expires_at,
                rule: write.rule,
                version: write.version,
                now: write.now,
            })),
        });
    }

    fn write(&self, batch: Batch, writes: Vec<Write>) -> Fetch<'_, Vec<Outcome>> {
        Box::pin(self.commit(batch, writes))
    }

    fn scan(
        &self,
        group: GroupNumber,
        after: Option<CellKey>,
        limit: usize,
    ) -> Fetch<'_, Vec<(CellKey, SealedCell)>> {
        let cells = self.range(group, after, limit).and_then(|cells| {
            cells
                .into_iter()
                .map(|(key, value)| {
                    let key = CellKey::from_bytes(&key).ok_or(Error::Damaged)?;
                    Ok((key, SealedCell::from_stored(value)?))
                })
                .collect()
        });
        Box::pin(std::future::ready(cells))
    }

    fn sweep<'a>(&'a self, now: Timestamp, limit: usize, open: Open<'a>) -> Fetch<'a, Swept> {
        Box::pin(self.sweep_step(now, limit, open))
    }

    fn purge(&self, group: GroupNumber, limit: usize) -> Fetch<'_, Purged> {
        Box::pin(self.purge_step(group, limit))
    }
}

fn below(end: Option<&[u8; 8]>) -> RangeBound<&[u8]> {
    end.map_or(RangeBound::Unbounded, |end| RangeBound::Excluded(&end[..]))
}

const HOUR_LENGTH: usize = 4;

/// The row of the expiry table for a cell that expires at `at`.
pub(crate) fn expiry_row(at: crate::EventTime, key: &CellKey) -> Vec<u8> {
    let mut row = Vec::with_capacity(HOUR_LENGTH + CellKey::LENGTH);
    row.extend_from_slice(&at.hour().to_be_bytes());
    row.extend_from_slice(key.as_bytes());
    row
}

/// The group whose cell a row of the expiry table is about.
fn group_of_row(row: &[u8]) -> Option<GroupNumber> {
    let number = row.get(HOUR_LENGTH..HOUR_LENGTH + 8)?;
    Some(GroupNumber(u64::from_be_bytes(number.try_into().ok()?)))
}

/// Where the rows end that are of the same hour and group as `row`.
fn end_of_group(row: &[u8]) -> Vec<u8> {
    let mut end = row.get(..HOUR_LENGTH + 8).unwrap_or(row).to_vec();
    end.resize(HOUR_LENGTH + CellKey::LENGTH, u8::MAX);
    end
}

fn removal(space: store::Space, key: Vec<u8>) -> CellWrite {
    CellWrite {
        space,
        key,
        value: None,
        rule: None,
    }
}

/// How many writes of `batch` have outcomes of their own.
fn conditional(batch: &Batch) -> usize {
    batch
        .cells()
        .iter()
        .filter(|write| write.rule.is_some())
        .count()
}
