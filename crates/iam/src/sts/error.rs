//! How calls of STS fail: beside IAM's own ways, with STS's codes and texts.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use pipeline::MissingPart;
use policy::ParseError;
use types::{ErrorKind, ServiceError};

use super::web_identity;

/// A failure of STS, with AWS's code and text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// As IAM fails.
    #[error(transparent)]
    Iam(#[from] crate::Error),
    /// The token of an identity provider is not accepted.
    #[error(transparent)]
    WebIdentity(#[from] web_identity::Error),
    /// The server was composed without a part that STS needs.
    #[error("session tokens cannot be sealed")]
    Part(#[from] MissingPart),
    /// What a token says could not be written.
    #[error("the session token could not be written")]
    Token(#[source] serde_json::Error),
    /// The root user assumes no role.
    #[error("the root user may not assume a role")]
    RootUser,
    /// The caller may not do this, for a reason that no policy decides.
    #[error("the caller may not {action} on `{resource}`")]
    NotAuthorized {
        /// The caller, as denials name it.
        caller: String,
        /// What for.
        action: &'static str,
        /// On what.
        resource: String,
    },
    /// No caller has a device for a second factor.
    #[error("there is no device for a second factor")]
    NoDevice,
    /// What was given as the ARN of a role is none.
    #[error("`{value}` is not the ARN of a role")]
    NotARole {
        /// The text that was given.
        value: String,
    },
    /// The session would last longer than the role's sessions may.
    #[error("the session would last longer than the role's sessions may")]
    BeyondRole,
    /// The session of a session would last longer than an hour.
    #[error("the session of a session would last longer than an hour")]
    BeyondChaining,
    /// A session asks for what only long-term credentials may.
    #[error("the credentials are those of a session")]
    NotLongTerm,
    /// No account here has the access key.
    #[error("no account has the access key")]
    UnknownKey,
    /// The session policy is refused.
    #[error("the session policy is malformed")]
    MalformedPolicy(#[source] ParseError),
    /// Session policies and tags are larger than a session may carry.
    #[error("session policies and tags take {percent} % of their space")]
    TooLarge {
        /// How much of the space they would take.
        percent: usize,
    },
    /// More managed session policies than ten.
    #[error("{0} managed session policies are too many")]
    TooManyPolicies(usize),
    /// A managed session policy that does not exist, or not in the account of the session.
    #[error("`{arn}` is not a policy of the session's account")]
    NoSuchPolicy {
        /// What was given.
        arn: String,
    },
    /// Two session tags with the same key.
    #[error("a session tag appears twice")]
    DuplicateTags,
    /// A session tag that only AWS may set, or a source identity of that form.
    #[error("`{0}` is reserved")]
    Reserved(String),
    /// A transitive key that is no session tag's.
    #[error("a transitive key is not among the session tags")]
    TransitiveWithoutTag,
    /// A session tag that the calling session hands down already.
    #[error("a session tag is inherited already")]
    Inherited,
    /// An authorization message that does not open here.
    #[error("the authorization message does not open")]
    InvalidMessage,
    /// A parameter that cannot be honoured.
    #[error("the parameter {0} is not supported")]
    Unsupported(&'static str),
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Iam(error) => error.kind(),
            Self::WebIdentity(error) => error.kind(),
            Self::Part(_) | Self::Token(_) => ErrorKind::Internal,
            Self::RootUser | Self::NotLongTerm | Self::NotAuthorized { .. } | Self::NoDevice => {
                ErrorKind::Denied
            }
            Self::NotARole { .. }
            | Self::BeyondRole
            | Self::BeyondChaining
            | Self::UnknownKey
            | Self::MalformedPolicy(_)
            | Self::TooLarge { .. }
            | Self::TooManyPolicies(_)
            | Self::NoSuchPolicy { .. }
            | Self::DuplicateTags
            | Self::Reserved(_)
            | Self::TransitiveWithoutTag
            | Self::Inherited
            | Self::InvalidMessage
            | Self::Unsupported(_) => ErrorKind::Validation,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Iam(error) => return error.code(),
            Self::WebIdentity(error) => return error.code(),
            Self::Part(_) | Self::Token(_) => "InternalFailure",
            Self::RootUser | Self::NotLongTerm | Self::NotAuthorized { .. } | Self::NoDevice => {
                crate::ops::ACCESS_DENIED
            }
            Self::NotARole { .. }
            | Self::BeyondRole
            | Self::BeyondChaining
            | Self::UnknownKey
            | Self::TooManyPolicies(_)
            | Self::NoSuchPolicy { .. }
            | Self::Reserved(_)
            | Self::Unsupported(_) => "ValidationError",
            Self::MalformedPolicy(_) => "MalformedPolicyDocument",
            Self::TooLarge { .. } => "PackedPolicyTooLarge",
            Self::InvalidMessage => "InvalidAuthorizationMessageException",
            Self::DuplicateTags | Self::TransitiveWithoutTag | Self::Inherited => {
                "InvalidParameterValue"
            }
        })
    }

    fn public_message(&self) -> String {
        let text = match self {
            Self::Iam(error) => return error.public_message(),
            Self::WebIdentity(error) => return error.public_message(),
            Self::MalformedPolicy(source) => return source.aws_message(),
            Self::Part(_) | Self::Token(_) => {
                "the request processing has failed because of an unknown error"
            }
            Self::RootUser => "Roles may not be assumed by root accounts.",
            Self::NotAuthorized {
                caller,
                action,
                resource,
            } => {
                return policy::denial_message_without_reason(caller, action, Some(resource));
            }
            Self::NoDevice => {
                "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify \
                 your MFA serial number is valid and associated with this user."
            }
            Self::NotARole { value } => return format!("{value} is invalid"),
            Self::BeyondRole => {
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            }
            Self::BeyondChaining => {
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed \
                 by role chaining"
            }
            Self::NotLongTerm => "Only long-term credentials may make this call",
            Self::UnknownKey => "The access key ID is invalid",
            Self::TooLarge { percent } => {
                return format!(
                    "Packed policy consumes {percent}% of allotted space, please use smaller policy."
                );
            }
            Self::TooManyPolicies(_) => "a session has at most 10 managed session policies",
            Self::NoSuchPolicy { arn } => {
                return format!("Policy {arn} does not exist or is not attachable.");
            }
            Self::DuplicateTags => {
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            }
            Self::Reserved(name) => {
                return format!("`{name}` begins with the reserved prefix aws:");
            }
            Self::TransitiveWithoutTag => {
                "The specified transitive tag key must be included in the requested tags."
            }
            Self::Inherited => {
                "One of the specified transitive tag keys can't be set because it conflicts with \
                 a transitive tag key from the calling session."
            }
            Self::InvalidMessage => "The encoded message is invalid or has expired",
            Self::Unsupported(name) => return format!("the parameter {name} is not supported"),
        };
        text.to_owned()
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Iam(error) => error.status(),
            Self::WebIdentity(error) => error.status(),
            Self::Part(_) | Self::Token(_) => Some(500),
            Self::RootUser | Self::NotLongTerm | Self::NotAuthorized { .. } | Self::NoDevice => {
                Some(403)
            }
            Self::NotARole { .. }
            | Self::BeyondRole
            | Self::BeyondChaining
            | Self::UnknownKey
            | Self::MalformedPolicy(_)
            | Self::TooLarge { .. }
            | Self::TooManyPolicies(_)
            | Self::NoSuchPolicy { .. }
            | Self::DuplicateTags
            | Self::Reserved(_)
            | Self::TransitiveWithoutTag
            | Self::Inherited
            | Self::InvalidMessage
            | Self::Unsupported(_) => Some(400),
        }
    }
}
