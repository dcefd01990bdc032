//! What the organization says counts on the next request, with every cache warm.

use pipeline::Caller;
use serde_json::{Value, json};
use types::AccountId;

use crate::world::{World, day, features, group_under, read, record, text};

/// The management account's administrator is the world's; `root` is the root user of a member
/// account, which keeps a group under a key of its own and lets the management account use it.
struct Member {
    account: AccountId,
    root: Caller,
    key: String,
}

fn member(world: &World) -> Member {
    let input = json!({ "AccountName": "team", "Email": "team@example.com" });
    let made = world.ok("organizations:CreateAccount", input);
    let account = text(&made["CreateAccountStatus"]["AccountId"]);
    let root = world.root_of(account.parse().unwrap());
    let ok = |operation: &str, input: Value| world.call_as(&root, operation, input).unwrap();
    let manager = crate::world::account();
    let statement = |who: &str, what: &str| json!({ "Effect": "Allow", "Principal": { "AWS": who }, "Action": what, "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        statement(&account, "kms:*"), statement(manager.as_str(), "kms:Encrypt"),
    ] });
    let made = ok("CreateKey", json!({ "Policy": policy.to_string() }));
    let key = text(&made["KeyMetadata"]["Arn"]);
    ok("CreateFeatureGroup", group_under("group", &key));
    let values = [("id", "a"), ("at", &day(1))];
    ok(
        "PutRecord",
        json!({ "FeatureGroupName": "group", "Record": record(&values) }),
    );
    Member {
        account: account.parse().unwrap(),
        root,
        key,
    }
}

/// Attaches a policy that denies `statement` to the root, and returns what detaches it.
fn attach(world: &World, kind: &str, statement: &Value) -> Value {
    let content = json!({ "Version": "2012-10-17", "Statement": statement });
    let made = world.ok(
        "organizations:CreatePolicy",
        json!({
            "Name": "p", "Description": "", "Type": kind, "Content": content.to_string(),
        }),
    );
    let attachment = json!({
        "PolicyId": made["Policy"]["PolicySummary"]["Id"], "TargetId": tree_root(world),
    });
    world.ok("organizations:AttachPolicy", attachment.clone());
    attachment
}

fn tree_root(world: &World) -> Value {
    world.ok("organizations:ListRoots", json!({}))["Roots"][0]["Id"].clone()
}

/// Whether the member's root user reads its record.
fn reads(world: &World, member: &Member) -> Result<(), String> {
    let read = world.call_as(&member.root, "GetRecord", read("group", "a"));
    let answer = read.map_err(|refused| refused.message)?;
    assert!(features(&answer).is_some(), "{answer}");
    Ok(())
}

/// Whether the management account's administrator uses the member's key.
fn encrypts(world: &World, member: &Member) -> Result<Value, String> {
    let input = json!({ "KeyId": member.key, "Plaintext": "eA==" });
    let answer = world.call_as(&world.administrator, "Encrypt", input);
    answer.map_err(|refused| refused.code)
}

#[test]
fn a_service_control_policy_stops_warm_reads() {
    let world = World::new();
    let member = member(&world);
    for action in ["sagemaker:GetRecord", "kms:Decrypt"] {
        for _warm in 0..3 {
            reads(&world, &member).unwrap();
        }
        let statement = json!({ "Effect": "Deny", "Action": action, "Resource": "*" });
        let attachment = attach(&world, "SERVICE_CONTROL_POLICY", &statement);
        let refused = reads(&world, &member).unwrap_err();
        assert!(refused.contains("service control policy"), "{refused}");
        world.ok("organizations:DetachPolicy", attachment.clone());
        reads(&world, &member).unwrap();
        let policy = json!({ "PolicyId": attachment["PolicyId"] });
        world.ok("organizations:DeletePolicy", policy);
    }
}

#[test]
fn a_resource_control_policy_binds_callers_of_other_accounts() {
    let world = World::new();
    let member = member(&world);
    let root = tree_root(&world);
    let which = json!({ "RootId": root, "PolicyType": "RESOURCE_CONTROL_POLICY" });
    world.ok("organizations:EnablePolicyType", which);
    encrypts(&world, &member).unwrap();
    let statement = json!({
        "Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*",
    });
    let attachment = attach(&world, "RESOURCE_CONTROL_POLICY", &statement);
    assert_eq!(
        encrypts(&world, &member).unwrap_err(),
        "AccessDeniedException"
    );
    world.ok("organizations:DetachPolicy", attachment);
    encrypts(&world, &member).unwrap();
}

#[test]
fn a_role_that_a_resource_control_policy_keeps_from_the_service_is_not_passed() {
    let world = World::new();
    let member = member(&world);
    let which = json!({ "RootId": tree_root(&world), "PolicyType": "RESOURCE_CONTROL_POLICY" });
    world.ok("organizations:EnablePolicyType", which);
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "Service": "sagemaker.amazonaws.com" },
        "Action": "sts:AssumeRole",
    } });
    let role = json!({ "RoleName": "r", "AssumeRolePolicyDocument": trust.to_string() });
    let role = world.call_as(&member.root, "CreateRole", role).unwrap();
    let pass = |name: &str| {
        let mut request = group_under(name, &member.key);
        request["RoleArn"] = role["Role"]["Arn"].clone();
        let outcome = world.call_as(&member.root, "CreateFeatureGroup", request);
        outcome.map_err(|refused| refused.code)
    };
    let organization = world.ok("organizations:DescribeOrganization", json!({}));
    for (id, expected) in [
        (organization["Organization"]["Id"].clone(), None),
        (json!("o-another000"), Some("ValidationException")),
    ] {
        let statement = json!({
            "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*",
            "Condition": {
                "StringNotEqualsIfExists": { "aws:SourceOrgID": id },
                "Bool": { "aws:PrincipalIsAWSService": "true" },
            },
        });
        let attachment = attach(&world, "RESOURCE_CONTROL_POLICY", &statement);
        assert_eq!(pass("passed").err().as_deref(), expected, "{id}");
        world.ok("organizations:DetachPolicy", attachment.clone());
        let policy = json!({ "PolicyId": attachment["PolicyId"] });
        world.ok("organizations:DeletePolicy", policy);
        pass(&format!("free-{}", expected.is_some())).unwrap();
        let gone = json!({ "FeatureGroupName": "passed" });
        assert_eq!(
            world
                .call_as(&member.root, "DeleteFeatureGroup", gone)
                .is_ok(),
            expected.is_none()
        );
    }
}

#[test]
fn what_a_closed_account_owns_nobody_uses() {
    let world = World::new();
    let member = member(&world);
    encrypts(&world, &member).unwrap();
    reads(&world, &member).unwrap();
    let input = json!({ "AccountId": member.account });
    world.ok("organizations:CloseAccount", input);
    assert_eq!(
        encrypts(&world, &member).unwrap_err(),
        "AccessDeniedException"
    );
    reads(&world, &member).unwrap_err();
}
