//! The metadata as it was: snapshots of commits that are long past.

use std::collections::{HashMap, HashSet};

use types::Timestamp;

use fjall::Readable;

use super::codec::Fields;
use super::engine::read_error;
use super::seal::{OpenVersion, RowKey, TAG_LENGTH};
use super::shared::Shared;
use crate::{AnyTable, Error, Key, Moment, Revision, Snapshot, SnapshotBuilder};

/// What the engine keeps the history under, in error messages.
const HISTORY: &str = "history";

/// A version as it stands in the history.
type Found = (RowKey, Revision, &'static dyn AnyTable, OpenVersion);

/// What is known of one row on the way through its versions.
struct RowPast {
    row_key: RowKey,
    table: &'static dyn AnyTable,
    key: Option<Key>,
    /// The newest version, and whether it is a record.
    newest: (Revision, bool),
    /// The version of the moment.
    then: Option<(Revision, OpenVersion)>,
}

impl Shared {
    /// The rows that `moment` left, of tables that keep their history.
    ///
    /// Reads all of the history. Fails with [`Error::Forgotten`] if what was then has been dropped,
    /// and with [`Error::Damaged`] if a version was edited, moved or removed,
    /// but for an earlier life of a row that goes together with the deletion that ended it.
    pub(super) fn past(&self, moment: Moment) -> Result<Snapshot, Error> {
        // The engine is read behind the snapshot: it holds all that the snapshot shows.
        let now = self.published.load_full();
        let view = self.engine.database().snapshot();
        let known = self.history_in(&view)?;
        let revision = match moment {
            Moment::Commit(revision) => revision.min(now.revision()),
            Moment::Time(time) => {
                let newest = self.newest_commit_at(&view, time, now.revision())?;
                // Of what was dropped the time is known all the same.
                let is_known = known.begins.is_some_and(|begins| begins <= time);
                newest.max(if is_known { known.dropped } else { 0 })
            }
        };
        if revision < known.dropped {
            let forgotten = known.begins.map(|since| Error::Forgotten { since });
            return Err(forgotten.unwrap_or(Error::Damaged { what: HISTORY }));
        }
        let mut builder = SnapshotBuilder::new(&self.tables);
        let mut seen = HashSet::new();
        let mut row: Option<RowPast> = None;
        for found in self.versions(&view) {
            let (row_key, at, table, version) = found?;
            if at > now.revision() {
                continue;
            }
            if row.as_ref().is_none_or(|row| row.row_key != row_key) {
                if let Some(row) = row.take() {
                    finish(row, &now, &mut builder)?;
                }
                row = Some(RowPast {
                    row_key,
                    table,
                    key: None,
                    newest: (0, false),
                    then: None,
                });
            }
            if let Some(row) = &mut row {
                row.add(at, version, revision, known.dropped)?;
                if row.key.is_some() {
                    seen.insert(row_key);
                }
            }
        }
        if let Some(row) = row {
            finish(row, &now, &mut builder)?;
        }
        let lost = self.tables.iter().filter(|table| table.keeps_history());
        for table in lost {
            for key in now.keys_of(*table) {
                if !seen.contains(&self.sealer.row_key(table.name(), key)) {
                    return Err(damaged(*table));
                }
            }
        }
        Ok(builder.build(revision))
    }

    /// The newest commit that `time` saw of those that changed anything with a history.
    fn newest_commit_at(
        &self,
        view: &fjall::Snapshot,
        time: Timestamp,
        last: Revision,
    ) -> Result<Revision, Error> {
        let mut newest = 0;
        for found in self.versions(view) {
            let (_, at, _, version) = found?;
            if at <= last && version.at <= time {
                newest = newest.max(at);
            }
        }
        Ok(newest)
    }

    /// All versions of all rows, row by row, oldest first.
    fn versions(&self, view: &fjall::Snapshot) -> impl Iterator<Item = Result<Found, Error>> {
        let by_tag: HashMap<_, _> = self
            .tables
            .iter()
            .filter(|table| table.keeps_history())
            .map(|table| (self.sealer.table_tag(table.name()), *table))
            .collect();
        view.iter(&self.engine.history).map(move |guard| {
            let (key, value) = guard
                .into_inner()
                .map_err(|error| read_error(HISTORY, error))?;
            let mut fields = Fields(&key);
            let place: Option<(RowKey, Revision)> = fields.array().zip(fields.number());
            let table = place.as_ref().and_then(|(row_key, _)| {
                let tag = row_key.first_chunk::<TAG_LENGTH>()?;
                by_tag.get(tag).copied()
            });
            let (Some((row_key, at)), Some(table)) = (place, table) else {
                return Err(Error::Damaged { what: HISTORY });
            };
            let version = self.sealer.open_version(table.name(), &key, &value);
            let version = version.ok_or_else(|| damaged(table))?;
            Ok((row_key, at, table, version))
        })
    }
}

impl RowPast {
    /// Takes in the next version, of commit `at`. What commit `dropped` or an earlier one replaced
    /// may be missing.
    fn add(
        &mut self,
        at: Revision,
        version: OpenVersion,
        until: Revision,
        dropped: Revision,
    ) -> Result<(), Error> {
        let (newest, is_record) = self.newest;
        let follows = version.previous == if is_record { newest } else { 0 };
        if !follows && (newest > 0 || at > dropped) {
            return Err(damaged(self.table));
        }
        let is_record = version.record().is_some();
        self.newest = (at, is_record);
        if self.key.is_none() {
            self.key = version.key();
        }
        if at <= until {
            self.then = is_record.then_some((at, version));
        }
        Ok(())
    }
}

/// Checks that a row's versions end in the row as it is now, and adds it as it was.
fn finish(row: RowPast, now: &Snapshot, builder: &mut SnapshotBuilder) -> Result<(), Error> {
    let (newest, is_record) = row.newest;
    let Some(key) = row.key else {
        // Of a row that is gone the deletion is left, behind what was dropped. A row that is there
        // is missed by its key.
        return Ok(());
    };
    if now.row_revision(row.table, &key) != is_record.then_some(newest) {
        return Err(damaged(row.table));
    }
    if let Some((revision, version)) = row.then
        && let Some(record) = version.record()
    {
        let record = row.table.decode(record);
        let record = record.map_err(|_unreadable| damaged(row.table))?;
        builder.row(row.table, key, revision, record);
    }
    Ok(())
}

fn damaged(table: &'static dyn AnyTable) -> Error {
    Error::Damaged { what: table.name() }
}
