//! How operations on feature groups and records fail, with the codes of both planes.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use pipeline::{FailedCall, Failure, MissingPart};
use types::{ErrorKind, ServiceError};

/// A call that cannot be answered, with the codes of the control plane.
///
/// `Display` is the text for the caller, except for [`Error::Internal`] and
/// [`Error::Online`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks a rule that the service model does not express.
    #[error("Validation Error: {0}")]
    Validation(Cow<'static, str>),
    /// The same with a text that AWS fixes.
    #[error("{0}")]
    Plain(String),
    /// No feature group has this name.
    #[error("Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}")]
    GroupNotFound {
        /// What the caller sent.
        name: String,
    },
    /// The group has no such feature.
    #[error("Resource Not Found: the feature group {group} has no feature with name {name}")]
    FeatureNotFound {
        /// The group.
        group: String,
        /// What the caller sent.
        name: String,
    },
    /// There is no such record to change.
    #[error("Resource Not Found: the online store of feature group {group} has no such record")]
    RecordNotFound {
        /// The group.
        group: String,
    },
    /// The record has a later event time than the change.
    #[error("the event time of the update is earlier than that of the stored record")]
    StaleUpdate,
    /// The name is taken.
    #[error(
        "Resource Already Exists: FeatureGroup with name {name} already exists. Choose a \
         different name.\nInfo: Feature Group '{name}' already exists."
    )]
    GroupExists {
        /// The name.
        name: String,
    },
    /// The account would have more in the region than it may have.
    #[error(
        "The account-level service limit '{name}' is {limit} {unit}, with current utilization \
         of {used} {unit} and a request delta of {asked} {unit}. Please use AWS Service Quotas \
         to request an increase for this quota. If AWS Service Quotas is not available, contact \
         AWS support to request an increase for this quota."
    )]
    Quota {
        /// What the quota is called.
        name: Cow<'static, str>,
        /// What is counted.
        unit: &'static str,
        /// How many it may have.
        limit: u64,
        /// How many it has.
        used: u64,
        /// How many the call would add.
        asked: u64,
    },
    /// A group has as many features as it may have.
    #[error("a feature group has at most {limit} features")]
    FeatureLimit {
        /// How many it may have.
        limit: usize,
    },
    /// What was met is newer than what the call sees.
    #[error("the feature group has changed meanwhile")]
    Outdated,
    /// The account has asked too often.
    #[error("Rate exceeded")]
    Throttled,
    /// KMS does not let the group's key be used, in KMS's words.
    #[error("{code}: {message}")]
    Key {
        /// KMS's code.
        code: Cow<'static, str>,
        /// KMS's text.
        message: String,
    },
    /// KMS denied the caller, although the same was allowed a moment before.
    #[error("{message}")]
    KeyDenied {
        /// KMS's text.
        message: String,
    },
    /// KMS, or what holds the key, takes no more calls now or cannot be reached.
    #[error("{code}: {message}")]
    KeyBusy {
        /// Whether too many calls are made.
        throttled: bool,
        /// KMS's code.
        code: Cow<'static, str>,
        /// KMS's text.
        message: String,
    },
    /// The group's throughput is exceeded.
    #[error("{message}")]
    OverThroughput {
        /// What is exceeded.
        message: String,
    },
    /// The caller belongs to no account, but the call is about the caller's account.
    #[error("the caller belongs to no account")]
    NoAccount,
    /// Too much waits for the offline stores.
    #[error(
        "the offline stores cannot be written: {bytes} bytes of the account wait for them, and \
         there is no room for more"
    )]
    OutboxFull {
        /// What waits of the account.
        bytes: u64,
    },
    /// The online store failed.
    #[error("the online store failed")]
    Online(#[from] online::Error),
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

/// The same with the codes of the runtime.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RuntimeError(#[from] pub Error);

impl Error {
    /// A broken rule.
    pub(crate) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Validation(message.into())
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

    /// What must never be, without another error behind it.
    pub(crate) fn broken(what: &'static str) -> Self {
        Self::Internal { what, source: None }
    }

    /// Why KMS does not let a key be used.
    pub(crate) fn of_key(error: kms::Error) -> Self {
        Self::of_failure("the state of a key cannot be told", Failure::of(error))
    }

    /// Why a call of KMS on the caller's behalf failed.
    pub(crate) fn of_key_call(failure: Failure) -> Self {
        Self::of_failure("a call of KMS failed", failure)
    }

    /// `what` could not be done, if it is a failure of our own making.
    fn of_failure(what: &'static str, failure: Failure) -> Self {
        match failure.told() {
            FailedCall::Internal(source) => Self::Internal { what, source },
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

    /// Whether the same call may succeed when it is made again later.
    pub(crate) fn is_for_now(&self) -> bool {
        matches!(self, Self::OverThroughput { .. } | Self::KeyBusy { .. })
    }

    /// For operations whose model has no "not found": AWS answers with a broken rule and the
    /// same text.
    pub(crate) fn not_found_undeclared(name: &str) -> Self {
        let text = Self::GroupNotFound {
            name: name.to_owned(),
        };
        Self::Plain(text.to_string())
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Validation(_) | Self::Plain(_) | Self::Key { .. } => ErrorKind::Validation,
            Self::GroupNotFound { .. }
            | Self::FeatureNotFound { .. }
            | Self::RecordNotFound { .. } => ErrorKind::NotFound,
            Self::GroupExists { .. } | Self::StaleUpdate => ErrorKind::Conflict,
            Self::Quota { .. } | Self::FeatureLimit { .. } => ErrorKind::LimitExceeded,
            Self::KeyDenied { .. } | Self::NoAccount => ErrorKind::Denied,
            Self::Throttled
            | Self::OverThroughput { .. }
            | Self::KeyBusy {
                throttled: true, ..
            } => ErrorKind::Throttled,
            Self::Outdated | Self::KeyBusy { .. } | Self::OutboxFull { .. } => {
                ErrorKind::Unavailable
            }
            Self::Online(error) => error.kind(),
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Validation(_) | Self::Plain(_) | Self::Key { .. } => "ValidationException",
            Self::GroupNotFound { .. }
            | Self::FeatureNotFound { .. }
            | Self::RecordNotFound { .. } => "ResourceNotFound",
            Self::StaleUpdate => "ConflictException",
            Self::GroupExists { .. } => "ResourceInUse",
            Self::Quota { .. } | Self::FeatureLimit { .. } => "ResourceLimitExceeded",
            Self::KeyDenied { .. } | Self::NoAccount => "AccessDeniedException",
            Self::Throttled
            | Self::OverThroughput { .. }
            | Self::KeyBusy {
                throttled: true, ..
            } => "ThrottlingException",
            Self::Outdated | Self::KeyBusy { .. } | Self::OutboxFull { .. } => "ServiceUnavailable",
            Self::Online(error) => of_the_store(error),
            Self::Internal { .. } => "InternalFailure",
        })
    }

    fn public_message(&self) -> String {
        match self {
            Self::Online(_) | Self::Internal { .. } => {
                "the request could not be processed; try again".to_owned()
            }
            Self::Validation(_)
            | Self::Plain(_)
            | Self::GroupNotFound { .. }
            | Self::FeatureNotFound { .. }
            | Self::RecordNotFound { .. }
            | Self::StaleUpdate
            | Self::GroupExists { .. }
            | Self::Quota { .. }
            | Self::FeatureLimit { .. }
            | Self::Throttled
            | Self::Outdated
            | Self::Key { .. }
            | Self::KeyDenied { .. }
            | Self::KeyBusy { .. }
            | Self::OverThroughput { .. }
            | Self::OutboxFull { .. }
            | Self::NoAccount => self.to_string(),
        }
    }

    /// The control plane answers every failure of the caller's with 400.
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

impl ServiceError for RuntimeError {
    fn kind(&self) -> ErrorKind {
        if matches!(self.0, Error::Key { .. }) {
            ErrorKind::Denied
        } else if matches!(self.0, Error::KeyBusy { .. }) {
            ErrorKind::Unavailable
        } else {
            self.0.kind()
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match &self.0 {
            Error::Validation(_)
            | Error::Plain(_)
            | Error::GroupExists { .. }
            | Error::Quota { .. }
            | Error::FeatureLimit { .. } => "ValidationError",
            Error::GroupNotFound { .. }
            | Error::FeatureNotFound { .. }
            | Error::RecordNotFound { .. } => "ResourceNotFound",
            Error::StaleUpdate => "ConflictException",
            // A key that cannot be used forbids access, whoever asks.
            Error::Key { .. } | Error::KeyDenied { .. } | Error::NoAccount => "AccessForbidden",
            Error::OverThroughput { .. } => "ThrottlingException",
            // The runtime's own error for what can be tried again.
            Error::Throttled
            | Error::Outdated
            | Error::KeyBusy { .. }
            | Error::OutboxFull { .. } => "ServiceUnavailable",
            Error::Online(error) => of_the_store(error),
            Error::Internal { .. } => "InternalFailure",
        })
    }

    fn public_message(&self) -> String {
        self.0.public_message()
    }

    fn status(&self) -> Option<u16> {
        Some(match &*self.code() {
            "ResourceNotFound" => 404,
            "AccessForbidden" => 403,
            "ConflictException" => 409,
            "ThrottlingException" => 429,
            "InternalFailure" => 500,
            "ServiceUnavailable" => 503,
            _ => 400,
        })
    }
}

fn of_the_store(error: &online::Error) -> &'static str {
    match error.kind() {
        ErrorKind::Unavailable => "ServiceUnavailable",
        ErrorKind::Validation
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Denied
        | ErrorKind::Unauthenticated
        | ErrorKind::LimitExceeded
        | ErrorKind::Throttled
        | ErrorKind::Unsupported
        | ErrorKind::Internal => "InternalFailure",
    }
}

impl From<MissingPart> for Error {
    fn from(missing: MissingPart) -> Self {
        Self::internal("a part of the server is missing", missing)
    }
}

impl From<online::Error> for RuntimeError {
    fn from(error: online::Error) -> Self {
        Self(Error::Online(error))
    }
}

impl From<MissingPart> for RuntimeError {
    fn from(missing: MissingPart) -> Self {
        Self(missing.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_kms(kind: ErrorKind, code: &'static str) -> Error {
        Error::of_key_call(Failure {
            kind,
            code: Cow::Borrowed(code),
            message: "said KMS".to_owned(),
            status: None,
            reason: None,
            denial: None,
            source: None,
        })
    }

    fn check(kind: ErrorKind, code: &'static str, control: (&str, u16), record: (&str, u16)) {
        let (error, runtime) = (of_kms(kind, code), RuntimeError(of_kms(kind, code)));
        let shown = (error.code(), error.status().unwrap());
        assert_eq!((&*shown.0, shown.1), control, "{code}");
        let shown = (runtime.code(), runtime.status().unwrap());
        assert_eq!((&*shown.0, shown.1), record, "{code}");
    }

    #[test]
    fn what_kms_may_do_later_is_to_be_tried_again() {
        check(
            ErrorKind::Throttled,
            "ThrottlingException",
            ("ThrottlingException", 400),
            ("ServiceUnavailable", 503),
        );
        for code in ["KeyUnavailableException", "DependencyTimeoutException"] {
            check(
                ErrorKind::Unavailable,
                code,
                ("ServiceUnavailable", 503),
                ("ServiceUnavailable", 503),
            );
        }
        let busy = of_kms(ErrorKind::Unavailable, "KeyUnavailableException");
        assert!(busy.is_for_now());
        assert_eq!(busy.public_message(), "KeyUnavailableException: said KMS");
    }

    #[test]
    fn what_kms_will_not_do_forbids_access_to_records() {
        let code = "DisabledException";
        check(
            ErrorKind::Validation,
            code,
            ("ValidationException", 400),
            ("AccessForbidden", 403),
        );
        assert!(!of_kms(ErrorKind::Validation, code).is_for_now());
    }
}
