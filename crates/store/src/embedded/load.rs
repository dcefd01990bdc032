//! Reads what the engine holds: all metadata rows, the end of the chain and of the logs, checked.

use std::collections::HashMap;

use super::chain::{Hash, Head, Link, ring_key, verify_ring};
use super::codec::add;
use super::engine::Engine;
use super::entry::{EntryKey, Heads, LogHead, head_place};
use super::seal::{Sealer, TAG_LENGTH};
use crate::{AnyTable, Log, OpenError, Revision, Snapshot, SnapshotBuilder};

/// The name that stands for the chain in error messages.
pub(super) const CHAIN: &str = "chain";

/// What was found.
pub(super) struct Loaded {
    pub(super) head: Head,
    /// The retained links' hashes by sequence, oldest first.
    pub(super) hashes: Vec<(u64, Hash)>,
    pub(super) snapshot: Snapshot,
    /// What rows and log heads add up to; the head says what they should.
    pub(super) state: [u8; 32],
    /// The same of the rows, and of the heads of logs that are not declared.
    pub(super) state_without_logs: [u8; 32],
    /// The ends of the declared logs' segments.
    pub(super) heads: Heads,
    /// A log of which the newest entries are not there.
    pub(super) broken_log: Option<&'static str>,
    /// The newest commit that left a row.
    pub(super) newest_row: Revision,
    /// Whether the retained links are one chain.
    pub(super) unbroken: bool,
}

/// Reads chain and rows; fails if a link or row does not open, or if a link is missing.
///
/// The caller compares [`Loaded::state`] with the head's.
pub(super) fn load(
    engine: &Engine,
    sealer: &Sealer,
    tables: &[&'static dyn AnyTable],
    logs: &[&'static Log],
) -> Result<Loaded, OpenError> {
    let loaded = load_what_is_left(engine, sealer, tables, logs)?;
    match loaded.broken_log {
        _ if !loaded.unbroken => Err(damaged(CHAIN)),
        Some(log) => Err(damaged(log)),
        None => Ok(loaded),
    }
}

/// Like [`load`], taking the newest link for the head if the chain is broken.
pub(super) fn load_what_is_left(
    engine: &Engine,
    sealer: &Sealer,
    tables: &[&'static dyn AnyTable],
    logs: &[&'static Log],
) -> Result<Loaded, OpenError> {
    let Ends {
        links,
        all_open,
        heads,
        mut state,
        heads_state,
    } = read_ends(engine, sealer, logs)?;
    let newest = links
        .iter()
        .max_by_key(|(link, _)| link.sequence)
        .map_or_else(Head::default, |(link, hash)| link.head(*hash));
    let verified = all_open.then(|| verify_ring(links)).flatten();
    let unbroken = verified.is_some();
    let (head, hashes) = verified.unwrap_or_else(|| (newest, Vec::new()));
    let by_tag: HashMap<_, _> = tables
        .iter()
        .map(|table| (sealer.table_tag(table.name()), *table))
        .collect();
    let mut builder = SnapshotBuilder::new(tables);
    let mut newest_row = 0;
    for guard in engine.rows.iter() {
        let (row_key, value) = guard.into_inner().map_err(engine_error)?;
        let tag = row_key.first_chunk::<TAG_LENGTH>();
        let Some(table) = tag.and_then(|tag| by_tag.get(tag).copied()) else {
            return Err(OpenError::UnknownTable);
        };
        let row = sealer
            .open_row(table.name(), &row_key, &value)
            .ok_or_else(|| damaged(table.name()))?;
        let record = table
            .decode(row.record())
            .map_err(|source| OpenError::Unreadable {
                table: table.name(),
                source,
            })?;
        add(&mut state, &sealer.state_of(&row_key, row.revision));
        newest_row = newest_row.max(row.revision);
        builder.row(table, row.key, row.revision, record);
    }
    let state_without_logs = state;
    add(&mut state, &heads_state);
    Ok(Loaded {
        head,
        hashes,
        snapshot: builder.build(head.revision),
        state,
        state_without_logs,
        broken_log: broken_log(engine, sealer, logs, &heads)?,
        heads,
        newest_row,
        unbroken,
    })
}

/// What the engine keeps of the chain and the logs' ends.
#[derive(Default)]
struct Ends {
    links: Vec<(Link, Hash)>,
    /// Whether every link and head opens.
    all_open: bool,
    heads: Heads,
    /// What the heads of logs that are not declared add up to.
    state: [u8; 32],
    /// The same for those that are.
    heads_state: [u8; 32],
}

fn read_ends(engine: &Engine, sealer: &Sealer, logs: &[&'static Log]) -> Result<Ends, OpenError> {
    let mut ends = Ends {
        all_open: true,
        ..Ends::default()
    };
    for guard in engine.chain.iter() {
        let (key, value) = guard.into_inner().map_err(engine_error)?;
        if key.len() == ring_key(0).len() {
            match Link::decode(&value, sealer) {
                Some(link) => ends.links.push(link),
                None => ends.all_open = false,
            }
            continue;
        }
        let element = sealer.state_of_head(&key, &value);
        let Some((name, segment)) = head_place(&key) else {
            ends.all_open = false;
            continue;
        };
        let declared = logs.iter().find(|log| log.name.as_bytes() == name);
        match (declared, LogHead::decode(sealer, &key, &value)) {
            (Some(log), Some(head)) => {
                ends.heads.insert((log.name, segment), head);
                add(&mut ends.heads_state, &element);
            }
            (None, Some(_)) => add(&mut ends.state, &element),
            (_, None) => ends.all_open = false,
        }
    }
    Ok(ends)
}

/// Looks at the end of each segment, and some way back in the newest of each log.
fn broken_log(
    engine: &Engine,
    sealer: &Sealer,
    logs: &[&'static Log],
    heads: &Heads,
) -> Result<Option<&'static str>, OpenError> {
    const NEWEST: u64 = 256;
    for log in logs {
        let segments = engine.segments(log).unwrap_or_default();
        let of_log = || heads.iter().filter(|((name, _), _)| *name == log.name);
        let newest = of_log().map(|((_, segment), _)| *segment).max();
        for ((_, segment), head) in of_log() {
            let limit = if Some(*segment) == newest { NEWEST } else { 1 };
            let limit = limit.min(head.count.saturating_sub(head.gap));
            let found = segments.iter().find(|(number, _)| number == segment);
            let Some((_, keyspace)) = found else {
                return Ok(Some(log.name));
            };
            let read = |key: &EntryKey| keyspace.get(key);
            let walked = head
                .walk(sealer, log, *segment, limit, read, |_, _| true)
                .map_err(engine_error)?;
            if walked.is_err() {
                return Ok(Some(log.name));
            }
        }
    }
    Ok(None)
}

/// Something of `table` does not open.
pub(super) fn damaged(table: &str) -> OpenError {
    OpenError::Damaged {
        table: table.to_owned(),
    }
}

/// The engine failed.
pub(super) fn engine_error(source: fjall::Error) -> OpenError {
    OpenError::Engine {
        source: Box::new(source),
    }
}
