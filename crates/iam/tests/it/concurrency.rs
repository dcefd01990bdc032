//! Calls that race: the outcome is as if they had come one after the other.

use serde_json::json;

use crate::world::{World, allow};

#[test]
fn a_name_is_given_once() {
    let world = World::new();
    let call = || ("CreateUser", json!({ "UserName": "Alice" }));
    let outcomes = world.call_together((0..8).map(|_| call()).collect());
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for refused in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(refused.code, "EntityAlreadyExists");
    }
}

#[test]
fn different_users_are_made_at_once() {
    let world = World::new();
    let call = |number| ("CreateUser", json!({ "UserName": format!("user{number}") }));
    let outcomes = world.call_together((0..64).map(call).collect());
    assert!(outcomes.iter().all(Result::is_ok));
}

#[test]
fn two_keys_at_most_also_at_once() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let call = || ("CreateAccessKey", json!({ "UserName": "Alice" }));
    let outcomes = world.call_together((0..6).map(|_| call()).collect());
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
}

#[test]
fn a_policy_is_either_attached_or_deleted() {
    for order in 0..2 {
        let world = World::new();
        world.ok("CreateUser", json!({ "UserName": "Alice" }));
        let arn = world.policy("P", &allow("kms:*", "*"));
        let mut calls = vec![
            (
                "AttachUserPolicy",
                json!({ "UserName": "Alice", "PolicyArn": arn }),
            ),
            ("DeletePolicy", json!({ "PolicyArn": arn })),
        ];
        if order == 1 {
            calls.reverse();
        }
        let outcomes = world.call_together(calls);
        assert_eq!(
            outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
            1,
            "{outcomes:?}"
        );
        let attached = world.ok("ListAttachedUserPolicies", json!({ "UserName": "Alice" }));
        let exists = world.call("GetPolicy", json!({ "PolicyArn": arn })).is_ok();
        assert_eq!(attached["AttachedPolicies"] != json!([]), exists);
    }
}

#[test]
fn a_user_is_not_deleted_under_a_new_key() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let outcomes = world.call_together(vec![
        ("CreateAccessKey", json!({ "UserName": "Alice" })),
        ("DeleteUser", json!({ "UserName": "Alice" })),
    ]);
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        1,
        "{outcomes:?}"
    );
}

#[test]
fn nobody_joins_a_group_that_is_deleted_meanwhile() {
    for order in 0..2 {
        let world = World::new();
        world.ok("CreateUser", json!({ "UserName": "Alice" }));
        world.ok("CreateGroup", json!({ "GroupName": "G" }));
        let mut calls = vec![
            (
                "AddUserToGroup",
                json!({ "GroupName": "G", "UserName": "Alice" }),
            ),
            ("DeleteGroup", json!({ "GroupName": "G" })),
        ];
        if order == 1 {
            calls.reverse();
        }
        let outcomes = world.call_together(calls);
        let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(done, 1, "{outcomes:?}");
        let groups = world.ok("ListGroupsForUser", json!({ "UserName": "Alice" }));
        let exists = world.call("GetGroup", json!({ "GroupName": "G" })).is_ok();
        assert_eq!(groups["Groups"] != json!([]), exists);
    }
}

#[test]
fn a_trusted_user_is_never_deleted_unnoticed() {
    for order in 0..2 {
        let world = World::new();
        let id = world.ok("CreateUser", json!({ "UserName": "Alice" }))["User"]["UserId"].clone();
        let trust = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "AWS": crate::world::user_arn("Alice") },
        } });
        let role = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust.to_string() });
        let mut calls = vec![
            ("CreateRole", role),
            ("DeleteUser", json!({ "UserName": "Alice" })),
        ];
        if order == 1 {
            calls.reverse();
        }
        world.call_together(calls);
        // Either the role was refused, or it is bound to the user that is gone.
        if let Ok(found) = world.call("GetRole", json!({ "RoleName": "R" })) {
            let shown = found["Role"]["AssumeRolePolicyDocument"].as_str().unwrap();
            assert!(shown.contains(id.as_str().unwrap()), "{shown}");
        }
    }
}
