//! A new key for the administrator, made with the seal.

use serde_json::json;
use store::{Batch, CommitError, View};

use crate::world::{World, account};

fn reset(world: &World) -> (Batch, iam::Reset) {
    let mut batch = Batch::default();
    let view = View::recording(world.services.store().snapshot());
    let now = world.services.clock().now();
    let made = iam::reset_administrator(&mut batch, &view, now, world.services.entropy());
    (batch, made.unwrap().unwrap())
}

#[test]
fn the_new_key_takes_the_place_of_all_others() {
    let world = World::new();
    let second = world.key_of("Administrator");
    let (batch, made) = reset(&world);
    world.commit(batch);
    assert_eq!(made.account, account());
    assert_eq!(made.deleted, [world.first_key.id.clone(), second.clone()]);
    assert!(!made.made_user && !made.attached_policy);
    for old in [&world.first_key.id, &second] {
        assert!(iam::find_credential(&world.view(), old).is_none());
    }
    let found = iam::find_credential(&world.view(), &made.key.id).unwrap();
    assert_eq!(found.secret.expose(), made.key.secret.expose());
    let caller = world.caller(&made.key.id).unwrap();
    let listed = world.call_as(&caller, "ListAccessKeys", json!({})).unwrap();
    let keys = listed["AccessKeyMetadata"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["AccessKeyId"], made.key.id.as_str());
}

#[test]
fn a_key_that_is_made_meanwhile_is_not_overlooked() {
    let world = World::new();
    let (batch, _) = reset(&world);
    world.key_of("Administrator");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let lost = runtime.block_on(world.services.store().commit(batch));
    assert!(matches!(lost, Err(CommitError::Conflict)), "{lost:?}");
}

#[test]
fn a_store_without_an_account_has_nobody_to_reset() {
    let empty = store::SnapshotBuilder::new(&iam::tables()).build(0);
    let world = World::new();
    let view = View::recording(empty.into());
    let now = world.services.clock().now();
    let made =
        iam::reset_administrator(&mut Batch::default(), &view, now, world.services.entropy());
    assert!(made.unwrap().is_none());
    assert!(iam::reset_root(&mut Batch::default(), &view, now, world.services.entropy()).is_none());
}

#[test]
fn the_root_user_gets_a_key_in_the_place_of_its_others() {
    let world = World::new();
    let reset = || {
        let mut batch = Batch::default();
        let view = View::recording(world.services.store().snapshot());
        let now = world.services.clock().now();
        let made = iam::reset_root(&mut batch, &view, now, world.services.entropy()).unwrap();
        world.commit(batch);
        made
    };
    let (first, second) = (reset(), reset());
    assert_eq!(
        (first.account, second.account, &*second.deleted),
        (account(), account(), &[first.key.id.clone()][..])
    );
    assert!(first.deleted.is_empty());
    assert!(iam::find_credential(&world.view(), &first.key.id).is_none());
    let caller = world.caller(&second.key.id).unwrap();
    let listed = world.call_as(&caller, "ListAccessKeys", json!({})).unwrap();
    let keys = listed["AccessKeyMetadata"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["AccessKeyId"], second.key.id.as_str());
    assert!(world.caller(&world.first_key.id).is_some());
}
