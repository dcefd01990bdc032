//! Sweeping, and removing what deleted groups leave.

use online::{CELLS, EXPIRY};
use serde_json::json;
use store::CommitError;

use crate::world::{World, day, group, record};

fn delete(world: &World, name: &str) {
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": name }));
}

#[test]
fn the_cells_of_a_deleted_group_are_removed_and_others_stay() {
    let world = World::new();
    for name in ["a", "b"] {
        world.group(name);
        for number in 0..300 {
            world
                .put(name, &[("id", &number.to_string()), ("at", &day(1))])
                .unwrap();
        }
    }
    delete(&world, "a");
    assert_eq!(world.cells(CELLS), 600);
    world.maintain();
    assert_eq!(world.cells(CELLS), 300);
    assert!(world.get("b", "7").is_some());
}

#[test]
fn a_removal_that_a_restart_interrupted_goes_on() {
    let world = World::new();
    world.group("a");
    world.put("a", &[("id", "x"), ("at", &day(1))]).unwrap();
    delete(&world, "a");
    let world = world.restarted();
    assert_eq!(world.cells(CELLS), 1);
    world.maintain();
    assert_eq!(world.cells(CELLS), 0);
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
    assert_eq!(numbers, [1, 2]);
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
    for name in ["swept", "deleted", "deleted-too"] {
        if name != "swept" {
            world.group(name);
        }
        world.put(name, &[("id", "x"), ("at", &day(10))]).unwrap();
    }
    delete(&world, "deleted");
    delete(&world, "deleted-too");
    world.wait(2 * 3600);
    // Sweeping fails, and so does what removes the first of the two.
    world.faults.add(CommitError::Busy);
    world.faults.add(CommitError::Busy);
    let undone = world.block_on(featurestore::maintain(&world.services));
    let whats: Vec<_> = undone.iter().map(|undone| undone.what.as_str()).collect();
    assert_eq!(
        whats,
        ["expired records", "the records of deleted group 2"]
    );
    assert_eq!(world.cells(CELLS), 2);
    world.maintain();
    assert_eq!(world.cells(CELLS), 0);
}
