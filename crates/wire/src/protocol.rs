//! The wire protocols that this deployment speaks.

/// How requests and answers of a service look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// AWS JSON 1.1: one path, `X-Amz-Target`, JSON bodies.
    Json,
    /// REST-JSON: paths and query parameters beside JSON bodies.
    RestJson,
    /// Query: forms in, XML out.
    Query,
}
