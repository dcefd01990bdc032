//! AES key wrap with padding (RFC 5649) under 256-bit keys, for key material that travels.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};

use crate::{Key32, OpenError, SecretBytes, must, wipe};

/// How much longer a wrapped key is than the key, at most.
const MOST_OVERHEAD: usize = 15;

/// Wraps `material` under `key`.
///
/// Nothing but the length of `material` is checked: it must not be empty.
pub fn wrap(key: &Key32, material: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut wrapped = vec![0; material.len().saturating_add(MOST_OVERHEAD)];
    let length = wipe::stack_after(|| {
        kek(key)
            .wrap_with_padding(material, &mut wrapped)
            .map(|wrapped| wrapped.len())
    });
    wrapped.truncate(length.map_err(|_opaque| OpenError)?);
    Ok(wrapped)
}

/// Unwraps what [`wrap`] made.
pub fn unwrap(key: &Key32, wrapped: &[u8]) -> Result<SecretBytes, OpenError> {
    let mut material = vec![0; wrapped.len()];
    let length = wipe::stack_after(|| {
        kek(key)
            .unwrap_with_padding(wrapped, &mut material)
            .map(|material| material.len())
    });
    if let Ok(length) = length {
        material.truncate(length);
    }
    // Wiped in either case.
    let material = SecretBytes::from(material);
    length.map(|_| material).map_err(|_opaque| OpenError)
}

fn kek(key: &Key32) -> AesKek {
    must::succeed(AesKek::new(&AES_256, key.expose()), "AES-256 key wrap key")
}

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
