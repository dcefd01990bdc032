//! Roles: their life, whom they trust, and what protects them.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, allow, check_denied, user_arn};

fn role(name: &str) -> Value {
    json!({ "RoleName": name })
}

fn trusting(principal: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole",
    } })
}

fn service() -> Value {
    trusting(&json!({ "Service": "sagemaker.amazonaws.com" }))
}

fn new_role(name: &str, trust: &Value) -> Value {
    json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() })
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// The trust policy of a role as it is shown.
fn trust_of(world: &World, name: &str) -> Value {
    let found = world.ok("GetRole", role(name));
    let encoded = found["Role"]["AssumeRolePolicyDocument"].as_str().unwrap();
    let text = percent_encoding::percent_decode_str(encoded)
        .decode_utf8()
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_new_role_is_answered_found_and_listed() {
    let world = World::new();
    let boundary = world.policy("bound", &allow("kms:*", "*"));
    let input = json!({
        "RoleName": "Engineering", "Path": "/team/red/", "Description": "for engineers",
        "MaxSessionDuration": 7200, "PermissionsBoundary": boundary,
        "AssumeRolePolicyDocument": service().to_string(),
        "Tags": [{ "Key": "Team", "Value": "red" }],
    });
    let made = world.ok("CreateRole", input)["Role"].clone();
    assert_eq!(made["Arn"], role_arn("team/red/Engineering"));
    let id = made["RoleId"].as_str().unwrap();
    assert!(id.starts_with("AROA") && id.len() == 21, "{id}");
    assert_eq!(made["MaxSessionDuration"], 7200);
    assert_eq!(made["Tags"], json!([{ "Key": "Team", "Value": "red" }]));
    let mut found = world.ok("GetRole", role("engineering"))["Role"].clone();
    let used = found.as_object_mut().unwrap().remove("RoleLastUsed");
    assert_eq!((found, used), (made, Some(json!({}))));
    world.ok("CreateRole", new_role("Admin", &service()));
    let all = world.ok("ListRoles", json!({}))["Roles"].clone();
    assert_eq!(
        (&all[0]["RoleName"], &all[1]["RoleName"]),
        (&json!("Admin"), &json!("Engineering"))
    );
    assert_eq!(
        (&all[1]["Tags"], &all[0]["MaxSessionDuration"]),
        (&Value::Null, &json!(3600))
    );
    let below = world.ok("ListRoles", json!({ "PathPrefix": "/team/" }));
    assert_eq!(below["Roles"].as_array().unwrap().len(), 1);
}

#[test]
fn names_of_roles_are_unique_without_regard_to_case() {
    let world = World::new();
    world.ok("CreateRole", new_role("R", &service()));
    let message = "Role with name r already exists.";
    world.refuses(
        "CreateRole",
        new_role("r", &service()),
        ("EntityAlreadyExists", 409, message),
    );
}

#[test]
fn a_role_that_does_not_exist_is_not_found() {
    let world = World::new();
    let missing = (
        "NoSuchEntity",
        404,
        "The role with name Nobody cannot be found.",
    );
    for operation in [
        "GetRole",
        "DeleteRole",
        "UpdateRole",
        "ListRolePolicies",
        "ListAttachedRolePolicies",
        "ListRoleTags",
        "DeleteRolePermissionsBoundary",
    ] {
        world.refuses(operation, role("Nobody"), missing);
    }
}

#[test]
fn a_role_trusts_only_who_exists() {
    let world = World::new();
    for principal in [
        user_arn("Nobody"),
        role_arn("Nobody"),
        role_arn("R"),
        "arn:aws:iam::999999999999:root".to_owned(),
        "AIDAEXAMPLEEXAMPLE234".to_owned(),
    ] {
        let input = new_role("R", &trusting(&json!({ "AWS": principal })));
        let message = format!("Invalid principal in policy: \"AWS\":\"{principal}\"");
        world.refuses(
            "CreateRole",
            input,
            ("MalformedPolicyDocument", 400, &message),
        );
    }
}

#[test]
fn a_trusted_user_that_is_deleted_shows_as_its_id_ever_after() {
    let world = World::new();
    let alice = world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let trust = trusting(&json!({ "AWS": user_arn("Alice") }));
    world.ok("CreateRole", new_role("R", &trust));
    assert_eq!(trust_of(&world, "R"), trust);
    world.ok("DeleteUser", json!({ "UserName": "Alice" }));
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let dead = trusting(&json!({ "AWS": alice["User"]["UserId"] }));
    assert_eq!(trust_of(&world, "R"), dead);
    // Nor can what is shown be put back.
    let input = json!({ "RoleName": "R", "PolicyDocument": dead.to_string() });
    let refused = world.call("UpdateAssumeRolePolicy", input).unwrap_err();
    assert_eq!(refused.code, "MalformedPolicyDocument");
}

#[test]
fn a_trusted_user_that_is_renamed_stays_trusted() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let trust = trusting(&json!({ "AWS": [user_arn("Alice")] }));
    world.ok("CreateRole", new_role("R", &trust));
    world.ok(
        "UpdateUser",
        json!({ "UserName": "Alice", "NewUserName": "Bob", "NewPath": "/x/" }),
    );
    let shown = trust_of(&world, "R");
    assert_eq!(shown, trusting(&json!({ "AWS": [user_arn("x/Bob")] })));
}

#[test]
fn a_role_may_trust_itself_once_it_exists() {
    let world = World::new();
    world.ok("CreateRole", new_role("R", &service()));
    let trust = trusting(&json!({ "AWS": role_arn("R") }));
    let input = json!({ "RoleName": "R", "PolicyDocument": trust.to_string() });
    world.ok("UpdateAssumeRolePolicy", input);
    assert_eq!(trust_of(&world, "R"), trust);
}

#[test]
fn a_trust_policy_has_2048_characters() {
    let world = World::new();
    let names: Vec<String> = (0..100)
        .map(|n| format!("service{n:013}.amazonaws.com"))
        .collect();
    let input = new_role("R", &trusting(&json!({ "Service": names })));
    let message = "Cannot exceed quota for ACLSizePerRole: 2048";
    world.refuses("CreateRole", input, ("LimitExceeded", 409, message));
}

#[test]
fn description_and_session_length_change() {
    let world = World::new();
    world.ok("CreateRole", new_role("R", &service()));
    let shown = |member: &str| world.ok("GetRole", role("R"))["Role"][member].clone();
    world.ok(
        "UpdateRole",
        json!({ "RoleName": "R", "MaxSessionDuration": 43200 }),
    );
    assert_eq!(
        (shown("MaxSessionDuration"), shown("Description")),
        (json!(43200), Value::Null)
    );
    world.ok(
        "UpdateRole",
        json!({ "RoleName": "R", "Description": "one" }),
    );
    assert_eq!(
        (shown("MaxSessionDuration"), shown("Description")),
        (json!(43200), json!("one"))
    );
    let input = json!({ "RoleName": "R", "Description": "two" });
    let answered = world.ok("UpdateRoleDescription", input);
    assert_eq!(
        (&answered["Role"]["Description"], shown("Description")),
        (&json!("two"), json!("two"))
    );
    for seconds in [3599, 43201] {
        let input = json!({ "RoleName": "R", "MaxSessionDuration": seconds });
        assert_eq!(
            world.call("UpdateRole", input).unwrap_err().code,
            "ValidationError"
        );
    }
}

#[test]
fn a_role_in_use_is_not_deleted() {
    let world = World::new();
    world.ok("CreateRole", new_role("R", &service()));
    let refused = |message: &str| {
        world.refuses("DeleteRole", role("R"), ("DeleteConflict", 409, message));
    };
    let document = allow("kms:*", "*").to_string();
    let inline = json!({ "RoleName": "R", "PolicyName": "p", "PolicyDocument": document });
    world.ok("PutRolePolicy", inline);
    refused("Cannot delete entity, must delete policies first.");
    world.ok(
        "DeleteRolePolicy",
        json!({ "RoleName": "R", "PolicyName": "p" }),
    );
    let arn = world.policy("attached", &allow("kms:*", "*"));
    let pair = json!({ "RoleName": "R", "PolicyArn": arn });
    world.ok("AttachRolePolicy", pair.clone());
    refused("Cannot delete entity, must detach all policies first.");
    let message = "Cannot delete a policy attached to entities.";
    world.refuses(
        "DeletePolicy",
        json!({ "PolicyArn": arn }),
        ("DeleteConflict", 409, message),
    );
    world.ok("DetachRolePolicy", pair);
    world.ok("DeleteRole", role("R"));
    world.ok("DeletePolicy", json!({ "PolicyArn": arn }));
}

#[test]
fn nobody_makes_roles_where_services_make_theirs() {
    let world = World::new();
    let input = json!({
        "RoleName": "R", "Path": "/aws-service-role/sagemaker.amazonaws.com/",
        "AssumeRolePolicyDocument": service().to_string(),
    });
    assert_eq!(
        world.call("CreateRole", input).unwrap_err().code,
        "InvalidInput"
    );
}

#[test]
fn tags_at_creation_need_their_own_permission() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("iam:CreateRole", "*")));
    let mut input = new_role("R", &service());
    input["Tags"] = json!([{ "Key": "a", "Value": "b" }]);
    check_denied(
        world.call_as(&alice, "CreateRole", input),
        "iam:TagRole",
        &role_arn("R"),
    );
    world
        .call_as(&alice, "CreateRole", new_role("R", &service()))
        .unwrap();
}

#[test]
fn a_session_uses_its_role_and_the_use_is_shown() {
    let world = World::new();
    let made = world.ok("CreateRole", new_role("R", &service()));
    let id = made["Role"]["RoleId"].as_str().unwrap().parse().unwrap();
    let part = world.services.part::<iam::LastUsed>().unwrap();
    let at = types::Timestamp::new(1_700_000_060, 0);
    part.record_role(&id, types::Service::Kms, &crate::world::region(), at);
    let expected = json!({ "LastUsedDate": 1_700_000_060, "Region": "us-east-1" });
    let shown = || world.ok("GetRole", role("R"))["Role"]["RoleLastUsed"].clone();
    assert_eq!(shown(), expected);
    let batch = part.flush(&world.services.store().snapshot()).unwrap();
    world.commit(batch);
    assert_eq!(shown(), expected);
    assert!(part.flush(&world.services.store().snapshot()).is_none());
}
