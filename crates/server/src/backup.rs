//! The backup file: one cut of a deployment, sealed under a key of its own.
//!
//! ```text
//! 8 bytes   `srbackup`
//! 2 bytes   format, 1
//! 32 bytes  id, random
//! 4 bytes   length of the seal, then the seal: `seal.json` as the directory had it
//! chunks    4 bytes length, then XAES-256-GCM under the backup's key; associated data: a
//!           label, the SHA-256 of all that stands before the chunks, the chunk's number from 0
//!           as 8 bytes, and 1 for the last chunk, else 0
//! ```
//!
//! The backup's key is `derive_key(derive_key(data key, "backups", ""), "backup", id)`.
//!
//! The chunks are one stream: parts of a kind (one byte), each field behind its length in 8
//! bytes. A missing, moved, exchanged or cut-off chunk does not open, nor does one of another
//! backup.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use crypto::aead::XaesKey;
use crypto::digest::{Sha256, sha256};
use crypto::kdf::derive_key;
use crypto::secret::Key32;
use kms::DeletedKey;
use serde::{Deserialize, Serialize};
use store::embedded::Item;
use types::Entropy;
use zeroize::Zeroizing;

pub(crate) mod fuzzing;

const MAGIC: &[u8; 8] = b"srbackup";
const FORMAT: [u8; 2] = [0, 1];
const LABEL: &[u8] = b"strongroom/backup/v1";
/// Bytes of plaintext in a chunk.
const CHUNK: usize = 1 << 20;
/// The longest `seal.json` that is believed.
const LONGEST_SEAL: u32 = 1 << 20;
/// The longest field that is believed: a batch is smaller.
const LONGEST_FIELD: u64 = 64 << 20;

const ABOUT: u8 = b'A';
const DELETED: u8 = b'D';
const SHRED: u8 = b'S';
const KEYSPACE: u8 = b'K';
const ITEM: u8 = b'I';
const END: u8 = b'E';

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// The newest commit in it.
    pub revision: u64,
    /// When it was made.
    pub made: String,
    /// The release that made it.
    pub release: String,
    /// The line of commits that it is of.
    pub lineage: String,
}

/// A backup cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The file system failed.
    #[error("reading or writing a backup failed")]
    Io(#[from] io::Error),
    /// It is something else, or of a newer release.
    #[error("the file is not a backup that this release can read")]
    NotABackup,
    /// A part of it was changed, is missing, or is of another backup.
    #[error("the backup is damaged or cut off at chunk {chunk}")]
    Damaged {
        /// Which chunk, from 0.
        chunk: u64,
    },
    /// What its chunks hold makes no sense.
    #[error("the backup holds something that this release does not understand")]
    Unreadable,
    /// An item is larger than any that can be restored.
    #[error("the store holds an item that is too large for a backup")]
    TooLarge,
    /// The store could not be read.
    #[error("reading the store failed")]
    Store(#[from] store::Error),
}

/// What the keys of all backups of a deployment are derived from, of its data key.
pub(crate) fn backups_key(data_key: &Key32) -> Key32 {
    derive_key(data_key, "backups", b"")
}

/// Writes a backup.
pub(crate) struct Writer<'a, W: Write> {
    target: Counted<W>,
    key: XaesKey,
    head: [u8; 32],
    entropy: &'a dyn Entropy,
    chunk: Vec<u8>,
    number: u64,
    keyspace: String,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Begins a backup of the directory whose seal is `seal`, under what [`backups_key`] gave.
    pub(crate) fn begin(
        target: W,
        (seal, backups): (&[u8], &Key32),
        about: &About,
        entropy: &'a dyn Entropy,
    ) -> Result<Self, BackupError> {
        let mut id = [0; 32];
        entropy.fill(&mut id);
        let length = u32::try_from(seal.len()).map_err(|_source| BackupError::Unreadable)?;
        let head = [MAGIC, &FORMAT[..], &id, &length.to_be_bytes(), seal].concat();
        let mut target = Counted::new(target);
        target.write_all(&head)?;
        let mut writer = Self {
            target,
            key: XaesKey::new(&derive_key(backups, "backup", &id)),
            head: sha256(&head),
            entropy,
            chunk: Vec::with_capacity(CHUNK * 2),
            number: 0,
            keyspace: String::new(),
        };
        let about = serde_json::to_vec(about).map_err(io::Error::other)?;
        writer.part(ABOUT, &[&about])?;
        Ok(writer)
    }

    /// Adds the KMS keys that had been deleted by then.
    pub(crate) fn deleted(&mut self, keys: &BTreeSet<DeletedKey>) -> Result<(), BackupError> {
        for key in keys {
            self.part(DELETED, &[key.to_string().as_bytes()])?;
        }
        Ok(())
    }

    /// Adds the file of shred keys, piece by piece.
    pub(crate) fn shred(&mut self, content: &[u8]) -> Result<(), BackupError> {
        for piece in content.chunks(CHUNK) {
            self.part(SHRED, &[piece])?;
        }
        Ok(())
    }

    /// Adds one item of the cut; items come in the cut's order.
    pub(crate) fn item(
        &mut self,
        keyspace: &str,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), BackupError> {
        if self.keyspace != keyspace {
            keyspace.clone_into(&mut self.keyspace);
            self.part(KEYSPACE, &[keyspace.as_bytes()])?;
        }
        self.part(ITEM, &[key, value])
    }

    /// Ends the backup. Returns its size and its SHA-256, and what was written to.
    pub(crate) fn end(mut self) -> Result<(u64, [u8; 32], W), BackupError> {
        self.part(END, &[])?;
        self.flush(true)?;
        self.target.flush()?;
        let (target, length, digest) = self.target.end();
        Ok((length, digest, target))
    }

    fn part(&mut self, kind: u8, fields: &[&[u8]]) -> Result<(), BackupError> {
        self.chunk.push(kind);
        for field in fields {
            let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
            // What a reader would not believe is not written.
            if length > LONGEST_FIELD {
                return Err(BackupError::TooLarge);
            }
            self.chunk.extend_from_slice(&length.to_be_bytes());
            self.chunk.extend_from_slice(field);
        }
        if self.chunk.len() >= CHUNK {
            self.flush(false)?;
        }
        Ok(())
    }

    fn flush(&mut self, last: bool) -> Result<(), BackupError> {
        let place = place(&self.head, self.number, last);
        let sealed = self.key.seal(self.entropy, &place, &self.chunk);
        let length = u32::try_from(sealed.len()).map_err(|_source| BackupError::Unreadable)?;
        self.target.write_all(&length.to_be_bytes())?;
        self.target.write_all(&sealed)?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }
}

/// What stands in front of a backup's chunks: all that can be read without the seal.
pub(crate) struct Sealed<R = BufReader<File>> {
    source: R,
    id: [u8; 32],
    seal: Vec<u8>,
    head: [u8; 32],
}

impl Sealed {
    /// Opens the backup at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, BackupError> {
        Self::read(BufReader::new(File::open(path)?))
    }
}

impl<R: Read> Sealed<R> {
    /// Begins to read a backup.
    fn read(mut source: R) -> Result<Self, BackupError> {
        let mut fixed = [0; 8 + 2 + 32 + 4];
        let short = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::NotABackup,
            _ => BackupError::Io(source),
        };
        source.read_exact(&mut fixed).map_err(short)?;
        let (front, rest) = fixed.split_at(10);
        if front != [&MAGIC[..], &FORMAT].concat() {
            return Err(BackupError::NotABackup);
        }
        let (id, length) = rest
            .split_first_chunk()
            .and_then(|(id, rest)| Some((*id, u32::from_be_bytes(rest.try_into().ok()?))))
            .ok_or(BackupError::NotABackup)?;
        if length > LONGEST_SEAL {
            return Err(BackupError::NotABackup);
        }
        let length = usize::try_from(length).map_err(|_source| BackupError::NotABackup)?;
        let mut seal = vec![0; length];
        source.read_exact(&mut seal).map_err(short)?;
        let head = sha256(&[&fixed[..], &seal].concat());
        Ok(Self {
            source,
            id,
            seal,
            head,
        })
    }

    /// `seal.json` of the directory that was backed up.
    pub(crate) fn seal(&self) -> &[u8] {
        &self.seal
    }

    /// Reads on, with what [`backups_key`] gave.
    pub(crate) fn unsealed(self, backups: &Key32) -> Result<Reader<R>, BackupError> {
        let mut reader = Reader {
            key: XaesKey::new(&derive_key(backups, "backup", &self.id)),
            source: self.source,
            head: self.head,
            chunk: Zeroizing::new(Vec::new()),
            at: 0,
            number: 0,
            last: false,
            keyspace: String::new(),
            about: About {
                revision: 0,
                made: String::new(),
                release: String::new(),
                lineage: String::new(),
            },
            deleted: BTreeSet::new(),
            shred: Vec::new(),
            next: None,
        };
        if reader.kind()? != ABOUT {
            return Err(BackupError::Unreadable);
        }
        let about = reader.field()?;
        reader.about = serde_json::from_slice(&about).map_err(|_source| BackupError::Unreadable)?;
        loop {
            match reader.kind()? {
                DELETED => {
                    let text = String::from_utf8(reader.field()?);
                    let key = text.ok().and_then(|text| text.parse().ok());
                    reader.deleted.insert(key.ok_or(BackupError::Unreadable)?);
                }
                SHRED => {
                    let piece = reader.field()?;
                    reader.shred.extend_from_slice(&piece);
                }
                kind => {
                    reader.next = Some(kind);
                    return Ok(reader);
                }
            }
        }
    }
}

/// Reads a backup, chunk by chunk; nothing of a chunk is used before all of it is verified.
pub(crate) struct Reader<R = BufReader<File>> {
    source: R,
    key: XaesKey,
    head: [u8; 32],
    chunk: Zeroizing<Vec<u8>>,
    at: usize,
    number: u64,
    last: bool,
    keyspace: String,
    about: About,
    deleted: BTreeSet<DeletedKey>,
    shred: Vec<u8>,
    /// The kind of the part that comes next, if it was read already.
    next: Option<u8>,
}

impl<R: Read> Reader<R> {
    /// What the backup says of itself.
    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// The KMS keys that had been deleted by then.
    pub(crate) fn deleted(&self) -> &BTreeSet<DeletedKey> {
        &self.deleted
    }

    /// The file of shred keys.
    pub(crate) fn shred(&self) -> &[u8] {
        &self.shred
    }

    /// The next item of the cut; `None` at the end of the backup, once nothing is behind it.
    pub(crate) fn item(&mut self) -> Result<Option<Item>, BackupError> {
        loop {
            match self.kind()? {
                KEYSPACE => {
                    self.keyspace = String::from_utf8(self.field()?)
                        .map_err(|_source| BackupError::Unreadable)?;
                }
                ITEM => {
                    let (key, value) = (self.field()?, self.field()?);
                    let keyspace = self.keyspace.clone();
                    return Ok(Some(Item {
                        keyspace,
                        key,
                        value,
                    }));
                }
                END => {
                    let mut behind = [0; 1];
                    let ends = self.at == self.chunk.len() && self.last;
                    if !ends || self.source.read(&mut behind)? != 0 {
                        return Err(BackupError::Damaged { chunk: self.number });
                    }
                    return Ok(None);
                }
                _ => return Err(BackupError::Unreadable),
            }
        }
    }

    fn kind(&mut self) -> Result<u8, BackupError> {
        if let Some(kind) = self.next.take() {
            return Ok(kind);
        }
        let mut kind = [0; 1];
        self.take(&mut kind)?;
        let [kind] = kind;
        Ok(kind)
    }

    fn field(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut length = [0; 8];
        self.take(&mut length)?;
        let length = u64::from_be_bytes(length);
        if length > LONGEST_FIELD {
            return Err(BackupError::Unreadable);
        }
        let length = usize::try_from(length).map_err(|_source| BackupError::Unreadable)?;
        let mut field = vec![0; length];
        self.take(&mut field)?;
        Ok(field)
    }

    fn take(&mut self, mut target: &mut [u8]) -> Result<(), BackupError> {
        while !target.is_empty() {
            let left = self.chunk.get(self.at..).unwrap_or_default();
            if left.is_empty() {
                self.next_chunk()?;
                continue;
            }
            let count = left.len().min(target.len());
            let (now, later) = target.split_at_mut(count);
            now.copy_from_slice(left.get(..count).unwrap_or_default());
            self.at += count;
            target = later;
        }
        Ok(())
    }

    fn next_chunk(&mut self) -> Result<(), BackupError> {
        let damaged = BackupError::Damaged { chunk: self.number };
        let mut length = [0; 4];
        if self.last || self.source.read_exact(&mut length).is_err() {
            return Err(damaged);
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if u64::try_from(length).unwrap_or(u64::MAX) > 2 * LONGEST_FIELD {
            return Err(damaged);
        }
        let mut sealed = vec![0; length];
        if self.source.read_exact(&mut sealed).is_err() {
            return Err(damaged);
        }
        self.chunk.clear();
        self.at = 0;
        for last in [false, true] {
            let place = place(&self.head, self.number, last);
            if self.key.open_into(&place, &sealed, &mut self.chunk).is_ok() {
                self.last = last;
                self.number += 1;
                return Ok(());
            }
        }
        Err(damaged)
    }
}

fn place(head: &[u8; 32], number: u64, last: bool) -> Vec<u8> {
    [LABEL, head, &number.to_be_bytes(), &[u8::from(last)]].concat()
}

/// Counts and digests what goes through it.
struct Counted<W: Write> {
    target: BufWriter<W>,
    length: u64,
    digest: Sha256,
}

impl<W: Write> Counted<W> {
    fn new(target: W) -> Self {
        Self {
            target: BufWriter::new(target),
            length: 0,
            digest: Sha256::new(),
        }
    }

    fn end(self) -> (W, u64, [u8; 32]) {
        // Flushed before: nothing is left in the buffer.
        (
            self.target.into_parts().0,
            self.length,
            self.digest.finish(),
        )
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.target.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        self.length += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

#[cfg(test)]
mod tests;
