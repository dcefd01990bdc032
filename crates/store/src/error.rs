//! How opening, reading and committing fail.
#![deny(clippy::wildcard_enum_match_arm)]

use types::{ErrorKind, Timestamp};

/// A commit was not made; nothing of its batch is visible now or after a restart, except
/// with [`CommitError::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A precondition no longer holds; decide again on a new snapshot.
    #[error("something the request depends on has changed")]
    Conflict,
    /// The store does not accept writes: a sync failed, or the disk is full.
    #[error("the store does not accept writes now: {reason}")]
    NotWritable {
        /// What happened, for the log.
        reason: String,
    },
    /// The engine holds data writes back for longer than callers wait.
    #[error("the store is too busy to accept data")]
    Busy,
    /// The sync of this very commit failed: it may or may not survive a restart.
    #[error("the outcome of the commit is unknown: {reason}")]
    Unknown {
        /// What happened, for the log.
        reason: String,
    },
    /// A stored cell that a rule had to look at was edited, moved or damaged.
    #[error("a stored cell of `{what}` is damaged or was tampered with")]
    Damaged {
        /// Which space.
        what: &'static str,
    },
    /// The batch is larger than one commit may be.
    #[error("the change is too large for one commit")]
    TooLarge,
    /// The store is shutting down.
    #[error("the store is shutting down")]
    ShuttingDown,
}

impl CommitError {
    /// The kind that a service's error takes over.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Conflict => ErrorKind::Conflict,
            Self::NotWritable { .. } | Self::Busy | Self::ShuttingDown => ErrorKind::Unavailable,
            Self::Unknown { .. } | Self::Damaged { .. } => ErrorKind::Internal,
            Self::TooLarge => ErrorKind::Validation,
        }
    }
}

/// A read failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine could not read.
    #[error("reading `{what}` from the store failed")]
    Engine {
        /// Which space or log.
        what: &'static str,
        /// The engine's own error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The space or log was not declared when the store was opened.
    #[error("`{what}` was not declared when the store was opened")]
    Undeclared {
        /// Which space or log.
        what: &'static str,
    },
    /// The engine cannot tell whether the log is whole.
    #[error("whether `{what}` is whole cannot be told")]
    Unverifiable {
        /// Which log.
        what: &'static str,
    },
    /// The past that was asked for is not kept any more.
    #[error("the history of metadata is not kept from before {since}")]
    Forgotten {
        /// From when on it is.
        since: Timestamp,
    },
    /// What was read does not open: it was edited, moved or damaged.
    #[error("an entry of `{what}` is damaged or was tampered with")]
    Damaged {
        /// Which table, space or log.
        what: &'static str,
    },
}

/// The store cannot be opened; the server refuses to start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine could not open or read its files.
    #[error("opening the store failed")]
    Engine {
        /// The engine's own error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row does not open under this data key, or not in this place.
    #[error("a row of `{table}` is damaged, was tampered with, or belongs to another data key")]
    Damaged {
        /// The table.
        table: String,
    },
    /// A row was written by a newer release.
    #[error("a row of `{table}` cannot be read by this release")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// Why.
        #[source]
        source: crate::RecordError,
    },
    /// Commits that were answered are missing.
    #[error(
        "the store ends at commit {found}, but commit {expected} was acknowledged: data is \
         missing; run `strongroom recover` to see what would be lost"
    )]
    Lost {
        /// The last commit in the store.
        found: u64,
        /// The last commit known to have been acknowledged.
        expected: u64,
    },
    /// The mark is missing or damaged though there is a store, or belongs to another data key.
    #[error(
        "`commit.mark` is missing, damaged, or belongs to another data key: whether data is \
         missing cannot be told; run `strongroom recover`"
    )]
    NoMark,
    /// The metadata rows are not those that the last commit left.
    #[error(
        "metadata rows are missing or older than the last commit; run `strongroom recover` to \
         see what would be lost"
    )]
    Incomplete,
    /// There are rows of a table that this release does not have.
    #[error("the store holds a table that this release does not know")]
    UnknownTable,
    /// The data key is all zeros, as a failed key generation leaves it.
    #[error("the data key is all zeros")]
    UnusableKey,
    /// Another process has the store open.
    #[error("the store is in use by another process")]
    InUse,
    /// The store's own files could not be made, read or written.
    #[error("reading or writing the store's files failed")]
    Files {
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
