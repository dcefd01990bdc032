//! How much of the history of metadata is kept, and what the store knows of what is not.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::{Key, Record, Revision, Table};

/// How long versions of metadata rows are kept after another one has replaced them. The newest
/// version of a row is never dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryBounds {
    /// Every version is kept for so long: what else needs the past looks no further back.
    pub least: Duration,
    /// After so long none is; `None` ends nothing.
    pub most: Option<Duration>,
    /// In between, of each row so many versions are, the newest included; `None` is any number.
    pub versions: Option<usize>,
}

impl HistoryBounds {
    /// The same without an end: nothing is ever dropped.
    #[must_use]
    pub fn unlimited(self) -> Self {
        Self {
            most: None,
            versions: None,
            ..self
        }
    }

    /// Whether anything is ever dropped.
    pub fn is_limited(&self) -> bool {
        self.most.is_some() || self.versions.is_some()
    }
}

/// What a run of [`crate::Store::prune_history`] did and found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pruned {
    /// How many versions it dropped.
    pub versions: u64,
    /// Whether all of the history was looked at; the next run goes on if not.
    pub is_done: bool,
    /// From when on the past is known; `None` is from the beginning.
    pub begins: Option<Timestamp>,
    /// When commits were dated last; `None` is never. Until a day after that none are.
    pub dated: Option<Timestamp>,
    /// About how many bytes the history takes on disk.
    pub bytes: u64,
}

/// What is not kept of the history any more.
///
/// Engines keep it in a row like any other, so that nobody can pass off as dropped what was
/// removed.
pub(crate) static HISTORY: Table<HistoryRecord> = Table::without_history("history");

/// When commits were made.
pub(crate) static DATES: Table<DatesRecord> = Table::without_history("history_dates");

/// The key of the only row of either table.
pub(crate) fn only_row() -> Key {
    Key::of(&[])
}

/// The only row of [`HISTORY`].
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct HistoryRecord {
    /// Versions that this commit or an earlier one replaced may be missing; 0 if none are.
    pub(crate) dropped: Revision,
    /// By when that commit had been made: from then on the past is known.
    pub(crate) begins: Option<Timestamp>,
}

/// The only row of [`DATES`]: when commits had been made, oldest first and a day apart.
///
/// A clock that was set back, or is ahead for a while, dates nothing anew: what is dropped goes by
/// this and not by the times in the versions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct DatesRecord(Vec<Date>);

/// That all commits up to one had been made at a time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Date {
    at: Timestamp,
    revision: Revision,
}

/// How far apart commits are dated.
const APART: Duration = Duration::from_hours(24);

/// How many dates are kept: more than ten years of them.
const MOST_DATES: usize = 4000;

impl Record for HistoryRecord {
    const VERSION: u16 = 1;
}

impl Record for DatesRecord {
    const VERSION: u16 = 1;
}

impl DatesRecord {
    /// Notes that `revision` is the newest commit at `now`; says whether that is worth keeping.
    pub(crate) fn date(&mut self, revision: Revision, now: Timestamp) -> bool {
        let is_due = |last: &Date| last.at.saturating_add(APART) <= now;
        if !self.0.last().is_none_or(is_due) {
            return false;
        }
        self.0.push(Date { at: now, revision });
        let surplus = self.0.len().saturating_sub(MOST_DATES);
        self.0.drain(..surplus);
        true
    }

    /// The newest commit that is known to have been made by `time`; 0 if none is.
    pub(crate) fn made_by(&self, time: Timestamp) -> Revision {
        let mut dates = self.0.iter().rev();
        let date = dates.find(|date| date.at <= time);
        date.map_or(0, |date| date.revision)
    }

    /// When commits were dated last.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.0.last().map(|date| date.at)
    }

    /// By when `revision` is known to have been made.
    pub(crate) fn of(&self, revision: Revision) -> Option<Timestamp> {
        let mut dates = self.0.iter();
        let date = dates.find(|date| date.revision >= revision);
        date.map(|date| date.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::new(1_700_000_000 + day * 86_400, 0)
    }

    fn dates() -> DatesRecord {
        let mut dates = DatesRecord::default();
        for (revision, at) in [(10, 0), (20, 1), (25, 1), (30, 2)] {
            dates.date(revision, day(at));
        }
        dates
    }

    #[test]
    fn commits_are_dated_once_a_day() {
        let dates = dates();
        let made = [-1, 0, 1, 2, 9].map(|at| dates.made_by(day(at)));
        assert_eq!(made, [0, 10, 20, 30, 30]);
        let at = [1, 10, 11, 20, 21, 30].map(|revision| dates.of(revision));
        assert_eq!(at, [0, 0, 1, 1, 2, 2].map(|at| Some(day(at))));
        assert_eq!(dates.of(31), None);
    }

    #[test]
    fn a_clock_that_was_set_back_dates_nothing() {
        let mut dates = dates();
        assert!(!dates.date(40, day(-400)));
        assert!(!dates.date(40, day(2)));
        assert_eq!(dates.made_by(day(-1)), 0);
        assert!(dates.date(50, day(3)));
    }

    #[test]
    fn dates_are_bounded() {
        let mut dates = DatesRecord::default();
        for (revision, at) in (1..).zip(0..5000) {
            assert!(dates.date(revision, day(at)));
        }
        assert_eq!(dates.0.len(), MOST_DATES);
        assert_eq!(dates.made_by(day(4999)), 5000);
    }
}
