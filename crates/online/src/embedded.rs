//! Versioned cells, and their implementation in the store of the metadata.

mod sweep;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::ops::Bound as RangeBound;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::{Batch, CellOutcome, CellWrite, Lane, Store};
use types::Timestamp;

use self::sweep::Passed;
use crate::rule::Bound;
use crate::sequence::Sequencer;
use crate::{
    CELLS, CellKey, EXPIRY, Error, GroupNumber, Header, OpenError, Outcome, Rule, SealedCell,
    Version,
};

/// The future of an answer of the online store.
pub type Fetch<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Whether a group is one of those that are meant: may be swept, is reported.
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
#[derive(Debug, PartialEq, Eq)]
pub struct Swept {
    /// How many cells were removed.
    pub removed: usize,
    /// How many could not be, because they were tampered with.
    pub damaged: usize,
    /// How many times the cells of one group and hour were passed over, because the group is
    /// closed.
    pub closed: usize,
    /// The expired records that are reported and not removed.
    pub expired: Vec<(CellKey, SealedCell)>,
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

/// How much one step looks at: it ends with the cell that reaches either bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// How many cells.
    pub cells: usize,
    /// How many bytes, as they are stored; one cell is taken whatever its size.
    pub bytes: usize,
}

/// The cells that one step looks at.
#[derive(Debug)]
pub struct Surveyed {
    /// The cells in the order of their keys; one that was tampered with is `None`.
    pub cells: Vec<(CellKey, Option<SealedCell>)>,
    /// Whether there may be more behind them.
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

    /// The next cells of `group` behind `after`, in the order of their keys, so many as `portion`
    /// has room for. One that was tampered with fails nothing.
    fn survey(
        &self,
        group: GroupNumber,
        after: Option<CellKey>,
        portion: Portion,
    ) -> Fetch<'_, Surveyed>;

    /// Removes up to `limit` cells whose time was over in an hour before that of `now`, of
    /// groups that are `open`.
    ///
    /// A newer version that is written meanwhile survives. A cell that was tampered with stays,
    /// and so do those of other groups: the calls up to the end, and those of a minute after
    /// that, go on behind them.
    fn sweep<'a>(&'a self, now: Timestamp, limit: usize, open: Open<'a>) -> Fetch<'a, Swept> {
        self.sweep_or_report(now, limit, (open, &|_| false))
    }

    /// The same, but of the open groups that are `reported` the records that have expired are
    /// returned and stay: whoever calls removes them together with what else there is to write. If
    /// they are large, they are fewer than `limit`.
    /// What was deleted before it expired is removed as everywhere.
    fn sweep_or_report<'a>(
        &'a self,
        now: Timestamp,
        limit: usize,
        groups: (Open<'a>, Open<'a>),
    ) -> Fetch<'a, Swept>;

    /// Removes up to `limit` cells of a group that no request can reach any more, fewer if they are
    /// large; those that were tampered with as well.
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
    /// How far the cells of deleted groups are removed, by group: each step goes on from there,
    /// and not over what the steps before have left of theirs.
    purged: Mutex<HashMap<GroupNumber, Vec<u8>>>,
}

impl EmbeddedCells {
    /// Opens the cells in `store`, which must hold [`crate::spaces`] and [`crate::tables`].
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, OpenError> {
        let sequencer = Sequencer::start(&*store).await?;
        Ok(Self {
            store,
            sequencer,
            passed: Mutex::default(),
            purged: Mutex::default(),
        })
    }

    fn read(&self, key: &CellKey) -> Result<Option<SealedCell>, Error> {
        let value = self.store.cell(CELLS, key.as_bytes())?;
        value.map(SealedCell::from_stored).transpose()
    }

    async fn purge_step(&self, group: GroupNumber, limit: usize) -> Result<Purged, Error> {
        let (first, end) = bounds(group);
        let last = self.purged().get(&group).cloned();
        let from = match &last {
            Some(last) => RangeBound::Excluded(&last[..]),
            None => RangeBound::Included(&first[..]),
        };
        let keys = self
            .store
            .cell_keys(CELLS, from, below(end.as_ref()), limit)?;
        let mut purged = Purged {
            removed: 0,
            more: keys.len() >= limit,
        };
        let (mut last, mut bytes) = (None, 0_usize);
        let mut batch = Batch::new(Lane::Relief);
        for key in keys {
            if bytes >= MOST_READ {
                purged.more = true;
                break;
            }
            // The row of a cell that does not tell its expiry goes when its hour is swept.
            let value = match self.store.cell(CELLS, &key) {
                Err(store::Error::Damaged { .. }) => None,
                value => value?,
            };
            bytes = bytes.saturating_add(value.as_ref().map_or(0, Vec::len));
            let header = value.and_then(|value| Header::read(&value).ok());
            let expiry = header.and_then(|header| header.expires_at);
            if let (Some(at), Some(key)) = (expiry, CellKey::from_bytes(&key)) {
                batch.cell(removal(EXPIRY, expiry_row(at, &key)));
            }
            last = Some(key.clone());
            batch.cell(removal(CELLS, key));
            purged.removed += 1;
        }
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        match last.filter(|_| purged.more) {
            Some(last) => self.purged().insert(group, last),
            None => self.purged().remove(&group),
        };
        Ok(purged)
    }

    fn purged(&self) -> MutexGuard<'_, HashMap<GroupNumber, Vec<u8>>> {
        self.purged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn range(
        &self,
        group: GroupNumber,
        after: Option<CellKey>,
        limit: usize,
    ) -> Result<store::Cells, Error> {
        let (first, end) = bounds(group);
        let from = from_behind(after.as_ref(), &first);
        Ok(self.store.cells(CELLS, from, below(end.as_ref()), limit)?)
    }

    fn surveyed(
        &self,
        group: GroupNumber,
        mut after: Option<CellKey>,
        portion: Portion,
    ) -> Result<Surveyed, Error> {
        let (mut cells, mut bytes) = (Vec::new(), 0_usize);
        while cells.len() < portion.cells {
            let limit = portion.cells.saturating_sub(cells.len()).min(AT_ONCE);
            let found = self.survey_some(group, after, limit)?;
            for (key, cell) in found.cells {
                let size = cell.as_ref().map_or(0, |cell| cell.as_stored().len());
                bytes = bytes.saturating_add(size);
                after = Some(key);
                cells.push((key, cell));
                if bytes >= portion.bytes {
                    return Ok(Surveyed { cells, more: true });
                }
            }
            if !found.more {
                return Ok(Surveyed { cells, more: false });
            }
        }
        Ok(Surveyed { cells, more: true })
    }

    fn survey_some(
        &self,
        group: GroupNumber,
        after: Option<CellKey>,
        limit: usize,
    ) -> Result<Surveyed, Error> {
        let cells = match self.range(group, after, limit) {
            Ok(cells) => cells,
            // One of them: which, each tells for itself.
            Err(Error::Store(store::Error::Damaged { .. })) => {
                return self.one_by_one(group, after, limit);
            }
            Err(error) => return Err(error),
        };
        let more = cells.len() >= limit;
        let cells = cells.into_iter().map(|(key, value)| {
            let key = CellKey::from_bytes(&key).ok_or(Error::Damaged)?;
            Ok((key, SealedCell::from_stored(value).ok()))
        });
        let cells = cells.collect::<Result<_, Error>>()?;
        Ok(Surveyed { cells, more })
    }

    fn one_by_one(
        &self,
        group: GroupNumber,
        after: Option<CellKey>,
        limit: usize,
    ) -> Result<Surveyed, Error> {
        let (first, end) = bounds(group);
        let from = from_behind(after.as_ref(), &first);
        let keys = self
            .store
            .cell_keys(CELLS, from, below(end.as_ref()), limit)?;
        // INVARIANT: those that are removed meanwhile do not make it look like the end.
        let more = keys.len() >= limit;
        let mut cells = Vec::with_capacity(keys.len());
        for key in keys {
            let key = CellKey::from_bytes(&key).ok_or(Error::Damaged)?;
            match self.read(&key) {
                Ok(Some(cell)) => cells.push((key, Some(cell))),
                // Removed meanwhile.
                Ok(None) => {}
                Err(
                    Error::Store(store::Error::Damaged { .. })
                    | Error::Damaged
                    | Error::Format { .. },
                ) => cells.push((key, None)),
                Err(error) => return Err(error),
            }
        }
        Ok(Surveyed { cells, more })
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

    fn survey(
        &self,
        group: GroupNumber,
        after: Option<CellKey>,
        portion: Portion,
    ) -> Fetch<'_, Surveyed> {
        Box::pin(std::future::ready(self.surveyed(group, after, portion)))
    }

    fn sweep_or_report<'a>(
        &'a self,
        now: Timestamp,
        limit: usize,
        groups: (Open<'a>, Open<'a>),
    ) -> Fetch<'a, Swept> {
        Box::pin(self.sweep_step(now, limit, groups))
    }

    fn purge(&self, group: GroupNumber, limit: usize) -> Fetch<'_, Purged> {
        Box::pin(self.purge_step(group, limit))
    }
}

/// How many cells are read before their sizes are looked at.
const AT_ONCE: usize = 16;

/// How many bytes of cells one step reads of those that it removes or reports.
const MOST_READ: usize = 4 << 20;

/// Where the keys of the cells of `group` begin and end.
fn bounds(group: GroupNumber) -> ([u8; 8], Option<[u8; 8]>) {
    let end = group.0.checked_add(1).map(u64::to_be_bytes);
    (group.0.to_be_bytes(), end)
}

fn from_behind<'a>(after: Option<&'a CellKey>, first: &'a [u8; 8]) -> RangeBound<&'a [u8]> {
    match after {
        Some(key) => RangeBound::Excluded(&key.as_bytes()[..]),
        None => RangeBound::Included(&first[..]),
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
