//! What the pipeline and other services ask IAM.

use std::sync::Arc;

use iam::{IamResources, Identities};
use pipeline::sources::{IdentitySource, PrincipalDirectory};
use serde_json::json;
use store::View;
use types::Arn;

use crate::world::{World, account, allow, id_of, user_arn};

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

#[test]
fn the_directory_finds_principals_by_arn_and_by_id() {
    let world = World::new();
    world.ok(
        "CreateUser",
        json!({ "UserName": "Alice", "Path": "/team/" }),
    );
    let alice = world.caller(&world.key_of("Alice")).unwrap();
    let view = world.view();
    let at = arn(&user_arn("team/Alice"));
    assert_eq!(IamResources.unique_id(&view, &at), Some(id_of(&alice)));
    assert_eq!(IamResources.arn_of(&view, &id_of(&alice)), Some(at));
    for missing in [
        user_arn("Alice"),
        user_arn("team/alice"),
        user_arn("team/Bob"),
        "arn:aws:iam::444455556666:user/team/Alice".to_owned(),
        "arn:aws:iam::111122223333:root".to_owned(),
        "arn:aws:kms:us-east-1:111122223333:key/x".to_owned(),
    ] {
        assert_eq!(
            IamResources.unique_id(&view, &arn(&missing)),
            None,
            "{missing}"
        );
    }
}

#[test]
fn a_deleted_principal_has_no_arn() {
    let world = World::new();
    let alice = id_of(&world.user("Alice", None));
    let key = world.ok("ListAccessKeys", json!({ "UserName": "Alice" }));
    let key = &key["AccessKeyMetadata"][0]["AccessKeyId"];
    world.ok(
        "DeleteAccessKey",
        json!({ "UserName": "Alice", "AccessKeyId": key }),
    );
    world.ok("DeleteUser", json!({ "UserName": "Alice" }));
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    assert_eq!(IamResources.arn_of(&world.view(), &alice), None);
}

#[test]
fn the_directory_knows_accounts() {
    let world = World::new();
    let view = world.view();
    assert!(IamResources.account_exists(&view, account()));
    assert!(!IamResources.account_exists(&view, "444455556666".parse().unwrap()));
}

#[test]
fn policies_are_gathered_once_until_something_changes() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("kms:*", "*")));
    let identities = Identities::default();
    let gathered = || identities.policies(&world.view(), &alice.principal);
    let first = gathered();
    assert_eq!(first.identity.len(), 1);
    assert!(Arc::ptr_eq(&first, &gathered()));
    // What is no policy and no user does not matter.
    let key = world.key_of("Administrator");
    let _ = world.call_as(&alice, "ListUsers", json!({}));
    let before = gathered();
    assert!(Arc::ptr_eq(&before, &gathered()));
    world.ok(
        "DeleteAccessKey",
        json!({ "UserName": "Administrator", "AccessKeyId": key.as_str() }),
    );
    let policy = world.policy("P", &allow("kms:*", "*"));
    world.ok(
        "AttachUserPolicy",
        json!({ "UserName": "Alice", "PolicyArn": policy }),
    );
    assert_eq!(gathered().identity.len(), 2);
}

#[test]
fn an_old_snapshot_shows_the_old_policies() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("kms:*", "*")));
    let identities = Identities::default();
    let old = world.view();
    world.ok(
        "DeleteUserPolicy",
        json!({ "UserName": "Alice", "PolicyName": "inline" }),
    );
    let new = world.view();
    for _ in 0..2 {
        assert_eq!(
            identities.policies(&old, &alice.principal).identity.len(),
            1
        );
        assert_eq!(
            identities.policies(&new, &alice.principal).identity.len(),
            0
        );
    }
}

#[test]
fn what_decides_a_change_becomes_its_precondition() {
    let world = World::new();
    let alice = world.user("Alice", Some(allow("kms:*", "*")));
    let identities = Identities::default();
    // Warm, so that only a cache could answer without reading.
    let _ = identities.policies(&world.view(), &alice.principal);
    let view = View::recording(world.services.store().snapshot());
    let _ = identities.policies(&view, &alice.principal);
    assert!(identities.is_active(&view, &alice));
    let reads = view.reads();
    let holds = || {
        let snapshot = world.services.store().snapshot();
        reads.iter().all(|read| read.holds_in(&snapshot))
    };
    assert!(holds());
    world.ok("CreateUser", json!({ "UserName": "Unrelated" }));
    assert!(holds());
    world.put_policy("Alice", "another", &allow("kms:*", "*"));
    assert!(!holds());
}

#[test]
fn the_state_of_a_key_is_a_precondition_too() {
    let world = World::new();
    let alice = world.user("Alice", None);
    let key = alice.access_key.clone().unwrap();
    let view = View::recording(world.services.store().snapshot());
    assert!(Identities::default().is_active(&view, &alice));
    let reads = view.reads();
    let input = json!({ "UserName": "Alice", "AccessKeyId": key.as_str(), "Status": "Inactive" });
    world.ok("UpdateAccessKey", input);
    let snapshot = world.services.store().snapshot();
    assert!(!reads.iter().all(|read| read.holds_in(&snapshot)));
}
