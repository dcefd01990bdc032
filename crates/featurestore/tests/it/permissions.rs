//! Every need of every operation, taken away in turn.

use pipeline::Caller;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, check_refused, day, group_arn, group_under, read, record};

const ROLE: &str = "arn:aws:iam::111122223333:role/features";
const ALIAS: &str = "arn:aws:kms:us-east-1:111122223333:alias/a";

/// A world with a group under a customer's key, and a user without rights.
fn world() -> (World, String, Caller) {
    let world = World::new();
    world.role("sagemaker.amazonaws.com");
    let key = world.key();
    world.ok(
        "CreateAlias",
        json!({ "AliasName": "alias/a", "TargetKeyId": key }),
    );
    world.group_under("g", &key);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    let user = world.user(
        "user",
        &json!([{ "Effect": "Allow", "Action": "sts:X", "Resource": "*" }]),
    );
    (world, key, user)
}

fn allow(actions: &[&str]) -> Value {
    json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }])
}

/// Checks that `request` needs exactly `needs`, and that each one missing is named.
fn check(operation: &str, request: &Value, code: &str, needs: &[(&str, &str)]) {
    let (world, key, user) = world();
    let request: Value = serde_json::from_str(&request.to_string().replace("KEY", &key)).unwrap();
    let actions: Vec<&str> = needs.iter().map(|(action, _)| *action).collect();
    for (missing, resource) in needs {
        let rest: Vec<&str> = actions
            .iter()
            .copied()
            .filter(|action| action != missing)
            .collect();
        let rest = if rest.is_empty() { vec!["sts:X"] } else { rest };
        world.put_policy("user", &allow(&rest));
        let refused = world.call_as(&user, operation, request.clone());
        let resource = resource.replace("KEY", &key);
        let text = format!("is not authorized to perform: {missing} on resource: {resource}");
        check_refused(refused, code, &text);
    }
    world.put_policy("user", &allow(&actions));
    world.call_as(&user, operation, request).unwrap();
}

fn put() -> Value {
    json!({ "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", &day(2))]) })
}

fn delete() -> Value {
    let mut request = read("g", "a");
    request["EventTime"] = day(3).into();
    request
}

fn arn() -> String {
    group_arn("g")
}

#[test]
fn record_operations_need_their_action_and_the_key() {
    let needs = |action| [(action, arn()), ("kms:Decrypt", "KEY".to_owned())];
    for (operation, request, action) in [
        ("PutRecord", put(), "sagemaker:PutRecord"),
        ("GetRecord", read("g", "a"), "sagemaker:GetRecord"),
        ("DeleteRecord", delete(), "sagemaker:DeleteRecord"),
    ] {
        let needs = needs(action);
        let needs: Vec<(&str, &str)> = needs.iter().map(|(a, r)| (*a, r.as_str())).collect();
        check(operation, &request, "AccessForbidden", &needs);
    }
}

#[test]
fn a_batch_needs_its_action_on_every_group() {
    let (world, _, user) = world();
    world.group("other");
    let item =
        |group: &str| json!({ "FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a"] });
    let request = json!({ "Identifiers": [item("g"), item("other")] });
    world.put_policy(
        "user",
        &json!([{
            "Effect": "Allow", "Action": ["sagemaker:BatchGetRecord", "kms:Decrypt"],
            "Resource": [arn(), "arn:aws:kms:*:*:key/*"],
        }]),
    );
    let refused = world.call_as(&user, "BatchGetRecord", request.clone());
    check_refused(
        refused,
        "AccessForbidden",
        "sagemaker:BatchGetRecord on resource: ",
    );
    world.put_policy("user", &allow(&["sagemaker:BatchGetRecord", "kms:Decrypt"]));
    let answer = world.call_as(&user, "BatchGetRecord", request).unwrap();
    assert_eq!(answer["Records"].as_array().unwrap().len(), 1);
}

#[test]
fn control_operations_need_their_action() {
    let named = json!({ "FeatureGroupName": "g" });
    let arn = arn();
    let code = "AccessDeniedException";
    check(
        "DescribeFeatureGroup",
        &named,
        code,
        &[("sagemaker:DescribeFeatureGroup", &arn)],
    );
    check(
        "ListFeatureGroups",
        &json!({}),
        code,
        &[("sagemaker:ListFeatureGroups", "*")],
    );
    check(
        "DeleteFeatureGroup",
        &named,
        code,
        &[("sagemaker:DeleteFeatureGroup", &arn)],
    );
}

#[test]
fn creating_needs_all_that_it_does() {
    let mut request = group_under("New", "alias/a");
    request["Tags"] = json!([{ "Key": "team", "Value": "met" }]);
    request["RoleArn"] = ROLE.into();
    let arn = group_arn("new");
    check(
        "CreateFeatureGroup",
        &request,
        "AccessDeniedException",
        &[
            ("sagemaker:CreateFeatureGroup", &arn),
            ("sagemaker:AddTags", &arn),
            ("iam:PassRole", ROLE),
            ("kms:DescribeKey", ALIAS),
            ("kms:GenerateDataKey", ALIAS),
            ("kms:CreateGrant", ALIAS),
            ("kms:Encrypt", ALIAS),
            ("kms:Decrypt", ALIAS),
            ("kms:ReEncryptFrom", ALIAS),
            ("kms:ReEncryptTo", ALIAS),
            ("kms:RetireGrant", ALIAS),
            ("kms:ListGrants", ALIAS),
            ("kms:ListAliases", "*"),
        ],
    );
}

#[test]
fn a_missing_group_is_told_to_those_only_who_are_allowed() {
    let (world, _, user) = world();
    world.put_policy("user", &allow(&["sts:X"]));
    for (operation, code) in [
        ("GetRecord", "AccessForbidden"),
        ("DescribeFeatureGroup", "AccessDeniedException"),
        ("DeleteFeatureGroup", "AccessDeniedException"),
    ] {
        let request = |group: &str| {
            if operation == "GetRecord" {
                read(group, "a")
            } else {
                json!({ "FeatureGroupName": group })
            }
        };
        let there = world.call_as(&user, operation, request("g")).unwrap_err();
        let absent = world.call_as(&user, operation, request("h")).unwrap_err();
        assert_eq!(there.code, code);
        let renamed = there.message.replace("feature-group/g", "feature-group/h");
        assert_eq!((renamed, there.code), (absent.message, absent.code));
    }
}

#[test]
fn a_group_of_another_account_is_out_of_reach() {
    let (world, _, user) = world();
    world.put_policy("user", &allow(&["*"]));
    let elsewhere = arn().replace(ACCOUNT, "444455556666");
    let refused = world.call_as(&user, "GetRecord", read(&elsewhere, "a"));
    check_refused(refused, "AccessForbidden", &elsewhere);
}

/// Creates `request` under a policy with this condition.
fn create_if(condition: &Value, request: &Value) -> bool {
    let world = World::new();
    let key = world.key();
    let fill = |value: &Value| -> Value {
        serde_json::from_str(&value.to_string().replace("KEY", &key)).unwrap()
    };
    world.ok(
        "CreateAlias",
        json!({ "AliasName": "alias/a", "TargetKeyId": key }),
    );
    let user = world.user(
        "user",
        &json!([
            { "Effect": "Allow", "Action": "sagemaker:CreateFeatureGroup", "Resource": "*",
              "Condition": fill(condition) },
            { "Effect": "Allow", "Action": ["kms:*", "sagemaker:AddTags"], "Resource": "*" },
        ]),
    );
    world
        .call_as(&user, "CreateFeatureGroup", fill(request))
        .is_ok()
}

#[test]
fn policies_can_demand_a_key() {
    let condition = json!({ "ArnEquals": { "sagemaker:FeatureGroupOnlineStoreKmsKey": "KEY" } });
    assert!(create_if(&condition, &group_under("g", "KEY")));
    assert!(
        create_if(&condition, &group_under("g", "alias/a")),
        "the key counts, not its name"
    );
    assert!(!create_if(&condition, &crate::world::group("g")));
    let any = json!({ "Null": { "sagemaker:FeatureGroupOnlineStoreKmsKey": "false" } });
    assert!(create_if(&any, &group_under("g", "KEY")));
    assert!(!create_if(&any, &crate::world::group("g")));
}

#[test]
fn policies_can_demand_tags_and_stores() {
    let mut tagged = crate::world::group("g");
    tagged["Tags"] = json!([{ "Key": "team", "Value": "met" }]);
    let team = json!({ "StringEquals": { "aws:RequestTag/team": "met" } });
    assert!(create_if(&team, &tagged));
    assert!(!create_if(&team, &crate::world::group("g")));
    let keys = json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["cost"] } });
    assert!(!create_if(&keys, &tagged));
    let online =
        |value: &str| json!({ "Bool": { "sagemaker:FeatureGroupEnableOnlineStore": value } });
    assert!(create_if(&online("true"), &crate::world::group("g")));
    assert!(!create_if(&online("false"), &crate::world::group("g")));
}

#[test]
fn the_tags_of_a_group_decide() {
    let world = World::new();
    let mut tagged = crate::world::group("g");
    tagged["Tags"] = json!([{ "Key": "team", "Value": "met" }]);
    world.ok("CreateFeatureGroup", tagged);
    world.group("other");
    for key in ["aws:ResourceTag/team", "sagemaker:ResourceTag/team"] {
        let name = key.replace([':', '/'], "");
        let user = world.user(
            &name,
            &json!([{
                "Effect": "Allow", "Action": "sagemaker:GetRecord", "Resource": "*",
                "Condition": { "StringEquals": { key: "met" } },
            }]),
        );
        world.call_as(&user, "GetRecord", read("g", "a")).unwrap();
        let refused = world.call_as(&user, "GetRecord", read("other", "a"));
        check_refused(refused, "AccessForbidden", "sagemaker:GetRecord");
    }
}

#[test]
fn put_record_is_told_from_an_update() {
    let world = World::new();
    world.group("g");
    let user = world.user(
        "user",
        &json!([{
            "Effect": "Allow", "Action": "sagemaker:PutRecord", "Resource": "*",
            "Condition": { "Bool": { "sagemaker:IsUpdateRecord": "false" } },
        }]),
    );
    world.call_as(&user, "PutRecord", put()).unwrap();
    world.put_policy(
        "user",
        &json!([{
            "Effect": "Allow", "Action": "sagemaker:PutRecord", "Resource": "*",
            "Condition": { "Bool": { "sagemaker:IsUpdateRecord": "true" } },
        }]),
    );
    check_refused(
        world.call_as(&user, "PutRecord", put()),
        "AccessForbidden",
        "sagemaker:PutRecord",
    );
}
