//! `CreateFeatureGroup`, `DescribeFeatureGroup`, `ListFeatureGroups`, `DeleteFeatureGroup`.

use serde_json::{Value, json};

use crate::world::{World, check_refused, day, group, group_arn, read, text};

fn named(name: &str) -> Value {
    json!({ "FeatureGroupName": name })
}

#[test]
fn a_group_is_created_at_once_and_described_as_it_was_asked_for() {
    let world = World::new();
    world.role("sagemaker.amazonaws.com");
    let mut request = group("Weather-Hourly");
    request["Description"] = "hourly weather".into();
    request["RoleArn"] = "arn:aws:iam::111122223333:role/features".into();
    request["Tags"] = json!([{ "Key": "team", "Value": "met" }]);
    request["OnlineStoreConfig"]["StorageType"] = "Standard_V2".into();
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Weeks", "Value": 2 });
    let created = world.ok("CreateFeatureGroup", request.clone());
    let arn = group_arn("weather-hourly");
    assert_eq!(created, json!({ "FeatureGroupArn": arn }));
    let expected = json!({
        "FeatureGroupArn": arn,
        "FeatureGroupName": "Weather-Hourly",
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "at",
        "FeatureDefinitions": request["FeatureDefinitions"],
        "CreationTime": crate::world::NOW,
        "LastModifiedTime": crate::world::NOW,
        "OnlineStoreConfig": {
            "EnableOnlineStore": true,
            "StorageType": "Standard_V2",
            "TtlDuration": { "Unit": "Weeks", "Value": 2 },
        },
        "ThroughputConfig": { "ThroughputMode": "OnDemand" },
        "RoleArn": "arn:aws:iam::111122223333:role/features",
        "FeatureGroupStatus": "Created",
        "Description": "hourly weather",
    });
    assert_eq!(
        world.ok("DescribeFeatureGroup", named("Weather-Hourly")),
        expected
    );
    assert_eq!(world.ok("DescribeFeatureGroup", named(&arn)), expected);
    let with_token = json!({ "FeatureGroupName": "Weather-Hourly", "NextToken": "x" });
    world.refuses(
        "DescribeFeatureGroup",
        with_token,
        "ValidationException",
        "NextToken",
    );
}

#[test]
fn a_role_that_does_not_trust_sagemaker_is_refused() {
    let mut request = group("Weather");
    request["RoleArn"] = "arn:aws:iam::111122223333:role/features".into();
    let refused = |world: &World| {
        let text = "The execution role ARN \"arn:aws:iam::111122223333:role/features\" is invalid.";
        world.refuses(
            "CreateFeatureGroup",
            request.clone(),
            "ValidationException",
            text,
        );
    };
    let world = World::new();
    refused(&world);
    world.role("lambda.amazonaws.com");
    refused(&world);
    world.ok("DeleteRole", json!({ "RoleName": "features" }));
    world.role("sagemaker.amazonaws.com");
    world.ok("CreateFeatureGroup", request.clone());
}

#[test]
fn names_are_unique_without_regard_to_case() {
    let world = World::new();
    world.group("weather");
    for name in ["weather", "Weather", "WEATHER"] {
        let refused = world.call("CreateFeatureGroup", group(name)).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.status),
            ("ResourceInUse", Some(400))
        );
        assert_eq!(
            refused.message,
            format!(
                "Resource Already Exists: FeatureGroup with name {name} already exists. Choose a \
             different name.\nInfo: Feature Group '{name}' already exists."
            )
        );
    }
}

#[test]
fn a_group_needs_a_store() {
    let world = World::new();
    let text = "Validation Error: OnlineStore and OfflineStore cannot be both disabled. Please \
                enable at least one of them and retry the request.";
    for config in [
        Value::Null,
        json!({}),
        json!({ "EnableOnlineStore": false }),
    ] {
        let mut request = group("g");
        request["OnlineStoreConfig"] = config;
        let refused = world.call("CreateFeatureGroup", request).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.message.as_str()),
            ("ValidationException", text)
        );
    }
}

/// A change of the request that must be refused with this text.
fn check_wrong(world: &World, change: impl FnOnce(&mut Value), text: &str) {
    let mut request = group("g");
    change(&mut request);
    let refused = world.call("CreateFeatureGroup", request);
    check_refused(refused, "ValidationException", text);
    world.refuses("DescribeFeatureGroup", named("g"), "ResourceNotFound", "");
}

#[test]
fn capacity_units_are_refused_on_demand() {
    let world = World::new();
    check_wrong(
        &world,
        |request| {
            request["ThroughputConfig"] =
                json!({ "ThroughputMode": "OnDemand", "ProvisionedReadCapacityUnits": 1 });
        },
        "capacity units need",
    );
}

#[test]
fn features_follow_their_rules() {
    let world = World::new();
    let definitions = |request: &mut Value, feature: Value| {
        request["FeatureDefinitions"]
            .as_array_mut()
            .unwrap()
            .push(feature);
    };
    for name in ["is_deleted", "Write_Time", "API_INVOCATION_TIME"] {
        let feature = json!({ "FeatureName": name, "FeatureType": "String" });
        check_wrong(
            &world,
            |request| definitions(request, feature),
            "is reserved",
        );
    }
    let twice = json!({ "FeatureName": "NOTE", "FeatureType": "String" });
    check_wrong(
        &world,
        |request| definitions(request, twice),
        "`NOTE` is defined more than once",
    );
    let list = json!({ "FeatureName": "l", "FeatureType": "String", "CollectionType": "List" });
    check_wrong(
        &world,
        |request| definitions(request, list),
        "collections need an online store of type InMemory",
    );
    let long = json!({ "FeatureName": "x".repeat(65), "FeatureType": "String" });
    check_wrong(
        &world,
        |request| definitions(request, long),
        "length less than or equal to 64",
    );
    let tail = json!({ "FeatureName": "x_", "FeatureType": "String" });
    check_wrong(
        &world,
        |request| definitions(request, tail),
        "regular expression pattern",
    );
}

#[test]
fn identifier_and_event_time_are_features_of_the_right_types() {
    let world = World::new();
    check_wrong(
        &world,
        |request| request["RecordIdentifierFeatureName"] = "nothing".into(),
        "RecordIdentifierFeatureName `nothing` is not among the FeatureDefinitions",
    );
    check_wrong(
        &world,
        |request| request["EventTimeFeatureName"] = "At".into(),
        "EventTimeFeatureName `At` is not among the FeatureDefinitions",
    );
    check_wrong(
        &world,
        |request| request["RecordIdentifierFeatureName"] = "ratio".into(),
        "must be of type String or Integral",
    );
    check_wrong(
        &world,
        |request| request["EventTimeFeatureName"] = "count".into(),
        "must be of type String or Fractional",
    );
}

#[test]
fn other_wrong_requests_are_refused() {
    let world = World::new();
    check_wrong(
        &world,
        |request| request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Days" }),
        "both Unit and Value",
    );
    check_wrong(
        &world,
        |request| request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": "" }),
        "KmsKeyId must not be empty",
    );
    check_wrong(
        &world,
        |request| {
            request["Tags"] = json!([{ "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }]);
        },
        "tag key `a` appears more than once",
    );
    check_wrong(
        &world,
        |request| request["Tags"] = json!([{ "Key": "AWS:x", "Value": "1" }]),
        "reserved",
    );
    check_wrong(
        &world,
        |request| request["FeatureDefinitions"] = json!([]),
        "featureDefinitions",
    );
}

#[test]
fn the_number_of_groups_and_of_features_is_limited() {
    let world = World::with(featurestore::Options {
        quotas: featurestore::Quotas {
            groups: 2,
            ..featurestore::Quotas::default()
        },
        ..featurestore::Options::default()
    });
    world.group("a");
    world.group("b");
    let refused = world.call("CreateFeatureGroup", group("c"));
    let text = "'Maximum number of feature groups' is 2 FeatureGroups, with current utilization \
                of 2 FeatureGroups";
    check_refused(refused, "ResourceLimitExceeded", text);
    world.ok("DeleteFeatureGroup", named("a"));
    let mut large = group("c");
    let feature = |n: usize| json!({ "FeatureName": format!("f{n}"), "FeatureType": "String" });
    let definitions = large["FeatureDefinitions"].as_array_mut().unwrap();
    definitions.extend((0..2496).map(feature));
    let refused = world.call("CreateFeatureGroup", large.clone());
    check_refused(refused, "ValidationException", "less than or equal to 2500");
    large["FeatureDefinitions"].as_array_mut().unwrap().pop();
    world.ok("CreateFeatureGroup", large);
    world
        .put("c", &[("id", "a"), ("at", &day(1)), ("f2494", "last")])
        .unwrap();
    assert_eq!(world.get("c", "a").unwrap()[2].1, "last");
}

#[test]
fn a_deleted_group_is_gone_at_once_and_its_name_is_free() {
    let world = World::new();
    world.group("g");
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    assert_eq!(world.ok("DeleteFeatureGroup", named("g")), json!({}));
    for operation in ["DescribeFeatureGroup", "DeleteFeatureGroup"] {
        let text = "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name g";
        world.refuses(operation, named("g"), "ResourceNotFound", text);
    }
    world.refuses("GetRecord", read("g", "a"), "ResourceNotFound", "");
    world.group("g");
    assert_eq!(world.get("g", "a"), None);
}

#[test]
fn a_group_is_deleted_by_its_name_only() {
    let world = World::new();
    world.group("g");
    let refused = world.call("DeleteFeatureGroup", named(&group_arn("g")));
    check_refused(refused, "ValidationException", "featureGroupName");
}

/// The names on all pages of a list.
fn listed(world: &World, mut query: Value) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = world.ok("ListFeatureGroups", query.clone());
        let summaries = page["FeatureGroupSummaries"].as_array().unwrap();
        names.extend(
            summaries
                .iter()
                .map(|summary| text(&summary["FeatureGroupName"])),
        );
        match page.get("NextToken") {
            Some(token) => query["NextToken"] = token.clone(),
            None => return names,
        }
    }
}

#[test]
fn groups_are_listed_sorted_filtered_and_in_pages() {
    let world = World::new();
    for name in ["beta", "alpha", "gamma", "Alphabet"] {
        world.group(name);
        world.wait(10);
    }
    assert_eq!(
        listed(&world, json!({})),
        ["beta", "alpha", "gamma", "Alphabet"]
    );
    let descending = json!({ "SortOrder": "Descending", "MaxResults": 1 });
    assert_eq!(
        listed(&world, descending),
        ["Alphabet", "gamma", "alpha", "beta"]
    );
    let by_name = json!({ "SortBy": "Name", "MaxResults": 3 });
    assert_eq!(
        listed(&world, by_name),
        ["Alphabet", "alpha", "beta", "gamma"]
    );
    // The deletion is committed, and what would end it fails.
    world.faults.skip(1);
    world.faults.add(store::CommitError::Busy);
    world.ok(
        "DeleteFeatureGroup",
        json!({ "FeatureGroupName": "Alphabet" }),
    );
    let by_status = json!({ "SortBy": "FeatureGroupStatus", "MaxResults": 2 });
    assert_eq!(
        listed(&world, by_status),
        ["alpha", "beta", "gamma", "Alphabet"]
    );
    assert_eq!(
        listed(&world, json!({ "NameContains": "lpha" })),
        ["alpha", "Alphabet"]
    );
    let start = crate::world::NOW;
    let between = json!({ "CreationTimeAfter": start, "CreationTimeBefore": start + 30 });
    assert_eq!(listed(&world, between), ["alpha", "gamma"]);
    assert_eq!(
        listed(&world, json!({ "FeatureGroupStatusEquals": "Created" })).len(),
        3
    );
    assert_eq!(
        listed(&world, json!({ "FeatureGroupStatusEquals": "Deleting" })),
        ["Alphabet"]
    );
    assert_eq!(
        listed(&world, json!({ "FeatureGroupStatusEquals": "Creating" })).len(),
        0
    );
    assert_eq!(
        listed(&world, json!({ "OfflineStoreStatusEquals": "Active" })).len(),
        0
    );
}

#[test]
fn a_summary_tells_name_arn_time_and_status() {
    let world = World::new();
    world.group("g");
    let expected = json!({ "FeatureGroupSummaries": [{
        "FeatureGroupName": "g",
        "FeatureGroupArn": group_arn("g"),
        "CreationTime": crate::world::NOW,
        "FeatureGroupStatus": "Created",
    }] });
    assert_eq!(world.ok("ListFeatureGroups", json!({})), expected);
}

#[test]
fn a_token_belongs_to_its_filters_and_its_order() {
    let world = World::new();
    world.group("a");
    world.group("b");
    let first = world.ok(
        "ListFeatureGroups",
        json!({ "MaxResults": 1, "SortBy": "Name" }),
    );
    let token = text(&first["NextToken"]);
    for query in [
        json!({ "NextToken": token, "SortBy": "CreationTime" }),
        json!({ "NextToken": token, "SortBy": "Name", "SortOrder": "Descending" }),
        json!({ "NextToken": token, "SortBy": "Name", "NameContains": "b" }),
        json!({ "NextToken": token, "SortBy": "Name", "FeatureGroupStatusEquals": "Created" }),
        json!({ "NextToken": "x" }),
        json!({ "NextToken": "e30" }),
    ] {
        world.refuses(
            "ListFeatureGroups",
            query,
            "ValidationException",
            "NextToken",
        );
    }
}
