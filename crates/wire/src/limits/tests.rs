//! Heads that are refused, and the ones that are not.

use http::Request;
use proptest::prelude::*;

use super::*;

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn check(method: &str, uri: &str, headers: &[(&str, &str)], expected: &Result<BodyRule, Error>) {
    let found = Limits::default().check(&head(method, uri, headers));
    assert_eq!(&found, expected, "{method} {uri} {headers:?}");
}

fn accepted(uri: &str, headers: &[(&str, &str)], limit: usize, declared: usize) {
    check("POST", uri, headers, &Ok(BodyRule { limit, declared }));
}

fn refused(uri: &str, headers: &[(&str, &str)], text: &'static str) {
    check("POST", uri, headers, &Err(Error::Head(text)));
}

const MIB: usize = 1024 * 1024;

#[test]
fn a_plain_head_is_accepted() {
    accepted("/", &[("content-length", "2")], MIB, 2);
    accepted("/", &[], MIB, 0);
}

#[test]
fn records_may_be_longer() {
    accepted(
        "/FeatureGroup/a",
        &[("content-length", "2000000")],
        8 * MIB,
        2_000_000,
    );
    accepted(
        "/BatchGetRecord",
        &[("content-length", "2000000")],
        8 * MIB,
        2_000_000,
    );
    // RAM speaks the same protocol and has no records.
    accepted(
        "/createresourceshare",
        &[("content-length", "1048576")],
        MIB,
        MIB,
    );
    check(
        "POST",
        "/createresourceshare",
        &[("content-length", "1048577")],
        &Err(Error::TooLarge { limit: MIB }),
    );
}

#[test]
fn other_methods_are_refused() {
    for method in ["OPTIONS", "TRACE", "PATCH", "HEAD", "CONNECT", "get", "X"] {
        check(method, "/", &[], &Err(Error::Method));
    }
}

#[test]
fn both_kinds_of_framing_are_refused() {
    refused(
        "/",
        &[("content-length", "2"), ("transfer-encoding", "chunked")],
        CHUNKED,
    );
}

#[test]
fn repeated_framing_is_refused() {
    let text = "the framing of the body is declared more than once";
    refused(
        "/",
        &[("content-length", "2"), ("content-length", "2")],
        text,
    );
    refused(
        "/",
        &[("content-length", "2"), ("content-length", "3")],
        text,
    );
    refused(
        "/",
        &[
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "chunked"),
        ],
        text,
    );
    refused(
        "/",
        &[
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "identity"),
            ("content-length", "1"),
        ],
        text,
    );
}

#[test]
fn every_transfer_coding_is_refused() {
    for coding in [
        "chunked",
        "Chunked",
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, chunked",
        "xchunked",
        "",
        "chunked;a=1",
    ] {
        refused("/", &[("transfer-encoding", coding)], CHUNKED);
    }
}

#[test]
fn lengths_that_are_no_numbers_are_refused() {
    for length in ["", "-1", "+1", "1,1", "0x10", "1 1", "１"] {
        let value = http::HeaderValue::from_bytes(length.as_bytes()).unwrap();
        let mut parts = head("POST", "/", &[]);
        parts.headers.insert("content-length", value);
        assert_eq!(
            Limits::default().check(&parts),
            Err(Error::Head("Content-Length must be a number"))
        );
    }
}

#[test]
fn declared_lengths_above_the_limit_are_refused() {
    accepted("/", &[("content-length", "1048576")], MIB, MIB);
    for length in ["1048577", "99999999999999999999999999"] {
        check(
            "POST",
            "/",
            &[("content-length", length)],
            &Err(Error::TooLarge { limit: MIB }),
        );
    }
    check(
        "PUT",
        "/FeatureGroup/a",
        &[("content-length", "8388609")],
        &Err(Error::TooLarge { limit: 8 * MIB }),
    );
}

#[test]
fn too_many_and_too_long_headers_are_refused() {
    let text = "the headers are too many or too long";
    let many: Vec<(&str, &str)> = vec![("a", "1"); 65];
    refused("/", &many, text);
    refused("/", &[("a", &"x".repeat(32 * 1024))], text);
    accepted("/", &many[..64], MIB, 0);
}

#[test]
fn long_uris_are_refused() {
    let text = "the path and query string are too long";
    refused(&format!("/{}", "a".repeat(16 * 1024)), &[], text);
    refused(&format!("/?{}", "a".repeat(16 * 1024)), &[], text);
}

#[test]
fn dot_segments_and_nul_are_refused_in_every_spelling() {
    let text = "the path must not contain dot segments or NUL";
    for path in [
        "/..",
        "/.",
        "/FeatureGroup/../x",
        "/FeatureGroup/%2e%2e",
        "/FeatureGroup/%2E.",
        "/FeatureGroup/.%2e/x",
        "/FeatureGroup/a%00",
        "/FeatureGroup/%00",
    ] {
        refused(path, &[], text);
    }
    accepted("/FeatureGroup/...", &[], 8 * MIB, 0);
    accepted("/FeatureGroup/a..b", &[], 8 * MIB, 0);
}

#[test]
fn incomplete_escapes_in_the_path_are_refused() {
    for path in ["/%", "/%4", "/a%zz"] {
        refused(path, &[], "the path has an incomplete percent escape");
    }
}

#[test]
fn encoded_bodies_are_refused() {
    refused(
        "/",
        &[("content-encoding", "gzip")],
        "an encoded body is not accepted",
    );
}

proptest! {
    #[test]
    fn any_head_is_accepted_or_refused(
        path in "/[ -~é]{0,40}",
        name in "[a-z-]{1,20}",
        value: Vec<u8>,
    ) {
        if let (Ok(uri), Ok(value)) = (path.parse::<http::Uri>(), http::HeaderValue::from_bytes(&value)) {
            let mut parts = head("POST", "/", &[]);
            parts.uri = uri;
            for name in [name.as_str(), "content-length", "transfer-encoding"] {
                let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
                parts.headers.insert(name, value.clone());
            }
            let _ = Limits::default().check(&parts);
        }
    }
}
