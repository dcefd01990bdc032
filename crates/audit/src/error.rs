//! How reading and writing the audit log fails.
#![deny(clippy::wildcard_enum_match_arm)]

/// An audit record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The record has no JSON form.
    #[error("an audit record cannot be written as JSON")]
    Encode {
        /// The serialiser's error.
        #[source]
        source: serde_json::Error,
    },
    /// A stored record is not the JSON that was written.
    #[error("an audit record cannot be read back")]
    Decode {
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// The store failed.
    #[error("reading the audit log failed")]
    Store {
        /// The store's error.
        #[source]
        source: store::Error,
    },
}
