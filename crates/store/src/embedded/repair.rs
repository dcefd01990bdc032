//! Brings the history in line with the rows after a loss.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use types::Timestamp;

use super::codec::Fields;
use super::engine::Engine;
use super::group::version_key;
use super::load::{damaged, engine_error};
use super::seal::{RowKey, Sealer, TAG_LENGTH, Version};
use super::writes::Writes;
use crate::{AnyTable, OpenError, Revision};

/// What the history says of one row: each version's commit, and whether it is a record.
type Versions = BTreeMap<Revision, bool>;

/// The writes that make each row's history end in the row as it is now.
///
/// Versions that the rows do not know are removed; a row's own version is added if it is
/// missing, and a deletion in commit `revision` where a row is gone.
pub(super) fn repair_history(
    engine: &Engine,
    sealer: &Sealer,
    tables: &[&'static dyn AnyTable],
    revision: Revision,
    now: Timestamp,
) -> Result<Writes, OpenError> {
    let by_tag: HashMap<_, _> = tables
        .iter()
        .filter(|table| table.keeps_history())
        .map(|table| (sealer.table_tag(table.name()), *table))
        .collect();
    let rows = rows(engine)?;
    let history = history(engine, sealer, &by_tag)?;
    let row_keys: BTreeSet<&RowKey> = rows.keys().chain(history.keys()).collect();
    let mut writes = Writes::default();
    for row_key in row_keys {
        let Some(table) = table_of(row_key, &by_tag) else {
            continue;
        };
        let mut versions = history.get(row_key).cloned().unwrap_or_default();
        let row = rows.get(row_key);
        for unknown in versions.split_off(&row.map_or(Revision::MAX, |(revision, _)| revision + 1))
        {
            let key = version_key(row_key, unknown.0);
            writes.set(&engine.history, key, None);
        }
        let newest = versions.last_key_value().filter(|(_, record)| **record);
        let newest = newest.map(|(revision, _)| *revision);
        let (at, record) = match (row, newest) {
            (Some((revision, _)), Some(newest)) if *revision == newest => continue,
            (None, None) => continue,
            (Some((revision, value)), _) => {
                let row = sealer.open_row(table.name(), row_key, value);
                (*revision, Some(row.ok_or_else(|| damaged(table.name()))?))
            }
            (None, Some(_)) => (revision, None),
        };
        let version = Version {
            at: now,
            previous: newest.unwrap_or(0),
            record: record.as_ref().map(|row| (&row.key, row.record())),
        };
        let key = version_key(row_key, at);
        let value = sealer.seal_version(table.name(), &key, &version);
        writes.set(&engine.history, key, Some(value.into()));
    }
    Ok(writes)
}

/// Every row's commit and stored value.
fn rows(engine: &Engine) -> Result<BTreeMap<RowKey, (Revision, Vec<u8>)>, OpenError> {
    let mut rows = BTreeMap::new();
    for guard in engine.rows.iter() {
        let (key, value) = guard.into_inner().map_err(engine_error)?;
        let mut fields = Fields(&value);
        fields.take(1);
        if let (Ok(key), Some(revision)) = (RowKey::try_from(&*key), fields.number()) {
            rows.insert(key, (revision, value.to_vec()));
        }
    }
    Ok(rows)
}

/// The versions in the history; those that do not open are left out.
fn history(
    engine: &Engine,
    sealer: &Sealer,
    by_tag: &HashMap<[u8; TAG_LENGTH], &'static dyn AnyTable>,
) -> Result<BTreeMap<RowKey, Versions>, OpenError> {
    let mut history: BTreeMap<RowKey, Versions> = BTreeMap::new();
    for guard in engine.history.iter() {
        let (key, value) = guard.into_inner().map_err(engine_error)?;
        let mut fields = Fields(&key);
        let (Some(row_key), Some(revision)) = (fields.array(), fields.number()) else {
            continue;
        };
        let version = table_of(&row_key, by_tag)
            .and_then(|table| sealer.open_version(table.name(), &key, &value));
        if let Some(version) = version {
            let is_record = version.record().is_some();
            history
                .entry(row_key)
                .or_default()
                .insert(revision, is_record);
        }
    }
    Ok(history)
}

fn table_of(
    row_key: &RowKey,
    by_tag: &HashMap<[u8; TAG_LENGTH], &'static dyn AnyTable>,
) -> Option<&'static dyn AnyTable> {
    by_tag.get(row_key.first_chunk::<TAG_LENGTH>()?).copied()
}
