//! Users: creation, reading, deletion.

use serde_json::json;

use crate::world::{ACCOUNT, World, check_refused, policy_arn, user_arn};

#[test]
fn a_new_user_is_answered_and_found() {
    let world = World::new();
    let input = json!({
        "UserName": "Alice", "Path": "/team/red/",
        "Tags": [{ "Key": "Team", "Value": "red" }],
    });
    let user = world.ok("CreateUser", input)["User"].clone();
    assert_eq!(
        user["Arn"],
        format!("arn:aws:iam::{ACCOUNT}:user/team/red/Alice")
    );
    assert_eq!(user["Path"], "/team/red/");
    assert_eq!(user["CreateDate"], 1_700_000_000);
    assert_eq!(user["Tags"], json!([{ "Key": "Team", "Value": "red" }]));
    let id = user["UserId"].as_str().unwrap();
    assert!(id.starts_with("AIDA") && id.len() == 21, "{id}");
    assert_eq!(
        world.ok("GetUser", json!({ "UserName": "Alice" }))["User"],
        user
    );
}

#[test]
fn names_are_unique_without_regard_to_case() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.refuses(
        "CreateUser",
        json!({ "UserName": "ALICE" }),
        (
            "EntityAlreadyExists",
            409,
            "User with name ALICE already exists.",
        ),
    );
    let found = world.ok("GetUser", json!({ "UserName": "aLiCe" }));
    assert_eq!(found["User"]["UserName"], "Alice");
}

#[test]
fn a_user_that_does_not_exist_is_not_found() {
    let world = World::new();
    let missing = (
        "NoSuchEntity",
        404,
        "The user with name Nobody cannot be found.",
    );
    for operation in [
        "GetUser",
        "DeleteUser",
        "CreateAccessKey",
        "ListAccessKeys",
        "ListUserPolicies",
        "ListAttachedUserPolicies",
    ] {
        world.refuses(operation, json!({ "UserName": "Nobody" }), missing);
    }
}

#[test]
fn without_a_name_the_caller_is_meant() {
    let world = World::new();
    let alice = world.user("Alice", Some(crate::world::allow("iam:GetUser", "*")));
    let found = world.call_as(&alice, "GetUser", json!({})).unwrap();
    assert_eq!(found["User"]["UserName"], "Alice");
}

#[test]
fn the_root_user_finds_itself() {
    let world = World::new();
    let found = world.call_as(&world.root(), "GetUser", json!({})).unwrap();
    assert_eq!(found["User"]["Arn"], format!("arn:aws:iam::{ACCOUNT}:root"));
    assert_eq!(found["User"]["UserId"], ACCOUNT);
}

#[test]
fn names_and_paths_have_the_form_of_aws() {
    let world = World::new();
    for input in [
        json!({ "UserName": "" }),
        json!({ "UserName": "a b" }),
        json!({ "UserName": "Zoë" }),
        json!({ "UserName": "a/b" }),
        json!({ "UserName": "x".repeat(65) }),
        json!({ "UserName": "a", "Path": "no-slash" }),
        json!({}),
    ] {
        let refused = world.call("CreateUser", input.clone()).unwrap_err();
        assert_eq!(refused.code, "ValidationError", "{input}: {refused:?}");
    }
}

#[test]
fn tag_keys_that_differ_in_case_only_are_refused() {
    let world = World::new();
    let tags = json!([{ "Key": "a", "Value": "1" }, { "Key": "A", "Value": "2" }]);
    world.refuses(
        "CreateUser",
        json!({ "UserName": "Alice", "Tags": tags }),
        (
            "InvalidInput",
            400,
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
    );
    let reserved = json!([{ "Key": "aws:a", "Value": "1" }]);
    let refused = world
        .call(
            "CreateUser",
            json!({ "UserName": "Alice", "Tags": reserved }),
        )
        .unwrap_err();
    assert_eq!(refused.code, "InvalidInput");
}

#[test]
fn a_user_is_deleted_only_after_what_belongs_to_it() {
    let world = World::new();
    let alice = world.user("Alice", Some(crate::world::allow("iam:GetUser", "*")));
    let arn = world.policy("P", &crate::world::allow("iam:GetUser", "*"));
    world.ok(
        "AttachUserPolicy",
        json!({ "UserName": "Alice", "PolicyArn": arn }),
    );
    let delete = || world.call("DeleteUser", json!({ "UserName": "Alice" }));
    check_refused(
        delete(),
        (
            "DeleteConflict",
            409,
            "Cannot delete entity, must delete policies first.",
        ),
    );
    world.ok(
        "DeleteUserPolicy",
        json!({ "UserName": "Alice", "PolicyName": "inline" }),
    );
    check_refused(
        delete(),
        (
            "DeleteConflict",
            409,
            "Cannot delete entity, must detach all policies first.",
        ),
    );
    world.ok(
        "DetachUserPolicy",
        json!({ "UserName": "Alice", "PolicyArn": arn }),
    );
    check_refused(
        delete(),
        (
            "DeleteConflict",
            409,
            "Cannot delete entity, must delete access keys first.",
        ),
    );
    let key = alice.access_key.as_ref().unwrap().as_str();
    world.ok(
        "DeleteAccessKey",
        json!({ "UserName": "Alice", "AccessKeyId": key }),
    );
    delete().unwrap();
    let missing = (
        "NoSuchEntity",
        404,
        "The user with name Alice cannot be found.",
    );
    world.refuses("GetUser", json!({ "UserName": "Alice" }), missing);
}

#[test]
fn a_user_made_again_under_the_same_name_is_another_one() {
    let world = World::new();
    let first = world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.put_policy("Alice", "P", &crate::world::allow("*", "*"));
    world.ok(
        "DeleteUserPolicy",
        json!({ "UserName": "Alice", "PolicyName": "P" }),
    );
    world.ok("DeleteUser", json!({ "UserName": "Alice" }));
    let second = world.ok("CreateUser", json!({ "UserName": "Alice" }));
    assert_eq!(first["User"]["Arn"], second["User"]["Arn"]);
    assert_ne!(first["User"]["UserId"], second["User"]["UserId"]);
}

#[test]
fn a_permissions_boundary_is_kept_and_shown() {
    let world = World::new();
    let boundary = world.policy("Boundary", &crate::world::allow("iam:GetUser", "*"));
    let input = json!({ "UserName": "Alice", "PermissionsBoundary": boundary });
    let user = world.ok("CreateUser", input)["User"].clone();
    assert_eq!(
        user["PermissionsBoundary"],
        json!({
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": boundary,
        })
    );
    assert_eq!(
        world.ok("GetUser", json!({ "UserName": "Alice" }))["User"],
        user
    );
}

#[test]
fn a_boundary_that_does_not_exist_is_refused() {
    let world = World::new();
    let arn = policy_arn("Missing");
    let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
    world.refuses(
        "CreateUser",
        json!({ "UserName": "Alice", "PermissionsBoundary": arn }),
        ("NoSuchEntity", 404, &message),
    );
    world.refuses(
        "CreateUser",
        json!({ "UserName": "Alice", "PermissionsBoundary": "not-an-arn-but-long-enough" }),
        ("ValidationError", 400, "Invalid ARN:  Could not be parsed!"),
    );
}

#[test]
fn a_denied_caller_does_not_learn_whether_a_user_exists() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let bob = world.user("Bob", None);
    let message = |name: &str| {
        let refused = world
            .call_as(&bob, "GetUser", json!({ "UserName": name }))
            .unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
        refused.message.replace(&user_arn(name), "")
    };
    assert_eq!(message("Alice"), message("Nobody"));
}
