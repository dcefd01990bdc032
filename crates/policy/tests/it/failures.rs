//! Failures that other systems published, each as a test that would have caught it.

use policy::{Document, DocumentKind};
use serde_json::json;
use types::{Arn, UniqueId};

use crate::case::Case;

const BUCKET: &str = "arn:aws:s3:::b/Bob/x";

/// Bob of the account that owns the bucket asks for an object, with this context and these
/// identity policies.
fn check(context: &serde_json::Value, identity: &serde_json::Value, expected: &str) {
    let case: Case = serde_json::from_value(json!({
        "name": "published failure",
        "principal": {"user": "Bob", "account": "111122223333"},
        "action": "s3:GetObject",
        "resource": BUCKET,
        "owner": "111122223333",
        "context": context,
        "policies": {"identity": [{"Version": "2012-10-17", "Statement": identity}]}
    }))
    .unwrap();
    assert_eq!(case.outcome(), expected, "{identity}");
}

#[test]
fn a_wildcard_in_a_tag_value_does_not_expand_in_a_resource() {
    let own = json!({"Effect": "Allow", "Action": "s3:*",
        "Resource": "arn:aws:s3:::b/${aws:PrincipalTag/home}/*"});
    check(&json!({"aws:PrincipalTag/home": "Bob"}), &own, "ALLOW");
    check(&json!({"aws:PrincipalTag/home": "*"}), &own, "DENY(i)");
    check(&json!({"aws:PrincipalTag/home": "?ob"}), &own, "DENY(i)");
}

#[test]
fn a_colon_in_a_path_escapes_no_deny_and_widens_no_allow() {
    let statement = |effect: &str, element: &str| {
        json!({ "Effect": effect, "Action": "iam:GetRole",
            (element): "arn:aws:iam::111122223333:role/*/break-glass" })
    };
    let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let check = |path: &str, identity: serde_json::Value, expected: &str| {
        let case: Case = serde_json::from_value(json!({
            "name": "a path with a colon",
            "principal": {"user": "Bob", "account": "111122223333"},
            "action": "iam:GetRole",
            "resource": format!("arn:aws:iam::111122223333:role/{path}/break-glass"),
            "owner": "111122223333",
            "policies": {"identity": [{"Version": "2012-10-17", "Statement": identity}]}
        }))
        .unwrap();
        assert_eq!(case.outcome(), expected, "{path}: {identity}");
    };
    // What an Allow names, or a Deny leaves out, is meant as narrow as it can be read; what a Deny
    // names, or an Allow leaves out, as wide.
    check("x:y", json!([statement("Allow", "Resource")]), "DENY(i)");
    check(
        "x:y",
        json!([all, statement("Deny", "Resource")]),
        "DENY(e)",
    );
    check("x:y", json!([statement("Allow", "NotResource")]), "DENY(i)");
    check(
        "x:y",
        json!([all, statement("Deny", "NotResource")]),
        "DENY(e)",
    );
    check("x", json!([statement("Allow", "Resource")]), "ALLOW");
    check("x", json!([all, statement("Deny", "NotResource")]), "ALLOW");
}

#[test]
fn a_missing_variable_is_not_empty_text() {
    let any = json!({"Effect": "Allow", "Action": "s3:*",
        "Resource": "arn:aws:s3:::b/${aws:PrincipalTag/home}*"});
    check(&json!({}), &any, "DENY(i)");
}

#[test]
fn variables_are_replaced_in_conditions() {
    let own = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/owner": "${aws:username}"}}});
    let owner = |name: &str| json!({"aws:username": "Bob", "aws:ResourceTag/owner": name});
    check(&owner("Bob"), &own, "ALLOW");
    check(&owner("${aws:username}"), &own, "DENY(i)");
}

#[test]
fn string_not_equals_with_two_values_allows_neither() {
    let neither = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalTag/team": ["red", "blue"]}}});
    check(
        &json!({"aws:PrincipalTag/team": "red"}),
        &neither,
        "DENY(i)",
    );
    check(
        &json!({"aws:PrincipalTag/team": "blue"}),
        &neither,
        "DENY(i)",
    );
    check(
        &json!({"aws:PrincipalTag/team": "green"}),
        &neither,
        "ALLOW",
    );
}

#[test]
fn set_operators_are_understood() {
    let tags = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
                      "ForAnyValue:StringEquals": {"aws:TagKeys": ["b", "c"]}}});
    check(&json!({"aws:TagKeys": ["a", "b"]}), &tags, "ALLOW");
    check(&json!({"aws:TagKeys": ["a"]}), &tags, "DENY(i)");
    check(&json!({"aws:TagKeys": ["b", "c"]}), &tags, "DENY(i)");
}

#[test]
fn an_identity_without_account_or_policies_is_denied() {
    let case: Case = serde_json::from_value(json!({
        "name": "no account",
        "principal": {"service": "sagemaker.amazonaws.com"},
        "action": "s3:GetObject",
        "resource": BUCKET,
        "policies": {"identity": [{"Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}]}
    }))
    .unwrap();
    assert_eq!(case.outcome(), "DENY(i)");
    check(
        &json!({}),
        &json!([{"Effect": "Deny", "Action": "kms:*", "Resource": "*"}]),
        "DENY(i)",
    );
}

#[test]
fn the_same_name_in_another_account_is_another_principal() {
    let ask = |account: &str| {
        let case: Case = serde_json::from_value(json!({
            "name": "two accounts",
            "principal": {"user": "Bob", "account": account},
            "action": "kms:Decrypt",
            "resource": "arn:aws:kms:us-east-1:111122223333:key/1234",
            "policies": {
                "identity": [{"Version": "2012-10-17",
                    "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}],
                "resource": {"rule": "key", "document": {"Version": "2012-10-17",
                    "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*",
                        "Principal": {"AWS": "arn:aws:iam::111122223333:user/Bob"}}}}
            }
        }))
        .unwrap();
        case.outcome()
    };
    assert_eq!(ask("111122223333"), "ALLOW");
    assert_eq!(ask("444455556666"), "DENY(i)");
}

#[test]
fn reserved_names_in_other_letters_are_not_principals() {
    for name in [
        "arn:aws:iam::111122223333:Root",
        "arn:aws:iam::111122223333:ROOT",
        "arn:aws:iam::111122223333:root ",
        " arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:r\u{f6}ot",
        "ARN:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:root/",
        "11112222333\u{b3}",
    ] {
        let text = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
            "Principal": {"AWS": name}, "Action": "kms:*", "Resource": "*"}});
        let found = Document::parse(&text.to_string(), DocumentKind::KeyPolicy);
        assert!(found.is_err(), "{name}");
    }
}

#[test]
fn a_name_in_other_letters_is_not_the_reserved_one() {
    let not_root = json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringEqualsIgnoreCase": {"aws:PrincipalTag/role": "kms-root"}}}]);
    check(
        &json!({"aws:PrincipalTag/role": "KMS-Root"}),
        &not_root,
        "ALLOW",
    );
    check(
        &json!({"aws:PrincipalTag/role": "\u{212a}MS-root"}),
        &not_root,
        "DENY(i)",
    );
    check(
        &json!({"aws:PrincipalTag/role": "kms-root "}),
        &not_root,
        "DENY(i)",
    );
}

#[test]
fn a_user_that_was_created_again_inherits_no_access() {
    let text = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111122223333:user/Bob", "444455556666"]},
        "Action": "kms:*", "Resource": "*"}})
    .to_string();
    let mut document = Document::parse(&text, DocumentKind::KeyPolicy).unwrap();
    let id: UniqueId = "AIDAOLD00000000000001".parse().unwrap();
    let mut asked: Vec<Arn> = Vec::new();
    document.bind_principals(|arn| {
        asked.push(arn.clone());
        Some(id.clone())
    });
    assert_eq!(asked.len(), 1, "accounts have no unique id");
    let bob = |id: &str| types::Principal::User {
        account: "111122223333".parse().unwrap(),
        arn: "arn:aws:iam::111122223333:user/Bob".parse().unwrap(),
        id: id.parse().unwrap(),
        name: "Bob".to_owned(),
    };
    let names = |principal| document.principals().any(|p| p.names(&principal).is_some());
    assert!(names(bob("AIDAOLD00000000000001")));
    assert!(!names(bob("AIDANEW00000000000001")));
}
