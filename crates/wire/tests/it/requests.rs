//! `testdata/requests`: a request (`request.http`) and what it means (`expected.json`).
//!
//! The request has no signature; the runner adds one that claims the scope of the expected
//! file. `expected.json` has either `call` or `error`.

use std::fs;
use std::path::Path;

use http::Request;
use serde_json::{Value, json};
use shapes::Tree;
use wire::sigv4::Unverified;
use wire::{Envelope, Limits, Refusal};

fn read_request(bytes: &[u8], scope: &str) -> Request<Vec<u8>> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.lines();
    let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "h");
    let mut signed = vec!["host".to_owned(), "x-amz-date".to_owned()];
    for header in lines {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
        signed.push(name.to_lowercase());
    }
    signed.sort();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/{scope}/aws4_request, \
         SignedHeaders={}, Signature={}",
        signed.join(";"),
        "0".repeat(64)
    );
    request
        .header("x-amz-date", "20150830T123600Z")
        .header("authorization", authorization)
        .body(bytes[end + 2..].to_vec())
        .unwrap()
}

fn value(tree: &Tree<'_>) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(flag) => Value::Bool(*flag),
        Tree::Number(number) => Value::Number(number.clone()),
        Tree::Text(text) => Value::String(text.as_str().to_owned()),
        Tree::List(items) => items.iter().map(value).collect(),
        Tree::Object(members) => {
            let members = members
                .iter()
                .map(|(name, it)| (name.as_str().to_owned(), value(it)));
            Value::Object(members.collect())
        }
    }
}

/// What the request means, in the form of `expected.json`.
fn meaning(request: &Request<Vec<u8>>, scope: &str) -> Value {
    let (parts, body) = request.clone().into_parts();
    let head = || {
        Limits::default().check(&parts)?;
        let unverified = Unverified::from_request(&parts)?;
        Envelope::from_request(&parts, unverified.scope())
    };
    let error = |error: &wire::Error, refusal: Refusal| {
        assert!(!error.to_string().is_empty());
        json!({ "scope": scope, "error": {
            "code": refusal.code,
            "status": refusal.status,
            "message": refusal.message,
        }})
    };
    let envelope = match head() {
        Ok(envelope) => envelope,
        Err(failed) => {
            return error(&failed, failed.refusal(wire::protocol_of(&parts), None));
        }
    };
    match envelope.call(&body) {
        Ok(call) => {
            if let Some(known) = envelope.operation() {
                assert_eq!(known, call.operation());
            }
            json!({ "scope": scope, "call": {
                "service": call.service().model_name(),
                "protocol": format!("{:?}", call.protocol()),
                "operation": call.operation(),
                "input": value(call.input()),
            }})
        }
        Err(failed) => {
            let refusal = failed.refusal(envelope.protocol(), Some(envelope.service()));
            error(&failed, refusal)
        }
    }
}

#[test]
fn every_request_means_what_is_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/requests");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        let expected: Value =
            serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        let scope = expected["scope"].as_str().unwrap();
        let request = read_request(&fs::read(folder.join("request.http")).unwrap(), scope);
        let found = meaning(&request, scope);
        if found != expected {
            wrong.push(format!(
                "{}:\n  found    {found}\n  expected {expected}",
                folder.display()
            ));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 70, "only {count} cases were found");
}
