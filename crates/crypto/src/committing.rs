//! A key-committing AEAD for KMS ciphertexts and wrapped data keys.
//!
//! AES-GCM alone lets an attacker craft one ciphertext that opens under two keys. Here every
//! message carries a commitment to its key, which is checked before anything is decrypted.
//!
//! ```text
//! 1 byte   format version (1)
//! 32 bytes random value of this message
//! 32 bytes commitment
//! n bytes  AES-256-GCM ciphertext
//! 16 bytes tag
//! ```
//!
//! The encryption key and the commitment of a message are two derivations (SP 800-108 counter
//! mode, HMAC-SHA-256) from the key and the random value, under different labels. Each
//! encryption key serves one message, so that its nonce can be fixed.

use std::fmt;

use types::Entropy;

use crate::gcm::{GcmKey, TAG_LEN};
use crate::kdf::kbkdf_key;
use crate::{Key32, OpenError, SecretBytes, ct_eq, must};

/// How much longer a sealed message is than its plaintext.
pub const OVERHEAD: usize = 1 + VALUE_LEN + COMMITMENT_LEN + TAG_LEN;

/// The version byte that starts every message.
pub const FORMAT_VERSION: u8 = 1;

/// A key of the committing AEAD.
#[derive(Clone)]
pub struct CommittingKey(Key32);

impl CommittingKey {
    /// Takes `key` for use; it should serve nothing else.
    pub fn new(key: &Key32) -> Self {
        Self(key.clone())
    }

    /// Returns the sealed form of `plaintext`, bound to `aad`.
    ///
    /// The random value of the message is drawn from `entropy`. Aborts the process if the
    /// plaintext exceeds the 64 GiB that AES-GCM allows.
    pub fn seal(&self, entropy: &dyn Entropy, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut value = [0; VALUE_LEN];
        entropy.fill(&mut value);
        let mut out = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
        out.push(FORMAT_VERSION);
        out.extend_from_slice(&value);
        out.extend_from_slice(self.commitment(&value).expose());
        self.message_key(&value)
            .seal(NONCE, aad, plaintext, &mut out);
        out
    }

    /// Returns the plaintext of `sealed`, which must have been sealed with the same `aad`.
    ///
    /// The commitment is compared in constant time before anything is decrypted.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let (version, rest) = sealed.split_first().ok_or(OpenError)?;
        if *version != FORMAT_VERSION {
            return Err(OpenError);
        }
        let (value, rest) = rest.split_first_chunk::<VALUE_LEN>().ok_or(OpenError)?;
        let (commitment, body) = rest
            .split_first_chunk::<COMMITMENT_LEN>()
            .ok_or(OpenError)?;
        if !ct_eq(self.commitment(value).expose(), commitment) {
            return Err(OpenError);
        }
        let mut plaintext = Vec::with_capacity(body.len());
        self.message_key(value)
            .open(NONCE, aad, body, &mut plaintext)?;
        Ok(SecretBytes::from(plaintext))
    }

    fn commitment(&self, value: &[u8; VALUE_LEN]) -> Key32 {
        self.derive(COMMITMENT_LABEL, value)
    }

    fn message_key(&self, value: &[u8; VALUE_LEN]) -> GcmKey {
        GcmKey::new(self.derive(ENCRYPTION_LABEL, value).expose())
    }

    fn derive(&self, label: &str, value: &[u8; VALUE_LEN]) -> Key32 {
        must::succeed(kbkdf_key(&self.0, label, value), "counter-mode derivation")
    }
}

impl fmt::Debug for CommittingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommittingKey(***)")
    }
}

/// INVARIANT: a message key is derived from a fresh 256-bit random value and seals once.
const NONCE: [u8; 12] = [0; 12];

const VALUE_LEN: usize = 32;
const COMMITMENT_LEN: usize = 32;

const ENCRYPTION_LABEL: &str = "strongroom/committing-aead/v1/encryption";
const COMMITMENT_LABEL: &str = "strongroom/committing-aead/v1/commitment";

#[cfg(test)]
mod tests;
