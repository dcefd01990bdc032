//! What is refused by a request's head alone, before a byte of its body is buffered.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method};
use shapes::Protocol;
use types::Service;

use crate::escape::{self, Plus};
use crate::{Error, envelope};

/// How much a request may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The number of headers, repeated ones included.
    pub headers: usize,
    /// The bytes of all names and values of headers.
    pub header_bytes: usize,
    /// The bytes of path and query string.
    pub uri_bytes: usize,
    /// The bytes of a body that carries no records: JSON 1.1, Query, and REST-JSON of RAM.
    pub body: usize,
    /// The bytes of a body that may carry records: all other REST-JSON.
    pub record_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers: 64,
            header_bytes: 32 * 1024,
            uri_bytes: 16 * 1024,
            body: 1024 * 1024,
            record_body: 8 * 1024 * 1024,
        }
    }
}

/// What the head says about the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyRule {
    /// The most that may be read; a longer body is [`Error::TooLarge`].
    pub limit: usize,
    /// The declared length.
    pub declared: usize,
}

impl Limits {
    /// Checks the head of a request and says how much of a body to accept.
    ///
    /// Fails with [`Error::Method`] for a method that no protocol of AWS uses here, with
    /// [`Error::TooLarge`] for a declared length above the limit, and with [`Error::Head`]
    /// for ambiguous framing, too many or too long headers, an encoded body, and paths with
    /// dot segments, bad escapes or NUL.
    pub fn check(&self, parts: &Parts) -> Result<BodyRule, Error> {
        let allowed = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
        if !allowed.contains(&parts.method) {
            return Err(Error::Method);
        }
        self.check_uri(parts)?;
        self.check_headers(&parts.headers)?;
        let limit = match envelope::protocol_of(parts) {
            Protocol::RestJson if !envelope::is_addressed(parts, Service::Ram) => self.record_body,
            Protocol::RestJson | Protocol::Json | Protocol::Query => self.body,
        };
        let declared = declared_length(&parts.headers)?;
        if declared > limit {
            return Err(Error::TooLarge { limit });
        }
        Ok(BodyRule { limit, declared })
    }

    fn check_uri(&self, parts: &Parts) -> Result<(), Error> {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
        if path.len() + query.len() > self.uri_bytes {
            return Err(Error::Head("the path and query string are too long"));
        }
        if !path.starts_with('/') {
            return Err(Error::Head("the path must start with a slash"));
        }
        for segment in path.split('/') {
            let name = escape::decode(segment.as_bytes(), Plus::Literal)
                .map_err(|_source| Error::Head("the path has an incomplete percent escape"))?;
            if matches!(name.as_ref(), b"." | b"..") || name.contains(&0) {
                return Err(Error::Head("the path must not contain dot segments or NUL"));
            }
        }
        Ok(())
    }

    fn check_headers(&self, headers: &HeaderMap) -> Result<(), Error> {
        let bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if headers.len() > self.headers || bytes > self.header_bytes {
            return Err(Error::Head("the headers are too many or too long"));
        }
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(Error::Head("an encoded body is not accepted"));
        }
        Ok(())
    }
}

/// The refusal of chunked and otherwise coded bodies.
const CHUNKED: &str = "Transfer-Encoding is not accepted: send Content-Length";

/// The declared length of the body.
///
/// Refuses what two readers could understand differently: any transfer coding, a length that
/// comes twice or is not plain digits.
fn declared_length(headers: &HeaderMap) -> Result<usize, Error> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let (coding, length) = (codings.next(), lengths.next());
    if codings.next().is_some() || lengths.next().is_some() {
        return Err(Error::Head(
            "the framing of the body is declared more than once",
        ));
    }
    match (coding, length) {
        // No client of AWS needs it here, and it is what two readers disagree on: an HTTP
        // library may have dropped a Content-Length beside it before we see the head.
        (Some(_), _) => Err(Error::Head(CHUNKED)),
        (None, Some(length)) => {
            let text = length.to_str().unwrap_or_default();
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number {
                return Err(Error::Head("Content-Length must be a number"));
            }
            // Digits that do not fit are a length above every limit.
            Ok(text.parse().unwrap_or(usize::MAX))
        }
        (None, None) => Ok(0),
    }
}

#[cfg(test)]
mod tests;
