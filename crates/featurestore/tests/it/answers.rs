//! Answers at the edges of what AWS's model allows.

use serde_json::{Value, json};

use crate::world::{World, day, group, read, text};

#[test]
fn a_record_of_which_only_nulls_are_asked_for_is_no_record() {
    let world = World::new();
    let mut request = group("g");
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Weeks", "Value": 9 });
    world.ok("CreateFeatureGroup", request);
    world.put("g", &[("id", "a"), ("at", &day(9))]).unwrap();
    let mut one = read("g", "a");
    one["FeatureNames"] = json!(["note"]);
    one["ExpirationTimeResponse"] = "Enabled".into();
    assert_eq!(world.ok("GetRecord", one.clone()), json!({}));
    one["FeatureNames"] = json!(["note", "id"]);
    let answer = world.ok("GetRecord", one);
    assert_eq!(answer["Record"].as_array().unwrap().len(), 1);
    assert!(answer["ExpiresAt"].is_string());
    let item = |features: Value| {
        json!({ "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a"],
            "FeatureNames": features })
    };
    let identifiers = json!([
        item(json!(["note"])),
        item(json!(["id"])),
        item(json!(["ratio"]))
    ]);
    let answer = world.ok("BatchGetRecord", json!({ "Identifiers": identifiers }));
    let records = answer["Records"].as_array().unwrap();
    assert_eq!(records.len(), 1, "{answer}");
    assert_eq!(records[0]["Record"][0]["FeatureName"], "id");
    assert_eq!(
        (&answer["Errors"], &answer["UnprocessedIdentifiers"]),
        (&json!([]), &json!([]))
    );
}

/// A description of `g`, with this token.
fn described(world: &World, group: &str, token: Option<&Value>) -> Value {
    let mut request = json!({ "FeatureGroupName": group });
    if let Some(token) = token {
        request["NextToken"] = token.clone();
    }
    world.ok("DescribeFeatureGroup", request)
}

#[test]
fn more_features_than_a_page_has_are_described_in_pages() {
    let world = World::with(featurestore::Options {
        quotas: featurestore::Quotas {
            features: 10_000,
            ..featurestore::Quotas::default()
        },
        ..featurestore::Options::default()
    });
    let feature = |number| json!({ "FeatureName": format!("f{number}"), "FeatureType": "String" });
    for name in ["g", "h"] {
        let mut request = group(name);
        let features = request["FeatureDefinitions"].as_array_mut().unwrap();
        features.extend((0..2495).map(feature));
        world.ok("CreateFeatureGroup", request);
    }
    assert_eq!(described(&world, "g", None).get("NextToken"), None);
    let more: Value = (2495..2505).map(feature).collect();
    for name in ["g", "h"] {
        let more = json!({ "FeatureGroupName": name, "FeatureAdditions": more });
        world.ok("UpdateFeatureGroup", more);
    }
    let first = described(&world, "g", None);
    let second = described(&world, "g", Some(&first["NextToken"]));
    assert_eq!(second.get("NextToken"), None);
    let pages = [&first, &second].map(|page| page["FeatureDefinitions"].as_array().unwrap());
    assert_eq!(pages.map(Vec::len), [2500, 10]);
    assert_eq!(text(&pages[1][0]["FeatureName"]), "f2495");
    assert_eq!(second["FeatureGroupArn"], first["FeatureGroupArn"]);
    for wrong in [
        &described(&world, "h", None)["NextToken"],
        &json!("nonsense"),
    ] {
        let request = json!({ "FeatureGroupName": "g", "NextToken": wrong });
        world.refuses(
            "DescribeFeatureGroup",
            request,
            "ValidationException",
            "NextToken",
        );
    }
}
