//! The end of keys: scheduled, taken back, carried out, and final.

use kms::{
    CancelKeyDeletion, CreateAlias, CreateGrant, Decrypt, DescribeKey, EnableKeyRotation, Encrypt,
    ListAliases, ListRetirableGrants, RotateKeyOnDemand, ScheduleKeyDeletion,
};
use pipeline::Caller;
use shapes::kms::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateGrantRequest, EnableKeyRotationRequest,
    GrantOperation, KeyState, ListAliasesRequest, ListRetirableGrantsRequest,
    RotateKeyOnDemandRequest, ScheduleKeyDeletionRequest,
};

use crate::decryption::decrypt;
use crate::grants::grant;
use testkit::TestDisk;

use crate::harness::{ALL_OF_KMS, AWAY, HOME, World};
use crate::keys::{create, describe, encrypt};

fn schedule(key: &str, days: Option<i32>) -> ScheduleKeyDeletionRequest {
    ScheduleKeyDeletionRequest {
        key_id: key.to_owned(),
        pending_window_in_days: days,
    }
}

fn cancel(key: &str) -> CancelKeyDeletionRequest {
    CancelKeyDeletionRequest {
        key_id: key.to_owned(),
    }
}

async fn blob(world: &World, caller: &Caller, key: &str) -> shapes::Blob {
    let answer = world.call::<Encrypt>(caller, encrypt(key)).await.unwrap();
    answer.ciphertext_blob.unwrap()
}

#[tokio::test]
async fn keys_end_in_the_last_room_and_rotate_when_there_is_more() {
    let world = World::new();
    let admin = world.admin();
    let (ending, rotating) = (create(&world, &admin).await, create(&world, &admin).await);
    let rotated = EnableKeyRotationRequest {
        key_id: rotating.key_id.clone(),
        rotation_period_in_days: Some(90),
    };
    world
        .call::<EnableKeyRotation>(&admin, rotated)
        .await
        .unwrap();
    let scheduled = schedule(&ending.key_id, Some(7));
    world
        .call::<ScheduleKeyDeletion>(&admin, scheduled)
        .await
        .unwrap();
    world.advance(100 * 86_400);
    world.disk.leave(100 << 20);
    let undone = kms::maintain(&world.services).await;
    assert_eq!(undone.len(), 1, "{undone:?}");
    assert!(undone[0].what.contains(&rotating.key_id), "{undone:?}");
    let events = || {
        let records = world.records(HOME).into_iter();
        let names = records.map(|record| record.event_name);
        names
            .filter(|name| ["RotateKey", "DeleteKey"].contains(&name.as_str()))
            .collect::<Vec<_>>()
    };
    assert_eq!(events(), ["DeleteKey"]);
    world.disk.leave(TestDisk::TOTAL);
    world.maintain().await;
    assert_eq!(events().len(), 2);
}

#[tokio::test]
async fn a_key_ends_though_maintenance_came_early_in_its_last_second() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let id = key.key_id.as_str();
    world.advance_millis(700);
    let scheduled = schedule(id, Some(7));
    world
        .call::<ScheduleKeyDeletion>(&admin, scheduled)
        .await
        .unwrap();
    world.advance(7 * 86_400 - 1);
    world.advance_millis(600);
    world.maintain().await;
    let shown = world.call::<DescribeKey>(&admin, describe(id)).await;
    let state = shown.unwrap().key_metadata.unwrap().key_state;
    assert_eq!(state, Some(KeyState::PendingDeletion));
    world.advance(1);
    world.maintain().await;
    let (code, _) = world.failure::<DescribeKey>(&admin, describe(id)).await;
    assert_eq!(code, "NotFoundException");
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_a_minute_destroys_no_key() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let id = key.key_id.as_str();
    let scheduled = schedule(id, Some(7));
    world
        .call::<ScheduleKeyDeletion>(&admin, scheduled)
        .await
        .unwrap();
    world.maintain().await;
    let state = async || {
        let shown = world.call::<DescribeKey>(&admin, describe(id)).await;
        shown
            .ok()
            .map(|shown| shown.key_metadata.unwrap().key_state)
    };
    let waits = Some(Some(KeyState::PendingDeletion));
    world.set_days_ahead(100);
    for _ in 0..60 {
        world.advance(1);
        world.maintain().await;
        assert_eq!(state().await, waits);
    }
    world.set_days_back(100);
    world.maintain().await;
    assert_eq!(state().await, waits);
    // A clock that keeps to its new time is right.
    world.set_days_ahead(100);
    world.maintain().await;
    assert_eq!(state().await, waits);
    world.advance(3600);
    world.maintain().await;
    assert_eq!(state().await, None);
}

#[tokio::test]
async fn on_a_full_disk_a_key_whose_time_has_come_is_destroyed_though_old_rows_lie_about() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let scheduled = schedule(&key.key_id, Some(7));
    world
        .call::<ScheduleKeyDeletion>(&admin, scheduled)
        .await
        .unwrap();
    let arn = key.arn.as_deref().unwrap().parse().unwrap();
    let earlier = kms::fuzzing::earlier_grant_index(&arn, 10_000).unwrap();
    world.services.store().commit(earlier).await.unwrap();
    world.advance(7 * 86_400 - 60);
    world.disk.leave(100 << 20);
    let of_the_index =
        |undone: &[kms::Undone]| undone.iter().all(|one| one.what == "kms_grant_index");
    for _ in 0..30 {
        // Nothing else is left undone.
        let undone = kms::maintain(&world.services).await;
        assert!(undone.len() == 1 && of_the_index(&undone), "{undone:?}");
    }
    world.advance(120);
    let undone = kms::maintain(&world.services).await;
    assert!(undone.len() == 1 && of_the_index(&undone), "{undone:?}");
    let left = || kms::fuzzing::leftovers(&world.view(), &arn);
    assert!(!left().contains(&"kms_keys"), "{:?}", left());
    world.disk.leave(TestDisk::TOTAL);
    world.maintain().await;
    assert_eq!(left(), Vec::<&str>::new());
}

#[tokio::test]
async fn what_can_be_undone_goes_by_the_clock_as_it_is() {
    let world = World::new();
    let admin = world.admin();
    let waiting = create(&world, &admin).await;
    let scheduled = schedule(&waiting.key_id, Some(7));
    world
        .call::<ScheduleKeyDeletion>(&admin, scheduled)
        .await
        .unwrap();
    world.maintain().await;
    world.set_days_ahead(100);
    let other = create(&world, &admin).await;
    world
        .put_in_state(other.arn.as_deref().unwrap(), kms::KeyState::Creating)
        .await;
    world.advance(60);
    world.maintain().await;
    let shown = world
        .call::<DescribeKey>(&admin, describe(&other.key_id))
        .await;
    let state = shown.unwrap().key_metadata.unwrap().key_state;
    assert_eq!(state, Some(KeyState::Enabled));
}

#[tokio::test]
async fn a_key_waits_for_its_end_and_can_be_kept() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let id = key.key_id.as_str();
    let answer = world
        .call::<ScheduleKeyDeletion>(&admin, schedule(id, Some(7)))
        .await
        .unwrap();
    let end = 1_795_466_820 + 7 * 86_400;
    assert_eq!(answer.key_id, key.arn);
    assert_eq!(answer.key_state, Some(KeyState::PendingDeletion));
    assert_eq!(answer.pending_window_in_days, Some(7));
    assert_eq!(
        answer.deletion_date.map(types::Timestamp::seconds),
        Some(end)
    );
    let record = world.newest_record(HOME);
    assert_eq!(record.response_elements["keyId"], key.arn.clone().unwrap());
    assert_eq!(record.response_elements["keyState"], "PendingDeletion");
    let shown = world
        .call::<DescribeKey>(&admin, describe(id))
        .await
        .unwrap();
    let shown = shown.key_metadata.unwrap();
    assert_eq!(
        (shown.enabled, shown.deletion_date),
        (Some(false), answer.deletion_date)
    );
    let failure = world.failure::<Encrypt>(&admin, encrypt(id)).await;
    let text = format!("{} is pending deletion.", key.arn.clone().unwrap());
    assert_eq!(failure, ("KMSInvalidStateException".to_owned(), text));
    let (code, _) = world
        .failure::<ScheduleKeyDeletion>(&admin, schedule(id, None))
        .await;
    assert_eq!(code, "KMSInvalidStateException");
    world.pass_days(6).await;
    let kept = world
        .call::<CancelKeyDeletion>(&admin, cancel(id))
        .await
        .unwrap();
    assert_eq!(kept.key_id, key.arn);
    world.pass_days(30).await;
    let shown = world
        .call::<DescribeKey>(&admin, describe(id))
        .await
        .unwrap();
    let shown = shown.key_metadata.unwrap();
    assert_eq!(
        (shown.key_state, shown.deletion_date),
        (Some(KeyState::Disabled), None)
    );
    let failure = world.failure::<CancelKeyDeletion>(&admin, cancel(id)).await;
    let text = format!("{} is not pending deletion.", key.arn.unwrap());
    assert_eq!(failure, ("KMSInvalidStateException".to_owned(), text));
}

#[tokio::test]
async fn the_waiting_period_has_7_to_30_days() {
    let world = World::new();
    let admin = world.admin();
    let id = create(&world, &admin).await.key_id;
    for days in [1, 6, 31, 365] {
        let (code, _) = world
            .failure::<ScheduleKeyDeletion>(&admin, schedule(&id, Some(days)))
            .await;
        assert_eq!(code, "ValidationException", "{days}");
    }
    let answer = world
        .call::<ScheduleKeyDeletion>(&admin, schedule(&id, None))
        .await
        .unwrap();
    assert_eq!(answer.pending_window_in_days, Some(30));
}

#[tokio::test]
async fn the_waiting_period_is_a_condition_key() {
    let world = World::new();
    let id = create(&world, &world.admin()).await.key_id;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":"kms:ScheduleKeyDeletion","Resource":"*","Condition":{"NumericGreaterThanEquals":
        {"kms:ScheduleKeyDeletionPendingWindowInDays":"21"}}}]}"#;
    let user = world.user(HOME, "User", Some(policy));
    assert!(
        world
            .call::<ScheduleKeyDeletion>(&user, schedule(&id, Some(20)))
            .await
            .is_err()
    );
    world
        .call::<ScheduleKeyDeletion>(&user, schedule(&id, Some(21)))
        .await
        .unwrap();
}

#[tokio::test]
async fn at_its_end_everything_of_a_key_is_gone_and_other_keys_are_not() {
    let world = World::new();
    let admin = world.admin();
    let (gone, kept) = (create(&world, &admin).await, create(&world, &admin).await);
    let (id, other) = (gone.key_id.as_str(), kept.key_id.as_str());
    let (lost, safe) = (
        blob(&world, &admin, id).await,
        blob(&world, &admin, other).await,
    );
    for (name, key) in [("alias/gone", id), ("alias/kept", other)] {
        let input = CreateAliasRequest {
            alias_name: name.to_owned(),
            target_key_id: key.to_owned(),
        };
        world.call::<CreateAlias>(&admin, input).await.unwrap();
    }
    let me = admin.principal.arn().unwrap().to_string();
    for key in [id, other] {
        let input = CreateGrantRequest {
            retiring_principal: Some(me.clone()),
            ..grant(key, &me, &[GrantOperation::Encrypt])
        };
        world.call::<CreateGrant>(&admin, input).await.unwrap();
    }
    world
        .fill_with_grants(gone.arn.as_deref().unwrap(), 700)
        .await;
    let rotate = RotateKeyOnDemandRequest {
        key_id: other.to_owned(),
    };
    world
        .call::<RotateKeyOnDemand>(&admin, rotate)
        .await
        .unwrap();
    world
        .call::<ScheduleKeyDeletion>(&admin, schedule(id, Some(7)))
        .await
        .unwrap();
    world.pass_days(7).await;
    let failure = world.failure::<DescribeKey>(&admin, describe(id)).await;
    let text = format!("Key '{}' does not exist", gone.arn.clone().unwrap());
    assert_eq!(failure, ("NotFoundException".to_owned(), text));
    let (code, _) = world.failure::<Decrypt>(&admin, decrypt(lost, None)).await;
    assert_eq!(code, "AccessDeniedException");
    let world = world.restarted();
    let opened = world
        .call::<Decrypt>(&admin, decrypt(safe, None))
        .await
        .unwrap();
    assert_eq!(opened.key_id, kept.arn);
    world
        .call::<Encrypt>(&admin, encrypt("alias/kept"))
        .await
        .unwrap();
    let aliases = world
        .call::<ListAliases>(&admin, ListAliasesRequest::default())
        .await
        .unwrap();
    let names: Vec<_> = aliases
        .aliases
        .unwrap()
        .into_iter()
        .map(|alias| alias.alias_name)
        .collect();
    assert_eq!(names, [Some("alias/kept".to_owned())]);
    let input = ListRetirableGrantsRequest {
        retiring_principal: Some(me),
        ..ListRetirableGrantsRequest::default()
    };
    let grants = world
        .call::<ListRetirableGrants>(&admin, input)
        .await
        .unwrap()
        .grants
        .unwrap();
    assert_eq!(grants.len(), 1);
    assert!(kms::fuzzing::leftovers(&world.view(), &gone.arn.unwrap().parse().unwrap()).is_empty());
    let events = world.records(HOME);
    let deleted: Vec<_> = events
        .iter()
        .filter(|record| record.event_name == "DeleteKey")
        .collect();
    assert_eq!(deleted.len(), 1);
    let details = serde_json::json!({ "keyId": gone.key_id });
    assert_eq!(deleted[0].service_event_details, Some(details));
    // What is made afterwards is wrapped under the new shred key, and lasts.
    let later = create(&world, &admin).await;
    let blob = blob(&world, &admin, &later.key_id).await;
    let world = world.restarted();
    world
        .call::<Decrypt>(&admin, decrypt(blob, None))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_deleted_key_cannot_be_recovered_from_a_copy_of_the_directory() {
    let world = World::new();
    let admin = world.admin();
    let (gone, kept) = (create(&world, &admin).await, create(&world, &admin).await);
    let id = gone.key_id.as_str();
    let (lost, safe) = (
        blob(&world, &admin, id).await,
        blob(&world, &admin, &kept.key_id).await,
    );
    let arn = gone.arn.as_deref().unwrap().parse().unwrap();
    // The wrapped material, as it also stays in the store's files.
    let wrapped = kms::fuzzing::wrapped_materials(&world.view(), &arn);
    assert_eq!(wrapped.len(), 1);
    world
        .call::<ScheduleKeyDeletion>(&admin, schedule(id, Some(7)))
        .await
        .unwrap();
    let before = world.copied();
    assert!(kms::fuzzing::opens(&before.services, &arn, &wrapped).unwrap());
    world.pass_days(7).await;
    assert!(!kms::fuzzing::opens(&world.services, &arn, &wrapped).unwrap());
    // With the data key, the wrapped material and all files of the directory.
    let after = world.copied();
    assert!(!kms::fuzzing::opens(&after.services, &arn, &wrapped).unwrap());
    let (code, _) = after
        .failure::<Decrypt>(&admin, decrypt(lost.clone(), None))
        .await;
    assert_eq!(code, "AccessDeniedException");
    after
        .call::<Decrypt>(&admin, decrypt(safe, None))
        .await
        .unwrap();
    // A copy from before still holds it.
    before
        .call::<CancelKeyDeletion>(&admin, cancel(id))
        .await
        .unwrap();
    let enable = shapes::kms::EnableKeyRequest {
        key_id: id.to_owned(),
    };
    before.call::<kms::EnableKey>(&admin, enable).await.unwrap();
    before
        .call::<Decrypt>(&admin, decrypt(lost, None))
        .await
        .unwrap();
    // The old slot is not in the file any more.
    let old = std::fs::read(before.directory().join("shred.keys")).unwrap();
    let new = std::fs::read(world.directory().join("shred.keys")).unwrap();
    assert_ne!(old[..141], new[..141]);
}

#[tokio::test]
async fn a_copy_from_before_loses_the_keys_that_were_deleted_since() {
    let world = World::new();
    let admin = world.admin();
    let (gone, kept) = (create(&world, &admin).await, create(&world, &admin).await);
    let (lost, safe) = (
        blob(&world, &admin, &gone.key_id).await,
        blob(&world, &admin, &kept.key_id).await,
    );
    let arn: types::Arn = gone.arn.as_deref().unwrap().parse().unwrap();
    let wrapped = kms::fuzzing::wrapped_materials(&world.view(), &arn);
    let before = world.copied();
    world
        .call::<ScheduleKeyDeletion>(&admin, schedule(&gone.key_id, Some(7)))
        .await
        .unwrap();
    assert!(kms::deleted_keys(&world.services.store().snapshot()).is_empty());
    world.pass_days(7).await;
    let deleted = kms::deleted_keys(&world.services.store().snapshot());
    let listed: Vec<String> = deleted.iter().map(ToString::to_string).collect();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].starts_with(&format!("{arn} ")));
    // One that was made at another time under the same ARN is another key.
    let other = format!("{arn} 1.0").parse().unwrap();
    let none = kms::delete_now(&before.services, &[other].into()).await;
    assert!(none.unwrap().is_empty());
    assert!(kms::fuzzing::opens(&before.services, &arn, &wrapped).unwrap());
    let again = kms::delete_now(&before.services, &deleted).await.unwrap();
    assert_eq!(again, [arn.to_string()]);
    // With the data key, the wrapped material and all files of the directory.
    assert!(!kms::fuzzing::opens(&before.services, &arn, &wrapped).unwrap());
    assert!(kms::fuzzing::leftovers(&before.view(), &arn).is_empty());
    let (code, _) = before.failure::<Decrypt>(&admin, decrypt(lost, None)).await;
    assert_eq!(code, "AccessDeniedException");
    before
        .call::<Decrypt>(&admin, decrypt(safe, None))
        .await
        .unwrap();
    assert!(kms::has_customer_keys(&before.services.store().snapshot()));
    assert!(
        kms::delete_now(&before.services, &deleted)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_goes_on() {
    let world = World::new();
    let admin = world.admin();
    let (gone, kept) = (create(&world, &admin).await, create(&world, &admin).await);
    let safe = blob(&world, &admin, &kept.key_id).await;
    world
        .call::<ScheduleKeyDeletion>(&admin, schedule(&gone.key_id, Some(7)))
        .await
        .unwrap();
    world
        .fill_with_grants(gone.arn.as_deref().unwrap(), 6_000)
        .await;
    world.advance(7 * 86_400);
    // One run removes some of the grants only.
    assert!(kms::maintain(&world.services).await.is_empty());
    let arn = gone.arn.unwrap().parse().unwrap();
    assert!(!kms::fuzzing::leftovers(&world.view(), &arn).is_empty());
    assert!(
        world
            .records(HOME)
            .iter()
            .all(|record| record.event_name != "DeleteKey")
    );
    let world = world.restarted();
    world.maintain().await;
    assert!(kms::fuzzing::leftovers(&world.view(), &arn).is_empty());
    assert!(
        world
            .records(HOME)
            .iter()
            .any(|record| record.event_name == "DeleteKey")
    );
    world
        .call::<Decrypt>(&admin, decrypt(safe, None))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_store_without_its_shred_keys_is_refused() {
    let world = World::new();
    create(&world, &world.admin()).await;
    let copy = world.copied();
    let keyring = copy.services.part::<kms::Keyring>().unwrap();
    keyring.check(&copy.services.store().snapshot()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let lost = copy.keyring_over(&elsewhere.path().join("shred.keys"));
    assert!(lost.check(&copy.services.store().snapshot()).is_err());
}

#[tokio::test]
async fn what_fails_for_one_account_holds_up_no_other() {
    let world = World::new();
    let (home, away) = (world.admin(), world.user(AWAY, "Admin", Some(ALL_OF_KMS)));
    let kept = create(&world, &home).await;
    let mut gone = Vec::new();
    for admin in [&home, &away] {
        let key = create(&world, admin).await;
        world
            .call::<ScheduleKeyDeletion>(admin, schedule(&key.key_id, Some(7)))
            .await
            .unwrap();
        gone.push(key.arn.unwrap().parse().unwrap());
    }
    let kept = kept.arn.unwrap().parse().unwrap();
    let batch = kms::fuzzing::damaged(&world.view(), &kept).unwrap();
    world.services.store().commit(batch).await.unwrap();
    world.advance(7 * 86_400);
    for _ in 0..3 {
        let undone = kms::maintain(&world.services).await;
        let whose: Vec<&str> = undone.iter().map(|undone| undone.what.as_str()).collect();
        assert_eq!(whose, [HOME]);
    }
    let ended = |account| {
        let mut records = world.records(account).into_iter();
        records.any(|record| record.event_name == "DeleteKey")
    };
    assert_eq!((ended(HOME), ended(AWAY)), (false, true));
    assert!(kms::fuzzing::leftovers(&world.view(), &gone[1]).is_empty());
}

#[tokio::test]
async fn after_a_restore_no_key_is_removed_before_somebody_says_so() {
    let world = World::new();
    let admin = world.admin();
    let (one, other) = (create(&world, &admin).await, create(&world, &admin).await);
    let rotated = create(&world, &admin).await;
    let rotation = EnableKeyRotationRequest {
        key_id: rotated.key_id.clone(),
        rotation_period_in_days: Some(90),
    };
    world
        .call::<EnableKeyRotation>(&admin, rotation)
        .await
        .unwrap();
    for key in [&one, &other] {
        let scheduled = schedule(&key.key_id, Some(7));
        world
            .call::<ScheduleKeyDeletion>(&admin, scheduled)
            .await
            .unwrap();
    }
    let commit = async |change: &dyn Fn(&mut store::Batch)| {
        let mut batch = store::Batch::default();
        change(&mut batch);
        world.services.store().commit(batch).await.unwrap();
    };
    let now = world.now();
    commit(&|batch| kms::hold(batch, now)).await;
    world.pass_days(100).await;
    let snapshot = world.services.store().snapshot();
    assert_eq!(kms::held_since(&snapshot), Some(now));
    let held = kms::held(&snapshot, world.now());
    let arns = [&one, &other].map(|key| key.arn.clone().unwrap().parse().unwrap());
    assert_eq!(held.keys, arns.into());
    // What else is due goes on.
    let told = world.records(HOME);
    assert!(told.iter().any(|it| it.event_name == "RotateKey"));
    world
        .call::<CancelKeyDeletion>(&admin, cancel(&other.key_id))
        .await
        .unwrap();
    commit(&kms::release).await;
    assert_eq!(kms::held_since(&world.services.store().snapshot()), None);
    world.maintain().await;
    let gone = describe(&one.key_id);
    let (code, _) = world.failure::<DescribeKey>(&admin, gone).await;
    assert_eq!(code, "NotFoundException");
    let kept = describe(&other.key_id);
    world.call::<DescribeKey>(&admin, kept).await.unwrap();
}
