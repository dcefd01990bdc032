//! Online stores of type `InMemory`: what they may have, and what they do as others.

use serde_json::{Value, json};

use crate::world::{World, day, delete, group_in_memory, record};

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
    let offline = with_offline("h");
    world.refuses("CreateFeatureGroup", offline, "ValidationException", text);
}
