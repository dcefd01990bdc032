//! The failures of this crate: one without a reason for opening, one enum for the rest.
#![deny(clippy::wildcard_enum_match_arm)]

use types::ErrorKind;

/// A ciphertext did not open.
///
/// Says nothing more on purpose: wrong key, wrong associated data, altered, truncated and
/// foreign bytes look the same to whoever sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext could not be opened")]
pub struct OpenError;

/// Why a call other than opening was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes given as a key are not exactly 32.
    #[error("a key has exactly 32 bytes, not {length}")]
    KeyLength {
        /// How many bytes were given.
        length: usize,
    },

    /// The derivation function cannot produce that many bytes, or zero bytes were asked for.
    #[error("{length} bytes cannot be derived")]
    OutputLength {
        /// How many bytes were asked for.
        length: usize,
    },

    /// A label of the SP 800-108 function contains a NUL byte, which ends labels there.
    #[error("a derivation label must not contain a NUL byte")]
    Label,

    /// The bytes are not a private key of the kind that they are given as.
    #[error("not a private key of this kind")]
    NotAKeyPair,

    /// The bytes are not a public key of the kind that is needed.
    #[error("not a public key of this kind")]
    NotAPublicKey,

    /// The key, the scheme and what is to be processed do not go together.
    #[error("{what}")]
    Unfit {
        /// What does not go with what.
        what: &'static str,
    },

    /// A parameter of the passphrase function is weaker than allowed or absurdly large.
    #[error("argon2id {parameter} must be between {least} and {most}, not {given}")]
    PasswordParameter {
        /// The name of the parameter.
        parameter: &'static str,
        /// The smallest value allowed.
        least: u32,
        /// The largest value allowed.
        most: u32,
        /// The value refused.
        given: u32,
    },

    /// The memory that the passphrase function needs is not available.
    #[error("no memory for argon2id: {kib} KiB are needed")]
    PasswordMemory {
        /// How much was needed.
        kib: u32,
        /// What the allocator said.
        #[source]
        source: std::collections::TryReserveError,
    },

    /// The passphrase function refused its input, which happens beyond 4 GiB of passphrase.
    #[error("argon2id failed: {reason}")]
    Password {
        /// What the function said; without `std` it is no `Error` that could be a source.
        reason: argon2::Error,
    },
}

impl Error {
    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::KeyLength { .. }
            | Self::NotAKeyPair
            | Self::NotAPublicKey
            | Self::Unfit { .. }
            | Self::PasswordParameter { .. }
            | Self::Password { .. } => ErrorKind::Validation,
            Self::OutputLength { .. } | Self::Label => ErrorKind::Internal,
            Self::PasswordMemory { .. } => ErrorKind::Unavailable,
        }
    }
}
