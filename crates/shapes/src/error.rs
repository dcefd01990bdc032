//! Why a request cannot be read.
#![deny(clippy::wildcard_enum_match_arm)]

use types::{ErrorKind, Service};

/// A request that AWS would not accept as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Constraints of the model are broken; the text is AWS's and lists them.
    #[error("{0}")]
    Validation(String),
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
            (Self::Validation(_), Service::Iam | Service::Sts | Service::FeatureStoreRuntime) => {
                "ValidationError"
            }
            (
                Self::Validation(_),
                Service::SageMaker
                | Service::Kms
                | Service::Organizations
                | Service::CloudTrail
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
                | Service::Strongroom,
            ) => "SerializationException",
        }
    }
}
