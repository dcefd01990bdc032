//! Who may do what to IAM itself.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Outcome, World, allow, check_denied, policy_arn, statement, user_arn};

/// Calls about users, keys and policies with an input that the administrator may send, and the action and resource
/// that each needs first. All operations, by every kind of caller, are in `test_coverage.py`.
fn calls_on_users_and_policies(world: &World) -> Vec<(&'static str, Value, &'static str, String)> {
    let key = world.user("Target", None).access_key.unwrap();
    let arn = world.policy("Policy", &allow("kms:*", "*"));
    let document = allow("kms:*", "*").to_string();
    world.put_policy("Target", "inline", &allow("kms:*", "*"));
    let user = user_arn("Target");
    let call =
        |operation, input, action, resource: &str| (operation, input, action, resource.to_owned());
    let on_user =
        |operation, action| call(operation, json!({ "UserName": "Target" }), action, &user);
    let attachment = json!({ "UserName": "Target", "PolicyArn": arn });
    let inline = json!({ "UserName": "Target", "PolicyName": "inline" });
    let put = json!({ "UserName": "Target", "PolicyName": "i", "PolicyDocument": document });
    let on_key = json!({ "UserName": "Target", "AccessKeyId": key.as_str() });
    let status = json!({ "UserName": "Target", "AccessKeyId": key.as_str(), "Status": "Active" });
    let version = json!({ "PolicyArn": arn, "VersionId": "v1" });
    let policy = json!({ "PolicyName": "New", "PolicyDocument": document });
    vec![
        call(
            "CreateUser",
            json!({ "UserName": "New" }),
            "iam:CreateUser",
            &user_arn("New"),
        ),
        on_user("GetUser", "iam:GetUser"),
        call("ListUsers", json!({}), "iam:ListUsers", &user_arn("")),
        on_user("DeleteUser", "iam:DeleteUser"),
        on_user("CreateAccessKey", "iam:CreateAccessKey"),
        on_user("ListAccessKeys", "iam:ListAccessKeys"),
        call("UpdateAccessKey", status, "iam:UpdateAccessKey", &user),
        call("DeleteAccessKey", on_key, "iam:DeleteAccessKey", &user),
        call(
            "GetAccessKeyLastUsed",
            json!({ "AccessKeyId": key.as_str() }),
            "iam:GetAccessKeyLastUsed",
            &user,
        ),
        call("PutUserPolicy", put, "iam:PutUserPolicy", &user),
        call("GetUserPolicy", inline.clone(), "iam:GetUserPolicy", &user),
        on_user("ListUserPolicies", "iam:ListUserPolicies"),
        call("DeleteUserPolicy", inline, "iam:DeleteUserPolicy", &user),
        call(
            "CreatePolicy",
            policy,
            "iam:CreatePolicy",
            &policy_arn("New"),
        ),
        call(
            "GetPolicy",
            json!({ "PolicyArn": arn }),
            "iam:GetPolicy",
            &arn,
        ),
        call("GetPolicyVersion", version, "iam:GetPolicyVersion", &arn),
        call("ListPolicies", json!({}), "iam:ListPolicies", "*"),
        call(
            "DeletePolicy",
            json!({ "PolicyArn": arn }),
            "iam:DeletePolicy",
            &arn,
        ),
        call(
            "AttachUserPolicy",
            attachment.clone(),
            "iam:AttachUserPolicy",
            &user,
        ),
        call(
            "DetachUserPolicy",
            attachment,
            "iam:DetachUserPolicy",
            &user,
        ),
        on_user("ListAttachedUserPolicies", "iam:ListAttachedUserPolicies"),
    ]
}

#[test]
fn without_a_policy_everything_is_denied() {
    let world = World::new();
    let nobody = world.user("Nobody", None);
    for (operation, input, action, resource) in calls_on_users_and_policies(&world) {
        check_denied(world.call_as(&nobody, operation, input), action, &resource);
    }
}

#[test]
fn everything_but_the_one_action_is_not_enough() {
    let world = World::new();
    let caller = world.user("Caller", None);
    for (operation, input, action, resource) in calls_on_users_and_policies(&world) {
        let others = statement(&json!({
            "Effect": "Allow", "NotAction": action, "Resource": "*",
        }));
        world.put_policy("Caller", "inline", &others);
        check_denied(world.call_as(&caller, operation, input), action, &resource);
    }
}

#[test]
fn exactly_the_named_need_is_enough() {
    let count = calls_on_users_and_policies(&World::new()).len();
    for number in 0..count {
        // One world each: some of the calls delete what others read.
        let world = World::new();
        let caller = world.user("Caller", None);
        let (operation, input, action, resource) =
            calls_on_users_and_policies(&world).swap_remove(number);
        world.put_policy("Caller", "inline", &allow(action, &resource));
        let code = world
            .call_as(&caller, operation, input)
            .err()
            .map(|refused| refused.code);
        let expected = match operation {
            "DeleteUser" => Some("DeleteConflict"),
            "DetachUserPolicy" => Some("NoSuchEntity"),
            _ => None,
        };
        assert_eq!(code.as_deref(), expected, "{operation}");
    }
}

#[test]
fn a_listing_is_decided_on_what_it_lists() {
    let world = World::new();
    let caller = world.user("Caller", None);
    let arn = |resource: &str| format!("arn:aws:iam::{ACCOUNT}:{resource}");
    let below = json!({ "PathPrefix": "/team/" });
    for (operation, input, listed, other) in [
        ("ListUsers", json!({}), "user/", "user/Caller"),
        ("ListUsers", below.clone(), "user/team/", "user/"),
        ("ListGroups", json!({}), "group/", "user/"),
        ("ListGroups", below.clone(), "group/team/", "group/teams/*"),
        ("ListRoles", json!({}), "role/", "role/team/*"),
        ("ListRoles", below, "role/team/", "role/Caller"),
        (
            "ListOpenIDConnectProviders",
            json!({}),
            "oidc-provider/*",
            "oidc-provider/a",
        ),
    ] {
        let action = format!("iam:{operation}");
        let call = || world.call_as(&caller, operation, input.clone());
        for nothing in [allow(&action, &arn(other)), allow("iam:GetUser", "*")] {
            world.put_policy("Caller", "inline", &nothing);
            check_denied(call(), &action, &arn(listed));
        }
        for enough in ["*".to_owned(), arn(listed), arn("*")] {
            world.put_policy("Caller", "inline", &allow(&action, &enough));
            call().unwrap();
        }
        let but = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": action, "Resource": arn(listed) },
        ] });
        world.put_policy("Caller", "inline", &but);
        check_denied(call(), &action, &arn(listed));
    }
}

#[test]
fn tags_need_a_permission_of_their_own() {
    let world = World::new();
    let caller = world.user("Caller", Some(allow("iam:Create*", "*")));
    let tags = json!([{ "Key": "Team", "Value": "red" }]);
    let user = json!({ "UserName": "New", "Tags": tags });
    let policy = json!({
        "PolicyName": "New", "PolicyDocument": allow("kms:*", "*").to_string(), "Tags": tags,
    });
    check_denied(
        world.call_as(&caller, "CreateUser", user.clone()),
        "iam:TagUser",
        &user_arn("New"),
    );
    check_denied(
        world.call_as(&caller, "CreatePolicy", policy.clone()),
        "iam:TagPolicy",
        &policy_arn("New"),
    );
    let both = statement(&json!({
        "Effect": "Allow", "Action": ["iam:Create*", "iam:Tag*"], "Resource": "*",
    }));
    world.put_policy("Caller", "inline", &both);
    world.call_as(&caller, "CreateUser", user).unwrap();
    world.call_as(&caller, "CreatePolicy", policy).unwrap();
}

/// Calls as a user who may do everything under `condition`.
fn under(condition: &Value, operation: &str, input: &Value, prepare: fn(&World)) -> Outcome {
    let world = World::new();
    prepare(&world);
    let caller = world.user("Caller", None);
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "iam:*", "Resource": "*", "Condition": condition,
    }));
    world.put_policy("Caller", "inline", &policy);
    world.call_as(&caller, operation, input.clone())
}

fn check_condition(
    condition: &Value,
    operation: &str,
    matching: &Value,
    others: &[Value],
    prepare: fn(&World),
) {
    under(condition, operation, matching, prepare).unwrap();
    for input in others {
        let refused = under(condition, operation, input, prepare).unwrap_err();
        assert_eq!(refused.code, "AccessDenied", "{input}");
    }
}

fn nothing(_: &World) {}

#[test]
fn request_tags_are_condition_keys() {
    let tags = |key: &str, value: &str| json!({ "UserName": "New", "Tags": [{ "Key": key, "Value": value }] });
    check_condition(
        &json!({ "StringEquals": { "aws:RequestTag/team": "red" } }),
        "CreateUser",
        &tags("Team", "red"),
        &[
            tags("Team", "blue"),
            tags("Stage", "red"),
            json!({ "UserName": "New" }),
        ],
        nothing,
    );
    check_condition(
        &json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "Team" } }),
        "CreateUser",
        &tags("Team", "red"),
        &[tags("Stage", "red"), json!({ "UserName": "New" })],
        nothing,
    );
}

#[test]
fn the_policy_to_attach_is_a_condition_key() {
    let attach = |arn: &str| json!({ "UserName": "Target", "PolicyArn": arn });
    check_condition(
        &json!({ "ArnEquals": { "iam:PolicyARN": policy_arn("Harmless") } }),
        "AttachUserPolicy",
        &attach(&policy_arn("Harmless")),
        &[attach("arn:aws:iam::aws:policy/AdministratorAccess")],
        |world| {
            world.ok("CreateUser", json!({ "UserName": "Target" }));
            world.policy("Harmless", &allow("kms:ListKeys", "*"));
        },
    );
}

fn a_bound_and_a_free_user(world: &World) {
    let boundary = world.policy("B", &allow("kms:*", "*"));
    world.ok(
        "CreateUser",
        json!({ "UserName": "Bound", "PermissionsBoundary": boundary }),
    );
    world.ok("CreateUser", json!({ "UserName": "Free" }));
}

#[test]
fn the_boundary_of_a_user_is_a_condition_key() {
    let condition = json!({ "StringEquals": { "iam:PermissionsBoundary": policy_arn("B") } });
    check_condition(
        &condition,
        "CreateUser",
        &json!({ "UserName": "New", "PermissionsBoundary": policy_arn("B") }),
        &[
            json!({ "UserName": "New" }),
            json!({ "UserName": "New", "PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess" }),
        ],
        a_bound_and_a_free_user,
    );
    let put = |user: &str| {
        let document = allow("kms:*", "*").to_string();
        json!({ "UserName": user, "PolicyName": "P", "PolicyDocument": document })
    };
    check_condition(
        &condition,
        "PutUserPolicy",
        &put("Bound"),
        &[put("Free")],
        a_bound_and_a_free_user,
    );
    let attach = |user: &str| json!({ "UserName": user, "PolicyArn": policy_arn("B") });
    check_condition(
        &condition,
        "AttachUserPolicy",
        &attach("Bound"),
        &[attach("Free")],
        a_bound_and_a_free_user,
    );
}

#[test]
fn tags_of_users_and_policies_are_condition_keys() {
    fn prepare(world: &World) {
        for (name, team) in [("Red", "red"), ("Blue", "blue")] {
            let tags = json!([{ "Key": "Team", "Value": team }]);
            world.ok("CreateUser", json!({ "UserName": name, "Tags": tags }));
            let document = allow("kms:*", "*").to_string();
            let input = json!({ "PolicyName": name, "PolicyDocument": document, "Tags": tags });
            world.ok("CreatePolicy", input);
        }
        world.ok("CreateUser", json!({ "UserName": "Untagged" }));
    }
    for key in ["aws:ResourceTag/team", "iam:ResourceTag/Team"] {
        let condition = json!({ "StringEquals": { key: "red" } });
        check_condition(
            &condition,
            "GetUser",
            &json!({ "UserName": "Red" }),
            &[
                json!({ "UserName": "Blue" }),
                json!({ "UserName": "Untagged" }),
                json!({ "UserName": "Nobody" }),
            ],
            prepare,
        );
        check_condition(
            &condition,
            "GetPolicy",
            &json!({ "PolicyArn": policy_arn("Red") }),
            &[
                json!({ "PolicyArn": policy_arn("Blue") }),
                json!({ "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" }),
            ],
            prepare,
        );
    }
}

#[test]
fn the_callers_own_tags_are_condition_keys() {
    let world = World::new();
    let tags = json!([{ "Key": "Team", "Value": "red" }]);
    world.ok("CreateUser", json!({ "UserName": "Alice", "Tags": tags }));
    let alice = world.caller(&world.key_of("Alice")).unwrap();
    let when = |team: &str| {
        let condition = json!({ "StringEquals": { "aws:PrincipalTag/team": team } });
        world.put_policy(
            "Alice",
            "inline",
            &statement(&json!({
                "Effect": "Allow", "Action": "iam:GetUser", "Resource": "*",
                "Condition": condition,
            })),
        );
        world.call_as(&alice, "GetUser", json!({}))
    };
    when("red").unwrap();
    assert_eq!(when("blue").unwrap_err().code, "AccessDenied");
}

#[test]
fn a_boundary_limits_what_policies_grant() {
    let world = World::new();
    let boundary = world.policy("Boundary", &allow("iam:GetUser", "*"));
    world.ok(
        "CreateUser",
        json!({ "UserName": "Alice", "PermissionsBoundary": boundary }),
    );
    world.put_policy("Alice", "all", &allow("*", "*"));
    let alice = world.caller(&world.key_of("Alice")).unwrap();
    world.call_as(&alice, "GetUser", json!({})).unwrap();
    let refused = world.call_as(&alice, "ListUsers", json!({})).unwrap_err();
    let reason = "because no permissions boundary allows the iam:ListUsers action";
    assert!(refused.message.ends_with(reason), "{refused:?}");
}

#[test]
fn a_path_in_the_resource_counts_whatever_the_caller_writes() {
    let world = World::new();
    world.ok(
        "CreateUser",
        json!({ "UserName": "Boss", "Path": "/admins/" }),
    );
    let caller = world.user("Caller", Some(allow("iam:*", &user_arn("*"))));
    world.put_policy(
        "Caller",
        "deny",
        &statement(&json!({
            "Effect": "Deny", "Action": "*", "Resource": user_arn("admins/Boss"),
        })),
    );
    for name in ["Boss", "BOSS", "boss"] {
        let outcome = world.call_as(&caller, "GetUser", json!({ "UserName": name }));
        // The message shows the name as the caller wrote it: it tells no path.
        check_denied(outcome, "iam:GetUser", &user_arn(name));
    }
}

#[test]
fn nobody_can_be_denied_its_own_identity() {
    let world = World::new();
    let deny = statement(&json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }));
    let alice = world.user("Alice", Some(deny));
    let identity = world
        .call_as(&alice, "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(
        identity,
        json!({
            "Account": ACCOUNT, "Arn": user_arn("Alice"),
            "UserId": crate::world::id_of(&alice),
        })
    );
    let root = world
        .call_as(&world.root(), "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(root["Arn"], format!("arn:aws:iam::{ACCOUNT}:root"));
    assert_eq!(root["UserId"], ACCOUNT);
}
