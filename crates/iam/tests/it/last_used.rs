//! When access keys were last used.

use serde_json::{Value, json};
use types::{AccessKeyId, Clock, Service};

use crate::world::{World, account, region};

fn used(world: &World, key: &AccessKeyId) -> Value {
    world.ok(
        "GetAccessKeyLastUsed",
        json!({ "AccessKeyId": key.as_str() }),
    )
}

fn record(world: &World, key: &AccessKeyId, service: Service) {
    let part = world.services.part::<iam::LastUsed>().unwrap();
    part.record(key, service, &region(), world.clock.now());
}

fn flush(world: &World) -> bool {
    let part = world.services.part::<iam::LastUsed>().unwrap();
    let batch = part.flush(&world.services.store().snapshot());
    let some = batch.is_some();
    if let Some(batch) = batch {
        world.commit(batch);
    }
    some
}

#[test]
fn a_key_that_was_never_used_says_so() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    assert_eq!(
        used(&world, &key),
        json!({
            "UserName": "Alice",
            "AccessKeyLastUsed": { "ServiceName": "N/A", "Region": "N/A" },
        })
    );
}

#[test]
fn the_latest_use_is_answered_before_and_after_it_is_written() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    record(&world, &key, Service::Kms);
    world.wait(60);
    record(&world, &key, Service::FeatureStoreRuntime);
    let expected = json!({
        "UserName": "Alice",
        "AccessKeyLastUsed": {
            "LastUsedDate": 1_700_000_060, "ServiceName": "sagemaker", "Region": "us-east-1",
        },
    });
    assert_eq!(used(&world, &key), expected);
    assert!(flush(&world));
    assert_eq!(used(&world, &key), expected);
    // What is written already is not written again.
    assert!(!flush(&world));
    world.wait(1);
    record(&world, &key, Service::Kms);
    assert_eq!(
        used(&world, &key)["AccessKeyLastUsed"]["ServiceName"],
        "kms"
    );
    assert!(flush(&world));
}

#[test]
fn a_written_use_survives_what_memory_forgets() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    let restarted = iam::LastUsed::default();
    restarted.record(&key, Service::Iam, &region(), world.clock.now());
    world.commit(restarted.flush(&world.services.store().snapshot()).unwrap());
    assert_eq!(
        used(&world, &key)["AccessKeyLastUsed"]["LastUsedDate"],
        1_700_000_000
    );
}

#[test]
fn an_earlier_use_that_arrives_late_changes_nothing() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    let part = world.services.part::<iam::LastUsed>().unwrap();
    let early = world.clock.now();
    world.wait(10);
    part.record(&key, Service::Kms, &region(), world.clock.now());
    part.record(&key, Service::Kms, &region(), early);
    assert_eq!(
        used(&world, &key)["AccessKeyLastUsed"]["LastUsedDate"],
        1_700_000_010
    );
}

#[test]
fn nothing_is_kept_of_a_deleted_key() {
    let world = World::new();
    let key = world.user("Alice", None).access_key.unwrap();
    record(&world, &key, Service::Kms);
    assert!(flush(&world));
    world.ok(
        "DeleteAccessKey",
        json!({ "UserName": "Alice", "AccessKeyId": key.as_str() }),
    );
    world.wait(5);
    record(&world, &key, Service::Kms);
    assert!(!flush(&world));
    let part = world.services.part::<iam::LastUsed>().unwrap();
    assert_eq!(format!("{part:?}"), "LastUsed(0)");
}

#[test]
fn unknown_keys_and_those_of_other_accounts_are_not_found() {
    let world = World::new();
    // A second account.
    let mut batch = store::Batch::default();
    let other = "444455556666".parse().unwrap();
    assert_ne!(other, account());
    let theirs = iam::bootstrap(
        &mut batch,
        other,
        world.clock.now(),
        world.services.entropy(),
    )
    .unwrap();
    world.commit(batch);
    for key in ["AKIAUNKNOWNUNKNOWN22", theirs.id.as_str()] {
        let message = format!("The Access Key with id {key} cannot be found.");
        world.refuses(
            "GetAccessKeyLastUsed",
            json!({ "AccessKeyId": key }),
            ("NoSuchEntity", 404, &message),
        );
    }
}
