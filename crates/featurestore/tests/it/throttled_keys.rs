//! What a caller hears when KMS takes no more calls.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{World, day, read, record};

/// A deployment whose KMS takes two cryptographic calls a second of an account: as many as it
/// takes to make a group, or to use it for the first time.
fn world() -> World {
    let quotas = BTreeMap::from([("symmetric".to_owned(), 2.0)]);
    let world = World::with_quotas(featurestore::Options::default(), &quotas);
    world.group_under("g", &world.key());
    world
}

fn write() -> Value {
    json!({ "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", &day(1))]) })
}

#[test]
fn a_record_operation_that_kms_throttles_is_to_be_tried_again() {
    let world = world();
    for (operation, input) in [("PutRecord", write()), ("GetRecord", read("g", "a"))] {
        let refused = world.call(operation, input).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.status),
            ("ServiceUnavailable", Some(503)),
            "{operation}"
        );
        assert!(refused.message.starts_with("ThrottlingException: "));
    }
    world.wait(1);
    world.ok("PutRecord", write());
    assert!(world.get("g", "a").is_some());
}

#[test]
fn what_kms_throttles_of_a_batch_comes_back_unprocessed() {
    let world = world();
    let identifiers =
        json!([{ "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a", "b"] }]);
    let reading = json!({ "Identifiers": identifiers });
    let entries = json!([write(), write()]);
    let writing = json!({ "Entries": entries });
    let read = world.ok("BatchGetRecord", reading.clone());
    assert_eq!(
        (&read["Errors"], &read["UnprocessedIdentifiers"]),
        (&json!([]), &identifiers)
    );
    let written = world.ok("BatchWriteRecord", writing.clone());
    assert_eq!(
        (&written["Errors"], &written["UnprocessedEntries"]),
        (&json!([]), &entries)
    );
    world.wait(1);
    let written = world.ok("BatchWriteRecord", writing);
    assert_eq!(written["UnprocessedEntries"], json!([]));
    let read = world.ok("BatchGetRecord", reading);
    assert_eq!(read["Records"].as_array().unwrap().len(), 1);
    assert_eq!(read["UnprocessedIdentifiers"], json!([]));
}

#[test]
fn a_group_is_not_made_while_kms_throttles() {
    let world = world();
    let another = crate::world::group_under("h", &world.key());
    let text = "";
    world.refuses(
        "CreateFeatureGroup",
        another.clone(),
        "ThrottlingException",
        text,
    );
    world.wait(1);
    world.ok("CreateFeatureGroup", another);
}

#[test]
fn a_group_is_not_made_while_kms_throttles_what_s3_asks_for_the_offline_store() {
    let world = world();
    crate::offline::prepare(&world, &["kms:GenerateDataKey"]);
    world.wait(1);
    let key = world.key();
    let request = crate::offline::only("h", Some(&key));
    for _ in 0..2 {
        let data_key = json!({ "KeyId": key, "KeySpec": "AES_256" });
        world.ok("GenerateDataKey", data_key);
    }
    let refused = world
        .call("CreateFeatureGroup", request.clone())
        .unwrap_err();
    assert_eq!(refused.code, "ThrottlingException", "{refused:?}");
    assert!(
        refused.message.contains("KMS.ThrottlingException"),
        "{refused:?}"
    );
    world.wait(1);
    world.ok("CreateFeatureGroup", request);
}
