//! What explanations say.

use policy::{AllowedBy, PolicyType, Reason};
use serde_json::{Value, json};

use crate::case::Case;

/// Bob decrypts with a key of his account; the reasons, as text.
fn reasons(policies: &Value) -> Vec<String> {
    let case: Case = serde_json::from_value(json!({
        "name": "explained",
        "principal": {"user": "Bob", "account": "111122223333"},
        "action": "kms:Decrypt",
        "resource": "arn:aws:kms:us-east-1:111122223333:key/1234",
        "policies": policies
    }))
    .unwrap();
    case.decide().1.iter().map(ToString::to_string).collect()
}

fn statement(sid: &str, effect: &str, action: &str) -> Value {
    json!({"Sid": sid, "Effect": effect, "Action": action, "Resource": "*"})
}

fn document(statements: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn key_policy(principal: &str) -> Value {
    let statement = json!({"Sid": "the key", "Effect": "Allow", "Principal": {"AWS": principal},
        "Action": "kms:*", "Resource": "*"});
    json!({"rule": "key", "document": document(&statement)})
}

#[test]
fn every_matching_statement_is_a_reason() {
    let found = reasons(&json!({
        "identity": [document(&json!([
            statement("other", "Allow", "s3:*"),
            statement("keys", "Allow", "kms:*"),
        ]))],
        "resource": key_policy("111122223333"),
    }));
    assert_eq!(
        found,
        [
            "Allow by statement `the key` of resource-based policy `default`, line 2, \
             for the account",
            "Allow by statement `keys` of identity-based policy `p`, line 9",
        ]
    );
}

#[test]
fn what_is_missing_is_a_reason() {
    let found = reasons(&json!({"resource": key_policy("111122223333")}));
    assert_eq!(found[1], "no identity-based policy allows it");
    let found = reasons(&json!({}));
    assert_eq!(found, ["no identity-based policy allows it"]);
}

#[test]
fn all_denies_are_reasons_though_one_decides() {
    let everything = document(&statement("no", "Deny", "*"));
    let found = reasons(&json!({
        "identity": [everything],
        "boundary": everything,
        "service_control": [[everything]],
        "resource": key_policy("arn:aws:iam::111122223333:user/Bob"),
    }));
    assert_eq!(
        found,
        [
            "Deny by statement `no` of service control policy `p` at `ou-1`, line 2",
            "Allow by statement `the key` of resource-based policy `default`, line 2, \
             for the user",
            "Deny by statement `no` of identity-based policy `p`, line 2",
            "Deny by statement `no` of permissions boundary `p`, line 2",
        ]
    );
}

#[test]
fn grants_and_the_root_users_right_are_reasons() {
    let grants = json!([{"id": "g-1", "issuing_account": "111122223333"}]);
    let found = reasons(&json!({
        "grants": grants,
        "resource": key_policy("arn:aws:iam::111122223333:user/Alice"),
    }));
    assert_eq!(found, ["Allow by grant `g-1`"]);
    let case: Case = serde_json::from_value(json!({
        "name": "root",
        "principal": {"root": true, "account": "111122223333"},
        "action": "iam:ListUsers"
    }))
    .unwrap();
    let (decision, explanation) = case.decide();
    assert_eq!(decision.allowed_by(), Some(AllowedBy::RootUser));
    assert_eq!(explanation.reasons(), [Reason::RootUser]);
}

#[test]
fn the_first_deny_in_aws_order_is_named() {
    let deny = document(&statement("no", "Deny", "*"));
    let case = |policies: &Value| -> Case {
        serde_json::from_value(json!({
            "name": "order",
            "principal": {"role": "R", "session": "s", "account": "111122223333"},
            "action": "kms:ListKeys",
            "policies": policies
        }))
        .unwrap()
    };
    let named = |policies: &Value| case(policies).decide().0.denial().unwrap().policy;
    assert_eq!(
        named(&json!({"session": [deny], "boundary": deny})),
        PolicyType::Boundary
    );
    assert_eq!(
        named(&json!({"boundary": deny, "identity": [deny]})),
        PolicyType::Identity
    );
    let all = json!({"identity": [deny], "service_control": [[deny]]});
    assert_eq!(named(&all), PolicyType::ServiceControl);
}
