//! Versions and tags of managed policies, and who uses a policy.

use pipeline::Caller;
use serde_json::{Value, json};

use crate::world::{World, allow, check_denied, policy_arn, statement};

const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn add_version(world: &World, arn: &str, document: &Value, default: bool) -> Value {
    let input = json!({
        "PolicyArn": arn, "PolicyDocument": document.to_string(), "SetAsDefault": default,
    });
    world.ok("CreatePolicyVersion", input)["PolicyVersion"].clone()
}

fn version_ids(world: &World, arn: &str) -> Vec<(String, bool)> {
    let listed = world.ok("ListPolicyVersions", json!({ "PolicyArn": arn }));
    let shown = |version: &Value| {
        let id = version["VersionId"].as_str().unwrap().to_owned();
        (id, version["IsDefaultVersion"] == true)
    };
    listed["Versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(shown)
        .collect()
}

/// A user of whom only a managed policy says what it may.
fn bound_to(world: &World, arn: &str) -> Caller {
    let alice = world.user("Alice", None);
    world.ok(
        "AttachUserPolicy",
        json!({ "UserName": "Alice", "PolicyArn": arn }),
    );
    alice
}

#[test]
fn a_version_counts_only_once_it_is_the_default() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:ListUsers", "*"));
    let alice = bound_to(&world, &arn);
    let get = || world.call_as(&alice, "GetUser", json!({}));
    let made = add_version(&world, &arn, &allow("iam:GetUser", "*"), false);
    assert_eq!(
        made,
        json!({ "VersionId": "v2", "IsDefaultVersion": false, "CreateDate": 1_700_000_000 })
    );
    get().unwrap_err();
    let default = |id: &str| json!({ "PolicyArn": arn, "VersionId": id });
    world.ok("SetDefaultPolicyVersion", default("v2"));
    get().unwrap();
    world.ok("SetDefaultPolicyVersion", default("v1"));
    get().unwrap_err();
    add_version(&world, &arn, &allow("iam:GetUser", "*"), true);
    get().unwrap();
    let policy = world.ok("GetPolicy", json!({ "PolicyArn": arn }));
    assert_eq!(policy["Policy"]["DefaultVersionId"], "v3");
}

#[test]
fn numbers_of_versions_are_never_used_again() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    add_version(&world, &arn, &allow("iam:*", "*"), false);
    world.ok(
        "DeletePolicyVersion",
        json!({ "PolicyArn": arn, "VersionId": "v2" }),
    );
    let made = add_version(&world, &arn, &allow("iam:*", "*"), false);
    assert_eq!(made["VersionId"], "v3");
    let expected = [("v3".to_owned(), false), ("v1".to_owned(), true)];
    assert_eq!(version_ids(&world, &arn), expected);
}

#[test]
fn there_are_five_versions_at_most_also_at_once() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    let document = allow("iam:*", "*").to_string();
    let call = || {
        (
            "CreatePolicyVersion",
            json!({ "PolicyArn": arn, "PolicyDocument": document }),
        )
    };
    let outcomes = world.call_together((0..8).map(|_| call()).collect());
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4);
    assert_eq!(version_ids(&world, &arn).len(), 5);
    let (operation, input) = call();
    let message = "A managed policy can have up to 5 versions. Before you create a new version, \
                   you must delete an existing version.";
    world.refuses(operation, input, ("LimitExceeded", 409, message));
}

#[test]
fn the_version_in_force_is_not_deleted() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    let input = json!({ "PolicyArn": arn, "VersionId": "v1" });
    let message = "Cannot delete the default version of a policy.";
    world.refuses(
        "DeletePolicyVersion",
        input,
        ("DeleteConflict", 409, message),
    );
}

#[test]
fn a_policy_goes_after_its_other_versions() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    add_version(&world, &arn, &allow("iam:*", "*"), true);
    let delete = || world.call("DeletePolicy", json!({ "PolicyArn": arn }));
    let refused = delete().unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("DeleteConflict", Some(409))
    );
    assert!(
        refused.message.contains("more than one version"),
        "{refused:?}"
    );
    world.ok(
        "DeletePolicyVersion",
        json!({ "PolicyArn": arn, "VersionId": "v1" }),
    );
    delete().unwrap();
}

#[test]
fn versions_that_do_not_exist_are_not_found() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    let message = format!("Policy {arn} version v9 does not exist or is not attachable.");
    let input = json!({ "PolicyArn": arn, "VersionId": "v9" });
    for operation in [
        "DeletePolicyVersion",
        "SetDefaultPolicyVersion",
        "GetPolicyVersion",
    ] {
        world.refuses(operation, input.clone(), ("NoSuchEntity", 404, &message));
    }
}

#[test]
fn a_malformed_or_large_version_changes_nothing() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    let create = |text: &str| {
        let input = json!({ "PolicyArn": arn, "PolicyDocument": text, "SetAsDefault": true });
        world.call("CreatePolicyVersion", input).unwrap_err().code
    };
    assert_eq!(create("{}"), "MalformedPolicyDocument");
    let large = "iam:".to_owned() + &"a".repeat(6144);
    assert_eq!(create(&allow(&large, "*").to_string()), "LimitExceeded");
    assert_eq!(version_ids(&world, &arn), [("v1".to_owned(), true)]);
}

#[test]
fn nobody_changes_the_policies_of_aws() {
    let world = World::new();
    let root = world.root();
    let document = allow("iam:GetUser", "*").to_string();
    for (operation, more) in [
        ("CreatePolicyVersion", json!({ "PolicyDocument": document })),
        ("DeletePolicyVersion", json!({ "VersionId": "v1" })),
        ("SetDefaultPolicyVersion", json!({ "VersionId": "v1" })),
        (
            "TagPolicy",
            json!({ "Tags": [{ "Key": "a", "Value": "b" }] }),
        ),
        ("UntagPolicy", json!({ "TagKeys": ["a"] })),
    ] {
        let mut input = more;
        input["PolicyArn"] = json!(ADMINISTRATOR_ACCESS);
        for caller in [&world.administrator, &root] {
            let outcome = world.call_as(caller, operation, input.clone());
            check_denied(outcome, &format!("iam:{operation}"), ADMINISTRATOR_ACCESS);
        }
    }
    assert_eq!(
        version_ids(&world, ADMINISTRATOR_ACCESS),
        [("v1".to_owned(), true)]
    );
    let tags = world.ok(
        "ListPolicyTags",
        json!({ "PolicyArn": ADMINISTRATOR_ACCESS }),
    );
    assert_eq!(tags["Tags"], json!([]));
}

#[test]
fn versions_are_listed_in_pages_newest_first() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    for _ in 0..4 {
        add_version(&world, &arn, &allow("iam:*", "*"), false);
    }
    let page = |marker: &Value| {
        let mut input = json!({ "PolicyArn": arn, "MaxItems": 2 });
        if !marker.is_null() {
            input["Marker"] = marker.clone();
        }
        world.ok("ListPolicyVersions", input)
    };
    let mut listed = Vec::new();
    let mut marker = Value::Null;
    loop {
        let found = page(&marker);
        for version in found["Versions"].as_array().unwrap() {
            listed.push(version["VersionId"].as_str().unwrap().to_owned());
        }
        marker = found["Marker"].clone();
        if found["IsTruncated"] == false {
            break;
        }
    }
    assert_eq!(listed, ["v5", "v4", "v3", "v2", "v1"]);
}

#[test]
fn tags_of_policies_are_replaced_listed_and_removed() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    let tag = |tags: Value| world.ok("TagPolicy", json!({ "PolicyArn": arn, "Tags": tags }));
    tag(json!([{ "Key": "Team", "Value": "red" }, { "Key": "Stage", "Value": "dev" }]));
    tag(json!([{ "Key": "team", "Value": "blue" }]));
    let listed = || world.ok("ListPolicyTags", json!({ "PolicyArn": arn }))["Tags"].clone();
    let stage = json!({ "Key": "Stage", "Value": "dev" });
    assert_eq!(listed(), json!([stage, { "Key": "team", "Value": "blue" }]));
    world.ok(
        "UntagPolicy",
        json!({ "PolicyArn": arn, "TagKeys": ["TEAM", "none"] }),
    );
    assert_eq!(listed(), json!([stage]));
}

#[test]
fn policies_have_fifty_tags_at_most() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    let tags: Vec<Value> = (0..50)
        .map(|number| json!({ "Key": format!("k{number}"), "Value": "v" }))
        .collect();
    world.ok("TagPolicy", json!({ "PolicyArn": arn, "Tags": tags }));
    let input = json!({ "PolicyArn": arn, "Tags": [{ "Key": "more", "Value": "v" }] });
    let refused = world.call("TagPolicy", input).unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("LimitExceeded", Some(409))
    );
}

#[test]
fn what_may_be_done_to_a_policy_can_depend_on_its_tags() {
    let world = World::new();
    let only_red = statement(&json!({
        "Effect": "Allow", "Action": "iam:CreatePolicyVersion", "Resource": "*",
        "Condition": { "StringEquals": { "aws:ResourceTag/team": "red" } },
    }));
    let alice = world.user("Alice", Some(only_red));
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    let create = || {
        let document = allow("iam:*", "*").to_string();
        let input = json!({ "PolicyArn": arn, "PolicyDocument": document });
        world.call_as(&alice, "CreatePolicyVersion", input)
    };
    check_denied(create(), "iam:CreatePolicyVersion", &arn);
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    world.ok("TagPolicy", json!({ "PolicyArn": arn, "Tags": tags }));
    create().unwrap();
}

/// Two users, a group and a role that use the policy: one user as its boundary.
fn used() -> (World, String) {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "sagemaker.amazonaws.com" },
        "Action": "sts:AssumeRole",
    }] });
    world.ok("CreateUser", json!({ "UserName": "U", "Path": "/team/" }));
    world.ok(
        "CreateUser",
        json!({ "UserName": "B", "PermissionsBoundary": arn }),
    );
    world.ok("CreateGroup", json!({ "GroupName": "G" }));
    let role = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust.to_string() });
    world.ok("CreateRole", role);
    for (kind, name) in [("User", "U"), ("User", "B"), ("Group", "G"), ("Role", "R")] {
        let mut input = json!({ "PolicyArn": arn });
        input[format!("{kind}Name")] = json!(name);
        world.ok(&format!("Attach{kind}Policy"), input);
    }
    (world, arn)
}

/// The names that `ListEntitiesForPolicy` answers for these filters.
fn check_entities(filters: &Value, expected: &[&str]) {
    let (world, arn) = used();
    let mut input = filters.clone();
    input["PolicyArn"] = json!(arn);
    let found = world.ok("ListEntitiesForPolicy", input);
    let mut names = Vec::new();
    for (list, name) in [
        ("PolicyGroups", "GroupName"),
        ("PolicyRoles", "RoleName"),
        ("PolicyUsers", "UserName"),
    ] {
        for one in found[list].as_array().unwrap() {
            names.push(one[name].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(names, expected);
}

#[test]
fn who_uses_a_policy_is_listed_once() {
    check_entities(&json!({}), &["G", "R", "B", "U"]);
}

#[test]
fn who_uses_a_policy_can_be_listed_by_kind() {
    check_entities(&json!({ "EntityFilter": "User" }), &["B", "U"]);
    check_entities(&json!({ "EntityFilter": "Role" }), &["R"]);
    check_entities(&json!({ "EntityFilter": "Group" }), &["G"]);
}

#[test]
fn who_uses_a_policy_can_be_listed_by_path() {
    check_entities(&json!({ "PathPrefix": "/team/" }), &["U"]);
}

#[test]
fn who_uses_a_policy_can_be_listed_by_use() {
    check_entities(
        &json!({ "PolicyUsageFilter": "PermissionsBoundary" }),
        &["B"],
    );
    let attached = json!({ "PolicyUsageFilter": "PermissionsPolicy", "EntityFilter": "User" });
    check_entities(&attached, &["B", "U"]);
}

#[test]
fn entities_of_other_accounts_policies_are_out_of_reach() {
    let world = World::new();
    let arn = policy_arn("Missing");
    let message = format!("Policy {arn} was not found.");
    for operation in [
        "ListEntitiesForPolicy",
        "ListPolicyVersions",
        "ListPolicyTags",
    ] {
        let input = json!({ "PolicyArn": arn });
        world.refuses(operation, input, ("NoSuchEntity", 404, &message));
        let foreign = "arn:aws:iam::444455556666:policy/Theirs";
        let outcome = world.call(operation, json!({ "PolicyArn": foreign }));
        check_denied(outcome, &format!("iam:{operation}"), foreign);
    }
}
