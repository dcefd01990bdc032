//! Temporary credentials: who gets them, and what they can do.

use pipeline::Caller;
use serde_json::{Value, json};

use crate::world::{
    ACCOUNT, Outcome, World, account, allow, check_denied, check_lacks, check_refused, statement,
    user_arn,
};

pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A trust policy that lets these principals do everything with the session.
pub(crate) fn trust(principal: &str, more: &Value) -> String {
    let mut trusting = json!({
        "Effect": "Allow", "Principal": { "AWS": principal },
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    });
    for (key, value) in more.as_object().unwrap() {
        trusting[key] = value.clone();
    }
    statement(&trusting).to_string()
}

impl World {
    /// A role that trusts the account, with an inline policy.
    pub(crate) fn role(&self, name: &str, policy: &Value) {
        self.trusting(name, &trust(ACCOUNT, &json!({})), policy);
    }

    pub(crate) fn trusting(&self, name: &str, trust: &str, policy: &Value) {
        self.ok(
            "CreateRole",
            json!({ "RoleName": name, "AssumeRolePolicyDocument": trust, "MaxSessionDuration": 7200 }),
        );
        let input = json!({
            "RoleName": name, "PolicyName": "inline", "PolicyDocument": policy.to_string(),
        });
        self.ok("PutRolePolicy", input);
    }

    pub(crate) fn assume_as(&self, caller: &Caller, role: &str, more: &Value) -> Outcome {
        let mut input = json!({ "RoleArn": role_arn(role), "RoleSessionName": "tester" });
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        self.call_as(caller, "AssumeRole", input)
    }

    fn assume(&self, role: &str, more: &Value) -> Outcome {
        self.assume_as(&self.administrator, role, more)
    }

    /// A session of the role that the administrator assumes.
    pub(crate) fn enter(&self, role: &str, more: &Value) -> Caller {
        self.session(&self.assume(role, more).unwrap()).unwrap()
    }
}

fn all() -> Value {
    allow("*", "*")
}

#[test]
fn a_session_does_what_its_role_may() {
    let world = World::new();
    world.role("Reader", &allow("iam:List*", "*"));
    let answer = world.assume("Reader", &json!({})).unwrap();
    let user = &answer["AssumedRoleUser"];
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/tester");
    assert_eq!(user["Arn"], arn.as_str());
    assert_eq!(answer["PackedPolicySize"], Value::Null);
    let id = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
    assert!(id.starts_with("ASIA") && id.len() == 20, "{id}");
    let session = world.session(&answer).unwrap();
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    let refused = world.call_as(&session, "CreateUser", json!({ "UserName": "X" }));
    check_denied(refused, "iam:CreateUser", &user_arn("X"));
    let who = world
        .call_as(&session, "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(
        (&who["Arn"], &who["UserId"]),
        (&json!(arn), &user["AssumedRoleId"])
    );
}

#[test]
fn changes_of_the_role_count_on_the_next_request() {
    let world = World::new();
    world.role("Reader", &allow("iam:List*", "*"));
    let session = world.enter("Reader", &json!({}));
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    world.ok(
        "DeleteRolePolicy",
        json!({ "RoleName": "Reader", "PolicyName": "inline" }),
    );
    check_lacks(
        world.call_as(&session, "ListUsers", json!({})),
        "iam:ListUsers",
    );
    world.ok("DeleteRole", json!({ "RoleName": "Reader" }));
    // Another role of the same name is not the one that was assumed.
    world.role("Reader", &all());
    for operation in ["ListUsers", "GetCallerIdentity"] {
        let refused = world.call_as(&session, operation, json!({})).unwrap_err();
        assert_eq!(
            refused.message,
            "The security token included in the request is invalid."
        );
    }
}

#[test]
fn the_token_of_a_deleted_role_or_of_another_key_authenticates_nobody() {
    let world = World::new();
    world.role("Reader", &all());
    let mine = world.assume("Reader", &json!({})).unwrap();
    let other = world.assume("Reader", &json!({})).unwrap();
    let mut swapped = mine.clone();
    swapped["Credentials"]["SessionToken"] = other["Credentials"]["SessionToken"].clone();
    assert!(world.session(&swapped).is_none());
    assert!(world.session(&mine).is_some());
    world.ok(
        "DeleteRolePolicy",
        json!({ "RoleName": "Reader", "PolicyName": "inline" }),
    );
    world.ok("DeleteRole", json!({ "RoleName": "Reader" }));
    assert!(world.session(&mine).is_none());
}

#[test]
fn a_role_that_does_not_exist_is_refused_like_one_that_trusts_nobody() {
    let world = World::new();
    let alice = world.user("Alice", None);
    world.role("Reader", &all());
    let refusal = |role: &str| {
        let refused = world.assume_as(&alice, role, &json!({})).unwrap_err();
        (
            refused.code,
            refused.status,
            refused.message.replace(role, "R"),
        )
    };
    assert_eq!(refusal("Reader"), refusal("Nowhere"));
    let message = format!(
        "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
        user_arn("Alice"),
        role_arn("R")
    );
    assert_eq!(refusal("Reader").2, message);
}

#[test]
fn trust_in_the_account_needs_an_identity_policy_and_trust_in_a_user_does_not() {
    let world = World::new();
    let alice = world.user("Alice", None);
    let bob = world.user("Bob", Some(allow("sts:AssumeRole", &role_arn("Ours"))));
    world.role("Ours", &all());
    world.trusting("Hers", &trust(&user_arn("Alice"), &json!({})), &all());
    check_denied(
        world.assume_as(&alice, "Ours", &json!({})),
        "sts:AssumeRole",
        &role_arn("Ours"),
    );
    world.assume_as(&bob, "Ours", &json!({})).unwrap();
    world.assume_as(&alice, "Hers", &json!({})).unwrap();
    check_denied(
        world.assume_as(&bob, "Hers", &json!({})),
        "sts:AssumeRole",
        &role_arn("Hers"),
    );
}

#[test]
fn a_boundary_must_allow_assuming_a_role_that_trusts_the_user() {
    let world = World::new();
    let alice = world.user("Alice", None);
    world.trusting("Hers", &trust(&user_arn("Alice"), &json!({})), &all());
    let boundary = world.policy("Bound", &allow("iam:*", "*"));
    let input = json!({ "UserName": "Alice", "PermissionsBoundary": boundary });
    world.ok("PutUserPermissionsBoundary", input);
    let refused = world.assume_as(&alice, "Hers", &json!({}));
    check_denied(refused, "sts:AssumeRole", &role_arn("Hers"));
}

#[test]
fn a_role_does_not_trust_itself_unasked() {
    let world = World::new();
    world.trusting(
        "Closed",
        &trust(&user_arn("Administrator"), &json!({})),
        &all(),
    );
    let session = world.enter("Closed", &json!({}));
    check_denied(
        world.assume_as(&session, "Closed", &json!({})),
        "sts:AssumeRole",
        &role_arn("Closed"),
    );
}

#[test]
fn nothing_denies_get_caller_identity_and_get_session_token() {
    let world = World::new();
    let deny = statement(&json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }));
    let alice = world.user("Alice", Some(deny));
    world
        .call_as(&alice, "GetCallerIdentity", json!({}))
        .unwrap();
    world.call_as(&alice, "GetSessionToken", json!({})).unwrap();
}

/// Checks whether the administrator's session of a role, and a user, may list users under
/// `condition`.
fn check_condition(condition: &Value, session_may: bool, user_may: bool) {
    let world = World::new();
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*", "Condition": condition,
    }));
    world.role("Reader", &policy);
    let session = world.enter("Reader", &json!({ "SourceIdentity": "DevUser" }));
    let user = world.user("Alice", Some(policy));
    let may = |caller: &Caller| world.call_as(caller, "ListUsers", json!({})).is_ok();
    assert_eq!(
        (may(&session), may(&user)),
        (session_may, user_may),
        "{condition}"
    );
}

#[test]
fn condition_keys_of_sessions_are_absent_elsewhere() {
    let is = |key: &str, absent: &str| json!({ "Null": { key: absent } });
    for key in [
        "aws:TokenIssueTime",
        "aws:MultiFactorAuthPresent",
        "aws:SourceIdentity",
    ] {
        check_condition(&is(key, "false"), true, false);
        check_condition(&is(key, "true"), false, true);
    }
    for key in [
        "aws:MultiFactorAuthAge",
        "aws:FederatedProvider",
        "aws:CalledVia",
        "aws:CalledViaFirst",
        "aws:PrincipalServiceName",
        "aws:PrincipalServiceNamesList",
        "aws:SourceArn",
        "aws:PrincipalTag/team",
    ] {
        check_condition(&is(key, "true"), true, true);
    }
}

#[test]
fn condition_keys_say_whose_session_it_is_and_since_when() {
    let equals = |key: &str, value: &str| json!({ "StringEquals": { key: value } });
    check_condition(&equals("aws:PrincipalType", "AssumedRole"), true, false);
    check_condition(&equals("aws:username", "Alice"), false, true);
    check_condition(&equals("aws:SourceIdentity", "DevUser"), true, false);
    check_condition(
        &equals("aws:PrincipalArn", &role_arn("Reader")),
        true,
        false,
    );
    check_condition(
        &json!({ "StringLike": { "aws:userid": "AROA*:tester" } }),
        true,
        false,
    );
    check_condition(
        &json!({ "Bool": { "aws:MultiFactorAuthPresent": "false" } }),
        true,
        false,
    );
    let since =
        |operator: &str| json!({ operator: { "aws:TokenIssueTime": "2023-11-14T22:13:20Z" } });
    check_condition(&since("DateGreaterThanEquals"), true, false);
    check_condition(&since("DateGreaterThan"), false, false);
}

#[test]
fn the_root_user_assumes_no_role() {
    let world = World::new();
    world.role("Reader", &all());
    let refused = world.assume_as(&world.root(), "Reader", &json!({}));
    let text = "Roles may not be assumed by root accounts.";
    check_refused(refused, ("AccessDenied", 403, text));
}

#[test]
fn an_external_id_must_be_the_one_that_the_role_asks_for() {
    let world = World::new();
    let condition = json!({ "Condition": { "StringEquals": { "sts:ExternalId": "x1" } } });
    world.trusting("Reader", &trust(ACCOUNT, &condition), &all());
    check_denied(
        world.assume("Reader", &json!({})),
        "sts:AssumeRole",
        &role_arn("Reader"),
    );
    let other = world.assume("Reader", &json!({ "ExternalId": "x2" }));
    check_denied(other, "sts:AssumeRole", &role_arn("Reader"));
    world
        .assume("Reader", &json!({ "ExternalId": "x1" }))
        .unwrap();
}

#[test]
fn a_session_lasts_no_longer_than_its_role_allows() {
    let world = World::new();
    world.role("Reader", &all());
    world
        .assume("Reader", &json!({ "DurationSeconds": 7200 }))
        .unwrap();
    check_refused(
        world.assume("Reader", &json!({ "DurationSeconds": 7201 })),
        (
            "ValidationError",
            400,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
    );
}

#[test]
fn the_session_of_a_session_lasts_an_hour_at_most() {
    let world = World::new();
    world.role("Reader", &all());
    let first = world.enter("Reader", &json!({}));
    let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed \
                by role chaining";
    check_refused(
        world.assume_as(&first, "Reader", &json!({ "DurationSeconds": 3601 })),
        ("ValidationError", 400, text),
    );
    world
        .assume_as(&first, "Reader", &json!({ "DurationSeconds": 3600 }))
        .unwrap();
}

#[test]
fn a_session_policy_bounds_the_session() {
    let world = World::new();
    world.role("Reader", &allow("iam:*", "*"));
    let policy = allow("iam:ListUsers", "*").to_string();
    let answer = world
        .assume("Reader", &json!({ "Policy": policy }))
        .unwrap();
    assert!(answer["PackedPolicySize"].as_u64().unwrap() > 0);
    let session = world.session(&answer).unwrap();
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    let refused = world.call_as(&session, "ListRoles", json!({})).unwrap_err();
    assert!(
        refused
            .message
            .contains("because no session policy allows the iam:ListRoles action"),
        "{refused:?}"
    );
    // It adds nothing to what the role may.
    let wide = world.enter("Reader", &json!({ "Policy": all().to_string() }));
    let again = world.assume_as(&wide, "Reader", &json!({}));
    check_denied(again, "sts:AssumeRole", &role_arn("Reader"));
}

#[test]
fn a_managed_session_policy_counts_as_it_is_now() {
    let world = World::new();
    world.role("Reader", &allow("iam:*", "*"));
    let arn = world.policy("Only", &allow("iam:ListUsers", "*"));
    let session = world.enter("Reader", &json!({ "PolicyArns": [{ "arn": arn }] }));
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    check_lacks(
        world.call_as(&session, "ListRoles", json!({})),
        "iam:ListRoles",
    );
    world.ok("DeletePolicy", json!({ "PolicyArn": arn }));
    check_lacks(
        world.call_as(&session, "ListUsers", json!({})),
        "iam:ListUsers",
    );
    let gone = world.assume("Reader", &json!({ "PolicyArns": [{ "arn": arn }] }));
    assert_eq!(gone.unwrap_err().code, "ValidationError");
}

#[test]
fn session_policies_that_cannot_be_honoured_are_refused() {
    let world = World::new();
    world.role("Reader", &all());
    let code = |more: Value| world.assume("Reader", &more).unwrap_err().code;
    assert_eq!(code(json!({ "Policy": "{" })), "MalformedPolicyDocument");
    let long = allow(
        "iam:ListUsers",
        &format!("arn:aws:iam::*:user/{}", "x".repeat(2048)),
    );
    assert_eq!(
        code(json!({ "Policy": long.to_string() })),
        "PackedPolicyTooLarge"
    );
    let eleven: Vec<Value> = (0..11)
        .map(|number| json!({ "arn": format!("arn:aws:iam::{ACCOUNT}:policy/p{number}") }))
        .collect();
    assert_eq!(code(json!({ "PolicyArns": eleven })), "ValidationError");
    let contexts = json!([{ "ProviderArn": "arn:aws:iam::aws:contextProvider/x", "ContextAssertion": "abcd" }]);
    assert_eq!(
        code(json!({ "ProvidedContexts": contexts })),
        "ValidationError"
    );
    let device = json!({ "SerialNumber": "arn:aws:iam::1:mfa/a", "TokenCode": "123456" });
    assert_eq!(code(device), "AccessDenied");
}

#[test]
fn session_tags_need_a_permission_of_their_own() {
    let world = World::new();
    let only_assume = json!({ "Action": "sts:AssumeRole" });
    world.trusting(
        "Plain",
        &trust(&user_arn("Administrator"), &only_assume),
        &all(),
    );
    world.assume("Plain", &json!({})).unwrap();
    let tags = json!({ "Tags": [{ "Key": "team", "Value": "red" }] });
    check_denied(
        world.assume("Plain", &tags),
        "sts:TagSession",
        &role_arn("Plain"),
    );
    let identity = json!({ "SourceIdentity": "DevUser" });
    check_denied(
        world.assume("Plain", &identity),
        "sts:SetSourceIdentity",
        &role_arn("Plain"),
    );
}

#[test]
fn a_session_tag_stands_instead_of_the_tag_of_the_role() {
    let world = World::new();
    let condition = json!({
        "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*",
        "Condition": { "StringEquals": { "aws:PrincipalTag/Team": "red" } },
    });
    world.role("Reader", &statement(&condition));
    let role = json!({ "RoleName": "Reader", "Tags": [{ "Key": "team", "Value": "red" }] });
    world.ok("TagRole", role);
    let plain = world.enter("Reader", &json!({}));
    world.call_as(&plain, "ListUsers", json!({})).unwrap();
    let blue = json!({ "Tags": [{ "Key": "TEAM", "Value": "blue" }] });
    let session = world.enter("Reader", &blue);
    check_lacks(
        world.call_as(&session, "ListUsers", json!({})),
        "iam:ListUsers",
    );
}

#[test]
fn transitive_tags_and_source_identity_stay_through_chaining() {
    let world = World::new();
    let wanted = json!({ "Condition": { "StringEquals": {
        "aws:PrincipalTag/team": "red", "aws:SourceIdentity": "DevUser",
    } } });
    let second = trust(&role_arn("First"), &wanted);
    world.role("First", &all());
    world.trusting("Second", &second, &all());
    let plain = world.enter("First", &json!({}));
    check_denied(
        world.assume_as(&plain, "Second", &json!({})),
        "sts:AssumeRole",
        &role_arn("Second"),
    );
    let more = json!({
        "Tags": [{ "Key": "team", "Value": "red" }, { "Key": "mood", "Value": "good" }],
        "TransitiveTagKeys": ["team"], "SourceIdentity": "DevUser",
    });
    let first = world.enter("First", &more);
    let answer = world.assume_as(&first, "Second", &json!({})).unwrap();
    assert_eq!(answer["SourceIdentity"], "DevUser");
    let session = world.session(&answer).unwrap().session.unwrap();
    assert_eq!(session.tags, [("team".to_owned(), "red".to_owned())]);
    assert_eq!(session.source_identity.as_deref(), Some("DevUser"));
    let changed = world.assume_as(&first, "Second", &json!({ "SourceIdentity": "Other" }));
    check_denied(changed, "sts:SetSourceIdentity", &role_arn("Second"));
    let again = json!({ "Tags": [{ "Key": "Team", "Value": "blue" }] });
    let refused = world.assume_as(&first, "Second", &again).unwrap_err();
    assert_eq!(refused.code, "InvalidParameterValue");
}

#[test]
fn a_session_is_over_when_it_expires() {
    let world = World::new();
    world.role("Reader", &all());
    let session = world.enter("Reader", &json!({ "DurationSeconds": 900 }));
    world.wait(899);
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    world.wait(1);
    let refused = world.call_as(&session, "ListUsers", json!({})).unwrap_err();
    assert_eq!(refused.code, "ExpiredToken");
    assert_eq!(
        refused.message,
        "The security token included in the request is expired"
    );
}

#[test]
fn a_boundary_of_the_role_bounds_its_sessions() {
    let world = World::new();
    world.role("Reader", &allow("iam:*", "*"));
    let boundary = world.policy("Bound", &allow("iam:ListUsers", "*"));
    let input = json!({ "RoleName": "Reader", "PermissionsBoundary": boundary });
    world.ok("PutRolePermissionsBoundary", input);
    let session = world.enter("Reader", &json!({}));
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    check_lacks(
        world.call_as(&session, "ListRoles", json!({})),
        "iam:ListRoles",
    );
}

#[test]
fn the_session_of_a_user_is_the_user_but_calls_nothing_of_iam() {
    let world = World::new();
    world.role("Reader", &all());
    let answer = world.ok("GetSessionToken", json!({}));
    let session = world.session(&answer).unwrap();
    let who = world
        .call_as(&session, "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(who["Arn"], user_arn("Administrator").as_str());
    world.assume_as(&session, "Reader", &json!({})).unwrap();
    let text = "The security token included in the request is invalid";
    let refused = world.call_as(&session, "ListUsers", json!({}));
    check_refused(refused, ("InvalidClientTokenId", 403, text));
    for operation in ["GetSessionToken", "GetFederationToken"] {
        let refused = world.call_as(&session, operation, json!({ "Name": "carol" }));
        let text = format!("Cannot call {operation} with session credentials");
        check_refused(refused, ("AccessDenied", 403, &text));
    }
    let input = json!({ "AccessKeyId": "AKIAEXAMPLEEXAMPLE23" });
    let refused = world.call_as(&session, "GetAccessKeyInfo", input);
    let text = "Cannot call GetAccessKeyInfo with session credentials";
    check_refused(refused, ("AccessDenied", 403, text));
}

#[test]
fn sessions_of_the_root_user_last_an_hour_at_most() {
    let world = World::new();
    let root = world.root();
    for operation in ["GetSessionToken", "GetFederationToken"] {
        let input = json!({ "DurationSeconds": 7200, "Name": "carol" });
        let answer = world.call_as(&root, operation, input).unwrap();
        let session = world.session(&answer).unwrap().session.unwrap();
        assert_eq!(session.expires.seconds() - session.issued.seconds(), 3600);
    }
}

#[test]
fn the_session_of_a_deleted_user_authenticates_nobody() {
    let world = World::new();
    let alice = world.user("Alice", None);
    let answer = world.call_as(&alice, "GetSessionToken", json!({})).unwrap();
    let session = world.session(&answer).unwrap();
    let key = alice.access_key.unwrap();
    world.ok(
        "DeleteAccessKey",
        json!({ "UserName": "Alice", "AccessKeyId": key.as_str() }),
    );
    world
        .call_as(&session, "GetCallerIdentity", json!({}))
        .unwrap();
    world.ok("DeleteUser", json!({ "UserName": "Alice" }));
    assert!(world.session(&answer).is_none());
    let gone = world.call_as(&session, "GetCallerIdentity", json!({}));
    assert_eq!(gone.unwrap_err().code, "UnrecognizedClientException");
}

/// Checks that a call of `caller` is one of nobody's.
fn check_gone(world: &World, caller: &Caller) {
    let gone = world.call_as(caller, "GetCallerIdentity", json!({}));
    assert_eq!(gone.unwrap_err().code, "UnrecognizedClientException");
}

#[test]
fn a_session_does_not_pass_to_the_next_role_of_the_name() {
    let world = World::new();
    world.role("Reader", &all());
    let session = world.enter("Reader", &json!({}));
    let inline = json!({ "RoleName": "Reader", "PolicyName": "inline" });
    world.ok("DeleteRolePolicy", inline);
    world.ok("DeleteRole", json!({ "RoleName": "Reader" }));
    world.role("Reader", &all());
    check_gone(&world, &session);
}

#[test]
fn the_sessions_of_a_user_do_not_pass_to_the_next_one_of_the_name() {
    let world = World::new();
    let alice = world.user("Alice", Some(all()));
    let enter = |operation: &str, input: Value| {
        let answer = world.call_as(&alice, operation, input).unwrap();
        world.session(&answer).unwrap()
    };
    let own = enter("GetSessionToken", json!({}));
    let federated = enter("GetFederationToken", json!({ "Name": "Carol" }));
    for session in [&own, &federated] {
        let who = world.call_as(session, "GetCallerIdentity", json!({}));
        who.unwrap();
    }
    let inline = json!({ "UserName": "Alice", "PolicyName": "inline" });
    world.ok("DeleteUserPolicy", inline);
    let key = alice.access_key.as_ref().unwrap();
    let key = json!({ "UserName": "Alice", "AccessKeyId": key.as_str() });
    world.ok("DeleteAccessKey", key);
    world.ok("DeleteUser", json!({ "UserName": "Alice" }));
    world.user("Alice", Some(all()));
    check_gone(&world, &own);
    check_gone(&world, &federated);
}

#[test]
fn whoever_is_moved_has_to_come_anew() {
    let world = World::new();
    let alice = world.user("Alice", Some(all()));
    let answer = world.call_as(&alice, "GetSessionToken", json!({})).unwrap();
    let session = world.session(&answer).unwrap();
    // Policies name it by its new ARN from now on, and not by that of a call under way.
    let moved = json!({ "UserName": "Alice", "NewPath": "/moved/" });
    world.ok("UpdateUser", moved);
    check_gone(&world, &alice);
    check_gone(&world, &session);
    let session = world.session(&answer).unwrap();
    let who = world.call_as(&session, "GetCallerIdentity", json!({}));
    assert_eq!(who.unwrap()["Arn"], user_arn("moved/Alice"));
}

#[test]
fn a_federated_session_may_do_nothing_of_iam_and_sts() {
    let world = World::new();
    let input = json!({ "Name": "carol", "Policy": all().to_string() });
    let answer = world.ok("GetFederationToken", input);
    let arn = format!("arn:aws:sts::{ACCOUNT}:federated-user/carol");
    assert_eq!(answer["FederatedUser"]["Arn"], arn.as_str());
    let session = world.session(&answer).unwrap();
    let who = world
        .call_as(&session, "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(
        (&who["Arn"], &who["UserId"]),
        (&json!(arn), &json!(format!("{ACCOUNT}:carol")))
    );
    let refused = world.call_as(&session, "ListUsers", json!({})).unwrap_err();
    assert_eq!(refused.code, "InvalidClientTokenId");
    world.role("Reader", &all());
    let refused = world.assume_as(&session, "Reader", &json!({})).unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
}

#[test]
fn a_federated_session_has_no_more_than_user_and_policy_together() {
    let world = World::new();
    let users = allow("organizations:List*", "*");
    let statements = json!([users["Statement"][0], {
        "Effect": "Allow", "Action": "sts:GetFederationToken", "Resource": "*",
    }]);
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let alice = world.user("Alice", Some(policy));
    let lists = |policy: Option<Value>, caller: &Caller, operation: &str| {
        let mut input = json!({ "Name": "carol" });
        if let Some(policy) = policy {
            input["Policy"] = json!(policy.to_string());
        }
        let answer = world.call_as(caller, "GetFederationToken", input).unwrap();
        let session = world.session(&answer).unwrap();
        world.call_as(&session, operation, json!({})).is_ok()
    };
    let (roots, organization) = (
        "organizations:ListRoots",
        "organizations:DescribeOrganization",
    );
    assert!(lists(Some(all()), &alice, roots));
    assert!(!lists(Some(all()), &alice, organization));
    assert!(!lists(Some(allow("iam:*", "*")), &alice, roots));
    assert!(!lists(None, &alice, roots));
    let root = world.root();
    assert!(lists(Some(all()), &root, organization));
    assert!(!lists(Some(allow(roots, "*")), &root, organization));
    assert!(!lists(None, &root, organization));
}

#[test]
fn whose_access_key_it_is_shows_for_both_kinds() {
    let world = World::new();
    let session = world
        .session(&world.ok("GetSessionToken", json!({})))
        .unwrap();
    for caller in [&world.administrator, &session] {
        let id = caller.access_key.as_ref().unwrap();
        let answer = world.ok("GetAccessKeyInfo", json!({ "AccessKeyId": id.as_str() }));
        assert_eq!(answer["Account"], ACCOUNT);
    }
    let nobody = world.call(
        "GetAccessKeyInfo",
        json!({ "AccessKeyId": "ASIAEXAMPLEEXAMPLE23" }),
    );
    assert_eq!(nobody.unwrap_err().code, "ValidationError");
}

#[test]
fn records_say_who_is_behind_a_session() {
    let world = World::new();
    world.role("Reader", &all());
    let session = world.enter("Reader", &json!({ "SourceIdentity": "DevUser" }));
    let assumed = world.last_record();
    assert_eq!(assumed.event_name, "AssumeRole");
    assert_eq!(assumed.request_parameters["sourceIdentity"], "DevUser");
    let shown = &assumed.response_elements["credentials"];
    assert_eq!(
        shown["accessKeyId"],
        session.access_key.as_ref().unwrap().as_str()
    );
    assert_eq!(
        (&shown["secretAccessKey"], &shown["sessionToken"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(assumed.resources[0].arn, role_arn("Reader"));
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    let identity = serde_json::to_value(world.last_record().user_identity).unwrap();
    assert_eq!(identity["type"], "AssumedRole");
    let context = &identity["sessionContext"];
    assert_eq!(context["sessionIssuer"]["arn"], role_arn("Reader").as_str());
    assert_eq!(context["sourceIdentity"], "DevUser");
    assert_eq!(
        context["attributes"],
        json!({ "creationDate": "2023-11-14T22:13:20Z", "mfaAuthenticated": "false" })
    );
    let federated = world.ok("GetFederationToken", json!({ "Name": "carol" }));
    let session = world.session(&federated).unwrap();
    world
        .call_as(&session, "GetCallerIdentity", json!({}))
        .unwrap();
    let identity = serde_json::to_value(world.last_record().user_identity).unwrap();
    assert_eq!(identity["type"], "FederatedUser");
    let issuer = &identity["sessionContext"]["sessionIssuer"];
    assert_eq!(
        (&issuer["type"], &issuer["userName"]),
        (&json!("IAMUser"), &json!("Administrator"))
    );
}

#[test]
fn a_member_account_is_entered_by_its_first_role() {
    let world = World::new();
    let input = json!({ "AccountName": "member", "Email": "member@example.com" });
    let created = world.ok("organizations:CreateAccount", input);
    let member = created["CreateAccountStatus"]["AccountId"]
        .as_str()
        .unwrap()
        .to_owned();
    let enter = |caller: &Caller| {
        let role = format!("arn:aws:iam::{member}:role/OrganizationAccountAccessRole");
        let input = json!({ "RoleArn": role, "RoleSessionName": "admin" });
        world.call_as(caller, "AssumeRole", input)
    };
    let session = world
        .session(&enter(&world.administrator).unwrap())
        .unwrap();
    let who = world
        .call_as(&session, "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(who["Account"], member.as_str());
    world
        .call_as(&session, "CreateUser", json!({ "UserName": "First" }))
        .unwrap();
    // The member account sees who came, as far as it may.
    let seen = world.records_of(member.parse().unwrap());
    let seen = seen
        .iter()
        .find(|record| record.event_name == "AssumeRole")
        .unwrap();
    assert_eq!(seen.user_identity.kind, "AWSAccount");
    let own = world
        .records()
        .into_iter()
        .find(|record| record.event_name == "AssumeRole")
        .unwrap();
    assert!(own.shared_event_id.is_some() && own.shared_event_id == seen.shared_event_id);
    // Trust in the account alone is not enough.
    check_lacks(enter(&world.user("Alice", None)), "sts:AssumeRole");
    // A closed account is left by everybody.
    world.ok("organizations:CloseAccount", json!({ "AccountId": member }));
    let left = world.call_as(&session, "ListUsers", json!({}));
    assert_eq!(left.unwrap_err().code, "UnrecognizedClientException");
    check_lacks(enter(&world.administrator), "sts:AssumeRole");
    assert_ne!(member, account().as_str());
}

#[test]
fn a_call_that_fails_before_any_decision_leaves_nothing_with_the_account_it_names() {
    let world = World::new();
    let input = json!({ "AccountName": "member", "Email": "member@example.com" });
    let created = world.ok("organizations:CreateAccount", input);
    let member = created["CreateAccountStatus"]["AccountId"]
        .as_str()
        .unwrap();
    let nobody = world.user("Nobody", None);
    let input = json!({
        "RoleArn": format!("arn:aws:iam::{member}:role/anything"), "RoleSessionName": "session",
        "Policy": "{",
    });
    let refused = world.call_as(&nobody, "AssumeRole", input).unwrap_err();
    assert_eq!(refused.code, "MalformedPolicyDocument");
    let of = |records: Vec<audit::Record>| {
        let mut records = records.into_iter();
        records.any(|record| record.event_name == "AssumeRole")
    };
    assert!(of(world.records()));
    assert!(!of(world.records_of(member.parse().unwrap())));
}

#[test]
fn a_session_shows_no_secret_in_debug_output() {
    let world = World::new();
    let answer = world.ok("GetSessionToken", json!({}));
    let credentials = &answer["Credentials"];
    let id = credentials["AccessKeyId"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let tokens = world.services.part::<iam::SessionTokens>().unwrap();
    let token = credentials["SessionToken"].as_str().unwrap();
    let found = iam::find_session(&world.view(), tokens, &id, token).unwrap();
    let secret = credentials["SecretAccessKey"].as_str().unwrap();
    assert_eq!(found.secret.expose(), secret.as_bytes());
    assert!(!format!("{found:?} {tokens:?}").contains(secret));
}
