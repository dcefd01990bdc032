//! Inline policies of users.

use serde_json::json;

use crate::world::{World, allow, check_denied, statement, user_arn};

#[test]
fn a_policy_is_answered_percent_encoded_and_unchanged() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let text = "{ \"Version\": \"2012-10-17\",\n  \"Statement\": {\"Effect\": \"Allow\", \
                \"Action\": \"kms:*\", \"Resource\": \"*\"} }";
    let input = json!({ "UserName": "Alice", "PolicyName": "P", "PolicyDocument": text });
    world.ok("PutUserPolicy", input);
    let found = world.ok(
        "GetUserPolicy",
        json!({ "UserName": "Alice", "PolicyName": "P" }),
    );
    assert_eq!(
        (&found["UserName"], &found["PolicyName"]),
        (&json!("Alice"), &json!("P"))
    );
    let encoded = found["PolicyDocument"].as_str().unwrap();
    assert!(
        encoded.starts_with("%7B%20%22Version%22%3A%20%222012-10-17%22%2C%0A"),
        "{encoded}"
    );
    let decoded = percent_encoding::percent_decode_str(encoded)
        .decode_utf8()
        .unwrap();
    assert_eq!(decoded, text);
}

#[test]
fn a_second_policy_of_the_same_name_replaces_the_first() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("iam:GetUser", "*")));
    world.call_as(&alice, "GetUser", json!({})).unwrap();
    world.put_policy("Alice", "inline", &allow("iam:ListUsers", "*"));
    check_denied(
        world.call_as(&alice, "GetUser", json!({})),
        "iam:GetUser",
        &user_arn("Alice"),
    );
    world.call_as(&alice, "ListUsers", json!({})).unwrap();
    let names = world.ok("ListUserPolicies", json!({ "UserName": "Alice" }));
    assert_eq!(names["PolicyNames"], json!(["inline"]));
}

#[test]
fn a_removed_policy_grants_nothing_from_the_next_request_on() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("iam:GetUser", "*")));
    world.call_as(&alice, "GetUser", json!({})).unwrap();
    world.ok(
        "DeleteUserPolicy",
        json!({ "UserName": "Alice", "PolicyName": "inline" }),
    );
    check_denied(
        world.call_as(&alice, "GetUser", json!({})),
        "iam:GetUser",
        &user_arn("Alice"),
    );
}

#[test]
fn a_policy_that_does_not_exist_is_not_found() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let missing = (
        "NoSuchEntity",
        404,
        "The user policy with name P cannot be found.",
    );
    for operation in ["GetUserPolicy", "DeleteUserPolicy"] {
        world.refuses(
            operation,
            json!({ "UserName": "Alice", "PolicyName": "P" }),
            missing,
        );
        world.refuses(
            operation,
            json!({ "UserName": "Nobody", "PolicyName": "P" }),
            (
                "NoSuchEntity",
                404,
                "The user with name Nobody cannot be found.",
            ),
        );
    }
}

#[test]
fn malformed_documents_are_refused_with_the_text_of_aws() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let check = |document: &str, message: &str| {
        let input = json!({ "UserName": "Alice", "PolicyName": "P", "PolicyDocument": document });
        world.refuses(
            "PutUserPolicy",
            input,
            ("MalformedPolicyDocument", 400, message),
        );
        let input = json!({ "PolicyName": "P", "PolicyDocument": document });
        world.refuses(
            "CreatePolicy",
            input,
            ("MalformedPolicyDocument", 400, message),
        );
    };
    check("{", "Syntax errors in policy.");
    check(
        &statement(&json!({ "Effect": "Allow", "Resource": "*" })).to_string(),
        "Policy statement must contain actions.",
    );
    check(
        &statement(&json!({
            "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": "*",
        }))
        .to_string(),
        "Policy document should not specify a principal.",
    );
}

#[test]
fn names_of_inline_policies_differ_by_case() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.put_policy("Alice", "P", &allow("kms:*", "*"));
    world.put_policy("Alice", "p", &allow("kms:*", "*"));
    let names = world.ok("ListUserPolicies", json!({ "UserName": "Alice" }));
    assert_eq!(names["PolicyNames"], json!(["P", "p"]));
}
