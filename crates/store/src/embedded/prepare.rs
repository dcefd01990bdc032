//! What becomes of a batch on its caller's thread, so that the committer has less to do.

use std::collections::HashSet;

use fjall::{Keyspace, UserKey, UserValue};
use types::AccountId;
use zeroize::Zeroizing;

use super::engine::Engine;
use super::entry::RESERVED;
use super::seal::Sealer;
use crate::batch::Parts;
use crate::table::{AnyTable, ErasedRecord};
use crate::{
    Batch, CellRule, CellWrite, CommitError, Lane, Log, MetadataWrite, Read, Snapshot, Space,
};

/// A batch on its way to the committer.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) lane: Lane,
    /// Whose share of the last room it takes.
    pub(super) account: Option<AccountId>,
    /// One write for each row.
    pub(super) metadata: Vec<MetadataWrite>,
    /// Their records as they are stored, before they are sealed; `None` are deleted.
    pub(super) encoded: Vec<Option<Zeroizing<Vec<u8>>>>,
    /// Bytes of memory that each takes beside what is written of it.
    pub(super) memory: Vec<usize>,
    pub(super) cells: Vec<PreparedCell>,
    pub(super) appends: Vec<PreparedAppend>,
    /// The keys of versions to remove from the history.
    pub(super) versions: Vec<Vec<u8>>,
    pub(super) preconditions: Vec<Read>,
}

/// A cell as it will be stored.
pub(super) struct PreparedCell {
    pub(super) space: Space,
    pub(super) keyspace: Keyspace,
    pub(super) key: UserKey,
    pub(super) value: Option<UserValue>,
    pub(super) rule: Option<Box<dyn CellRule>>,
}

/// A log entry with its payload sealed, behind room for what the committer adds.
pub(super) struct PreparedAppend {
    pub(super) log: &'static Log,
    pub(super) segment: u64,
    pub(super) stream: u32,
    pub(super) entry: Vec<u8>,
    /// The place of the cell without whose write there is no entry.
    pub(super) with_cell: Option<usize>,
}

/// Looks up where `batch` writes, encodes its rows, authenticates its cells and seals its log
/// entries.
pub(super) fn prepare(
    engine: &Engine,
    sealer: &Sealer,
    batch: Batch,
) -> Result<Prepared, CommitError> {
    let Parts {
        lane,
        account,
        metadata,
        cells,
        appends,
        bound,
        preconditions,
    } = batch.into_parts();
    let metadata = last_of_each(metadata);
    let encoded = metadata.iter().map(encoded).collect::<Result<_, _>>()?;
    let memory = metadata.iter().map(memory).collect();
    let cells = cells
        .into_iter()
        .map(|write| prepare_cell(engine, sealer, write))
        .collect::<Result<_, _>>()?;
    let appends = appends
        .into_iter()
        .enumerate()
        .map(|(place, append)| {
            let (log, segment, stream) = (append.log, append.segment, append.stream);
            // The first entry's files are made here, so that the committer does not stop for it.
            match engine.segment(log, segment) {
                Some(made) => made.map_err(|error| refused(&error))?,
                None => return Err(undeclared("log", log.name)),
            };
            let mut entry = Vec::with_capacity(RESERVED + SEALING + append.payload.len());
            entry.resize(RESERVED, 0);
            sealer.seal_payload(log, segment, stream, &append.payload, &mut entry);
            Ok(PreparedAppend {
                log,
                segment,
                stream,
                entry,
                with_cell: bound
                    .iter()
                    .find(|(append, _)| *append == place)
                    .map(|(_, cell)| *cell),
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Prepared {
        lane,
        account,
        metadata,
        encoded,
        memory,
        cells,
        appends,
        versions: Vec::new(),
        preconditions,
    })
}

/// The writes without those that a later one to the same row replaces.
fn last_of_each(mut writes: Vec<MetadataWrite>) -> Vec<MetadataWrite> {
    if writes.len() > 1 {
        let mut seen = HashSet::new();
        let last = writes.iter().rev();
        let mut last: Vec<bool> = last
            .map(|write| seen.insert((write.table.name(), &write.key)))
            .collect();
        drop(seen);
        writes.retain(|_| last.pop().unwrap_or(true));
    }
    writes
}

fn encoded(write: &MetadataWrite) -> Result<Option<Zeroizing<Vec<u8>>>, CommitError> {
    let record = write.record.as_ref();
    let encoded = record.map(|record| write.table.encode(record)).transpose();
    encoded.map_err(|error| refused(&error))
}

/// Bytes of memory that a row takes which is written, beside what is written of it.
fn memory(write: &MetadataWrite) -> usize {
    let record = write.record.as_ref();
    record.map_or(0, |record| memory_of(write.table, record))
}

/// Bytes of memory that a row takes beside its stored form: what it says of itself, and its entries.
fn memory_of(table: &dyn AnyTable, record: &ErasedRecord) -> usize {
    let entries = table.entries(record);
    let entries = entries.iter().map(|entry| ENTRY + entry.as_bytes().len());
    table.memory(record).saturating_add(entries.sum())
}

/// What an entry takes beside its bytes: their counts of references, and a slot of a map of which
/// about two thirds are full.
const ENTRY: usize = 64;

impl Prepared {
    /// How many bytes of metadata are written, history included.
    pub(super) fn metadata_bytes(&self) -> usize {
        let rows = self.metadata.iter().zip(&self.encoded);
        let rows = rows.map(|(write, encoded)| {
            let versions = 1 + usize::from(write.table.keeps_history());
            versions * (ROW + encoded.as_ref().map_or(0, |record| record.len()))
        });
        rows.sum()
    }

    /// How many bytes of memory are taken that the rows in `before`, which are replaced, do not take.
    pub(super) fn memory_beyond(&self, before: &Snapshot) -> usize {
        let rows = self.metadata.iter().zip(&self.memory);
        let taken = rows.filter(|(_, memory)| **memory > 0);
        let beyond = taken.map(|(write, memory)| {
            let replaced = before.erased(write.table, &write.key);
            let replaced = replaced.map_or(0, |record| memory_of(write.table, record));
            memory.saturating_sub(replaced)
        });
        beyond.fold(0, usize::saturating_add)
    }

    /// How many bytes are written in all.
    pub(super) fn bytes(&self) -> usize {
        let cells = self.cells.iter();
        let cells = cells.map(|it| it.key.len() + it.value.as_ref().map_or(0, |value| value.len()));
        let appends = self.appends.iter().map(|append| append.entry.len());
        let versions = self.versions.iter().map(Vec::len);
        self.metadata_bytes()
            + cells.sum::<usize>()
            + appends.sum::<usize>()
            + versions.sum::<usize>()
    }

    /// How many writes there are.
    pub(super) fn writes(&self) -> usize {
        self.metadata.len() + self.cells.len() + self.appends.len() + self.versions.len()
    }
}

/// What a row weighs beside its record: its key, where it belongs, and what sealing adds.
const ROW: usize = 128;

/// Looks up where `write` goes and authenticates it.
pub(super) fn prepare_cell(
    engine: &Engine,
    sealer: &Sealer,
    write: CellWrite,
) -> Result<PreparedCell, CommitError> {
    let Some(keyspace) = engine.space(write.space) else {
        return Err(undeclared("space", write.space.name));
    };
    if write.key.is_empty() || write.key.len() > usize::from(u16::MAX) {
        return Err(refused(
            &"a cell's key is empty or longer than 65,535 bytes",
        ));
    }
    let value = write
        .value
        .map(|value| UserValue::from(sealer.tagged_cell(write.space, &write.key, value)));
    Ok(PreparedCell {
        space: write.space,
        keyspace: keyspace.clone(),
        key: UserKey::from(write.key),
        value,
        rule: write.rule,
    })
}

/// What sealing adds to a payload.
const SEALING: usize = 40;

/// A batch that names something the store was not opened with.
pub(super) fn undeclared(what: &str, name: &str) -> CommitError {
    CommitError::NotWritable {
        reason: format!("{what} `{name}` was not declared when the store was opened"),
    }
}

/// A batch that cannot be written.
pub(super) fn refused(reason: &dyn std::fmt::Display) -> CommitError {
    CommitError::NotWritable {
        reason: reason.to_string(),
    }
}
