//! XAES-256-GCM: AES-256-GCM with 192-bit random nonces.
//!
//! C2SP's construction (<https://c2sp.org/XAES-256-GCM>): half of the nonce selects a derived
//! key, the other half is the nonce of AES-256-GCM. Random nonces are safe for 2^80 messages
//! under one key, against 2^32 for plain AES-GCM. It does not commit to its key: where that
//! matters use [`crate::committing`].

use std::fmt;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use types::Entropy;
use zeroize::Zeroizing;

use crate::gcm::GcmKey;
use crate::{Key32, OpenError, SecretBytes, must, wipe};

/// Length of the nonce in front of every sealed message.
pub const NONCE_LEN: usize = 24;

/// Length of the tag behind every sealed message.
pub const TAG_LEN: usize = crate::gcm::TAG_LEN;

/// How much longer a sealed message is than its plaintext.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// A prepared XAES-256-GCM key.
///
/// Preparing expands the AES key and computes the CMAC subkey once; a message then costs two
/// AES blocks more than AES-256-GCM with a fresh key. Nonces are drawn inside: a caller
/// cannot choose or repeat one.
pub struct XaesKey(Box<Prepared>);

struct Prepared {
    cipher: EncryptingKey,
    /// The CMAC inputs of the two halves of a derived key, combined with the CMAC subkey
    /// already; only the nonce is missing.
    masks: Zeroizing<[u8; 32]>,
}

impl XaesKey {
    /// Prepares `key`.
    pub fn new(key: &Key32) -> Self {
        wipe::stack_after(|| Self(Prepared::new(key)))
    }

    /// Returns nonce ‖ ciphertext ‖ tag of `plaintext`, bound to `aad`.
    ///
    /// The nonce is drawn from `entropy`. Aborts the process if the plaintext exceeds the
    /// 64 GiB that AES-GCM allows.
    pub fn seal(&self, entropy: &dyn Entropy, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.seal_into(entropy, aad, plaintext, &mut out);
        out
    }

    /// Like [`Self::seal`], appending to `out`, whose capacity is reused.
    pub fn seal_into(
        &self,
        entropy: &dyn Entropy,
        aad: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        self.seal_with_nonce(&nonce, aad, plaintext, out);
    }

    /// Returns the plaintext of `sealed`, which must have been sealed with the same `aad`.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let mut out = Vec::with_capacity(sealed.len().saturating_sub(OVERHEAD));
        self.open_into(aad, sealed, &mut out)?;
        Ok(SecretBytes::from(out))
    }

    /// Like [`Self::open`], appending the plaintext to `out`, whose capacity is reused.
    ///
    /// For payloads on their way to a caller: nothing wipes `out`. On failure it is as before.
    pub fn open_into(&self, aad: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), OpenError> {
        let (nonce, body) = sealed.split_first_chunk().ok_or(OpenError)?;
        let (key, nonce) = self.0.message_key(nonce);
        key.open(nonce, aad, body, out)
    }

    /// Opens `sealed` where it stands and returns the part of it that is the plaintext now.
    ///
    /// The fastest way to open: nothing is copied or allocated for the plaintext. On failure
    /// the contents of `sealed` are lost, and no unauthenticated plaintext is in it.
    pub fn open_in_place<'a>(
        &self,
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        let (nonce, body) = sealed.split_first_chunk_mut().ok_or(OpenError)?;
        let (key, nonce) = self.0.message_key(nonce);
        key.open_in_place(nonce, aad, body)
    }

    /// Seals under a nonce that only the published vectors may choose.
    fn seal_with_nonce(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) {
        out.reserve(plaintext.len().saturating_add(OVERHEAD));
        out.extend_from_slice(nonce);
        let (key, nonce) = self.0.message_key(nonce);
        key.seal(nonce, aad, plaintext, out);
    }
}

impl Prepared {
    fn new(key: &Key32) -> Box<Self> {
        let cipher = UnboundCipherKey::new(&AES_256, key.expose()).and_then(EncryptingKey::ecb);
        let mut prepared = Box::new(Self {
            cipher: must::succeed(cipher, "AES-256 key"),
            masks: Zeroizing::new([0; 32]),
        });
        let mut zero = Zeroizing::new([0; 16]);
        prepared.encrypt_blocks(zero.as_mut_slice());
        let subkey = Zeroizing::new(double(u128::from_be_bytes(*zero)));
        let (masks, _none) = prepared.masks.as_chunks_mut();
        for (mask, prefix) in masks.iter_mut().zip(PREFIXES) {
            *mask = (*subkey ^ prefix).to_be_bytes();
        }
        prepared
    }

    /// The derived key and the nonce under which `nonce` encrypts one message.
    fn message_key(&self, nonce: &[u8; NONCE_LEN]) -> (GcmKey, [u8; 12]) {
        let (selector, rest) = split_nonce(nonce);
        let mut key = Zeroizing::new([0; 32]);
        self.derive(selector, &mut key);
        (GcmKey::new(&key), *rest)
    }

    /// Writes the CMAC of both inputs to `key`: each is one AES block, since each input is
    /// one complete block.
    fn derive(&self, selector: &[u8; 12], key: &mut [u8; 32]) {
        key.copy_from_slice(self.masks.as_slice());
        let (blocks, _none) = key.as_chunks_mut::<16>();
        for block in blocks {
            for (target, byte) in block.iter_mut().skip(4).zip(selector) {
                *target ^= byte;
            }
        }
        self.encrypt_blocks(key);
    }

    /// Encrypts each 16-byte block of `blocks` by itself.
    fn encrypt_blocks(&self, blocks: &mut [u8]) {
        must::succeed(self.cipher.encrypt(blocks), "AES-256 block");
    }
}

impl fmt::Debug for XaesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("XaesKey(***)")
    }
}

/// The twelve bytes that select the derived key, and the twelve that are its nonce.
fn split_nonce(nonce: &[u8; NONCE_LEN]) -> (&[u8; 12], &[u8; 12]) {
    match (nonce.first_chunk(), nonce.last_chunk()) {
        (Some(selector), Some(rest)) => (selector, rest),
        _ => must::abort("a nonce has 24 bytes"),
    }
}

/// Doubles in the field of CMAC (SP 800-38B, section 6.1), without a secret-dependent branch.
fn double(block: u128) -> u128 {
    (block << 1) ^ ((block >> 127) * 0x87)
}

/// The fixed part of both CMAC inputs: counter, label `X`, zero, then room for the nonce.
const PREFIXES: [u128; 2] = [0x0001_5800 << 96, 0x0002_5800 << 96];

#[cfg(test)]
mod tests;
