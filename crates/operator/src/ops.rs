//! The operations, one per file.

pub(crate) mod explain_request;
