//! Listings: order, filters, pages.

use serde_json::{Value, json};

use crate::world::{World, allow};

/// AWS's own policies, as listings order them.
const OF_AWS: [&str; 12] = [
    "AdministratorAccess",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSageMakerFeatureStoreAccess",
    "AmazonSageMakerFullAccess",
    "AmazonSageMakerReadOnly",
    "AWSKeyManagementServicePowerUser",
    "IAMFullAccess",
    "IAMReadOnlyAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecurityAudit",
];

fn walk(world: &World, operation: &str, mut input: Value, member: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = world.ok(operation, input.clone());
        all.extend(page[member].as_array().unwrap().iter().cloned());
        assert_eq!(page["IsTruncated"], page.get("Marker").is_some());
        let Some(marker) = page.get("Marker") else {
            return all;
        };
        input["Marker"] = marker.clone();
    }
}

fn names(items: &[Value], member: &str) -> Vec<String> {
    items
        .iter()
        .map(|item| item[member].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn users_are_listed_in_pages_by_name() {
    let world = World::new();
    for name in ["delta", "Beta", "charlie"] {
        world.ok(
            "CreateUser",
            json!({ "UserName": name, "Tags": [{ "Key": "a", "Value": "" }] }),
        );
    }
    for size in [1, 2, 3, 4, 1000] {
        let users = walk(&world, "ListUsers", json!({ "MaxItems": size }), "Users");
        assert_eq!(
            names(&users, "UserName"),
            ["Administrator", "Beta", "charlie", "delta"]
        );
        assert!(users.iter().all(|user| user.get("Tags").is_none()));
    }
}

#[test]
fn a_path_selects_users() {
    let world = World::new();
    world.ok(
        "CreateUser",
        json!({ "UserName": "a", "Path": "/team/red/" }),
    );
    world.ok(
        "CreateUser",
        json!({ "UserName": "b", "Path": "/team/blue/" }),
    );
    world.ok("CreateUser", json!({ "UserName": "c", "Path": "/other/" }));
    let below = |path: &str| {
        names(
            &walk(&world, "ListUsers", json!({ "PathPrefix": path }), "Users"),
            "UserName",
        )
    };
    assert_eq!(below("/team/"), ["a", "b"]);
    assert_eq!(below("/team/red/"), ["a"]);
    assert_eq!(below("/none/"), Vec::<String>::new());
}

#[test]
fn a_marker_belongs_to_its_listing() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "a" }));
    let marker = world.ok("ListUsers", json!({ "MaxItems": 1 }))["Marker"].clone();
    let invalid = ("ValidationError", 400, "Invalid Marker.");
    let elsewhere = json!({ "Marker": marker, "PathPrefix": "/team/" });
    world.refuses("ListUsers", elsewhere, invalid);
    world.refuses("ListPolicies", json!({ "Marker": marker }), invalid);
    world.refuses("ListUsers", json!({ "Marker": "made-up" }), invalid);
}

#[test]
fn a_listing_goes_on_behind_a_deleted_item() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.ok("CreateUser", json!({ "UserName": name }));
    }
    let page = world.ok("ListUsers", json!({ "MaxItems": 2 }));
    assert_eq!(
        names(page["Users"].as_array().unwrap(), "UserName"),
        ["a", "Administrator"]
    );
    world.ok("DeleteUser", json!({ "UserName": "a" }));
    let page = world.ok("ListUsers", json!({ "Marker": page["Marker"] }));
    assert_eq!(
        names(page["Users"].as_array().unwrap(), "UserName"),
        ["b", "c"]
    );
}

#[test]
fn inline_policies_and_attachments_are_listed_in_pages() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    for name in ["p3", "p1", "p2"] {
        world.put_policy("Alice", name, &allow("kms:*", "*"));
        let arn = world.policy(name, &allow("kms:*", "*"));
        world.ok(
            "AttachUserPolicy",
            json!({ "UserName": "Alice", "PolicyArn": arn }),
        );
    }
    let input = json!({ "UserName": "Alice", "MaxItems": 2 });
    let inline = walk(&world, "ListUserPolicies", input.clone(), "PolicyNames");
    assert_eq!(inline, [json!("p1"), json!("p2"), json!("p3")]);
    let attached = walk(
        &world,
        "ListAttachedUserPolicies",
        input,
        "AttachedPolicies",
    );
    assert_eq!(names(&attached, "PolicyName"), ["p1", "p2", "p3"]);
}

#[test]
fn access_keys_are_listed_in_pages() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let mut keys = [world.key_of("Alice"), world.key_of("Alice")];
    keys.sort();
    let input = json!({ "UserName": "Alice", "MaxItems": 1 });
    let listed = walk(&world, "ListAccessKeys", input, "AccessKeyMetadata");
    assert_eq!(
        names(&listed, "AccessKeyId"),
        keys.map(|key| key.to_string())
    );
}

#[test]
fn scope_path_and_use_select_policies() {
    let world = World::new();
    let attached = world.policy("attached", &allow("kms:*", "*"));
    let boundary = world.policy("boundary", &allow("kms:*", "*"));
    let input = json!({
        "PolicyName": "below", "Path": "/team/", "PolicyDocument": allow("kms:*", "*").to_string(),
    });
    world.ok("CreatePolicy", input);
    world.ok(
        "CreateUser",
        json!({ "UserName": "Alice", "PermissionsBoundary": boundary }),
    );
    world.ok(
        "AttachUserPolicy",
        json!({ "UserName": "Alice", "PolicyArn": attached }),
    );
    let check = |input: Value, expected: &[&str]| {
        for size in [1, 100] {
            let mut input = input.clone();
            input["MaxItems"] = json!(size);
            let found = walk(&world, "ListPolicies", input.clone(), "Policies");
            assert_eq!(names(&found, "PolicyName"), expected, "{input}");
        }
    };
    let own = ["attached", "below", "boundary"];
    check(json!({}), &[&OF_AWS[..], &own].concat());
    check(json!({ "Scope": "All" }), &[&OF_AWS[..], &own].concat());
    check(json!({ "Scope": "AWS" }), &OF_AWS);
    check(
        json!({ "Scope": "Local" }),
        &["attached", "below", "boundary"],
    );
    check(json!({ "PathPrefix": "/team/" }), &["below"]);
    check(
        json!({ "OnlyAttached": true }),
        &["AdministratorAccess", "attached", "boundary"],
    );
    check(
        json!({ "PolicyUsageFilter": "PermissionsPolicy" }),
        &["AdministratorAccess", "attached"],
    );
    check(
        json!({ "PolicyUsageFilter": "PermissionsBoundary" }),
        &["boundary"],
    );
}
