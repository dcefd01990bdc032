//! Permissions boundaries and tags of users and roles, and other names for users.

use serde_json::{Value, json};

use crate::world::{World, allow, check_denied, policy_arn, statement, user_arn};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

/// A world with a user and a role, both called `X`.
fn world() -> World {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "X" }));
    let input = json!({ "RoleName": "X", "AssumeRolePolicyDocument": TRUST });
    world.ok("CreateRole", input);
    world
}

/// The input that names `X`, with more.
fn named(kind: &str, more: &Value) -> Value {
    let mut input = json!({ format!("{kind}Name"): "X" });
    let members = more.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(members);
    input
}

fn got(world: &World, kind: &str) -> Value {
    world.ok(&format!("Get{kind}"), named(kind, &json!({})))[kind].clone()
}

#[test]
fn a_boundary_is_put_replaced_counted_and_taken_away() {
    let world = world();
    for kind in ["User", "Role"] {
        let one = world.policy(&format!("{kind}-one"), &allow("kms:*", "*"));
        let two = world.policy(&format!("{kind}-two"), &allow("kms:*", "*"));
        let put = format!("Put{kind}PermissionsBoundary");
        let delete = format!("Delete{kind}PermissionsBoundary");
        let count = |arn: &str| {
            let policy = world.ok("GetPolicy", json!({ "PolicyArn": arn }));
            policy["Policy"]["PermissionsBoundaryUsageCount"].clone()
        };
        world.ok(&put, named(kind, &json!({ "PermissionsBoundary": one })));
        assert_eq!(
            got(&world, kind)["PermissionsBoundary"]["PermissionsBoundaryArn"],
            one
        );
        world.ok(&put, named(kind, &json!({ "PermissionsBoundary": two })));
        assert_eq!((count(&one), count(&two)), (json!(0), json!(1)));
        let refused = world
            .call("DeletePolicy", json!({ "PolicyArn": two }))
            .unwrap_err();
        assert_eq!(refused.code, "DeleteConflict");
        world.ok(&delete, named(kind, &json!({})));
        assert_eq!(got(&world, kind)["PermissionsBoundary"], Value::Null);
        assert_eq!(count(&two), json!(0));
        let refused = world.call(&delete, named(kind, &json!({}))).unwrap_err();
        assert_eq!(refused.code, "NoSuchEntity");
        let arn = policy_arn("Missing");
        let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
        let input = named(kind, &json!({ "PermissionsBoundary": arn }));
        world.refuses(&put, input, ("NoSuchEntity", 404, &message));
    }
}

#[test]
fn a_boundary_limits_from_the_next_request_on() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("iam:GetUser", "*")));
    let get = || world.call_as(&alice, "GetUser", json!({ "UserName": "Alice" }));
    get().unwrap();
    let arn = world.policy("bound", &allow("kms:*", "*"));
    let input = json!({ "UserName": "Alice", "PermissionsBoundary": arn });
    world.ok("PutUserPermissionsBoundary", input);
    let refused = get().unwrap_err();
    assert!(
        refused
            .message
            .contains("because no permissions boundary allows"),
        "{refused:?}"
    );
    world.ok(
        "DeleteUserPermissionsBoundary",
        json!({ "UserName": "Alice" }),
    );
    get().unwrap();
}

#[test]
fn putting_a_boundary_can_be_limited_to_one() {
    let world = world();
    let arn = world.policy("bound", &allow("kms:*", "*"));
    let other = world.policy("other", &allow("*", "*"));
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "iam:PutUserPermissionsBoundary", "Resource": "*",
        "Condition": { "StringEquals": { "iam:PermissionsBoundary": arn } },
    }));
    let alice = world.user("Alice", Some(policy));
    let put = |arn: &str| {
        let input = json!({ "UserName": "X", "PermissionsBoundary": arn });
        world.call_as(&alice, "PutUserPermissionsBoundary", input)
    };
    put(&arn).unwrap();
    check_denied(
        put(&other),
        "iam:PutUserPermissionsBoundary",
        &user_arn("X"),
    );
}

#[test]
fn attaching_can_be_limited_to_one_policy() {
    let world = world();
    let arn = world.policy("harmless", &allow("kms:*", "*"));
    let other = world.policy("powerful", &allow("*", "*"));
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "iam:AttachUserPolicy", "Resource": "*",
        "Condition": { "ArnEquals": { "iam:PolicyARN": arn } },
    }));
    let alice = world.user("Alice", Some(policy));
    let attach = |arn: &str| {
        let input = json!({ "UserName": "X", "PolicyArn": arn });
        world.call_as(&alice, "AttachUserPolicy", input)
    };
    attach(&arn).unwrap();
    check_denied(attach(&other), "iam:AttachUserPolicy", &user_arn("X"));
}

#[test]
fn tags_are_added_replaced_listed_and_removed() {
    let world = world();
    for kind in ["User", "Role"] {
        let tag = |tags: Value| {
            world.ok(&format!("Tag{kind}"), named(kind, &json!({ "Tags": tags })));
        };
        let list = |more: Value| world.ok(&format!("List{kind}Tags"), named(kind, &more));
        tag(json!([{ "Key": "Team", "Value": "red" }, { "Key": "Stage", "Value": "dev" }]));
        tag(json!([{ "Key": "team", "Value": "blue" }]));
        let expected =
            json!([{ "Key": "team", "Value": "blue" }, { "Key": "Stage", "Value": "dev" }]);
        assert_eq!(got(&world, kind)["Tags"], expected);
        let first = list(json!({ "MaxItems": 1 }));
        assert_eq!(first["Tags"], json!([{ "Key": "Stage", "Value": "dev" }]));
        let rest = list(json!({ "Marker": first["Marker"] }));
        assert_eq!(rest["Tags"], json!([{ "Key": "team", "Value": "blue" }]));
        let keys = json!({ "TagKeys": ["TEAM", "absent"] });
        world.ok(&format!("Untag{kind}"), named(kind, &keys));
        assert_eq!(
            list(json!({}))["Tags"],
            json!([{ "Key": "Stage", "Value": "dev" }])
        );
    }
}

#[test]
fn there_are_fifty_tags_at_most() {
    let world = world();
    let tags: Vec<Value> = (0..50)
        .map(|n| json!({ "Key": format!("k{n}"), "Value": "" }))
        .collect();
    for kind in ["User", "Role"] {
        let operation = format!("Tag{kind}");
        world.ok(&operation, named(kind, &json!({ "Tags": tags })));
        world.ok(
            &operation,
            named(kind, &json!({ "Tags": [{ "Key": "k7", "Value": "new" }] })),
        );
        let input = named(kind, &json!({ "Tags": [{ "Key": "more", "Value": "" }] }));
        let message = format!("Cannot exceed quota for TagsPer{kind}: 50");
        world.refuses(&operation, input, ("LimitExceeded", 409, &message));
    }
}

#[test]
fn tagging_can_be_limited_by_the_tags() {
    let world = world();
    let policy = statement(&json!({
        "Effect": "Allow", "Action": ["iam:TagRole", "iam:UntagRole"], "Resource": "*",
        "Condition": { "ForAllValues:StringEquals": { "aws:TagKeys": ["free"] } },
    }));
    let alice = world.user("Alice", Some(policy));
    let tag = |key: &str| {
        let input = json!({ "RoleName": "X", "Tags": [{ "Key": key, "Value": "" }] });
        world.call_as(&alice, "TagRole", input)
    };
    let untag = |key: &str| {
        world.call_as(
            &alice,
            "UntagRole",
            json!({ "RoleName": "X", "TagKeys": [key] }),
        )
    };
    let arn = "arn:aws:iam::111122223333:role/X";
    tag("free").unwrap();
    untag("free").unwrap();
    check_denied(tag("other"), "iam:TagRole", arn);
    check_denied(untag("other"), "iam:UntagRole", arn);
}

#[test]
fn the_tags_of_a_role_decide_about_it() {
    let world = world();
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "iam:GetRole", "Resource": "*",
        "Condition": { "StringEquals": { "iam:ResourceTag/Team": "red" } },
    }));
    let alice = world.user("Alice", Some(policy));
    let get = || world.call_as(&alice, "GetRole", json!({ "RoleName": "X" }));
    check_denied(get(), "iam:GetRole", "arn:aws:iam::111122223333:role/X");
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    world.ok("TagRole", json!({ "RoleName": "X", "Tags": tags }));
    get().unwrap();
}

#[test]
fn a_renamed_user_keeps_keys_policies_and_id() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("iam:GetUser", "*")));
    let before = world.ok("GetUser", json!({ "UserName": "Alice" }))["User"].clone();
    let key = alice.access_key.clone().unwrap();
    world.ok(
        "UpdateUser",
        json!({ "UserName": "Alice", "NewUserName": "Bob", "NewPath": "/x/" }),
    );
    let bob = world.caller(&key).unwrap();
    let found = world.call_as(&bob, "GetUser", json!({})).unwrap()["User"].clone();
    assert_eq!(found["Arn"], user_arn("x/Bob"));
    assert_eq!(found["UserId"], before["UserId"]);
    // Who was authenticated under the old name is not any more.
    let stale = world.call_as(&alice, "GetUser", json!({})).unwrap_err();
    assert_eq!(stale.code, "UnrecognizedClientException");
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let message = "User with name alice already exists.";
    let input = json!({ "UserName": "Bob", "NewUserName": "alice" });
    world.refuses("UpdateUser", input, ("EntityAlreadyExists", 409, message));
    // Another spelling of its own name is free.
    world.ok(
        "UpdateUser",
        json!({ "UserName": "Bob", "NewUserName": "BOB" }),
    );
}

#[test]
fn renaming_needs_the_right_on_both_names() {
    let world = world();
    let alice = world.user("Alice", Some(allow("iam:UpdateUser", &user_arn("X"))));
    let rename = |to: &str| {
        let input = json!({ "UserName": "X", "NewUserName": to });
        world.call_as(&alice, "UpdateUser", input)
    };
    check_denied(rename("Y"), "iam:UpdateUser", &user_arn("Y"));
}
