//! Signatures end to end: what is accepted, and everything that must not be.

mod draft;
mod oracle;
mod refusals;
mod vectors;
mod windows;

use http::Request;
use types::Timestamp;

use self::draft::{Draft, SECRET};
use super::*;

/// 2015-08-30T12:36:00Z, when drafts are signed.
fn signing_time() -> Timestamp {
    Timestamp::parse_basic_iso8601(draft::DATE).unwrap()
}

fn verifier() -> Verifier {
    Verifier::new(DEFAULT_SKEW, 64)
}

/// Verifies `request` with `secret` at `now`, as the server does.
fn verify_at(request: &Request<Vec<u8>>, secret: &str, now: Timestamp) -> Result<(), AuthError> {
    let (parts, body) = request.clone().into_parts();
    let unverified = Unverified::from_request(&parts)?;
    let secret = SecretAccessKey::new(secret.as_bytes());
    verifier()
        .verify(&unverified, &secret, &PayloadHash::of(&body), now)
        .map(|verified| assert_eq!(verified.access_key(), unverified.access_key()))
}

fn check(request: &Request<Vec<u8>>, expected: &Result<(), AuthError>) {
    assert_eq!(
        &verify_at(request, SECRET, signing_time()),
        expected,
        "{request:?}"
    );
}

fn accepted(request: &Request<Vec<u8>>) {
    check(request, &Ok(()));
}

fn refused(request: &Request<Vec<u8>>, expected: AuthError) {
    check(request, &Err(expected));
}

#[test]
fn a_signed_request_is_accepted() {
    accepted(&Draft::new().sign());
}

#[test]
fn a_presigned_request_is_accepted() {
    accepted(&Draft::new().presign("3600"));
}

#[test]
fn a_session_token_is_read_where_it_is_signed() {
    let signed = Draft::new().header("x-amz-security-token", "token").sign();
    let presigned = Draft::new()
        .query("X-Amz-Security-Token=to%2Fken")
        .presign("60");
    for (request, token) in [(signed, "token"), (presigned, "to/ken")] {
        accepted(&request);
        let (parts, _) = request.into_parts();
        let unverified = Unverified::from_request(&parts).unwrap();
        assert_eq!(unverified.session_token(), Some(token));
    }
}

#[test]
fn repeated_headers_are_joined_in_order() {
    let draft = || {
        Draft::new()
            .header("my-header", " b  c ")
            .header("my-header", "a")
    };
    let mut request = draft().sign();
    accepted(&request);
    let values = request.headers_mut();
    values.remove("my-header");
    values.append("my-header", "a".parse().unwrap());
    values.append("my-header", "b c".parse().unwrap());
    refused(&request, AuthError::Mismatch);
}

#[test]
fn the_authority_stands_in_for_a_missing_host() {
    let mut request = Draft::new().sign();
    request.headers_mut().remove("host");
    *request.uri_mut() = format!("http://{}/", draft::HOST).parse().unwrap();
    accepted(&request);
    *request.uri_mut() = "http://other.example/".parse().unwrap();
    refused(&request, AuthError::Mismatch);
}

#[test]
fn parameters_of_authorization_come_in_any_order() {
    let mut request = Draft::new().sign();
    let text = request.headers()["authorization"].to_str().unwrap();
    let rest = text.strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
    let mut parameters: Vec<_> = rest.split(", ").collect();
    parameters.reverse();
    let turned = format!("AWS4-HMAC-SHA256   {}", parameters.join(","));
    request
        .headers_mut()
        .insert("authorization", turned.parse().unwrap());
    accepted(&request);
}

#[test]
fn a_rotated_secret_refuses_the_old_signature_at_once() {
    let verifier = verifier();
    let request = Draft::new().sign();
    let (parts, body) = request.into_parts();
    let unverified = Unverified::from_request(&parts).unwrap();
    let payload = PayloadHash::of(&body);
    let old = SecretAccessKey::new(SECRET.as_bytes());
    let new = SecretAccessKey::new(b"another secret under the same id");
    for _ in 0..2 {
        assert!(
            verifier
                .verify(&unverified, &old, &payload, signing_time())
                .is_ok()
        );
        assert_eq!(
            verifier.verify(&unverified, &new, &payload, signing_time()),
            Err(AuthError::Mismatch)
        );
    }
}

#[test]
fn signing_keys_are_kept_in_bounded_number() {
    let cache = keys::SigningKeyCache::new(16);
    let secret = SecretAccessKey::new(SECRET.as_bytes());
    for region in 0..200 {
        let text = format!("AKIDEXAMPLEEXAMPLE00/20150830/r{region}/kms/aws4_request");
        let (_, scope) = scope::read(text.into()).unwrap();
        cache.get(&secret, &scope);
    }
    assert!(cache.len() <= 16, "{}", cache.len());
}

#[test]
fn an_unknown_key_is_refused_whatever_signed_it() {
    let nobody = "nobody signs with this; refuse_unknown never accepts";
    for secret in [SECRET, nobody] {
        let (parts, body) = Draft::new().secret(secret).sign().into_parts();
        let unverified = Unverified::from_request(&parts).unwrap();
        let refusal =
            verifier().refuse_unknown(&unverified, &PayloadHash::of(&body), signing_time());
        assert_eq!(refusal, AuthError::UnrecognizedClient);
    }
}

#[test]
fn codes_and_statuses_follow_the_protocol() {
    use Protocol::{Json, Query, RestJson};

    use crate::Protocol;
    let check = |error: &AuthError, protocol, code, status| {
        assert_eq!(
            (error.code(protocol), error.status(protocol)),
            (code, status)
        );
    };
    check(
        &AuthError::Missing,
        Json,
        "MissingAuthenticationTokenException",
        400,
    );
    check(
        &AuthError::Missing,
        Query,
        "MissingAuthenticationToken",
        403,
    );
    check(
        &AuthError::Incomplete(""),
        Json,
        "IncompleteSignatureException",
        400,
    );
    check(
        &AuthError::Incomplete(""),
        Query,
        "IncompleteSignature",
        400,
    );
    check(&AuthError::Mismatch, Json, "InvalidSignatureException", 400);
    check(
        &AuthError::Mismatch,
        RestJson,
        "InvalidSignatureException",
        403,
    );
    check(&AuthError::Mismatch, Query, "SignatureDoesNotMatch", 403);
    check(
        &AuthError::UnrecognizedClient,
        Json,
        "UnrecognizedClientException",
        400,
    );
    check(
        &AuthError::UnrecognizedClient,
        Query,
        "InvalidClientTokenId",
        403,
    );
    check(
        &AuthError::ExpiredToken,
        RestJson,
        "ExpiredTokenException",
        403,
    );
    check(&AuthError::ExpiredToken, Query, "ExpiredToken", 403);
}

#[test]
fn no_text_shows_a_secret_or_a_signature() {
    let request = Draft::new()
        .header("x-amz-security-token", "tokencanary")
        .sign();
    let authorization = request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    let signature = authorization.rsplit('=').next().unwrap();
    let wrong = verify_at(&request, "other", signing_time()).unwrap_err();
    let secret = SecretAccessKey::new(SECRET.as_bytes());
    let (parts, _) = request.into_parts();
    let unverified = Unverified::from_request(&parts).unwrap();
    let shown = format!(
        "{wrong} {wrong:?} {secret:?} {unverified:?} {:?}",
        verifier()
    );
    for canary in [SECRET, signature, "tokencanary", "POST\n", "\n"] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
    let hex_run = shown
        .split(|c: char| !c.is_ascii_hexdigit())
        .map(str::len)
        .max();
    assert!(hex_run < Some(32), "{shown}");
}
