//! Why a request is not authenticated, and how each protocol says so.
//!
//! Codes and statuses differ by protocol at AWS, not by failure alone:
//!
//! | failure | JSON 1.1 (400) | REST-JSON (403) | Query |
//! |---|---|---|---|
//! | none given | `MissingAuthenticationTokenException` | same | `MissingAuthenticationToken` 403 |
//! | not readable | `IncompleteSignatureException` | same | `IncompleteSignature` 400 |
//! | wrong, unsigned, out of time | `InvalidSignatureException` | same | `SignatureDoesNotMatch` 403 |
//! | unknown key or token | `UnrecognizedClientException` | same | `InvalidClientTokenId` 403 |
//! | expired token | `ExpiredTokenException` | same | `ExpiredToken` 403 |
//! | signed for S3 | `NotImplemented` 501 | same | same |
//!
//! Unlike AWS, no text carries the canonical request or the signature that we expected.
#![deny(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use types::{ErrorKind, Timestamp};

use super::scope::{BAD_REGION, BAD_SERVICE};
use crate::{Protocol, Refusal};

/// A request that is not authenticated.
///
/// The texts are AWS's where AWS fixes one; they quote nothing that could be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The request carries no signature.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// Something that decides who calls was given more than once.
    #[error("the request has more than one {0}")]
    Ambiguous(&'static str),
    /// The signature's parts are missing or cannot be read.
    #[error("{0}")]
    Incomplete(&'static str),
    /// The `Host` header is not among the signed headers.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    UnsignedHost,
    /// A header that decides what happens is not among the signed headers.
    #[error("There were headers present in the request which were not signed: {0}")]
    UnsignedHeader(String),
    /// A header is named as signed but absent.
    #[error("a signed header is not part of the request")]
    SignedHeaderMissing,
    /// The credential scope does not fit the request.
    #[error("{0}")]
    Scope(&'static str),
    /// The credential scope names a service that is not here; AWS may have it.
    #[error("{} The service `{}` is not available in this deployment.", BAD_SERVICE, .0)]
    NoService(String),
    /// The request is signed for S3, which has no endpoint here.
    #[error("S3 has no endpoint in this deployment: buckets are set up with `strongroom bucket`")]
    NoEndpoint,
    /// The day of the credential scope is not the day of the request's date.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
    )]
    ScopeDate,
    /// The request was signed too long ago.
    #[error(
        "Signature expired: {} is now earlier than {} ({} - {} min.)",
        at.to_basic_iso8601(), now.saturating_sub(*skew).to_basic_iso8601(),
        now.to_basic_iso8601(), skew.as_secs() / 60
    )]
    Expired {
        /// When it was signed.
        at: Timestamp,
        /// The server's time.
        now: Timestamp,
        /// The allowed difference.
        skew: Duration,
    },
    /// The request claims to be signed in the future.
    #[error(
        "Signature not yet current: {} is still later than {} ({} + {} min.)",
        at.to_basic_iso8601(), now.saturating_add(*skew).to_basic_iso8601(),
        now.to_basic_iso8601(), skew.as_secs() / 60
    )]
    NotYetCurrent {
        /// When it claims to be signed.
        at: Timestamp,
        /// The server's time.
        now: Timestamp,
        /// The allowed difference.
        skew: Duration,
    },
    /// The life of a presigned request is over.
    #[error(
        "Signature expired: {} is now earlier than {}",
        end.to_basic_iso8601(), now.to_basic_iso8601()
    )]
    PresignExpired {
        /// When it ended.
        end: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// `x-amz-content-sha256` is no SHA-256 of a body; no form without one is accepted.
    #[error("The value of x-amz-content-sha256 is invalid.")]
    PayloadForm,
    /// `x-amz-content-sha256` is not the hash of the body.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    PayloadHash,
    /// The signature is not the one of this request under this key.
    #[error(
        "The request signature we calculated does not match the signature you provided. \
         Check your AWS Secret Access Key and signing method. \
         Consult the service documentation for details."
    )]
    Mismatch,
    /// The access key is unknown or inactive, or the session token is not its own.
    #[error("The security token included in the request is invalid.")]
    UnrecognizedClient,
    /// The session token has expired.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
}

/// The rows of the table above.
#[derive(Clone, Copy)]
enum Class {
    Missing,
    Incomplete,
    Signature,
    Client,
    Token,
    Endpoint,
}

impl AuthError {
    /// The refusal of a scope whose region does not exist here.
    pub fn wrong_region() -> Self {
        Self::Scope(BAD_REGION)
    }

    /// The refusal of a scope whose service is not the one that the request addresses.
    pub(crate) fn wrong_service() -> Self {
        Self::Scope(BAD_SERVICE)
    }

    /// The refusal of a scope whose service, a label of at most 64 characters, is not here.
    pub(crate) fn no_service(name: &str) -> Self {
        Self::NoService(name.to_owned())
    }

    fn class(&self) -> Class {
        match self {
            Self::Missing => Class::Missing,
            Self::Ambiguous(_) | Self::Incomplete(_) => Class::Incomplete,
            Self::UnsignedHost
            | Self::UnsignedHeader(_)
            | Self::SignedHeaderMissing
            | Self::Scope(_)
            | Self::NoService(_)
            | Self::ScopeDate
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::PresignExpired { .. }
            | Self::PayloadForm
            | Self::PayloadHash
            | Self::Mismatch => Class::Signature,
            Self::UnrecognizedClient => Class::Client,
            Self::ExpiredToken => Class::Token,
            Self::NoEndpoint => Class::Endpoint,
        }
    }

    /// Always [`ErrorKind::Unauthenticated`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unauthenticated
    }

    /// The code of AWS in `protocol`.
    pub fn code(&self, protocol: Protocol) -> &'static str {
        match (self.class(), protocol) {
            (Class::Endpoint, _) => "NotImplemented",
            (Class::Missing, Protocol::Query) => "MissingAuthenticationToken",
            (Class::Incomplete, Protocol::Query) => "IncompleteSignature",
            (Class::Signature, Protocol::Query) => "SignatureDoesNotMatch",
            (Class::Client, Protocol::Query) => "InvalidClientTokenId",
            (Class::Token, Protocol::Query) => "ExpiredToken",
            (Class::Missing, Protocol::Json | Protocol::RestJson) => {
                "MissingAuthenticationTokenException"
            }
            (Class::Incomplete, Protocol::Json | Protocol::RestJson) => {
                "IncompleteSignatureException"
            }
            (Class::Signature, Protocol::Json | Protocol::RestJson) => "InvalidSignatureException",
            (Class::Client, Protocol::Json | Protocol::RestJson) => "UnrecognizedClientException",
            (Class::Token, Protocol::Json | Protocol::RestJson) => "ExpiredTokenException",
        }
    }

    /// The HTTP status of AWS in `protocol`.
    pub fn status(&self, protocol: Protocol) -> u16 {
        match (self.class(), protocol) {
            (Class::Endpoint, _) => 501,
            (_, Protocol::Json) | (Class::Incomplete, Protocol::Query) => 400,
            (_, Protocol::RestJson)
            | (Class::Missing | Class::Signature | Class::Client | Class::Token, Protocol::Query) => {
                403
            }
        }
    }

    /// The text that the caller may see.
    pub fn public_message(&self) -> String {
        self.to_string()
    }

    /// What `wire` answers with.
    pub fn refusal(&self, protocol: Protocol) -> Refusal {
        Refusal {
            kind: self.kind(),
            code: self.code(protocol).into(),
            message: self.public_message(),
            status: Some(self.status(protocol)),
            reason: None,
        }
    }
}
