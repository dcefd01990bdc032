//! HMAC-SHA-256 and comparison in constant time.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};

use crate::wipe;

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

fn fixed(tag: &hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    // INVARIANT: a tag of HMAC-SHA-256 has 32 bytes.
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

#[cfg(test)]
mod tests;
