//! Names and ARNs of groups in another case than they were created in.

use serde_json::{Value, json};

use crate::sharing::{consumer, share_of};
use crate::world::{World, check_refused, day, delete, group, group_arn, read, record, text};

const NAME: &str = "Weather-Hourly";
const LOWER: &str = "weather-hourly";

/// The names that stand for the group, as they are and in ARNs.
fn spellings() -> Vec<String> {
    let names = [NAME, LOWER, "WEATHER-HOURLY"];
    let plain = names.iter().map(|name| (*name).to_owned());
    plain.chain(arns()).collect()
}

fn arns() -> Vec<String> {
    [NAME, LOWER, "WEATHER-HOURLY"].map(group_arn).to_vec()
}

fn world() -> World {
    let world = World::new();
    let mut request = group(NAME);
    request["OnlineStoreConfig"]["StorageType"] = "Standard_V2".into();
    world.ok("CreateFeatureGroup", request);
    world.put(NAME, &[("id", "a"), ("at", &day(1))]).unwrap();
    world
}

/// A call of each operation that takes the name of a group or its ARN.
fn calls(name: &str) -> Vec<(&'static str, Value)> {
    let named = json!({ "FeatureGroupName": name });
    let feature = json!({ "FeatureGroupName": name, "FeatureName": "note" });
    let described =
        json!({ "FeatureGroupName": name, "FeatureName": "note", "Description": "text" });
    let ttl = json!({ "TtlDuration": { "Unit": "Weeks", "Value": 5 } });
    let put = json!({ "FeatureGroupName": name,
        "Record": record(&[("id", "a"), ("at", &day(2)), ("note", "x")]) });
    let update = json!({ "FeatureGroupName": name, "RecordIdentifierValueAsString": "a",
        "Features": record(&[("note", "y")]) });
    vec![
        ("DescribeFeatureGroup", named.clone()),
        ("DescribeFeatureGroupKeys", named.clone()),
        ("ListRecords", named),
        ("DescribeFeatureMetadata", feature),
        ("UpdateFeatureMetadata", described),
        (
            "UpdateFeatureGroup",
            json!({ "FeatureGroupName": name, "OnlineStoreConfig": ttl }),
        ),
        ("PutRecord", put.clone()),
        ("BatchWriteRecord", json!({ "Entries": [put] })),
        ("UpdateRecord", update),
        ("GetRecord", read(name, "a")),
        (
            "BatchGetRecord",
            json!({ "Identifiers": [{ "FeatureGroupName": name,
                "RecordIdentifiersValueAsString": ["a"] }] }),
        ),
        ("DeleteRecord", delete(name, "b", &day(3), None)),
        (
            "RekeyFeatureGroup",
            json!({ "FeatureGroupName": name, "AwsOwnedKey": true }),
        ),
    ]
}

/// The same for what takes ARNs only.
fn calls_by_arn(arn: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            "AddTags",
            json!({ "ResourceArn": arn, "Tags": [{ "Key": "k", "Value": "v" }] }),
        ),
        ("ListTags", json!({ "ResourceArn": arn })),
        (
            "DeleteTags",
            json!({ "ResourceArn": arn, "TagKeys": ["k"] }),
        ),
    ]
}

fn all_calls() -> Vec<(&'static str, Value)> {
    let spellings = spellings();
    let by_name = spellings.iter().flat_map(|name| calls(name));
    let by_arn = arns();
    by_name
        .chain(by_arn.iter().flat_map(|arn| calls_by_arn(arn)))
        .collect()
}

#[test]
fn a_group_is_found_in_every_case_of_its_name_and_its_arn() {
    let world = world();
    for (operation, input) in all_calls() {
        if operation == "RekeyFeatureGroup" {
            let text = "is under this key already";
            world.refuses(operation, input, "ValidationException", text);
            continue;
        }
        let answer = world.ok(operation, input.clone());
        assert_eq!(answer.get("Errors").unwrap_or(&json!([])), &json!([]));
        if let Some(name) = answer.get("FeatureGroupName") {
            assert_eq!(name, NAME, "{operation} {input}");
        }
        if let Some(arn) = answer.get("FeatureGroupArn") {
            assert_eq!(*arn, json!(group_arn(LOWER)), "{operation} {input}");
        }
    }
    for name in spellings() {
        let record = world.get(&name, "a").unwrap();
        assert_eq!(record[2], ("note".to_owned(), "y".to_owned()), "{name}");
    }
}

#[test]
fn an_answer_of_a_batch_names_each_group_as_the_request_does() {
    let world = world();
    let identifiers = spellings()
        .into_iter()
        .map(|name| json!({ "FeatureGroupName": name, "RecordIdentifiersValueAsString": ["a"] }));
    let request = json!({ "Identifiers": identifiers.collect::<Value>() });
    let answer = world.ok("BatchGetRecord", request);
    let records = answer["Records"].as_array().unwrap().iter();
    let names: Vec<String> = records.map(|it| text(&it["FeatureGroupName"])).collect();
    assert_eq!(names, spellings());
}

#[test]
fn a_group_is_deleted_in_every_case_of_its_name() {
    let world = World::new();
    for name in [NAME, LOWER, "WEATHER-HOURLY"] {
        world.group(NAME);
        world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": name }));
        world.maintain();
        world.refuses(
            "DescribeFeatureGroup",
            json!({ "FeatureGroupName": NAME }),
            "ResourceNotFound",
            NAME,
        );
    }
}

#[test]
fn policies_and_the_record_of_the_call_have_the_arn_in_lower_case() {
    let world = world();
    let user = world.user(
        "user",
        &json!([
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": "*", "Resource": group_arn(LOWER) },
        ]),
    );
    let on = format!("on resource: {}", group_arn(LOWER));
    for (operation, input) in all_calls() {
        let refused = world.call_as(&user, operation, input.clone()).unwrap_err();
        assert!(
            refused.message.contains(&on),
            "{operation} {input}: {refused:?}"
        );
    }
    for name in spellings() {
        world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": name }));
        let record = &world.records_of("DescribeFeatureGroup")[0];
        let resources: Vec<_> = record.resources.iter().map(|it| it.arn.clone()).collect();
        assert_eq!(resources, [group_arn(LOWER)], "{name}");
        assert_eq!(record.request_parameters["featureGroupName"], name);
    }
}

#[test]
fn tags_count_for_whoever_writes_the_name_in_another_case() {
    let world = world();
    let tag = json!([{ "Key": "team", "Value": "red" }]);
    world.ok(
        "AddTags",
        json!({ "ResourceArn": group_arn(NAME), "Tags": tag }),
    );
    let user = world.user(
        "user",
        &json!([
            { "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" },
            { "Effect": "Deny", "Action": "sagemaker:*", "Resource": "*",
              "Condition": { "StringEquals": { "aws:ResourceTag/team": "red" } } },
        ]),
    );
    for name in spellings() {
        let refused = world.call_as(&user, "GetRecord", read(&name, "a"));
        check_refused(refused, "AccessForbidden", "explicit deny");
    }
}

#[test]
fn a_group_is_shared_and_used_across_accounts_in_every_case() {
    for arn in arns() {
        let world = world();
        let consumer = consumer(&world, "consumer");
        let share = share_of(&world, &arn, &json!([consumer.account]));
        consumer.accept(&world);
        let denied = consumer.user(&world, "denied", &json!("*"));
        consumer.deny(&world, "denied", &group_arn(LOWER));
        for name in arns() {
            let answer = world.call_as(&consumer.root, "GetRecord", read(&name, "a"));
            assert!(answer.unwrap().get("Record").is_some(), "{arn} {name}");
            let refused = world.call_as(&denied, "GetRecord", read(&name, "a"));
            // Across accounts a denial does not say why.
            check_refused(refused, "AccessForbidden", "sagemaker:GetRecord");
        }
        for (operation, mut input, list) in [
            (
                "ram:ListResources",
                json!({ "resourceOwner": "SELF" }),
                "resources",
            ),
            (
                "ram:ListPrincipals",
                json!({ "resourceOwner": "SELF" }),
                "principals",
            ),
            (
                "ram:GetResourceShareAssociations",
                json!({ "associationType": "RESOURCE" }),
                "resourceShareAssociations",
            ),
            ("ram:GetResourcePolicies", json!({}), "policies"),
        ] {
            for name in arns() {
                match operation {
                    "ram:ListResources" | "ram:GetResourcePolicies" => {
                        input["resourceArns"] = json!([name]);
                    }
                    _ => input["resourceArn"] = json!(name),
                }
                let found = world.ok(operation, input.clone());
                assert_eq!(
                    found[list].as_array().unwrap().len(),
                    1,
                    "{operation} {name}"
                );
            }
        }
        let input = json!({ "resourceShareArn": share, "resourceArns": [group_arn(NAME)] });
        world.ok("ram:DisassociateResourceShare", input);
        let refused = world.call_as(&consumer.root, "GetRecord", read(&arn, "a"));
        check_refused(refused, "AccessForbidden", "sagemaker:GetRecord");
    }
}
