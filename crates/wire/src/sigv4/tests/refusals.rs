//! Published failures of other systems, and what an attacker would try next.

use http::{HeaderMap, HeaderValue, Method, Uri};
use proptest::prelude::*;

use super::*;

fn edited(request: &Request<Vec<u8>>, edit: impl FnOnce(&mut HeaderMap)) -> Request<Vec<u8>> {
    let mut request = request.clone();
    edit(request.headers_mut());
    request
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap()
}

fn with_query(request: &Request<Vec<u8>>, more: &str) -> Request<Vec<u8>> {
    let mut request = request.clone();
    let path = request.uri().path_and_query().unwrap().as_str();
    let mark = if path.contains('?') { '&' } else { '?' };
    *request.uri_mut() = format!("{path}{mark}{more}").parse().unwrap();
    request
}

fn unsigned(name: &str) -> AuthError {
    AuthError::UnsignedHeader(name.to_owned())
}

/// Both ways of signing.
fn both(draft: &Draft) -> [Request<Vec<u8>>; 2] {
    [draft.clone().sign(), draft.clone().presign("60")]
}

#[test]
fn unsigned_target_header_is_refused() {
    for request in both(&Draft::new().without_signing("x-amz-target")) {
        refused(&request, unsigned("x-amz-target"));
    }
}

#[test]
fn unsigned_security_token_header_is_refused() {
    let draft = Draft::new().unsigned("x-amz-security-token", "token");
    refused(&draft.clone().sign(), unsigned("x-amz-security-token"));
    refused(&draft.presign("60"), AuthError::Ambiguous("session token"));
}

#[test]
fn any_unsigned_amz_header_is_refused() {
    for name in [
        "x-amz-meta-a",
        "x-amz-user-agent",
        "x-amz-",
        "x-amz-content-sha256-x",
    ] {
        for request in both(&Draft::new().unsigned(name, "1")) {
            refused(&request, unsigned(name));
        }
    }
}

#[test]
fn unsigned_headers_of_other_names_are_accepted() {
    for name in [
        "x-amzn-trace-id",
        "user-agent",
        "amz-sdk-request",
        "content-type",
    ] {
        for request in both(&Draft::new().unsigned(name, "1")) {
            accepted(&request);
        }
    }
}

#[test]
fn replaced_target_header_is_refused() {
    for request in both(&Draft::new()) {
        let other = value("TrentService.DisableKey");
        let replaced = edited(&request, |headers| {
            headers.insert("x-amz-target", other.clone());
        });
        refused(&replaced, AuthError::Mismatch);
        let doubled = edited(&request, |headers| {
            headers.append("x-amz-target", other.clone());
        });
        refused(&doubled, AuthError::Ambiguous("x-amz-target"));
        let removed = edited(&request, |headers| {
            headers.remove("x-amz-target");
        });
        refused(&removed, AuthError::SignedHeaderMissing);
    }
}

#[test]
fn unsigned_host_is_refused() {
    for request in both(&Draft::new().without_signing("host")) {
        refused(&request, AuthError::UnsignedHost);
    }
}

#[test]
fn two_hosts_are_refused() {
    let request = Draft::new().sign();
    let doubled = edited(&request, |headers| {
        headers.append("host", value("other.example"));
    });
    refused(&doubled, AuthError::Ambiguous("host"));
    let mut absolute = request;
    *absolute.uri_mut() = Uri::from_static("http://other.example/");
    refused(&absolute, AuthError::Ambiguous("host"));
}

#[test]
fn every_payload_form_with_a_wrong_signature_is_refused() {
    let right = PayloadHash::of(b"{}");
    let right = std::str::from_utf8(right.as_bytes()).unwrap();
    for form in [
        right,
        &right.to_uppercase(),
        "",
        "UNSIGNED-PAYLOAD",
        "unsigned-payload",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "SOMETHING-NEW",
    ] {
        for draft in [
            Draft::new().header("x-amz-content-sha256", form),
            Draft::new().query(&format!("X-Amz-Content-Sha256={form}")),
        ] {
            let request = draft.clone().secret("wrong").presign("60");
            let refusal = verify_at(&request, SECRET, signing_time()).unwrap_err();
            let expected = if form == right {
                AuthError::Mismatch
            } else {
                AuthError::PayloadForm
            };
            assert_eq!(refusal, expected, "{form}");
        }
        let request = Draft::new()
            .header("x-amz-content-sha256", form)
            .secret("wrong")
            .sign();
        assert!(
            verify_at(&request, SECRET, signing_time()).is_err(),
            "{form}"
        );
    }
}

#[test]
fn no_form_without_a_hash_of_the_body_is_accepted() {
    for form in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x",
    ] {
        for request in both(&Draft::new().header("x-amz-content-sha256", form)) {
            refused(&request, AuthError::PayloadForm);
        }
    }
}

#[test]
fn a_declared_hash_must_be_the_hash_of_the_body() {
    let of_body = |body: &[u8]| format!("{:?}", PayloadHash::of(body));
    for request in both(&Draft::new().header("x-amz-content-sha256", &of_body(b"{}"))) {
        accepted(&request);
    }
    for request in both(&Draft::new().header("x-amz-content-sha256", &of_body(b"{ }"))) {
        refused(&request, AuthError::PayloadHash);
    }
    let two = Draft::new()
        .header("x-amz-content-sha256", &of_body(b"{}"))
        .query(&format!("X-Amz-Content-Sha256={}", of_body(b"{ }")));
    refused(&two.presign("60"), AuthError::Ambiguous("payload hash"));
}

#[test]
fn a_signature_in_two_places_is_refused() {
    let header = Draft::new().sign();
    let query = Draft::new().presign("60");
    let presigned = query.uri().query().unwrap();
    refused(
        &with_query(&header, presigned),
        AuthError::Ambiguous("signature"),
    );
    let mut both = query.clone();
    let authorization = header.headers()["authorization"].clone();
    both.headers_mut().insert("authorization", authorization);
    refused(&both, AuthError::Ambiguous("signature"));
    let other = edited(&query, |headers| {
        headers.insert("authorization", value("Bearer x"));
    });
    refused(&other, AuthError::Ambiguous("signature"));
}

#[test]
fn an_identity_in_the_query_beside_a_header_is_refused() {
    let credential = format!("X-Amz-Credential={}%2F20150830", draft::ACCESS_KEY);
    let none = "AWS query-string parameters must include 'X-Amz-Algorithm'.";
    for more in [
        credential.as_str(),
        "X-Amz-Security-Token=x",
        "X-Amz-Signature=00",
    ] {
        let refusal = verify_at(
            &with_query(&Draft::new().sign(), more),
            SECRET,
            signing_time(),
        );
        assert_eq!(refusal, Err(AuthError::Incomplete(none)), "{more}");
    }
}

#[test]
fn repeated_authorization_headers_are_refused() {
    let request = Draft::new().sign();
    for second in [
        "",
        "AWS4-HMAC-SHA256 x",
        request.headers()["authorization"].to_str().unwrap(),
    ] {
        let doubled = edited(&request, |headers| {
            headers.append("authorization", value(second));
        });
        refused(&doubled, AuthError::Ambiguous("Authorization header"));
    }
}

#[test]
fn repeated_query_parameters_are_refused() {
    let request = Draft::new().query("X-Amz-Security-Token=t").presign("60");
    for name in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "X%2DAmz-Signature",
    ] {
        refused(
            &with_query(&request, &format!("{name}=x")),
            AuthError::Ambiguous("query parameter of one X-Amz name"),
        );
    }
}

#[test]
fn mixed_case_query_parameters_are_refused() {
    let bad = "a query parameter for AWS authentication is spelled in another case";
    for name in [
        "x-amz-signature",
        "X-AMZ-CREDENTIAL",
        "X-Amz-signedHeaders",
        "x%2Damz-date",
    ] {
        let more = format!("{name}=x");
        for request in both(&Draft::new()) {
            refused(&with_query(&request, &more), AuthError::Incomplete(bad));
        }
    }
}

#[test]
fn dates_and_tokens_in_two_places_are_refused() {
    let request = Draft::new().header("x-amz-date", draft::DATE).presign("60");
    refused(&request, AuthError::Ambiguous("date"));
    let request = Draft::new()
        .header("x-amz-security-token", "t")
        .presign("60");
    refused(&request, AuthError::Ambiguous("session token"));
}

#[test]
fn other_algorithms_are_refused() {
    let bad = "Unsupported AWS 'algorithm': only 'AWS4-HMAC-SHA256' is accepted.";
    let request = Draft::new().sign();
    let right = request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    for algorithm in [
        "AWS4-HMAC-SHA1",
        "AWS4-HMAC-SHA2567",
        "aws4-hmac-sha256",
        "AWS4-ECDSA-P256-SHA256",
        "AWS4-X509-RSA-SHA256",
        "AWS",
        "Bearer",
        "none",
        "",
    ] {
        let text = right.replace("AWS4-HMAC-SHA256", algorithm);
        let other = edited(&request, |headers| {
            headers.insert("authorization", value(&text));
        });
        refused(&other, AuthError::Incomplete(bad));
    }
    let presigned = Draft::new().presign("60");
    let uri = presigned.uri().to_string();
    for algorithm in ["AWS4-HMAC-SHA1", "none", ""] {
        let mut other = presigned.clone();
        *other.uri_mut() = uri.replace("AWS4-HMAC-SHA256", algorithm).parse().unwrap();
        refused(&other, AuthError::Incomplete(bad));
    }
}

#[test]
fn a_signature_of_zeros_is_refused() {
    for request in both(&Draft::new()) {
        let zeros = "0".repeat(64);
        let mut other = request.clone();
        if let Some(text) = request.headers().get("authorization") {
            let (front, _) = text.to_str().unwrap().rsplit_once('=').unwrap();
            other
                .headers_mut()
                .insert("authorization", value(&format!("{front}={zeros}")));
        } else {
            let uri = request.uri().to_string();
            let (front, _) = uri.rsplit_once('=').unwrap();
            *other.uri_mut() = format!("{front}={zeros}").parse().unwrap();
        }
        refused(&other, AuthError::Mismatch);
    }
}

#[test]
fn a_signed_call_cannot_be_replayed_as_another() {
    for request in both(&Draft::new()) {
        let mut other = request.clone();
        *other.method_mut() = Method::PUT;
        refused(&other, AuthError::Mismatch);
        let mut other = request.clone();
        let query = request
            .uri()
            .query()
            .map(|it| format!("?{it}"))
            .unwrap_or_default();
        *other.uri_mut() = format!("/FeatureGroup/a{query}").parse().unwrap();
        refused(&other, AuthError::Mismatch);
        refused(
            &with_query(&request, "Action=DeleteUser"),
            AuthError::Mismatch,
        );
        let mut other = request.clone();
        *other.body_mut() = b"{\"KeyId\":\"a\"}".to_vec();
        refused(&other, AuthError::Mismatch);
        let other = edited(&request, |headers| {
            headers.insert("host", value("kms.eu-west-1.amazonaws.com"));
        });
        refused(&other, AuthError::Mismatch);
    }
}

#[test]
fn a_scope_cannot_be_exchanged() {
    let request = Draft::new().sign();
    let right = request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    for (from, to) in [("us-east-1", "eu-west-1"), ("/kms/", "/iam/")] {
        let other = edited(&request, |headers| {
            headers.insert("authorization", value(&right.replace(from, to)));
        });
        refused(&other, AuthError::Mismatch);
    }
}

#[test]
fn incomplete_authorizations_are_refused_with_the_missing_part() {
    let request = Draft::new().sign();
    let right = request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    let parts: Vec<_> = right.split_once(' ').unwrap().1.split(", ").collect();
    for (left_out, name) in ["Credential", "SignedHeaders", "Signature"]
        .iter()
        .enumerate()
    {
        let mut kept = parts.clone();
        kept.remove(left_out);
        let text = format!("AWS4-HMAC-SHA256 {}", kept.join(", "));
        let other = edited(&request, |headers| {
            headers.insert("authorization", value(&text));
        });
        let refusal = verify_at(&other, SECRET, signing_time()).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            format!("Authorization header requires '{name}' parameter.")
        );
        let doubled = format!("{right}, {}", parts[left_out]);
        let other = edited(&request, |headers| {
            headers.insert("authorization", value(&doubled));
        });
        refused(
            &other,
            AuthError::Ambiguous("parameter of one name in Authorization"),
        );
    }
}

#[test]
fn signed_header_lists_have_one_spelling() {
    let request = Draft::new().sign();
    let right = request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    let bad = "'SignedHeaders' must be a sorted list of lower-case header names";
    for list in [
        "",
        ";",
        "host;x-amz-date;x-amz-target;",
        "x-amz-target;x-amz-date;host",
        "host;host;x-amz-date;x-amz-target",
        "Host;x-amz-date;x-amz-target",
        "host;x-amz-date ;x-amz-target",
    ] {
        let text = right.replace("host;x-amz-date;x-amz-target", list);
        let other = edited(&request, |headers| {
            headers.insert("authorization", value(&text));
        });
        refused(&other, AuthError::Incomplete(bad));
    }
}

#[test]
fn signatures_have_one_spelling() {
    let request = Draft::new().sign();
    let right = request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    let (front, signature) = right.rsplit_once('=').unwrap();
    let upper = signature.to_uppercase();
    for text in [
        "",
        "00",
        &format!("{signature}00"),
        &upper,
        &signature.replace('a', "g"),
    ] {
        let other = edited(&request, |headers| {
            headers.insert("authorization", value(&format!("{front}={text}")));
        });
        refused(
            &other,
            AuthError::Incomplete("'Signature' must be 64 lower-case hexadecimal digits"),
        );
    }
}

#[test]
fn a_request_without_a_signature_is_refused() {
    let request = edited(&Draft::new().sign(), |headers| {
        headers.remove("authorization");
    });
    refused(&request, AuthError::Missing);
    let other = with_query(&request, "AWSAccessKeyId=x&Signature=y");
    refused(&other, AuthError::Missing);
}

#[test]
fn bodies_are_signed_whole() {
    let request = Draft::new().body(b"{\"a\":1}").sign();
    for body in [&b"{\"a\":1} "[..], b"{\"a\":1", b"", b"{\"a\":2}"] {
        let mut other = request.clone();
        *other.body_mut() = body.to_vec();
        refused(&other, AuthError::Mismatch);
    }
}

proptest! {
    #[test]
    fn any_authorization_is_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "AWS4-HMAC-SHA256 (Credential|SignedHeaders|Signature|=|,|/|;|[a-z0-9é ])*",
    ) {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let Ok(value) = HeaderValue::from_bytes(bytes) else { continue };
            let request = edited(&Draft::new().sign(), |headers| {
                headers.insert("authorization", value);
            });
            prop_assert!(verify_at(&request, SECRET, signing_time()).is_err());
        }
    }

    #[test]
    fn any_query_is_read_or_refused(
        query in "(X-Amz-(Date|Signature|Credential|Expires|Algorithm)|[=&%+/]|[0-9a-zA-Z])*",
    ) {
        if let Ok(uri) = format!("/?{query}").parse() {
            let mut request = Draft::new().presign("60");
            *request.uri_mut() = uri;
            prop_assert!(verify_at(&request, SECRET, signing_time()).is_err());
        }
    }
}
