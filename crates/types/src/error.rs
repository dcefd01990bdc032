//! The closed set of failure kinds that every service error maps to.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;
use std::fmt;

/// What kind of failure an error is; `wire` alone turns it into an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input breaks a constraint or cannot be read.
    Validation,
    /// The named resource does not exist.
    NotFound,
    /// The resource exists already, or is in a state that forbids the call.
    Conflict,
    /// A policy, or the absence of one, forbids the call.
    Denied,
    /// The caller could not be authenticated.
    Unauthenticated,
    /// A quota is used up.
    LimitExceeded,
    /// Too many requests.
    Throttled,
    /// AWS has this operation, this deployment does not.
    Unsupported,
    /// A part that is needed is not available now; the caller may retry.
    Unavailable,
    /// A bug or a broken disk; details are in the log under the request id.
    Internal,
}

/// What every crate's error enum offers to the pipeline and to `wire`.
pub trait ServiceError: std::error::Error + Send + Sync + 'static {
    /// The kind, which decides the HTTP status where AWS does not fix one.
    fn kind(&self) -> ErrorKind;

    /// The exact error code of AWS for this failure.
    fn code(&self) -> Cow<'static, str>;

    /// The text that the caller may see; AWS's own where AWS fixes it.
    fn public_message(&self) -> String;

    /// The HTTP status, where the service's model fixes one of its own.
    fn status(&self) -> Option<u16> {
        None
    }

    /// The `Reason` of errors that have one: Organizations says there which rule was broken.
    fn reason(&self) -> Option<&'static str> {
        None
    }
}

/// An error and what caused it, in one line for the log; never for a caller.
#[derive(Debug)]
pub struct Causes<'a>(pub &'a (dyn std::error::Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
