//! `PutRecord`, `GetRecord`, `DeleteRecord`.

use serde_json::{Value, json};

use crate::world::{World, check_refused, day, delete, features, group, read, record};

fn pairs(features: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    features.iter().map(owned).collect()
}

fn got(world: &World, group: &str, identifier: &str) -> Vec<(String, String)> {
    world.get(group, identifier).unwrap()
}

fn world() -> World {
    let world = World::new();
    world.group("g");
    world
}

fn put_with_ttl(identifier: &str, event_time: &str, unit: &str, value: i32) -> Value {
    json!({
        "FeatureGroupName": "g",
        "Record": record(&[("id", identifier), ("at", event_time)]),
        "TtlDuration": { "Unit": unit, "Value": value },
    })
}

#[test]
fn what_is_put_is_got_in_the_same_order_and_the_same_text() {
    let world = world();
    let sent = [
        ("note", "ü \"quoted\" \t \\ 🦀\u{1}"),
        ("count", "-0005"),
        ("id", "a"),
        ("ratio", "1.50"),
        ("at", "2026-01-01T00:00:00.123Z"),
    ];
    world.put("g", &sent).unwrap();
    assert_eq!(got(&world, "g", "a"), pairs(&sent));
    assert_eq!(world.get("g", "b"), None);
}

#[test]
fn an_empty_string_is_a_value() {
    let world = world();
    let sent = [("id", "a"), ("at", &day(1)), ("note", "")];
    world.put("g", &sent).unwrap();
    assert_eq!(got(&world, "g", "a"), pairs(&sent));
}

#[test]
fn a_put_replaces_the_whole_record() {
    let world = world();
    world
        .put("g", &[("id", "a"), ("at", &day(1)), ("note", "x")])
        .unwrap();
    world
        .put("g", &[("id", "a"), ("at", &day(2)), ("count", "1")])
        .unwrap();
    assert_eq!(
        got(&world, "g", "a"),
        pairs(&[("id", "a"), ("at", &day(2)), ("count", "1")])
    );
}

fn check_kept(times: &[&str], kept: usize) {
    let world = world();
    for (number, time) in times.iter().enumerate() {
        world
            .put(
                "g",
                &[("id", "a"), ("at", time), ("count", &number.to_string())],
            )
            .unwrap();
    }
    let found = world.get("g", "a").unwrap();
    assert_eq!(
        found[2],
        ("count".to_owned(), kept.to_string()),
        "{times:?}"
    );
}

#[test]
fn the_newest_event_time_wins_and_an_equal_one_replaces() {
    check_kept(&["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], 1);
    check_kept(&["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"], 0);
    check_kept(&["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"], 1);
    check_kept(
        &["2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00Z"],
        0,
    );
    check_kept(
        &["2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.123000001Z"],
        1,
    );
}

#[test]
fn fractional_event_times_and_integral_identifiers_are_exact() {
    let world = World::new();
    let mut request = group("g");
    request["FeatureDefinitions"][0]["FeatureType"] = "Integral".into();
    request["FeatureDefinitions"][1]["FeatureType"] = "Fractional".into();
    world.ok("CreateFeatureGroup", request);
    let times = ["1700000000.000000001", "1.7E9", "1700000000.000000002"];
    for (number, time) in times.iter().enumerate() {
        world
            .put(
                "g",
                &[("id", "+007"), ("at", time), ("count", &number.to_string())],
            )
            .unwrap();
    }
    let expected = pairs(&[
        ("id", "+007"),
        ("at", "1700000000.000000002"),
        ("count", "2"),
    ]);
    assert_eq!(got(&world, "g", "7"), expected);
    assert_eq!(got(&world, "g", "07"), expected);
    world.refuses(
        "GetRecord",
        read("g", "seven"),
        "ValidationError",
        "Integral",
    );
    let old = world.put("g", &[("id", "7"), ("at", "2026-01-01T00:00:00Z")]);
    check_refused(old, "ValidationError", "not of type Fractional");
    let fine = world.put("g", &[("id", "7"), ("at", "1700000000.0000000001")]);
    check_refused(fine, "ValidationError", "number of seconds");
}

fn check_wrong(world: &World, features: &[(&str, &str)], text: &str) {
    let refused = world.put("g", features).unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("ValidationError", Some(400))
    );
    assert!(refused.message.contains(text), "{refused:?}");
    assert_eq!(world.cells(online::CELLS), 0);
}

#[test]
fn records_that_break_a_rule_are_refused() {
    let world = world();
    let check = |features: &[(&str, &str)], text: &str| check_wrong(&world, features, text);
    let at = day(1);
    check(
        &[("at", &at)],
        "no value for its record identifier feature `id`",
    );
    check(&[("id", "a")], "no value for its event time feature `at`");
    check(&[("id", ""), ("at", &at)], "1 to 2048 bytes");
    check(&[("id", &"a".repeat(2049)), ("at", &at)], "1 to 2048 bytes");
    check(&[("id", "a"), ("at", "yesterday")], "event time");
    check(&[("id", "a"), ("at", "2026-02-30T00:00:00Z")], "event time");
    check(
        &[("id", "a"), ("at", "2026-01-01T00:00:00+01:00")],
        "event time",
    );
    check(
        &[("id", "a"), ("at", "2026-01-01T00:00:00.12Z")],
        "event time",
    );
    check(
        &[("id", "a"), ("at", &at), ("count", "1.5")],
        "not of type Integral",
    );
    check(
        &[("id", "a"), ("at", &at), ("count", "9223372036854775808")],
        "Integral",
    );
    check(
        &[("id", "a"), ("at", &at), ("ratio", "NaN")],
        "not of type Fractional",
    );
    check(
        &[("id", "a"), ("at", &at), ("unknown", "x")],
        "`unknown` is not defined",
    );
    check(
        &[("id", "a"), ("at", &at), ("NOTE", "x")],
        "`NOTE` is not defined",
    );
    check(
        &[("id", "a"), ("at", &at), ("id", "b")],
        "`id` appears more than once",
    );
}

#[test]
fn features_need_a_scalar_value() {
    let world = world();
    let put = |feature: Value| {
        let mut request = json!({
            "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", &day(1))]),
        });
        request["Record"].as_array_mut().unwrap().push(feature);
        world.call("PutRecord", request)
    };
    let absent = put(json!({ "FeatureName": "note" }));
    check_refused(absent, "ValidationError", "`note` has no value");
    let null = put(json!({ "FeatureName": "note", "ValueAsString": null }));
    check_refused(null, "ValidationError", "`note` has no value");
    let list = put(json!({ "FeatureName": "note", "ValueAsStringList": ["x"] }));
    check_refused(list, "ValidationError", "`note` is not a collection");
}

#[test]
fn a_record_has_at_most_350_kb() {
    let world = world();
    let at = day(1);
    let names = "id".len() + "at".len() + "note".len();
    let room = 350 * 1024 - names - "a".len() - at.len();
    world
        .put(
            "g",
            &[("id", "a"), ("at", &at), ("note", &"x".repeat(room))],
        )
        .unwrap();
    assert_eq!(world.get("g", "a").unwrap()[2].1.len(), room);
    let refused = world.put(
        "g",
        &[("id", "b"), ("at", &at), ("note", &"x".repeat(room + 1))],
    );
    check_refused(refused, "ValidationError", "358401 bytes");
}

#[test]
fn a_value_is_never_quoted_in_an_error() {
    let world = world();
    let refused = world.put(
        "g",
        &[("id", "a"), ("at", "canary-1"), ("count", "canary-2")],
    );
    assert!(!refused.unwrap_err().message.contains("canary"));
}

#[test]
fn only_the_features_asked_for_are_returned() {
    let world = world();
    world
        .put(
            "g",
            &[("id", "a"), ("at", &day(1)), ("note", "x"), ("count", "5")],
        )
        .unwrap();
    let mut request = read("g", "a");
    request["FeatureNames"] = json!(["count", "id", "ratio"]);
    let found = features(&world.ok("GetRecord", request.clone()));
    assert_eq!(found, Some(pairs(&[("id", "a"), ("count", "5")])));
    request["FeatureNames"] = json!(["ratio"]);
    assert_eq!(features(&world.ok("GetRecord", request.clone())), None);
    request["FeatureNames"] = json!(["ratio", "colour"]);
    world.refuses(
        "GetRecord",
        request,
        "ValidationError",
        "`colour` is not defined",
    );
}

#[test]
fn stores_that_the_group_lacks_cannot_be_targets() {
    let world = world();
    let put = |stores: Value| {
        world.call(
            "PutRecord",
            json!({
                "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", &day(1))]),
                "TargetStores": stores,
            }),
        )
    };
    put(json!(["OnlineStore"])).unwrap();
    check_refused(
        put(json!(["OfflineStore"])),
        "ValidationError",
        "no OfflineStore",
    );
    check_refused(
        put(json!(["OnlineStore", "OfflineStore"])),
        "ValidationError",
        "no OfflineStore",
    );
    check_refused(
        put(json!(["OnlineStore", "OnlineStore"])),
        "ValidationError",
        "twice",
    );
    let mut request = delete("g", "a", &day(2), None);
    request["TargetStores"] = json!(["OfflineStore"]);
    world.refuses(
        "DeleteRecord",
        request,
        "ValidationError",
        "no OfflineStore",
    );
}

#[test]
fn a_record_expires_its_time_to_live_after_its_event_time() {
    let world = world();
    // The world's clock shows 2026-01-10T00:00:00Z.
    world.ok(
        "PutRecord",
        put_with_ttl("a", "2026-01-09T23:00:00Z", "Minutes", 90),
    );
    let mut request = read("g", "a");
    assert!(
        world
            .ok("GetRecord", request.clone())
            .get("ExpiresAt")
            .is_none()
    );
    request["ExpirationTimeResponse"] = "Enabled".into();
    assert_eq!(
        world.ok("GetRecord", request)["ExpiresAt"],
        "2026-01-10T00:30:00Z"
    );
    world.wait(30 * 60 - 1);
    assert!(world.get("g", "a").is_some());
    world.wait(1);
    assert_eq!(world.get("g", "a"), None);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    assert!(
        world.get("g", "a").is_some(),
        "what has expired is not compared with"
    );
}

#[test]
fn a_record_may_be_expired_when_it_is_written() {
    let world = world();
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    world.ok("PutRecord", put_with_ttl("a", &day(2), "Hours", 1));
    assert_eq!(world.get("g", "a"), None);
}

#[test]
fn the_time_to_live_of_the_request_goes_before_that_of_the_group() {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Days", "Value": 2 });
    world.ok("CreateFeatureGroup", request);
    let expires = |identifier: &str| {
        let mut request = read("g", identifier);
        request["ExpirationTimeResponse"] = "Enabled".into();
        world.ok("GetRecord", request)["ExpiresAt"].clone()
    };
    world.put("g", &[("id", "a"), ("at", &day(9))]).unwrap();
    assert_eq!(expires("a"), "2026-01-11T00:00:00Z");
    world.ok("PutRecord", put_with_ttl("b", &day(9), "Weeks", 1));
    assert_eq!(expires("b"), "2026-01-16T00:00:00Z");
    world.ok(
        "PutRecord",
        put_with_ttl("c", "9999-12-31T23:59:59Z", "Weeks", i32::MAX),
    );
    assert_eq!(expires("c"), "9999-12-31T23:59:59.999999999Z");
}

#[test]
fn a_group_is_named_by_its_name_or_its_arn_whatever_their_case() {
    let world = World::new();
    world.group("Weather-1");
    let sent = [("id", "a"), ("at", "2026-01-01T00:00:00Z")];
    let arn = crate::world::group_arn("weather-1");
    let shouted = crate::world::group_arn("Weather-1");
    world.put("Weather-1", &sent).unwrap();
    for name in ["Weather-1", "weather-1", &arn, &shouted] {
        assert_eq!(got(&world, name, "a"), pairs(&sent), "{name}");
    }
    let other = "name weather-2";
    world.refuses(
        "GetRecord",
        read("weather-2", "a"),
        "ResourceNotFound",
        other,
    );
    let elsewhere = arn.replace("us-east-1", "eu-west-1");
    world.refuses(
        "GetRecord",
        read(&elsewhere, "a"),
        "ValidationError",
        "is not in region",
    );
}

#[test]
fn missing_groups_answer_as_each_operation_declares() {
    let world = World::new();
    let text = "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name none";
    let refused = world.call("GetRecord", read("none", "a")).unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("ResourceNotFound", Some(404))
    );
    assert_eq!(refused.message, text);
    for refused in [
        world.put("none", &[("id", "a"), ("at", &day(1))]),
        world.call("DeleteRecord", delete("none", "a", &day(1), None)),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.status),
            ("ValidationError", Some(400))
        );
        assert_eq!(refused.message, text);
    }
}

#[test]
fn records_survive_a_restart() {
    let world = world();
    let sent = [("id", "a"), ("at", "2026-01-02T00:00:00Z")];
    world.put("g", &sent).unwrap();
    let world = world.restarted();
    assert_eq!(got(&world, "g", "a"), pairs(&sent));
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    assert_eq!(got(&world, "g", "a"), pairs(&sent));
}
