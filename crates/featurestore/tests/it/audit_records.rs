//! What calls leave in the event history.

use serde_json::{Value, json};

use crate::world::{World, day, group_arn, group_under, read};

#[test]
fn creating_a_group_is_recorded_with_its_parameters_and_the_use_of_its_key() {
    let world = World::new();
    let key = world.key();
    let mut request = group_under("Weather", &key);
    request["Tags"] = json!([{ "Key": "team", "Value": "met" }]);
    world.ok("CreateFeatureGroup", request);
    let mut names: Vec<String> = world
        .records()
        .into_iter()
        .take(4)
        .map(|record| record.event_name)
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "CreateFeatureGroup",
            "DescribeKey",
            "GenerateDataKey",
            "GenerateDataKey"
        ]
    );
    let record = serde_json::to_value(&world.records_of("CreateFeatureGroup")[0]).unwrap();
    assert_eq!(record["eventSource"], "sagemaker.amazonaws.com");
    assert_eq!(
        (&record["readOnly"], &record["managementEvent"]),
        (&json!(false), &json!(true))
    );
    let parameters = &record["requestParameters"];
    assert_eq!(parameters["featureGroupName"], "Weather");
    assert_eq!(
        parameters["featureDefinitions"][0],
        json!({ "featureName": "id", "featureType": "String" })
    );
    assert_eq!(
        parameters["onlineStoreConfig"]["securityConfig"]["kmsKeyId"],
        json!(key)
    );
    assert_eq!(
        record["responseElements"],
        json!({ "featureGroupArn": group_arn("weather") })
    );
    let first = &record["resources"][0];
    assert_eq!(
        (&first["ARN"], &first["type"]),
        (
            &json!(group_arn("weather")),
            &json!("AWS::SageMaker::FeatureGroup")
        )
    );
    let decided = record["additionalEventData"]["authorization"].to_string();
    for action in [
        "sagemaker:CreateFeatureGroup",
        "sagemaker:AddTags",
        "kms:GenerateDataKey",
    ] {
        assert!(decided.contains(action), "{action}");
    }
}

#[test]
fn a_failed_creation_is_recorded_with_its_code() {
    let world = World::new();
    world.group("g");
    world
        .call("CreateFeatureGroup", crate::world::group("g"))
        .unwrap_err();
    let record = serde_json::to_value(&world.records_of("CreateFeatureGroup")[0]).unwrap();
    assert_eq!(
        (&record["errorCode"], &record["responseElements"]),
        (&json!("ResourceInUse"), &Value::Null)
    );
}

#[test]
fn reading_calls_are_recorded_without_an_answer() {
    let world = World::new();
    world.group("g");
    world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
    world.ok("ListFeatureGroups", json!({ "NameContains": "g" }));
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    let record = |name: &str| serde_json::to_value(&world.records_of(name)[0]).unwrap();
    let described = record("DescribeFeatureGroup");
    assert_eq!(
        described["requestParameters"],
        json!({ "featureGroupName": "g" })
    );
    assert_eq!(
        (&described["readOnly"], &described["responseElements"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        record("ListFeatureGroups")["requestParameters"],
        json!({ "nameContains": "g" })
    );
    let deleted = record("DeleteFeatureGroup");
    assert_eq!(
        (&deleted["readOnly"], &deleted["requestParameters"]),
        (&json!(false), &json!({ "featureGroupName": "g" }))
    );
}

#[test]
fn records_leave_no_events_without_a_trail() {
    let world = World::new();
    world.group("g");
    let before = world.records().len();
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    world.get("g", "a");
    world.ok(
        "BatchGetRecord",
        json!({ "Identifiers": [{
        "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a"],
    }] }),
    );
    world.call("GetRecord", read("none", "a")).unwrap_err();
    assert_eq!(world.records().len(), before);
}
