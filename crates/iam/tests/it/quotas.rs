//! IAM's quotas.

use serde_json::{Value, json};

use crate::world::{World, allow};

/// A policy with `size` characters that are not white space, and some that are.
fn policy_of(size: usize) -> String {
    let text = |padding: usize| {
        let sid = "x".repeat(padding);
        format!(
            "{{\"Version\": \"2012-10-17\",\r\n\t\"Statement\": {{\"Sid\": \"{sid}\", \
             \"Effect\": \"Allow\", \"Action\": \"kms:*\", \"Resource\": \"*\"}}}}"
        )
    };
    let empty = policy::non_whitespace_len(&text(0));
    let text = text(size - empty);
    assert!(text.len() > size);
    text
}

#[test]
fn a_managed_policy_has_6144_characters_that_are_not_white_space() {
    let world = World::new();
    let input =
        |name: &str, size: usize| json!({ "PolicyName": name, "PolicyDocument": policy_of(size) });
    world.ok("CreatePolicy", input("fits", 6144));
    let full = (
        "LimitExceeded",
        409,
        "Cannot exceed quota for PolicySize: 6144",
    );
    world.refuses("CreatePolicy", input("large", 6145), full);
}

#[test]
fn the_inline_policies_of_a_user_share_2048_characters() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let put = |name: &str, size: usize| {
        let document = policy_of(size);
        json!({ "UserName": "Alice", "PolicyName": name, "PolicyDocument": document })
    };
    let full = (
        "LimitExceeded",
        409,
        "Maximum policy size of 2048 bytes exceeded for user Alice",
    );
    world.ok("PutUserPolicy", put("one", 1000));
    world.refuses("PutUserPolicy", put("two", 1049), full);
    world.ok("PutUserPolicy", put("two", 1048));
    world.refuses("PutUserPolicy", put("one", 1001), full);
    // A policy does not count beside its own replacement.
    world.ok("PutUserPolicy", put("one", 999));
}

#[test]
fn a_user_has_ten_attached_policies() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let attach = |number: usize| -> Value {
        let arn = world.policy(&format!("p{number}"), &allow("kms:*", "*"));
        json!({ "UserName": "Alice", "PolicyArn": arn })
    };
    for number in 0..10 {
        world.ok("AttachUserPolicy", attach(number));
    }
    let full = (
        "LimitExceeded",
        409,
        "Cannot exceed quota for PoliciesPerUser: 10",
    );
    world.refuses("AttachUserPolicy", attach(10), full);
}

#[test]
fn an_account_has_1500_policies() {
    let world = World::new();
    let input = |number: usize| {
        let document = allow("kms:*", "*").to_string();
        (
            "CreatePolicy",
            json!({ "PolicyName": format!("p{number}"), "PolicyDocument": document }),
        )
    };
    // Together, so that few commits are needed.
    for start in (0..1500).step_by(100) {
        let calls = (start..start + 100).map(input).collect();
        let failed: Vec<_> = world
            .call_together(calls)
            .into_iter()
            .enumerate()
            .filter(|(_, o)| o.is_err())
            .collect();
        for (offset, _conflict) in failed {
            let (operation, again) = input(start + offset);
            world.ok(operation, again);
        }
    }
    let (operation, one_more) = input(1500);
    let message = "Cannot exceed quota for PoliciesPerAccount: 1500";
    world.refuses(operation, one_more, ("LimitExceeded", 409, message));
    world.ok(
        "DeletePolicy",
        json!({ "PolicyArn": crate::world::policy_arn("p7") }),
    );
    let (operation, one_more) = input(1500);
    world.ok(operation, one_more);
}

/// Creates `count` groups or roles together, so that few commits are needed, and returns the
/// outcome of one more.
fn one_more_than(world: &World, count: usize, kind: &str, more: &Value) -> crate::world::Outcome {
    let operation = format!("Create{kind}");
    let input = |number: usize| {
        let mut input = more.clone();
        input[format!("{kind}Name")] = json!(format!("n{number}"));
        input
    };
    for start in (0..count).step_by(100) {
        let numbers = start..count.min(start + 100);
        let calls = numbers
            .clone()
            .map(|number| (operation.as_str(), input(number)));
        let outcomes = world.call_together(calls.collect());
        for (number, outcome) in numbers.zip(outcomes) {
            if outcome.is_err() {
                world.ok(&operation, input(number));
            }
        }
    }
    world.call(&operation, input(count))
}

#[test]
fn an_account_has_300_groups() {
    let refused = one_more_than(&World::new(), 300, "Group", &json!({}));
    let message = "Cannot exceed quota for GroupsPerAccount: 300";
    crate::world::check_refused(refused, ("LimitExceeded", 409, message));
}

#[test]
fn an_account_has_1000_roles() {
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "Service": "sagemaker.amazonaws.com" },
        "Action": "sts:AssumeRole",
    } });
    let more = json!({ "AssumeRolePolicyDocument": trust.to_string() });
    let refused = one_more_than(&World::new(), 1000, "Role", &more);
    let message = "Cannot exceed quota for RolesPerAccount: 1000";
    crate::world::check_refused(refused, ("LimitExceeded", 409, message));
}
