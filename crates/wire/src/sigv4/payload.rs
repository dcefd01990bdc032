//! The hash of a request's body, the last line of every canonical request.

use std::fmt;

use crypto::digest::sha256;

use super::AuthError;

/// The SHA-256 of a body as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PayloadHash([u8; 64]);

impl PayloadHash {
    /// The hash of `body`.
    pub fn of(body: &[u8]) -> Self {
        if body.is_empty() {
            return Self(*OF_NOTHING);
        }
        Self(hex_of(&sha256(body)))
    }

    /// Reads what a client declared.
    ///
    /// Fails unless it is 64 lower-case hexadecimal digits. `UNSIGNED-PAYLOAD` and the
    /// streaming forms belong to S3; here every body is signed.
    pub(super) fn declared(text: &[u8]) -> Result<Self, AuthError> {
        let digits: [u8; 64] = text.try_into().map_err(|_source| AuthError::PayloadForm)?;
        if digits
            .iter()
            .all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f'))
        {
            Ok(Self(digits))
        } else {
            Err(AuthError::PayloadForm)
        }
    }

    /// The digits.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// The hash of an empty body.
const OF_NOTHING: &[u8; 64] = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// 32 bytes as lower-case hexadecimal digits.
pub(super) fn hex_of(bytes: &[u8; 32]) -> [u8; 64] {
    let mut digits = [b'0'; 64];
    // INVARIANT: the lengths fit, which is all that this can fail for.
    let _fits = hex::encode_to_slice(bytes, &mut digits);
    digits
}
