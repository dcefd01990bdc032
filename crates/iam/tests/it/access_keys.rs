//! Access keys: creation, status, deletion.

use serde_json::json;
use types::AccessKeyId;

use crate::world::{World, allow, check_refused};

#[test]
fn a_new_key_has_the_form_of_aws() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let key = world.ok("CreateAccessKey", json!({ "UserName": "alice" }))["AccessKey"].clone();
    assert_eq!(
        (&key["UserName"], &key["Status"]),
        (&json!("Alice"), &json!("Active"))
    );
    let id = key["AccessKeyId"].as_str().unwrap();
    assert!(id.starts_with("AKIA") && id.len() == 20, "{id}");
    let secret = key["SecretAccessKey"].as_str().unwrap();
    assert_eq!(secret.len(), 40);
    let found = iam::find_credential(&world.view(), &id.parse().unwrap()).unwrap();
    assert_eq!(found.secret.expose(), secret.as_bytes());
}

#[test]
fn only_creation_shows_the_secret() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    let listed = world.ok("ListAccessKeys", json!({ "UserName": "Alice" }));
    assert_eq!(
        listed["AccessKeyMetadata"],
        json!([{
            "UserName": "Alice", "AccessKeyId": key.as_str(), "Status": "Active",
            "CreateDate": 1_700_000_000,
        }])
    );
    assert_eq!(listed["IsTruncated"], false);
}

#[test]
fn a_user_has_two_keys_at_most() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let first = world.key_of("Alice");
    world.key_of("Alice");
    let full = (
        "LimitExceeded",
        409,
        "Cannot exceed quota for AccessKeysPerUser: 2",
    );
    world.refuses("CreateAccessKey", json!({ "UserName": "Alice" }), full);
    let input = json!({ "UserName": "Alice", "AccessKeyId": first.as_str(), "Status": "Inactive" });
    world.ok("UpdateAccessKey", input);
    world.refuses("CreateAccessKey", json!({ "UserName": "Alice" }), full);
    world.ok(
        "DeleteAccessKey",
        json!({ "UserName": "Alice", "AccessKeyId": first.as_str() }),
    );
    world.key_of("Alice");
}

#[test]
fn an_inactive_key_stops_working_and_comes_back() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("iam:GetUser", "*")));
    let key = alice.access_key.clone().unwrap();
    let set = |status: &str| {
        let input = json!({ "UserName": "Alice", "AccessKeyId": key.as_str(), "Status": status });
        world.ok("UpdateAccessKey", input);
    };
    set("Inactive");
    assert!(iam::find_credential(&world.view(), &key).is_none());
    let state = iam::credential_state(&world.view(), &key);
    assert!(
        matches!(state, iam::CredentialState::Inactive { .. }),
        "{state:?}"
    );
    // A request that was authenticated just before is refused all the same.
    let refused = world.call_as(&alice, "GetUser", json!({})).unwrap_err();
    assert_eq!(
        refused.message,
        "The security token included in the request is invalid."
    );
    set("Active");
    world.call_as(&alice, "GetUser", json!({})).unwrap();
}

#[test]
fn a_deleted_key_is_unknown() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("iam:*", "*")));
    let key = alice.access_key.clone().unwrap();
    world
        .call_as(
            &alice,
            "DeleteAccessKey",
            json!({ "AccessKeyId": key.as_str() }),
        )
        .unwrap();
    let state = iam::credential_state(&world.view(), &key);
    assert!(matches!(state, iam::CredentialState::Unknown), "{state:?}");
    assert!(world.call_as(&alice, "GetUser", json!({})).is_err());
    let listed = world.ok("ListAccessKeys", json!({ "UserName": "Alice" }));
    assert_eq!(listed["AccessKeyMetadata"], json!([]));
}

#[test]
fn other_users_keys_count_as_missing() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    world.ok("CreateUser", json!({ "UserName": "Bob" }));
    let message = format!("The Access Key with id {key} cannot be found.");
    let missing = ("NoSuchEntity", 404, message.as_str());
    let input = json!({ "UserName": "Bob", "AccessKeyId": key.as_str(), "Status": "Inactive" });
    world.refuses("UpdateAccessKey", input, missing);
    let input = json!({ "UserName": "Bob", "AccessKeyId": key.as_str() });
    world.refuses("DeleteAccessKey", input, missing);
    assert!(iam::find_credential(&world.view(), &key).is_some());
}

#[test]
fn callers_cannot_let_a_key_expire() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    let input = json!({ "UserName": "Alice", "AccessKeyId": key.as_str(), "Status": "Expired" });
    world.refuses(
        "UpdateAccessKey",
        input,
        ("InvalidInput", 400, "the status `Expired` cannot be set"),
    );
}

#[test]
fn the_secret_of_a_key_is_named_by_a_version() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    let version = || iam::find_credential(&world.view(), &key).map(|found| found.secret_version);
    let before = version();
    world.put_policy("Alice", "P", &allow("iam:GetUser", "*"));
    assert_eq!(version(), before);
}

#[test]
fn the_root_user_manages_its_own_keys() {
    let world = World::new();
    let root = world.root();
    let created = world.call_as(&root, "CreateAccessKey", json!({})).unwrap();
    let id = created["AccessKey"]["AccessKeyId"]
        .as_str()
        .unwrap()
        .to_owned();
    let new: AccessKeyId = id.parse().unwrap();
    assert_eq!(world.caller(&new).unwrap().principal, root.principal);
    check_refused(
        world.call_as(&root, "CreateAccessKey", json!({})),
        (
            "LimitExceeded",
            409,
            "Cannot exceed quota for AccessKeysPerUser: 2",
        ),
    );
    let keys = world.call_as(&root, "ListAccessKeys", json!({})).unwrap();
    assert_eq!(keys["AccessKeyMetadata"].as_array().unwrap().len(), 2);
    let input = json!({ "AccessKeyId": id, "Status": "Inactive" });
    world.call_as(&root, "UpdateAccessKey", input).unwrap();
    assert!(world.caller(&new).is_none());
    world
        .call_as(&root, "DeleteAccessKey", json!({ "AccessKeyId": id }))
        .unwrap();
    let keys = world.call_as(&root, "ListAccessKeys", json!({})).unwrap();
    assert_eq!(keys["AccessKeyMetadata"].as_array().unwrap().len(), 1);
}
