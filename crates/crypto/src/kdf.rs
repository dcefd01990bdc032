//! Key derivation: HKDF-SHA-256 (RFC 5869) and the SP 800-108 counter mode with HMAC-SHA-256.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::kdf::{
    KbkdfCtrHmacAlgorithm, KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac,
};

use crate::{Error, Key32, SecretBytes, must};

/// Fills `out` with HKDF-SHA-256 of the key material `ikm`, `salt` and `info`.
///
/// Fails with [`Error::OutputLength`] for no or more than 8,160 bytes of output.
pub fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), Error> {
    let length = out.len();
    if length == 0 || length > HKDF_MOST {
        return Err(Error::OutputLength { length });
    }
    expand(ikm, salt, &[info], out);
    Ok(())
}

/// Derives from `root` the key for the purpose `label` and, within it, for `context`.
///
/// Different pairs of label and context give independent keys: both go into the derivation
/// behind their lengths, so that no two pairs look alike. A label names one use in one crate,
/// for example `store/audit-events`, and never changes.
pub fn derive_key(root: &Key32, label: &str, context: &[u8]) -> Key32 {
    derive(root.expose(), label, context)
}

/// Like [`derive_key`], from a root of any length that is as hard to guess as a key; equal
/// to it for a root of 32 bytes.
pub fn derive_key_of(root: &SecretBytes, label: &str, context: &[u8]) -> Key32 {
    derive(root.expose(), label, context)
}

fn derive(root: &[u8], label: &str, context: &[u8]) -> Key32 {
    let info = [
        &length_prefix(label.as_bytes()),
        label.as_bytes(),
        &length_prefix(context),
        context,
    ];
    Key32::filled(|out| expand(root, DERIVE_SALT, &info, out))
}

/// Fills `out` with the SP 800-108 counter-mode derivation from `key`, PRF HMAC-SHA-256.
///
/// The fixed input is `label`, a zero byte, `context` and the output's length in bits; the
/// 32-bit counter stands in front, and both numbers are big-endian. Fails with
/// [`Error::Label`] if the label contains a NUL and with [`Error::OutputLength`] for no
/// output or more than 512 MiB.
pub fn kbkdf_ctr_hmac_sha256(
    key: &Key32,
    label: &str,
    context: &[u8],
    out: &mut [u8],
) -> Result<(), Error> {
    let length = out.len();
    if label.as_bytes().contains(&0) {
        return Err(Error::Label);
    }
    let bits = length
        .checked_mul(8)
        .and_then(|bits| u32::try_from(bits).ok())
        .filter(|bits| *bits != 0)
        .ok_or(Error::OutputLength { length })?;
    let fixed_input = [label.as_bytes(), &[0], context, &bits.to_be_bytes()].concat();
    counter_mode(key.expose(), &fixed_input, out)
}

/// Like [`kbkdf_ctr_hmac_sha256`], for an output that is a key.
///
/// Fails with [`Error::Label`] if the label contains a NUL.
pub fn kbkdf_key(key: &Key32, label: &str, context: &[u8]) -> Result<Key32, Error> {
    let mut outcome = Ok(());
    let derived = Key32::filled(|out| outcome = kbkdf_ctr_hmac_sha256(key, label, context, out));
    outcome.map(|()| derived)
}

/// The counter mode over a fixed input that is composed already.
fn counter_mode(key: &[u8], fixed_input: &[u8], out: &mut [u8]) -> Result<(), Error> {
    let length = out.len();
    kbkdf_ctr_hmac(counter_algorithm(), key, fixed_input, out)
        .map_err(|_opaque| Error::OutputLength { length })
}

fn counter_algorithm() -> &'static KbkdfCtrHmacAlgorithm {
    get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256)
        .unwrap_or_else(|| must::abort("counter-mode derivation is not built in"))
}

/// INVARIANT: callers have checked that `out` has at most [`HKDF_MOST`] bytes.
fn expand(ikm: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let key = Salt::new(HKDF_SHA256, salt).extract(ikm);
    let filled = key
        .expand(info, Length(out.len()))
        .and_then(|okm| okm.fill(out));
    must::succeed(filled, "HKDF");
}

fn length_prefix(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes()
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// 255 blocks of 32 bytes (RFC 5869, section 2.3).
const HKDF_MOST: usize = 255 * 32;

/// Keeps the keys of [`derive_key`] apart from every other use of HKDF on the same root.
const DERIVE_SALT: &[u8] = b"strongroom/derive-key/v1";

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
