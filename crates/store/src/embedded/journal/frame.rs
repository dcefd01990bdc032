//! The engine's journal framing: start, items, end with checksum.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crypto::digest::Sha256;
use xxhash_rust::xxh3::Xxh3;

use crate::embedded::chain::{Hash, Link};
use crate::embedded::codec::Fields;
use crate::embedded::seal::Sealer;
use crate::embedded::writes::digest_item;

const TAG_START: u8 = 1;
const TAG_ITEM: u8 = 2;
const TAG_END: u8 = 3;
const UNCOMPRESSED: u8 = 0;
const VALUE: u8 = 0;
const TOMBSTONE: u8 = 1;
/// Ends every frame.
pub(super) const TRAILER: [u8; 4] = *b"FJL\x03";
const ITEM_HEADER: usize = 1 + 1 + 1 + 8 + 2 + 4 + 4;

/// What stands at a position of a journal.
#[derive(Debug)]
pub(super) enum Frame {
    /// A batch of ours, whole and unedited.
    Batch {
        link: Link,
        hash: Hash,
        /// The engine's number of the batch.
        number: u64,
    },
    /// A batch that the engine would replay but this store did not write so.
    Foreign,
    /// Anything else: the end, a torn or damaged batch.
    Unreadable,
}

/// An item of a batch, as it stands in the journal.
#[derive(Debug)]
pub(in crate::embedded) struct RawItem {
    pub(in crate::embedded) keyspace: u64,
    pub(in crate::embedded) key: Vec<u8>,
    /// `None` removes the key.
    pub(in crate::embedded) value: Option<Vec<u8>>,
}

/// Reads frames one after the other.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    reader: BufReader<&'a File>,
    position: u64,
    length: u64,
    key: Vec<u8>,
    value: Vec<u8>,
    /// The items of the frame, but for its link, where they are asked for.
    items: Option<Vec<RawItem>>,
}

/// What precedes an item; key and value are in the reader's buffers.
struct ItemHeader {
    keyspace: u64,
    removed: bool,
    raw: [u8; ITEM_HEADER],
}

/// Whether the engine may have given a batch this number: only its own housekeeping takes
/// numbers between two batches.
fn is_near(number: u64, floor: u64) -> bool {
    const HOUSEKEEPING: u64 = 1 << 20;
    number
        .checked_sub(floor)
        .is_some_and(|above| above < HOUSEKEEPING)
}

impl<'a> Frames<'a> {
    /// Begins at the front of `file`.
    pub(super) fn new(file: &'a File) -> io::Result<Self> {
        Self::at(file, 0)
    }

    /// Begins at `position` of `file`.
    fn at(mut file: &'a File, position: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(position))?;
        Ok(Self {
            length: file.metadata()?.len(),
            reader: BufReader::with_capacity(256 * 1024, file),
            position,
            key: Vec::new(),
            value: Vec::new(),
            items: None,
        })
    }

    /// Begins at `position` of `file`, and keeps the items of each frame.
    pub(super) fn with_items(file: &'a File, position: u64) -> io::Result<Self> {
        let frames = Self::at(file, position)?;
        Ok(Self {
            items: Some(Vec::new()),
            ..frames
        })
    }

    /// The items of the frame that was read last.
    pub(super) fn items(&self) -> &[RawItem] {
        self.items.as_deref().unwrap_or_default()
    }

    /// Where the next frame begins.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Reads the next frame. After anything but a batch the position means nothing.
    pub(super) fn next(&mut self, sealer: &Sealer) -> io::Result<Frame> {
        match self.batch(sealer) {
            Ok(frame) => Ok(frame.unwrap_or(Frame::Unreadable)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Frame::Unreadable),
            Err(error) => Err(error),
        }
    }

    /// `None` if the framing is broken.
    fn batch(&mut self, sealer: &Sealer) -> io::Result<Option<Frame>> {
        let start: [u8; 1 + 4 + 8] = self.array()?;
        let mut fields = Fields(&start);
        let (Some([TAG_START]), Some(count), Some(number)) =
            (fields.array(), fields.array(), fields.array())
        else {
            return Ok(None);
        };
        let number = u64::from_le_bytes(number);
        let mut left = u32::from_le_bytes(count);
        let mut checksum = Xxh3::new();
        let mut content = Sha256::new();
        let mut link = None;
        if let Some(items) = &mut self.items {
            items.clear();
        }
        while left > 0 {
            left -= 1;
            let Some(item) = self.item()? else {
                return Ok(None);
            };
            for part in [item.raw.as_slice(), &self.key, &self.value] {
                checksum.update(part);
            }
            if left == 0 {
                link = Link::decode(&self.value, sealer);
            } else {
                let value = (!item.removed).then_some(self.value.as_slice());
                digest_item(&mut content, item.keyspace, &self.key, value);
                if let Some(items) = &mut self.items {
                    items.push(RawItem {
                        keyspace: item.keyspace,
                        key: self.key.clone(),
                        value: value.map(<[u8]>::to_vec),
                    });
                }
            }
        }
        let end: [u8; 1 + 8 + 4] = self.array()?;
        let mut fields = Fields(&end);
        let whole = fields.array() == Some([TAG_END])
            && fields.array().map(u64::from_le_bytes) == Some(checksum.digest())
            && fields.array() == Some(TRAILER);
        if !whole {
            return Ok(None);
        }
        Ok(Some(match link {
            Some((link, hash))
                if link.content == content.finish() && is_near(number, link.floor) =>
            {
                Frame::Batch { link, hash, number }
            }
            _ => Frame::Foreign,
        }))
    }

    fn item(&mut self) -> io::Result<Option<ItemHeader>> {
        let raw: [u8; ITEM_HEADER] = self.array()?;
        let mut fields = Fields(&raw);
        let (Some([TAG_ITEM]), Some([kind]), Some([UNCOMPRESSED])) =
            (fields.array(), fields.array(), fields.array())
        else {
            return Ok(None);
        };
        let (Some(keyspace), Some(key), Some(value), Some(stored)) = (
            fields.array(),
            fields.array(),
            fields.array(),
            fields.array(),
        ) else {
            return Ok(None);
        };
        let key_length = u64::from(u16::from_le_bytes(key));
        let value_length = u64::from(u32::from_le_bytes(value));
        let fits = self.position + key_length + value_length <= self.length;
        if !matches!(kind, VALUE | TOMBSTONE) || value != stored || !fits {
            return Ok(None);
        }
        let mut key = std::mem::take(&mut self.key);
        self.fill(&mut key, key_length)?;
        self.key = key;
        let mut value = std::mem::take(&mut self.value);
        self.fill(&mut value, value_length)?;
        self.value = value;
        Ok(Some(ItemHeader {
            keyspace: u64::from_le_bytes(keyspace),
            removed: kind == TOMBSTONE,
            raw,
        }))
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.position += u64::try_from(N).unwrap_or_default();
        Ok(bytes)
    }

    fn fill(&mut self, buffer: &mut Vec<u8>, length: u64) -> io::Result<()> {
        buffer.clear();
        let read = (&mut self.reader).take(length).read_to_end(buffer)?;
        self.position += u64::try_from(read).unwrap_or_default();
        if u64::try_from(read).ok() == Some(length) {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}
