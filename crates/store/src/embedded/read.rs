//! Reads of cells, logs and history.

use std::ops::Bound;

use fjall::{Readable, UserKey, UserValue};

use super::codec::Fields;
use super::engine::read_error;
use super::entry::Entry;
use super::group::{entry_key, version_key};
use super::shared::Shared;
use crate::{AnyTable, Cells, ErasedRecord, Error, Key, Log, LogCursor, LogEntry, Revision, Space};

/// The versions of a row.
type History = Vec<(Revision, Option<ErasedRecord>)>;

impl Shared {
    /// Reads one cell.
    pub(super) fn cell(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let Some(keyspace) = self.engine.space(space) else {
            return Err(Error::Undeclared { what: space.name });
        };
        let value = keyspace
            .get(key)
            .map_err(|error| read_error(space.name, error))?;
        value
            .map(|stored| self.open_cell(space, key, &stored))
            .transpose()
    }

    /// Reads cells in key order.
    pub(super) fn cells(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Cells, Error> {
        let Some(keyspace) = self.engine.space(space) else {
            return Err(Error::Undeclared { what: space.name });
        };
        if is_empty_range(from, to) {
            return Ok(Vec::new());
        }
        self.engine
            .database()
            .snapshot()
            .range::<&[u8], _>(keyspace, (from, to))
            .take(limit)
            .map(|guard| {
                let (key, value) = guard
                    .into_inner()
                    .map_err(|error| read_error(space.name, error))?;
                let value = self.open_cell(space, &key, &value)?;
                Ok((key.to_vec(), value))
            })
            .collect()
    }

    /// The keys of up to `limit` cells in key order, whatever their values are.
    pub(super) fn cell_keys(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let Some(keyspace) = self.engine.space(space) else {
            return Err(Error::Undeclared { what: space.name });
        };
        if is_empty_range(from, to) {
            return Ok(Vec::new());
        }
        self.engine
            .database()
            .snapshot()
            .range::<&[u8], _>(keyspace, (from, to))
            .take(limit)
            .map(|guard| {
                let key = guard.key().map_err(|error| read_error(space.name, error))?;
                Ok(key.to_vec())
            })
            .collect()
    }

    fn open_cell(&self, space: Space, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, Error> {
        self.sealer
            .open_cell(space, key, stored)
            .map(<[u8]>::to_vec)
            .ok_or(Error::Damaged { what: space.name })
    }

    /// Reads log entries, newest first.
    pub(super) fn newest_first(
        &self,
        log: &'static Log,
        stream: u32,
        before: Option<LogCursor>,
        oldest_segment: u64,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        let segments = self
            .engine
            .segments(log)
            .ok_or(Error::Undeclared { what: log.name })?;
        let view = self.engine.database().snapshot();
        let mut entries = Vec::new();
        for (segment, keyspace) in segments.into_iter().rev() {
            if segment < oldest_segment || entries.len() == limit {
                break;
            }
            let end = match before {
                Some(before) if segment > before.segment => continue,
                Some(before) if segment == before.segment => {
                    Bound::Excluded(entry_key(stream, before))
                }
                _ => Bound::Included(last_key(stream)),
            };
            let range = (Bound::Included(first_key(stream)), end);
            for guard in view
                .range(&keyspace, range)
                .rev()
                .take(limit - entries.len())
            {
                let item = guard
                    .into_inner()
                    .map_err(|error| read_error(log.name, error))?;
                entries.push(self.entry(log, stream, segment, &item)?);
            }
        }
        Ok(entries)
    }

    /// Reads log entries, oldest first.
    pub(super) fn oldest_first(
        &self,
        log: &'static Log,
        stream: u32,
        after: Option<LogCursor>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        let segments = self
            .engine
            .segments(log)
            .ok_or(Error::Undeclared { what: log.name })?;
        let view = self.engine.database().snapshot();
        let mut entries = Vec::new();
        for (segment, keyspace) in segments {
            if entries.len() == limit {
                break;
            }
            let start = match after {
                Some(after) if segment < after.segment => continue,
                Some(after) if segment == after.segment => {
                    Bound::Excluded(entry_key(stream, after))
                }
                _ => Bound::Included(first_key(stream)),
            };
            let range = (start, Bound::Included(last_key(stream)));
            for guard in view.range(&keyspace, range).take(limit - entries.len()) {
                let item = guard
                    .into_inner()
                    .map_err(|error| read_error(log.name, error))?;
                entries.push(self.entry(log, stream, segment, &item)?);
            }
        }
        Ok(entries)
    }

    /// The versions of one row up to the published snapshot, oldest first.
    pub(super) fn history(
        &self,
        table: &'static dyn AnyTable,
        key: &Key,
    ) -> Result<History, Error> {
        if !table.keeps_history() {
            return Ok(Vec::new());
        }
        // The engine is read behind the snapshot: it holds all that the snapshot shows.
        let snapshot = self.published.load_full();
        let view = self.engine.database().snapshot();
        let dropped = self.history_in(&view)?.dropped;
        let row_key = self.sealer.row_key(table.name(), key);
        let range = version_key(&row_key, 0)..=version_key(&row_key, snapshot.revision());
        let mut versions = Vec::new();
        for guard in view.range(&self.engine.history, range) {
            let (version_key, value) = guard
                .into_inner()
                .map_err(|error| read_error(table.name(), error))?;
            let newest = newest_record(&versions);
            let (previous, version) = self
                .version(table, &version_key, &value)
                .ok_or(Error::Damaged { what: table.name() })?;
            let is_first = versions.is_empty() && version.0 <= dropped;
            if previous != newest.unwrap_or(0) && !is_first {
                return Err(Error::Damaged { what: table.name() });
            }
            versions.push(version);
        }
        if newest_record(&versions) == snapshot.row_revision(table, key) {
            Ok(versions)
        } else {
            Err(Error::Damaged { what: table.name() })
        }
    }

    /// Opens one version, and says which one it follows; `None` if it does not open.
    fn version(
        &self,
        table: &'static dyn AnyTable,
        version_key: &[u8],
        value: &[u8],
    ) -> Option<(Revision, (Revision, Option<ErasedRecord>))> {
        let revision = u64::from_be_bytes(*version_key.last_chunk()?);
        let version = self.sealer.open_version(table.name(), version_key, value)?;
        let record = match version.record() {
            Some(record) => Some(table.decode(record).ok()?),
            None => None,
        };
        Some((version.previous, (revision, record)))
    }

    fn entry(
        &self,
        log: &'static Log,
        stream: u32,
        segment: u64,
        (key, value): &(UserKey, UserValue),
    ) -> Result<LogEntry, Error> {
        let damaged = Error::Damaged { what: log.name };
        let Some((revision, index)) = entry_position(key) else {
            return Err(damaged);
        };
        let cursor = LogCursor {
            segment,
            revision,
            index,
        };
        let read = Entry::read(&self.sealer, log, segment, key, value).and_then(|entry| {
            let payload = self
                .sealer
                .open_payload(log, segment, stream, entry.sealed)?;
            Some((entry.sequence, payload))
        });
        let (sequence, payload) = read.ok_or(damaged)?;
        Ok(LogEntry {
            cursor,
            sequence,
            payload: payload.expose().to_vec(),
        })
    }
}

/// The commit of the newest version, unless that is a deletion.
fn newest_record(versions: &History) -> Option<Revision> {
    let (revision, record) = versions.last()?;
    record.as_ref().map(|_| *revision)
}

fn entry_position(key: &[u8]) -> Option<(Revision, u32)> {
    let mut fields = Fields(key);
    fields.take(4)?;
    let revision = fields.number()?;
    let index = u32::from_be_bytes(fields.array()?);
    fields.end()?;
    Some((revision, index))
}

fn first_key(stream: u32) -> [u8; 16] {
    entry_key(
        stream,
        LogCursor {
            segment: 0,
            revision: 0,
            index: 0,
        },
    )
}

fn last_key(stream: u32) -> [u8; 16] {
    entry_key(
        stream,
        LogCursor {
            segment: 0,
            revision: Revision::MAX,
            index: u32::MAX,
        },
    )
}

/// Whether the bounds leave nothing; the engine expects ranges in order.
fn is_empty_range(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
        | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
    }
}
