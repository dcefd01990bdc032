//! The commit chain: one link per engine batch, each naming the one before.
//!
//! A link says which commits its batch holds, what the batch contains (digest), what all
//! metadata rows and log heads add up to afterwards (state, masked), and the hash of the link
//! before; its own hash is a MAC over all of it. The newest [`RETAINED`] links stay in the engine, in a ring.

use super::codec::Fields;
use super::seal::Sealer;
use crate::Revision;

/// Begins every link on disk, so that links can be found in a damaged journal.
pub(super) const MAGIC: [u8; 16] = *b"strongroom.chain";

/// How many links the engine retains.
pub(super) const RETAINED: u64 = 256;

/// The length of a link on disk.
pub(super) const LENGTH: usize = 16 + 1 + 4 * 8 + 4 * 32;

/// The hash of a link.
pub(super) type Hash = [u8; 32];

const FORMAT: u8 = 3;
const FORMAT_BASE: u8 = 4;

/// One link, as read or about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Position in the chain, 1 for the first.
    pub(super) sequence: u64,
    /// The first commit in the batch.
    pub(super) first: Revision,
    /// The last commit in the batch.
    pub(super) last: Revision,
    /// The engine numbers its batches, and takes a higher number for the newer write, but
    /// does not protect the number in its journal. This batch's is not below this one.
    pub(super) floor: u64,
    /// Written by a recovery: links before it are not part of the chain any more.
    pub(super) base: bool,
    /// The hash of the link before.
    pub(super) previous: Hash,
    /// The digest of the batch's other items.
    pub(super) content: [u8; 32],
    /// What all metadata rows and log heads add up to after the batch.
    pub(super) state: [u8; 32],
}

/// The end of the chain: all that the next link builds on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: u64,
    pub(super) revision: Revision,
    pub(super) hash: Hash,
    pub(super) state: [u8; 32],
}

impl Link {
    /// The stored form, and the link's hash.
    pub(super) fn encode(&self, sealer: &Sealer) -> (Vec<u8>, Hash) {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&MAGIC);
        bytes.push(if self.base { FORMAT_BASE } else { FORMAT });
        for number in [self.sequence, self.first, self.last, self.floor] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.previous);
        bytes.extend_from_slice(&self.content);
        let mask = sealer.state_mask(&bytes);
        bytes.extend(masked(&self.state, &mask));
        let hash = sealer.chain_mac(&bytes);
        bytes.extend_from_slice(&hash);
        (bytes, hash)
    }

    /// Reads a stored link from the front of `bytes`; `None` unless its hash is right.
    pub(super) fn decode(bytes: &[u8], sealer: &Sealer) -> Option<(Self, Hash)> {
        let signed = bytes.get(..LENGTH - 32)?;
        let mut fields = Fields(bytes.get(..LENGTH)?);
        if fields.array::<16>()? != MAGIC {
            return None;
        }
        let format = fields.array::<1>()?;
        let mut link = Self {
            base: match format {
                [FORMAT] => false,
                [FORMAT_BASE] => true,
                _ => return None,
            },
            sequence: fields.number()?,
            first: fields.number()?,
            last: fields.number()?,
            floor: fields.number()?,
            previous: fields.array()?,
            content: fields.array()?,
            state: fields.array()?,
        };
        let hash: Hash = fields.array()?;
        if !sealer.is_chain_mac(signed, &hash) {
            return None;
        }
        let mask = sealer.state_mask(bytes.get(..LENGTH - 64)?);
        link.state = masked(&link.state, &mask);
        Some((link, hash))
    }

    /// The end of the chain with this link as its last.
    pub(super) fn head(&self, hash: Hash) -> Head {
        Head {
            sequence: self.sequence,
            revision: self.last,
            hash,
            state: self.state,
        }
    }

    /// Whether this link may follow the one that `head` describes.
    pub(super) fn follows(&self, head: &Head) -> bool {
        if self.base {
            return self.sequence > head.sequence;
        }
        self.sequence == head.sequence + 1
            && self.first == head.revision + 1
            && self.previous == head.hash
    }
}

fn masked(state: &[u8; 32], mask: &[u8; 32]) -> [u8; 32] {
    let mut masked = *state;
    masked
        .iter_mut()
        .zip(mask)
        .for_each(|(byte, mask)| *byte ^= mask);
    masked
}

/// Where link `sequence` is kept in the ring.
pub(super) fn ring_key(sequence: u64) -> [u8; 8] {
    (sequence % RETAINED).to_be_bytes()
}

/// Puts the links found in the ring in order and checks that none is missing or foreign.
///
/// Returns the head and the retained hashes by sequence, oldest first; `None` if the ring is
/// not one unbroken chain.
pub(super) fn verify_ring(mut links: Vec<(Link, Hash)>) -> Option<(Head, Vec<(u64, Hash)>)> {
    links.sort_by_key(|(link, _)| link.sequence);
    let newest = links.last().map_or(0, |(link, _)| link.sequence);
    let base = links.iter().rposition(|(link, _)| link.base);
    let links = links.split_off(base.unwrap_or(0));
    let expected = if base.is_some() {
        links
            .first()
            .map_or(0, |(link, _)| newest - link.sequence + 1)
    } else {
        newest.min(RETAINED)
    };
    if u64::try_from(links.len()).ok()? != expected {
        return None;
    }
    let mut head: Option<Head> = None;
    let mut hashes = Vec::with_capacity(links.len());
    for (link, hash) in &links {
        if head.is_some_and(|head| !link.follows(&head)) {
            return None;
        }
        head = Some(link.head(*hash));
        hashes.push((link.sequence, *hash));
    }
    Some((head.unwrap_or_default(), hashes))
}

#[cfg(test)]
mod tests;
