//! A group of caller batches that becomes one engine batch, decided in commit order.

use std::collections::HashMap;

use fjall::UserValue;
use types::Timestamp;
use zeroize::Zeroizing;

use super::chain::{Head, Link};
use super::codec::{add, subtract};
use super::engine::Engine;
use super::entry::{Heads, LogHead, head_key};
use super::prepare::{Prepared, PreparedAppend, PreparedCell, prepare_cell, refused, undeclared};
use super::queue::{Answer, Request, answer};
use super::seal::{RowKey, Sealer, Version};
use super::writes::{Item, Writes, content_digest};
use crate::{
    CellOutcome, CommitError, Committed, Log, LogCursor, MetadataWrite, Revision, Snapshot,
};

/// A group under construction.
pub(super) struct Group<'a> {
    engine: &'a Engine,
    sealer: &'a Sealer,
    now: Timestamp,
    before: Head,
    after: Head,
    snapshot: Snapshot,
    /// The log heads before the group.
    heads: &'a Heads,
    /// Those that the group changed; `None` are dropped.
    new_heads: ChangedHeads,
    writes: Writes,
    answers: Vec<(Answer, Committed)>,
}

/// Log heads that a group changes; `None` are dropped with their segments.
pub(super) type ChangedHeads = HashMap<(&'static str, u64), Option<LogHead>>;

/// A group that is decided: what to write, and what to say when that is durable.
pub(super) struct Decided {
    pub(super) items: Vec<Item>,
    pub(super) link: Link,
    pub(super) snapshot: Snapshot,
    pub(super) heads: ChangedHeads,
    pub(super) answers: Vec<(Answer, Committed)>,
}

/// What one batch adds to its group.
struct Staged {
    /// The metadata afterwards; `None` if the batch changes none.
    snapshot: Option<Snapshot>,
    state: [u8; 32],
    heads: Heads,
    writes: Writes,
    outcomes: Vec<CellOutcome>,
}

impl<'a> Group<'a> {
    /// An empty group on top of the chain's `head` and the published `snapshot`.
    pub(super) fn new(
        engine: &'a Engine,
        sealer: &'a Sealer,
        now: Timestamp,
        head: Head,
        snapshot: Snapshot,
        heads: &'a Heads,
    ) -> Self {
        Self {
            engine,
            sealer,
            now,
            before: head,
            after: head,
            snapshot,
            heads,
            new_heads: ChangedHeads::new(),
            writes: Writes::default(),
            answers: Vec::new(),
        }
    }

    /// Decides one batch, and says whether it is among what will be written; a batch that fails is
    /// answered at once and changes nothing.
    pub(super) fn admit(&mut self, request: Request) -> bool {
        let revision = self.after.revision + 1;
        let prepared = &request.prepared;
        let memory = prepared.memory_beyond(&self.snapshot);
        let metadata_bytes = prepared.metadata_bytes().saturating_add(memory);
        match self.stage(revision, request.prepared) {
            Ok(staged) => {
                self.after.revision = revision;
                self.after.state = staged.state;
                match staged.snapshot {
                    Some(snapshot) => self.snapshot = snapshot,
                    None => self.snapshot.advance(revision, &[]),
                }
                self.writes.absorb(staged.writes);
                let heads = staged.heads.into_iter();
                self.new_heads
                    .extend(heads.map(|(place, head)| (place, Some(head))));
                let committed = Committed {
                    revision,
                    cells: staged.outcomes,
                    metadata_bytes: u64::try_from(metadata_bytes).unwrap_or(u64::MAX),
                };
                self.answers.push((request.answer, committed));
                true
            }
            Err(error) => {
                answer(request.answer, Err(error));
                false
            }
        }
    }

    /// Drops the heads of the segments of `log` below `oldest`; nothing else may be in the group.
    pub(super) fn drop_heads(&mut self, log: &Log, oldest: u64) {
        let dropped = self.heads.keys().copied();
        self.new_heads.extend(
            dropped
                .filter(|(name, segment)| *name == log.name && *segment < oldest)
                .map(|place| (place, None)),
        );
    }

    /// Whether no batch was admitted.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// The engine batch and its link, which for an empty group spans no commit.
    pub(super) fn decide(mut self) -> Decided {
        self.write_heads();
        let items = self.writes.into_items();
        let link = Link {
            sequence: self.before.sequence + 1,
            first: self.before.revision + 1,
            last: self.after.revision,
            floor: self.engine.floor(),
            base: false,
            previous: self.before.hash,
            content: content_digest(&items),
            state: self.after.state,
        };
        Decided {
            items,
            link,
            snapshot: self.snapshot,
            heads: self.new_heads,
            answers: self.answers,
        }
    }

    /// Writes the heads that changed, and what they change in the state.
    fn write_heads(&mut self) {
        let state = &mut self.after.state;
        for ((log, segment), head) in &self.new_heads {
            if let Some(old) = self.heads.get(&(*log, *segment)) {
                let (key, value) = old.encode(self.sealer, log, *segment);
                subtract(state, &self.sealer.state_of_head(&key, &value));
            }
            let value = head.map(|head| {
                let (key, value) = head.encode(self.sealer, log, *segment);
                add(state, &self.sealer.state_of_head(&key, &value));
                UserValue::from(value)
            });
            let key = head_key(log, *segment);
            self.writes.set(&self.engine.chain, key, value);
        }
    }

    fn stage(&self, revision: Revision, batch: Prepared) -> Result<Staged, CommitError> {
        if !batch
            .preconditions
            .iter()
            .all(|read| read.holds_in(&self.snapshot))
        {
            return Err(CommitError::Conflict);
        }
        let Prepared {
            metadata,
            encoded,
            cells,
            appends,
            versions,
            ..
        } = batch;
        let mut staged = Staged {
            snapshot: None,
            state: self.after.state,
            heads: Heads::new(),
            writes: Writes::default(),
            outcomes: Vec::new(),
        };
        for (write, encoded) in metadata.iter().zip(encoded) {
            self.stage_row(revision, write, encoded.as_ref(), &mut staged)?;
        }
        if !metadata.is_empty() {
            staged.snapshot = Some(self.snapshot.with(revision, &metadata));
        }
        let mut written = Vec::with_capacity(cells.len());
        for cell in cells {
            written.push(self.stage_cell(cell, &mut staged)?);
        }
        let is_due = |append: &PreparedAppend| {
            let cell = append.with_cell;
            cell.is_none_or(|cell| written.get(cell) == Some(&CellOutcome::Applied))
        };
        for (index, append) in (0..).zip(appends.into_iter().filter(is_due)) {
            self.stage_append(revision, index, append, &mut staged)?;
        }
        for version in versions {
            staged.writes.set(&self.engine.history, version, None);
        }
        Ok(staged)
    }

    fn stage_row(
        &self,
        revision: Revision,
        write: &MetadataWrite,
        encoded: Option<&Zeroizing<Vec<u8>>>,
        staged: &mut Staged,
    ) -> Result<(), CommitError> {
        let table = write.table;
        if !self.snapshot.has_table(table) {
            return Err(undeclared("table", table.name()));
        }
        let old = self.snapshot.row_revision(table, &write.key);
        if old.is_none() && write.record.is_none() {
            return Ok(());
        }
        let row_key = self.sealer.row_key(table.name(), &write.key);
        let value = encoded.map(|record| {
            UserValue::from(self.sealer.seal_row(
                table.name(),
                &row_key,
                revision,
                &write.key,
                record,
            ))
        });
        if let Some(old) = old {
            subtract(&mut staged.state, &self.sealer.state_of(&row_key, old));
        }
        if value.is_some() {
            add(&mut staged.state, &self.sealer.state_of(&row_key, revision));
        }
        staged.writes.set(&self.engine.rows, row_key, value);
        if table.keeps_history() {
            let version = Version {
                at: self.now,
                previous: old.unwrap_or(0),
                record: encoded.map(|record| (&write.key, record.as_slice())),
            };
            let key = version_key(&row_key, revision);
            let value = self.sealer.seal_version(table.name(), &key, &version);
            staged
                .writes
                .set(&self.engine.history, key, Some(value.into()));
        }
        Ok(())
    }

    fn stage_cell(
        &self,
        cell: PreparedCell,
        staged: &mut Staged,
    ) -> Result<CellOutcome, CommitError> {
        let PreparedCell {
            space,
            keyspace,
            key,
            value,
            rule,
        } = cell;
        if let Some(rule) = rule {
            let in_group = staged
                .writes
                .get(&keyspace, &key)
                .or_else(|| self.writes.get(&keyspace, &key));
            let on_disk;
            let stored = if let Some(value) = in_group {
                value.as_deref()
            } else {
                on_disk = keyspace.get(&key).map_err(|error| refused(&error))?;
                on_disk.as_deref()
            };
            let stored = match stored {
                Some(stored) => {
                    let opened = self.sealer.open_cell(space, &key, stored);
                    Some(opened.ok_or(CommitError::Damaged { what: space.name })?)
                }
                None => None,
            };
            if !rule.replaces(stored) {
                staged.outcomes.push(CellOutcome::Kept);
                return Ok(CellOutcome::Kept);
            }
            staged.outcomes.push(CellOutcome::Applied);
            for write in rule.beside(stored) {
                let beside = prepare_cell(self.engine, self.sealer, write)?;
                staged
                    .writes
                    .set(&beside.keyspace, beside.key, beside.value);
            }
        }
        staged.writes.set(&keyspace, key, value);
        Ok(CellOutcome::Applied)
    }

    fn stage_append(
        &self,
        revision: Revision,
        index: u32,
        append: PreparedAppend,
        staged: &mut Staged,
    ) -> Result<(), CommitError> {
        let (log, segment) = (append.log, append.segment);
        let keyspace = match self.engine.segment(log, segment) {
            Some(keyspace) => keyspace.map_err(|error| refused(&error))?,
            None => return Err(undeclared("log", log.name)),
        };
        let cursor = LogCursor {
            segment,
            revision,
            index,
        };
        let place = (log.name, segment);
        let before = match self.new_heads.get(&place) {
            Some(changed) => *changed,
            None => self.heads.get(&place).copied(),
        };
        let head = staged
            .heads
            .entry(place)
            .or_insert_with(|| before.unwrap_or_default());
        let (key, value) = head.append(self.sealer, log, append.stream, cursor, append.entry);
        staged.writes.set(&keyspace, key, Some(value));
        Ok(())
    }
}

/// The key in the history of one version of a row.
pub(super) fn version_key(row_key: &RowKey, revision: Revision) -> Vec<u8> {
    [row_key.as_slice(), &revision.to_be_bytes()].concat()
}

/// The key of a log entry within its segment.
pub(super) fn entry_key(stream: u32, cursor: LogCursor) -> [u8; 16] {
    let mut key = [0; 16];
    let bytes = stream
        .to_be_bytes()
        .into_iter()
        .chain(cursor.revision.to_be_bytes())
        .chain(cursor.index.to_be_bytes());
    key.iter_mut()
        .zip(bytes)
        .for_each(|(byte, from)| *byte = from);
    key
}
