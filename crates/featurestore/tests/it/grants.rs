//! The grants of groups, and the background work that goes through them.

use online::CELLS;
use serde_json::{Value, json};

use crate::world::{World, check_refused, group_arn, group_under, read, record, text};

const SERVICE: &str = "sagemaker.amazonaws.com";

/// A group under `key` whose records live for an hour.
fn short_lived(world: &World, name: &str, key: Option<&str>) {
    let mut request = match key {
        Some(key) => group_under(name, key),
        None => crate::world::group(name),
    };
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Hours", "Value": 1 });
    world.ok("CreateFeatureGroup", request);
    for identifier in ["a", "b"] {
        let item = [("id", identifier), ("at", "2026-01-10T00:00:00Z")];
        world.put(name, &item).unwrap();
    }
}

fn grants(world: &World, key: &str) -> Vec<Value> {
    let listed = world.ok("ListGrants", json!({ "KeyId": key }));
    listed["Grants"].as_array().unwrap().clone()
}

fn revoke(world: &World, key: &str, grant: &Value) {
    let input = json!({ "KeyId": key, "GrantId": grant["GrantId"] });
    world.ok("RevokeGrant", input);
}

fn failure_reason(world: &World, group: &str) -> Option<String> {
    let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": group }));
    assert_eq!(described["FeatureGroupStatus"], "Created");
    described.get("FailureReason").map(text)
}

/// The denials of the service's own `Decrypt`.
fn denials(world: &World) -> Vec<Value> {
    let records = world.records_of("Decrypt").into_iter();
    let records = records.map(|record| serde_json::to_value(record).unwrap());
    records
        .filter(|record| record["userIdentity"]["type"] == "AWSService")
        .collect()
}

#[test]
fn a_grant_is_made_for_each_group_and_goes_with_it() {
    let world = World::new();
    let key = world.key();
    for name in ["one", "two"] {
        world.group_under(name, &key);
    }
    let made = grants(&world, &key);
    assert_eq!(made.len(), 2);
    for grant in &made {
        assert_eq!(grant["GranteeServicePrincipal"], SERVICE);
        let context = &grant["Constraints"]["EncryptionContextEquals"];
        let arn = text(&grant["Constraints"]["SourceArn"]);
        assert_eq!(context["aws:sagemaker:featureGroupArn"], json!(arn));
        let id = text(&context["aws:sagemaker:featureGroupId"]);
        let name = arn.rsplit('/').next().unwrap();
        let expected = format!("SageMakerFeatureStore-{name}-{id}");
        assert_eq!(grant["Name"], json!(expected));
    }
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "one" }));
    let left = grants(&world, &key);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["Constraints"]["SourceArn"], json!(group_arn("two")));
    let record = serde_json::to_value(&world.records_of("RetireGrant")[0]).unwrap();
    assert_eq!(
        record["userIdentity"],
        json!({ "type": "AWSService", "invokedBy": SERVICE })
    );
}

#[test]
fn a_group_is_deleted_though_its_grant_or_its_key_is_gone() {
    let world = World::new();
    let key = world.key();
    world.group_under("g", &key);
    revoke(&world, &key, &grants(&world, &key)[0]);
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    world.group_under("g", &key);
    let input = json!({ "KeyId": key, "PendingWindowInDays": 7 });
    world.ok("ScheduleKeyDeletion", input);
    world.wait(8 * 24 * 3600);
    let undone = world.block_on(kms::maintain(&world.services));
    assert!(undone.is_empty(), "{undone:?}");
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
}

#[test]
fn nothing_is_left_of_a_group_whose_grant_cannot_be_made() {
    let world = World::new();
    let key = world.key();
    let allow = json!([
        { "Effect": "Allow", "Action": ["sagemaker:*", "kms:*"], "Resource": "*" },
        { "Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*" },
    ]);
    let user = world.user("user", &allow);
    let refused = world.call_as(&user, "CreateFeatureGroup", group_under("g", &key));
    check_refused(refused, "AccessDeniedException", "kms:CreateGrant");
    assert!(grants(&world, &key).is_empty());
    let named = json!({ "FeatureGroupName": "g" });
    world.refuses("DescribeFeatureGroup", named, "ResourceNotFound", "");
}

#[test]
fn a_policy_sees_what_the_grant_is_to_be() {
    let world = World::new();
    let key = world.key();
    for (condition, allowed) in [
        (
            json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:GrantConstraintType": "EncryptionContextEquals" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:GranteeServicePrincipal": SERVICE } }),
            true,
        ),
        (
            json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": ["Decrypt"] } }),
            false,
        ),
    ] {
        let allow = json!([
            { "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" },
            { "Effect": "Allow", "NotAction": "kms:CreateGrant", "Resource": "*" },
            { "Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": condition },
        ]);
        let name = format!("g{}", world.records().len());
        let user = world.user(&name, &allow);
        let created = world.call_as(&user, "CreateFeatureGroup", group_under(&name, &key));
        assert_eq!(created.is_ok(), allowed, "{condition}: {created:?}");
    }
}

#[test]
fn background_work_stops_with_the_grant_and_callers_go_on() {
    let world = World::new();
    let key = world.key();
    short_lived(&world, "stopped", Some(&key));
    short_lived(&world, "kept", Some(&key));
    short_lived(&world, "owned", None);
    let ours = |grant: &Value| grant["Constraints"]["SourceArn"] == json!(group_arn("stopped"));
    let grant = grants(&world, &key).into_iter().find(ours).unwrap();
    world.maintain();
    assert_eq!(failure_reason(&world, "stopped"), None);
    revoke(&world, &key, &grant);
    world.wait(2 * 3600);
    for _ in 0..3 {
        world.maintain();
    }
    // Two records of the group whose grant is gone.
    assert_eq!(world.cells(CELLS), 2);
    let reason = failure_reason(&world, "stopped").unwrap();
    let denied = format!("{SERVICE} is not authorized to perform: kms:Decrypt on resource: {key}");
    assert!(reason.contains(&denied), "{reason}");
    assert_eq!(failure_reason(&world, "kept"), None);
    let denials = denials(&world);
    assert_eq!(denials.len(), 1, "{denials:?}");
    assert_eq!(denials[0]["errorCode"], "AccessDenied");
    assert_eq!(denials[0]["userIdentity"]["invokedBy"], SERVICE);
    // Whoever may use the key goes on, and nobody sees what has expired.
    assert_eq!(world.get("stopped", "a"), None);
    let item = [("id", "c"), ("at", "2026-01-11T00:00:00Z")];
    world.put("stopped", &item).unwrap();
    assert!(world.get("stopped", "c").is_some());
}

#[test]
fn a_grant_of_the_same_terms_sets_background_work_going_again() {
    let world = World::new();
    let key = world.key();
    short_lived(&world, "g", Some(&key));
    let grant = grants(&world, &key).remove(0);
    revoke(&world, &key, &grant);
    world.wait(2 * 3600);
    world.maintain();
    assert_eq!(world.cells(CELLS), 2);
    world.ok("CreateGrant", again(&grant, &key));
    // What was passed over is tried again after a minute.
    world.wait(60);
    world.maintain();
    assert_eq!(failure_reason(&world, "g"), None);
    assert_eq!(world.cells(CELLS), 0);
}

#[test]
fn the_grant_of_a_deleted_group_does_not_serve_a_new_one_of_the_name() {
    let world = World::new();
    let key = world.key();
    short_lived(&world, "g", Some(&key));
    let old = grants(&world, &key).remove(0);
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    world.maintain();
    short_lived(&world, "g", Some(&key));
    revoke(&world, &key, &grants(&world, &key)[0]);
    // A grant for the name and ARN of the group, but with the id of the one before.
    let mut stale = again(&old, &key);
    stale.as_object_mut().unwrap().remove("Name");
    world.ok("CreateGrant", stale);
    world.wait(2 * 3600);
    world.maintain();
    assert_eq!(world.cells(CELLS), 2);
    assert!(failure_reason(&world, "g").unwrap().contains("kms:Decrypt"));
}

#[test]
fn background_work_stops_while_the_key_is_disabled() {
    let world = World::new();
    let key = world.key();
    short_lived(&world, "g", Some(&key));
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.wait(2 * 3600);
    world.maintain();
    assert_eq!(world.cells(CELLS), 2);
    let reason = failure_reason(&world, "g").unwrap();
    assert!(
        reason.contains("DisabledException") && reason.contains(&key),
        "{reason}"
    );
    world.ok("EnableKey", json!({ "KeyId": key }));
    world.wait(60);
    world.maintain();
    assert_eq!(world.cells(CELLS), 0);
}

#[test]
fn an_explicit_deny_in_the_key_policy_stops_the_service_too() {
    let world = World::new();
    let key = world.key();
    short_lived(&world, "g", Some(&key));
    let root = format!("arn:aws:iam::{}:root", crate::world::ACCOUNT);
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Deny", "Principal": { "Service": SERVICE }, "Action": "kms:Decrypt",
          "Resource": "*" },
    ] });
    let input = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy.to_string() });
    world.ok("PutKeyPolicy", input);
    world.wait(2 * 3600);
    world.maintain();
    assert_eq!(world.cells(CELLS), 2);
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    assert!(grants(&world, &key).is_empty());
}

#[test]
fn a_closed_group_does_not_hold_up_the_others() {
    let world = World::new();
    let key = world.key();
    short_lived(&world, "closed", Some(&key));
    for number in 0..600 {
        let (identifier, at) = (number.to_string(), "2026-01-10T00:00:00Z");
        let item = record(&[("id", &identifier), ("at", at)]);
        let input = json!({ "FeatureGroupName": "closed", "Record": item });
        world.ok("PutRecord", input);
    }
    short_lived(&world, "open", None);
    revoke(&world, &key, &grants(&world, &key)[0]);
    world.wait(2 * 3600);
    world.maintain();
    assert_eq!(world.cells(CELLS), 602);
    let expired = world.call("GetRecord", read("open", "a")).unwrap();
    assert_eq!(expired.get("Record"), None);
}

/// The request for a grant on `key` like one that was listed.
pub(crate) fn again(grant: &Value, key: &str) -> Value {
    let mut input = json!({ "KeyId": key });
    for member in [
        "Name",
        "GranteeServicePrincipal",
        "RetiringServicePrincipal",
        "Operations",
        "Constraints",
    ] {
        input[member] = grant[member].clone();
    }
    input
}

#[test]
fn a_key_policy_for_the_service_takes_the_place_of_no_grant() {
    let world = World::new();
    let key = world.key();
    short_lived(&world, "g", Some(&key));
    let root = format!("arn:aws:iam::{}:root", crate::world::ACCOUNT);
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": { "Service": SERVICE }, "Action": "kms:*",
          "Resource": "*" },
    ] });
    let input = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy.to_string() });
    world.ok("PutKeyPolicy", input);
    let grant = grants(&world, &key).remove(0);
    revoke(&world, &key, &grant);
    // Nor does a grant for the service that is not the group's.
    let mut other = again(&grant, &key);
    other["Name"] = "other".into();
    other["Constraints"] = json!({ "SourceArn": group_arn("g") });
    world.ok("CreateGrant", other);
    world.wait(2 * 3600);
    world.maintain();
    assert_eq!(world.cells(CELLS), 2);
    assert!(failure_reason(&world, "g").unwrap().contains("kms:Decrypt"));
    let doctor = world.ok("DiagnoseFeatureGroups", json!({}));
    assert_eq!(doctor["FeatureGroups"][0]["GrantPresent"], false);
    assert_eq!(doctor["FeatureGroups"][0]["BackgroundWork"], "Stopped");
}

#[test]
fn a_grant_that_was_made_again_is_retired_with_the_group() {
    let world = World::new();
    let key = world.key();
    world.group_under("g", &key);
    let grant = grants(&world, &key).remove(0);
    revoke(&world, &key, &grant);
    world.ok("CreateGrant", again(&grant, &key));
    assert_eq!(grants(&world, &key).len(), 1);
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    assert!(grants(&world, &key).is_empty());
}

#[test]
fn of_another_accounts_key_the_doctor_tells_nothing_that_its_policy_does_not() {
    let world = World::new();
    let owner = world.other_account("444455556666");
    let made = world.call_as(&owner, "CreateKey", json!({})).unwrap();
    let key = text(&made["KeyMetadata"]["Arn"]);
    let root = |account: &str| format!("arn:aws:iam::{account}:root");
    let policy = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": { "AWS": [root("444455556666"), root(crate::world::ACCOUNT)] },
    } });
    let put = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy.to_string() });
    world.call_as(&owner, "PutKeyPolicy", put).unwrap();
    world.group_under("g", &key);
    revoke(&world, &key, &grants(&world, &key)[0]);
    let told = |world: &World| {
        world.maintain();
        let doctor = world.ok("DiagnoseFeatureGroups", json!({}))["FeatureGroups"][0].clone();
        (doctor, failure_reason(world, "g").unwrap())
    };
    let enabled = told(&world);
    let disable = json!({ "KeyId": key });
    world.call_as(&owner, "DisableKey", disable).unwrap();
    assert_eq!(told(&world), enabled);
    let delete = json!({ "KeyId": key, "PendingWindowInDays": 7 });
    world
        .call_as(&owner, "ScheduleKeyDeletion", delete)
        .unwrap();
    assert_eq!(told(&world), enabled);
}

/// Lets the service look at `key`.
fn show(world: &World, key: &str) {
    let root = format!("arn:aws:iam::{}:root", crate::world::ACCOUNT);
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": { "Service": SERVICE }, "Resource": "*",
          "Action": ["kms:Describe*", "kms:Get*", "kms:List*"] },
    ] });
    let input = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy.to_string() });
    world.ok("PutKeyPolicy", input);
}

#[test]
fn the_doctor_looks_at_a_key_once_and_at_each_grant() {
    let world = World::new();
    let key = world.key();
    show(&world, &key);
    for name in ["one", "two", "three"] {
        world.group_under(name, &key);
    }
    revoke(&world, &key, &grants(&world, &key)[0]);
    let doctor = world.ok("DiagnoseFeatureGroups", json!({}));
    let groups = doctor["FeatureGroups"].as_array().unwrap();
    let present = groups.iter().filter(|group| group["GrantPresent"] == true);
    assert_eq!((groups.len(), present.count()), (3, 2));
    let looks = |operation: &str| {
        let records = world.records_of(operation).into_iter();
        let records = records.map(|record| serde_json::to_value(record).unwrap());
        let own = records.filter(|record| record["userIdentity"]["type"] == "AWSService");
        own.count()
    };
    let [described, rotation, listed] =
        ["DescribeKey", "GetKeyRotationStatus", "ListGrants"].map(looks);
    assert_eq!((described, rotation, listed), (1, 1, 3));
}

#[test]
fn the_doctor_is_asked_five_times_a_second_and_no_more() {
    let world = World::new();
    for _ in 0..5 {
        world.ok("DiagnoseFeatureGroups", json!({}));
    }
    let code = "ThrottlingException";
    world.refuses("DiagnoseFeatureGroups", json!({}), code, "Rate exceeded");
    world.wait(1);
    world.ok("DiagnoseFeatureGroups", json!({}));
}
