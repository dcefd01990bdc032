//! How operations on buckets fail, with S3's codes.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use pipeline::{FailedCall, Failure, MissingPart};
use types::{ErrorKind, ServiceError};

/// A call that cannot be answered. `Display` is the text for the caller, except for
/// [`Error::Internal`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No bucket has this name.
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    /// Another account has a bucket of this name.
    #[error(
        "The requested bucket name is not available. The bucket namespace is shared by all users \
         of the system. Please select a different name and try again."
    )]
    BucketExists,
    /// The account has a bucket of this name.
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketOwned,
    /// No bucket may have this name.
    #[error("The specified bucket is not valid.")]
    BucketName,
    /// The account has as many buckets as it may have.
    #[error("You have attempted to create more buckets than allowed")]
    TooManyBuckets,
    /// The document is no policy of the bucket.
    #[error("{0}")]
    MalformedPolicy(String),
    /// The bucket has no policy.
    #[error("The bucket policy does not exist")]
    NoPolicy,
    /// An argument is none that S3 takes.
    #[error("{0}")]
    Argument(Cow<'static, str>),
    /// The bucket is in another region.
    #[error(
        "The bucket you are attempting to access must be addressed using the specified endpoint. \
         It is in {region}."
    )]
    OtherRegion {
        /// The bucket's region.
        region: String,
    },
    /// Another account owns the bucket than the caller expects.
    #[error("Access Denied: the bucket belongs to another account than the one that is expected")]
    OtherOwner,
    /// Objects whose owner is the bucket's have no ACL.
    #[error("The bucket does not allow ACLs")]
    NoAcl,
    /// KMS does not let the key be used, in KMS's words.
    #[error("{message}")]
    Key {
        /// KMS's code.
        code: Cow<'static, str>,
        /// KMS's text.
        message: String,
    },
    /// KMS denied the caller.
    #[error("{message}")]
    KeyDenied {
        /// KMS's text.
        message: String,
    },
    /// KMS, or what holds the key, takes no more calls now or cannot be reached.
    #[error("{message}")]
    KeyBusy {
        /// Whether too many calls are made.
        throttled: bool,
        /// KMS's code.
        code: Cow<'static, str>,
        /// KMS's text.
        message: String,
    },
    /// The caller belongs to no account.
    #[error("the caller belongs to no account")]
    NoAccount,
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

    /// Why a call of KMS on the caller's behalf failed.
    pub(crate) fn of_key_call(failure: Failure) -> Self {
        match failure.told() {
            FailedCall::Internal(source) => Self::Internal {
                what: "a call of KMS failed",
                source,
            },
            FailedCall::Denied { message } => Self::KeyDenied { message },
            FailedCall::Busy {
                throttled,
                code,
                message,
            } => Self::KeyBusy {
                throttled,
                code,
                message,
            },
            FailedCall::Refused { code, message } => Self::Key { code, message },
        }
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchBucket | Self::NoPolicy => ErrorKind::NotFound,
            Self::BucketExists | Self::BucketOwned => ErrorKind::Conflict,
            Self::TooManyBuckets => ErrorKind::LimitExceeded,
            Self::BucketName
            | Self::MalformedPolicy(_)
            | Self::Argument(_)
            | Self::OtherRegion { .. }
            | Self::NoAcl
            | Self::Key { .. } => ErrorKind::Validation,
            Self::KeyDenied { .. } | Self::OtherOwner | Self::NoAccount => ErrorKind::Denied,
            Self::KeyBusy {
                throttled: true, ..
            } => ErrorKind::Throttled,
            Self::KeyBusy { .. } => ErrorKind::Unavailable,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoSuchBucket => "NoSuchBucket",
            Self::BucketExists => "BucketAlreadyExists",
            Self::BucketOwned => "BucketAlreadyOwnedByYou",
            Self::BucketName => "InvalidBucketName",
            Self::TooManyBuckets => "TooManyBuckets",
            Self::MalformedPolicy(_) => "MalformedPolicy",
            Self::NoPolicy => "NoSuchBucketPolicy",
            Self::Argument(_) => "InvalidArgument",
            Self::OtherRegion { .. } => "PermanentRedirect",
            Self::NoAcl => "AccessControlListNotSupported",
            Self::Key { code, .. } | Self::KeyBusy { code, .. } => {
                return Cow::Owned(format!("KMS.{code}"));
            }
            Self::KeyDenied { .. } | Self::OtherOwner | Self::NoAccount => "AccessDenied",
            Self::Internal { .. } => "InternalError",
        })
    }

    fn public_message(&self) -> String {
        match self {
            Self::Internal { .. } => {
                "We encountered an internal error. Please try again.".to_owned()
            }
            Self::NoSuchBucket
            | Self::BucketExists
            | Self::BucketOwned
            | Self::BucketName
            | Self::TooManyBuckets
            | Self::MalformedPolicy(_)
            | Self::NoPolicy
            | Self::Argument(_)
            | Self::OtherRegion { .. }
            | Self::OtherOwner
            | Self::NoAcl
            | Self::Key { .. }
            | Self::KeyDenied { .. }
            | Self::KeyBusy { .. }
            | Self::NoAccount => self.to_string(),
        }
    }
}

impl From<MissingPart> for Error {
    fn from(missing: MissingPart) -> Self {
        Self::internal("a part of the server is missing", missing)
    }
}
