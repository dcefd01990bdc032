//! What the calls of KMS cost that the service makes: each counts once, for the key and for whom
//! it was made.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{World, day, group_under, read, text};

/// Writes down what was counted, as the server does once a minute.
fn keep(world: &World) {
    world.block_on(kms::keep_usage(&world.services)).unwrap();
}

/// Calls by caller and operation, as `GetKeyUsage` tells them of `key`.
fn charges(world: &World, key: &str) -> BTreeMap<(String, String), u64> {
    keep(world);
    let report = world.ok("GetKeyUsage", json!({ "KeyArn": key }));
    let uses = report["Keys"][0]["Uses"].as_array().unwrap();
    let of = |entry: &Value| {
        let caller = text(&entry["Caller"]);
        let caller = caller.rsplit('/').next().unwrap().to_owned();
        let count = entry["Calls"].as_u64().unwrap();
        ((caller, text(&entry["Operation"])), count)
    };
    uses.iter().map(of).collect()
}

fn check(world: &World, key: &str, expected: &[(&str, &str, u64)]) {
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(caller, operation, count)| (((*caller).to_owned(), (*operation).to_owned()), *count))
        .collect();
    assert_eq!(charges(world, key), expected);
}

const OWNER: &str = "Administrator";

fn allowing(world: &World, name: &str) -> pipeline::Caller {
    let all = json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]);
    world.user(name, &all)
}

#[test]
fn making_a_group_costs_two_data_keys() {
    let world = World::new();
    let key = world.key();
    world.group_under("g", &key);
    check(&world, &key, &[(OWNER, "GenerateDataKey", 2)]);
}

#[test]
fn a_group_that_is_not_made_costs_nothing() {
    let world = World::new();
    let key = world.key();
    world.group("g");
    world
        .call("CreateFeatureGroup", group_under("g", &key))
        .unwrap_err();
    check(&world, &key, &[]);
}

#[test]
fn each_caller_pays_once_for_each_data_key_while_it_is_kept() {
    let world = World::new();
    let key = world.key();
    world.group_under("g", &key);
    let ana = allowing(&world, "ana");
    for number in 0..10 {
        let values = [("id", &*number.to_string()), ("at", &*day(1))];
        world.put("g", &values).unwrap();
        world.call_as(&ana, "GetRecord", read("g", "1")).unwrap();
    }
    let expected = [
        (OWNER, "GenerateDataKey", 2),
        (OWNER, "Decrypt", 2),
        ("ana", "Decrypt", 2),
    ];
    check(&world, &key, &expected);
    // Another five minutes, another two keys.
    world.wait(5 * 60);
    world.call_as(&ana, "GetRecord", read("g", "1")).unwrap();
    let expected = [
        (OWNER, "GenerateDataKey", 2),
        (OWNER, "Decrypt", 2),
        ("ana", "Decrypt", 4),
    ];
    check(&world, &key, &expected);
}

#[test]
fn what_is_refused_costs_nothing() {
    let world = World::new();
    let key = world.key();
    world.group_under("g", &key);
    let only_records = json!([{ "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" }]);
    let eve = world.user("eve", &only_records);
    world
        .call_as(&eve, "GetRecord", read("g", "1"))
        .unwrap_err();
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.call("GetRecord", read("g", "1")).unwrap_err();
    check(&world, &key, &[(OWNER, "GenerateDataKey", 2)]);
}

#[test]
fn background_work_is_charged_to_the_service() {
    let world = World::new();
    let (old, new) = (world.key(), world.key());
    world.group_under("g", &old);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    // Moving to another key: the service opens each record and seals it anew, through its grants.
    let request = json!({ "FeatureGroupName": "g", "KmsKeyId": new });
    world.ok("RekeyFeatureGroup", request);
    world.maintain();
    for key in [old, new] {
        let charged = charges(&world, &key);
        let service: u64 = charged
            .iter()
            .filter(|((caller, _), _)| caller == "sagemaker.amazonaws.com")
            .map(|(_, count)| count)
            .sum();
        let recorded = world.records_of("Decrypt");
        let by_service = recorded.iter().filter(|record| {
            let record = serde_json::to_value(record).unwrap();
            record["userIdentity"]["type"] == "AWSService"
                && record["errorCode"].is_null()
                && record["resources"][0]["ARN"] == *key
        });
        // As many as the trail tells of.
        assert_eq!(usize::try_from(service).unwrap(), by_service.count());
        assert!(service > 0, "{charged:?}");
    }
}

#[test]
fn the_aws_owned_key_costs_nothing() {
    let world = World::new();
    world.group("g");
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    world.get("g", "a").unwrap();
    keep(&world);
    let report = world.ok("GetKeyUsage", json!({}));
    assert_eq!(report["Keys"], json!([]), "{report}");
}
