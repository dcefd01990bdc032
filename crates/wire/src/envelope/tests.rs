//! Guessing protocols, and heads that nobody wrote on purpose; meanings are in
//! `testdata/requests`.

use http::Request;
use proptest::prelude::*;

use super::*;
use crate::sigv4::Unverified;

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn check_guess(uri: &str, headers: &[(&str, &str)], expected: Protocol) {
    assert_eq!(
        protocol_of(&head("POST", uri, headers)),
        expected,
        "{uri} {headers:?}"
    );
}

#[test]
fn the_protocol_of_a_head_is_guessed_for_errors() {
    let form = (
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    check_guess(
        "/",
        &[("x-amz-target", "TrentService.Encrypt")],
        Protocol::Json,
    );
    check_guess(
        "/x",
        &[("x-amz-target", "TrentService.Encrypt")],
        Protocol::Json,
    );
    check_guess("/FeatureGroup/a", &[], Protocol::RestJson);
    check_guess("/", &[form], Protocol::Query);
    check_guess("/?Action=GetCallerIdentity", &[], Protocol::Query);
    check_guess("/", &[], Protocol::Json);
}

#[test]
fn what_an_unsigned_head_is_meant_for_is_told_if_it_exists() {
    let of = |method, uri, headers: &[(&str, &str)]| addressed(&head(method, uri, headers));
    let target = |name| [("x-amz-target", name)];
    let kms = |name| of("POST", "/", &target(name));
    assert_eq!(kms("TrentService.Encrypt"), Some((Service::Kms, "Encrypt")));
    for unknown in ["TrentService.Invented", "Nobody.Encrypt", "Encrypt", ""] {
        assert_eq!(kms(unknown), None, "{unknown}");
    }
    let record = Some((Service::FeatureStoreRuntime, "GetRecord"));
    assert_eq!(of("GET", "/FeatureGroup/a", &[]), record);
    let share = Some((Service::Ram, "CreateResourceShare"));
    assert_eq!(of("POST", "/createresourceshare", &[]), share);
    assert_eq!(of("GET", "/createresourceshare", &[]), None);
    assert_eq!(of("GET", "/nothing", &[]), None);
    assert_eq!(of("POST", "/?Action=ListUsers", &[]), None);
}

/// A head that claims the scope of `service`, with every header signed.
fn scoped(service: &str, method: &str, uri: &str, headers: &[(&str, &str)]) -> Option<Parts> {
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.extend(["host", "x-amz-date"]);
    names.sort_unstable();
    names.dedup();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/{service}/aws4_request, \
         SignedHeaders={}, Signature={}",
        names.join(";"),
        "0".repeat(64)
    );
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "h")
        .header("x-amz-date", "20150830T123600Z")
        .header("authorization", authorization);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Some(request.body(()).ok()?.into_parts().0)
}

#[test]
fn the_body_names_the_operation_of_query_requests() {
    let parts = scoped("iam", "POST", "/", &[]).unwrap();
    let unverified = Unverified::from_request(&parts).unwrap();
    let envelope = Envelope::from_request(&parts, unverified.scope()).unwrap();
    assert_eq!(envelope.service(), Service::Iam);
    assert_eq!(envelope.protocol(), Protocol::Query);
    assert_eq!(envelope.operation(), None);
}

#[test]
fn two_targets_are_refused() {
    let twice = [
        ("x-amz-target", "TrentService.ListKeys"),
        ("x-amz-target", "TrentService.Encrypt"),
    ];
    let (parts, signed) = (
        scoped("kms", "POST", "/", &twice).unwrap(),
        scoped("kms", "POST", "/", &twice[..1]).unwrap(),
    );
    let unverified = Unverified::from_request(&signed).unwrap();
    let refused = Envelope::from_request(&parts, unverified.scope()).unwrap_err();
    assert_eq!(refused, Error::Auth(AuthError::Ambiguous("x-amz-target")));
}

#[test]
fn names_in_errors_are_short_and_printable() {
    assert_eq!(shown("a\u{1b}[31m\nb"), "a[31mb");
    assert_eq!(shown(&"é".repeat(1000)).chars().count(), 128);
}

proptest! {
    #[test]
    fn any_head_and_body_mean_something_or_are_refused(
        service in prop::sample::select(vec!["kms", "sagemaker", "iam", "sts", "cloudtrail", "strongroom", "x"]),
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]),
        uri in "/(FeatureGroup/|BatchGetRecord|%[0-9a-f]{2}|[a-z%./]){0,4}(\\?([A-Za-z]+=[a-z%0-9]*&?){0,3})?",
        target in prop::option::of("(TrentService|SageMaker|Strongroom)?\\.?[ -~]{0,12}"),
        body in prop::collection::vec(any::<u8>(), 0..60),
        form in "(Action=[A-Za-z]+&Version=2010-05-08&)?([A-C](\\.(member|entry|key|value|[0-9]{1,3})){0,5}=[%a-z0-9]*&){0,6}",
        json in "[\\[\\]{}:,\"a-c0-9. ntrue]{0,40}",
    ) {
        let mut headers = vec![("content-type", match service {
            "iam" | "sts" => "application/x-www-form-urlencoded",
            _ => "application/x-amz-json-1.1",
        })];
        if let Some(target) = &target {
            headers.push(("x-amz-target", target.as_str()));
        }
        if let Some(parts) = scoped(service, method, &uri, &headers)
            && let Ok(unverified) = Unverified::from_request(&parts)
            && let Ok(envelope) = Envelope::from_request(&parts, unverified.scope())
        {
            for body in [body.as_slice(), form.as_bytes(), json.as_bytes()] {
                if let Ok(call) = envelope.call(body) {
                    prop_assert!(matches!(call.input(), shapes::Tree::Object(_)));
                    prop_assert_eq!(call.service(), envelope.service());
                }
            }
        }
    }
}
