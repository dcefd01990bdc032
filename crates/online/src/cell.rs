//! Cells: how a record is found, sealed and opened.

use std::fmt;

use crypto::aead::{NONCE_LEN, TAG_LEN};
use crypto::{HmacSha256Key, Key32, XaesKey};
use types::Entropy;

use crate::header::{Format, Header};
use crate::{Error, Payload};

/// The number of a feature group among all that ever were; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupNumber(pub u64);

/// The key that hides the identifiers of one group; never changes while the group exists.
#[derive(Debug)]
pub struct IndexKey(HmacSha256Key);

/// One of a group's data keys, unwrapped and prepared.
#[derive(Debug)]
pub struct DataKey {
    number: u32,
    key: XaesKey,
}

/// The key of a cell: the group's number, then an HMAC-SHA-256 of the identifier.
///
/// Whoever reads the disk sees that two cells belong to one group, and not to which record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey([u8; Self::LENGTH]);

/// A cell as it is stored: the clear header, then the payload sealed with XAES-256-GCM.
///
/// Key and header are associated data, so a cell that was edited or moved does not open.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedCell {
    header: Header,
    format: Format,
    bytes: Vec<u8>,
}

impl IndexKey {
    /// Prepares `key`.
    pub fn new(key: &Key32) -> Self {
        Self(HmacSha256Key::new(key.expose()))
    }
}

impl DataKey {
    /// Prepares `key`, which is the group's data key of this number.
    pub fn new(number: u32, key: &Key32) -> Self {
        Self {
            number,
            key: XaesKey::new(key),
        }
    }

    /// Its number among the group's data keys.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl CellKey {
    /// The length of the key.
    pub const LENGTH: usize = 40;

    /// The key of the record `identifier` in `group`.
    pub fn new(group: GroupNumber, index_key: &IndexKey, identifier: &str) -> Self {
        Self::join(group, &index_key.0.tag(identifier.as_bytes()))
    }

    /// The group.
    pub fn group(&self) -> GroupNumber {
        let [number, ..] = self.0.as_chunks::<8>().0 else {
            return GroupNumber(0);
        };
        GroupNumber(u64::from_be_bytes(*number))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The key with these bytes; `None` if they are not [`Self::LENGTH`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn join(group: GroupNumber, tag: &[u8; 32]) -> Self {
        let mut bytes = [0; Self::LENGTH];
        let (number, hash) = bytes.split_at_mut(size_of::<u64>());
        number.copy_from_slice(&group.0.to_be_bytes());
        hash.copy_from_slice(tag);
        Self(bytes)
    }
}

impl SealedCell {
    /// Seals `payload` under `data_key`, whose number `header` must carry.
    ///
    /// Fails with [`Error::Sealing`] if it carries another.
    pub fn seal(
        entropy: &dyn Entropy,
        data_key: &DataKey,
        key: &CellKey,
        header: Header,
        payload: &Payload,
    ) -> Result<Self, Error> {
        if header.data_key != data_key.number {
            return Err(Error::Sealing);
        }
        let format = payload.format();
        let clear = header.encoded(format);
        let plaintext = payload.as_bytes();
        let mut bytes = Vec::with_capacity(Header::LENGTH + NONCE_LEN + plaintext.len() + TAG_LEN);
        bytes.extend_from_slice(&clear);
        let aad = associated_data(key, &clear);
        data_key.key.seal_into(entropy, &aad, plaintext, &mut bytes);
        Ok(Self {
            header,
            format,
            bytes,
        })
    }

    /// A cell as the store returned it, which has authenticated the header and its place
    /// ([`crate::CELLS`]); the payload is authenticated by [`Self::open`].
    pub fn from_stored(bytes: Vec<u8>) -> Result<Self, Error> {
        let (header, format) = Header::read_with_format(&bytes)?;
        Ok(Self {
            header,
            format,
            bytes,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The value as it is stored.
    pub fn as_stored(&self) -> &[u8] {
        &self.bytes
    }

    /// The value to store.
    pub fn into_stored(self) -> Vec<u8> {
        self.bytes
    }

    /// Opens the payload, in place.
    ///
    /// Fails with [`Error::Damaged`] if this is not what was sealed under `data_key` for
    /// `key`.
    pub fn open(self, data_key: &DataKey, key: &CellKey) -> Result<Payload, Error> {
        let Self {
            header,
            format,
            mut bytes,
        } = self;
        if header.data_key != data_key.number {
            return Err(Error::Damaged);
        }
        let (clear, sealed) = bytes
            .split_first_chunk_mut::<{ Header::LENGTH }>()
            .ok_or(Error::Damaged)?;
        let aad = associated_data(key, clear);
        let opened = data_key.key.open_in_place(&aad, sealed);
        let length = opened.map_err(|_opaque| Error::Damaged)?.len();
        let start = Header::LENGTH + NONCE_LEN;
        Ok(Payload::new(bytes, start..start + length, format))
    }
}

const AAD_LENGTH: usize = CellKey::LENGTH + Header::LENGTH;

fn associated_data(key: &CellKey, header: &[u8; Header::LENGTH]) -> [u8; AAD_LENGTH] {
    let mut aad = [0; AAD_LENGTH];
    let (first, second) = aad.split_at_mut(CellKey::LENGTH);
    first.copy_from_slice(&key.0);
    second.copy_from_slice(header);
    aad
}

/// The group only: the rest stands for an identifier.
impl fmt::Debug for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self
            .0
            .first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        write!(f, "CellKey(group {group})")
    }
}

impl fmt::Debug for SealedCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SealedCell({:?}, {} bytes)",
            self.header,
            self.bytes.len()
        )
    }
}

#[cfg(test)]
mod tests;
