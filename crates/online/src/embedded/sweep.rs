//! Sweeping: removing the cells whose time is over, hour by hour, past what must stay.

use std::ops::Bound as RangeBound;
use std::sync::PoisonError;
use std::time::Duration;

use store::{Batch, CellOutcome, CellWrite, CommitError, Lane};
use types::Timestamp;

use super::{EmbeddedCells, HOUR_LENGTH, MOST_READ, Open, Swept, removal};
use crate::rule::IfExpired;
use crate::{CELLS, CellKey, EXPIRY, Error, GroupNumber};

/// How far sweeping does not begin anew: what was removed there is skipped once and not in every
/// step, and all that is left was tampered with or belongs to closed groups.
#[derive(Debug)]
pub(super) struct Passed {
    row: Vec<u8>,
    /// Whether something was passed over that stays.
    skipped: bool,
    /// When it begins anew; not before it has come to the end.
    again: Option<Timestamp>,
}

/// For how long what cannot be removed is passed over.
const PASSED_FOR: Duration = Duration::from_mins(1);

/// How many hours of closed groups one step passes over. Each is one look for the next row.
const SKIPS: usize = 1024;

impl EmbeddedCells {
    pub(super) async fn sweep_step(
        &self,
        now: Timestamp,
        limit: usize,
        (open, reported): (Open<'_>, Open<'_>),
    ) -> Result<Swept, Error> {
        let mut swept = Swept {
            removed: 0,
            damaged: 0,
            closed: 0,
            expired: Vec::new(),
            more: false,
        };
        let mut rows = self.to_sweep(now, limit, open, &mut swept)?;
        let last = self.report(&mut rows, now, reported, &mut swept);
        match self.sweep_rows(&rows, now).await {
            Ok(removed) => swept.removed = removed,
            Err(CommitError::Damaged { .. }) => {
                self.sweep_one_by_one(&rows, now, &mut swept).await?;
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(last) = last {
            self.pass(last, !swept.expired.is_empty());
        }
        if !swept.more {
            swept.more = self.end_round(now);
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
                    self.pass(end_of_group(row), true);
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

    /// Takes the rows of expired records of groups that are `reported` out of `rows`, and reports
    /// these records, until enough was read; says which row was the last that was looked at.
    fn report(
        &self,
        rows: &mut Vec<Vec<u8>>,
        now: Timestamp,
        reported: Open<'_>,
        swept: &mut Swept,
    ) -> Option<Vec<u8>> {
        let (mut bytes, mut last) = (0_usize, None);
        for row in std::mem::take(rows) {
            if bytes >= MOST_READ {
                swept.more = true;
                break;
            }
            last = Some(row.clone());
            let key = row.get(HOUR_LENGTH..).and_then(CellKey::from_bytes);
            let Some(key) = key.filter(|key| reported(key.group())) else {
                rows.push(row);
                continue;
            };
            match self.read(&key) {
                Ok(Some(cell)) if cell.header().is_expired(now) && !cell.header().deleted => {
                    bytes = bytes.saturating_add(cell.as_stored().len());
                    swept.expired.push((key, cell));
                }
                // What was tampered with, the sweep finds too, and counts.
                Ok(_) | Err(_) => rows.push(row),
            }
        }
        last
    }

    /// The row behind which to sweep at `now`.
    fn passed(&self, now: Timestamp) -> Option<Vec<u8>> {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |passed: &Passed| passed.again.is_some_and(|again| again <= now);
        *passed = passed.take().filter(|passed| !is_over(passed));
        passed.as_ref().map(|passed| passed.row.clone())
    }

    /// Goes on behind `row`, which was `skipped` or swept.
    fn pass(&self, row: Vec<u8>, skipped: bool) {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = passed.as_ref();
        *passed = Some(Passed {
            row,
            skipped: skipped || before.is_some_and(|passed| passed.skipped),
            again: before.and_then(|passed| passed.again),
        });
    }

    /// Begins anew in a minute, if something was passed over that stays; at once, if something was
    /// only removed, since more may have come in before it. Says whether it is to be at once.
    fn end_round(&self, now: Timestamp) -> bool {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        match passed.as_mut() {
            None => false,
            Some(passed) if passed.skipped => {
                let fresh = || now.saturating_add(PASSED_FOR);
                passed.again.get_or_insert_with(fresh);
                false
            }
            Some(_swept) => {
                *passed = None;
                true
            }
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
                Ok(removed) => {
                    swept.removed += removed;
                    self.pass(row.clone(), false);
                }
                Err(CommitError::Damaged { .. }) => {
                    swept.damaged += 1;
                    self.pass(row.clone(), true);
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
        let mut batch = Batch::new(Lane::Relief);
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
