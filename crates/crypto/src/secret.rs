//! Secrets that wipe themselves: byte strings and 256-bit keys.
//!
//! They have no `Display` and no serialisation, their `Debug` prints a placeholder, and they
//! compare in constant time. Both live on the heap, so that moving one leaves no copy behind.

use std::fmt;

use types::Entropy;
use zeroize::zeroize_bytes;

use crate::lock::LockedPage;
use crate::{Error, ct_eq};

/// A secret of any length, wiped when dropped.
#[derive(Clone)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Draws `length` bytes from `entropy`.
    pub fn generate(entropy: &dyn Entropy, length: usize) -> Self {
        let mut bytes = vec![0; length];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether both secrets are equal; the time taken tells only whether the lengths are.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        ct_eq(&self.0, &other.0)
    }
}

/// Takes the vector over without copying. Bytes that an earlier reallocation of the vector
/// left behind are out of reach: fill it within its capacity.
impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // Also wipes the capacity behind the bytes in use.
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(***)")
    }
}

/// A 256-bit key, wiped when dropped.
pub struct Key32(Storage);

enum Storage {
    Heap(Box<[u8; 32]>),
    Locked(LockedPage),
}

impl Key32 {
    /// Draws a new key from `entropy`.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::filled(|bytes| entropy.fill(bytes))
    }

    /// A key whose bytes `fill` writes in place.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut bytes = Box::new([0; 32]);
        fill(&mut bytes);
        Self(Storage::Heap(bytes))
    }

    /// A key that lives in `page`.
    pub(crate) fn in_page(page: LockedPage) -> Self {
        Self(Storage::Locked(page))
    }

    /// The key itself.
    pub fn expose(&self) -> &[u8; 32] {
        match &self.0 {
            Storage::Heap(bytes) => bytes,
            Storage::Locked(page) => page.bytes(),
        }
    }

    /// Whether both keys are equal, in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        ct_eq(self.expose(), other.expose())
    }

    /// Whether every byte is zero, in constant time: what a failed or forgotten key
    /// generation leaves. Callers that load keys refuse such a key.
    #[must_use]
    pub fn is_all_zero(&self) -> bool {
        ct_eq(self.expose(), &[0; 32])
    }
}

/// The copy lives in ordinary memory, also where the original is locked.
impl Clone for Key32 {
    fn clone(&self) -> Self {
        Self::filled(|bytes| bytes.copy_from_slice(self.expose()))
    }
}

/// Fails with [`Error::KeyLength`] unless `bytes` are exactly 32. The caller wipes `bytes`.
impl TryFrom<&[u8]> for Key32 {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != 32 {
            return Err(Error::KeyLength {
                length: bytes.len(),
            });
        }
        Ok(Self::filled(|key| key.copy_from_slice(bytes)))
    }
}

impl Drop for Key32 {
    fn drop(&mut self) {
        match &mut self.0 {
            Storage::Heap(bytes) => zeroize_bytes(bytes.as_mut_slice()),
            // The page wipes itself before it is given back.
            Storage::Locked(_page) => {}
        }
    }
}

impl fmt::Debug for Key32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key32(***)")
    }
}

#[cfg(test)]
mod tests;
