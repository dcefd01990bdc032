//! What a request says about its signature, read strictly and believed in nothing.
//!
//! Refused here, before any key is looked up: a signature in two places or twice, mixed-case
//! or repeated `X-Amz-*` parameters, an unsigned `Host`, any unsigned `x-amz-*` header,
//! a scope of another day, declared payloads other than a SHA-256.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::HeaderName;
use http::header::{AUTHORIZATION, DATE, HOST};
use http::request::Parts;
use types::{AccessKeyId, Timestamp};

use super::presigned::Presigned;
use super::scope::Scope;
use super::{AuthError, PayloadHash, date, presigned, scope};

/// Where the signature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the `Authorization` header.
    Header,
    /// In the query string.
    Query,
}

/// A request with a readable signature that nobody has verified.
///
/// Borrows the request's head, so that what is verified is what was read.
pub struct Unverified<'r> {
    parts: &'r Parts,
    place: Place,
    access_key: AccessKeyId,
    scope: Scope<'r>,
    signed_headers: Cow<'r, str>,
    signature: [u8; 32],
    date: date::RequestDate,
    expires: Option<Duration>,
    session_token: Option<Cow<'r, str>>,
    payload: Option<PayloadHash>,
    host: &'r [u8],
}

/// The three parameters that both places carry.
struct Claim<'r> {
    credential: Cow<'r, str>,
    signed_headers: Cow<'r, str>,
    signature: Cow<'r, str>,
}

/// Headers whose second value would make one of two readers wrong.
const SINGLE: [&str; 7] = [
    "host",
    "date",
    "content-type",
    "x-amz-date",
    "x-amz-target",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

impl<'r> Unverified<'r> {
    /// Reads the signature of a request from its head.
    ///
    /// Fails with [`AuthError::Missing`] if there is none, with [`AuthError::Ambiguous`] if
    /// the header and the query string both have one or anything decisive comes twice, and
    /// with the other errors of this module's rules.
    pub fn from_request(parts: &'r Parts) -> Result<Self, AuthError> {
        let has_repeated = parts.headers.len() > parts.headers.keys_len();
        if has_repeated {
            refuse_repeated(parts)?;
        }
        let presigned = presigned::read(parts.uri.query().unwrap_or_default())?;
        let mut authorizations = parts.headers.get_all(AUTHORIZATION).iter();
        match (authorizations.next(), presigned) {
            (None, None) => Err(AuthError::Missing),
            (Some(_), Some(_)) => Err(AuthError::Ambiguous("signature")),
            (Some(_), None) if authorizations.next().is_some() => {
                Err(AuthError::Ambiguous("Authorization header"))
            }
            (Some(value), None) => {
                let text = value
                    .to_str()
                    .map_err(|_source| AuthError::Incomplete(BAD_AUTHORIZATION))?;
                Self::from_header(parts, text)
            }
            (None, Some(presigned)) => Self::from_query(parts, presigned),
        }
    }

    fn from_header(parts: &'r Parts, authorization: &'r str) -> Result<Self, AuthError> {
        let claim = read_authorization(authorization)?;
        let (date, date_header) = date::of_header(parts)?;
        let session_token = match parts.headers.get(&SECURITY_TOKEN) {
            Some(value) => Some(Cow::Borrowed(
                value
                    .to_str()
                    .map_err(|_source| AuthError::UnrecognizedClient)?,
            )),
            None => None,
        };
        let request = Self::new(parts, Place::Header, claim, date, None, session_token)?;
        if request.is_signed(date_header.as_str()) {
            Ok(request)
        } else {
            Err(AuthError::UnsignedHeader(date_header.to_string()))
        }
    }

    fn from_query(parts: &'r Parts, presigned: Presigned<'r>) -> Result<Self, AuthError> {
        if parts.headers.contains_key(&AMZ_DATE) {
            return Err(AuthError::Ambiguous("date"));
        }
        if parts.headers.contains_key(&SECURITY_TOKEN) {
            return Err(AuthError::Ambiguous("session token"));
        }
        let date = presigned.date()?;
        let expires = presigned.expires()?;
        let (claim, session_token) = (
            Claim {
                credential: presigned.credential,
                signed_headers: presigned.signed_headers,
                signature: presigned.signature,
            },
            presigned.session_token,
        );
        let mut request = Self::new(
            parts,
            Place::Query,
            claim,
            date,
            Some(expires),
            session_token,
        )?;
        if let Some(declared) = presigned.payload {
            let declared = PayloadHash::declared(declared.as_bytes())?;
            if request.payload.is_some_and(|header| header != declared) {
                return Err(AuthError::Ambiguous("payload hash"));
            }
            request.payload = Some(declared);
        }
        Ok(request)
    }

    fn new(
        parts: &'r Parts,
        place: Place,
        claim: Claim<'r>,
        date: date::RequestDate,
        expires: Option<Duration>,
        session_token: Option<Cow<'r, str>>,
    ) -> Result<Self, AuthError> {
        check_signed_headers(&claim.signed_headers)?;
        let (access_key, scope) = scope::read(claim.credential)?;
        if !date.is_on(scope.day()) {
            return Err(AuthError::ScopeDate);
        }
        let payload = match parts.headers.get(&CONTENT_SHA256) {
            Some(value) => Some(PayloadHash::declared(value.as_bytes())?),
            None => None,
        };
        let request = Self {
            parts,
            place,
            access_key,
            scope,
            signature: read_signature(&claim.signature)?,
            signed_headers: claim.signed_headers,
            date,
            expires,
            session_token,
            payload,
            host: read_host(parts)?,
        };
        if !request.is_signed("host") {
            return Err(AuthError::UnsignedHost);
        }
        for name in parts.headers.keys() {
            let name = name.as_str();
            if name.starts_with("x-amz-") && !request.is_signed(name) {
                return Err(AuthError::UnsignedHeader(name.to_owned()));
            }
        }
        Ok(request)
    }

    /// Where the signature is.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The access key that the request claims.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// The credential scope.
    pub fn scope(&self) -> &Scope<'r> {
        &self.scope
    }

    /// The session token, if there is one; it is covered by the signature.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// When the request claims to be signed.
    pub fn signed_at(&self) -> Timestamp {
        self.date.at()
    }

    /// How long a presigned request lives from [`Self::signed_at`].
    pub fn expires(&self) -> Option<Duration> {
        self.expires
    }

    /// The payload hash that the client declared.
    pub(super) fn declared_payload(&self) -> Option<&PayloadHash> {
        self.payload.as_ref()
    }

    /// The value of `Host`, or the authority of the URI where there is no such header.
    pub(super) fn host(&self) -> &'r [u8] {
        self.host
    }

    pub(super) fn parts(&self) -> &'r Parts {
        self.parts
    }

    pub(super) fn date(&self) -> &date::RequestDate {
        &self.date
    }

    pub(super) fn signature(&self) -> &[u8; 32] {
        &self.signature
    }

    pub(super) fn signed_header_list(&self) -> &str {
        &self.signed_headers
    }

    pub(super) fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.split(';')
    }

    fn is_signed(&self, header: &str) -> bool {
        let mut names = self.signed_headers.as_bytes().split(|byte| *byte == b';');
        names.any(|name| name == header.as_bytes())
    }
}

/// Whether the credential of a request is one for S3, whatever else is wrong with it: clients of
/// S3 read no errors but in its form.
pub fn is_for_s3(parts: &Parts) -> bool {
    let header = parts.headers.get(AUTHORIZATION);
    let credential = match header.map(http::HeaderValue::to_str) {
        Some(text) => text
            .ok()
            .and_then(|text| read_authorization(text).ok())
            .map(|claim| claim.credential),
        None => presigned::read(parts.uri.query().unwrap_or_default())
            .ok()
            .flatten()
            .map(|presigned| presigned.credential),
    };
    let scope = credential.and_then(|credential| scope::read(credential).ok());
    scope.is_some_and(|(_, scope)| scope.service() == "s3")
}

/// The signature and the session token stay out of logs.
impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified")
            .field("place", &self.place)
            .field("access_key", &self.access_key)
            .field("scope", &self.scope)
            .field("signed_headers", &self.signed_headers)
            .field("date", &self.date)
            .field("expires", &self.expires)
            .field("session_token", &self.session_token.is_some())
            .finish_non_exhaustive()
    }
}

/// Refuses a second value of a decisive header.
fn refuse_repeated(parts: &Parts) -> Result<(), AuthError> {
    for name in SINGLE {
        if parts.headers.get_all(name).iter().nth(1).is_some() {
            return Err(AuthError::Ambiguous(name));
        }
    }
    Ok(())
}

/// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, in any order.
fn read_authorization(text: &str) -> Result<Claim<'_>, AuthError> {
    let parameters = text
        .strip_prefix(ALGORITHM)
        .filter(|rest| rest.starts_with([' ', '\t']))
        .ok_or(AuthError::Incomplete(BAD_ALGORITHM))?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for parameter in parameters.split(',') {
        let (name, value) = parameter
            .trim_matches([' ', '\t'])
            .split_once('=')
            .ok_or(AuthError::Incomplete(BAD_PARAMETER))?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(AuthError::Incomplete(BAD_PARAMETER)),
        };
        if slot.replace(value).is_some() {
            return Err(AuthError::Ambiguous(
                "parameter of one name in Authorization",
            ));
        }
    }
    Ok(Claim {
        credential: Cow::Borrowed(credential.ok_or(AuthError::Incomplete(NO_CREDENTIAL))?),
        signed_headers: Cow::Borrowed(
            signed_headers.ok_or(AuthError::Incomplete(NO_SIGNED_HEADERS))?,
        ),
        signature: Cow::Borrowed(signature.ok_or(AuthError::Incomplete(NO_SIGNATURE))?),
    })
}

/// AWS signs a sorted list of unique lower-case names; only that one spelling is accepted.
fn check_signed_headers(list: &str) -> Result<(), AuthError> {
    let mut before: &[u8] = b"";
    for name in list.as_bytes().split(|byte| *byte == b';') {
        let is_name = name
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'));
        if !is_name || name <= before {
            return Err(AuthError::Incomplete(BAD_SIGNED_HEADERS));
        }
        before = name;
    }
    Ok(())
}

fn read_signature(text: &str) -> Result<[u8; 32], AuthError> {
    let mut signature = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bad = u8::from(pairs.len() != signature.len() || !rest.is_empty());
    for (byte, [high, low]) in signature.iter_mut().zip(pairs) {
        let (high, low) = (nibble(*high), nibble(*low));
        bad |= (high | low) & 0xf0;
        *byte = high << 4 | low & 0x0f;
    }
    if bad == 0 {
        Ok(signature)
    } else {
        Err(AuthError::Incomplete(BAD_SIGNATURE))
    }
}

/// The value of a lower-case hexadecimal digit, or 255.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => u8::MAX,
    }
}

/// The one host of the request; a `Host` header beside another authority is refused.
fn read_host(parts: &Parts) -> Result<&[u8], AuthError> {
    let authority = parts.uri.authority().map(|it| it.as_str().as_bytes());
    match (parts.headers.get(HOST), authority) {
        (Some(host), Some(authority)) if host.as_bytes() != authority => {
            Err(AuthError::Ambiguous("host"))
        }
        (Some(host), _) => Ok(host.as_bytes()),
        (None, Some(authority)) => Ok(authority),
        (None, None) => Err(AuthError::UnsignedHost),
    }
}

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

const BAD_AUTHORIZATION: &str = "the Authorization header must be visible ASCII";
pub(super) const BAD_ALGORITHM: &str =
    "Unsupported AWS 'algorithm': only 'AWS4-HMAC-SHA256' is accepted.";
const BAD_PARAMETER: &str = "the Authorization header has a part that is no valid key=value pair";
const NO_CREDENTIAL: &str = "Authorization header requires 'Credential' parameter.";
const NO_SIGNED_HEADERS: &str = "Authorization header requires 'SignedHeaders' parameter.";
const NO_SIGNATURE: &str = "Authorization header requires 'Signature' parameter.";
const BAD_SIGNED_HEADERS: &str = "'SignedHeaders' must be a sorted list of lower-case header names";
const BAD_SIGNATURE: &str = "'Signature' must be 64 lower-case hexadecimal digits";

/// The name of the fallback header, for [`date::of_header`]'s callers.
pub(super) static DATE_HEADER: HeaderName = DATE;

// Parsing a name costs more than finding it.
pub(super) static AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
static SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
static CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
