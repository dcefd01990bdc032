//! How reading and writing cells fail.
#![deny(clippy::wildcard_enum_match_arm)]

use store::CommitError;
use types::ErrorKind;

/// A cell could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine could not read.
    #[error("reading online cells failed")]
    Store(#[from] store::Error),
    /// The engine did not commit.
    #[error("writing online cells failed")]
    Commit(#[from] CommitError),
    /// A stored cell was edited, moved or damaged, or does not open under its data key.
    #[error("an online cell is damaged or was tampered with")]
    Damaged,
    /// A stored cell was written by a newer release.
    #[error("an online cell has format {found}, which this release does not know")]
    Format {
        /// The format found.
        found: u8,
    },
    /// The payload could not be sealed.
    #[error("sealing an online cell failed")]
    Sealing,
    /// No more writes can be told apart until the server is started anew.
    #[error("the sequence numbers of this run are used up")]
    SequenceExhausted,
}

impl Error {
    /// The kind that a service's error takes over.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Commit(error) => error.kind(),
            Self::SequenceExhausted => ErrorKind::Unavailable,
            Self::Store(_) | Self::Damaged | Self::Format { .. } | Self::Sealing => {
                ErrorKind::Internal
            }
        }
    }
}

/// The online store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The numbering of this run could not be stored.
    #[error("numbering the writes of this run failed")]
    Sequence(#[source] CommitError),
    /// The server was started more often than writes can be numbered.
    #[error("the sequence numbers of the online store are used up")]
    Exhausted,
}
