//! `DeleteRecord`: soft and hard.

use serde_json::json;

use crate::world::{World, day, delete, group, record};

fn world() -> World {
    let world = World::new();
    world.group("g");
    world
}

#[test]
fn a_soft_delete_hides_the_record_and_all_older_ones() {
    let world = world();
    world
        .put("g", &[("id", "a"), ("at", &day(2)), ("note", "x")])
        .unwrap();
    world.ok("DeleteRecord", delete("g", "a", &day(1), None));
    world.ok("DeleteRecord", delete("g", "a", &day(2), None));
    assert!(
        world.get("g", "a").is_some(),
        "a delete that is not later changes nothing"
    );
    world.ok(
        "DeleteRecord",
        delete("g", "a", &day(4), Some("SoftDelete")),
    );
    assert_eq!(world.get("g", "a"), None);
    world.put("g", &[("id", "a"), ("at", &day(3))]).unwrap();
    assert_eq!(world.get("g", "a"), None);
    world.put("g", &[("id", "a"), ("at", &day(4))]).unwrap();
    assert_eq!(world.get("g", "a").unwrap()[1].1, day(4));
}

#[test]
fn a_soft_delete_of_nothing_hides_what_comes_late() {
    let world = world();
    world.ok("DeleteRecord", delete("g", "a", &day(4), None));
    world.put("g", &[("id", "a"), ("at", &day(3))]).unwrap();
    assert_eq!(world.get("g", "a"), None);
}

/// Puts a record of group `g` that lives for a year.
fn put_for_a_year(world: &World, at: &str) {
    let input = json!({
        "FeatureGroupName": "g",
        "Record": record(&[("id", "a"), ("at", at)]),
        "TtlDuration": { "Unit": "Weeks", "Value": 52 },
    });
    world.ok("PutRecord", input);
}

fn world_where_records_live_for_a_day() -> World {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Days", "Value": 1 });
    world.ok("CreateFeatureGroup", request);
    world
}

#[test]
fn a_soft_delete_hides_a_record_for_as_long_as_that_would_have_lived() {
    let world = world_where_records_live_for_a_day();
    put_for_a_year(&world, &day(10));
    world.ok("DeleteRecord", delete("g", "a", &day(11), None));
    for _ in 0..11 {
        world.wait(30 * 86_400);
        world.maintain();
        // Whoever delivers at least once delivers it again.
        put_for_a_year(&world, &day(10));
        assert_eq!(world.get("g", "a"), None);
    }
    put_for_a_year(&world, &day(12));
    assert!(world.get("g", "a").is_some());
}

#[test]
fn a_soft_delete_of_long_ago_hides_what_comes_late() {
    let world = world_where_records_live_for_a_day();
    let long_ago = "2025-06-01T00:00:00Z";
    world.ok("DeleteRecord", delete("g", "a", long_ago, None));
    world.wait(3600);
    put_for_a_year(&world, "2025-05-01T00:00:00Z");
    assert_eq!(world.get("g", "a"), None);
}

#[test]
fn a_hard_delete_must_be_later_and_leaves_nothing() {
    let world = world();
    world.put("g", &[("id", "a"), ("at", &day(2))]).unwrap();
    for time in [day(1), day(2)] {
        let request = delete("g", "a", &time, Some("HardDelete"));
        world.refuses("DeleteRecord", request, "ValidationError", "must be later");
    }
    assert!(world.get("g", "a").is_some());
    world.ok(
        "DeleteRecord",
        delete("g", "a", &day(3), Some("HardDelete")),
    );
    assert_eq!((world.get("g", "a"), world.cells(online::CELLS)), (None, 0));
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    assert!(
        world.get("g", "a").is_some(),
        "nothing is left to compare with"
    );
    world.ok(
        "DeleteRecord",
        delete("g", "absent", &day(1), Some("HardDelete")),
    );
}

#[test]
fn a_delete_follows_the_formats_of_the_group() {
    let world = world();
    let request = delete("g", "a", "1700000000", None);
    world.refuses("DeleteRecord", request, "ValidationError", "event time");
    let request = delete("g", "", &day(1), None);
    world.refuses(
        "DeleteRecord",
        request,
        "ValidationError",
        "1 to 2048 bytes",
    );
}
