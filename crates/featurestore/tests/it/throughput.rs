//! Provisioned throughput: its rules, its quotas, and what is throttled.

use serde_json::{Value, json};
use store::CommitError;

use crate::world::{Outcome, World, check_refused, day, delete, group, read, record};

fn provisioned(name: &str, read: u32, write: u32) -> Value {
    let mut request = group(name);
    request["ThroughputConfig"] = units(read, write);
    request
}

fn units(read: u32, write: u32) -> Value {
    json!({
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": read, "ProvisionedWriteCapacityUnits": write,
    })
}

fn world(read: u32, write: u32) -> World {
    let world = World::new();
    world.ok("CreateFeatureGroup", provisioned("g", read, write));
    world
}

fn change(world: &World, throughput: &Value) -> Outcome {
    let request = json!({ "FeatureGroupName": "g", "ThroughputConfig": throughput });
    world.call("UpdateFeatureGroup", request)
}

fn described(world: &World) -> Value {
    let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
    described["ThroughputConfig"].clone()
}

/// The request for a record of a bit more than so many KiB.
fn sized(identifier: &str, kib: usize) -> Value {
    let note = "x".repeat(kib * 1024);
    let sent = [("id", identifier), ("at", &day(1)), ("note", &note)];
    json!({ "FeatureGroupName": "g", "Record": record(&sent) })
}

fn check_throttled(outcome: Outcome, kind: &str) {
    let refused = outcome.unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("ThrottlingException", Some(429)),
        "{refused:?}"
    );
    let text = format!("the provisioned {kind} capacity of feature group g is exceeded");
    assert_eq!(refused.message, text);
}

#[test]
fn writes_beyond_the_provisioned_units_are_throttled_until_they_are_paid_for() {
    let world = world(10, 4);
    // Three units, then one more than there are: what is begun is served.
    world.ok("PutRecord", sized("a", 2));
    world.ok("PutRecord", sized("b", 1));
    check_throttled(world.call("PutRecord", sized("c", 0)), "write");
    let deleting = delete("g", "a", &day(2), None);
    check_throttled(world.call("DeleteRecord", deleting.clone()), "write");
    world.wait(1);
    world.ok("DeleteRecord", deleting);
    assert!(world.get("g", "c").is_none());
}

#[test]
fn a_large_write_is_served_and_keeps_others_waiting() {
    let world = world(10, 2);
    world.ok("PutRecord", sized("a", 5));
    for _ in 0..3 {
        check_throttled(world.call("PutRecord", sized("b", 0)), "write");
        world.wait(1);
    }
    world.ok("PutRecord", sized("b", 0));
}

#[test]
fn reads_beyond_the_provisioned_units_are_throttled() {
    let world = world(2, 100);
    world.ok("PutRecord", sized("a", 5));
    world.ok("GetRecord", read("g", "a"));
    check_throttled(world.call("GetRecord", read("g", "a")), "read");
    let list = json!({ "FeatureGroupName": "g" });
    check_throttled(world.call("ListRecords", list.clone()), "read");
    world.wait(1);
    world.ok("ListRecords", list);
    check_throttled(world.call("GetRecord", read("g", "a")), "read");
    world.wait(1);
    // What is not there costs nothing.
    for _ in 0..5 {
        world.ok("GetRecord", read("g", "none"));
    }
    world.ok("GetRecord", read("g", "a"));
}

#[test]
fn reading_and_writing_do_not_take_from_each_other() {
    let world = world(1, 1);
    world.ok("PutRecord", sized("a", 0));
    check_throttled(world.call("PutRecord", sized("a", 0)), "write");
    world.ok("GetRecord", read("g", "a"));
}

#[test]
fn only_standard_stores_are_provisioned() {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["StorageType"] = "Standard_V2".into();
    request["ThroughputConfig"] = units(1, 1);
    let refused = world.call("CreateFeatureGroup", request);
    check_refused(refused, "ValidationException", "must be of type Standard");
}

#[test]
fn what_is_throttled_of_a_batch_comes_back_unprocessed() {
    let world = world(1, 2);
    let entries = [sized("a", 0), sized("b", 0), sized("c", 0)];
    let written = world.ok("BatchWriteRecord", json!({ "Entries": entries }));
    assert_eq!(written["Errors"], json!([]));
    assert_eq!(written["UnprocessedEntries"], json!([entries[2]]));
    let identifiers =
        json!([{ "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a", "b"] }]);
    let answer = world.ok("BatchGetRecord", json!({ "Identifiers": identifiers }));
    assert_eq!(answer["Errors"], json!([]));
    assert_eq!(answer["Records"].as_array().unwrap().len(), 1);
    let rest = json!([{ "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["b"] }]);
    assert_eq!(answer["UnprocessedIdentifiers"], rest);
}

#[test]
fn a_write_that_fails_takes_nothing() {
    let world = world(1, 1);
    for _ in 0..3 {
        let wrong = json!({ "FeatureGroupName": "g", "Record": record(&[("id", "a")]) });
        check_refused(
            world.call("PutRecord", wrong),
            "ValidationError",
            "event time",
        );
    }
    world.ok("PutRecord", sized("a", 0));
}

#[test]
fn a_write_whose_client_hangs_up_is_paid_for() {
    let world = world(1, 1);
    let told = world.faults.unheard();
    assert!(world.hang_up(&world.administrator, "PutRecord", sized("a", 0)));
    told.notify_one();
    world.settle();
    check_throttled(world.call("PutRecord", sized("b", 0)), "write");
}

#[test]
fn changes_of_a_group_do_not_give_units_back() {
    let world = world(1, 1);
    world.ok("PutRecord", sized("a", 0));
    let tags = json!([{ "Key": "a", "Value": "b" }]);
    let arn = crate::world::group_arn("g");
    world.ok("AddTags", json!({ "ResourceArn": arn, "Tags": tags }));
    check_throttled(world.call("PutRecord", sized("a", 0)), "write");
}

#[test]
fn nothing_provisioned_is_nothing_served() {
    let world = world(0, 0);
    check_throttled(world.call("PutRecord", sized("a", 0)), "write");
    world.wait(3600);
    check_throttled(world.call("PutRecord", sized("a", 0)), "write");
    check_throttled(world.call("GetRecord", read("g", "a")), "read");
}

#[test]
fn on_demand_nothing_is_throttled() {
    let world = World::new();
    world.group("g");
    for number in 0..20 {
        world.ok("PutRecord", sized(&number.to_string(), 100));
    }
    assert_eq!(described(&world), json!({ "ThroughputMode": "OnDemand" }));
}

#[test]
fn the_mode_and_the_units_are_changed_and_described() {
    let world = world(5, 7);
    assert_eq!(described(&world), units(5, 7));
    change(&world, &json!({ "ProvisionedReadCapacityUnits": 6 })).unwrap();
    let world = world.restarted();
    assert_eq!(described(&world), units(6, 7));
    let on_demand = json!({ "ThroughputMode": "OnDemand" });
    change(&world, &on_demand).unwrap();
    assert_eq!(described(&world), on_demand);
    change(&world, &units(1, 2)).unwrap();
    let text = "once in 24 hours";
    check_refused(change(&world, &on_demand), "ValidationException", text);
    world.wait(24 * 3600);
    change(&world, &on_demand).unwrap();
}

#[test]
fn wrong_throughputs_are_refused() {
    let world = world(5, 7);
    let wrong = |throughput: Value, text: &str| {
        let mut request = group("h");
        request["ThroughputConfig"] = throughput;
        world.refuses("CreateFeatureGroup", request, "ValidationException", text);
    };
    let half = json!({ "ThroughputMode": "Provisioned", "ProvisionedReadCapacityUnits": 1 });
    wrong(half, "needs ProvisionedWriteCapacityUnits");
    let surplus = json!({ "ThroughputMode": "OnDemand", "ProvisionedReadCapacityUnits": 1 });
    wrong(surplus.clone(), "capacity units need");
    check_refused(
        change(&world, &surplus),
        "ValidationException",
        "capacity units need",
    );
    wrong(units(10_000_001, 1), "less than or equal to 10000000");
    let newer = json!({
        "FeatureGroupName": "g", "OnlineStoreConfig": { "StorageType": "Standard_V2" },
    });
    let text = "must be of type Standard";
    world.refuses("UpdateFeatureGroup", newer, "ValidationException", text);
}

#[test]
fn provisioned_units_have_quotas() {
    let world = world(40_000, 1);
    let limit = "ResourceLimitExceeded";
    let text =
        "'Maximum provisioned read capacity units per feature group' is 40000 capacity units";
    world.refuses(
        "CreateFeatureGroup",
        provisioned("h", 40_001, 1),
        limit,
        text,
    );
    check_refused(change(&world, &units(40_001, 1)), limit, text);
    world.ok("CreateFeatureGroup", provisioned("h", 30_000, 1));
    let text = "per region' is 80000 capacity units, with current utilization of 70000 capacity \
                units and a request delta of 10001 capacity units";
    world.refuses(
        "CreateFeatureGroup",
        provisioned("i", 10_001, 1),
        limit,
        text,
    );
    world.ok("CreateFeatureGroup", provisioned("i", 10_000, 1));
    // A group's own units are not counted twice.
    change(&world, &units(39_000, 2)).unwrap();
}

#[test]
fn units_of_updates_that_are_not_done_yet_count() {
    let world = world(1, 1);
    world.ok("CreateFeatureGroup", provisioned("h", 40_000, 1));
    // The update is committed, and what would make it fails.
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    change(&world, &units(30_000, 1)).unwrap();
    let text = "per region' is 80000 capacity units, with current utilization of 70000";
    let limit = "ResourceLimitExceeded";
    world.refuses(
        "CreateFeatureGroup",
        provisioned("i", 10_001, 1),
        limit,
        text,
    );
    world.maintain();
    // What an update gives back counts until that is done.
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    change(&world, &units(1, 1)).unwrap();
    world.refuses(
        "CreateFeatureGroup",
        provisioned("i", 10_001, 1),
        limit,
        text,
    );
    world.maintain();
    world.ok("CreateFeatureGroup", provisioned("i", 10_001, 1));
}

#[test]
fn the_quota_of_features_can_be_set() {
    let world = World::with(featurestore::Options {
        quotas: featurestore::Quotas {
            features: 6,
            ..featurestore::Quotas::default()
        },
        ..featurestore::Options::default()
    });
    let feature = |name: &str| json!({ "FeatureName": name, "FeatureType": "String" });
    let mut request = group("g");
    let features = request["FeatureDefinitions"].as_array_mut().unwrap();
    features.extend([feature("x"), feature("y")]);
    let text = "at most 6 features";
    world.refuses("CreateFeatureGroup", request, "ResourceLimitExceeded", text);
    world.group("g");
    let more = |name: &str| json!({ "FeatureGroupName": "g", "FeatureAdditions": [feature(name)] });
    world.ok("UpdateFeatureGroup", more("x"));
    world.refuses(
        "UpdateFeatureGroup",
        more("y"),
        "ResourceLimitExceeded",
        text,
    );
}

fn check_record_throttled(outcome: Outcome, kind: &str) {
    let refused = outcome.unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("ThrottlingException", Some(429)),
        "{refused:?}"
    );
    let text = format!("the {kind} capacity of one record of feature group g is exceeded");
    assert_eq!(refused.message, text);
}

#[test]
fn one_record_is_written_so_often_and_others_are_not_held_up() {
    let world = World::new();
    world.ok("CreateFeatureGroup", group("g"));
    // Five times a hundred units and a bit: what is begun is served.
    for _ in 0..5 {
        world.ok("PutRecord", sized("a", 100));
    }
    check_record_throttled(world.call("PutRecord", sized("a", 0)), "write");
    let deleting = delete("g", "a", &day(2), None);
    check_record_throttled(world.call("DeleteRecord", deleting.clone()), "write");
    world.ok("PutRecord", sized("b", 100));
    let entries = json!({ "Entries": [sized("a", 0), sized("c", 0)] });
    let answer = world.ok("BatchWriteRecord", entries);
    assert_eq!(answer["UnprocessedEntries"].as_array().unwrap().len(), 1);
    assert_eq!(answer["Errors"], json!([]));
    world.wait(1);
    world.ok("DeleteRecord", deleting);
}

#[test]
fn one_record_is_read_so_often_and_others_are_not_held_up() {
    let world = World::new();
    world.ok("CreateFeatureGroup", group("g"));
    world.ok("PutRecord", sized("a", 340));
    world.ok("PutRecord", sized("b", 0));
    // 86 units each.
    for _ in 0..28 {
        world.ok("GetRecord", read("g", "a"));
    }
    check_record_throttled(world.call("GetRecord", read("g", "a")), "read");
    world.ok("GetRecord", read("g", "b"));
    let identifiers =
        json!([{ "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a", "b"] }]);
    let answer = world.ok("BatchGetRecord", json!({ "Identifiers": identifiers }));
    assert_eq!(answer["Records"].as_array().unwrap().len(), 1);
    let again = &answer["UnprocessedIdentifiers"][0]["RecordIdentifiersValueAsString"];
    assert_eq!(*again, json!(["a"]));
    world.wait(1);
    world.ok("GetRecord", read("g", "a"));
}
