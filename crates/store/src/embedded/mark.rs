//! `commit.mark`: how far the store is known to have come, outside the engine.
//!
//! Two slots, each inside one disk sector and written alternately, so that a torn write
//! leaves the other. A slot holds the chain's head after a sync; its tag is a MAC.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::chain::{Hash, Head};
use super::codec::Fields;
use super::disk::MarkFile;
use super::seal::Sealer;
use crate::Revision;

const MAGIC: [u8; 8] = *b"srmark\0\x01";
const SLOT_LENGTH: usize = 8 + 8 + 8 + 32 + 1 + 32;
const SLOT_OFFSETS: [u64; 2] = [0, 4096];

/// A point that the chain has reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sequence: u64,
    pub(super) revision: Revision,
    pub(super) hash: Hash,
    /// The store was closed there with everything in tables: its journals are not needed.
    pub(super) clean: bool,
}

impl From<&Head> for Mark {
    fn from(head: &Head) -> Self {
        Self {
            sequence: head.sequence,
            revision: head.revision,
            hash: head.hash,
            clean: false,
        }
    }
}

/// What the mark file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marked {
    /// The file was just created.
    Nothing,
    /// The newest readable slot.
    At(Mark),
    /// Neither slot is readable.
    Unreadable,
}

/// Keeps the mark file up to date.
#[derive(Debug)]
pub(super) struct MarkKeeper {
    file: Box<dyn MarkFile>,
    writes: AtomicU64,
    dirty: AtomicBool,
}

impl MarkKeeper {
    /// Reads the mark file.
    pub(super) fn open(file: Box<dyn MarkFile>, sealer: &Sealer) -> io::Result<(Self, Marked)> {
        let bytes = file.read()?;
        let slots = SLOT_OFFSETS.map(|offset| {
            let start = usize::try_from(offset).ok()?;
            decode(bytes.get(start..start + SLOT_LENGTH)?, sealer)
        });
        let newest = slots.into_iter().flatten().max_by_key(|mark| mark.sequence);
        let marked = match newest {
            Some(mark) => Marked::At(mark),
            None if bytes.is_empty() => Marked::Nothing,
            None => Marked::Unreadable,
        };
        // The next write must not hit the slot that holds the newest mark.
        let writes = u64::from(newest.is_some() && slots.first() == Some(&newest));
        let keeper = Self {
            file,
            writes: AtomicU64::new(writes),
            dirty: AtomicBool::new(false),
        };
        Ok((keeper, marked))
    }

    /// Writes `mark` to the older slot, without waiting for the disk.
    pub(super) fn write(&self, mark: &Mark, sealer: &Sealer) -> io::Result<()> {
        let turn = self.writes.fetch_add(1, Ordering::Relaxed);
        let [even, odd] = SLOT_OFFSETS;
        let offset = if turn.is_multiple_of(2) { even } else { odd };
        self.file.write(offset, &encode(mark, sealer))?;
        self.dirty.store(true, Ordering::Release);
        Ok(())
    }

    /// Writes `mark` to both slots and waits for the disk after each.
    pub(super) fn settle(&self, mark: &Mark, sealer: &Sealer) -> io::Result<()> {
        for _ in SLOT_OFFSETS {
            self.write(mark, sealer)?;
            self.sync()?;
        }
        Ok(())
    }

    /// Waits until what was written is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.dirty.swap(false, Ordering::AcqRel) {
            self.file.sync()?;
        }
        Ok(())
    }
}

fn encode(mark: &Mark, sealer: &Sealer) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_LENGTH);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&mark.sequence.to_be_bytes());
    bytes.extend_from_slice(&mark.revision.to_be_bytes());
    bytes.extend_from_slice(&mark.hash);
    bytes.push(u8::from(mark.clean));
    let tag = sealer.mark_mac(&bytes);
    bytes.extend_from_slice(&tag);
    bytes
}

fn decode(bytes: &[u8], sealer: &Sealer) -> Option<Mark> {
    let signed = bytes.get(..SLOT_LENGTH - 32)?;
    let mut fields = Fields(bytes);
    if fields.array::<8>()? != MAGIC {
        return None;
    }
    let mark = Mark {
        sequence: fields.number()?,
        revision: fields.number()?,
        hash: fields.array()?,
        clean: fields.array()? == [1],
    };
    let tag: [u8; 32] = fields.array()?;
    sealer.is_mark_mac(signed, &tag).then_some(mark)
}

#[cfg(test)]
mod tests;
