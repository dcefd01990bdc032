//! How calls of our own service fail.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use types::{ErrorKind, ServiceError};

/// A failure of our own service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The history of the caller's account has no record of the request.
    #[error(
        "no record of the request `{id}` is among the newest {looked} of this account and region, \
         nor a day's that is named; data calls leave none"
    )]
    NoSuchRequest {
        /// The id that was asked for.
        id: String,
        /// How many records are looked through.
        looked: usize,
    },
    /// A time is not written as one.
    #[error("`{value}` at `{member}` is not a time: write 2026-03-01T12:00:00Z{more}")]
    Time {
        /// The member.
        member: &'static str,
        /// As it was given.
        value: String,
        /// What else can stand there.
        more: &'static str,
    },
    /// A service that acts for itself has no account.
    #[error("the caller belongs to no account")]
    NoAccount,
    /// The history cannot be read.
    #[error("reading the history failed")]
    History(#[from] audit::Error),
    /// What is kept beside a record cannot be read.
    #[error("what is kept beside a record is unreadable")]
    Unreadable(#[source] serde_json::Error),
    /// The past cannot be read.
    #[error("deciding again failed")]
    Replay(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Looking at the history and deciding again came to no end.
    #[error("the request was not looked at to the end")]
    Unfinished(#[from] tokio::task::JoinError),
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchRequest { .. } => ErrorKind::NotFound,
            Self::Time { .. } => ErrorKind::Validation,
            Self::NoAccount => ErrorKind::Denied,
            Self::History(_) | Self::Unreadable(_) | Self::Replay(_) | Self::Unfinished(_) => {
                ErrorKind::Internal
            }
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoSuchRequest { .. } => "RequestNotFoundException",
            Self::Time { .. } => "ValidationException",
            Self::NoAccount => "AccessDeniedException",
            Self::History(_) | Self::Unreadable(_) | Self::Replay(_) | Self::Unfinished(_) => {
                "InternalFailure"
            }
        })
    }

    fn public_message(&self) -> String {
        match self {
            Self::NoSuchRequest { .. } | Self::Time { .. } | Self::NoAccount => self.to_string(),
            Self::History(_) | Self::Unreadable(_) | Self::Replay(_) | Self::Unfinished(_) => {
                "the request processing has failed because of an unknown error".to_owned()
            }
        }
    }
}
