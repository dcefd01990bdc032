//! `testdata/answers`: answers as they leave, byte for byte.
//!
//! Each file is the status line, the headers by name, an empty line, and the body.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::Response;
use shapes::iam::{
    AccessKey, CreateAccessKeyResponse, GetUserResponse, ListAccessKeysResponse, Tag, User,
};
use shapes::kms::{DecryptResponse, ListKeysResponse};
use shapes::{Empty, Protocol};
use types::{Entropy, ErrorKind, RequestId, Service, Timestamp};
use wire::sigv4::AuthError;
use wire::{Error, Refusal, ReplyTo};

#[derive(Debug)]
struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, target: &mut [u8]) {
        target.fill(0);
    }
}

fn id() -> RequestId {
    RequestId::generate(&Zeros)
}

fn to(service: Service, operation: &str) -> ReplyTo {
    ReplyTo::operation(service, operation, id())
}

fn refusal(kind: ErrorKind, code: &'static str, message: &str) -> Refusal {
    Refusal {
        kind,
        code: code.into(),
        message: message.to_owned(),
        status: None,
        reason: None,
    }
}

fn check(name: &str, response: &Response<Bytes>) {
    let mut text = format!("{}\n", response.status());
    for (name, value) in response.headers() {
        text += &[name.as_str(), ": ", value.to_str().unwrap(), "\n"].concat();
    }
    text += "\n";
    text += std::str::from_utf8(response.body()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/answers")
        .join(format!("{name}.http"));
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{}", path.display());
}

#[test]
fn json_output() {
    let output = ListKeysResponse {
        keys: Some(Vec::new()),
        truncated: Some(false),
        ..Default::default()
    };
    let response = to(Service::Kms, "ListKeys").output(&output).unwrap();
    check("json-output", &response);
}

#[test]
fn json_blob_output() {
    let output = DecryptResponse {
        key_id: Some("a".to_owned()),
        plaintext: Some(b"secret".to_vec().into()),
        ..Default::default()
    };
    check(
        "json-blob",
        &to(Service::Kms, "Decrypt").output(&output).unwrap(),
    );
}

#[test]
fn operations_without_output_answer_with_an_empty_body() {
    check(
        "json-no-output",
        &to(Service::Kms, "EnableKey").output(&Empty {}).unwrap(),
    );
    let put = to(Service::FeatureStoreRuntime, "PutRecord");
    check("rest-no-output", &put.output(&Empty {}).unwrap());
    check(
        "query-no-output",
        &to(Service::Iam, "DeleteUser").output(&Empty {}).unwrap(),
    );
}

#[test]
fn bodies_written_by_the_service_pass_unchanged() {
    let get = to(Service::FeatureStoreRuntime, "GetRecord");
    check(
        "rest-written",
        &get.written(Bytes::from_static(b"{\"Record\":[]}")),
    );
}

#[test]
fn query_structures_are_elements_in_order() {
    let output = CreateAccessKeyResponse {
        access_key: AccessKey {
            user_name: "<a> & \"b\"".to_owned(),
            access_key_id: "AKIDEXAMPLEEXAMPLE00".to_owned(),
            status: shapes::iam::StatusType::Active,
            secret_access_key: "se/cret+".to_owned().into(),
            create_date: Some(Timestamp::new(1_440_938_160, 0)),
        },
    };
    let response = to(Service::Iam, "CreateAccessKey").output(&output).unwrap();
    check("query-structure", &response);
}

#[test]
fn query_lists_are_members() {
    let tag = |key: &str| Tag {
        key: key.to_owned(),
        value: String::new(),
    };
    let output = GetUserResponse {
        user: User {
            path: "/".to_owned(),
            user_name: "a".to_owned(),
            user_id: "AIDA".to_owned(),
            arn: "arn:aws:iam::111122223333:user/a".to_owned(),
            create_date: Timestamp::new(0, 0),
            tags: Some(vec![tag("k"), tag("l")]),
            password_last_used: None,
            permissions_boundary: None,
        },
    };
    check(
        "query-list",
        &to(Service::Iam, "GetUser").output(&output).unwrap(),
    );
    let output = ListAccessKeysResponse::default();
    check(
        "query-empty-list",
        &to(Service::Iam, "ListAccessKeys").output(&output).unwrap(),
    );
}

#[test]
fn json_errors_name_their_type_in_the_body() {
    let missing = refusal(
        ErrorKind::NotFound,
        "NotFoundException",
        "key `\"a\"` is gone",
    );
    check(
        "json-error",
        &to(Service::Kms, "DescribeKey").error(&missing),
    );
    let internal = refusal(ErrorKind::Internal, "KMSInternalException", "x");
    check(
        "json-internal",
        &to(Service::Kms, "DescribeKey").error(&internal),
    );
}

#[test]
fn rest_errors_name_their_type_in_a_header() {
    let get = to(Service::FeatureStoreRuntime, "GetRecord");
    let missing = refusal(ErrorKind::Validation, "ResourceNotFound", "no such group");
    check("rest-error", &get.error(&missing));
    let denied = refusal(ErrorKind::Denied, "AccessDeniedException", "no");
    check("rest-denied", &get.error(&denied));
}

#[test]
fn query_errors_are_documents() {
    let get = to(Service::Iam, "GetUser");
    let missing = refusal(ErrorKind::NotFound, "NoSuchEntity", "user <a>\u{1}\r\n& b");
    check("query-error", &get.error(&missing));
    let denied = refusal(ErrorKind::Denied, "AccessDeniedException", "no");
    check("query-denied", &get.error(&denied));
    let internal = refusal(ErrorKind::Internal, "InternalFailure", "x");
    check("query-internal", &get.error(&internal));
}

#[test]
fn errors_before_an_operation_is_known_fit_the_protocol() {
    for (protocol, name) in [
        (Protocol::Json, "unknown-json"),
        (Protocol::RestJson, "unknown-rest"),
        (Protocol::Query, "unknown-query"),
    ] {
        let reply = ReplyTo::unknown(None, protocol, id());
        check(name, &reply.refuse(&Error::Auth(AuthError::Mismatch)));
    }
}

#[test]
fn clients_of_s3_read_its_own_form_whatever_the_head_looks_like() {
    for protocol in [Protocol::Json, Protocol::RestJson, Protocol::Query] {
        let reply = ReplyTo::unknown(Some(Service::S3), protocol, id());
        let refused = Error::Auth(AuthError::NoEndpoint);
        check("s3-no-endpoint", &reply.refuse(&refused));
    }
}

#[test]
fn a_body_that_is_too_long_is_told_so() {
    let reply = ReplyTo::unknown(Some(Service::Kms), Protocol::Json, id());
    check("too-large", &reply.refuse(&Error::TooLarge { limit: 1024 }));
}

#[test]
fn our_own_service_answers_in_json() {
    check(
        "own-service",
        &to(Service::Strongroom, "Status").output(&Empty {}).unwrap(),
    );
}
