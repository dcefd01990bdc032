//! Statuses and codes; how answers look is in `testdata/answers`.

use super::*;

#[derive(Debug)]
struct Zeros;

impl types::Entropy for Zeros {
    fn fill(&self, target: &mut [u8]) {
        target.fill(0);
    }
}

fn check(service: Service, operation: &str, refusal: &Refusal, expected: u16) {
    let reply = ReplyTo::operation(service, operation, RequestId::generate(&Zeros));
    assert_eq!(
        reply.error(refusal).status().as_u16(),
        expected,
        "{refusal:?}"
    );
}

fn refusal(kind: ErrorKind, code: &'static str, status: Option<u16>) -> Refusal {
    Refusal {
        kind,
        code: code.into(),
        message: String::new(),
        status,
        reason: None,
    }
}

#[test]
fn the_status_of_the_model_wins() {
    let missing = refusal(ErrorKind::Validation, "ResourceNotFound", Some(418));
    check(Service::FeatureStoreRuntime, "GetRecord", &missing, 404);
    // BatchGetRecord does not declare it, the service does.
    check(
        Service::FeatureStoreRuntime,
        "BatchGetRecord",
        &missing,
        404,
    );
    let gone = refusal(ErrorKind::NotFound, "NotFoundException", None);
    check(Service::Kms, "DescribeKey", &gone, 400);
}

#[test]
fn a_fixed_status_goes_before_the_kind() {
    let strange = refusal(ErrorKind::Validation, "Strange", Some(418));
    check(Service::Kms, "DescribeKey", &strange, 418);
    let impossible = refusal(ErrorKind::Validation, "Strange", Some(1));
    check(Service::Kms, "DescribeKey", &impossible, 500);
}

#[test]
fn else_the_kind_decides_by_protocol() {
    let services = [
        (Service::Kms, "DescribeKey"),
        (Service::FeatureStoreRuntime, "GetRecord"),
        (Service::Iam, "GetUser"),
    ];
    for (kind, expected) in [
        (ErrorKind::Validation, [400, 400, 400]),
        (ErrorKind::NotFound, [400, 404, 404]),
        (ErrorKind::Conflict, [400, 409, 409]),
        (ErrorKind::Denied, [400, 403, 403]),
        (ErrorKind::Unauthenticated, [400, 403, 403]),
        (ErrorKind::LimitExceeded, [400, 400, 409]),
        (ErrorKind::Throttled, [400, 429, 400]),
        (ErrorKind::Unsupported, [400, 404, 400]),
        (ErrorKind::Unavailable, [503, 503, 503]),
        (ErrorKind::Internal, [500, 500, 500]),
    ] {
        for ((service, operation), status) in services.into_iter().zip(expected) {
            check(service, operation, &refusal(kind, "Strange", None), status);
        }
    }
}

#[test]
fn json_has_no_message_if_there_is_no_text() {
    let silent = refusal(ErrorKind::Validation, "InvalidCiphertextException", None);
    let told = Refusal {
        message: "text".to_owned(),
        ..refusal(ErrorKind::Validation, "TagException", None)
    };
    for (refusal, expected) in [
        (silent, r#"{"__type":"InvalidCiphertextException"}"#),
        (told, r#"{"__type":"TagException","message":"text"}"#),
    ] {
        let reply = ReplyTo::operation(Service::Kms, "Decrypt", RequestId::generate(&Zeros));
        assert_eq!(reply.error(&refusal).body(), expected);
    }
}

#[test]
fn ram_writes_its_message_in_small_letters() {
    let unknown = refusal(ErrorKind::NotFound, "UnknownResourceException", None);
    let id = RequestId::generate(&Zeros);
    for (service, operation, member, status) in [
        (Service::Ram, "DeleteResourceShare", "message", 400),
        (Service::FeatureStoreRuntime, "GetRecord", "Message", 404),
    ] {
        let answer = ReplyTo::operation(service, operation, id).error(&unknown);
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(body[member].is_string(), "{body}");
        assert_eq!(answer.status(), status);
        assert_eq!(
            answer.headers()["x-amzn-errortype"],
            "UnknownResourceException"
        );
    }
}

#[test]
fn query_has_its_own_names_for_common_errors() {
    for (code, query) in [
        ("AccessDeniedException", "AccessDenied"),
        ("UnrecognizedClientException", "InvalidClientTokenId"),
        ("ExpiredTokenException", "ExpiredToken"),
        ("ThrottlingException", "Throttling"),
        ("ValidationException", "ValidationError"),
        ("NoSuchEntity", "NoSuchEntity"),
    ] {
        assert_eq!(spelled(Protocol::Query, code), query);
        assert_eq!(spelled(Protocol::Json, code), code);
        assert_eq!(spelled(Protocol::RestJson, code), code);
    }
}

fn check_named(call: (Service, &str), failed: (ErrorKind, &'static str), shown: (&str, u16)) {
    let id = RequestId::generate(&Zeros);
    let refusal = refusal(failed.0, failed.1, None);
    let answer = ReplyTo::operation(call.0, call.1, id).error(&refusal);
    assert_eq!(answer.headers()["x-amzn-errortype"], shown.0);
    assert_eq!(answer.status(), shown.1);
}

#[test]
fn services_have_their_own_names_for_what_every_call_can_fail_with() {
    let ram = (Service::Ram, "DeleteResourceShare");
    let busy = (ErrorKind::Unavailable, "ServiceUnavailable");
    check_named(ram, busy, ("ServiceUnavailableException", 503));
    let failed = (ErrorKind::Internal, "InternalFailure");
    check_named(ram, failed, ("ServerInternalException", 500));
    let runtime = (Service::FeatureStoreRuntime, "PutRecord");
    check_named(runtime, busy, ("ServiceUnavailable", 503));
    check_named(runtime, failed, ("InternalFailure", 500));
    let too_large = (ErrorKind::Validation, "ValidationException");
    check_named(runtime, too_large, ("ValidationError", 400));
    // What is no operation of a service has the names that all share.
    let unknown = ReplyTo::unknown(None, Protocol::RestJson, RequestId::generate(&Zeros));
    let answer = unknown.error(&refusal(too_large.0, too_large.1, None));
    assert_eq!(answer.headers()["x-amzn-errortype"], "ValidationException");
}

#[test]
fn an_error_that_the_operation_declares_keeps_its_name() {
    let expired = refusal(ErrorKind::Unauthenticated, "ExpiredTokenException", None);
    let name = |operation| {
        let id = RequestId::generate(&Zeros);
        let reply = ReplyTo::operation(Service::Sts, operation, id);
        let answer = reply.error(&expired);
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        let (_, code) = body.split_once("<Code>").unwrap();
        code.split_once("</Code>").unwrap().0.to_owned()
    };
    assert_eq!(name("AssumeRoleWithWebIdentity"), "ExpiredTokenException");
    assert_eq!(name("GetCallerIdentity"), "ExpiredToken");
}
