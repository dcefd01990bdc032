//! Why a request cannot be read.
#![deny(clippy::wildcard_enum_match_arm)]

use types::{ErrorKind, Service};

use crate::Broken;

/// A request that AWS would not accept as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Constraints of the model are broken; the text is AWS's and lists them.
    #[error("{text}")]
    Validation {
        /// The text.
        text: String,
        /// The kind of the first of them.
        first: Broken,
    },
    /// A value has the wrong type or cannot be decoded.
    #[error("{0}")]
    Serialization(String),
}

impl ReadError {
    /// The value at `path` is `found`, but must be `wanted`.
    pub(crate) fn wrong_type(path: &impl std::fmt::Display, wanted: &str, found: &str) -> Self {
        let path = path.to_string();
        if path.is_empty() {
            Self::Serialization(format!("the request must be {wanted}, not {found}"))
        } else {
            Self::Serialization(format!("`{path}` must be {wanted}, not {found}"))
        }
    }

    /// The value at `path` has the right type but no meaning.
    pub(crate) fn malformed(path: &impl std::fmt::Display, problem: &str) -> Self {
        Self::Serialization(format!("`{path}` {problem}"))
    }

    /// The body is not JSON. Only the place is told: the parser's text may quote the body.
    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        Self::Serialization(format!(
            "the body is not valid JSON (line {}, column {})",
            error.line(),
            error.column()
        ))
    }

    /// Always [`ErrorKind::Validation`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Validation
    }

    /// The error code that `service` answers with.
    pub fn code(&self, service: Service) -> &'static str {
        match (self, service) {
            (
                Self::Validation { .. },
                Service::Iam | Service::Sts | Service::FeatureStoreRuntime,
            ) => "ValidationError",
            (Self::Validation { .. }, Service::Organizations) => "InvalidInputException",
            (Self::Validation { .. }, Service::Ram) => "InvalidParameterException",
            (
                Self::Validation { .. },
                Service::SageMaker
                | Service::Kms
                | Service::CloudTrail
                | Service::S3
                | Service::Strongroom,
            ) => "ValidationException",
            (Self::Serialization(_), Service::Iam | Service::Sts) => "MalformedInput",
            (
                Self::Serialization(_),
                Service::SageMaker
                | Service::FeatureStoreRuntime
                | Service::Kms
                | Service::Organizations
                | Service::CloudTrail
                | Service::Ram
                | Service::S3
                | Service::Strongroom,
            ) => "SerializationException",
        }
    }

    /// The text that `service` answers with; Organizations has a short one for each reason.
    pub fn message(&self, service: Service) -> String {
        match (self, service) {
            (Self::Validation { first, .. }, Service::Organizations) => {
                organizations(*first).1.to_owned()
            }
            _ => self.to_string(),
        }
    }

    /// The `Reason` that `service` answers with, if its errors have one.
    pub fn reason(&self, service: Service) -> Option<&'static str> {
        match (self, service) {
            (Self::Validation { first, .. }, Service::Organizations) => {
                Some(organizations(*first).0)
            }
            _ => None,
        }
    }
}

/// Reason and text of an `InvalidInputException`.
fn organizations(broken: Broken) -> (&'static str, &'static str) {
    match broken {
        Broken::Required => (
            "INPUT_REQUIRED",
            "You must include a value for all required parameters.",
        ),
        Broken::Enum => ("INVALID_ENUM", "You specified an invalid value."),
        Broken::Pattern => (
            "INVALID_PATTERN",
            "You provided a value that does not match the required pattern.",
        ),
        Broken::TooLong => (
            "MAX_LENGTH_EXCEEDED",
            "You provided a value that is longer than allowed.",
        ),
        Broken::TooShort => (
            "MIN_LENGTH_EXCEEDED",
            "You provided a value that is shorter than allowed.",
        ),
        Broken::TooLarge => (
            "MAX_VALUE_EXCEEDED",
            "You provided a value that is larger than allowed.",
        ),
        Broken::TooSmall => (
            "MIN_VALUE_EXCEEDED",
            "You provided a value that is smaller than allowed.",
        ),
        Broken::Member => (
            "INVALID_LIST_MEMBER",
            "You provided a list with at least one invalid value.",
        ),
    }
}
