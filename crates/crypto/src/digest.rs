//! SHA-256, whole and in parts.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};

/// Returns the SHA-256 digest of `data`.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    fixed(digest(&SHA256, data).as_ref())
}

/// SHA-256 over data that comes in parts.
#[derive(Clone)]
pub struct Sha256(Context);

impl Sha256 {
    /// A digest of nothing yet.
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Appends `data` to what is digested.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// Returns the digest of all parts in order.
    pub fn finish(self) -> [u8; 32] {
        fixed(self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256(..)")
    }
}

fn fixed(output: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    // INVARIANT: the output of SHA-256 has 32 bytes.
    bytes.copy_from_slice(output);
    bytes
}

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
