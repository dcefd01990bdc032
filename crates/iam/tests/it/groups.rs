//! Groups: their life, their members, and what members may do.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, allow, check_denied, check_refused, user_arn};

fn group(name: &str) -> Value {
    json!({ "GroupName": name })
}

fn member(group: &str, user: &str) -> Value {
    json!({ "GroupName": group, "UserName": user })
}

fn names(listed: &Value, what: &str, name: &str) -> Vec<String> {
    let listed = listed[what].as_array().unwrap().iter();
    listed
        .map(|one| one[name].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_new_group_is_answered_found_and_listed() {
    let world = World::new();
    let input = json!({ "GroupName": "Readers", "Path": "/team/red/" });
    let made = world.ok("CreateGroup", input)["Group"].clone();
    assert_eq!(
        made["Arn"],
        format!("arn:aws:iam::{ACCOUNT}:group/team/red/Readers")
    );
    let id = made["GroupId"].as_str().unwrap();
    assert!(id.starts_with("AGPA") && id.len() == 21, "{id}");
    let found = world.ok("GetGroup", group("READERS"));
    assert_eq!((&found["Group"], &found["Users"]), (&made, &json!([])));
    world.ok("CreateGroup", group("Admins"));
    let all = world.ok("ListGroups", json!({}));
    assert_eq!(names(&all, "Groups", "GroupName"), ["Admins", "Readers"]);
    let below = world.ok("ListGroups", json!({ "PathPrefix": "/team/" }));
    assert_eq!(names(&below, "Groups", "GroupName"), ["Readers"]);
}

#[test]
fn names_of_groups_are_unique_without_regard_to_case() {
    let world = World::new();
    world.ok("CreateGroup", group("Readers"));
    let message = "Group with name READERS already exists.";
    world.refuses(
        "CreateGroup",
        group("READERS"),
        ("EntityAlreadyExists", 409, message),
    );
}

#[test]
fn a_group_that_does_not_exist_is_not_found() {
    let world = World::new();
    let missing = (
        "NoSuchEntity",
        404,
        "The group with name Nobody cannot be found.",
    );
    for operation in [
        "GetGroup",
        "DeleteGroup",
        "ListGroupPolicies",
        "ListAttachedGroupPolicies",
        "UpdateGroup",
    ] {
        world.refuses(operation, group("Nobody"), missing);
    }
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.refuses("AddUserToGroup", member("Nobody", "Alice"), missing);
    world.ok("CreateGroup", group("Readers"));
    let missing = (
        "NoSuchEntity",
        404,
        "The user with name Nobody cannot be found.",
    );
    world.refuses("AddUserToGroup", member("Readers", "Nobody"), missing);
}

#[test]
fn members_have_the_policies_of_their_group_until_they_leave() {
    let world = World::new();
    let alice = world.user("Alice", None);
    world.ok("CreateGroup", group("Readers"));
    let document = allow("iam:GetUser", "*").to_string();
    let input = json!({ "GroupName": "Readers", "PolicyName": "p", "PolicyDocument": document });
    world.ok("PutGroupPolicy", input);
    let get = || world.call_as(&alice, "GetUser", json!({ "UserName": "Alice" }));
    check_denied(get(), "iam:GetUser", &user_arn("Alice"));
    world.ok("AddUserToGroup", member("Readers", "Alice"));
    get().unwrap();
    world.ok("RemoveUserFromGroup", member("Readers", "Alice"));
    check_denied(get(), "iam:GetUser", &user_arn("Alice"));
}

#[test]
fn members_have_the_attached_policies_of_their_group() {
    let world = World::new();
    let alice = world.user("Alice", None);
    world.ok("CreateGroup", group("Readers"));
    world.ok("AddUserToGroup", member("Readers", "Alice"));
    let arn = world.policy("read", &allow("iam:GetUser", "*"));
    let pair = json!({ "GroupName": "Readers", "PolicyArn": arn });
    world.ok("AttachGroupPolicy", pair.clone());
    world
        .call_as(&alice, "GetUser", json!({ "UserName": "Alice" }))
        .unwrap();
    let usage = world.ok("GetPolicy", json!({ "PolicyArn": arn }));
    assert_eq!(usage["Policy"]["AttachmentCount"], 1);
    let listed = world.ok("ListAttachedGroupPolicies", group("Readers"));
    assert_eq!(names(&listed, "AttachedPolicies", "PolicyName"), ["read"]);
    world.ok("DetachGroupPolicy", pair);
    let denied = world.call_as(&alice, "GetUser", json!({ "UserName": "Alice" }));
    check_denied(denied, "iam:GetUser", &user_arn("Alice"));
}

#[test]
fn memberships_are_listed_from_both_sides_in_pages() {
    let world = World::new();
    world.ok("CreateGroup", group("Readers"));
    for name in ["carol", "Alice", "bob"] {
        world.ok("CreateUser", json!({ "UserName": name }));
        world.ok("AddUserToGroup", member("Readers", name));
        world.ok("AddUserToGroup", member("Readers", name));
    }
    let first = world.ok("GetGroup", json!({ "GroupName": "Readers", "MaxItems": 2 }));
    assert_eq!(names(&first, "Users", "UserName"), ["Alice", "bob"]);
    assert_eq!(first["IsTruncated"], true);
    let input = json!({ "GroupName": "Readers", "Marker": first["Marker"] });
    let rest = world.ok("GetGroup", input);
    assert_eq!(names(&rest, "Users", "UserName"), ["carol"]);
    assert_eq!(rest["IsTruncated"], false);
    world.ok("CreateGroup", group("Admins"));
    world.ok("AddUserToGroup", member("Admins", "bob"));
    let groups = world.ok("ListGroupsForUser", json!({ "UserName": "bob" }));
    assert_eq!(names(&groups, "Groups", "GroupName"), ["Admins", "Readers"]);
}

#[test]
fn a_user_is_in_ten_groups_at_most() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let join = |number: usize| {
        let name = format!("g{number}");
        world.ok("CreateGroup", group(&name));
        world.call("AddUserToGroup", member(&name, "Alice"))
    };
    for number in 0..10 {
        join(number).unwrap();
    }
    let full = (
        "LimitExceeded",
        409,
        "Cannot exceed quota for GroupsPerUser: 10",
    );
    check_refused(join(10), full);
}

#[test]
fn a_group_in_use_is_not_deleted() {
    let world = World::new();
    world.ok("CreateGroup", group("Readers"));
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.ok("AddUserToGroup", member("Readers", "Alice"));
    let refused = |message: &str| {
        world.refuses(
            "DeleteGroup",
            group("Readers"),
            ("DeleteConflict", 409, message),
        );
    };
    refused("Cannot delete entity, must remove users from group first.");
    let message = "Cannot delete entity, must remove users from group first.";
    world.refuses(
        "DeleteUser",
        json!({ "UserName": "Alice" }),
        ("DeleteConflict", 409, message),
    );
    world.ok("RemoveUserFromGroup", member("Readers", "Alice"));
    let document = allow("kms:*", "*").to_string();
    let input = json!({ "GroupName": "Readers", "PolicyName": "p", "PolicyDocument": document });
    world.ok("PutGroupPolicy", input);
    refused("Cannot delete entity, must delete policies first.");
    world.ok(
        "DeleteGroupPolicy",
        json!({ "GroupName": "Readers", "PolicyName": "p" }),
    );
    let arn = world.policy("attached", &allow("kms:*", "*"));
    let pair = json!({ "GroupName": "Readers", "PolicyArn": arn });
    world.ok("AttachGroupPolicy", pair.clone());
    refused("Cannot delete entity, must detach all policies first.");
    world.ok("DetachGroupPolicy", pair);
    world.ok("DeleteGroup", group("Readers"));
    world.ok("DeleteUser", json!({ "UserName": "Alice" }));
}

#[test]
fn who_is_not_a_member_cannot_leave() {
    let world = World::new();
    world.ok("CreateGroup", group("Readers"));
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let refused = world
        .call("RemoveUserFromGroup", member("Readers", "Alice"))
        .unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("NoSuchEntity", Some(404))
    );
}

#[test]
fn a_renamed_group_keeps_its_members_and_policies() {
    let world = World::new();
    let alice = world.user("Alice", None);
    world.ok("CreateGroup", group("Readers"));
    world.ok("AddUserToGroup", member("Readers", "Alice"));
    let document = allow("iam:GetUser", "*").to_string();
    let input = json!({ "GroupName": "Readers", "PolicyName": "p", "PolicyDocument": document });
    world.ok("PutGroupPolicy", input);
    world.ok("CreateGroup", group("Taken"));
    let to = |name: &str| json!({ "GroupName": "Readers", "NewGroupName": name, "NewPath": "/x/" });
    let message = "Group with name taken already exists.";
    world.refuses(
        "UpdateGroup",
        to("taken"),
        ("EntityAlreadyExists", 409, message),
    );
    world.ok("UpdateGroup", to("Viewers"));
    world
        .call_as(&alice, "GetUser", json!({ "UserName": "Alice" }))
        .unwrap();
    assert_eq!(
        world.call("GetGroup", group("Readers")).unwrap_err().code,
        "NoSuchEntity"
    );
    let found = world.ok("GetGroup", group("Viewers"));
    assert_eq!(
        found["Group"]["Arn"],
        format!("arn:aws:iam::{ACCOUNT}:group/x/Viewers")
    );
    assert_eq!(names(&found, "Users", "UserName"), ["Alice"]);
}

#[test]
fn the_inline_policies_of_a_group_share_5120_characters() {
    let world = World::new();
    world.ok("CreateGroup", group("Readers"));
    let document = allow(&format!("kms:{}", "x".repeat(5100)), "*").to_string();
    let input = json!({ "GroupName": "Readers", "PolicyName": "p", "PolicyDocument": document });
    let message = "Maximum policy size of 5120 bytes exceeded for group Readers";
    world.refuses("PutGroupPolicy", input, ("LimitExceeded", 409, message));
}

#[test]
fn inline_policies_of_groups_are_read_and_listed() {
    let world = World::new();
    world.ok("CreateGroup", group("Readers"));
    let which = json!({ "GroupName": "Readers", "PolicyName": "p" });
    let message = "The group policy with name p cannot be found.";
    for operation in ["GetGroupPolicy", "DeleteGroupPolicy"] {
        world.refuses(operation, which.clone(), ("NoSuchEntity", 404, message));
    }
    let document = allow("kms:*", "*").to_string();
    let input = json!({ "GroupName": "Readers", "PolicyName": "p", "PolicyDocument": document });
    world.ok("PutGroupPolicy", input);
    let found = world.ok("GetGroupPolicy", which);
    assert!(found["PolicyDocument"].as_str().unwrap().starts_with("%7B"));
    let listed = world.ok("ListGroupPolicies", group("Readers"));
    assert_eq!(listed["PolicyNames"], json!(["p"]));
}
