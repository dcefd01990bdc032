//! `UpdateRecord`, `ListRecords`, `BatchWriteRecord`, `UpdateFeatureGroup` and the metadata of
//! features.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{World, check_refused, day, delete, group, group_arn, read, record, text};

/// A world with a group of the newer storage type.
fn world() -> World {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["StorageType"] = "Standard_V2".into();
    world.ok("CreateFeatureGroup", request);
    world
}

fn update(identifier: &str, features: &[(&str, &str)]) -> Value {
    let mut request = read("g", identifier);
    request["Features"] = record(features);
    request
}

fn got(world: &World, identifier: &str) -> Vec<(String, String)> {
    world.get("g", identifier).unwrap()
}

fn pairs(features: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    features.iter().map(owned).collect()
}

fn refused(world: &World, request: Value, code: &str, text: &str) {
    check_refused(world.call("UpdateRecord", request), code, text);
}

#[test]
fn an_update_changes_what_is_sent_and_leaves_the_rest() {
    let world = world();
    let stored = [
        ("id", "a"),
        ("at", &*day(1)),
        ("count", "1"),
        ("note", "old"),
    ];
    world.put("g", &stored).unwrap();
    let changes = [("note", "new"), ("ratio", "0.5")];
    world.ok("UpdateRecord", update("a", &changes));
    let expected = [
        ("id", "a"),
        ("at", &*day(1)),
        ("count", "1"),
        ("note", "new"),
        ("ratio", "0.5"),
    ];
    assert_eq!(got(&world, "a"), pairs(&expected));
    world.ok("UpdateRecord", update("a", &[("at", &day(2)), ("id", "a")]));
    assert_eq!(got(&world, "a")[1].1, day(2));
}

#[test]
fn an_earlier_event_time_conflicts_and_an_equal_one_is_applied() {
    let world = world();
    world.put("g", &[("id", "a"), ("at", &day(2))]).unwrap();
    let early = update("a", &[("at", &day(1)), ("note", "x")]);
    let conflict = world.call("UpdateRecord", early).unwrap_err();
    assert_eq!(
        (conflict.code.as_str(), conflict.status),
        ("ConflictException", Some(409))
    );
    assert_eq!(got(&world, "a").len(), 2);
    world.ok(
        "UpdateRecord",
        update("a", &[("at", &day(2)), ("note", "x")]),
    );
    assert_eq!(got(&world, "a")[2].1, "x");
}

#[test]
fn only_records_that_are_there_are_updated() {
    let world = world();
    let request = || update("a", &[("note", "x")]);
    refused(&world, request(), "ResourceNotFound", "no such record");
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    world.ok("DeleteRecord", delete("g", "a", &day(2), None));
    refused(&world, request(), "ResourceNotFound", "no such record");
    let mut missing = request();
    missing["FeatureGroupName"] = "none".into();
    refused(&world, missing, "ResourceNotFound", "none");
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let world = world();
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    let invalid = "ValidationError";
    refused(
        &world,
        update("a", &[("id", "b")]),
        invalid,
        "cannot be changed",
    );
    refused(
        &world,
        update("a", &[("count", "x")]),
        invalid,
        "type Integral",
    );
    refused(
        &world,
        update("a", &[("none", "x")]),
        invalid,
        "not defined",
    );
    refused(
        &world,
        update("a", &[("note", "x"), ("note", "y")]),
        invalid,
        "more than once",
    );
    refused(
        &world,
        update("a", &[("at", "yesterday")]),
        invalid,
        "event time",
    );
    let mut ttl = update("a", &[("note", "x")]);
    ttl["TtlDuration"] = json!({ "Unit": "Days", "Value": 1 });
    refused(&world, ttl, invalid, "needs an event time");
    let mut offline = update("a", &[("note", "x")]);
    offline["TargetStores"] = json!(["OfflineStore"]);
    refused(&world, offline, invalid, "no OfflineStore");
    world.group("older");
    let mut older = update("a", &[("note", "x")]);
    older["FeatureGroupName"] = "older".into();
    refused(&world, older, invalid, "Standard_V2");
    assert_eq!(got(&world, "a").len(), 2);
}

fn expiry(world: &World) -> String {
    let mut request = read("g", "a");
    request["ExpirationTimeResponse"] = "Enabled".into();
    text(&world.ok("GetRecord", request)["ExpiresAt"])
}

/// A record that lives for an hour.
fn put_for_an_hour(world: &World) {
    world.ok(
        "PutRecord",
        json!({
            "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", "2026-01-10T00:00:00Z")]),
            "TtlDuration": { "Unit": "Hours", "Value": 1 },
        }),
    );
}

#[test]
fn an_update_keeps_the_expiry_or_sets_another() {
    let world = world();
    put_for_an_hour(&world);
    let before = expiry(&world);
    world.ok("UpdateRecord", update("a", &[("note", "x")]));
    assert_eq!(expiry(&world), before);
    let mut longer = update("a", &[("at", "2026-01-10T00:00:00Z")]);
    longer["TtlDuration"] = json!({ "Unit": "Hours", "Value": 3 });
    world.ok("UpdateRecord", longer);
    assert_eq!(expiry(&world), "2026-01-10T03:00:00Z");
}

#[test]
fn an_update_that_moves_the_event_time_moves_the_expiry_with_it() {
    let world = world();
    put_for_an_hour(&world);
    world.ok(
        "UpdateRecord",
        update("a", &[("at", "2026-01-10T00:30:00Z"), ("note", "x")]),
    );
    assert_eq!(expiry(&world), "2026-01-10T01:30:00Z");
    world.wait(90 * 60 - 1);
    assert!(world.get("g", "a").is_some());
    world.wait(2);
    assert_eq!(world.get("g", "a"), None);
}

#[test]
fn an_expiry_moves_to_the_end_of_year_9999_at_most() {
    let world = world();
    put_for_an_hour(&world);
    world.ok(
        "UpdateRecord",
        update("a", &[("at", "9999-12-31T23:30:00Z")]),
    );
    assert_eq!(expiry(&world), "9999-12-31T23:59:59.999999999Z");
}

#[test]
fn of_many_updates_at_once_none_is_lost() {
    let world = world();
    let stored = [
        ("id", "a"),
        ("at", &*day(1)),
        ("count", "0"),
        ("ratio", "0"),
        ("note", "0"),
    ];
    world.put("g", &stored).unwrap();
    for round in 1..20 {
        let value = round.to_string();
        let calls =
            ["count", "ratio", "note"].map(|name| ("UpdateRecord", update("a", &[(name, &value)])));
        for outcome in world.call_together(&world.administrator, calls.to_vec()) {
            outcome.unwrap();
        }
        let now = got(&world, "a");
        assert!(now[2..].iter().all(|(_, found)| *found == value), "{now:?}");
    }
}

#[test]
fn policies_see_which_features_an_update_changes() {
    let world = world();
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    let user = world.user(
        "user",
        &json!([{
            "Effect": "Allow", "Action": "sagemaker:PutRecord", "Resource": "*",
            "Condition": {
                "Bool": { "sagemaker:IsUpdateRecord": "true" },
                "ForAllValues:StringEquals": { "sagemaker:UpdatableFeatures": ["note"] },
                "Null": { "sagemaker:UpdatableFeatures": "false" },
            },
        }]),
    );
    world
        .call_as(&user, "UpdateRecord", update("a", &[("note", "x")]))
        .unwrap();
    let denied = world.call_as(
        &user,
        "UpdateRecord",
        update("a", &[("note", "x"), ("count", "1")]),
    );
    check_refused(denied, "AccessForbidden", "sagemaker:PutRecord");
    let put = json!({ "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", &day(2))]) });
    check_refused(
        world.call_as(&user, "PutRecord", put),
        "AccessForbidden",
        "sagemaker:PutRecord",
    );
}

fn listed(world: &World, request: &Value) -> (BTreeSet<String>, Option<String>) {
    let answer = world.ok("ListRecords", request.clone());
    let identifiers = answer["RecordIdentifiers"]
        .as_array()
        .unwrap()
        .iter()
        .map(text);
    (identifiers.collect(), answer.get("NextToken").map(text))
}

#[test]
fn all_identifiers_are_listed_page_by_page() {
    let world = world();
    let key = world.key();
    world.group_under("keyed", &key);
    let mut expected = BTreeSet::new();
    for number in 0..25 {
        let identifier = format!("record {number} ü");
        for group in ["g", "keyed"] {
            world
                .put(group, &[("id", &identifier), ("at", &day(1))])
                .unwrap();
        }
        expected.insert(identifier);
    }
    for group in ["g", "keyed"] {
        let (mut found, mut pages) = (BTreeSet::new(), 0);
        let mut request = json!({ "FeatureGroupName": group });
        loop {
            let (page, next) = listed(&world, &request);
            assert!(page.len() <= 10);
            found.extend(page);
            pages += 1;
            let Some(next) = next else { break };
            request["NextToken"] = next.into();
        }
        assert_eq!((&found, pages), (&expected, 3), "{group}");
    }
    let (page, _) = listed(
        &world,
        &json!({ "FeatureGroupName": "g", "MaxResults": 100 }),
    );
    assert_eq!(page, expected);
}

#[test]
fn deleted_and_expired_records_are_not_listed() {
    let world = world();
    for identifier in ["kept", "soft", "hard"] {
        world
            .put("g", &[("id", identifier), ("at", &day(1))])
            .unwrap();
    }
    world.ok("DeleteRecord", delete("g", "soft", &day(2), None));
    world.ok(
        "DeleteRecord",
        delete("g", "hard", &day(2), Some("HardDelete")),
    );
    world.ok(
        "PutRecord",
        json!({
            "FeatureGroupName": "g", "Record": record(&[("id", "expired"), ("at", &day(1))]),
            "TtlDuration": { "Unit": "Seconds", "Value": 1 },
        }),
    );
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    let mut request = json!({ "FeatureGroupName": "g" });
    assert_eq!(listed(&world, &request), (names(&["kept"]), None));
    request["IncludeSoftDeletedRecords"] = true.into();
    assert_eq!(listed(&world, &request), (names(&["kept", "soft"]), None));
}

#[test]
fn a_token_is_good_for_its_group_only() {
    let world = world();
    world.group("other");
    for number in 0..3 {
        world
            .put("g", &[("id", &number.to_string()), ("at", &day(1))])
            .unwrap();
    }
    let first = json!({ "FeatureGroupName": "g", "MaxResults": 1 });
    let token = listed(&world, &first).1.unwrap();
    let with = |group: &str, token: &str| json!({ "FeatureGroupName": group, "NextToken": token });
    world.refuses(
        "ListRecords",
        with("other", &token),
        "ValidationError",
        "NextToken",
    );
    world.refuses(
        "ListRecords",
        with("g", "nonsense"),
        "ValidationError",
        "NextToken",
    );
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    world.group("g");
    world.refuses(
        "ListRecords",
        with("g", &token),
        "ValidationError",
        "NextToken",
    );
}

fn entry(group: &str, features: &[(&str, &str)]) -> Value {
    json!({ "FeatureGroupName": group, "Record": record(features) })
}

#[test]
fn the_entries_of_a_batch_succeed_and_fail_each_for_itself() {
    let world = world();
    let key = world.key();
    world.group_under("keyed", &key);
    world.put("g", &[("id", "stale"), ("at", &day(5))]).unwrap();
    let entries = [
        entry("g", &[("id", "a"), ("at", &day(1)), ("note", "first")]),
        entry("g", &[("id", "a"), ("at", &day(2)), ("note", "second")]),
        entry("g", &[("id", "stale"), ("at", &day(1)), ("note", "x")]),
        entry("g", &[("id", "b"), ("at", "never")]),
        entry("none", &[("id", "a"), ("at", &day(1))]),
        entry("keyed", &[("id", "a"), ("at", &day(1))]),
    ];
    let answer = world.ok("BatchWriteRecord", json!({ "Entries": entries }));
    assert_eq!(answer["UnprocessedEntries"], json!([]));
    let errors = answer["Errors"].as_array().unwrap();
    let codes: Vec<_> = errors
        .iter()
        .map(|error| text(&error["ErrorCode"]))
        .collect();
    assert_eq!(codes, ["ValidationError", "ResourceNotFound"]);
    assert_eq!(errors[0]["Entry"], entries[3]);
    assert_eq!(got(&world, "a")[2].1, "second");
    assert_eq!(got(&world, "stale").len(), 2);
    assert!(world.get("keyed", "a").is_some());
    world.ok("DisableKey", json!({ "KeyId": key }));
    let entries = [
        entry("keyed", &[("id", "c"), ("at", &day(1))]),
        entry("g", &[("id", "c"), ("at", &day(1))]),
    ];
    let answer = world.ok("BatchWriteRecord", json!({ "Entries": entries }));
    assert_eq!(answer["Errors"][0]["ErrorCode"], "AccessForbidden");
    assert!(text(&answer["Errors"][0]["ErrorMessage"]).contains("DisabledException"));
    assert!(world.get("g", "c").is_some());
}

#[test]
fn what_is_too_much_for_one_batch_comes_back_unprocessed() {
    let world = world();
    let large = "x".repeat(300 * 1024);
    let mut entries: Vec<Value> = (0..25)
        .map(|number| {
            let identifier = number.to_string();
            entry(
                "g",
                &[("id", &identifier), ("at", &day(1)), ("note", &large)],
            )
        })
        .collect();
    for round in 1..=3 {
        let answer = world.ok("BatchWriteRecord", json!({ "Entries": entries }));
        assert_eq!(answer["Errors"], json!([]));
        let left = answer["UnprocessedEntries"].as_array().unwrap();
        assert_eq!(left.as_slice(), &entries[entries.len() - left.len()..]);
        assert_eq!(left.len(), 25_usize.saturating_sub(round * 10), "{round}");
        entries = left.clone();
    }
    for number in 0..25 {
        assert!(world.get("g", &number.to_string()).is_some(), "{number}");
    }
}

#[test]
fn a_batch_needs_both_actions_on_every_group() {
    let world = world();
    world.group("other");
    let request = json!({ "Entries": [
        entry("g", &[("id", "a"), ("at", &day(1))]), entry("other", &[("id", "a"), ("at", &day(1))]),
    ] });
    let user = world.user(
        "user",
        &json!([{ "Effect": "Allow", "Action": "sts:X", "Resource": "*" }]),
    );
    for missing in ["sagemaker:BatchWriteRecord", "sagemaker:PutRecord"] {
        world.put_policy(
            "user",
            &json!([
                { "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" },
                { "Effect": "Deny", "Action": missing, "Resource": group_arn("other") },
            ]),
        );
        check_refused(
            world.call_as(&user, "BatchWriteRecord", request.clone()),
            "AccessForbidden",
            missing,
        );
        assert_eq!(world.get("g", "a"), None);
    }
    // IsUpdateRecord is absent here.
    world.put_policy(
        "user",
        &json!([{
            "Effect": "Allow", "Action": ["sagemaker:BatchWriteRecord", "sagemaker:PutRecord"],
            "Resource": "*", "Condition": { "Null": { "sagemaker:IsUpdateRecord": "true" } },
        }]),
    );
    world.call_as(&user, "BatchWriteRecord", request).unwrap();
}

#[test]
fn the_time_to_live_of_an_entry_counts_before_that_of_the_request_and_the_group() {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Hours", "Value": 1 });
    world.ok("CreateFeatureGroup", request);
    let at = "2026-01-10T00:00:00Z";
    let mut own = entry("g", &[("id", "entry"), ("at", at)]);
    own["TtlDuration"] = json!({ "Unit": "Hours", "Value": 3 });
    let plain = entry("g", &[("id", "request"), ("at", at)]);
    world.ok(
        "BatchWriteRecord",
        json!({ "Entries": [own, plain], "TtlDuration": { "Unit": "Hours", "Value": 2 } }),
    );
    world.ok(
        "BatchWriteRecord",
        json!({ "Entries": [entry("g", &[("id", "group"), ("at", at)])] }),
    );
    for (identifier, expected) in [("entry", "03"), ("request", "02"), ("group", "01")] {
        let mut request = read("g", identifier);
        request["ExpirationTimeResponse"] = "Enabled".into();
        let expiry = text(&world.ok("GetRecord", request)["ExpiresAt"]);
        assert_eq!(
            expiry,
            format!("2026-01-10T{expected}:00:00Z"),
            "{identifier}"
        );
    }
}

fn change(world: &World, member: &str, value: Value) {
    let mut request = json!({ "FeatureGroupName": "g" });
    request[member] = value;
    world.ok("UpdateFeatureGroup", request);
}

fn refused_change(world: &World, change: Value, code: &str, text: &str) {
    let mut request = change;
    request["FeatureGroupName"] = "g".into();
    world.refuses("UpdateFeatureGroup", request, code, text);
}

fn described(world: &World) -> Value {
    world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }))
}

#[test]
fn features_are_added_and_old_records_stay_readable() {
    let world = World::new();
    world.group_under("g", &world.key());
    world
        .put("g", &[("id", "a"), ("at", &day(1)), ("note", "x")])
        .unwrap();
    assert_eq!(described(&world).get("LastUpdateStatus"), None);
    world.wait(5);
    change(
        &world,
        "FeatureAdditions",
        json!([{ "FeatureName": "more", "FeatureType": "Integral" }]),
    );
    let now = described(&world);
    assert_eq!(now["LastUpdateStatus"], json!({ "Status": "Successful" }));
    assert_ne!(now["LastModifiedTime"], now["CreationTime"]);
    assert_eq!(now["FeatureDefinitions"][5]["FeatureName"], "more");
    assert_eq!(got(&world, "a")[2].1, "x");
    world
        .put("g", &[("id", "b"), ("at", &day(1)), ("more", "5")])
        .unwrap();
    assert_eq!(got(&world, "b")[2], ("more".to_owned(), "5".to_owned()));
    let world = world.restarted();
    assert_eq!(got(&world, "b")[2].1, "5");
}

#[test]
fn wrong_changes_of_a_group_are_refused() {
    let world = World::new();
    world.group("g");
    let invalid = "ValidationException";
    let feature = |name: &str| json!([{ "FeatureName": name, "FeatureType": "String" }]);
    refused_change(&world, json!({}), invalid, "exactly one");
    let both = json!({ "FeatureAdditions": feature("x"), "OnlineStoreConfig": { "StorageType": "Standard" } });
    refused_change(&world, both, invalid, "exactly one");
    refused_change(
        &world,
        json!({ "FeatureAdditions": feature("NOTE") }),
        invalid,
        "more than once",
    );
    refused_change(
        &world,
        json!({ "FeatureAdditions": feature("is_deleted") }),
        invalid,
        "reserved",
    );
    refused_change(&world, json!({ "OnlineStoreConfig": {} }), invalid, "needs");
    let half = json!({ "OnlineStoreConfig": { "TtlDuration": { "Unit": "Days" } } });
    refused_change(&world, half, invalid, "both Unit and Value");
    let memory = json!({ "OnlineStoreConfig": { "StorageType": "InMemory" } });
    refused_change(&world, memory, invalid, "InMemory");
    let provisioned = json!({ "ThroughputConfig": { "ThroughputMode": "Provisioned" } });
    refused_change(&world, provisioned, invalid, "Provisioned needs");
    world.refuses(
        "UpdateFeatureGroup",
        json!({ "FeatureGroupName": "none", "FeatureAdditions": feature("x") }),
        "ResourceNotFound",
        "none",
    );
    assert_eq!(described(&world).get("LastUpdateStatus"), None);
}

#[test]
fn a_group_has_at_most_2500_features() {
    let world = World::new();
    world.group("g");
    let features = |from: usize, to: usize| {
        let feature =
            |number| json!({ "FeatureName": format!("f{number}"), "FeatureType": "String" });
        (from..to).map(feature).collect::<Value>()
    };
    for step in 0..24 {
        change(
            &world,
            "FeatureAdditions",
            features(step * 100, step * 100 + 100),
        );
    }
    change(&world, "FeatureAdditions", features(2400, 2495));
    let more = json!({ "FeatureAdditions": features(2495, 2496) });
    refused_change(&world, more, "ResourceLimitExceeded", "2500");
}

#[test]
fn the_time_to_live_changes_for_records_to_come_and_ends() {
    let world = World::new();
    world.group("g");
    let at = "2026-01-10T00:00:00Z";
    world.put("g", &[("id", "before"), ("at", at)]).unwrap();
    let ttl = json!({ "TtlDuration": { "Unit": "Hours", "Value": 1 } });
    change(&world, "OnlineStoreConfig", ttl);
    world.put("g", &[("id", "during"), ("at", at)]).unwrap();
    change(&world, "OnlineStoreConfig", json!({ "TtlDuration": {} }));
    assert_eq!(
        described(&world)["OnlineStoreConfig"].get("TtlDuration"),
        None
    );
    world.put("g", &[("id", "after"), ("at", at)]).unwrap();
    world.wait(2 * 3600);
    assert_eq!(world.get("g", "during"), None);
    assert!(world.get("g", "before").is_some() && world.get("g", "after").is_some());
}

#[test]
fn the_storage_type_goes_to_the_newer_one_only() {
    let world = World::new();
    world.group("g");
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    change(
        &world,
        "OnlineStoreConfig",
        json!({ "StorageType": "Standard_V2" }),
    );
    world.ok("UpdateRecord", update("a", &[("note", "x")]));
    let back = json!({ "OnlineStoreConfig": { "StorageType": "Standard" } });
    refused_change(&world, back, "ValidationException", "back");
}

#[test]
fn what_is_said_of_a_feature_is_kept() {
    let world = World::new();
    world.group("g");
    let named = json!({ "FeatureGroupName": "g", "FeatureName": "note" });
    let before = world.ok("DescribeFeatureMetadata", named.clone());
    assert_eq!(
        (&before["FeatureType"], &before["Parameters"]),
        (&json!("String"), &json!([]))
    );
    world.wait(5);
    let mut said = named.clone();
    said["Description"] = "what they wrote".into();
    said["ParameterAdditions"] =
        json!([{ "Key": "team", "Value": "met" }, { "Key": "unit", "Value": "-" }]);
    world.ok("UpdateFeatureMetadata", said);
    let mut said = named.clone();
    said["ParameterAdditions"] = json!([{ "Key": "team", "Value": "sea" }]);
    said["ParameterRemovals"] = json!(["unit", "none"]);
    world.ok("UpdateFeatureMetadata", said);
    let now = world.restarted().ok("DescribeFeatureMetadata", named);
    assert_eq!(now["Description"], "what they wrote");
    assert_eq!(
        now["Parameters"],
        json!([{ "Key": "team", "Value": "sea" }])
    );
    assert_ne!(now["LastModifiedTime"], now["CreationTime"]);
}

#[test]
fn what_is_said_of_features_leaves_room_for_the_group_to_be_changed() {
    let world = World::with(featurestore::Options {
        quotas: featurestore::Quotas {
            group_bytes: 50_000,
            ..featurestore::Quotas::default()
        },
        ..featurestore::Options::default()
    });
    world.ok("CreateFeatureGroup", group("g"));
    // Letters of three bytes each, 37,500 bytes for a feature.
    let longest = "\u{e01}".repeat(250);
    let said = |feature: &str, what: &str| {
        let keys = (0..25).map(|key| format!("{longest}{key}"));
        let mut said = json!({ "FeatureGroupName": "g", "FeatureName": feature });
        said[what] = match what {
            "ParameterAdditions" => keys
                .map(|key| json!({ "Key": key, "Value": longest }))
                .collect(),
            _ => keys.collect(),
        };
        said
    };
    let add = |feature: &str| said(feature, "ParameterAdditions");
    world.ok("UpdateFeatureMetadata", add("id"));
    world.refuses(
        "UpdateFeatureMetadata",
        add("note"),
        "ValidationException",
        "larger than 50000 bytes",
    );
    // Everything else goes on, and what makes room is let through.
    let tags = json!([{ "Key": "a", "Value": "b" }]);
    world.ok(
        "AddTags",
        json!({ "ResourceArn": group_arn("g"), "Tags": tags }),
    );
    let added = json!([{ "FeatureName": "later", "FeatureType": "String" }]);
    world.ok(
        "UpdateFeatureGroup",
        json!({ "FeatureGroupName": "g", "FeatureAdditions": added }),
    );
    world.ok("UpdateFeatureMetadata", said("id", "ParameterRemovals"));
    world.ok("UpdateFeatureMetadata", add("note"));
}

#[test]
fn wrong_metadata_is_refused() {
    let world = World::new();
    world.group_under("g", &world.key());
    let named = |name: &str| json!({ "FeatureGroupName": "g", "FeatureName": name });
    for operation in ["DescribeFeatureMetadata", "UpdateFeatureMetadata"] {
        world.refuses(operation, named("none"), "ResourceNotFound", "none");
    }
    let mut both = named("note");
    both["ParameterAdditions"] = json!([{ "Key": "a", "Value": "b" }]);
    both["ParameterRemovals"] = json!(["a"]);
    world.refuses(
        "UpdateFeatureMetadata",
        both,
        "ValidationException",
        "added and removed",
    );
    let mut half = named("note");
    half["ParameterAdditions"] = json!([{ "Key": "a" }]);
    world.refuses(
        "UpdateFeatureMetadata",
        half,
        "ValidationException",
        "both Key and Value",
    );
    let mut twice = named("note");
    twice["ParameterAdditions"] =
        json!([{ "Key": "a", "Value": "b" }, { "Key": "a", "Value": "c" }]);
    world.refuses(
        "UpdateFeatureMetadata",
        twice,
        "ValidationException",
        "`a` appears more than once",
    );
    let many = |from: usize, to: usize| {
        (from..to)
            .map(|number| json!({ "Key": number.to_string(), "Value": "x" }))
            .collect::<Value>()
    };
    let mut full = named("note");
    full["ParameterAdditions"] = many(0, 25);
    world.ok("UpdateFeatureMetadata", full);
    let mut more = named("note");
    more["ParameterAdditions"] = many(25, 26);
    world.refuses(
        "UpdateFeatureMetadata",
        more,
        "ValidationException",
        "25 parameters",
    );
}

#[test]
fn the_time_to_live_of_a_request_is_for_entries_with_an_online_store() {
    let world = World::new();
    crate::offline::prepare(&world, &[]);
    world.ok("CreateFeatureGroup", crate::offline::only("offline", None));
    world.group("g");
    let hours = json!({ "Unit": "Hours", "Value": 1 });
    let at = "2026-01-10T00:00:00Z";
    let mut own = entry("offline", &[("id", "b"), ("at", at)]);
    own["TtlDuration"] = hours.clone();
    let entries = json!([
        entry("offline", &[("id", "a"), ("at", at)]),
        entry("g", &[("id", "a"), ("at", at)]),
        own.clone(),
    ]);
    let request = json!({ "Entries": entries, "TtlDuration": hours });
    let answer = world.ok("BatchWriteRecord", request);
    let errors = answer["Errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["Entry"], own);
    assert_eq!(expiry(&world), "2026-01-10T01:00:00Z");
}
