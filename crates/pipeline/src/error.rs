//! How a call fails, without the type of the operation's own error.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use store::CommitError;
use types::{ErrorKind, Principal, Service, ServiceError};

/// A need that the policies refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The action, as `service:Operation`.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// AWS's message: who may not do what, on what, and which kind of policy decided.
    pub message: String,
    /// Who was denied.
    pub(crate) principal: Box<Principal>,
    /// Whether a Deny of the caller's own side decided; never told of other accounts' policies.
    pub(crate) explicit: bool,
    /// For the audit record: what decided, where the call is recorded.
    pub(crate) decision: Option<serde_json::Value>,
    /// The service that needed it on the caller's behalf.
    pub(crate) via: Option<Service>,
}

impl Denial {
    /// Who was denied.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether a matching Deny decided, as far as the caller's account may know.
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }

    /// What decided, as the audit record says it; data calls have no such record.
    pub fn decided_by(&self) -> Option<&serde_json::Value> {
        self.decision.as_ref()?.get("decidedBy")
    }
}

/// A call that did not succeed; `wire` turns it into the protocol's error body.
#[derive(Debug)]
pub struct Failure {
    /// The kind.
    pub kind: ErrorKind,
    /// AWS's error code.
    pub code: Cow<'static, str>,
    /// The text for the caller.
    pub message: String,
    /// The HTTP status, where it is fixed.
    pub status: Option<u16>,
    /// The error's `Reason`, where it has one.
    pub reason: Option<&'static str>,
    /// The denied need, if that is why.
    pub denial: Option<Box<Denial>>,
    /// What really happened, for the log; never for the caller.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// The failure for a denied need.
    pub(crate) fn denied(denial: Denial) -> Self {
        Self {
            kind: ErrorKind::Denied,
            code: Cow::Borrowed("AccessDeniedException"),
            message: denial.message.clone(),
            status: None,
            reason: None,
            denial: Some(Box::new(denial)),
            source: None,
        }
    }

    /// A failure of our own making: the caller learns nothing but that.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            kind: ErrorKind::Internal,
            code: Cow::Borrowed("InternalFailure"),
            message: "the request processing has failed because of an unknown error".to_owned(),
            status: None,
            reason: None,
            denial: None,
            source: Some(source.into()),
        }
    }

    /// The failure of a call beyond what its caller may make in a second, as AWS words it.
    pub(crate) fn throttled() -> Self {
        Self {
            kind: ErrorKind::Throttled,
            code: Cow::Borrowed("ThrottlingException"),
            message: "Rate exceeded".to_owned(),
            status: None,
            reason: None,
            denial: None,
            source: None,
        }
    }

    /// The failure of a call whose account has written all it may in a day.
    pub(crate) fn over_budget() -> Self {
        Self {
            message: "Rate exceeded: the account has written as much as it may in a day".to_owned(),
            ..Self::throttled()
        }
    }

    /// The failure of a call whose every attempt lost to others that changed the same, with the
    /// code that AWS's model has for that: `ConcurrentModification` (IAM) or
    /// `ConcurrentModificationException` (Organizations) where the operation declares it, and
    /// `KMSInternalException`, which is retried, of KMS. Services without one are too busy, which
    /// RAM calls `ServiceUnavailableException`.
    pub(crate) fn lost_to_others(service: Service, operation: &str) -> Self {
        const CODES: [&str; 4] = [
            "ConcurrentModification",
            "ConcurrentModificationException",
            "KMSInternalException",
            "ServiceUnavailableException",
        ];
        let busy = Self::from(CommitError::Conflict);
        let declared = shapes::operation(service, operation).map_or(&[][..], |known| known.errors);
        let mut codes = declared.iter().map(|error| error.code);
        let Some(code) = codes.find(|code| CODES.contains(code)) else {
            return busy;
        };
        let kind = match code {
            "KMSInternalException" | "ServiceUnavailableException" => ErrorKind::Unavailable,
            _ => ErrorKind::Conflict,
        };
        Self {
            kind,
            code: Cow::Borrowed(code),
            ..busy
        }
    }

    /// An operation's own error.
    pub fn of<E: ServiceError>(error: E) -> Self {
        Self {
            kind: error.kind(),
            code: error.code(),
            message: error.public_message(),
            status: error.status(),
            reason: error.reason(),
            denial: None,
            source: Some(Box::new(error)),
        }
    }
}

/// What a service that made a call on a caller's behalf tells that caller of its failure; made by
/// [`Failure::told`], so that every service sorts failures alike.
#[derive(Debug)]
pub enum FailedCall {
    /// A failure of our own making; the cause is for the log.
    Internal(Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The caller may not, in the called service's words.
    Denied {
        /// The text.
        message: String,
    },
    /// The called service, or what it depends on, takes no more calls now or cannot be reached:
    /// the same call may succeed later.
    Busy {
        /// Whether too many calls are made.
        throttled: bool,
        /// The code.
        code: Cow<'static, str>,
        /// The text.
        message: String,
    },
    /// The called service refuses, and would again.
    Refused {
        /// The code.
        code: Cow<'static, str>,
        /// The text.
        message: String,
    },
}

impl Failure {
    /// What the caller is told if this happened to a call on its behalf.
    pub fn told(self) -> FailedCall {
        let Self {
            kind,
            code,
            message,
            source,
            ..
        } = self;
        match kind {
            ErrorKind::Internal => FailedCall::Internal(source),
            ErrorKind::Denied | ErrorKind::Unauthenticated => FailedCall::Denied { message },
            ErrorKind::Throttled | ErrorKind::Unavailable => FailedCall::Busy {
                throttled: kind == ErrorKind::Throttled,
                code,
                message,
            },
            ErrorKind::Validation
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::LimitExceeded
            | ErrorKind::Unsupported => FailedCall::Refused { code, message },
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        let (code, message) = match &error {
            CommitError::Conflict => (
                "ServiceUnavailable",
                "the request kept conflicting with others; try again",
            ),
            CommitError::NotWritable { .. } | CommitError::Busy | CommitError::ShuttingDown => (
                "ServiceUnavailable",
                "the service cannot accept changes now; try again later",
            ),
            CommitError::Unknown { .. } => {
                ("InternalFailure", "the outcome of the request is unknown")
            }
            CommitError::Damaged { .. } => ("InternalFailure", "stored data is damaged"),
            CommitError::TooLarge => (
                "ValidationException",
                "the request changes more than can be committed at once",
            ),
        };
        let kind = match error.kind() {
            // Every attempt lost: for the caller the service was too busy.
            ErrorKind::Conflict => ErrorKind::Unavailable,
            other @ (ErrorKind::Validation
            | ErrorKind::NotFound
            | ErrorKind::Denied
            | ErrorKind::Unauthenticated
            | ErrorKind::LimitExceeded
            | ErrorKind::Throttled
            | ErrorKind::Unsupported
            | ErrorKind::Unavailable
            | ErrorKind::Internal) => other,
        };
        Self {
            kind,
            code: Cow::Borrowed(code),
            message: message.to_owned(),
            status: None,
            reason: None,
            denial: None,
            source: Some(Box::new(error)),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
