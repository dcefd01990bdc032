//! By the policies of then, an explanation decides as the request was decided: whoever called,
//! whatever, under whichever policies.

use pipeline::Caller;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World};

/// Calls that need one thing or several, with and without resources, tags and parameters.
fn calls() -> Vec<(&'static str, Value)> {
    let tags = json!([{ "Key": "Team", "Value": "red" }]);
    let assume = |role: &str| {
        json!({
            "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"), "RoleSessionName": "s1",
        })
    };
    let mut tagged = assume("Target");
    tagged["Tags"] = tags.clone();
    vec![
        ("ListUsers", json!({})),
        ("GetUser", json!({ "UserName": "Target" })),
        ("TagUser", json!({ "UserName": "Target", "Tags": tags })),
        ("CreateUser", json!({ "UserName": "Target", "Tags": tags })),
        ("AssumeRole", assume("Target")),
        ("AssumeRole", tagged),
        ("AssumeRole", assume("Matching")),
        ("organizations:ListRoots", json!({})),
    ]
}

/// What the policies of users and roles say, apart from each other in what decides.
fn policies() -> Vec<Value> {
    let one = |effect: &str, action: &str, condition: Value| json!({ "Effect": effect, "Action": action, "Resource": "*", "Condition": condition });
    let everything = || one("Allow", "*", json!({}));
    let lists = [
        vec![everything()],
        vec![],
        vec![everything(), one("Deny", "iam:*", json!({}))],
        vec![one(
            "Allow",
            "*",
            json!({ "StringEquals": { "aws:PrincipalTag/team": "red" } }),
        )],
        vec![one(
            "Allow",
            "*",
            json!({ "StringEquals": { "aws:ResourceTag/team": "red" } }),
        )],
        vec![one(
            "Allow",
            "*",
            json!({ "StringEqualsIfExists": { "aws:RequestTag/TEAM": "blue" } }),
        )],
        vec![one(
            "Allow",
            "*",
            json!({ "Null": { "aws:TokenIssueTime": "false" } }),
        )],
    ];
    let nothing = one("Allow", "nothing:AtAll", json!({}));
    let document = |mut list: Vec<Value>| {
        list.push(nothing.clone());
        json!({ "Version": "2012-10-17", "Statement": list })
    };
    lists.into_iter().map(document).collect()
}

/// A deployment with users and roles to be called and to call.
fn world() -> World {
    let world = World::new();
    let role = |name: &str, team: &str, condition: Value| {
        let trust = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": { "AWS": ACCOUNT },
            "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": condition,
        } });
        let input = json!({
            "RoleName": name, "AssumeRolePolicyDocument": trust.to_string(),
            "Tags": [{ "Key": "team", "Value": team }],
        });
        world.ok("CreateRole", input);
    };
    let same = json!({ "aws:ResourceTag/team": "${aws:PrincipalTag/team}" });
    role("Target", "red", json!({}));
    role("Matching", "blue", json!({ "StringEquals": same }));
    role("Caller", "green", json!({}));
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    world.ok("CreateUser", json!({ "UserName": "Target", "Tags": tags }));
    world
}

fn document(action: &str) -> String {
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

/// A caller of each kind. Users and the role that they enter have no policies yet.
fn callers(world: &World) -> Vec<(&'static str, Caller)> {
    let alice = world.user("Alice");
    let bob = world.user("Bob");
    let bound = json!({ "PolicyName": "Bound", "PolicyDocument": document("iam:Get*") });
    let bound = world.ok("CreatePolicy", bound)["Policy"]["Arn"].clone();
    let input = json!({ "UserName": "Bob", "PermissionsBoundary": bound });
    world.ok("PutUserPermissionsBoundary", input);
    let enter = |more: Value| {
        let mut input = json!({
            "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/Caller"), "RoleSessionName": "s1",
        });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        world.session(&world.ok("AssumeRole", input))
    };
    let tags = json!([{ "Key": "TEAM", "Value": "red" }]);
    let transitive = json!({ "Tags": tags, "TransitiveTagKeys": ["Team"] });
    let federation = json!({ "Name": "carol", "Policy": document("organizations:*") });
    let session = |answer: &Value| world.session(answer);
    let federated = session(&world.ok("GetFederationToken", federation));
    let temporary = world.call_as(&alice, "GetSessionToken", json!({})).unwrap();
    vec![
        (
            "a session with a policy",
            enter(json!({ "Policy": document("iam:*") })),
        ),
        ("a session with a transitive tag", enter(transitive)),
        ("a federated session", federated),
        ("a user's session", session(&temporary)),
        ("a bounded user", bob),
        ("a user", alice),
        ("the root user", world.root_of(ACCOUNT.parse().unwrap())),
    ]
}

#[test]
fn the_explanation_of_a_request_decides_as_the_request_was_decided() {
    let world = world();
    let callers = callers(&world);
    let mut outcomes = [0, 0];
    for policy in policies() {
        for (kind, name) in [("User", "Alice"), ("User", "Bob"), ("Role", "Caller")] {
            let put = json!({
                format!("{kind}Name"): name, "PolicyName": "p",
                "PolicyDocument": policy.to_string(),
            });
            world.ok(&format!("Put{kind}Policy"), put);
        }
        for (who, caller) in &callers {
            for (operation, input) in calls() {
                let outcome = world.call_as(caller, operation, input.clone());
                let code = outcome.err().map(|refused| refused.code);
                let code = code.unwrap_or_default();
                let name = operation.rsplit(':').next().unwrap();
                let request = world.newest_request_if(name);
                // A second for each: explanations are paced.
                world.wait(1);
                let Some(request) = request else {
                    // A denial like many before it is counted, not recorded.
                    continue;
                };
                let then = world.explain(&request, json!({ "At": "request" }));
                let needs = then["Calls"][0]["Needs"].as_array().unwrap();
                let allowed = needs.iter().all(|need| need["Decision"] == "allowed");
                let denied = code.starts_with("AccessDenied");
                // What no policy decides, such as IAM for a user's session, needs nothing.
                assert_eq!(
                    allowed,
                    !denied || needs.is_empty(),
                    "{operation} {input} by {who} under {policy}: {code} {then}"
                );
                outcomes[usize::from(allowed)] += usize::from(!needs.is_empty());
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 80), "{outcomes:?}");
}
