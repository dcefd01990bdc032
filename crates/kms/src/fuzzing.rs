//! Doors for the fuzz targets; no part of the interface.

use crate::ciphertext::Header;

/// Whether this has the header of a ciphertext. What reads must be what would be written.
///
/// # Panics
///
/// If it is not.
pub fn ciphertext(blob: &[u8]) -> bool {
    let read = Header::split(blob);
    if let Ok((header, bytes, sealed)) = &read {
        assert_eq!(header.encode().as_ref(), Ok(*bytes), "one key, two headers");
        assert_eq!(bytes.len() + sealed.len(), blob.len());
    }
    read.is_ok()
}
