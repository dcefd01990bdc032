//! `ExplainRequest`.

use std::time::Duration;

use pipeline::Caller;
use serde_json::{Value, json};
use store::HistoryBounds;
use types::Clock as _;

use crate::world::{ACCOUNT, World, user_arn};

/// A world in which Alice was denied `GetUser` on Bob, and the request's id.
fn denied() -> (World, Caller, String) {
    let world = World::new();
    let alice = world.user("Alice");
    world.put("Alice", "own", "Allow", "iam:GetUser", &user_arn("Alice"));
    let refused = world.call_as(&alice, "GetUser", json!({ "UserName": "Bob" }));
    assert_eq!(refused.unwrap_err().code, "AccessDenied");
    let request = world.last_request();
    (world, alice, request)
}

/// The only need of the only call.
fn need(answer: &Value) -> Value {
    let calls = answer["Calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1, "{answer}");
    let needs = calls[0]["Needs"].as_array().unwrap();
    assert_eq!(needs.len(), 1, "{answer}");
    needs[0].clone()
}

fn decision(answer: &Value) -> String {
    need(answer)["Decision"].as_str().unwrap().to_owned()
}

#[test]
fn a_denied_call_is_explained_with_what_would_allow_it() {
    let (world, _, request) = denied();
    let answer = world.explain(&request, json!({}));
    assert_eq!(
        (&answer["RequestId"], &answer["At"]),
        (&json!(request), &json!("now"))
    );
    let call = &answer["Calls"][0];
    assert_eq!(call["EventSource"], "iam.amazonaws.com");
    assert_eq!(call["EventName"], "GetUser");
    assert_eq!(call["Caller"], user_arn("Alice"));
    assert_eq!(call["ErrorCode"], "AccessDenied");
    let need = need(&answer);
    assert_eq!(need["Action"], "iam:GetUser");
    assert_eq!(need["Resource"], user_arn("Bob"));
    assert_eq!(need["Decision"], "implicitDeny");
    assert_eq!(need["Matched"], json!([]));
    assert_eq!(need["Missing"], "no identity-based policy allows it");
    let near = &need["NearMisses"][0];
    assert_eq!(
        (&near["PolicyName"], &near["ButFor"]),
        (&json!("own"), &json!("its resources"))
    );
    assert_eq!(
        need["SmallestChange"],
        json!(["allow the action in the identity-based policy"])
    );
}

#[test]
fn the_smallest_change_allows_it_once_it_is_made() {
    let (world, alice, request) = denied();
    world.user("Bob");
    world.put("Alice", "more", "Allow", "iam:GetUser", "*");
    let answer = world.explain(&request, json!({}));
    let need = need(&answer);
    assert_eq!(need["Decision"], "allowed");
    assert_eq!(need["Matched"][0]["PolicyName"], "more");
    assert_eq!(need["SmallestChange"], Value::Null);
    world
        .call_as(&alice, "GetUser", json!({ "UserName": "Bob" }))
        .unwrap();
}

#[test]
fn the_policies_of_the_request_are_those_of_then() {
    let (world, _, request) = denied();
    world.put("Alice", "more", "Allow", "iam:GetUser", "*");
    let then = world.explain(&request, json!({ "At": "request" }));
    assert_eq!(decision(&then), "implicitDeny");
    assert_eq!(need(&then)["NearMisses"][0]["PolicyName"], "own");
    let call = &then["Calls"][0];
    assert_eq!(call["DecidedAtRevision"], call["ReplayedAtRevision"]);
    assert_eq!(decision(&world.explain(&request, json!({}))), "allowed");
}

#[test]
fn policies_that_are_gone_are_found_in_the_past() {
    let world = World::new();
    let alice = world.user("Alice");
    world.put("Alice", "all", "Allow", "iam:*", "*");
    world.call_as(&alice, "ListUsers", json!({})).unwrap();
    let request = world.last_request();
    world.wait(60);
    let delete = json!({ "UserName": "Alice", "PolicyName": "all" });
    world.ok("DeleteUserPolicy", delete);
    world.wait(60);
    world.put("Alice", "never", "Deny", "iam:*", "*");
    let at = |when: &str| world.explain(&request, json!({ "At": when }));
    assert_eq!(decision(&at("request")), "allowed");
    assert_eq!(need(&at("request"))["Matched"][0]["PolicyName"], "all");
    assert_eq!(decision(&at("2023-11-14T22:13:30Z")), "allowed");
    assert_eq!(decision(&at("2023-11-14T22:14:30Z")), "implicitDeny");
    assert_eq!(decision(&at("now")), "explicitDeny");
    assert_eq!(
        need(&at("now"))["SmallestChange"],
        json!([
            "remove or narrow identity-based policy `never`, line 1",
            "allow the action in the identity-based policy"
        ])
    );
    // Before anything was there, nothing allowed anything.
    assert_eq!(decision(&at("2023-11-14T22:13:19Z")), "implicitDeny");
}

#[test]
fn a_time_whose_policies_are_dropped_is_refused_and_the_requests_own_is_not() {
    let world = World::new();
    let alice = world.user("Alice");
    let days = |days: u64| Duration::from_hours(24 * days);
    let kept = HistoryBounds {
        least: days(92),
        most: Some(days(92)),
        versions: None,
    };
    let store = world.services.store();
    let pass = |some: u64| {
        for _ in 0..some {
            world.clock.advance(days(1));
            let now = world.clock.now();
            store.prune_history(Some(now), now, &kept).unwrap();
        }
    };
    world.put("Alice", "all", "Allow", "iam:*", "*");
    pass(10);
    world.put("Alice", "all", "Allow", "iam:List*", "*");
    world.call_as(&alice, "ListUsers", json!({})).unwrap();
    let request = world.last_request();
    world.put("Alice", "all", "Deny", "iam:*", "*");
    // As long as there is a record of the request, what decided it is there.
    pass(90);
    let at = |when: &str| world.explain(&request, json!({ "At": when }));
    assert_eq!(decision(&at("2023-11-20T00:00:00Z")), "allowed");
    assert_eq!(decision(&at("request")), "allowed");
    pass(3);
    world.call_as(&alice, "ListUsers", json!({})).unwrap_err();
    let request = world.last_request();
    let early = json!({ "At": "2023-11-20T00:00:00Z" });
    let refused = world.explain_as(&world.administrator, &request, early);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, "ValidationException");
    assert!(
        refused.message.contains("not kept from before 2023-11-2"),
        "{refused:?}"
    );
    for at in ["now", "request"] {
        let answer = world.explain(&request, json!({ "At": at }));
        assert_eq!(decision(&answer), "explicitDeny");
    }
}

#[test]
fn replays_leave_no_trace_in_live_decisions() {
    let world = World::new();
    let alice = world.user("Alice");
    world.put("Alice", "all", "Allow", "iam:*", "*");
    world.call_as(&alice, "ListUsers", json!({})).unwrap();
    let request = world.last_request();
    let delete = json!({ "UserName": "Alice", "PolicyName": "all" });
    world.ok("DeleteUserPolicy", delete);
    let then = world.explain(&request, json!({ "At": "request" }));
    assert_eq!(decision(&then), "allowed");
    let refused = world.call_as(&alice, "ListUsers", json!({})).unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
}

#[test]
fn the_context_of_the_request_is_kept() {
    let world = World::new();
    let alice = world.user("Alice");
    let document = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*",
        "Condition": {
            "StringEquals": { "aws:RequestTag/team": "red" },
            "DateLessThan": { "aws:CurrentTime": "2023-11-14T22:14:00Z" },
        },
    } });
    let put = json!({
        "UserName": "Alice", "PolicyName": "p", "PolicyDocument": document.to_string(),
    });
    world.ok("PutUserPolicy", put);
    let create = |team: &str| {
        let input = json!({ "UserName": "New", "Tags": [{ "Key": "team", "Value": team }] });
        world.call_as(&alice, "CreateUser", input).unwrap_err();
        world.last_request()
    };
    // Denied for lack of iam:TagUser, which is another need of the same call.
    let (red, blue) = (create("red"), create("blue"));
    world.wait(3600);
    let of = |request: &str| {
        let answer = world.explain(request, json!({}));
        let needs = answer["Calls"][0]["Needs"].as_array().unwrap().clone();
        let found: Vec<_> = needs
            .iter()
            .map(|need| format!("{} {}", need["Action"], need["Decision"]).replace('"', ""))
            .collect();
        (found, needs[0]["NearMisses"][0]["ButFor"].clone())
    };
    let expected = ["iam:CreateUser allowed", "iam:TagUser implicitDeny"];
    assert_eq!(of(&red).0, expected);
    let (found, but_for) = of(&blue);
    assert_eq!(found[0], "iam:CreateUser implicitDeny");
    assert_eq!(but_for, "the condition `StringEquals aws:RequestTag/team`");
}

#[test]
fn sessions_are_decided_within_their_policies() {
    let world = World::new();
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": "sts:AssumeRole",
    } });
    let role = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust.to_string() });
    world.ok("CreateRole", role);
    let allow = |action: &str| {
        json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": action, "Resource": "*",
        } })
        .to_string()
    };
    let put = json!({ "RoleName": "R", "PolicyName": "p", "PolicyDocument": allow("iam:*") });
    world.ok("PutRolePolicy", put);
    let assume = json!({
        "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/R"), "RoleSessionName": "session",
        "Policy": allow("iam:GetUser"),
    });
    let assumed = world.ok("AssumeRole", assume);
    // Assuming is itself decided again, by the role's trust policy.
    let answer = world.explain(&world.last_request(), json!({}));
    assert_eq!(need(&answer)["Decision"], "allowed");
    assert!(
        need(&answer)["Matched"]
            .to_string()
            .contains("role trust policy")
    );
    let session = world.session(&assumed);
    world.call_as(&session, "ListUsers", json!({})).unwrap_err();
    let need = need(&world.explain(&world.last_request(), json!({})));
    assert_eq!(need["Decision"], "implicitDeny");
    assert_eq!(need["AllowedBySession"], false);
    assert_eq!(
        need["SmallestChange"],
        json!(["allow the action in the session policy"])
    );
}

#[test]
fn a_tag_that_a_session_hands_down_counts_again() {
    let world = World::new();
    let role = |name: &str, more: Value| {
        let mut statement = json!({
            "Effect": "Allow", "Principal": { "AWS": ACCOUNT },
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        });
        statement["Condition"] = more;
        let trust = json!({ "Version": "2012-10-17", "Statement": statement });
        let tags = json!([{ "Key": "Project", "Value": "B" }]);
        let input = json!({
            "RoleName": name, "AssumeRolePolicyDocument": trust.to_string(), "Tags": tags,
        });
        world.ok("CreateRole", input);
    };
    role("First", json!({}));
    let own = json!({ "aws:ResourceTag/project": "${aws:PrincipalTag/project}" });
    role("Same", json!({ "StringEquals": own }));
    role("Other", json!({ "StringNotEquals": own }));
    let all = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "*", "Resource": "*",
    } });
    let put = json!({
        "RoleName": "First", "PolicyName": "p", "PolicyDocument": all.to_string(),
    });
    world.ok("PutRolePolicy", put);
    let assume = |name: &str, more: Value| {
        let mut input = json!({
            "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"), "RoleSessionName": "s1",
        });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        input
    };
    let tags = json!({
        "Tags": [{ "Key": "PROJECT", "Value": "A" }], "TransitiveTagKeys": ["project"],
    });
    let session = world.session(&world.ok("AssumeRole", assume("First", tags)));
    let decisions = |at: &str| {
        let answer = world.explain(&world.last_request_of("AssumeRole"), json!({ "At": at }));
        let needs = answer["Calls"][0]["Needs"].as_array().unwrap().clone();
        let decision = |need: &Value| need["Decision"].as_str().unwrap().to_owned();
        needs.iter().map(decision).collect::<Vec<_>>()
    };
    world
        .call_as(&session, "AssumeRole", assume("Same", json!({})))
        .unwrap();
    for at in ["request", "now"] {
        assert_eq!(decisions(at), ["allowed", "allowed"], "{at}");
    }
    let refused = world.call_as(&session, "AssumeRole", assume("Other", json!({})));
    assert_eq!(refused.unwrap_err().code, "AccessDenied");
    for at in ["request", "now"] {
        assert_eq!(decisions(at), ["implicitDeny", "implicitDeny"], "{at}");
    }
}

#[test]
fn a_role_that_names_nobody_is_not_assumed_then_either() {
    let world = World::new();
    let alice = world.user("Alice");
    world.put("Alice", "p", "Allow", "sts:AssumeRole", "*");
    let assume = json!({
        "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/None"), "RoleSessionName": "session",
    });
    world.call_as(&alice, "AssumeRole", assume).unwrap_err();
    let answer = world.explain(&world.last_request(), json!({}));
    assert_eq!(decision(&answer), "implicitDeny");
}

#[test]
fn a_caller_that_is_gone_is_said_to_be() {
    let world = World::new();
    let alice = world.user("Alice");
    world.put("Alice", "all", "Allow", "iam:*", "*");
    world.call_as(&alice, "ListUsers", json!({})).unwrap();
    let request = world.last_request();
    let key = alice.access_key.as_ref().unwrap().as_str();
    world.ok(
        "DeleteAccessKey",
        json!({ "UserName": "Alice", "AccessKeyId": key }),
    );
    world.ok(
        "DeleteUserPolicy",
        json!({ "UserName": "Alice", "PolicyName": "all" }),
    );
    world.ok("DeleteUser", json!({ "UserName": "Alice" }));
    let answer = world.explain(&request, json!({}));
    assert_eq!(decision(&answer), "implicitDeny");
    let note = answer["Calls"][0]["Notes"][0].as_str().unwrap();
    assert!(note.starts_with("the caller does not exist"), "{note}");
    let then = world.explain(&request, json!({ "At": "request" }));
    assert_eq!(decision(&then), "allowed");
}

#[test]
fn nobody_of_a_closed_account_may_do_anything() {
    let world = World::new();
    let made = world.ok(
        "organizations:CreateAccount",
        json!({ "AccountName": "Other", "Email": "other@example.com" }),
    );
    let id = made["CreateAccountStatus"]["AccountId"]
        .as_str()
        .unwrap()
        .to_owned();
    let account: types::AccountId = id.parse().unwrap();
    let root = world.root_of(account);
    world.call_as(&root, "ListUsers", json!({})).unwrap();
    let store = &**world.services.store();
    let now = world.services.clock().now();
    let request = world.records_of(account)[0].request_id.clone();
    let kept = audit::of_request(
        store,
        (account, &world.region),
        &request,
        (None, now),
        100,
        &|| true,
    );
    let kept = kept.unwrap().remove(0).1.unwrap();
    let evaluated = serde_json::from_value(kept).unwrap();
    world.ok("organizations:CloseAccount", json!({ "AccountId": id }));
    let replay = pipeline::replay(
        &world.services,
        &evaluated,
        world.services.store().snapshot(),
    )
    .unwrap();
    assert!(matches!(
        replay.needs[0].outcome,
        pipeline::Outcome::Impossible("the caller's account is closed")
    ));
}

#[test]
fn only_the_account_of_the_caller_explains() {
    let (world, _, request) = denied();
    let made = world.ok(
        "organizations:CreateAccount",
        json!({ "AccountName": "Other", "Email": "other@example.com" }),
    );
    let other: types::AccountId = made["CreateAccountStatus"]["AccountId"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let root = world.root_of(other);
    let refused = world.explain_as(&root, &request, json!({})).unwrap_err();
    assert_eq!(refused.code, "RequestNotFoundException");
    // Nor does the management account explain what others called.
    world.call_as(&root, "ListUsers", json!({})).unwrap();
    let theirs = world.records_of(other)[0].request_id.clone();
    let refused = world
        .explain_as(&world.administrator, &theirs, json!({}))
        .unwrap_err();
    assert_eq!(refused.code, "RequestNotFoundException");
    let answer = world.explain_as(&root, &theirs, json!({})).unwrap();
    assert_eq!(decision(&answer), "allowed");
    assert_eq!(
        need(&answer)["Notes"],
        json!(["the root user of the account may do it"])
    );
}

#[test]
fn explaining_needs_the_right_to() {
    let (world, alice, request) = denied();
    let refused = world.explain_as(&alice, &request, json!({})).unwrap_err();
    assert_eq!(refused.code, "AccessDeniedException");
    assert!(
        refused
            .message
            .contains("strongroom:ExplainRequest on resource: *"),
        "{refused:?}"
    );
    world.put(
        "Alice",
        "explain",
        "Allow",
        "strongroom:ExplainRequest",
        "*",
    );
    world.explain_as(&alice, &request, json!({})).unwrap();
}

#[test]
fn what_cannot_be_found_or_read_is_said() {
    let (world, _, request) = denied();
    let refused = world
        .explain_as(&world.administrator, "nothing", json!({}))
        .unwrap_err();
    assert_eq!(refused.code, "RequestNotFoundException");
    for (member, value) in [
        ("At", "yesterday"),
        ("Near", "now"),
        ("At", "2026-13-01T00:00:00Z"),
    ] {
        let refused = world.explain_as(&world.administrator, &request, json!({ member: value }));
        assert_eq!(
            refused.unwrap_err().code,
            "ValidationException",
            "{member} {value}"
        );
    }
    // A part of an id is not an id.
    let (part, _) = request.split_at(8);
    let refused = world
        .explain_as(&world.administrator, part, json!({}))
        .unwrap_err();
    assert_eq!(refused.code, "RequestNotFoundException");
}

#[test]
fn a_request_of_another_day_is_found_by_its_day() {
    let (world, _, request) = denied();
    world.wait(3 * 86_400);
    world.ok("ListUsers", json!({}));
    let near = world.explain(&request, json!({ "Near": "2023-11-14T00:00:00Z" }));
    assert_eq!(decision(&near), "implicitDeny");
    let before = json!({ "Near": "2023-11-13T00:00:00Z" });
    let refused = world
        .explain_as(&world.administrator, &request, before)
        .unwrap_err();
    assert_eq!(refused.code, "RequestNotFoundException");
}

#[test]
fn what_is_kept_shows_in_no_record() {
    let world = World::new();
    let input =
        json!({ "UserName": "New", "Tags": [{ "Key": "canary", "Value": "canary-value" }] });
    let alice = world.user("Alice");
    // A denied call's parameters are not recorded, but what the decision depended on is kept.
    world.call_as(&alice, "CreateUser", input).unwrap_err();
    let records = world.records_of(ACCOUNT.parse().unwrap());
    assert_eq!(records[0].event_name, "CreateUser");
    let shown = serde_json::to_string(&records).unwrap();
    assert!(
        !shown.contains("canary") && !shown.contains("evaluated"),
        "{shown}"
    );
    let request = world.last_request();
    let kept = audit::of_request(
        &**world.services.store(),
        (ACCOUNT.parse().unwrap(), &world.region),
        &request,
        (None, world.services.clock().now()),
        100,
        &|| true,
    );
    assert!(format!("{kept:?}").contains("canary-value"));
    let answer = world.explain(&request, json!({})).to_string();
    assert!(!answer.contains("canary"), "{answer}");
    // And explaining is recorded, without the explanation.
    let records = world.records_of(ACCOUNT.parse().unwrap());
    assert_eq!(records[0].event_name, "ExplainRequest");
    assert_eq!(records[0].event_source, "strongroom.amazonaws.com");
    assert_eq!(
        records[0].request_parameters,
        json!({ "requestId": request })
    );
}

/// Another account, and its root user.
fn member(world: &World) -> (types::AccountId, Caller) {
    let made = world.ok(
        "organizations:CreateAccount",
        json!({ "AccountName": "Other", "Email": "other@example.com" }),
    );
    let id = made["CreateAccountStatus"]["AccountId"].as_str().unwrap();
    let id = id.parse().unwrap();
    (id, world.root_of(id))
}

/// A trust policy with one statement for the first account.
fn trust(effect: &str, sid: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": {
        "Sid": sid, "Effect": effect, "Principal": { "AWS": ACCOUNT }, "Action": "sts:AssumeRole",
    } })
    .to_string()
}

#[test]
fn nothing_that_another_account_decides_shows_in_an_explanation() {
    let world = World::new();
    let (other, root) = member(&world);
    let alice = world.user("Alice");
    world.put("Alice", "own", "Allow", "sts:AssumeRole", "*");
    let role = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust("Allow", "Theirs") });
    world.call_as(&root, "CreateRole", role).unwrap();
    let assume = |name: &str| json!({ "RoleArn": format!("arn:aws:iam::{other}:role/{name}"), "RoleSessionName": "s1" });
    world.call_as(&alice, "AssumeRole", assume("R")).unwrap();
    let allowed = world.last_request();
    world
        .call_as(&alice, "AssumeRole", assume("Missing"))
        .unwrap_err();
    let missing = world.last_request();
    let needs = |request: &str, at: &str| {
        world.explain(request, json!({ "At": at }))["Calls"][0]["Needs"].clone()
    };
    let before = needs(&allowed, "now");
    assert_eq!(before[0]["Decision"], "allowedByOwnAccount");
    assert_eq!(before[0]["Matched"].as_array().unwrap().len(), 1);
    assert_eq!(before[0]["Matched"][0]["PolicyName"], "own");
    let text = before.to_string();
    assert!(
        !text.contains("Theirs") && !text.contains("trust policy"),
        "{text}"
    );
    world.wait(60);
    let update = json!({ "RoleName": "R", "PolicyDocument": trust("Deny", "Never") });
    world
        .call_as(&root, "UpdateAssumeRolePolicy", update)
        .unwrap();
    world
        .call_as(&alice, "AssumeRole", assume("R"))
        .unwrap_err();
    let denied = world.last_request();
    // Whatever the other account says, or said at any time, and whether the role is there.
    for at in [
        "now",
        "request",
        "2023-11-14T22:13:30Z",
        "2023-11-14T22:14:30Z",
    ] {
        for request in [&allowed, &denied] {
            assert_eq!(needs(request, at), before, "{at}");
        }
        assert_eq!(needs(&missing, at)[0]["Decision"], "allowedByOwnAccount");
    }
    // Nor where the other account is in the organization.
    let organization = world.ok("organizations:DescribeOrganization", json!({}));
    let id = organization["Organization"]["Id"].as_str().unwrap();
    for (key, pattern, decision) in [
        ("aws:ResourceOrgPaths", format!("{id}/*"), "implicitDeny"),
        ("aws:ResourceOrgID", id.to_owned(), "allowedByOwnAccount"),
    ] {
        let document = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*",
            "Condition": { "ForAnyValue:StringLike": { key: pattern } },
        } });
        let put = json!({
            "UserName": "Alice", "PolicyName": "own", "PolicyDocument": document.to_string(),
        });
        world.ok("PutUserPolicy", put);
        assert_eq!(needs(&allowed, "now")[0]["Decision"], decision, "{key}");
    }
    // The own side is decided as ever.
    let delete = json!({ "UserName": "Alice", "PolicyName": "own" });
    world.ok("DeleteUserPolicy", delete);
    let after = needs(&allowed, "now");
    assert_eq!(after[0]["Decision"], "implicitDeny");
    assert_eq!(
        after[0]["SmallestChange"],
        json!(["allow the action in the identity-based policy"])
    );
}

#[test]
fn policies_of_the_organization_are_not_named_to_its_members() {
    let world = World::new();
    let (other, root) = member(&world);
    let content = json!({ "Version": "2012-10-17", "Statement": {
        "Sid": "HiddenSid", "Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*",
    } });
    let policy = json!({
        "Name": "HiddenName", "Description": "", "Type": "SERVICE_CONTROL_POLICY",
        "Content": content.to_string(),
    });
    let made = world.ok("organizations:CreatePolicy", policy);
    let id = &made["Policy"]["PolicySummary"]["Id"];
    let attach = json!({ "PolicyId": id, "TargetId": other.to_string() });
    world.ok("organizations:AttachPolicy", attach);
    let refused = world.call_as(&root, "ListUsers", json!({})).unwrap_err();
    assert!(refused.message.contains("service control policy"));
    let record = world.records_of(other).remove(0);
    let answer = world
        .explain_as(&root, &record.request_id, json!({}))
        .unwrap();
    let need = need(&answer);
    assert_eq!(need["Decision"], "explicitDeny");
    assert_eq!(need["AllowedByOrganization"], false);
    assert_eq!(
        need["SmallestChange"],
        json!(["remove or narrow the service control policy that denies it"])
    );
    let notes = need["Notes"].to_string();
    assert!(
        notes.contains("a service control policy denies it"),
        "{notes}"
    );
    // An allowed call is recorded with what allowed it, by every level of the organization too.
    world.call_as(&root, "ListRoles", json!({})).unwrap();
    let allowed = world.records_of(other).remove(0);
    let decided = allowed.additional_event_data.clone().unwrap()["authorization"].clone();
    assert_eq!(
        decided[0]["decidedBy"],
        json!([
            "Allow by a service control policy",
            "Allow for the root user of the account"
        ])
    );
    let shown = format!("{answer} {} {}", json!(record), json!(allowed));
    for hidden in ["Hidden", "FullAWSAccess", "r-", id.as_str().unwrap()] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn a_denied_web_identity_is_explained() {
    let world = World::new();
    let provider = world.ok(
        "CreateOpenIDConnectProvider",
        json!({ "Url": "https://idp.example.com", "ClientIDList": ["us"] }),
    );
    let provider = provider["OpenIDConnectProviderArn"].as_str().unwrap();
    let trust = |subject: &str| {
        json!({ "Version": "2012-10-17", "Statement": {
            "Sid": "Pods", "Effect": "Allow", "Principal": { "Federated": provider },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": { "idp.example.com:sub": subject } },
        } })
        .to_string()
    };
    let role = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust("other") });
    world.ok("CreateRole", role);
    let pod = Caller::new(
        types::Principal::WebIdentity(Box::new(types::WebIdentity {
            provider: provider.parse().unwrap(),
            audience: "us".to_owned(),
            original_audience: None,
            subject: "pod".to_owned(),
            methods: Vec::new(),
            tags: Vec::new(),
            transitive: Vec::new(),
            source_identity: None,
        })),
        None,
    );
    let assume = json!({
        "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/R"), "RoleSessionName": "s1",
        "WebIdentityToken": "canary.canary.canary",
    });
    let refused = world.call_as(&pod, "AssumeRoleWithWebIdentity", assume);
    assert_eq!(refused.unwrap_err().code, "AccessDenied");
    let request = world.last_request();
    let answer = world.explain(&request, json!({}));
    assert_eq!(answer["Calls"][0]["Caller"], format!("{provider}:us:pod"));
    let explained = need(&answer);
    assert_eq!(explained["Decision"], "implicitDeny");
    assert_eq!(explained["Missing"], "no role trust policy allows it");
    let near = &explained["NearMisses"][0];
    assert_eq!(near["Sid"], "Pods");
    assert_eq!(
        near["ButFor"],
        "the condition `StringEquals idp.example.com:sub`"
    );
    assert!(!answer.to_string().contains("canary"), "{answer}");
    let update = json!({ "RoleName": "R", "PolicyDocument": trust("pod") });
    world.ok("UpdateAssumeRolePolicy", update);
    assert_eq!(decision(&world.explain(&request, json!({}))), "allowed");
    let then = world.explain(&request, json!({ "At": "request" }));
    assert_eq!(decision(&then), "implicitDeny");
    // Without its provider nobody stands behind the token.
    let delete = json!({ "OpenIDConnectProviderArn": provider });
    world.ok("DeleteOpenIDConnectProvider", delete);
    let gone = world.explain(&request, json!({}));
    assert_eq!(decision(&gone), "implicitDeny");
    let notes = need(&gone)["Notes"].to_string();
    assert!(notes.contains("no identity provider"), "{notes}");
}

#[test]
fn a_caller_cannot_decide_that_its_calls_are_not_explained() {
    let world = World::new();
    let alice = world.user("Alice");
    let explained = |header: String| {
        let origin = pipeline::Origin {
            user_agent: Some(header),
            ..pipeline::Origin::default()
        };
        let denied = world.call_from(origin, &alice, "ListUsers", json!({}));
        denied.unwrap_err();
        let answer = world.explain(&world.last_request(), json!({}));
        assert_eq!(decision(&answer), "implicitDeny");
        answer["Calls"][0]["Notes"].to_string()
    };
    assert!(!explained("\"".repeat(1024)).contains("1024"));
    // 64 KiB in JSON.
    assert!(explained("\"".repeat(32 * 1024)).contains("first 1024 bytes"));
}

#[test]
fn explanations_are_bounded_for_each_account() {
    let (world, _, request) = denied();
    let explain = || world.explain_as(&world.administrator, &request, json!({}));
    let answered = (0..40).take_while(|_| explain().is_ok()).count();
    assert_eq!(answered, 20);
    assert_eq!(explain().unwrap_err().code, "ThrottlingException");
    world.wait(1);
    explain().unwrap();
}

#[test]
fn a_history_is_read_no_further_than_it_is_wanted() {
    let (world, _, request) = denied();
    let store = &**world.services.store();
    let place = (ACCOUNT.parse().unwrap(), &world.region);
    let when = (None, world.services.clock().now());
    let look = |wanted: bool| {
        audit::of_request(store, place, &request, when, 100, &|| wanted)
            .unwrap()
            .len()
    };
    assert_eq!((look(true), look(false)), (1, 0));
}

#[test]
fn what_no_grant_can_allow_is_denied_across_accounts_too() {
    let world = World::new();
    let (other, root) = member(&world);
    let alice = world.user("Alice");
    let role = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust("Allow", "Theirs") });
    world.call_as(&root, "CreateRole", role).unwrap();
    let assume = json!({
        "RoleArn": format!("arn:aws:iam::{other}:role/R"), "RoleSessionName": "s1",
    });
    // A role has no grants: without a policy the own side denies.
    world.call_as(&alice, "AssumeRole", assume).unwrap_err();
    let answer = world.explain(&world.last_request(), json!({}));
    assert_eq!(decision(&answer), "implicitDeny");
}
