//! What waits for the offline store, whoever goes away meanwhile, and the keys that it is under.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crypto::Key32;
use featurestore::{Options, RenewalLimits};
use online::{CellKey, DataKey, SealedCell};
use serde_json::{Value, json};
use store::{CommitError, KeyBuilder, View};
use types::Service;

use crate::grants::again;
use crate::keys::lent_key;
use crate::offline::{both, create, diagnosed, only, prepare, put, waiting, world};
use crate::renewal::{keys, own_calls};
use crate::world::{World, check_refused, day, delete, record};

/// The request for a group with both stores, whose online store is under `key`.
fn under(name: &str, key: &str) -> Value {
    let mut request = both(name, None);
    request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": key });
    request
}

/// What [`put`] sends.
fn sent(name: &str, at: u32) -> Value {
    json!({ "FeatureGroupName": name, "Record": record(&[("id", "a"), ("at", &day(at))]) })
}

fn named(name: &str) -> Value {
    json!({ "FeatureGroupName": name })
}

fn grants(world: &World, key: &str) -> usize {
    let listed = world.ok("ListGrants", json!({ "KeyId": key }));
    listed["Grants"].as_array().unwrap().len()
}

/// Whether the wrapped keys of the group of this number are there.
fn has_keys(world: &World, number: u64) -> bool {
    let tables = featurestore::tables().into_iter();
    let mut keys = tables.filter(|table| table.name() == "feature_group_keys");
    let row = KeyBuilder::default().number(number).build();
    let snapshot = world.services.store().snapshot();
    snapshot.row_revision(keys.next().unwrap(), &row).is_some()
}

fn counted(world: &World) -> u64 {
    let shown = diagnosed(world);
    let records = shown["OfflineStore"]["WaitingRecords"].as_u64();
    records.unwrap()
}

#[test]
fn a_failed_commit_takes_no_room() {
    let world = World::with(Options {
        outbox_budget: 600,
        ..Options::default()
    });
    prepare(&world, &[]);
    create(&world, both("g", None)).unwrap();
    for _ in 0..5 {
        world.faults.add(CommitError::Busy);
        let refused = put(&world, "g", 1, None).unwrap_err();
        assert_eq!(refused.code, "ServiceUnavailable");
    }
    put(&world, "g", 1, None).unwrap();
    assert_eq!(counted(&world), 1);
}

#[test]
fn what_may_be_durable_counts() {
    let world = world(&[]);
    create(&world, both("g", None)).unwrap();
    let reason = "the disk".to_owned();
    world.faults.add(CommitError::Unknown { reason });
    assert!(put(&world, "g", 1, None).is_err());
    assert_eq!(counted(&world), 1);
}

#[test]
fn what_a_client_that_hangs_up_has_written_counts() {
    let world = world(&[]);
    create(&world, both("g", None)).unwrap();
    let told = world.faults.unheard();
    assert!(world.hang_up(&world.administrator, "PutRecord", sent("g", 1)));
    told.notify_one();
    world.settle();
    assert_eq!((counted(&world), waiting(&world, 1).len()), (1, 1));
}

/// What waits for the deleted group of this number, as far as it opens: the identifiers.
fn opened(world: &World, number: u32) -> Vec<Vec<u8>> {
    let view = View::plain(world.services.store().snapshot());
    let row = KeyBuilder::default().number(number.into()).build();
    let drain = view.get(&featurestore::DRAINS, &row).unwrap().record;
    let keyring: &kms::Keyring = world.services.part().unwrap();
    let context = [("Arn", drain.group.arn.as_str()), ("Id", &drain.group.id)];
    let context = context.map(|(end, value)| {
        let name = format!("aws:sagemaker:featureGroup{end}");
        (name, value.to_owned())
    });
    let key_of = |number: u32| {
        let found = drain.keys.iter().find(|key| key.number == number)?;
        let (service, region) = (Service::SageMaker, &drain.group.region);
        let secret = keyring.decrypt_owned(
            &view,
            service,
            region,
            &context.clone().into(),
            &found.wrapped.0,
        );
        Some(Key32::try_from(secret.ok()?.expose()).unwrap())
    };
    let entries = waiting(world, number).into_iter();
    let opened = entries.filter_map(|entry| {
        let (key, sealed) = entry.payload[13..].split_at(CellKey::LENGTH);
        let cell = SealedCell::from_stored(sealed.to_vec()).unwrap();
        let data_key = cell.header().data_key;
        let data_key = DataKey::new(data_key, &key_of(data_key)?);
        let opened = cell.open(&data_key, &CellKey::from_bytes(key).unwrap());
        Some(opened.unwrap().record().unwrap().identifier().to_vec())
    });
    opened.collect()
}

/// A deployment whose data keys are renewed after ninety days, or this many records.
fn renewing(records: u64) -> World {
    let world = World::with(Options {
        renewal: RenewalLimits {
            records,
            ..RenewalLimits::default()
        },
        ..Options::default()
    });
    prepare(&world, &[]);
    world
}

#[test]
fn deleting_a_group_retires_its_grant_and_what_waits_still_opens() {
    let world = world(&[]);
    let key = world.key();
    create(&world, under("empty", &key)).unwrap();
    world.ok("DeleteFeatureGroup", named("empty"));
    assert_eq!(grants(&world, &key), 0);
    assert_eq!(own_calls(&world, "Decrypt"), 0);
    create(&world, under("full", &key)).unwrap();
    put(&world, "full", 1, None).unwrap();
    world.ok("DeleteFeatureGroup", named("full"));
    assert_eq!((grants(&world, &key), has_keys(&world, 2)), (0, false));
    assert_eq!(own_calls(&world, "Decrypt"), 1);
    // The service has no power over the key any more, and needs none.
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.maintain();
    let world = world.restarted();
    world.maintain();
    assert_eq!(opened(&world, 2), [b"a"]);
    assert_eq!(own_calls(&world, "Decrypt"), 1);
    world.ok("EnableKey", json!({ "KeyId": key }));
    create(&world, under("full", &key)).unwrap();
    assert_eq!(grants(&world, &key), 1, "a new group gets its own");
}

#[test]
fn what_waits_is_taken_over_from_every_key_that_the_group_is_under() {
    let world = world(&[]);
    let [first, second] = [world.key(), world.key()];
    create(&world, under("g", &first)).unwrap();
    put(&world, "g", 1, None).unwrap();
    let to = json!({ "FeatureGroupName": "g", "KmsKeyId": second });
    world.ok("RekeyFeatureGroup", to);
    put(&world, "g", 2, None).unwrap();
    assert_eq!((grants(&world, &first), grants(&world, &second)), (1, 1));
    world.ok("DeleteFeatureGroup", named("g"));
    assert_eq!((grants(&world, &first), grants(&world, &second)), (0, 0));
    assert_eq!(opened(&world, 1), [b"a", b"a"]);
}

#[test]
fn what_the_service_may_not_open_stays_closed_until_it_is_granted_again() {
    let closing: [fn(&World, &str, &Value); 2] = [
        |world, key, grant| {
            let grant = json!({ "KeyId": key, "GrantId": grant["GrantId"] });
            world.ok("RevokeGrant", grant);
        },
        |world, key, _grant| {
            world.ok("DisableKey", json!({ "KeyId": key }));
        },
    ];
    for close in closing {
        let world = world(&[]);
        let key = world.key();
        create(&world, under("g", &key)).unwrap();
        put(&world, "g", 1, None).unwrap();
        let grant = world.ok("ListGrants", json!({ "KeyId": key }))["Grants"][0].clone();
        close(&world, &key, &grant);
        world.ok("DeleteFeatureGroup", named("g"));
        check_refused(
            world.call("DescribeFeatureGroup", named("g")),
            "ResourceNotFound",
            "",
        );
        world.ok("EnableKey", json!({ "KeyId": key }));
        world.maintain();
        let world = world.restarted();
        world.maintain();
        assert_eq!((grants(&world, &key), waiting(&world, 1).len()), (0, 1));
        assert_eq!(opened(&world, 1), Vec::<Vec<u8>>::new());
        world.ok("CreateGrant", again(&grant, &key));
        world.maintain();
        assert_eq!(opened(&world, 1), [b"a"]);
        assert_eq!((grants(&world, &key), own_calls(&world, "Decrypt")), (0, 1));
    }
}

/// A world with a deleted group of which something waits, its KMS key, and the grant that it had, which
/// was revoked before if `revoked`.
fn deleted(revoked: bool) -> (World, String, Value) {
    let world = world(&[]);
    let key = world.key();
    create(&world, under("g", &key)).unwrap();
    put(&world, "g", 1, None).unwrap();
    let grant = world.ok("ListGrants", json!({ "KeyId": key }))["Grants"][0].clone();
    if revoked {
        let grant = json!({ "KeyId": key, "GrantId": grant["GrantId"] });
        world.ok("RevokeGrant", grant);
    }
    world.ok("DeleteFeatureGroup", named("g"));
    world.maintain();
    assert_eq!(grants(&world, &key), 0);
    (world, key, grant)
}

#[test]
fn a_deletion_that_loses_to_another_change_leaves_the_record_of_what_it_opened() {
    let world = world(&[]);
    let key = world.key();
    create(&world, under("g", &key)).unwrap();
    put(&world, "g", 1, None).unwrap();
    world.faults.skip(1);
    world.faults.add(CommitError::Conflict);
    world.ok("DeleteFeatureGroup", named("g"));
    world.settle();
    assert_eq!((grants(&world, &key), opened(&world, 1).len()), (0, 1));
    // It opened the data key twice, and retired the grant once.
    let recorded = ["Decrypt", "RetireGrant"].map(|operation| own_calls(&world, operation));
    assert_eq!(recorded, [2, 1]);
}

#[test]
fn taking_over_that_loses_to_another_change_is_recorded_and_tried_again() {
    let (world, key, grant) = deleted(true);
    world.ok("CreateGrant", again(&grant, &key));
    world.faults.add(CommitError::Conflict);
    world.maintain();
    assert_eq!(
        (opened(&world, 1).len(), own_calls(&world, "Decrypt")),
        (0, 1)
    );
    world.maintain();
    assert_eq!(
        (opened(&world, 1).len(), own_calls(&world, "Decrypt")),
        (1, 2)
    );
    assert_eq!(grants(&world, &key), 0);
}

#[test]
fn a_grant_that_is_made_again_for_nothing_is_retired_at_once() {
    let (world, key, grant) = deleted(false);
    world.ok("CreateGrant", again(&grant, &key));
    assert_eq!(grants(&world, &key), 1);
    world.maintain();
    assert_eq!((grants(&world, &key), own_calls(&world, "Decrypt")), (0, 1));
    assert_eq!(opened(&world, 1), [b"a"]);
}

#[test]
fn a_grant_that_is_made_again_waits_for_its_key() {
    let (world, key, grant) = deleted(true);
    world.ok("CreateGrant", again(&grant, &key));
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.maintain();
    assert_eq!((grants(&world, &key), opened(&world, 1).len()), (1, 0));
    world.ok("EnableKey", json!({ "KeyId": key }));
    world.maintain();
    assert_eq!((grants(&world, &key), opened(&world, 1).len()), (0, 1));
}

/// Whether anything is kept of the deleted group of this number: its keys, or sums of what waited.
fn is_kept(world: &World, number: u64) -> [bool; 2] {
    let row = KeyBuilder::default().number(number).build();
    let snapshot = world.services.store().snapshot();
    let kept = |name: &str| {
        let mut tables = featurestore::tables().into_iter();
        let table = tables.find(|table| table.name() == name).unwrap();
        snapshot.prefix_state(table, &row).1 > 0
    };
    [kept("feature_group_drains"), kept("offline_outbox_sums")]
}

#[test]
fn nothing_is_kept_of_a_deleted_group_once_nothing_waits() {
    let (world, key, grant) = deleted(true);
    world.wait(24 * 3600);
    world.maintain();
    assert_eq!(is_kept(&world, 1), [true, true]);
    let store = world.services.store();
    store
        .drop_log_segments(&featurestore::OUTBOX, u64::MAX)
        .unwrap();
    let world = world.restarted();
    world.ok("CreateGrant", again(&grant, &key));
    world.maintain();
    assert_eq!(is_kept(&world, 1), [false, false]);
    assert_eq!((grants(&world, &key), own_calls(&world, "Decrypt")), (0, 0));
}

#[test]
fn nothing_is_taken_from_under_a_key_that_its_owner_can_take_away_alone() {
    let world = world(&[]);
    let key = lent_key(&world, 3600);
    create(&world, under("g", &key)).unwrap();
    put(&world, "g", 1, None).unwrap();
    let grant = world.ok("ListGrants", json!({ "KeyId": key }))["Grants"][0].clone();
    world.ok("DeleteFeatureGroup", named("g"));
    assert_eq!((grants(&world, &key), waiting(&world, 1).len()), (0, 1));
    world.ok("CreateGrant", again(&grant, &key));
    world.maintain();
    // It opens what waits through the grant, while that stands.
    assert_eq!((grants(&world, &key), own_calls(&world, "Decrypt")), (1, 0));
    assert_eq!(opened(&world, 1), Vec::<Vec<u8>>::new());
}

#[test]
fn whoever_deletes_the_key_closes_what_waits_for_good() {
    let world = world(&[]);
    let key = world.key();
    create(&world, under("g", &key)).unwrap();
    put(&world, "g", 1, None).unwrap();
    world.ok("DeleteFeatureGroup", named("g"));
    assert_eq!(opened(&world, 1), [b"a"]);
    let deletion = json!({ "KeyId": key, "PendingWindowInDays": 7 });
    world.ok("ScheduleKeyDeletion", deletion);
    world.maintain();
    assert_eq!(opened(&world, 1), [b"a"]);
    world.wait(8 * 24 * 3600);
    let undone = world.block_on(kms::maintain(&world.services));
    assert!(undone.is_empty(), "{undone:?}");
    world.maintain();
    assert_eq!(opened(&world, 1), Vec::<Vec<u8>>::new());
    assert_eq!(waiting(&world, 1).len(), 1);
}

#[test]
fn many_data_keys_are_taken_over_one_commit_after_another() {
    let world = renewing(1);
    let key = world.key();
    create(&world, under("g", &key)).unwrap();
    for _ in 0..100 {
        put(&world, "g", 1, None).unwrap();
        world.maintain();
    }
    world.ok("DeleteFeatureGroup", named("g"));
    world.maintain();
    assert_eq!((grants(&world, &key), opened(&world, 1).len()), (0, 100));
}

#[test]
fn what_was_committed_and_not_counted_opens_after_the_group_is_deleted() {
    let world = world(&[]);
    let key = world.key();
    create(&world, under("g", &key)).unwrap();
    let told = world.faults.unheard();
    assert!(world.hang_up(&world.administrator, "PutRecord", sent("g", 1)));
    world.until(|| waiting(&world, 1).len() == 1);
    assert_eq!(counted(&world), 0);
    world.ok("DeleteFeatureGroup", named("g"));
    assert_eq!((grants(&world, &key), opened(&world, 1).len()), (0, 1));
    told.notify_one();
    world.settle();
    let world = world.restarted();
    world.maintain();
    assert_eq!((grants(&world, &key), opened(&world, 1).len()), (0, 1));
    create(&world, under("g", &key)).unwrap();
}

#[test]
fn a_write_before_the_deletion_opens_and_one_behind_it_is_refused() {
    let requests: [fn(&str, &str) -> Value; 2] = [under, |name, _key| only(name, None)];
    for request in requests {
        let world = world(&[]);
        let key = world.key();
        create(&world, request("before", &key)).unwrap();
        create(&world, request("behind", &key)).unwrap();
        // The deletion is decided, and then there is a write.
        let told = world.faults.held();
        assert!(world.hang_up(&world.administrator, "DeleteFeatureGroup", named("before")));
        put(&world, "before", 1, None).unwrap();
        told.notify_one();
        world.settle();
        assert_eq!(opened(&world, 1), [b"a"]);
        // The write is decided, and then there is the deletion.
        let told = world.faults.held();
        assert!(world.hang_up(&world.administrator, "PutRecord", sent("behind", 1)));
        world.ok("DeleteFeatureGroup", named("behind"));
        told.notify_one();
        world.settle();
        assert_eq!((grants(&world, &key), has_keys(&world, 2)), (0, false));
        assert_eq!([1, 2].map(|number| waiting(&world, number).len()), [1, 0]);
    }
}

#[test]
fn a_full_disk_keeps_no_keys_of_a_deleted_group() {
    let world = world(&[]);
    let key = world.key();
    create(&world, under("g", &key)).unwrap();
    assert_eq!((grants(&world, &key), has_keys(&world, 1)), (1, true));
    world.faults.is_full.store(true, Ordering::Relaxed);
    world.ok("DeleteFeatureGroup", named("g"));
    world.settle();
    assert!(!has_keys(&world, 1));
    world.faults.is_full.store(false, Ordering::Relaxed);
    assert_eq!(grants(&world, &key), 0);
}

#[test]
fn between_the_commits_of_a_deletion_nothing_is_written() {
    let world = world(&[]);
    let key = world.key();
    create(&world, under("g", &key)).unwrap();
    world.faults.skip(1);
    let told = world.faults.held();
    assert!(world.hang_up(&world.administrator, "DeleteFeatureGroup", named("g")));
    let deleting = || {
        let shown = world.call("DescribeFeatureGroup", named("g")).unwrap();
        shown["FeatureGroupStatus"] == "Deleting"
    };
    world.until(|| world.faults.is_empty());
    assert!(deleting());
    assert_eq!((grants(&world, &key), has_keys(&world, 1)), (1, true));
    check_refused(
        put(&world, "g", 1, None),
        "ValidationError",
        "being deleted",
    );
    told.notify_one();
    world.settle();
    assert_eq!((grants(&world, &key), has_keys(&world, 1)), (0, false));
}

#[test]
fn writes_beside_a_deletion_are_refused_or_open_behind_it() {
    let world = world(&[]);
    for round in 1..=20_u32 {
        let key = world.key();
        create(&world, under("g", &key)).unwrap();
        let put = |_| ("PutRecord", sent("g", 1));
        let mut calls: Vec<_> = (0..8).map(put).collect();
        let place = usize::try_from(round % 9).unwrap();
        calls.insert(place, ("DeleteFeatureGroup", named("g")));
        let mut outcomes = world.call_together(&world.administrator, calls);
        outcomes.remove(place).unwrap();
        world.settle();
        let taken = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(waiting(&world, round).len(), taken);
        assert_eq!(
            (grants(&world, &key), has_keys(&world, round.into())),
            (0, false)
        );
        if taken > 0 {
            assert_eq!(opened(&world, round).len(), taken);
        }
    }
}

#[test]
fn a_deletion_that_stops_between_its_commits_goes_on() {
    let world = world(&[]);
    let key = world.key();
    create(&world, under("g", &key)).unwrap();
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    world.ok("DeleteFeatureGroup", named("g"));
    assert_eq!((grants(&world, &key), has_keys(&world, 1)), (1, true));
    let shown = world.ok("DescribeFeatureGroup", named("g"));
    assert_eq!(shown["FeatureGroupStatus"], "Deleting");
    let world = world.restarted();
    world.maintain();
    assert_eq!((grants(&world, &key), has_keys(&world, 1)), (0, false));
    create(&world, under("g", &key)).unwrap();
}

#[test]
fn a_move_ends_though_something_waits_and_takes_its_data_keys_along() {
    let world = world(&[]);
    let [first, second, third] = [world.key(), world.key(), world.key()];
    create(&world, under("g", &first)).unwrap();
    put(&world, "g", 1, None).unwrap();
    let mut before = &first;
    for (key, wrapped) in [(&second, 1), (&third, 3)] {
        world.ok(
            "RekeyFeatureGroup",
            json!({ "FeatureGroupName": "g", "KmsKeyId": key }),
        );
        world.maintain();
        let seen = keys(&world, "g");
        assert_eq!(
            (&seen["State"], &seen["FormerKeys"], &seen["Progress"]),
            (&json!("Settled"), &json!([]), &Value::Null)
        );
        assert_eq!((grants(&world, before), grants(&world, key)), (0, 1));
        assert_eq!(own_calls(&world, "ReEncrypt"), wrapped);
        // Nothing needs it any more.
        world.ok("DisableKey", json!({ "KeyId": before }));
        put(&world, "g", 2, None).unwrap();
        before = key;
    }
    world.ok("DeleteFeatureGroup", named("g"));
    assert_eq!((grants(&world, &third), opened(&world, 1).len()), (0, 3));
}

#[test]
fn what_waits_moves_from_the_aws_owned_key_and_back() {
    let world = world(&[]);
    let key = world.key();
    create(&world, both("g", None)).unwrap();
    put(&world, "g", 1, None).unwrap();
    let to = json!({ "FeatureGroupName": "g", "KmsKeyId": key });
    world.ok("RekeyFeatureGroup", to);
    world.maintain();
    assert_eq!(own_calls(&world, "Encrypt"), 1);
    let back = json!({ "FeatureGroupName": "g", "AwsOwnedKey": true });
    world.ok("RekeyFeatureGroup", back);
    let unwrapped = own_calls(&world, "Decrypt");
    world.maintain();
    assert_eq!(keys(&world, "g")["State"], "Settled");
    assert!(own_calls(&world, "Decrypt") >= unwrapped + 2);
    assert_eq!(grants(&world, &key), 0);
}

#[test]
fn data_keys_are_renewed_again_though_something_waits() {
    let world = renewing(u64::MAX);
    create(&world, both("g", None)).unwrap();
    put(&world, "g", 1, None).unwrap();
    for number in 2..=4 {
        world.wait(90 * 24 * 3600);
        world.maintain();
        let seen = keys(&world, "g");
        assert_eq!(
            (&seen["DataKey"]["Number"], &seen["State"]),
            (&json!(number), &json!("Settled"))
        );
    }
}

#[test]
fn a_group_with_hundreds_of_data_keys_is_not_moved() {
    let world = renewing(1);
    create(&world, both("g", None)).unwrap();
    let to = json!({ "FeatureGroupName": "g", "KmsKeyId": world.key() });
    for _ in 1..256 {
        put(&world, "g", 1, None).unwrap();
        world.maintain();
    }
    assert_eq!(keys(&world, "g")["DataKey"]["Number"], 256);
    let refused = world.call("RekeyFeatureGroup", to);
    check_refused(refused, "ValidationException", "256 data keys");
}

#[test]
fn a_move_whose_end_fails_ends_later() {
    let world = world(&[]);
    let [first, second] = [world.key(), world.key()];
    create(&world, under("g", &first)).unwrap();
    put(&world, "g", 1, None).unwrap();
    let to = json!({ "FeatureGroupName": "g", "KmsKeyId": second });
    world.ok("RekeyFeatureGroup", to);
    // The record is sealed anew, and then the end is not committed.
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    let undone = world.block_on(featurestore::maintain(&world.services));
    assert_eq!(undone.len(), 1, "{undone:?}");
    let seen = keys(&world, "g");
    assert_eq!(seen["Progress"]["RecordsMoved"], 1, "{seen}");
    world.wait(1);
    world.maintain();
    assert_eq!(keys(&world, "g")["State"], "Settled");
    assert_eq!(grants(&world, &first), 0);
}

#[test]
fn a_clock_that_is_ahead_for_a_minute_sums_nothing_up() {
    let world = world(&[]);
    create(&world, both("g", None)).unwrap();
    put(&world, "g", 1, None).unwrap();
    world.maintain();
    let ahead = Duration::from_hours(24);
    world.clock.set_ahead(ahead);
    world.maintain();
    world.clock.set_back(ahead);
    world.maintain();
    world.ok("DeleteRecord", delete("g", "a", &day(2), None));
    world.wait(8 * 3600);
    world.maintain();
    let world = world.restarted();
    assert_eq!(counted(&world), 2);
}
