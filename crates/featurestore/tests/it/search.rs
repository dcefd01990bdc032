//! `Search` and `GetSearchSuggestions`.

use serde_json::{Value, json};

use crate::world::{World, check_refused, group, group_arn, text};

fn tagged(name: &str, team: Option<&str>) -> Value {
    let mut request = group(name);
    request["Description"] = format!("about {name}").into();
    if let Some(team) = team {
        request["Tags"] = json!([{ "Key": "team", "Value": team }]);
    }
    request
}

/// Three groups, made one after the other.
fn world() -> World {
    let world = World::new();
    for (name, team) in [
        ("beta", Some("red")),
        ("alpha", Some("blue")),
        ("gamma", None),
    ] {
        world.ok("CreateFeatureGroup", tagged(name, team));
        world.wait(10);
    }
    world
}

fn filters(filters: &Value) -> Value {
    json!({ "Resource": "FeatureGroup", "SearchExpression": { "Filters": filters } })
}

/// The names of the groups on all pages.
fn found(world: &World, mut search: Value) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = world.ok("Search", search.clone());
        let results = page["Results"].as_array().unwrap();
        names.extend(
            results
                .iter()
                .map(|found| text(&found["FeatureGroup"]["FeatureGroupName"])),
        );
        match page.get("NextToken") {
            Some(token) => search["NextToken"] = token.clone(),
            None => return names,
        }
    }
}

#[test]
fn groups_are_found_by_what_is_said_of_them() {
    let world = world();
    let by = |name: &str, operator: &str, value: &str| {
        let filter = json!([{ "Name": name, "Operator": operator, "Value": value }]);
        found(&world, filters(&filter))
    };
    assert_eq!(by("FeatureGroupName", "Contains", "l"), ["alpha"]);
    assert_eq!(by("Description", "Equals", "about beta"), ["beta"]);
    assert_eq!(by("Tags.team", "Equals", "red"), ["beta"]);
    assert_eq!(by("AllTags", "Contains", "blue"), ["alpha"]);
    assert_eq!(
        by("FeatureDefinitions.FeatureName", "Equals", "ratio").len(),
        3
    );
    assert_eq!(
        by("CreationTime", "GreaterThan", "2026-01-10T00:00:05"),
        ["gamma", "alpha"]
    );
    assert_eq!(
        found(
            &world,
            filters(&json!([{ "Name": "Tags.team", "Operator": "NotExists" }]))
        ),
        ["gamma"]
    );
}

#[test]
fn the_last_changed_is_first_unless_asked_otherwise() {
    let world = world();
    let all = json!({ "Resource": "FeatureGroup" });
    assert_eq!(found(&world, all.clone()), ["gamma", "alpha", "beta"]);
    let change = json!({
        "FeatureGroupName": "beta",
        "OnlineStoreConfig": { "TtlDuration": { "Unit": "Days", "Value": 1 } },
    });
    world.ok("UpdateFeatureGroup", change);
    assert_eq!(found(&world, all), ["beta", "gamma", "alpha"]);
    let sorted = |by: &str, order: &str| {
        let search = json!({ "Resource": "FeatureGroup", "SortBy": by, "SortOrder": order, "MaxResults": 1 });
        found(&world, search)
    };
    assert_eq!(
        sorted("FeatureGroupName", "Ascending"),
        ["alpha", "beta", "gamma"]
    );
    assert_eq!(
        sorted("FeatureGroupName", "Descending"),
        ["gamma", "beta", "alpha"]
    );
    // What has no such tag comes first, and last the other way round.
    assert_eq!(sorted("Tags.team", "Ascending"), ["gamma", "alpha", "beta"]);
    assert_eq!(
        sorted("Tags.team", "Descending"),
        ["beta", "alpha", "gamma"]
    );
}

#[test]
fn a_group_is_found_as_it_is_described() {
    let world = world();
    let search = filters(&json!([{ "Name": "FeatureGroupName", "Value": "beta" }]));
    let answer = world.ok("Search", search);
    assert_eq!(
        answer["TotalHits"],
        json!({ "Value": 1, "Relation": "EqualTo" })
    );
    let mut found = answer["Results"][0]["FeatureGroup"].clone();
    let tags = found.as_object_mut().unwrap().remove("Tags").unwrap();
    assert_eq!(tags, json!([{ "Key": "team", "Value": "red" }]));
    let mut described = world.ok(
        "DescribeFeatureGroup",
        json!({ "FeatureGroupName": "beta" }),
    );
    described
        .as_object_mut()
        .unwrap()
        .remove("ThroughputConfig");
    assert_eq!(found, described);
}

#[test]
fn features_are_found_with_what_is_said_of_them() {
    let world = world();
    let say = json!({
        "FeatureGroupName": "alpha", "FeatureName": "ratio", "Description": "share of wins",
        "ParameterAdditions": [{ "Key": "unit", "Value": "percent" }],
    });
    world.ok("UpdateFeatureMetadata", say);
    for filter in [
        json!({ "Name": "Parameters.unit", "Value": "percent" }),
        json!({ "Name": "AllParameters", "Operator": "Contains", "Value": "perc" }),
        json!({ "Name": "Description", "Operator": "Contains", "Value": "wins" }),
    ] {
        let search = json!({
            "Resource": "FeatureMetadata", "SearchExpression": { "Filters": [filter] },
        });
        let answer = world.ok("Search", search);
        let expected = json!([{ "FeatureMetadata": {
            "FeatureGroupArn": group_arn("alpha"), "FeatureGroupName": "alpha",
            "FeatureName": "ratio", "FeatureType": "Fractional",
            "CreationTime": crate::world::NOW + 10, "LastModifiedTime": crate::world::NOW + 30,
            "Description": "share of wins",
            "Parameters": [{ "Key": "unit", "Value": "percent" }],
        } }]);
        assert_eq!(answer["Results"], expected);
    }
    let by_type = json!({
        "Resource": "FeatureMetadata", "MaxResults": 2, "SortBy": "FeatureName",
        "SortOrder": "Ascending",
        "SearchExpression": { "Filters": [{ "Name": "FeatureType", "Value": "Integral" }] },
    });
    let first = world.ok("Search", by_type.clone());
    assert_eq!(first["Results"].as_array().unwrap().len(), 2);
    assert_eq!(first["TotalHits"]["Value"], 3);
    let mut next = by_type;
    next["NextToken"] = first["NextToken"].clone();
    let last = world.ok("Search", next);
    assert_eq!(last["Results"].as_array().unwrap().len(), 1);
    assert_eq!(last["TotalHits"]["Value"], 3);
    assert!(last.get("NextToken").is_none());
}

#[test]
fn a_token_belongs_to_its_search() {
    let world = world();
    let search = json!({ "Resource": "FeatureGroup", "MaxResults": 1 });
    let token = text(&world.ok("Search", search)["NextToken"]);
    for other in [
        json!({ "Resource": "FeatureMetadata", "NextToken": token }),
        json!({ "Resource": "FeatureGroup", "NextToken": token, "SortOrder": "Ascending" }),
        json!({ "Resource": "FeatureGroup", "NextToken": token, "SortBy": "FeatureGroupName" }),
        json!({ "Resource": "FeatureGroup", "NextToken": "x" }),
    ] {
        world.refuses("Search", other, "ValidationException", "NextToken");
    }
}

#[test]
fn visibility_conditions_leave_out_what_has_another_value() {
    let world = world();
    let visible = |resource: &str, key: &str, value: &str| {
        json!({
            "Resource": resource, "MaxResults": 100,
            "VisibilityConditions": [{ "Key": key, "Value": value }],
        })
    };
    // As at AWS what has no such tag stays.
    assert_eq!(
        found(&world, visible("FeatureGroup", "Tags.team", "red")),
        ["gamma", "beta"]
    );
    // Condition keys do not tell case apart, so neither may this.
    assert_eq!(
        found(&world, visible("FeatureGroup", "Tags.TEAM", "red")),
        ["gamma", "beta"]
    );
    let features = world.ok("Search", visible("FeatureMetadata", "Tags.team", "red"));
    assert_eq!(features["TotalHits"]["Value"], 10);
    for (condition, part) in [
        (json!([{ "Key": "team", "Value": "red" }]), "Tags.<key>"),
        (json!([{ "Key": "Tags.team" }]), "both Key and Value"),
        (
            json!([{ "Key": "Tags.team/equalsifExists", "Value": "red" }]),
            "must not end with",
        ),
        (
            json!([{ "Key": "Tags.team", "Value": "a" }, { "Key": "Tags.Team", "Value": "b" }]),
            "more than once",
        ),
    ] {
        let search = json!({ "Resource": "FeatureGroup", "VisibilityConditions": condition });
        world.refuses("Search", search, "ValidationException", part);
    }
}

#[test]
fn a_policy_can_demand_visibility_conditions() {
    let world = world();
    for suffix in ["", "/EqualsIfExists"] {
        let key = format!("sagemaker:SearchVisibilityCondition/Tags.team{suffix}");
        let statements = json!([{
            "Effect": "Allow", "Action": "sagemaker:Search", "Resource": "*",
            "Condition": { "StringEquals": { key: "red" } },
        }]);
        let reader = world.user(&format!("reader{}", suffix.len()), &statements);
        let with = |value: &str| {
            let conditions = json!([{ "Key": "Tags.team", "Value": value }]);
            json!({ "Resource": "FeatureGroup", "VisibilityConditions": conditions })
        };
        let answer = world.call_as(&reader, "Search", with("red")).unwrap();
        assert_eq!(answer["TotalHits"]["Value"], 2);
        for refused in [with("blue"), json!({ "Resource": "FeatureGroup" })] {
            let refused = world.call_as(&reader, "Search", refused);
            check_refused(refused, "AccessDeniedException", "sagemaker:Search");
        }
    }
}

#[test]
fn other_accounts_and_other_resources_are_not_found() {
    let world = world();
    let other = world.other_account("444455556666");
    let search = json!({ "Resource": "FeatureGroup" });
    let answer = world.call_as(&other, "Search", search).unwrap();
    assert_eq!(answer["TotalHits"]["Value"], 0);
    for search in [
        json!({ "Resource": "TrainingJob" }),
        json!({ "Resource": "FeatureGroup", "CrossAccountFilterOption": "CrossAccount" }),
        json!({
            "Resource": "Endpoint",
            "SearchExpression": { "Filters": [{ "Name": "EndpointName", "Value": "x" }] },
        }),
    ] {
        let answer = world.ok("Search", search);
        let nothing = json!({ "Results": [], "TotalHits": { "Value": 0, "Relation": "EqualTo" } });
        assert_eq!(answer, nothing);
    }
    let empty = json!({ "Resource": "TrainingJob", "SearchExpression": {} });
    world.refuses("Search", empty, "ValidationException", "at least one");
}

#[test]
fn wrong_searches_are_refused() {
    let world = world();
    for (search, part) in [
        (json!({ "Resource": "Nothing" }), "resource"),
        (
            json!({ "Resource": "FeatureGroup", "MaxResults": 101 }),
            "maxResults",
        ),
        (
            json!({ "Resource": "FeatureGroup", "SortBy": "Nothing" }),
            "sorted by",
        ),
        (
            json!({ "Resource": "FeatureGroup", "SortBy": "AllTags" }),
            "sorted by",
        ),
        (
            filters(&json!([{ "Name": "Nothing", "Value": "x" }])),
            "not a property",
        ),
    ] {
        world.refuses("Search", search, "ValidationException", part);
    }
}

#[test]
fn a_deep_expression_is_refused_and_not_followed() {
    let world = world();
    let mut expression = json!({ "Filters": [{ "Name": "Description", "Operator": "Exists" }] });
    for _ in 0..30 {
        expression = json!({ "SubExpressions": [expression] });
    }
    let search = json!({ "Resource": "FeatureGroup", "SearchExpression": expression });
    world.ok("Search", search);
    for _ in 0..20 {
        expression = json!({ "SubExpressions": [expression] });
    }
    let search = json!({ "Resource": "FeatureGroup", "SearchExpression": expression });
    world.refuses("Search", search, "ValidationException", "at most 50");
}

#[test]
fn names_of_properties_are_suggested() {
    let world = world();
    let suggested = |resource: &str, hint: Option<&str>| -> Vec<String> {
        let mut request = json!({ "Resource": resource });
        if let Some(hint) = hint {
            request["SuggestionQuery"] =
                json!({ "PropertyNameQuery": { "PropertyNameHint": hint } });
        }
        let answer = world.ok("GetSearchSuggestions", request);
        let names = answer["PropertyNameSuggestions"].as_array().unwrap().iter();
        names.map(|name| text(&name["PropertyName"])).collect()
    };
    assert_eq!(suggested("FeatureGroup", Some("Ta")), ["Tags.team"]);
    assert_eq!(suggested("FeatureGroup", Some("Tags.te")), ["Tags.team"]);
    assert_eq!(suggested("FeatureGroup", Some("Tags.x")), [""; 0]);
    assert_eq!(
        suggested("FeatureGroup", Some("FeatureGroup")),
        ["FeatureGroupArn", "FeatureGroupName", "FeatureGroupStatus"]
    );
    let say = json!({
        "FeatureGroupName": "alpha", "FeatureName": "ratio",
        "ParameterAdditions": [{ "Key": "unit", "Value": "percent" }],
    });
    world.ok("UpdateFeatureMetadata", say);
    assert!(suggested("FeatureMetadata", None).contains(&"Parameters.unit".to_owned()));
    assert_eq!(suggested("TrainingJob", None), [""; 0]);
}

/// A world with so many features that looking at them takes several turns.
fn wide_world() -> World {
    let world = World::new();
    for name in ["a", "b", "c", "d", "e"] {
        let mut wide = group(name);
        let features = (0..2400)
            .map(|number| json!({ "FeatureName": format!("f{number}"), "FeatureType": "String" }));
        let definitions = wide["FeatureDefinitions"].as_array_mut().unwrap();
        definitions.extend(features);
        world.ok("CreateFeatureGroup", wide);
    }
    world
}

#[test]
fn an_account_searches_one_after_the_other() {
    let world = wide_world();
    let name = |name: &str, value: &str| filters(&json!([{ "Name": name, "Value": value }]));
    let none = json!({ "Name": "FeatureDefinitions.FeatureName", "Value": "none" });
    let mut search = filters(&json!([none, none]));
    search["SearchExpression"]["Operator"] = "Or".into();
    let suggestions = json!({ "Resource": "FeatureMetadata" });
    for (operation, input) in [("Search", search), ("GetSearchSuggestions", suggestions)] {
        // One that goes on and fifteen that wait are answered; there is no place for more.
        for (asked, refused) in [(16, 0), (20, 4)] {
            let calls = (0..asked).map(|_| (operation, input.clone())).collect();
            let answers = world.call_together(&world.administrator, calls);
            let wrong: Vec<_> = answers.into_iter().filter(Result::is_err).collect();
            assert_eq!(wrong.len(), refused, "{operation}");
            for one in wrong {
                check_refused(one, "ThrottlingException", "Rate exceeded");
            }
        }
    }
    // All places are free again.
    assert_eq!(found(&world, name("FeatureGroupName", "a")), ["a"]);
}
