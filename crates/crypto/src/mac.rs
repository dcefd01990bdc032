//! HMAC with the SHA-2 family, and comparison in constant time.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};

use crate::{SecretBytes, wipe};

/// Whether `left` and `right` are equal; the time taken tells only whether the lengths are.
#[must_use]
pub fn ct_eq(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// A prepared HMAC-SHA-256 key; the hash states of its two pads are computed once.
pub struct HmacSha256Key(Box<hmac::Key>);

impl HmacSha256Key {
    /// Prepares `key`, which may have any length; 32 random bytes are the sensible choice.
    pub fn new(key: &[u8]) -> Self {
        wipe::stack_after(|| Self(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key))))
    }

    /// Returns the tag of `message`.
    pub fn tag(&self, message: &[u8]) -> [u8; 32] {
        fixed(&hmac::sign(&self.0, message))
    }

    /// Returns the tag of the concatenation of `parts`.
    ///
    /// The borders of the parts are not covered: a caller whose parts vary in length puts
    /// their lengths in front.
    pub fn tag_parts(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        fixed(&context.sign())
    }

    /// Whether `tag` is the full tag of `message`, compared in constant time.
    #[must_use]
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for HmacSha256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha256Key(***)")
    }
}

/// Which hash an HMAC is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MacAlgorithm {
    /// HMAC-SHA-224.
    Sha224,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-384.
    Sha384,
    /// HMAC-SHA-512.
    Sha512,
}

impl MacAlgorithm {
    fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha224 => hmac::HMAC_SHA224,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    /// The length of a full tag, which is also the length of a key drawn for it.
    pub fn tag_len(self) -> usize {
        self.algorithm().tag_len()
    }
}

/// A prepared HMAC key of any of the family.
pub struct MacKey(Box<hmac::Key>);

impl MacKey {
    /// Prepares `key` for `algorithm`.
    pub fn new(algorithm: MacAlgorithm, key: &SecretBytes) -> Self {
        let prepare = || hmac::Key::new(algorithm.algorithm(), key.expose());
        wipe::stack_after(|| Self(Box::new(prepare())))
    }

    /// Returns the full tag of `message`.
    pub fn tag(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, message).as_ref().to_vec()
    }

    /// Whether `tag` is the full tag of `message`, compared in constant time.
    #[must_use]
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(***)")
    }
}

fn fixed(tag: &hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    // INVARIANT: a tag of HMAC-SHA-256 has 32 bytes.
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

#[cfg(test)]
mod family;
#[cfg(test)]
mod tests;
