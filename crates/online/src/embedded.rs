//! Versioned cells, and their implementation in the store of the metadata.

use std::fmt;
use std::future::Future;
use std::ops::Bound as RangeBound;
use std::pin::Pin;
use std::sync::Arc;

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

    /// Removes up to `limit` cells whose time was over in an hour before that of `now`.
    ///
    /// A newer version that is written meanwhile survives. A cell that was tampered with stays;
    /// the others are removed before the call fails.
    fn sweep(&self, now: Timestamp, limit: usize) -> Fetch<'_, Swept>;

    /// Removes up to `limit` cells of a group that no request can reach any more.
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
}

impl EmbeddedCells {
    /// Opens the cells in `store`, which must hold [`crate::spaces`] and [`crate::tables`].
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, OpenError> {
        let sequencer = Sequencer::start(&*store).await?;
        Ok(Self { store, sequencer })
    }

    fn read(&self, key: &CellKey) -> Result<Option<SealedCell>, Error> {
        let value = self.store.cell(CELLS, key.as_bytes())?;
        value.map(SealedCell::from_stored).transpose()
    }

    async fn sweep_step(&self, now: Timestamp, limit: usize) -> Result<Swept, Error> {
        let nothing = Swept {
            removed: 0,
            more: false,
        };
        let Some(now_as_event) = crate::EventTime::new(now) else {
            return Ok(nothing);
        };
        let end = now_as_event.hour().to_be_bytes();
        let to = RangeBound::Excluded(&end[..]);
        let rows = self.store.cells(EXPIRY, RangeBound::Unbounded, to, limit)?;
        if rows.is_empty() {
            return Ok(nothing);
        }
        let more = rows.len() >= limit;
        let rows: Vec<Vec<u8>> = rows.into_iter().map(|(row, _)| row).collect();
        let removed = match self.sweep_rows(&rows, now).await {
            Err(CommitError::Damaged { .. }) => self.sweep_one_by_one(&rows, now).await,
            result => result,
        }?;
        Ok(Swept { removed, more })
    }

    /// Sweeps what can be swept, and fails if anything cannot.
    async fn sweep_one_by_one(
        &self,
        rows: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<usize, CommitError> {
        let mut removed = 0;
        let mut damaged = None;
        for row in rows {
            match self.sweep_rows(std::slice::from_ref(row), now).await {
                Ok(count) => removed += count,
                Err(error @ CommitError::Damaged { .. }) => damaged = Some(error),
                Err(error) => return Err(error),
            }
        }
        damaged.map_or(Ok(removed), Err)
    }

    async fn sweep_rows(&self, rows: &[Vec<u8>], now: Timestamp) -> Result<usize, CommitError> {
        let mut batch = Batch::new(Lane::Data);
        for row in rows {
            // The rule decides at the commit: whatever has been written to the cell by then
            // is removed if its own time is over, and else survives.
            if let Some(key) = row.get(HOUR_LENGTH..) {
                batch.cell(CellWrite {
                    space: CELLS,
                    key: key.to_vec(),
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
        let cells = self.range(group, None, limit)?;
        let purged = Purged {
            removed: cells.len(),
            more: cells.len() >= limit,
        };
        if cells.is_empty() {
            return Ok(purged);
        }
        let mut batch = Batch::new(Lane::Data);
        for (key, value) in cells {
            let expiry = Header::read(&value)
                .ok()
                .and_then(|header| header.expires_at);
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
        let to = match &end {
            Some(end) => RangeBound::Excluded(&end[..]),
            None => RangeBound::Unbounded,
        };
        Ok(self.store.cells(CELLS, from, to, limit)?)
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

    fn sweep(&self, now: Timestamp, limit: usize) -> Fetch<'_, Swept> {
        Box::pin(self.sweep_step(now, limit))
    }

    fn purge(&self, group: GroupNumber, limit: usize) -> Fetch<'_, Purged> {
        Box::pin(self.purge_step(group, limit))
    }
}

const HOUR_LENGTH: usize = 4;

/// The row of the expiry table for a cell that expires at `at`.
pub(crate) fn expiry_row(at: crate::EventTime, key: &CellKey) -> Vec<u8> {
    let mut row = Vec::with_capacity(HOUR_LENGTH + CellKey::LENGTH);
    row.extend_from_slice(&at.hour().to_be_bytes());
    row.extend_from_slice(key.as_bytes());
    row
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
