//! Sweeping, and removing what deleted groups leave.

use online::{CELLS, EXPIRY};
use serde_json::{Value, json};
use store::CommitError;

use crate::world::{World, check_refused, day, fill, group, group_under, read, record, text};

fn delete(world: &World, name: &str) {
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": name }));
}

#[test]
fn the_cells_of_a_deleted_group_are_removed_and_others_stay() {
    let world = World::new();
    for name in ["a", "b"] {
        world.group(name);
        fill(&world, name, 300);
    }
    delete(&world, "a");
    // The answer has waited for so few.
    assert_eq!(world.cells(CELLS), 300);
    assert!(world.get("b", "7").is_some());
    let named = json!({ "FeatureGroupName": "a" });
    world.refuses("DescribeFeatureGroup", named, "ResourceNotFound", "");
}

fn status(world: &World, group: &str) -> String {
    let named = json!({ "FeatureGroupName": group });
    text(&world.ok("DescribeFeatureGroup", named)["FeatureGroupStatus"])
}

#[test]
fn a_removal_that_a_restart_interrupted_goes_on() {
    let world = World::new();
    world.group("a");
    fill(&world, "a", 4_200);
    delete(&world, "a");
    let left = world.cells(CELLS);
    assert!((1..4_200).contains(&left), "{left}");
    let world = world.restarted();
    assert_eq!(
        (world.cells(CELLS), status(&world, "a")),
        (left, "Deleting".to_owned())
    );
    // Nothing of it can be used, nor its name; deleting it again changes nothing.
    let item = [("id", "x"), ("at", "2026-01-01T00:00:00Z")];
    check_refused(world.put("a", &item), "ValidationError", "is being deleted");
    let read = world.call("GetRecord", read("a", "7"));
    check_refused(read, "ValidationError", "is being deleted");
    world.refuses(
        "CreateFeatureGroup",
        group("a"),
        "ResourceInUse",
        "already exists",
    );
    world.maintain();
    assert_eq!(world.cells(CELLS), 0);
    world.group("a");
    assert_eq!(status(&world, "a"), "Created");
}

#[test]
fn a_new_group_of_the_same_name_is_not_touched() {
    let world = World::new();
    world.group("a");
    world
        .put("a", &[("id", "x"), ("at", &day(1)), ("note", "old")])
        .unwrap();
    delete(&world, "a");
    world.group("a");
    world
        .put("a", &[("id", "x"), ("at", &day(1)), ("note", "new")])
        .unwrap();
    let world = world.restarted();
    world.maintain();
    assert_eq!(world.cells(CELLS), 1);
    assert_eq!(world.get("a", "x").unwrap()[2].1, "new");
}

#[test]
fn numbers_of_groups_are_never_used_again() {
    let world = World::new();
    world.group("a");
    world.put("a", &[("id", "x"), ("at", &day(1))]).unwrap();
    delete(&world, "a");
    let world = world.restarted();
    world.group("b");
    world.put("b", &[("id", "x"), ("at", &day(1))]).unwrap();
    let cells = world.services.store();
    let found = cells.cells(
        CELLS,
        std::ops::Bound::Unbounded,
        std::ops::Bound::Unbounded,
        10,
    );
    let numbers: Vec<u8> = found.unwrap().iter().map(|(key, _)| key[7]).collect();
    assert_eq!(numbers, [2]);
}

#[test]
fn a_clock_that_is_wrong_for_a_minute_sweeps_nothing() {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Days", "Value": 1 });
    world.ok("CreateFeatureGroup", request);
    world.put("g", &[("id", "a"), ("at", &day(10))]).unwrap();
    world.maintain();
    let ahead = std::time::Duration::from_hours(100 * 24);
    world.clock.set_ahead(ahead);
    world.wait(60);
    world.maintain();
    assert_eq!(world.get("g", "a"), None);
    assert_eq!(world.cells(CELLS), 1);
    world.clock.set_back(ahead);
    assert!(world.get("g", "a").is_some());
}

#[test]
fn expired_records_are_swept() {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Hours", "Value": 1 });
    world.ok("CreateFeatureGroup", request);
    for number in 0..3 {
        let identifier = number.to_string();
        world
            .put("g", &[("id", &identifier), ("at", "2026-01-10T00:00:00Z")])
            .unwrap();
    }
    world.ok(
        "PutRecord",
        json!({
            "FeatureGroupName": "g",
            "Record": record(&[("id", "0"), ("at", "2026-01-10T00:00:01Z")]),
            "TtlDuration": { "Unit": "Days", "Value": 1 },
        }),
    );
    world.maintain();
    assert_eq!(world.cells(CELLS), 3);
    world.wait(2 * 3600);
    world.maintain();
    assert_eq!((world.cells(CELLS), world.cells(EXPIRY)), (1, 1));
    assert!(world.get("g", "0").is_some());
}

#[test]
fn what_cannot_be_swept_does_not_keep_deleted_groups() {
    let world = World::new();
    let mut request = group("swept");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Hours", "Value": 1 });
    world.ok("CreateFeatureGroup", request);
    world
        .put("swept", &[("id", "x"), ("at", &day(10))])
        .unwrap();
    for name in ["deleted", "deleted-too"] {
        world.group(name);
        fill(&world, name, 1);
        // The deletion is committed, and what would follow it fails.
        world.faults.skip(1);
        world.faults.add(CommitError::Busy);
        delete(&world, name);
        assert_eq!(status(&world, name), "Deleting");
    }
    world.wait(2 * 3600);
    // Sweeping fails, and so does what removes the first of the two.
    world.faults.add(CommitError::Busy);
    world.faults.add(CommitError::Busy);
    let undone = world.block_on(featurestore::maintain(&world.services));
    let whats: Vec<_> = undone.iter().map(|undone| undone.what.as_str()).collect();
    assert_eq!(whats, ["expired records", "the records of deleted group 2"]);
    assert_eq!(world.cells(CELLS), 2);
    world.maintain();
    assert_eq!(world.cells(CELLS), 0);
}

#[test]
fn a_creation_that_was_interrupted_goes_on() {
    let world = World::new();
    let key = world.key();
    for (number, made) in [group("g0"), group_under("g1", &key)]
        .into_iter()
        .enumerate()
    {
        world.faults.skip(1);
        world.faults.add(CommitError::Busy);
        world.ok("CreateFeatureGroup", made);
        assert_eq!(status(&world, &format!("g{number}")), "Creating");
    }
    let item = [("id", "x"), ("at", "2026-01-01T00:00:00Z")];
    check_refused(
        world.put("g1", &item),
        "ValidationError",
        "is still being created",
    );
    let read = world.call("GetRecord", read("g0", "x"));
    check_refused(read, "ValidationError", "is still being created");
    let world = world.restarted();
    assert_eq!(status(&world, "g1"), "Creating");
    world.maintain();
    for name in ["g0", "g1"] {
        assert_eq!(status(&world, name), "Created");
        world.put(name, &item).unwrap();
    }
}

#[test]
fn four_groups_are_created_at_a_time() {
    let world = World::new();
    for number in 0..4 {
        world.faults.skip(1);
        world.faults.add(CommitError::Busy);
        world.group(&format!("g{number}"));
    }
    let text = "The account-level service limit 'Maximum number of feature group creation workflows \
                executing in parallel' is 4 FeatureGroups, with current utilization of 4 \
                FeatureGroups and a request delta of 1 FeatureGroups. Please use AWS Service Quotas";
    world.refuses(
        "CreateFeatureGroup",
        group("g4"),
        "ResourceLimitExceeded",
        text,
    );
    world.maintain();
    world.group("g4");
}

#[test]
fn a_deletion_that_fails_says_so_and_is_tried_again() {
    let world = World::new();
    world.group("g");
    fill(&world, "g", 3);
    // The deletion is committed, and what removes the records fails for good.
    world.faults.skip(1);
    let reason = "a sync failed".to_owned();
    world.faults.add(CommitError::Unknown { reason });
    delete(&world, "g");
    let named = json!({ "FeatureGroupName": "g" });
    let shown = world.ok("DescribeFeatureGroup", named.clone());
    assert_eq!(shown["FeatureGroupStatus"], "DeleteFailed");
    let why = shown["FailureReason"].as_str().unwrap();
    assert!(why.contains("records could not be removed"), "{why}");
    assert!(!why.contains("sync"), "{why}");
    let listed = world.ok(
        "ListFeatureGroups",
        json!({ "FeatureGroupStatusEquals": "DeleteFailed" }),
    );
    assert_eq!(listed["FeatureGroupSummaries"].as_array().unwrap().len(), 1);
    let item = [("id", "x"), ("at", &*day(1))];
    check_refused(world.put("g", &item), "ValidationError", "is being deleted");
    world.refuses(
        "CreateFeatureGroup",
        group("g"),
        "ResourceInUse",
        "already exists",
    );
    world.maintain();
    world.refuses("DescribeFeatureGroup", named, "ResourceNotFound", "");
    assert_eq!(world.cells(CELLS), 0);
    world.group("g");
}

#[test]
fn a_group_whose_key_is_taken_away_before_it_is_created_fails_and_leaves_nothing() {
    let world = World::new();
    let key = world.key();
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    world.ok("CreateFeatureGroup", group_under("g", &key));
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.maintain();
    let named = json!({ "FeatureGroupName": "g" });
    let described = world.ok("DescribeFeatureGroup", named.clone());
    assert_eq!(described["FeatureGroupStatus"], "CreateFailed");
    let reason = text(&described["FailureReason"]);
    assert!(reason.contains("DisabledException"), "{reason}");
    let grants = world.ok("ListGrants", json!({ "KeyId": key }));
    assert_eq!(grants["Grants"], json!([]));
    world.ok("EnableKey", json!({ "KeyId": key }));
    let item = [("id", "x"), ("at", "2026-01-01T00:00:00Z")];
    check_refused(
        world.put("g", &item),
        "ValidationError",
        "could not be created",
    );
    // The name is free again when the group is deleted.
    world.ok("DeleteFeatureGroup", named);
    world.group_under("g", &key);
    assert_eq!(status(&world, "g"), "Created");
}

#[test]
fn a_key_policy_that_denies_the_service_fails_the_creation() {
    let world = World::new();
    let key = world.key();
    let root = format!("arn:aws:iam::{}:root", crate::world::ACCOUNT);
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Deny", "Principal": { "Service": "sagemaker.amazonaws.com" },
          "Action": "kms:Decrypt", "Resource": "*" },
    ] });
    let input = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy.to_string() });
    world.ok("PutKeyPolicy", input);
    world.group_under("g", &key);
    assert_eq!(status(&world, "g"), "CreateFailed");
    let grants = world.ok("ListGrants", json!({ "KeyId": key }));
    assert_eq!(grants["Grants"], json!([]));
}

fn last_update(world: &World, group: &str) -> Value {
    let named = json!({ "FeatureGroupName": group });
    world.ok("DescribeFeatureGroup", named)["LastUpdateStatus"].clone()
}

#[test]
fn an_update_that_was_interrupted_goes_on() {
    let world = World::new();
    world.group("g");
    assert_eq!(last_update(&world, "g"), Value::Null);
    let added = json!({ "FeatureGroupName": "g", "FeatureAdditions": [
        { "FeatureName": "more", "FeatureType": "String" },
    ] });
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    world.ok("UpdateFeatureGroup", added.clone());
    assert_eq!(last_update(&world, "g"), json!({ "Status": "InProgress" }));
    let item = [("id", "x"), ("at", "2026-01-01T00:00:00Z"), ("more", "y")];
    check_refused(world.put("g", &item), "ValidationError", "more");
    world.refuses(
        "UpdateFeatureGroup",
        added,
        "ValidationException",
        "still being updated",
    );
    // What is said of a feature meanwhile stays.
    let said = json!({ "FeatureGroupName": "g", "FeatureName": "note", "Description": "d" });
    world.ok("UpdateFeatureMetadata", said);
    let world = world.restarted();
    assert_eq!(last_update(&world, "g"), json!({ "Status": "InProgress" }));
    world.maintain();
    assert_eq!(last_update(&world, "g"), json!({ "Status": "Successful" }));
    world.put("g", &item).unwrap();
    let named = json!({ "FeatureGroupName": "g", "FeatureName": "note" });
    assert_eq!(
        world.ok("DescribeFeatureMetadata", named)["Description"],
        "d"
    );
}

#[test]
fn an_update_of_a_store_that_cannot_be_maintained_fails_and_says_why() {
    let world = World::new();
    let key = world.key();
    world.group_under("g", &key);
    let grants = world.ok("ListGrants", json!({ "KeyId": key }))["Grants"].clone();
    let grant = json!({ "KeyId": key, "GrantId": grants[0]["GrantId"] });
    world.ok("RevokeGrant", grant);
    let longer = json!({ "FeatureGroupName": "g", "OnlineStoreConfig": {
        "TtlDuration": { "Unit": "Days", "Value": 1 },
    } });
    world.ok("UpdateFeatureGroup", longer.clone());
    let ended = last_update(&world, "g");
    assert_eq!(ended["Status"], "Failed");
    assert!(
        text(&ended["FailureReason"]).contains("kms:Decrypt"),
        "{ended}"
    );
    let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
    assert_eq!(described["FeatureGroupStatus"], "Created");
    assert_eq!(described["OnlineStoreConfig"].get("TtlDuration"), None);
    // The next one that can be made is.
    let mut again = json!({ "KeyId": key });
    for member in [
        "Name",
        "GranteeServicePrincipal",
        "RetiringServicePrincipal",
        "Operations",
        "Constraints",
    ] {
        again[member] = grants[0][member].clone();
    }
    world.ok("CreateGrant", again);
    world.ok("UpdateFeatureGroup", longer);
    assert_eq!(last_update(&world, "g"), json!({ "Status": "Successful" }));
}
