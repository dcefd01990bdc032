//! Online stores of type `InMemory`: what they may have, and what they do as others.

use serde_json::{Value, json};

use crate::offline;
use crate::world::{World, check_refused, day, delete, group_in_memory, read, record};

fn world() -> World {
    let world = World::new();
    world.ok("CreateFeatureGroup", group_in_memory("g"));
    world
}

fn with_offline(name: &str) -> Value {
    let mut request = group_in_memory(name);
    request["OfflineStoreConfig"] = json!({ "S3StorageConfig": { "S3Uri": "s3://sagemaker-b/p" } });
    request
}

fn with_key(name: &str, key: &str) -> Value {
    let mut request = group_in_memory(name);
    request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": key });
    request
}

#[test]
fn records_are_written_read_updated_listed_and_deleted_as_elsewhere() {
    let world = world();
    let sent = [("id", "a"), ("at", &day(1)), ("note", "x")];
    world.put("g", &sent).unwrap();
    let update = json!({
        "FeatureGroupName": "g", "RecordIdentifierValueAsString": "a",
        "Features": record(&[("note", "y")]),
    });
    world.ok("UpdateRecord", update);
    assert_eq!(world.get("g", "a").unwrap()[2].1, "y");
    let listed = world.ok("ListRecords", json!({ "FeatureGroupName": "g" }));
    assert_eq!(listed["RecordIdentifiers"], json!(["a"]));
    world.ok("DeleteRecord", delete("g", "a", &day(2), None));
    assert_eq!(world.get("g", "a"), None);
}

#[test]
fn the_storage_type_is_described_and_survives_a_restart() {
    let world = world();
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    let world = world.restarted();
    let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
    assert_eq!(described["OnlineStoreConfig"]["StorageType"], "InMemory");
    assert_eq!(
        described["FeatureDefinitions"],
        group_in_memory("g")["FeatureDefinitions"]
    );
    assert!(world.get("g", "a").is_some());
}

#[test]
fn the_storage_type_cannot_be_changed() {
    let world = world();
    for storage in ["Standard", "Standard_V2", "InMemory"] {
        let change = json!({
            "FeatureGroupName": "g", "OnlineStoreConfig": { "StorageType": storage },
        });
        let text = "StorageType InMemory of a feature group cannot be changed";
        world.refuses("UpdateFeatureGroup", change, "ValidationException", text);
    }
}

#[test]
fn a_customer_managed_key_is_refused() {
    let world = World::new();
    let text = "an online store of type InMemory cannot have a customer managed key";
    let request = with_key("g", &world.key());
    world.refuses("CreateFeatureGroup", request, "ValidationException", text);
}

#[test]
fn it_is_moved_to_no_key_either() {
    let world = world();
    for (input, text) in [
        (
            json!({ "FeatureGroupName": "g", "KmsKeyId": world.key() }),
            "InMemory cannot have a customer managed key",
        ),
        (
            json!({ "FeatureGroupName": "g", "AwsOwnedKey": true }),
            "under this key already",
        ),
    ] {
        world.refuses("RekeyFeatureGroup", input, "ValidationException", text);
    }
}

#[test]
fn an_offline_store_is_refused() {
    let world = World::new();
    let text = "InMemory cannot have an OfflineStore";
    world.refuses(
        "CreateFeatureGroup",
        with_offline("g"),
        "ValidationException",
        text,
    );
}

#[test]
fn an_operator_may_allow_a_customer_managed_key() {
    let world = World::with(featurestore::Options {
        extensions: featurestore::Extensions {
            in_memory_cmk: true,
            ..featurestore::Extensions::default()
        },
        ..featurestore::Options::default()
    });
    world.ok("CreateFeatureGroup", with_key("g", &world.key()));
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    assert!(world.get("g", "a").is_some());
    assert!(!world.records_of("Decrypt").is_empty());
    let text = "InMemory cannot have an OfflineStore";
    let request = with_offline("h");
    world.refuses("CreateFeatureGroup", request, "ValidationException", text);
}

/// A world where groups in memory may have offline stores, and one that has.
fn with_real_offline() -> World {
    let world = World::with(featurestore::Options {
        extensions: featurestore::Extensions {
            in_memory_offline: true,
            ..featurestore::Extensions::default()
        },
        ..featurestore::Options::default()
    });
    offline::prepare(&world, &[]);
    let mut request = with_offline("g");
    request["RoleArn"] = offline::ROLE.into();
    request["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] =
        format!("s3://{}/prefix", offline::BUCKET).into();
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Days", "Value": 1 });
    world.ok("CreateFeatureGroup", request);
    world
}

#[test]
fn an_operator_may_allow_an_offline_store() {
    let world = with_real_offline();
    let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
    assert_eq!(described["OnlineStoreConfig"]["StorageType"], "InMemory");
    assert_eq!(
        described["OfflineStoreStatus"],
        json!({ "Status": "Active" })
    );
    let waiting = |expected: usize| assert_eq!(offline::waiting(&world, 1).len(), expected);
    let list = |name: &str, elements: &[&str]| json!({ "FeatureName": name, "ValueAsStringList": elements });
    let mut sent = record(&[("id", "a"), ("at", &day(10))]);
    let features = sent.as_array_mut().unwrap();
    features.extend([list("list", &["x", "y"]), list("vector", &["1", "2", "3"])]);
    let put = json!({ "FeatureGroupName": "g", "Record": sent });
    world.ok("PutRecord", put.clone());
    waiting(1);
    let update = json!({
        "FeatureGroupName": "g", "RecordIdentifierValueAsString": "a",
        "Features": [list("set", &["1", "2"])],
    });
    world.ok("UpdateRecord", update);
    waiting(2);
    let entries = json!({ "Entries": [put] });
    assert_eq!(world.ok("BatchWriteRecord", entries)["Errors"], json!([]));
    waiting(3);
    let mut online = put;
    online["TargetStores"] = json!(["OnlineStore"]);
    world.ok("PutRecord", online);
    waiting(3);
    // What waits and what is read is the same whatever the type of the store.
    let world = world.restarted();
    assert_eq!(offline::waiting(&world, 1).len(), 3);
    let read = world.ok("GetRecord", read("g", "a"));
    assert!(
        read["Record"]
            .as_array()
            .unwrap()
            .contains(&list("list", &["x", "y"]))
    );
    world.wait(26 * 3600);
    world.maintain();
    assert_eq!(
        offline::waiting(&world, 1).len(),
        4,
        "the marker of what has expired"
    );
    world.ok("DeleteRecord", delete("g", "a", &day(12), None));
    assert_eq!(offline::waiting(&world, 1).len(), 5);
}

#[test]
fn to_allow_an_offline_store_allows_no_key() {
    let world = with_real_offline();
    let text = "InMemory cannot have a customer managed key";
    let request = with_key("h", &world.key());
    world.refuses("CreateFeatureGroup", request, "ValidationException", text);
}

fn size(world: &World, group: &str) -> Option<u64> {
    let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": group }));
    described["OnlineStoreTotalSizeBytes"].as_u64()
}

#[test]
fn a_store_tells_its_size_and_is_full_at_its_bound() {
    let world = World::with(featurestore::Options {
        quotas: featurestore::Quotas {
            in_memory_bytes: 40_000,
            ..featurestore::Quotas::default()
        },
        ..featurestore::Options::default()
    });
    world.ok("CreateFeatureGroup", group_in_memory("g"));
    world.group("standard");
    assert_eq!(size(&world, "g"), None, "it was not measured yet");
    world.maintain();
    assert_eq!(size(&world, "g"), Some(0));
    let note = "x".repeat(100);
    let put = |group: &str, identifier: u32| {
        let id = identifier.to_string();
        world.put(group, &[("id", &id), ("at", &day(1)), ("note", &note)])
    };
    for identifier in 0..300 {
        put("g", identifier).unwrap();
    }
    assert_eq!(
        size(&world, "g"),
        Some(0),
        "it is measured every ten minutes"
    );
    world.wait(601);
    world.maintain();
    let full = size(&world, "g").unwrap();
    assert!((300 * 150..300 * 400).contains(&full), "{full}");
    let text = "at most 40000";
    check_refused(put("g", 1), "ValidationError", text);
    let update = json!({
        "FeatureGroupName": "g", "RecordIdentifierValueAsString": "1",
        "Features": record(&[("note", "y")]),
    });
    check_refused(world.call("UpdateRecord", update), "ValidationError", text);
    let sent =
        json!({ "FeatureGroupName": "g", "Record": record(&[("id", "1"), ("at", &day(2))]) });
    let answer = world.ok("BatchWriteRecord", json!({ "Entries": [sent] }));
    assert_eq!(answer["Errors"][0]["ErrorCode"], "ValidationError");
    assert!(world.get("g", "1").is_some());
    // Other types have no bound, and no size.
    put("standard", 1).unwrap();
    assert_eq!(size(&world, "standard"), None);
    for identifier in 0..200 {
        let id = identifier.to_string();
        world.ok(
            "DeleteRecord",
            delete("g", &id, &day(2), Some("HardDelete")),
        );
    }
    world.wait(601);
    world.maintain();
    assert!(size(&world, "g").unwrap() < full / 2);
    put("g", 1).unwrap();
}
