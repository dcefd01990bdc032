//! Log entries: sealed payloads, numbered without gaps and chained within their segment.
//!
//! A stored entry is its front (number, key and MAC of the entry before), the MAC over front,
//! place and payload, and the sealed payload. For each segment there is a head: how many
//! entries there are, and key and MAC of the last. Heads are part of the state that the commit
//! chain carries, so neither an entry nor a segment can go, come back or be exchanged unseen.

use std::collections::HashMap;

use fjall::UserValue;

use super::codec::{Fields, length_of, put_part};
use super::group::entry_key;
use super::seal::Sealer;
use crate::{Log, LogCursor};

/// The key of an entry within its segment: stream, commit, place in the commit.
pub(super) type EntryKey = [u8; 16];

/// The MAC of an entry.
pub(super) type EntryMac = [u8; 32];

/// The ends of all segments' chains, by log and segment.
pub(super) type Heads = HashMap<(&'static str, u64), LogHead>;

/// The end of one segment's chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LogHead {
    /// How many entries there are.
    pub(super) count: u64,
    /// The number of an entry that a recovery found missing, or 0: opening does not look for
    /// what stands before the next.
    pub(super) gap: u64,
    /// The key of the last.
    pub(super) last: EntryKey,
    /// The MAC of the last.
    pub(super) mac: EntryMac,
}

/// An entry whose MAC is right, as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// Its number in its segment, from 1.
    pub(super) sequence: u64,
    pub(super) previous: EntryKey,
    pub(super) previous_mac: EntryMac,
    pub(super) mac: EntryMac,
    pub(super) sealed: &'a [u8],
}

/// Why a segment's chain ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The entry of this number is not where the next says.
    Missing(u64),
    /// The entry of this number is not the one that was written.
    Damaged(u64),
}

const FORMAT: u8 = 2;
const HEAD_FORMAT: u8 = 1;
/// Format, number, key and MAC of the entry before.
const FRONT: usize = 1 + 8 + 16 + 32;
/// What stands in front of the sealed payload.
pub(super) const RESERVED: usize = FRONT + 32;

impl LogHead {
    /// Completes an entry, whose sealed payload stands behind [`RESERVED`] bytes, as the next of
    /// this chain, and moves the head on to it.
    pub(super) fn append(
        &mut self,
        sealer: &Sealer,
        log: &Log,
        stream: u32,
        cursor: LogCursor,
        mut entry: Vec<u8>,
    ) -> (EntryKey, UserValue) {
        let key = entry_key(stream, cursor);
        let count = self.count + 1;
        let mut mac = EntryMac::default();
        if let Some((clear, sealed)) = entry.split_first_chunk_mut::<RESERVED>() {
            let front = [FORMAT]
                .into_iter()
                .chain(count.to_be_bytes())
                .chain(self.last)
                .chain(self.mac);
            clear
                .iter_mut()
                .zip(front)
                .for_each(|(to, from)| *to = from);
            let (front, tail) = clear.split_at_mut(FRONT);
            mac = entry_mac(sealer, log, cursor.segment, &key, front, sealed);
            tail.copy_from_slice(&mac);
        }
        *self = Self {
            count,
            gap: self.gap,
            last: key,
            mac,
        };
        (key, UserValue::from(entry))
    }

    /// The stored form of the head of `segment`.
    pub(super) fn encode(&self, sealer: &Sealer, log: &str, segment: u64) -> (Vec<u8>, Vec<u8>) {
        let key = head_key(log, segment);
        let mut value = vec![HEAD_FORMAT];
        value.extend_from_slice(&self.count.to_be_bytes());
        value.extend_from_slice(&self.gap.to_be_bytes());
        value.extend_from_slice(&self.last);
        value.extend_from_slice(&self.mac);
        let tag = sealer.head_tag(&key, &value);
        value.extend_from_slice(&tag);
        (key, value)
    }

    /// Reads what [`Self::encode`] wrote for `key`.
    pub(super) fn decode(sealer: &Sealer, key: &[u8], stored: &[u8]) -> Option<Self> {
        let (value, tag) = stored.split_last_chunk::<32>()?;
        if !sealer.is_head_tag(key, value, tag) {
            return None;
        }
        let mut fields = Fields(value);
        if fields.array()? != [HEAD_FORMAT] {
            return None;
        }
        let head = Self {
            count: fields.number()?,
            gap: fields.number()?,
            last: fields.array()?,
            mac: fields.array()?,
        };
        fields.end()?;
        Some(head)
    }

    /// Follows the chain backwards over at most `limit` entries, handing each to `visit`.
    ///
    /// `read` finds a stored entry. Fails where the chain breaks or `visit` says no.
    pub(super) fn walk<E>(
        &self,
        sealer: &Sealer,
        log: &Log,
        segment: u64,
        limit: u64,
        read: impl Fn(&EntryKey) -> Result<Option<UserValue>, E>,
        mut visit: impl FnMut(&EntryKey, &Entry<'_>) -> bool,
    ) -> Result<Result<(), Broken>, E> {
        let (mut key, mut mac) = (self.last, self.mac);
        let lowest = self.count.saturating_sub(limit);
        for sequence in (lowest + 1..=self.count).rev() {
            let Some(stored) = read(&key)? else {
                return Ok(Err(Broken::Missing(sequence)));
            };
            let entry = Entry::read(sealer, log, segment, &key, &stored)
                .filter(|entry| entry.sequence == sequence && entry.mac == mac)
                .filter(|entry| visit(&key, entry));
            let Some(entry) = entry else {
                return Ok(Err(Broken::Damaged(sequence)));
            };
            (key, mac) = (entry.previous, entry.previous_mac);
        }
        let begun = lowest > 0 || (key, mac) == (EntryKey::default(), EntryMac::default());
        Ok(begun.then_some(()).ok_or(Broken::Damaged(1)))
    }
}

impl Broken {
    /// The number of the first entry that is not there.
    pub(super) fn sequence(self) -> u64 {
        match self {
            Self::Missing(sequence) | Self::Damaged(sequence) => sequence,
        }
    }
}

impl<'a> Entry<'a> {
    /// Reads a stored entry; `None` unless it was written to this very place.
    pub(super) fn read(
        sealer: &Sealer,
        log: &Log,
        segment: u64,
        key: &[u8],
        stored: &'a [u8],
    ) -> Option<Self> {
        let (front, rest) = stored.split_at_checked(FRONT)?;
        let (mac, payload) = rest.split_first_chunk::<32>()?;
        if !sealer.is_entry_mac(&under_mac(log, segment, key, front, payload), mac) {
            return None;
        }
        let mut fields = Fields(front);
        if fields.array()? != [FORMAT] {
            return None;
        }
        Some(Self {
            sequence: fields.number()?,
            previous: fields.array()?,
            previous_mac: fields.array()?,
            mac: *mac,
            sealed: payload,
        })
    }
}

/// The key of a segment's head; longer than that of a chain link.
pub(super) fn head_key(log: &str, segment: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(log.len() + 16);
    put_part(&mut key, log.as_bytes());
    key.extend_from_slice(&segment.to_be_bytes());
    key
}

/// Log and segment of a key that [`head_key`] made.
pub(super) fn head_place(key: &[u8]) -> Option<(&[u8], u64)> {
    let mut fields = Fields(key);
    let log = fields.part()?;
    let segment = fields.number()?;
    fields.end()?;
    Some((log, segment))
}

fn entry_mac(
    sealer: &Sealer,
    log: &Log,
    segment: u64,
    key: &[u8],
    front: &[u8],
    payload: &[u8],
) -> EntryMac {
    sealer.entry_mac(&under_mac(log, segment, key, front, payload))
}

/// What an entry's MAC covers. Of the payload these are the ends: the nonce, and the tag that
/// binds everything in between for whoever does not have the key.
fn under_mac(log: &Log, segment: u64, key: &[u8], front: &[u8], sealed: &[u8]) -> Vec<u8> {
    const ENDS: usize = 24;
    let mut bytes = Vec::with_capacity(FRONT + 2 * ENDS + 64);
    put_part(&mut bytes, log.name.as_bytes());
    bytes.extend_from_slice(&segment.to_be_bytes());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(front);
    bytes.extend_from_slice(&length_of(sealed).to_be_bytes());
    bytes.extend_from_slice(sealed.get(..ENDS).unwrap_or(sealed));
    let end = sealed.len().saturating_sub(ENDS);
    bytes.extend_from_slice(sealed.get(end..).unwrap_or_default());
    bytes
}
