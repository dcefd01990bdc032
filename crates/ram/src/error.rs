//! How calls of RAM fail, with AWS's codes.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use pipeline::{FailedCall, Failure, MissingPart};
use types::{ErrorKind, ServiceError};

/// A call that cannot be answered. `Display` is the text for the caller, except for
/// [`Error::Internal`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not an ARN of the kind that is asked for.
    #[error("The specified Amazon Resource Name (ARN) `{arn}` has a format that isn't valid.")]
    MalformedArn {
        /// What the caller sent.
        arn: String,
    },
    /// There is no such share, resource, permission or part of the organization.
    #[error("{what} could not be found.")]
    Unknown {
        /// What the caller named.
        what: String,
    },
    /// A resource whose policies are asked for is not there.
    #[error("the resource `{arn}` could not be found")]
    ResourceNotFound {
        /// What the caller sent.
        arn: String,
    },
    /// No invitation of this ARN is addressed to the caller's account.
    #[error("the resource share invitation `{arn}` could not be found")]
    InvitationNotFound {
        /// What the caller sent.
        arn: String,
    },
    /// The invitation was accepted before.
    #[error("the resource share invitation has been accepted already")]
    AlreadyAccepted,
    /// The invitation was rejected before.
    #[error("the resource share invitation has been rejected already")]
    AlreadyRejected,
    /// The invitation's time is over.
    #[error("the resource share invitation has expired")]
    InvitationExpired,
    /// A parameter breaks a rule.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// There is no such type of resources.
    #[error("the resource type `{kind}` is not one that can be shared")]
    InvalidResourceType {
        /// What the caller sent.
        kind: String,
    },
    /// A parameter that the call cannot do without is missing.
    #[error("{0}")]
    MissingParameter(&'static str),
    /// The call is not possible for this share, account or organization.
    #[error("{0}")]
    NotPermitted(Cow<'static, str>),
    /// The client token was used with other parameters.
    #[error("the client token was used before with other parameters")]
    TokenMismatch,
    /// The client token cannot be one.
    #[error("a client token has 1 to 64 characters from ! to ~")]
    InvalidClientToken,
    /// The paging token was not made by this listing.
    #[error("the specified value for `nextToken` isn't valid")]
    InvalidNextToken,
    /// There are as many shares, resources, principals or invitations as there may be.
    #[error("{what} exceed the limit of {limit}")]
    ShareLimit {
        /// What there would be too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A share has as many tags as it may have.
    #[error("a resource share has at most {limit} tags")]
    TagLimit {
        /// How many it may have.
        limit: usize,
    },
    /// The caller belongs to no account.
    #[error("the caller belongs to no account")]
    NoAccount,
    /// Another service refused what RAM asked of it on the caller's behalf.
    #[error("{message}")]
    Refused {
        /// That service's text.
        message: String,
    },
    /// Another service takes no calls now.
    #[error("the service is unavailable; try again later")]
    Unavailable,
    /// A bug or a damaged store; the cause is for the log.
    #[error("{what}")]
    Internal {
        /// What could not be done.
        what: &'static str,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl Error {
    /// A broken rule.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(message.into())
    }

    /// A call that is not possible here.
    pub(crate) fn not_permitted(message: impl Into<Cow<'static, str>>) -> Self {
        Self::NotPermitted(message.into())
    }

    /// A text that is not an ARN of the right kind.
    pub(crate) fn malformed_arn(arn: &str) -> Self {
        Self::MalformedArn {
            arn: arn.to_owned(),
        }
    }

    /// A share that is not there.
    pub(crate) fn unknown_share(arn: &str) -> Self {
        Self::Unknown {
            what: format!("ResourceShare {arn}"),
        }
    }

    /// A failure of our own making.
    pub(crate) fn internal(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            what,
            source: Some(source.into()),
        }
    }

    /// Why a call of another service on the caller's behalf failed.
    pub(crate) fn of_call(failure: Failure) -> Self {
        match failure.told() {
            FailedCall::Internal(source) => Self::Internal {
                what: "a call of another service failed",
                source,
            },
            FailedCall::Busy { .. } => Self::Unavailable,
            FailedCall::Denied { message } | FailedCall::Refused { message, .. } => {
                Self::Refused { message }
            }
        }
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::MalformedArn { .. }
            | Self::Invalid(_)
            | Self::InvalidResourceType { .. }
            | Self::MissingParameter(_)
            | Self::InvalidClientToken
            | Self::InvalidNextToken => ErrorKind::Validation,
            Self::Unknown { .. }
            | Self::ResourceNotFound { .. }
            | Self::InvitationNotFound { .. } => ErrorKind::NotFound,
            Self::AlreadyAccepted
            | Self::AlreadyRejected
            | Self::InvitationExpired
            | Self::TokenMismatch => ErrorKind::Conflict,
            Self::NotPermitted(_) | Self::Refused { .. } | Self::NoAccount => ErrorKind::Denied,
            Self::ShareLimit { .. } | Self::TagLimit { .. } => ErrorKind::LimitExceeded,
            Self::Unavailable => ErrorKind::Unavailable,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::MalformedArn { .. } => "MalformedArnException",
            Self::Unknown { .. } => "UnknownResourceException",
            Self::ResourceNotFound { .. } => "ResourceArnNotFoundException",
            Self::InvitationNotFound { .. } => "ResourceShareInvitationArnNotFoundException",
            Self::AlreadyAccepted => "ResourceShareInvitationAlreadyAcceptedException",
            Self::AlreadyRejected => "ResourceShareInvitationAlreadyRejectedException",
            Self::InvitationExpired => "ResourceShareInvitationExpiredException",
            Self::Invalid(_) => "InvalidParameterException",
            Self::InvalidResourceType { .. } => "InvalidResourceTypeException",
            Self::MissingParameter(_) => "MissingRequiredParameterException",
            Self::NotPermitted(_) | Self::Refused { .. } | Self::NoAccount => {
                "OperationNotPermittedException"
            }
            Self::TokenMismatch => "IdempotentParameterMismatchException",
            Self::InvalidClientToken => "InvalidClientTokenException",
            Self::InvalidNextToken => "InvalidNextTokenException",
            Self::ShareLimit { .. } => "ResourceShareLimitExceededException",
            Self::TagLimit { .. } => "TagLimitExceededException",
            Self::Unavailable => "ServiceUnavailableException",
            Self::Internal { .. } => "ServerInternalException",
        })
    }

    fn public_message(&self) -> String {
        match self {
            Self::Internal { .. } => "the request could not be processed; try again".to_owned(),
            Self::MalformedArn { .. }
            | Self::Unknown { .. }
            | Self::ResourceNotFound { .. }
            | Self::InvitationNotFound { .. }
            | Self::AlreadyAccepted
            | Self::AlreadyRejected
            | Self::InvitationExpired
            | Self::Invalid(_)
            | Self::InvalidResourceType { .. }
            | Self::MissingParameter(_)
            | Self::NotPermitted(_)
            | Self::TokenMismatch
            | Self::InvalidClientToken
            | Self::InvalidNextToken
            | Self::ShareLimit { .. }
            | Self::TagLimit { .. }
            | Self::NoAccount
            | Self::Unavailable
            | Self::Refused { .. } => self.to_string(),
        }
    }

    /// The model says 400 of whatever the caller can cause.
    fn status(&self) -> Option<u16> {
        match self.kind() {
            ErrorKind::Internal => Some(500),
            ErrorKind::Unavailable => Some(503),
            ErrorKind::Validation
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Denied
            | ErrorKind::Unauthenticated
            | ErrorKind::LimitExceeded
            | ErrorKind::Throttled
            | ErrorKind::Unsupported => Some(400),
        }
    }
}

impl From<MissingPart> for Error {
    fn from(missing: MissingPart) -> Self {
        Self::internal("a part of the server is missing", missing)
    }
}
