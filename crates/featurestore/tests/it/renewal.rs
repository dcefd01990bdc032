//! The renewal of data keys, and what goes on while records are sealed anew.

use std::time::Duration;

use featurestore::{Options, RenewalLimits};
use serde_json::{Value, json};

use crate::grants::again;
use crate::world::{World, data_keys, day, fill, read};

const SERVICE: &str = "sagemaker.amazonaws.com";

fn world(days: u64, records: u64) -> World {
    World::with(Options {
        renewal: RenewalLimits {
            age: Duration::from_secs(days * 24 * 3600),
            records,
        },
        ..Options::default()
    })
}

pub(crate) fn keys(world: &World, group: &str) -> Value {
    let named = json!({ "FeatureGroupName": group });
    world.ok("DescribeFeatureGroupKeys", named)
}

fn grant(world: &World, key: &str) -> Value {
    world.ok("ListGrants", json!({ "KeyId": key }))["Grants"][0].clone()
}

/// How often the service has called this operation in its own name.
pub(crate) fn own_calls(world: &World, operation: &str) -> usize {
    let records = world.records_of(operation).into_iter();
    let records = records.map(|record| serde_json::to_value(record).unwrap());
    let own = records.filter(|record| {
        record["userIdentity"] == json!({ "type": "AWSService", "invokedBy": SERVICE })
            && record.get("errorCode").is_none()
    });
    own.count()
}

#[test]
fn a_data_key_is_renewed_by_age_and_the_old_one_retired() {
    let world = world(90, u64::MAX);
    let key = world.key();
    world.group_under("g", &key);
    fill(&world, "g", 3);
    world.wait(89 * 24 * 3600);
    world.maintain();
    assert_eq!(keys(&world, "g")["DataKey"]["Number"], 1);
    world.wait(24 * 3600);
    world.maintain();
    let seen = keys(&world, "g");
    assert_eq!(seen["DataKey"]["Number"], 2, "{seen}");
    assert_eq!(
        (&seen["State"], &seen["FormerKeys"]),
        (&json!("Settled"), &json!([]))
    );
    assert_eq!(data_keys(&world), [2]);
    assert!(world.get("g", "1").is_some());
    // Everything was done by the service itself, through the grant.
    let calls = ["GenerateDataKey", "ReEncrypt", "Decrypt"].map(|name| own_calls(&world, name));
    assert_eq!(calls, [1, 1, 2]);
    let world = world.restarted();
    assert!(world.get("g", "2").is_some());
}

#[test]
fn a_data_key_is_renewed_by_the_records_that_it_has_sealed() {
    let world = world(3650, 10);
    for (name, key) in [("own", Some(world.key())), ("owned", None)] {
        match key {
            Some(key) => world.group_under(name, &key),
            None => world.group(name),
        }
        fill(&world, name, 9);
        world.maintain();
        assert_eq!(keys(&world, name)["DataKey"]["Number"], 1);
        world.put(name, &[("id", "x"), ("at", &day(1))]).unwrap();
        assert_eq!(keys(&world, name)["DataKey"]["RecordsSealed"], 10);
        world.maintain();
        let seen = keys(&world, name);
        assert_eq!(
            (&seen["DataKey"]["Number"], &seen["State"]),
            (&json!(2), &json!("Settled"))
        );
        assert!(world.get(name, "x").is_some() && world.get(name, "8").is_some());
    }
    assert_eq!(data_keys(&world), [2]);
}

#[test]
fn counts_outlive_a_restart_and_changes_of_the_group() {
    let world = world(3650, u64::MAX);
    world.group("g");
    fill(&world, "g", 3);
    world
        .block_on(featurestore::keep_counts(&world.services))
        .unwrap();
    fill(&world, "g", 2);
    let change = json!({ "FeatureGroupName": "g", "OnlineStoreConfig": {
        "TtlDuration": { "Unit": "Days", "Value": 1 },
    } });
    world.ok("UpdateFeatureGroup", change);
    assert_eq!(keys(&world, "g")["DataKey"]["RecordsSealed"], 5);
    world
        .block_on(featurestore::keep_counts(&world.services))
        .unwrap();
    let world = world.restarted();
    assert_eq!(keys(&world, "g")["DataKey"]["RecordsSealed"], 5);
}

#[test]
fn without_its_grant_a_group_keeps_its_data_key_and_says_so() {
    let world = world(90, u64::MAX);
    let key = world.key();
    world.group_under("g", &key);
    fill(&world, "g", 3);
    let made = grant(&world, &key);
    world.ok(
        "RevokeGrant",
        json!({ "KeyId": key, "GrantId": made["GrantId"] }),
    );
    world.wait(91 * 24 * 3600);
    world.maintain();
    let seen = keys(&world, "g");
    assert_eq!(
        (&seen["DataKey"]["Number"], &seen["State"]),
        (&json!(1), &json!("Stopped"))
    );
    assert!(
        seen["Reason"].as_str().unwrap().contains("kms:Decrypt"),
        "{seen}"
    );
    assert!(world.get("g", "1").is_some());
    world.ok("CreateGrant", again(&made, &key));
    world.maintain();
    assert_eq!(keys(&world, "g")["DataKey"]["Number"], 2);
    assert_eq!(data_keys(&world), [2]);
}

#[test]
fn records_are_read_and_written_while_they_are_sealed_anew_and_a_restart_goes_on() {
    let world = world(3650, 4_500);
    let key = world.key();
    world.group_under("g", &key);
    fill(&world, "g", 4_500);
    // One call looks at 4,096 records.
    world.maintain();
    let seen = keys(&world, "g");
    assert_eq!(
        (&seen["State"], &seen["DataKey"]["Number"]),
        (&json!("Renewing"), &json!(2))
    );
    assert_eq!(seen["Progress"]["RecordsMoved"], 4_096);
    let percent = seen["Progress"]["Percent"].as_u64().unwrap();
    assert!((80..100).contains(&percent), "{percent}");
    assert_eq!(data_keys(&world), [1, 2]);
    for number in 0..100 {
        assert!(world.get("g", &number.to_string()).is_some());
    }
    let second = day(2);
    let item = [("id", "17"), ("at", second.as_str()), ("note", "new")];
    world.put("g", &item).unwrap();
    let world = world.restarted();
    let seen = keys(&world, "g");
    assert_eq!(seen["Progress"]["RecordsMoved"], 4_096);
    world.maintain();
    assert_eq!(
        (&keys(&world, "g")["State"], data_keys(&world)),
        (&json!("Settled"), vec![2])
    );
    assert_eq!(world.get("g", "17").unwrap()[2].1, "new");
    let listed = json!({ "FeatureGroupName": "g", "MaxResults": 100 });
    let listed = world.ok("ListRecords", listed);
    assert_eq!(listed["RecordIdentifiers"].as_array().unwrap().len(), 100);
}

#[test]
fn what_expires_or_is_deleted_meanwhile_does_not_come_back() {
    let world = world(1, u64::MAX);
    let mut request = crate::world::group("g");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Days", "Value": 20 });
    world.ok("CreateFeatureGroup", request);
    fill(&world, "g", 3);
    let delete = crate::world::delete("g", "1", &day(2), None);
    world.ok("DeleteRecord", delete);
    world.wait(2 * 24 * 3600);
    world.maintain();
    assert_eq!(data_keys(&world), [2]);
    assert_eq!(
        (world.get("g", "0").is_some(), world.get("g", "1")),
        (true, None)
    );
    world.wait(20 * 24 * 3600);
    world.maintain();
    assert_eq!(
        (world.cells(online::CELLS), world.cells(online::EXPIRY)),
        (0, 0)
    );
}

#[test]
fn a_rotated_kms_key_goes_on_reading_and_its_newest_material_wraps_what_is_renewed() {
    let world = world(90, u64::MAX);
    let key = world.key();
    world.group_under("g", &key);
    fill(&world, "g", 3);
    for _ in 0..3 {
        world.ok("RotateKeyOnDemand", json!({ "KeyId": key }));
        world.wait(3600);
        assert!(world.get("g", "1").is_some());
        world.put("g", &[("id", "1"), ("at", &day(1))]).unwrap();
    }
    let world = world.restarted();
    assert!(world.get("g", "2").is_some());
    world.wait(91 * 24 * 3600);
    world.maintain();
    let world = world.restarted();
    assert!(world.get("g", "2").is_some());
}

#[test]
fn the_keys_of_a_deleted_group_go() {
    let world = world(1, u64::MAX);
    let key = world.key();
    world.group_under("g", &key);
    fill(&world, "g", 3);
    world.wait(2 * 24 * 3600);
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    world.maintain();
    let world = world.restarted();
    world.maintain();
    assert_eq!(world.cells(online::CELLS), 0);
    let read = world.call("GetRecord", read("g", "1")).unwrap_err();
    assert_eq!(read.code, "ResourceNotFound");
}
