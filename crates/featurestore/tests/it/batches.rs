//! `BatchGetRecord`.

use serde_json::{Value, json};

use crate::world::{World, day, text};

fn item(group: &str, identifiers: &[&str]) -> Value {
    json!({ "FeatureGroupName": group, "RecordIdentifiersValueAsString": identifiers })
}

fn world() -> World {
    let world = World::new();
    world.group("g");
    for identifier in ["a", "b", "c"] {
        let sent = [("id", identifier), ("at", &day(1)), ("note", identifier)];
        world.put("g", &sent).unwrap();
    }
    world
}

fn errors(answer: &Value) -> Vec<(String, String, String)> {
    let errors = answer["Errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            (
                text(&error["FeatureGroupName"]),
                text(&error["RecordIdentifierValueAsString"]),
                text(&error["ErrorCode"]),
            )
        })
        .collect()
}

fn found(answer: &Value) -> Vec<String> {
    let records = answer["Records"].as_array().unwrap().iter();
    records
        .map(|record| text(&record["RecordIdentifierValueAsString"]))
        .collect()
}

#[test]
fn what_is_there_is_returned_and_what_is_not_is_left_out() {
    let world = world();
    let mut with_filter = item("g", &["a", "absent", "c"]);
    with_filter["FeatureNames"] = json!(["note"]);
    let answer = world.ok("BatchGetRecord", json!({ "Identifiers": [with_filter] }));
    let entry = |name: &str| {
        json!({
            "FeatureGroupName": "g", "RecordIdentifierValueAsString": name,
            "Record": [{ "FeatureName": "note", "ValueAsString": name }],
        })
    };
    let expected = json!({
        "Records": [entry("a"), entry("c")], "Errors": [], "UnprocessedIdentifiers": [],
    });
    assert_eq!(answer, expected);
}

#[test]
fn groups_are_named_as_in_the_request() {
    let world = world();
    let arn = crate::world::group_arn("g");
    let answer = world.ok(
        "BatchGetRecord",
        json!({ "Identifiers": [item(&arn, &["a"])] }),
    );
    assert_eq!(text(&answer["Records"][0]["FeatureGroupName"]), arn);
}

#[test]
fn a_missing_group_fails_its_own_identifiers_only() {
    let world = world();
    let items = json!([item("none", &["x", "y"]), item("g", &["b"])]);
    let answer = world.ok("BatchGetRecord", json!({ "Identifiers": items }));
    assert_eq!(found(&answer), ["b"]);
    let expected = ["x", "y"].map(|name| ("none".into(), name.into(), "ResourceNotFound".into()));
    assert_eq!(errors(&answer), expected);
    let message = text(&answer["Errors"][0]["ErrorMessage"]);
    assert!(
        message.contains("can't find a FeatureGroup with name none"),
        "{message}"
    );
}

#[test]
fn a_wrong_feature_name_or_identifier_fails_alone() {
    let world = world();
    let mut wrong = item("g", &["a"]);
    wrong["FeatureNames"] = json!(["colour"]);
    let items = json!([wrong, item("g", &["", "b"])]);
    let answer = world.ok("BatchGetRecord", json!({ "Identifiers": items }));
    assert_eq!(found(&answer), ["b"]);
    let failed = |name: &str| {
        (
            "g".to_owned(),
            name.to_owned(),
            "ValidationError".to_owned(),
        )
    };
    assert_eq!(errors(&answer), [failed("a"), failed("")]);
}

#[test]
fn expiry_is_told_if_asked_for() {
    let world = World::new();
    let mut request = crate::world::group("g");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Days", "Value": 10 });
    world.ok("CreateFeatureGroup", request);
    world.put("g", &[("id", "a"), ("at", &day(9))]).unwrap();
    world
        .put("g", &[("id", "old"), ("at", "2020-01-01T00:00:00Z")])
        .unwrap();
    let ask = |expiry: &str| {
        let items = json!([item("g", &["a", "old"])]);
        let request = json!({ "Identifiers": items, "ExpirationTimeResponse": expiry });
        world.ok("BatchGetRecord", request)["Records"].clone()
    };
    assert_eq!(ask("Enabled")[0]["ExpiresAt"], "2026-01-19T00:00:00Z");
    assert_eq!(ask("Enabled").as_array().unwrap().len(), 1);
    assert!(ask("Disabled")[0].get("ExpiresAt").is_none());
}

#[test]
fn at_most_a_hundred_records_are_read() {
    let world = world();
    let names: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let items = json!([item("g", &names), item("g", &names)]);
    let refused = world.call("BatchGetRecord", json!({ "Identifiers": items }));
    crate::world::check_refused(refused, "ValidationError", "at most 100");
    let items = json!([item("g", &names), item("g", &names[..40])]);
    world.ok("BatchGetRecord", json!({ "Identifiers": items }));
}

#[test]
fn what_would_make_the_answer_too_large_comes_back_unprocessed() {
    let world = World::new();
    world.group("g");
    let names: Vec<String> = (0..52).map(|number| number.to_string()).collect();
    let large = "x".repeat(340_000);
    for name in &names {
        world
            .put("g", &[("id", name), ("at", &day(1)), ("note", &large)])
            .unwrap();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer = world.ok(
        "BatchGetRecord",
        json!({ "Identifiers": [item("g", &names)] }),
    );
    let read = found(&answer).len();
    let left = &answer["UnprocessedIdentifiers"];
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0], item("g", &names[read..]));
    let rest = world.ok("BatchGetRecord", json!({ "Identifiers": left }));
    assert_eq!(found(&rest).len(), names.len() - read);
    assert!(read < names.len());
}
