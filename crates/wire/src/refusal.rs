//! An error on its way to the caller, before its protocol shapes it.

use std::borrow::Cow;

use types::{ErrorKind, ServiceError};

/// Everything that an error answer is made of; [`crate::ReplyTo::error`] writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind, which decides the status where nothing fixes it.
    pub kind: ErrorKind,
    /// AWS's error code.
    pub code: Cow<'static, str>,
    /// The text that the caller may see.
    pub message: String,
    /// The HTTP status, where it is fixed.
    pub status: Option<u16>,
    /// The error's `Reason`, where it has one.
    pub reason: Option<&'static str>,
}

impl Refusal {
    /// The refusal for a service's own error.
    pub fn of(error: &impl ServiceError) -> Self {
        Self {
            kind: error.kind(),
            code: error.code(),
            message: error.public_message(),
            status: error.status(),
            reason: error.reason(),
        }
    }
}
