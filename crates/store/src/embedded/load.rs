//! Reads what the engine holds: all metadata rows and the end of the chain, checked.

use std::collections::HashMap;

use super::chain::{Hash, Head, Link, verify_ring};
use super::codec::combine;
use super::engine::Engine;
use super::seal::{Sealer, TAG_LENGTH};
use crate::{AnyTable, OpenError, Revision, Snapshot, SnapshotBuilder};

/// The name that stands for the chain in error messages.
pub(super) const CHAIN: &str = "chain";

/// What was found.
pub(super) struct Loaded {
    pub(super) head: Head,
    /// The retained links' hashes by sequence, oldest first.
    pub(super) hashes: Vec<(u64, Hash)>,
    pub(super) snapshot: Snapshot,
    /// What the rows add up to; the head says what they should.
    pub(super) state: [u8; 32],
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
) -> Result<Loaded, OpenError> {
    let loaded = load_what_is_left(engine, sealer, tables)?;
    if loaded.unbroken {
        Ok(loaded)
    } else {
        Err(damaged(CHAIN))
    }
}

/// Like [`load`], taking the newest link for the head if the chain is broken.
pub(super) fn load_what_is_left(
    engine: &Engine,
    sealer: &Sealer,
    tables: &[&'static dyn AnyTable],
) -> Result<Loaded, OpenError> {
    let (links, all_open) = read_links(engine, sealer)?;
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
    let mut state = [0; 32];
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
        combine(&mut state, &sealer.state_of(&row_key, row.revision));
        newest_row = newest_row.max(row.revision);
        builder.row(table, row.key, row.revision, record);
    }
    Ok(Loaded {
        head,
        hashes,
        snapshot: builder.build(head.revision),
        state,
        newest_row,
        unbroken,
    })
}

/// The links that open, and whether all do.
fn read_links(engine: &Engine, sealer: &Sealer) -> Result<(Vec<(Link, Hash)>, bool), OpenError> {
    let mut links = Vec::new();
    let mut all_open = true;
    for guard in engine.chain.iter() {
        let value = guard.value().map_err(engine_error)?;
        match Link::decode(&value, sealer) {
            Some(link) => links.push(link),
            None => all_open = false,
        }
    }
    Ok((links, all_open))
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
