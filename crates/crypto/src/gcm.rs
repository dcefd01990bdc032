//! AES-256-GCM with a caller-given nonce: the part that both sealed formats share.
//!
//! Private to the crate, since choosing nonces is not for callers.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::zeroize_bytes;

use crate::{OpenError, must};

/// Length of the tag that follows every ciphertext.
pub(crate) const TAG_LEN: usize = 16;

/// An AES-256-GCM key, of which the formats use every (key, nonce) pair once.
pub(crate) struct GcmKey(LessSafeKey);

impl GcmKey {
    /// Expands `key`.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = must::succeed(UnboundKey::new(&AES_256_GCM, key), "AES-256-GCM key");
        Self(LessSafeKey::new(key))
    }

    /// Appends ciphertext ‖ tag of `plaintext` to `out`.
    ///
    /// Aborts the process if the plaintext exceeds the 64 GiB that the mode allows.
    pub(crate) fn seal(&self, nonce: [u8; 12], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(plaintext.len().saturating_add(TAG_LEN));
        out.extend_from_slice(plaintext);
        let target = out.get_mut(start..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), target);
        out.extend_from_slice(must::succeed(tag, "AES-256-GCM seal").as_ref());
    }

    /// Appends the plaintext of `body`, which is ciphertext ‖ tag, to `out`.
    ///
    /// On failure `out` is as before and holds no unauthenticated plaintext.
    pub(crate) fn open(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let (ciphertext, tag) = body.split_last_chunk::<TAG_LEN>().ok_or(OpenError)?;
        let start = out.len();
        out.resize(start.saturating_add(ciphertext.len()), 0);
        let target = out.get_mut(start..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self
            .0
            .open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, target);
        if opened.is_err() {
            zeroize_bytes(out.get_mut(start..).unwrap_or_default());
            out.truncate(start);
            return Err(OpenError);
        }
        Ok(())
    }

    /// Decrypts `body`, which is ciphertext ‖ tag, where it stands; returns the plaintext.
    ///
    /// On failure the ciphertext is wiped.
    pub(crate) fn open_in_place<'a>(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        body: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        let (ciphertext, tag) = body.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self
            .0
            .open_in_place_separate_tag(nonce, Aad::from(aad), tag, ciphertext);
        if opened.is_err() {
            zeroize_bytes(ciphertext);
            return Err(OpenError);
        }
        Ok(ciphertext)
    }
}

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
