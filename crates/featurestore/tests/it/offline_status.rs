//! Who finds out what about offline stores: in searches, lists and descriptions.

use serde_json::{Value, json};

use crate::offline::{BUCKET, RIGHTS, ROLE, allow, both, create, described, only, world};
use crate::world::{ACCOUNT, REGION, World, group_arn, text};

/// A world with a group of each kind; the offline store of `both` is under a key that is disabled.
fn groups() -> World {
    let world = world(&["kms:GenerateDataKey"]);
    let key = world.key();
    create(&world, both("both", Some(&key))).unwrap();
    create(&world, only("offline", None)).unwrap();
    world.group("online");
    world.ok("DisableKey", json!({ "KeyId": key }));
    world
}

/// The groups that a search with this filter finds.
fn found(world: &World, name: &str, operator: &str, value: Option<&str>) -> Vec<String> {
    let mut filter = json!({ "Name": name, "Operator": operator });
    if let Some(value) = value {
        filter["Value"] = value.into();
    }
    let search = json!({ "Resource": "FeatureGroup", "SortBy": "FeatureGroupName",
        "SortOrder": "Ascending", "SearchExpression": { "Filters": [filter] } });
    let answer = world.ok("Search", search);
    let results = answer["Results"].as_array().unwrap().iter();
    let names = results.map(|found| text(&found["FeatureGroup"]["FeatureGroupName"]));
    names.collect()
}

#[test]
fn groups_are_found_by_their_stores() {
    let world = groups();
    let check = |name: &str, operator: &str, value: Option<&str>, expected: &[&str]| {
        let found = found(&world, name, operator, value);
        assert_eq!(found, expected, "{name} {operator} {value:?}");
    };
    let enabled = "OnlineStoreConfig.EnableOnlineStore";
    check(enabled, "Equals", Some("true"), &["both", "online"]);
    check(enabled, "Equals", Some("false"), &["offline"]);
    let status = "OfflineStoreStatus";
    check(status, "Equals", Some("Blocked"), &["both"]);
    check(status, "Equals", Some("Active"), &["offline"]);
    check(status, "In", Some("Active,Blocked"), &["both", "offline"]);
    check(status, "NotExists", None, &["online"]);
    check(
        "OfflineStoreStatus.Status",
        "Exists",
        None,
        &["both", "offline"],
    );
    check("OfflineStoreConfig", "Exists", None, &["both", "offline"]);
    let uri = format!("s3://{BUCKET}/prefix/");
    let place = "OfflineStoreConfig.S3StorageConfig.S3Uri";
    check(place, "Equals", Some(&uri), &["both", "offline"]);
    let storage = "OnlineStoreConfig.StorageType";
    check(storage, "Exists", None, &["both", "online"]);
    let key = "OfflineStoreConfig.S3StorageConfig.KmsKeyId";
    check(key, "NotExists", None, &["offline", "online"]);
    check(
        "OfflineStoreConfig.TableFormat",
        "Equals",
        Some("Glue"),
        &["both", "offline"],
    );
}

#[test]
fn what_is_found_is_shown_as_it_is_described() {
    let world = groups();
    let search = json!({ "Resource": "FeatureGroup" });
    let answer = world.ok("Search", search);
    let results = answer["Results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for found in results {
        let found = &found["FeatureGroup"];
        let described = described(&world, &text(&found["FeatureGroupName"]));
        for member in [
            "OnlineStoreConfig",
            "OfflineStoreConfig",
            "OfflineStoreStatus",
            "RoleArn",
        ] {
            assert_eq!(
                found.get(member),
                described.get(member),
                "{member} of {found}"
            );
        }
    }
}

#[test]
fn searches_can_be_sorted_by_the_status() {
    let world = groups();
    let search = json!({ "Resource": "FeatureGroup", "SortBy": "OfflineStoreStatus" });
    let answer = world.ok("Search", search);
    let results = answer["Results"].as_array().unwrap().iter();
    let names: Vec<_> = results
        .map(|found| text(&found["FeatureGroup"]["FeatureGroupName"]))
        .collect();
    assert_eq!(names, ["both", "offline", "online"]);
}

#[test]
fn lists_are_filtered_page_by_page() {
    let world = world(&["kms:GenerateDataKey"]);
    let key = world.key();
    for number in 0..7 {
        let key = (number % 2 == 0).then_some(key.as_str());
        create(&world, only(&format!("g{number}"), key)).unwrap();
    }
    world.group("online");
    world.ok("DisableKey", json!({ "KeyId": key }));
    let listed = |wanted: &str| {
        let mut request = json!({ "OfflineStoreStatusEquals": wanted, "MaxResults": 2 });
        let mut names = Vec::new();
        loop {
            let page = world.ok("ListFeatureGroups", request.clone());
            let groups = page["FeatureGroupSummaries"].as_array().unwrap();
            assert!(groups.len() <= 2);
            for group in groups {
                assert_eq!(group["OfflineStoreStatus"]["Status"], wanted);
                names.push(text(&group["FeatureGroupName"]));
            }
            match page.get("NextToken") {
                Some(token) => request["NextToken"] = token.clone(),
                None => return names,
            }
        }
    };
    assert_eq!(listed("Blocked"), ["g0", "g2", "g4", "g6"]);
    assert_eq!(listed("Active"), ["g1", "g3", "g5"]);
    assert_eq!(listed("Disabled"), Vec::<String>::new());
    let names = |order: &str| {
        let mut request =
            json!({ "SortBy": "OfflineStoreStatus", "SortOrder": order, "MaxResults": 3 });
        let mut names = Vec::new();
        loop {
            let page = world.ok("ListFeatureGroups", request.clone());
            let groups = page["FeatureGroupSummaries"].as_array().unwrap().iter();
            names.extend(groups.map(|group| text(&group["FeatureGroupName"])));
            match page.get("NextToken") {
                Some(token) => request["NextToken"] = token.clone(),
                None => return names,
            }
        }
    };
    let sorted = ["online", "g1", "g3", "g5", "g0", "g2", "g4", "g6"];
    assert_eq!(names("Ascending"), sorted);
    let reversed: Vec<_> = sorted.into_iter().rev().collect();
    assert_eq!(names("Descending"), reversed);
}

#[test]
fn an_offline_store_alone_has_units_of_writing() {
    let world = world(&[]);
    let mut request = only("g", None);
    request["ThroughputConfig"] = json!({ "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 1, "ProvisionedWriteCapacityUnits": 2 });
    let text = "ProvisionedReadCapacityUnits need an OnlineStore";
    world.refuses(
        "CreateFeatureGroup",
        request.clone(),
        "ValidationException",
        text,
    );
    let units = json!({ "ThroughputMode": "Provisioned", "ProvisionedWriteCapacityUnits": 2 });
    request["ThroughputConfig"] = units.clone();
    create(&world, request).unwrap();
    assert_eq!(described(&world, "g")["ThroughputConfig"], units);
}

/// What an account sees of `both` with which it is shared.
fn seen_by_others(world: &World) -> Value {
    let other = world.other_account("444455556666");
    let made = json!({ "name": "s", "resourceArns": [group_arn("both")],
        "principals": ["444455556666"] });
    world.ok("ram:CreateResourceShare", made);
    let got = world.call_as(&other, "ram:GetResourceShareInvitations", json!({}));
    let invitation = &got.unwrap()["resourceShareInvitations"][0];
    let input = json!({ "resourceShareInvitationArn": invitation["resourceShareInvitationArn"] });
    let accept = "ram:AcceptResourceShareInvitation";
    world.call_as(&other, accept, input).unwrap();
    let input = json!({ "FeatureGroupName": group_arn("both") });
    world
        .call_as(&other, "DescribeFeatureGroup", input)
        .unwrap()
}

#[test]
fn why_a_store_is_blocked_is_for_its_owner() {
    let world = groups();
    let own = described(&world, "both")["OfflineStoreStatus"].clone();
    let reason = text(&own["BlockedReason"]);
    assert!(reason.contains("KMS.DisabledException"), "{reason}");
    allow(&world, &RIGHTS);
    let own = described(&world, "both")["OfflineStoreStatus"].clone();
    assert!(text(&own["BlockedReason"]).contains(ROLE.rsplit('/').next().unwrap()));
    let others = seen_by_others(&world);
    assert_eq!(others["OfflineStoreStatus"], json!({ "Status": "Blocked" }));
    assert_eq!(
        text(&others["FeatureGroupArn"]),
        format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/both")
    );
}

#[test]
fn why_a_group_is_not_maintained_is_for_its_owner() {
    let world = world(&[]);
    let key = world.key();
    let mut request = both("both", None);
    request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": key });
    create(&world, request).unwrap();
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.maintain();
    let own = described(&world, "both");
    assert!(
        text(&own["FailureReason"]).contains("DisabledException"),
        "{own}"
    );
    let others = seen_by_others(&world);
    assert_eq!(others.get("FailureReason"), None);
    assert_eq!(others["OfflineStoreStatus"], json!({ "Status": "Blocked" }));
}
