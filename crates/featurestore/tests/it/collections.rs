//! Collections: lists, sets and vectors.

use serde_json::{Value, json};

use crate::world::{World, check_refused, day, group, group_in_memory, read};

fn world() -> World {
    let world = World::new();
    world.ok("CreateFeatureGroup", group_in_memory("g"));
    world
}

fn text(name: &str, value: &str) -> Value {
    json!({ "FeatureName": name, "ValueAsString": value })
}

fn list(name: &str, elements: &[&str]) -> Value {
    json!({ "FeatureName": name, "ValueAsStringList": elements })
}

/// A record with identifier, event time, and these features.
fn with(features: &[Value]) -> Value {
    let mut record = vec![text("id", "a"), text("at", &day(1))];
    record.extend_from_slice(features);
    json!({ "FeatureGroupName": "g", "Record": record })
}

fn whole() -> Vec<Value> {
    vec![
        list("list", &["x", "", "x", "ü \"quoted\"\t"]),
        list("set", &["2", "1"]),
        list("vector", &["0.5", "-1", "1e3"]),
        text("note", "n"),
    ]
}

#[test]
fn collections_come_back_as_they_were_sent() {
    let world = world();
    let request = with(&whole());
    world.ok("PutRecord", request.clone());
    let answer = world.ok("GetRecord", read("g", "a"));
    assert_eq!(answer["Record"], request["Record"]);
    let mut asked = read("g", "a");
    asked["FeatureNames"] = json!(["vector", "note"]);
    let answer = world.ok("GetRecord", asked);
    assert_eq!(answer["Record"], json!([whole()[2], whole()[3]]));
}

#[test]
fn batches_carry_collections() {
    let world = world();
    let request = with(&whole());
    let written = world.ok("BatchWriteRecord", json!({ "Entries": [request] }));
    assert_eq!(written["Errors"], json!([]));
    let identifiers = json!([{ "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a"] }]);
    let answer = world.ok("BatchGetRecord", json!({ "Identifiers": identifiers }));
    assert_eq!(answer["Records"][0]["Record"], request["Record"]);
    let listed = world.ok("ListRecords", json!({ "FeatureGroupName": "g" }));
    assert_eq!(listed["RecordIdentifiers"], json!(["a"]));
}

#[test]
fn an_empty_list_is_a_value_and_a_list_not_sent_is_null() {
    let world = world();
    world.ok("PutRecord", with(&[list("list", &[]), list("set", &[])]));
    let answer = world.ok("GetRecord", read("g", "a"));
    let record = answer["Record"].as_array().unwrap();
    assert_eq!(record[2..], [list("list", &[]), list("set", &[])]);
    world.ok("PutRecord", with(&[]));
    let answer = world.ok("GetRecord", read("g", "a"));
    assert_eq!(answer["Record"].as_array().unwrap().len(), 2);
}

#[test]
fn updates_replace_collections_and_keep_others() {
    let world = world();
    world.ok("PutRecord", with(&whole()));
    let update = |features: Value| {
        json!({
            "FeatureGroupName": "g", "RecordIdentifierValueAsString": "a", "Features": features,
        })
    };
    world.ok(
        "UpdateRecord",
        update(json!([list("set", &["9"]), text("count", "1")])),
    );
    let answer = world.ok("GetRecord", read("g", "a"));
    let expected = [
        text("id", "a"),
        text("at", &day(1)),
        whole()[0].clone(),
        list("set", &["9"]),
        whole()[2].clone(),
        whole()[3].clone(),
        text("count", "1"),
    ];
    assert_eq!(answer["Record"].as_array().unwrap()[..], expected);
    let short = update(json!([list("vector", &["1"])]));
    world.refuses(
        "UpdateRecord",
        short,
        "ValidationError",
        "Vector of 3 elements",
    );
}

fn check_wrong_value(feature: Value, part: &str) {
    let world = world();
    let refused = world.call("PutRecord", with(&[feature]));
    check_refused(refused, "ValidationError", part);
    assert_eq!(world.get("g", "a"), None);
}

#[test]
fn a_collection_takes_no_text_and_a_text_no_list() {
    check_wrong_value(text("list", "x"), "`list` is a collection");
    check_wrong_value(list("note", &["x"]), "`note` is not a collection");
    let both = json!({
        "FeatureName": "list", "ValueAsString": "x", "ValueAsStringList": ["x"],
    });
    check_wrong_value(both, "`list` is a collection");
    check_wrong_value(json!({ "FeatureName": "list" }), "has no value");
}

#[test]
fn elements_follow_the_type_and_the_kind() {
    check_wrong_value(list("set", &["1", "x"]), "not of type Integral");
    check_wrong_value(list("set", &["1", "+1"]), "no two of its elements");
    check_wrong_value(
        list("vector", &["1", "2"]),
        "Vector of 3 elements; 2 are sent",
    );
    check_wrong_value(list("vector", &["1", "2", "NaN"]), "not of type Fractional");
}

#[test]
fn the_elements_of_a_record_count_for_its_size() {
    let large = "x".repeat(180 * 1024);
    check_wrong_value(
        list("list", &[&large, &large]),
        "at most 358400 are allowed",
    );
}

#[test]
fn empty_elements_take_room_too() {
    let world = world();
    let empty = vec![""; 358_400];
    let refused = world.call("PutRecord", with(&[list("list", &empty)]));
    check_refused(refused, "ValidationError", "at most 358400 are allowed");
    world.ok("PutRecord", with(&[list("list", &empty[..300_000])]));
    // What an update would make of it is held against the same bound.
    let note = "x".repeat(60_000);
    let update = json!({
        "FeatureGroupName": "g", "RecordIdentifierValueAsString": "a",
        "Features": [text("note", &note)],
    });
    check_refused(
        world.call("UpdateRecord", update),
        "ValidationError",
        "at most 358400 are allowed",
    );
}

/// A feature beside those of a group in memory.
fn check_wrong_definition(feature: &Value, part: &str) {
    let world = World::new();
    let mut request = group_in_memory("g");
    let features = request["FeatureDefinitions"].as_array_mut().unwrap();
    features.push(feature.clone());
    world.refuses("CreateFeatureGroup", request, "ValidationException", part);
    world.ok("CreateFeatureGroup", group_in_memory("g"));
    let change = json!({ "FeatureGroupName": "g", "FeatureAdditions": [feature] });
    world.refuses("UpdateFeatureGroup", change, "ValidationException", part);
}

fn definition(kind: &str, collection: &str, config: Option<Value>) -> Value {
    let mut feature = json!({
        "FeatureName": "more", "FeatureType": kind, "CollectionType": collection,
    });
    if let Some(config) = config {
        feature["CollectionConfig"] = config;
    }
    feature
}

fn dimension(dimension: u32) -> Value {
    json!({ "VectorConfig": { "Dimension": dimension } })
}

#[test]
fn definitions_follow_the_rules_of_their_kind() {
    let second = definition("Fractional", "Vector", Some(dimension(2)));
    check_wrong_definition(&second, "is a second Vector");
    let integral = definition("Integral", "Vector", Some(dimension(2)));
    check_wrong_definition(&integral, "must be Fractional");
    let without = definition("Fractional", "Vector", None);
    check_wrong_definition(&without, "needs a VectorConfig");
    let configured = definition("Fractional", "List", Some(dimension(2)));
    check_wrong_definition(&configured, "is no Vector");
    for wrong in [0, 8193] {
        let outside = definition("Fractional", "Vector", Some(dimension(wrong)));
        check_wrong_definition(&outside, "dimension");
    }
}

#[test]
fn collections_can_be_added_to_a_group_in_memory_only() {
    let world = world();
    let more = definition("String", "Set", None);
    let change = |group: &str| json!({ "FeatureGroupName": group, "FeatureAdditions": [more] });
    world.ok("UpdateFeatureGroup", change("g"));
    world.ok("PutRecord", with(&[list("more", &["b", "a"])]));
    world.ok("CreateFeatureGroup", group("standard"));
    let text = "collections need an online store of type InMemory";
    let refused = world.call("UpdateFeatureGroup", change("standard"));
    check_refused(refused, "ValidationException", text);
}

/// Records from before the first collection are read and updated like others.
#[test]
fn records_older_than_the_first_collection_are_read_and_updated() {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["StorageType"] = "InMemory".into();
    world.ok("CreateFeatureGroup", request);
    world.ok("PutRecord", with(&[text("note", "old")]));
    let more = definition("String", "List", None);
    let change = json!({ "FeatureGroupName": "g", "FeatureAdditions": [more] });
    world.ok("UpdateFeatureGroup", change);
    assert_eq!(world.get("g", "a").unwrap()[2].1, "old");
    let update = json!({
        "FeatureGroupName": "g", "RecordIdentifierValueAsString": "a",
        "Features": [list("more", &["x"])],
    });
    world.ok("UpdateRecord", update);
    let answer = world.ok("GetRecord", read("g", "a"));
    let record = answer["Record"].as_array().unwrap();
    assert_eq!(record[2..], [text("note", "old"), list("more", &["x"])]);
}

#[test]
fn neither_identifier_nor_event_time_is_a_collection() {
    let world = World::new();
    for (role, kind) in [
        ("RecordIdentifierFeatureName", "String"),
        ("EventTimeFeatureName", "String"),
    ] {
        let mut request = group_in_memory("g");
        let features = request["FeatureDefinitions"].as_array_mut().unwrap();
        features.push(definition(kind, "List", None));
        request[role] = "more".into();
        let text = "must not be a collection";
        world.refuses("CreateFeatureGroup", request, "ValidationException", text);
    }
}
