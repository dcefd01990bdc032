//! What is refused of groups that are on their way out, or were never made.

use serde_json::{Value, json};
use store::CommitError;

use crate::world::{World, check_refused, day, delete, group_arn, group_under, record, text};

/// A world in which the group `g` with record `a` is being deleted.
fn deleting() -> World {
    let world = World::new();
    let mut request = crate::world::group("g");
    request["OnlineStoreConfig"]["StorageType"] = "Standard_V2".into();
    world.ok("CreateFeatureGroup", request);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    let tag = json!({ "ResourceArn": group_arn("g"), "Tags": [{ "Key": "k", "Value": "v" }] });
    world.ok("AddTags", tag);
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    world
}

fn status(world: &World) -> String {
    let named = json!({ "FeatureGroupName": "g" });
    text(&world.ok("DescribeFeatureGroup", named)["FeatureGroupStatus"])
}

/// What changes something that is said of the group.
fn metadata() -> [(&'static str, Value); 4] {
    let named = json!({ "FeatureGroupName": "g" });
    let mut said = named.clone();
    said["FeatureName"] = "note".into();
    said["Description"] = "text".into();
    let mut added = named;
    added["FeatureAdditions"] = json!([{ "FeatureName": "more", "FeatureType": "String" }]);
    let tag = json!({ "ResourceArn": group_arn("g"), "Tags": [{ "Key": "x", "Value": "v" }] });
    let untag = json!({ "ResourceArn": group_arn("g"), "TagKeys": ["k"] });
    [
        ("UpdateFeatureMetadata", said),
        ("UpdateFeatureGroup", added),
        ("AddTags", tag),
        ("DeleteTags", untag),
    ]
}

#[test]
fn nothing_is_said_any_more_of_a_group_that_is_being_deleted() {
    let world = deleting();
    assert!(status(&world).starts_with("Delet"), "{}", status(&world));
    for (operation, input) in metadata() {
        world.refuses(operation, input, "ValidationException", "is being deleted");
    }
    let tags = world.ok("ListTags", json!({ "ResourceArn": group_arn("g") }));
    assert_eq!(tags["Tags"], json!([{ "Key": "k", "Value": "v" }]));
    world.maintain();
    world.refuses(
        "DescribeFeatureGroup",
        json!({ "FeatureGroupName": "g" }),
        "ResourceNotFound",
        "",
    );
}

#[test]
fn no_record_of_a_group_that_is_being_deleted_changes() {
    let world = deleting();
    let values = record(&[("id", "a"), ("at", &day(2))]);
    let put = json!({ "FeatureGroupName": "g", "Record": values });
    let update = json!({ "FeatureGroupName": "g", "RecordIdentifierValueAsString": "a",
        "Features": record(&[("note", "x")]) });
    for (operation, input) in [
        ("PutRecord", put.clone()),
        ("UpdateRecord", update),
        ("DeleteRecord", delete("g", "a", &day(3), None)),
    ] {
        world.refuses(operation, input, "ValidationError", "is being deleted");
    }
    let answer = world.ok("BatchWriteRecord", json!({ "Entries": [put] }));
    assert_eq!(answer["Errors"][0]["ErrorCode"], "ValidationError");
    assert!(text(&answer["Errors"][0]["ErrorMessage"]).contains("is being deleted"));
}

#[test]
fn a_group_that_could_not_be_created_keeps_its_tags_and_nothing_else() {
    let world = World::new();
    let key = world.key();
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    world.ok("CreateFeatureGroup", group_under("g", &key));
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.maintain();
    assert_eq!(status(&world), "CreateFailed");
    for (operation, input) in metadata() {
        let outcome = world.call(operation, input);
        if operation.ends_with("Tags") {
            // Who may delete it can be decided by its tags.
            outcome.unwrap();
        } else {
            check_refused(outcome, "ValidationException", "could not be created");
        }
    }
}

#[test]
fn the_offline_store_of_a_group_has_a_status_while_the_group_is_in_use() {
    let world = World::new();
    crate::offline::prepare(&world, &[]);
    world.ok("CreateFeatureGroup", crate::offline::both("g", None));
    let described = || world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
    let listed = || world.ok("ListFeatureGroups", json!({}))["FeatureGroupSummaries"][0].clone();
    for shown in [described(), listed()] {
        assert_eq!(shown["OfflineStoreStatus"]["Status"], "Active");
    }
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    for shown in [described(), listed()] {
        assert_eq!(shown.get("OfflineStoreStatus"), None, "{shown}");
    }
}
