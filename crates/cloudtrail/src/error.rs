//! How CloudTrail's operations fail; all HTTP 400.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use pipeline::MissingPart;
use types::{ErrorKind, ServiceError};

/// A CloudTrail operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More than one lookup attribute.
    #[error("At most one lookup attribute can be specified.")]
    TooManyAttributes,
    /// The start is behind the end.
    #[error("The start time must not be after the end time.")]
    TimeRange,
    /// The token is not one of ours, or belongs to other parameters.
    #[error("The next token is not valid for these parameters.")]
    NextToken,
    /// Insight events are not made here.
    #[error("CloudTrail Insights is not available in this deployment.")]
    NoInsights,
    /// Only accounts have an event history.
    #[error("the caller belongs to no account")]
    NoAccount,
    /// More calls than the rate allows.
    #[error("Rate exceeded")]
    Throttled,
    /// The server lacks a part of this service.
    #[error(transparent)]
    Part(#[from] MissingPart),
    /// The reader of the history broke down.
    #[error("the event history was not read to its end")]
    Reader(#[from] tokio::task::JoinError),
    /// The audit log cannot be read.
    #[error("reading the event history failed")]
    History(#[from] audit::Error),
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TooManyAttributes | Self::TimeRange | Self::NextToken | Self::NoInsights => {
                ErrorKind::Validation
            }
            Self::NoAccount => ErrorKind::Denied,
            Self::Throttled => ErrorKind::Throttled,
            Self::Part(_) | Self::Reader(_) | Self::History(_) => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::TooManyAttributes => "InvalidLookupAttributesException",
            Self::TimeRange => "InvalidTimeRangeException",
            Self::NextToken => "InvalidNextTokenException",
            Self::NoInsights => "UnsupportedOperationException",
            Self::NoAccount => "AccessDeniedException",
            Self::Throttled => "ThrottlingException",
            Self::Part(_) | Self::Reader(_) | Self::History(_) => "InternalFailure",
        })
    }

    fn public_message(&self) -> String {
        self.to_string()
    }
}
