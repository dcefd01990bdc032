//! Bounds and agreement with simpler readers; meanings are in `testdata/requests`.

use std::collections::BTreeMap;

use http::Request;
use proptest::prelude::*;
use shapes::service_model;

use super::*;

fn form_head() -> Parts {
    Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(())
        .unwrap()
        .into_parts()
        .0
}

/// The input of a Query request with these parameters, in a form that can be compared.
fn form_of(parameters: &str) -> Result<String, Error> {
    let model = service_model(Service::Iam).unwrap();
    let body = format!("Action=ListUsers&Version=2010-05-08&{parameters}");
    let parts = form_head();
    form(&parts, model, body.as_bytes()).map(|call| shown(call.input()))
}

fn shown(tree: &Tree<'_>) -> String {
    match tree {
        Tree::Null | Tree::Bool(_) | Tree::Number(_) => panic!("forms have text only"),
        Tree::Text(text) => format!("{:?}", text.as_str()),
        Tree::List(items) => {
            format!(
                "[{}]",
                items.iter().map(shown).collect::<Vec<_>>().join(",")
            )
        }
        Tree::Object(members) => {
            let members: BTreeMap<_, _> = members
                .iter()
                .map(|(name, it)| (name.as_str(), shown(it)))
                .collect();
            format!("{members:?}")
        }
    }
}

#[test]
fn hostile_positions_take_no_room() {
    let spread: Vec<String> = (0..1000_u32)
        .map(|n| format!("A.member.{}=x", n * 4_000_000 + 1))
        .collect();
    let parts = form_head();
    let body = format!("Action=ListUsers&Version=2010-05-08&{}", spread.join("&"));
    let call = form(
        &parts,
        service_model(Service::Iam).unwrap(),
        body.as_bytes(),
    )
    .unwrap();
    let Tree::Object(members) = call.input() else {
        panic!()
    };
    let Tree::List(items) = &members[0].1 else {
        panic!()
    };
    assert_eq!(items.len(), 1000);
}

#[test]
fn a_level_with_more_than_members_is_a_structure() {
    assert_eq!(
        form_of("A.member.1=x&A.other=y").unwrap(),
        r#"{"A": "{\"member\": \"{\\\"1\\\": \\\"\\\\\\\"x\\\\\\\"\\\"}\", \"other\": \"\\\"y\\\"\"}"}"#
    );
}

#[test]
fn an_input_is_read_by_its_shape() {
    let body = br#"{"KeyId":"alias/a"}"#;
    let call = json(Service::Kms, "DescribeKey", body).unwrap();
    let request: shapes::kms::DescribeKeyRequest = call.read().unwrap();
    assert_eq!(request.key_id, "alias/a");
    let call = json(Service::Kms, "DescribeKey", b"").unwrap();
    let refused = call.read::<shapes::kms::DescribeKeyRequest>().unwrap_err();
    let refusal = refused.refusal(Protocol::Json, Some(Service::Kms));
    assert_eq!(refusal.code, "ValidationException");
    assert!(
        refusal.message.starts_with("1 validation error detected: "),
        "{}",
        refusal.message
    );
}

#[test]
fn debugging_a_call_shows_no_text_of_the_body() {
    let call = json(
        Service::Kms,
        "Encrypt",
        br#"{"Plaintext":"plaintextcanary"}"#,
    )
    .unwrap();
    assert!(!format!("{call:?}").contains("plaintextcanary"));
}

#[test]
fn many_names_are_compared_without_a_square() {
    let members: Vec<String> = (0..50_000).map(|n| format!("\"k{n}\":1")).collect();
    let body = format!("{{{}}}", members.join(","));
    assert!(json(Service::Kms, "Encrypt", body.as_bytes()).is_ok());
    let body = body.replace("\"k49999\"", "\"k0\"");
    assert!(json(Service::Kms, "Encrypt", body.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn lists_come_back_in_order(items in prop::collection::vec("[ -~é]{0,8}", 1..20)) {
        let mut parameters: Vec<String> = items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let item = crate::escape::encode(item.as_bytes().into()).into_owned();
                format!("A.member.{}={}", at + 1, String::from_utf8(item).unwrap())
            })
            .collect();
        parameters.reverse();
        let expected = shown(&Tree::Object(vec![(
            "A".into(),
            Tree::List(items.iter().map(|item| Tree::Text(item.as_str().into())).collect()),
        )]));
        prop_assert_eq!(form_of(&parameters.join("&")).unwrap(), expected);
    }

    #[test]
    fn bodies_without_repeated_names_mean_what_serde_says(text in "[\\[\\]{}:,\"ab0-9 ]{0,24}") {
        let naive = serde_json::from_str::<serde_json::Value>(&text).ok();
        let ours = json(Service::Kms, "Encrypt", text.as_bytes());
        match (naive, ours) {
            (Some(serde_json::Value::Object(members)), Ok(call)) => {
                let expected = Tree::from(serde_json::Value::Object(members));
                let sorted = |tree: &Tree<'_>| format!("{tree:?}").len();
                prop_assert_eq!(sorted(call.input()), sorted(&expected));
            }
            (Some(serde_json::Value::Object(_)), Err(error)) => {
                prop_assert_eq!(error.to_string(), "a JSON object has a name twice");
            }
            (_, Ok(_)) => prop_assert!(text.is_empty(), "{}", text),
            (_, Err(_)) => {}
        }
    }
}
