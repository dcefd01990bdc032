//! What the calls of KMS cost that the service makes: each counts once, for the key and for whom
//! it was made.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use store::CommitError;

use crate::offline::{allow, both, create, only, prepare};
use crate::world::{World, day, group_under, read, text};

/// Writes down what was counted, as the server does once a minute.
fn keep(world: &World) {
    world.block_on(kms::keep_usage(&world.services)).unwrap();
}

/// Calls by caller and operation, as `GetKeyUsage` tells them of `key`.
fn charges(world: &World, key: &str) -> BTreeMap<(String, String), u64> {
    let uses = told(world, &world.administrator, key);
    let uses = uses.as_array().unwrap();
    let of = |entry: &Value| {
        let caller = text(&entry["Caller"]);
        let caller = caller.rsplit('/').next().unwrap().to_owned();
        let count = entry["Calls"].as_u64().unwrap();
        ((caller, text(&entry["Operation"])), count)
    };
    uses.iter().map(of).collect()
}

/// What `GetKeyUsage` tells `caller` of the uses of `key`.
fn told(world: &World, caller: &pipeline::Caller, key: &str) -> Value {
    keep(world);
    let of = json!({ "KeyArn": key });
    let report = world.call_as(caller, "GetKeyUsage", of).unwrap();
    report["Keys"][0]["Uses"].clone()
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

/// What the role of offline stores is charged for.
const ROLE: (&str, &str) = ("features", "GenerateDataKey");

#[test]
fn the_data_key_of_an_offline_store_is_charged_to_its_role() {
    let world = World::new();
    prepare(&world, &["kms:GenerateDataKey"]);
    let key = world.key();
    create(&world, only("g", Some(&key))).unwrap();
    check(&world, &key, &[(ROLE.0, ROLE.1, 1)]);
    // The trail tells of the same call: by S3, for the role.
    let made = world.records_of("GenerateDataKey");
    let [made] = made.as_slice() else {
        panic!("{made:?}");
    };
    assert_eq!(
        made.user_identity.invoked_by.as_deref(),
        Some("s3.amazonaws.com")
    );
    // Looking at the store's status decides and calls nothing, and neither does a write.
    for _ in 0..5 {
        world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
        world.ok(
            "ListFeatureGroups",
            json!({ "OfflineStoreStatusEquals": "Active" }),
        );
        world.ok("DiagnoseFeatureGroups", json!({}));
        world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    }
    world.maintain();
    check(&world, &key, &[(ROLE.0, ROLE.1, 1)]);
}

#[test]
fn of_one_key_for_both_stores_the_caller_and_the_role_pay_their_own() {
    let world = World::new();
    prepare(&world, &["kms:GenerateDataKey"]);
    let key = world.key();
    let mut request = both("g", Some(&key));
    request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": key });
    create(&world, request).unwrap();
    let expected = [(OWNER, "GenerateDataKey", 2), (ROLE.0, ROLE.1, 1)];
    check(&world, &key, &expected);
}

#[test]
fn an_offline_store_that_the_role_cannot_write_costs_nothing() {
    let world = World::new();
    prepare(&world, &[]);
    let key = world.key();
    create(&world, only("g", Some(&key))).unwrap_err();
    check(&world, &key, &[]);
    allow(&world, &["kms:GenerateDataKey"]);
    create(&world, only("g", Some(&key))).unwrap_err();
    check(&world, &key, &[]);
}

/// How many data keys made under `key` the trail tells of.
fn recorded(world: &World, key: &str) -> usize {
    let records = world.records_of("GenerateDataKey");
    let made = records.iter().filter(|record| {
        record.error_code.is_none() && record.resources.iter().any(|of| of.arn == key)
    });
    made.count()
}

#[test]
fn what_was_called_is_charged_though_the_group_is_not_made() {
    let world = World::new();
    prepare(&world, &[]);
    let key = world.key();
    // The keys of the online store are made, and then the role may not make one.
    let mut request = both("g", Some(&key));
    request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": key });
    create(&world, request).unwrap_err();
    check(&world, &key, &[(OWNER, "GenerateDataKey", 2)]);
    assert_eq!(recorded(&world, &key), 2);
}

#[test]
fn a_call_that_is_decided_anew_is_charged_once() {
    let world = World::new();
    prepare(&world, &["kms:GenerateDataKey"]);
    let [online, offline] = [world.key(), world.key()];
    for _ in 0..3 {
        world.faults.add(CommitError::Conflict);
    }
    let mut request = both("g", Some(&offline));
    request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": online });
    create(&world, request).unwrap();
    assert!(world.faults.is_empty());
    check(&world, &online, &[(OWNER, "GenerateDataKey", 2)]);
    check(&world, &offline, &[(ROLE.0, ROLE.1, 1)]);
    let told = [&online, &offline].map(|key| recorded(&world, key));
    assert_eq!(told, [2, 1]);
}

#[test]
fn what_is_not_recorded_is_not_charged_unless_nobody_can_tell() {
    let world = World::new();
    let key = world.key();
    let encrypt = || world.call("Encrypt", json!({ "KeyId": key, "Plaintext": "YQ==" }));
    world.faults.add(CommitError::Busy);
    encrypt().unwrap_err();
    check(&world, &key, &[]);
    let reason = "the disk".to_owned();
    world.faults.add(CommitError::Unknown { reason });
    encrypt().unwrap_err();
    check(&world, &key, &[(OWNER, "Encrypt", 1)]);
    encrypt().unwrap();
    check(&world, &key, &[(OWNER, "Encrypt", 2)]);
}

#[test]
fn another_accounts_key_charges_the_account_of_the_role() {
    let world = World::new();
    prepare(&world, &["kms:GenerateDataKey"]);
    let other = world.other_account("444455556666");
    let policy = json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow",
        "Principal": { "AWS": ["111122223333", "444455556666"] }, "Action": "kms:*",
        "Resource": "*" } });
    let made = world.call_as(&other, "CreateKey", json!({ "Policy": policy.to_string() }));
    let key = text(&made.unwrap()["KeyMetadata"]["Arn"]);
    create(&world, only("g", Some(&key))).unwrap();
    let use_of_key = |uses: &Value| {
        let [one] = uses.as_array().unwrap().as_slice() else {
            panic!("{uses}");
        };
        assert_eq!(
            (&one["Operation"], &one["Calls"]),
            (&json!(ROLE.1), &json!(1))
        );
        assert!(text(&one["Caller"]).ends_with(":role/features"), "{one}");
        text(&one["Cost"])
    };
    // Once in each report; it costs the account of the role.
    let (theirs, ours) = (
        told(&world, &other, &key),
        told(&world, &world.administrator, &key),
    );
    assert_eq!(use_of_key(&theirs), "0.000000000");
    assert_ne!(use_of_key(&ours), "0.000000000");
}

#[test]
fn the_aws_managed_key_of_s3_is_charged_to_the_role_and_costs_its_calls_only() {
    let world = World::new();
    prepare(&world, &[]);
    // The first makes the key.
    for name in ["first", "second"] {
        create(&world, only(name, None)).unwrap();
    }
    let key = world.ok("DescribeKey", json!({ "KeyId": "alias/aws/s3" }));
    let key = text(&key["KeyMetadata"]["Arn"]);
    check(&world, &key, &[(ROLE.0, ROLE.1, 2)]);
    let report = world.ok("GetKeyUsage", json!({ "KeyArn": key }));
    assert_eq!(report["Keys"][0]["CostOfKey"], "0.000000000");
}
