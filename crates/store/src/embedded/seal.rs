//! The store's keys: everything on disk is sealed or authenticated through this.
//!
//! Names never appear: a row's key on disk is a table tag and a keyed hash. What is sealed is
//! bound to its place (table and row key, or log, segment and stream) and commit number, so
//! an edited, moved or exchanged entry does not open.

use std::fmt;
use std::sync::Arc;

use crypto::aead::XaesKey;
use crypto::kdf::derive_key;
use crypto::mac::{HmacSha256Key, ct_eq};
use crypto::secret::{Key32, SecretBytes};
use types::{Entropy, Timestamp};
use zeroize::Zeroizing;

use super::codec::{Fields, length_of, parts, put_part};
use crate::{Key, Log, Revision, Space};

/// The length of the part of a row key that names the table.
pub(super) const TAG_LENGTH: usize = 8;

/// The length of the tag behind each cell.
pub(super) const CELL_TAG: usize = 16;

/// A metadata row's key on disk: table tag and keyed hash.
pub(super) type RowKey = [u8; TAG_LENGTH + 32];

/// The keys that the store derives from the data key, one for each purpose.
pub(super) struct Sealer {
    rows: XaesKey,
    versions: XaesKey,
    entries: XaesKey,
    names: HmacSha256Key,
    state: HmacSha256Key,
    cells: HmacSha256Key,
    entry_chain: HmacSha256Key,
    heads: HmacSha256Key,
    mask: HmacSha256Key,
    chain: HmacSha256Key,
    mark: HmacSha256Key,
    entropy: Arc<dyn Entropy>,
}

/// A stored metadata row, opened.
pub(super) struct OpenRow {
    pub(super) key: Key,
    pub(super) revision: Revision,
    plaintext: SecretBytes,
}

/// One version of a row, as kept in its history.
pub(super) struct Version<'a> {
    /// When it was committed.
    pub(super) at: Timestamp,
    /// The commit of the version that it replaced, 0 if there was no row.
    pub(super) previous: Revision,
    /// The row's key and the encoded record; `None` is a deletion.
    pub(super) record: Option<(&'a Key, &'a [u8])>,
}

/// A stored version, opened.
pub(super) struct OpenVersion {
    /// When it was committed.
    pub(super) at: Timestamp,
    /// The commit of the version that it replaced, 0 if there was no row.
    pub(super) previous: Revision,
    plaintext: SecretBytes,
}

const FORMAT: u8 = 1;
const VERSION_FORMAT: u8 = 2;
const DELETED: u8 = 0;
const WRITTEN: u8 = 1;
/// Time, previous revision and kind precede the record.
const VERSION_HEADER: usize = 8 + 4 + 8 + 1;

impl Sealer {
    /// Derives the store's keys from the data key.
    pub(super) fn new(data_key: &Key32, entropy: Arc<dyn Entropy>) -> Self {
        let seal = |purpose| XaesKey::new(&derive_key(data_key, "store/seal", purpose));
        let mac = |purpose| HmacSha256Key::new(derive_key(data_key, "store/mac", purpose).expose());
        Self {
            rows: seal(b"rows"),
            versions: seal(b"history"),
            entries: seal(b"logs"),
            names: mac(b"names"),
            state: mac(b"state"),
            cells: mac(b"cells"),
            entry_chain: mac(b"entries"),
            heads: mac(b"heads"),
            mask: mac(b"mask"),
            chain: mac(b"chain"),
            mark: mac(b"mark"),
            entropy,
        }
    }

    /// The tag that begins the row keys of `table`.
    pub(super) fn table_tag(&self, table: &str) -> [u8; TAG_LENGTH] {
        let tag = self.names.tag(&parts(&[b"table", table.as_bytes()]));
        let mut short = [0; TAG_LENGTH];
        short
            .iter_mut()
            .zip(tag)
            .for_each(|(byte, from)| *byte = from);
        short
    }

    /// The key on disk of a metadata row.
    pub(super) fn row_key(&self, table: &str, key: &Key) -> RowKey {
        let hash = self
            .names
            .tag(&parts(&[b"row", table.as_bytes(), key.as_bytes()]));
        let mut row_key = [0; TAG_LENGTH + 32];
        let bytes = self.table_tag(table).into_iter().chain(hash);
        row_key
            .iter_mut()
            .zip(bytes)
            .for_each(|(byte, from)| *byte = from);
        row_key
    }

    /// What one row contributes to the state. Nobody without the key may learn it: who knows
    /// enough of these finds changes that cancel out.
    pub(super) fn state_of(&self, row_key: &[u8], revision: Revision) -> [u8; 32] {
        self.state.tag(&parts(&[row_key, &revision.to_be_bytes()]))
    }

    /// Seals a metadata row.
    pub(super) fn seal_row(
        &self,
        table: &str,
        row_key: &RowKey,
        revision: Revision,
        key: &Key,
        record: &[u8],
    ) -> Vec<u8> {
        let mut plaintext =
            Zeroizing::new(Vec::with_capacity(record.len() + key.as_bytes().len() + 8));
        put_part(&mut plaintext, key.as_bytes());
        plaintext.extend_from_slice(record);
        let sealed = self.rows.seal(
            &*self.entropy,
            &row_place(table, row_key, revision),
            &plaintext,
        );
        let mut value = Vec::with_capacity(sealed.len() + 9);
        value.push(FORMAT);
        value.extend_from_slice(&revision.to_be_bytes());
        value.extend_from_slice(&sealed);
        value
    }

    /// Opens a metadata row; `None` if it was edited, moved, or sealed under another key.
    pub(super) fn open_row(&self, table: &str, row_key: &[u8], value: &[u8]) -> Option<OpenRow> {
        let mut fields = Fields(value);
        if fields.array()? != [FORMAT] {
            return None;
        }
        let revision = fields.number()?;
        let plaintext = self
            .rows
            .open(&row_place(table, row_key, revision), fields.rest())
            .ok()?;
        let key = Key::from_encoded(Fields(plaintext.expose()).part()?);
        // The place already binds the row; this refuses a row whose key was forged with it.
        (self.row_key(table, &key) == *row_key).then_some(OpenRow {
            key,
            revision,
            plaintext,
        })
    }

    /// Seals one version of a row for its history.
    pub(super) fn seal_version(
        &self,
        table: &str,
        version_key: &[u8],
        version: &Version<'_>,
    ) -> Vec<u8> {
        let (key, record) = match version.record {
            Some((key, record)) => (key.as_bytes(), record),
            None => (&[][..], &[][..]),
        };
        let length = VERSION_HEADER + 8 + key.len() + record.len();
        let mut plaintext = Zeroizing::new(Vec::with_capacity(length));
        plaintext.extend_from_slice(&version.at.seconds().to_be_bytes());
        plaintext.extend_from_slice(&version.at.nanos().to_be_bytes());
        plaintext.extend_from_slice(&version.previous.to_be_bytes());
        plaintext.push(if version.record.is_some() {
            WRITTEN
        } else {
            DELETED
        });
        if version.record.is_some() {
            put_part(&mut plaintext, key);
            plaintext.extend_from_slice(record);
        }
        let place = version_place(table, version_key);
        self.sealed(VERSION_FORMAT, &self.versions, &place, &plaintext)
    }

    /// Opens one version of a row.
    pub(super) fn open_version(
        &self,
        table: &str,
        version_key: &[u8],
        value: &[u8],
    ) -> Option<OpenVersion> {
        let place = version_place(table, version_key);
        let plaintext = opened(VERSION_FORMAT, &self.versions, &place, value)?;
        let mut fields = Fields(plaintext.expose());
        let seconds = i64::from_be_bytes(fields.array()?);
        let at = Timestamp::new(seconds, u32::from_be_bytes(fields.array()?));
        let previous = fields.number()?;
        matches!(fields.array()?, [DELETED | WRITTEN]).then_some(OpenVersion {
            at,
            previous,
            plaintext,
        })
    }

    /// Appends the sealed payload of a log entry to `target`.
    pub(super) fn seal_payload(
        &self,
        log: &Log,
        segment: u64,
        stream: u32,
        payload: &[u8],
        target: &mut Vec<u8>,
    ) {
        let place = payload_place(log, segment, stream);
        self.entries
            .seal_into(&*self.entropy, &place, payload, target);
    }

    /// Opens the payload of a log entry.
    pub(super) fn open_payload(
        &self,
        log: &Log,
        segment: u64,
        stream: u32,
        sealed: &[u8],
    ) -> Option<SecretBytes> {
        let place = payload_place(log, segment, stream);
        self.entries.open(&place, sealed).ok()
    }

    /// The MAC of a log entry.
    pub(super) fn entry_mac(&self, covered: &[u8]) -> [u8; 32] {
        self.entry_chain.tag(covered)
    }

    /// Whether `mac` is the MAC of a log entry.
    pub(super) fn is_entry_mac(&self, covered: &[u8], mac: &[u8; 32]) -> bool {
        self.entry_chain.verify(covered, mac)
    }

    /// The tag of the head of a log segment.
    pub(super) fn head_tag(&self, key: &[u8], head: &[u8]) -> [u8; 32] {
        self.heads.tag(&parts(&[key, head]))
    }

    /// Whether `tag` is the tag of the head of a log segment.
    pub(super) fn is_head_tag(&self, key: &[u8], head: &[u8], tag: &[u8; 32]) -> bool {
        self.heads.verify(&parts(&[key, head]), tag)
    }

    /// What the head of a log segment contributes to the state.
    pub(super) fn state_of_head(&self, key: &[u8], stored: &[u8]) -> [u8; 32] {
        self.state.tag(&parts(&[b"log head", key, stored]))
    }

    /// What hides the state in a link from those who compare links; `clear` is the rest of it.
    pub(super) fn state_mask(&self, clear: &[u8]) -> [u8; 32] {
        self.mask.tag(clear)
    }

    /// A cell as it is stored: `value` and its tag.
    pub(super) fn tagged_cell(&self, space: Space, key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
        let tag = self.cell_tag(space, key, &value);
        value.extend_from_slice(&tag);
        value
    }

    /// The value of a stored cell; `None` if its clear part or its length was edited, or if it
    /// was moved from another place.
    pub(super) fn open_cell<'a>(
        &self,
        space: Space,
        key: &[u8],
        stored: &'a [u8],
    ) -> Option<&'a [u8]> {
        let (value, tag) = stored.split_last_chunk::<CELL_TAG>()?;
        ct_eq(&self.cell_tag(space, key, value), tag).then_some(value)
    }

    fn cell_tag(&self, space: Space, key: &[u8], value: &[u8]) -> [u8; CELL_TAG] {
        let clear = value.get(..space.clear).unwrap_or(value);
        let tag = self.cells.tag_parts(&[
            &length_of(space.name.as_bytes()).to_be_bytes(),
            space.name.as_bytes(),
            &length_of(key).to_be_bytes(),
            key,
            &length_of(value).to_be_bytes(),
            clear,
        ]);
        let mut short = [0; CELL_TAG];
        short
            .iter_mut()
            .zip(tag)
            .for_each(|(byte, from)| *byte = from);
        short
    }

    /// The hash of a chain link.
    pub(super) fn chain_mac(&self, link: &[u8]) -> [u8; 32] {
        self.chain.tag(link)
    }

    /// Whether `mac` is the hash of a chain link.
    pub(super) fn is_chain_mac(&self, link: &[u8], mac: &[u8; 32]) -> bool {
        self.chain.verify(link, mac)
    }

    /// The tag of a mark.
    pub(super) fn mark_mac(&self, mark: &[u8]) -> [u8; 32] {
        self.mark.tag(mark)
    }

    /// Whether `mac` is the tag of a mark.
    pub(super) fn is_mark_mac(&self, mark: &[u8], mac: &[u8; 32]) -> bool {
        self.mark.verify(mark, mac)
    }

    fn sealed(&self, format: u8, key: &XaesKey, place: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let sealed = key.seal(&*self.entropy, place, plaintext);
        let mut value = Vec::with_capacity(sealed.len() + 1);
        value.push(format);
        value.extend_from_slice(&sealed);
        value
    }
}

impl OpenRow {
    /// The encoded record.
    pub(super) fn record(&self) -> &[u8] {
        let mut fields = Fields(self.plaintext.expose());
        fields.part();
        fields.rest()
    }
}

impl OpenVersion {
    /// The encoded record; `None` is a deletion.
    pub(super) fn record(&self) -> Option<&[u8]> {
        let mut fields = self.written()?;
        fields.part()?;
        Some(fields.rest())
    }

    /// The row's key; a deletion does not say it.
    pub(super) fn key(&self) -> Option<Key> {
        let mut fields = self.written()?;
        fields.part().map(Key::from_encoded)
    }

    /// What stands behind the header of a version that is no deletion.
    fn written(&self) -> Option<Fields<'_>> {
        let (header, rest) = self.plaintext.expose().split_at_checked(VERSION_HEADER)?;
        header.ends_with(&[WRITTEN]).then_some(Fields(rest))
    }
}

fn opened(format: u8, key: &XaesKey, place: &[u8], value: &[u8]) -> Option<SecretBytes> {
    let mut fields = Fields(value);
    if fields.array()? != [format] {
        return None;
    }
    key.open(place, fields.rest()).ok()
}

fn row_place(table: &str, row_key: &[u8], revision: Revision) -> Vec<u8> {
    parts(&[b"row", table.as_bytes(), row_key, &revision.to_be_bytes()])
}

fn version_place(table: &str, version_key: &[u8]) -> Vec<u8> {
    parts(&[b"version", table.as_bytes(), version_key])
}

fn payload_place(log: &Log, segment: u64, stream: u32) -> Vec<u8> {
    parts(&[
        b"entry",
        log.name.as_bytes(),
        &segment.to_be_bytes(),
        &stream.to_be_bytes(),
    ])
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}
