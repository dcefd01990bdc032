//! What can still be told of commits that would be lost: batches that stand whole behind the
//! place where replay stops.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::Path;

use super::codec::Fields;
use super::engine::Engine;
use super::entry::Entry;
use super::journal::{Damage, RawItem, read_behind};
use super::load::Loaded;
use super::options::Options;
use super::seal::{Sealer, TAG_LENGTH};
use crate::{Log, Revision};

/// Log entries that are shown; the rest is counted.
const SHOWN: usize = 1000;

/// What a loss would take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// How many of the missing commits can still be read. Of the others nothing is left.
    pub readable: u64,
    /// What those did, by table, space or log.
    pub changes: BTreeMap<&'static str, Changes>,
    /// The log entries among that, oldest first; at most a thousand.
    pub entries: Vec<FoundEntry>,
}

/// Writes to one table, space or log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows, cells or entries written.
    pub written: u64,
    /// Rows or cells removed.
    pub removed: u64,
}

/// A log entry, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundEntry {
    /// The log's name.
    pub log: &'static str,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// What a keyspace is for.
enum Place {
    Rows,
    Space(&'static str),
    Log(&'static Log, u64),
}

/// Reads what stands in the journals of `directory` behind `damage`, after commit `found`.
pub(super) fn read_loss(
    options: &Options<'_>,
    sealer: &Sealer,
    engine: &Engine,
    (directory, damage): (&Path, &Damage),
    found: Revision,
) -> io::Result<Loss> {
    let places = places(options, engine);
    let tables: HashMap<_, _> = options
        .all_tables()
        .iter()
        .map(|table| (sealer.table_tag(table.name()), table.name()))
        .collect();
    let mut loss = Loss::default();
    read_behind(directory, damage, sealer, &mut |link, items| {
        if link.last <= found {
            return;
        }
        loss.readable += link.last.saturating_sub(link.first) + 1;
        for item in items {
            let name = match places.get(&item.keyspace) {
                Some(Place::Rows) => {
                    let tag = item.key.first_chunk::<TAG_LENGTH>();
                    tag.and_then(|tag| tables.get(tag).copied())
                }
                Some(Place::Space(name)) => Some(*name),
                Some(Place::Log(log, segment)) => {
                    let entry = opened(sealer, log, *segment, item);
                    loss.entries
                        .extend(entry.filter(|_| loss.entries.len() < SHOWN));
                    Some(log.name)
                }
                None => None,
            };
            if let Some(name) = name {
                let changes = loss.changes.entry(name).or_default();
                match item.value {
                    Some(_) => changes.written += 1,
                    None => changes.removed += 1,
                }
            }
        }
    })?;
    Ok(loss)
}

/// The newest entry that is left of each log.
pub(super) fn last_entries(
    options: &Options<'_>,
    sealer: &Sealer,
    engine: &Engine,
    left: &Loaded,
) -> Vec<FoundEntry> {
    let mut found = Vec::new();
    for log in &options.logs {
        let heads = left.heads.iter().filter(|((name, _), _)| *name == log.name);
        let Some(((_, segment), head)) = heads.max_by_key(|((_, segment), _)| *segment) else {
            continue;
        };
        let segments = engine.segments(log).unwrap_or_default();
        let keyspace = segments.into_iter().find(|(number, _)| number == segment);
        let value = keyspace.and_then(|(_, keyspace)| keyspace.get(head.last).ok()?);
        found.extend(value.and_then(|value| {
            let item = RawItem {
                keyspace: 0,
                key: head.last.to_vec(),
                value: Some(value.to_vec()),
            };
            opened(sealer, log, *segment, &item)
        }));
    }
    found
}

fn places(options: &Options<'_>, engine: &Engine) -> HashMap<u64, Place> {
    let mut places = HashMap::from([(engine.rows.id(), Place::Rows)]);
    for space in &options.spaces {
        if let Some(keyspace) = engine.space(*space) {
            places.insert(keyspace.id(), Place::Space(space.name));
        }
    }
    for log in &options.logs {
        for (segment, keyspace) in engine.segments(log).unwrap_or_default() {
            places.insert(keyspace.id(), Place::Log(log, segment));
        }
    }
    places
}

fn opened(sealer: &Sealer, log: &'static Log, segment: u64, item: &RawItem) -> Option<FoundEntry> {
    let entry = Entry::read(sealer, log, segment, &item.key, item.value.as_deref()?)?;
    let stream = u32::from_be_bytes(Fields(&item.key).array()?);
    let payload = sealer.open_payload(log, segment, stream, entry.sealed)?;
    Some(FoundEntry {
        log: log.name,
        payload: payload.expose().to_vec(),
    })
}

/// Without what was appended.
impl fmt::Debug for FoundEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FoundEntry({}, {} bytes)", self.log, self.payload.len())
    }
}
