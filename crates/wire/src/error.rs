//! What can be wrong with a request before an operation sees it.
#![deny(clippy::wildcard_enum_match_arm)]

use shapes::{Protocol, ReadError};
use types::{ErrorKind, Service};

use crate::Refusal;
use crate::sigv4::AuthError;

/// A request that no operation can be run for, or an answer that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request is not authenticated.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// AWS has no such operation.
    #[error("operation `{operation}` does not exist")]
    UnknownOperation {
        /// What the request names; empty if it names none.
        operation: String,
    },
    /// AWS has this operation, this deployment does not.
    #[error("operation `{operation}` is not available in this deployment")]
    Unsupported {
        /// AWS's name.
        operation: String,
    },
    /// A Query request names no operation, or one that this version does not have.
    #[error("Could not find operation {operation} for version {version}")]
    InvalidAction {
        /// The value of `Action`.
        operation: String,
        /// The value of `Version`, or `NO_VERSION_SPECIFIED`.
        version: String,
    },
    /// A Query request has no `Action`.
    #[error("the request must contain the parameter `Action`")]
    MissingAction,
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] ReadError),
    /// The head of the request is not one that a client of AWS sends.
    #[error("{0}")]
    Head(&'static str),
    /// The method is not one of AWS's protocols.
    #[error("the method is not allowed")]
    Method,
    /// The body is longer than this service accepts.
    #[error("the request body is longer than {limit} bytes")]
    TooLarge {
        /// How long it may be.
        limit: usize,
    },
    /// The answer could not be serialised.
    #[error("the answer cannot be serialised: {0}")]
    Answer(String),
}

impl Error {
    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Auth(error) => error.kind(),
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::UnknownOperation { .. }
            | Self::InvalidAction { .. }
            | Self::MissingAction
            | Self::Input(_)
            | Self::Head(_)
            | Self::Method
            | Self::TooLarge { .. } => ErrorKind::Validation,
            Self::Answer(_) => ErrorKind::Internal,
        }
    }

    /// What a request names that is no operation of this deployment: a name, for REST-JSON a
    /// method and a path; empty if it names nothing.
    pub fn operation(&self) -> Option<&str> {
        match self {
            Self::UnknownOperation { operation }
            | Self::Unsupported { operation }
            | Self::InvalidAction { operation, .. } => Some(operation),
            Self::MissingAction => Some(""),
            Self::Auth(_)
            | Self::Input(_)
            | Self::Head(_)
            | Self::Method
            | Self::TooLarge { .. }
            | Self::Answer(_) => None,
        }
    }

    /// What `service` answers with in `protocol`; the service is `None` while nobody knows it.
    pub fn refusal(&self, protocol: Protocol, service: Option<Service>) -> Refusal {
        let is_query = protocol == Protocol::Query;
        let named = |query, json| if is_query { query } else { json };
        let asked = service.unwrap_or_else(|| typical(protocol));
        let (code, status) = match self {
            Self::Auth(error) => return error.refusal(protocol),
            Self::UnknownOperation { .. } | Self::Unsupported { .. } => (
                named("InvalidAction", "UnknownOperationException"),
                Some(if protocol == Protocol::RestJson {
                    404
                } else {
                    400
                }),
            ),
            Self::InvalidAction { .. } => ("InvalidAction", Some(400)),
            Self::MissingAction => ("MissingAction", Some(400)),
            Self::Input(error) => (error.code(asked), Some(400)),
            Self::Head(_) => (named("MalformedInput", "SerializationException"), Some(400)),
            Self::Method => (
                named("InvalidAction", "UnknownOperationException"),
                Some(405),
            ),
            Self::TooLarge { .. } => (
                named("RequestEntityTooLarge", "RequestEntityTooLargeException"),
                Some(413),
            ),
            Self::Answer(_) => ("InternalFailure", Some(500)),
        };
        let (message, reason) = if let Self::Input(error) = self {
            (error.message(asked), error.reason(asked))
        } else {
            (self.public_message(), None)
        };
        Refusal {
            kind: self.kind(),
            code: code.into(),
            message,
            status,
            reason,
        }
    }

    /// The text that the caller may see.
    pub fn public_message(&self) -> String {
        match self {
            Self::Answer(_) => {
                "the request processing has failed because of an unknown error".to_owned()
            }
            Self::Auth(_)
            | Self::UnknownOperation { .. }
            | Self::Unsupported { .. }
            | Self::InvalidAction { .. }
            | Self::MissingAction
            | Self::Input(_)
            | Self::Head(_)
            | Self::Method
            | Self::TooLarge { .. } => self.to_string(),
        }
    }
}

/// A service whose codes are those of its protocol.
fn typical(protocol: Protocol) -> Service {
    match protocol {
        Protocol::Json => Service::Kms,
        Protocol::RestJson => Service::FeatureStoreRuntime,
        Protocol::Query => Service::Iam,
    }
}
