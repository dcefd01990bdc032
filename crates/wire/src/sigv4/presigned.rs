//! The `X-Amz-*` parameters of a presigned request.

use std::borrow::Cow;
use std::time::Duration;

use super::canonical::BAD_QUERY;
use super::unverified::{ALGORITHM, BAD_ALGORITHM};
use super::{AuthError, date::RequestDate};
use crate::escape;

/// The parameters, decoded.
pub(super) struct Presigned<'r> {
    pub(super) credential: Cow<'r, str>,
    pub(super) signed_headers: Cow<'r, str>,
    pub(super) signature: Cow<'r, str>,
    pub(super) session_token: Option<Cow<'r, str>>,
    pub(super) payload: Option<Cow<'r, str>>,
    date: Cow<'r, str>,
    expires: Cow<'r, str>,
}

/// The parameters' names; none may come twice or in another case.
const NAMES: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

/// Reads the parameters; `None` if the query string has not one of them.
///
/// Fails if one comes twice, in another case, in bad UTF-8, or if some but not all that are
/// required are there.
pub(super) fn read(query: &str) -> Result<Option<Presigned<'_>>, AuthError> {
    if query.is_empty() {
        return Ok(None);
    }
    let mut found: [Option<Cow<'_, str>>; 8] = [const { None }; 8];
    // What does not begin with an x, escaped or not, is none of them. That its escapes are
    // complete is seen to where the canonical request is written.
    let may_be_one = |raw: &&[u8]| matches!(raw.first(), Some(b'x' | b'X' | b'%'));
    for piece in query
        .as_bytes()
        .split(|byte| *byte == b'&')
        .filter(may_be_one)
    {
        let pair = escape::pair(piece);
        let pair = pair.map_err(|_source| AuthError::Incomplete(BAD_QUERY))?;
        let prefix = pair.name.get(..6).unwrap_or_default();
        if !prefix.eq_ignore_ascii_case(b"X-Amz-") {
            continue;
        }
        for (name, slot) in NAMES.iter().zip(&mut found) {
            if !pair.name.eq_ignore_ascii_case(name.as_bytes()) {
                continue;
            }
            if pair.name != name.as_bytes() {
                return Err(AuthError::Incomplete(BAD_CASE));
            }
            if slot.is_some() {
                return Err(AuthError::Ambiguous("query parameter of one X-Amz name"));
            }
            let value = escape::text(pair.value.clone());
            *slot = Some(value.ok_or(AuthError::Incomplete(NOT_TEXT))?);
        }
    }
    if found.iter().all(Option::is_none) {
        return Ok(None);
    }
    let [
        algorithm,
        credential,
        signed_headers,
        signature,
        date,
        expires,
        session_token,
        payload,
    ] = found;
    if algorithm.ok_or(AuthError::Incomplete(NO_ALGORITHM))? != ALGORITHM {
        return Err(AuthError::Incomplete(BAD_ALGORITHM));
    }
    Ok(Some(Presigned {
        credential: credential.ok_or(AuthError::Incomplete(NO_CREDENTIAL))?,
        signed_headers: signed_headers.ok_or(AuthError::Incomplete(NO_SIGNED_HEADERS))?,
        signature: signature.ok_or(AuthError::Incomplete(NO_SIGNATURE))?,
        date: date.ok_or(AuthError::Incomplete(NO_DATE))?,
        expires: expires.ok_or(AuthError::Incomplete(NO_EXPIRES))?,
        session_token,
        payload,
    }))
}

impl Presigned<'_> {
    pub(super) fn date(&self) -> Result<RequestDate, AuthError> {
        RequestDate::basic(&self.date)
    }

    /// The life of the request: one second to seven days.
    pub(super) fn expires(&self) -> Result<Duration, AuthError> {
        let is_number = self.expires.bytes().all(|byte| byte.is_ascii_digit());
        match self.expires.parse() {
            Ok(seconds @ 1..=604_800) if is_number => Ok(Duration::from_secs(seconds)),
            Ok(_) | Err(_) => Err(AuthError::Incomplete(BAD_EXPIRES)),
        }
    }
}

const BAD_CASE: &str = "a query parameter for AWS authentication is spelled in another case";
const NOT_TEXT: &str = "a query parameter for AWS authentication is not UTF-8";
const NO_ALGORITHM: &str = "AWS query-string parameters must include 'X-Amz-Algorithm'.";
const NO_CREDENTIAL: &str = "AWS query-string parameters must include 'X-Amz-Credential'.";
const NO_SIGNED_HEADERS: &str = "AWS query-string parameters must include 'X-Amz-SignedHeaders'.";
const NO_SIGNATURE: &str = "AWS query-string parameters must include 'X-Amz-Signature'.";
const NO_DATE: &str = "AWS query-string parameters must include 'X-Amz-Date'.";
const NO_EXPIRES: &str = "AWS query-string parameters must include 'X-Amz-Expires'.";
const BAD_EXPIRES: &str = "'X-Amz-Expires' must be a number of seconds from 1 to 604800.";
