//! Random sessions: none ever does more than its role or user and its own policies let it.

use pipeline::Caller;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World};

/// Calls without effect: the operation, and its action. The first ones no federated session
/// may make.
const CALLS: [(&str, &str); 6] = [
    ("ListUsers", "iam:ListUsers"),
    ("ListRoles", "iam:ListRoles"),
    ("ListGroups", "iam:ListGroups"),
    ("organizations:ListRoots", "organizations:ListRoots"),
    ("organizations:ListAccounts", "organizations:ListAccounts"),
    (
        "organizations:DescribeOrganization",
        "organizations:DescribeOrganization",
    ),
];

/// What a policy says of each call.
type Says = [Option<bool>; CALLS.len()];

fn says() -> impl Strategy<Value = Says> {
    prop::array::uniform(prop::option::weighted(0.8, prop::bool::weighted(0.8)))
}

fn policy(says: Says) -> String {
    let mut statements = vec![json!({
        "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:GetFederationToken"], "Resource": "*",
    })];
    for ((_, action), says) in CALLS.iter().zip(&says) {
        if let Some(allowed) = says {
            let effect = if *allowed { "Allow" } else { "Deny" };
            statements.push(json!({ "Effect": effect, "Action": action, "Resource": "*" }));
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// What all of the policies together let a principal do: what each of them allows.
fn together(policies: &[Says], call: usize) -> bool {
    policies.iter().all(|says| says[call] == Some(true))
}

fn does(world: &World, caller: &Caller, operation: &str) -> bool {
    world.call_as(caller, operation, json!({})).is_ok()
}

fn check(cases: u32, run: impl Fn((Says, Says, Option<Says>, Option<Says>))) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let all = (
        says(),
        says(),
        prop::option::of(says()),
        prop::option::of(says()),
    );
    let outcome = TestRunner::new(config).run(&all, |case| {
        run(case);
        Ok(())
    });
    outcome.unwrap();
}

fn with_policy(input: &Value, says: Option<Says>) -> Value {
    let mut input = input.clone();
    if let Some(says) = says {
        input["Policy"] = json!(policy(says));
    }
    input
}

/// A world with a user `Alice` and a role `R` that trusts the account.
fn world() -> (World, Caller) {
    let world = World::new();
    let alice = world.user("Alice", None);
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": { "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": "sts:AssumeRole" },
    });
    world.ok(
        "CreateRole",
        json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust.to_string() }),
    );
    (world, alice)
}

#[test]
fn no_session_does_more_than_its_role_and_its_session_policy() {
    let (world, alice) = world();
    check(64, |(of_role, of_alice, first, second)| {
        let put = json!({ "PolicyName": "p", "RoleName": "R", "PolicyDocument": policy(of_role) });
        world.ok("PutRolePolicy", put);
        let put =
            json!({ "PolicyName": "p", "UserName": "Alice", "PolicyDocument": policy(of_alice) });
        world.ok("PutUserPolicy", put);
        let role = format!("arn:aws:iam::{ACCOUNT}:role/R");
        let assume = json!({ "RoleArn": role, "RoleSessionName": "s-s" });
        let enter = |caller: &Caller, says| {
            let answer = world.call_as(caller, "AssumeRole", with_policy(&assume, says));
            world.session(&answer.unwrap()).unwrap()
        };
        let session = enter(&alice, first);
        // Role chaining brings in the policies of the new session alone.
        let child = enter(&session, second);
        for (call, (operation, _)) in CALLS.iter().enumerate() {
            for (caller, says) in [(&session, first), (&child, second)] {
                let mut bounds = vec![of_role];
                bounds.extend(says);
                assert_eq!(
                    does(&world, caller, operation),
                    together(&bounds, call),
                    "{operation}"
                );
            }
        }
    });
}

#[test]
fn no_federated_session_does_more_than_its_user_and_its_session_policy() {
    let (world, alice) = world();
    check(64, |(of_alice, of_boundary, session, _)| {
        let put =
            json!({ "PolicyName": "p", "UserName": "Alice", "PolicyDocument": policy(of_alice) });
        world.ok("PutUserPolicy", put);
        let boundary = world.ok(
            "CreatePolicy",
            json!({
                "PolicyName": "Bound", "PolicyDocument": policy(of_boundary),
            }),
        )["Policy"]["Arn"]
            .clone();
        let bound = json!({ "UserName": "Alice", "PermissionsBoundary": boundary });
        world.ok("PutUserPermissionsBoundary", bound);
        let input = with_policy(&json!({ "Name": "carol" }), session);
        let answer = world.call_as(&alice, "GetFederationToken", input).unwrap();
        let carol = world.session(&answer).unwrap();
        for (call, (operation, _)) in CALLS.iter().enumerate() {
            let may = call > 2
                && session.is_some_and(|says| together(&[of_alice, of_boundary, says], call));
            assert_eq!(does(&world, &carol, operation), may, "{operation}");
        }
        world.ok(
            "DeleteUserPermissionsBoundary",
            json!({ "UserName": "Alice" }),
        );
        world.ok("DeletePolicy", json!({ "PolicyArn": boundary }));
    });
}
