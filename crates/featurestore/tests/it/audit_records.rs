//! What calls leave in the event history.

use pipeline::{Origin, UnauthenticatedCall};
use serde_json::{Value, json};
use store::CommitError;
use types::{RequestId, Service};

use crate::world::{World, account, day, group, group_arn, group_under, read, region};

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
        .take(5)
        .map(|record| record.event_name)
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "CreateFeatureGroup",
            "CreateGrant",
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
        "kms:ListGrants",
    ] {
        assert!(decided.contains(action), "{action}");
    }
}

/// Checks that `parameters`, with its names in lower camel case, has all that `request` has.
fn check_shown(request: &Value, parameters: &Value, at: &str) {
    match request {
        Value::Object(members) => {
            for (name, value) in members {
                let (first, rest) = name.split_at(1);
                let name = format!("{}{rest}", first.to_ascii_lowercase());
                check_shown(value, &parameters[&name], &format!("{at}.{name}"));
            }
        }
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                check_shown(value, &parameters[place], &format!("{at}[{place}]"));
            }
        }
        other => assert_eq!(parameters, other, "{at}"),
    }
}

/// Calls `operation` and checks that its record shows the whole request, whatever becomes of it.
fn check_recorded(world: &World, operation: &str, request: &Value) {
    let outcome = world.call(operation, request.clone());
    let name = operation.rsplit(':').next().unwrap();
    let record = &world.records_of(name)[0];
    let failed = outcome.err().map(|refused| refused.code);
    assert_eq!(record.error_code, failed, "{operation}");
    check_shown(request, &record.request_parameters, operation);
}

#[test]
fn every_member_of_a_request_that_changes_something_is_recorded() {
    let world = World::new();
    crate::offline::prepare(&world, &["kms:*"]);
    let key = world.key();
    let mut request = crate::offline::both("g", Some(&key));
    request["OnlineStoreConfig"] = json!({
        "EnableOnlineStore": true, "StorageType": "Standard", "SecurityConfig": { "KmsKeyId": key },
        "TtlDuration": { "Unit": "Days", "Value": 3 },
    });
    request["OfflineStoreConfig"]["DisableGlueTableCreation"] = false.into();
    request["OfflineStoreConfig"]["TableFormat"] = "Glue".into();
    request["OfflineStoreConfig"]["DataCatalogConfig"] =
        json!({ "Catalog": "c", "Database": "d", "TableName": "t" });
    request["ThroughputConfig"] = json!({ "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 5, "ProvisionedWriteCapacityUnits": 6 });
    request["Description"] = "text".into();
    request["Tags"] = json!([{ "Key": "team", "Value": "red" }]);
    check_recorded(&world, "CreateFeatureGroup", &request);
    assert!(world.get("g", "a").is_none());
    let vector = json!({ "FeatureName": "v", "FeatureType": "Fractional",
        "CollectionType": "Vector", "CollectionConfig": { "VectorConfig": { "Dimension": 3 } } });
    // More than one of these at once fails, and is recorded all the same.
    let update = json!({
        "FeatureGroupName": "g", "FeatureAdditions": [vector],
        "OnlineStoreConfig":
            { "TtlDuration": { "Unit": "Days", "Value": 3 }, "StorageType": "Standard_V2" },
        "ThroughputConfig": { "ThroughputMode": "Provisioned",
            "ProvisionedReadCapacityUnits": 5, "ProvisionedWriteCapacityUnits": 6 },
    });
    check_recorded(&world, "UpdateFeatureGroup", &update);
    let metadata = json!({
        "FeatureGroupName": "g", "FeatureName": "note", "Description": "text",
        "ParameterAdditions": [{ "Key": "k", "Value": "v" }], "ParameterRemovals": ["other"],
    });
    check_recorded(&world, "UpdateFeatureMetadata", &metadata);
    let arn = group_arn("g");
    let add = json!({ "ResourceArn": arn, "Tags": [{ "Key": "k", "Value": "v" }] });
    check_recorded(&world, "AddTags", &add);
    let delete = json!({ "ResourceArn": arn, "TagKeys": ["k", "l"] });
    check_recorded(&world, "DeleteTags", &delete);
    let rekey = json!({ "FeatureGroupName": "g", "KmsKeyId": key, "AwsOwnedKey": false });
    check_recorded(&world, "RekeyFeatureGroup", &rekey);
    let share = json!({
        "name": "s", "resourceArns": [arn], "principals": ["444455556666"],
        "tags": [{ "key": "k", "value": "v" }], "allowExternalPrincipals": true,
        "clientToken": "token", "permissionArns": [],
        "sources": [], "resourceShareConfiguration":
            { "retainSharingOnAccountLeaveOrganization": false },
    });
    check_recorded(&world, "ram:CreateResourceShare", &share);
    check_recorded(
        &world,
        "DeleteFeatureGroup",
        &json!({ "FeatureGroupName": "g" }),
    );
}

#[test]
fn a_failed_creation_is_recorded_with_its_code() {
    let world = World::new();
    world.group("g");
    world.call("CreateFeatureGroup", group("g")).unwrap_err();
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

/// A group `g` with record `a` under a key of its own, and the records of `Decrypt` so far.
fn keyed() -> (World, String, usize) {
    let world = World::new();
    let key = world.key();
    world.group_under("g", &key);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    let so_far = world.records_of("Decrypt").len();
    (world, key, so_far)
}

#[test]
fn a_data_call_denied_through_its_key_leaves_the_denied_decrypt() {
    let (world, key, so_far) = keyed();
    let only_group = json!([{ "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" }]);
    let bob = world.user("bob", &only_group);
    world
        .call_as(&bob, "GetRecord", read("g", "a"))
        .unwrap_err();
    let decrypts = world.records_of("Decrypt");
    assert_eq!(decrypts.len(), so_far + 1);
    let record = serde_json::to_value(&decrypts[0]).unwrap();
    assert_eq!(
        (&record["eventSource"], &record["errorCode"]),
        (&json!("kms.amazonaws.com"), &json!("AccessDenied"))
    );
    let identity = &record["userIdentity"];
    assert_eq!(
        (&identity["userName"], &identity["invokedBy"]),
        (&json!("bob"), &json!("sagemaker.amazonaws.com"))
    );
    let decided = &record["additionalEventData"]["authorization"][0];
    assert_eq!(
        *decided,
        json!({
            "action": "kms:Decrypt", "resource": key,
            "decidedBy": ["no identity-based policy allows it"],
        })
    );
}

#[test]
fn an_item_denied_through_its_key_leaves_the_denied_decrypt() {
    let (world, _, so_far) = keyed();
    let only_group = json!([{ "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" }]);
    let bob = world.user("bob", &only_group);
    let batch = json!({ "Identifiers": [{
        "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a"],
    }] });
    world.call_as(&bob, "BatchGetRecord", batch).unwrap();
    let decrypts = world.records_of("Decrypt");
    assert_eq!(decrypts.len(), so_far + 1);
    assert_eq!(decrypts[0].error_code.as_deref(), Some("AccessDenied"));
}

#[test]
fn a_data_call_denied_on_its_group_leaves_nothing_of_the_key() {
    let (world, _, so_far) = keyed();
    let only_key = json!([{ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*" }]);
    let bob = world.user("bob", &only_key);
    world
        .call_as(&bob, "GetRecord", read("g", "a"))
        .unwrap_err();
    assert_eq!(world.records_of("Decrypt").len(), so_far);
}

#[test]
fn a_data_call_on_a_disabled_key_leaves_the_refused_decrypt() {
    let (world, key, so_far) = keyed();
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.call("GetRecord", read("g", "a")).unwrap_err();
    world.put("g", &[("id", "a"), ("at", &day(2))]).unwrap_err();
    let decrypts = world.records_of("Decrypt");
    assert_eq!(decrypts.len(), so_far + 2);
    for record in &decrypts[..2] {
        let record = serde_json::to_value(record).unwrap();
        assert_eq!(record["errorCode"], "DisabledException");
        assert_eq!(
            record["userIdentity"]["invokedBy"],
            "sagemaker.amazonaws.com"
        );
        assert_eq!(record["resources"][0]["ARN"], json!(key));
        let context = &record["requestParameters"]["encryptionContext"];
        assert_eq!(
            context["aws:sagemaker:featureGroupArn"],
            json!(group_arn("g"))
        );
    }
}

#[test]
fn a_flood_of_calls_on_a_disabled_key_is_damped() {
    let (world, key, so_far) = keyed();
    world.ok("DisableKey", json!({ "KeyId": key }));
    for _ in 0..30 {
        world.call("GetRecord", read("g", "a")).unwrap_err();
    }
    assert_eq!(world.records_of("Decrypt").len(), so_far + 10);
    world.wait(1);
    world.call("GetRecord", read("g", "a")).unwrap_err();
    let newest = serde_json::to_value(&world.records_of("Decrypt")[0]).unwrap();
    assert_eq!(newest["additionalEventData"]["suppressedCount"], 20);
}

#[test]
fn what_fails_before_anything_is_granted_is_damped_and_keeps_no_parameters() {
    let world = World::new();
    let elsewhere = json!({ "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*" });
    let user = world.user("Nobody", &elsewhere);
    let tag = json!({ "Key": "a", "Value": "b" });
    let mut request = group("g");
    request["Tags"] = json!([tag, tag]);
    for _ in 0..300 {
        let refused = world.call_as(&user, "CreateFeatureGroup", request.clone());
        assert_eq!(refused.unwrap_err().code, "ValidationException");
    }
    world.wait(1);
    world.block_on(pipeline::flush_damped(&world.services));
    let records = world.records_of("CreateFeatureGroup");
    assert_eq!(records.len(), 11);
    assert!(records.iter().all(|it| it.request_parameters.is_null()));
    let counted = serde_json::to_value(&records[0]).unwrap();
    assert_eq!(counted["additionalEventData"]["suppressedCount"], 290);
    // Whoever may make the call has all of it recorded, however it ends.
    world.group("g");
    world.call("CreateFeatureGroup", group("g")).unwrap_err();
    let failed = &world.records_of("CreateFeatureGroup")[0];
    assert_eq!(failed.error_code.as_deref(), Some("ResourceInUse"));
    assert_eq!(failed.request_parameters["featureGroupName"], "g");
}

#[test]
fn strangers_of_one_network_are_one_stranger() {
    let world = World::new();
    let attempt = UnauthenticatedCall {
        access_key_id: None,
        service: Some(Service::Kms),
        operation: "ListKeys",
        read_only: true,
        code: "MissingAuthenticationTokenException",
        message: "Missing Authentication Token",
    };
    let before = world.records().len();
    for host in 0..1_000_u32 {
        let origin = Origin {
            source_ip: Some(format!("2001:db8::{host:x}").parse().unwrap()),
            ..Origin::default()
        };
        let id = RequestId::generate(world.services.entropy());
        let (to, region) = (account(), region());
        let recorded =
            pipeline::record_unauthenticated(&world.services, to, &region, &origin, id, attempt);
        world.block_on(recorded);
    }
    assert_eq!(world.records().len(), before + 10);
    world.wait(1);
    world.block_on(pipeline::flush_damped(&world.services));
    let records = world.records();
    assert_eq!(records.len(), before + 11);
    let counted = serde_json::to_value(&records[0]).unwrap();
    let additional = &counted["additionalEventData"];
    assert_eq!(additional["suppressedCount"], 990);
    assert_eq!(additional["principal"], "2001:db8::");
}

/// Calls `operation` while others always come first, and checks how it fails and that it is
/// recorded.
fn check_lost_to_others(operation: &str, input: Value, code: &str) {
    let world = World::new();
    world.key();
    for _ in 0..32 {
        world.faults.add(CommitError::Conflict);
    }
    let refused = world.call(operation, input).unwrap_err();
    assert_eq!(refused.code, code);
    let name = operation.rsplit(':').next().unwrap();
    let record = &world.records_of(name)[0];
    assert_eq!(record.error_code.as_deref(), Some(code));
}

#[test]
fn calls_that_always_lose_to_others_fail_as_their_service_does() {
    let user = || json!({ "UserName": "Alice" });
    let policy = json!({ "UserName": "Administrator", "PolicyName": "p", "PolicyDocument":
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"# });
    check_lost_to_others("CreateUser", user(), "ConcurrentModification");
    // Not among what AWS declares for this one.
    check_lost_to_others("PutUserPolicy", policy, "ServiceUnavailable");
    check_lost_to_others("CreateKey", json!({}), "KMSInternalException");
    check_lost_to_others("CreateFeatureGroup", group("g"), "ServiceUnavailable");
    let share = json!({ "name": "s" });
    check_lost_to_others(
        "ram:CreateResourceShare",
        share,
        "ServiceUnavailableException",
    );
}

#[test]
fn a_call_that_loses_again_and_again_is_tried_again_only_at_its_caller_s_pace() {
    let world = World::paced(5);
    // The first attempt, two more, and then five in a second that stands still.
    for _ in 0..8 {
        world.faults.add(CommitError::Conflict);
    }
    let create = || world.call("CreateUser", json!({ "UserName": "Alice" }));
    assert_eq!(create().unwrap_err().code, "ConcurrentModification");
    let record = &world.records_of("CreateUser")[0];
    assert_eq!(record.error_code.as_deref(), Some("ConcurrentModification"));
    // One that conflicts twice is not held up by that.
    for _ in 0..2 {
        world.faults.add(CommitError::Conflict);
    }
    create().unwrap();
}
