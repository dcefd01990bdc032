//! Rotation: on schedule, on demand, and what was encrypted before.

use kms::{
    CancelKeyDeletion, Decrypt, DescribeKey, DisableKey, DisableKeyRotation, EnableKey,
    EnableKeyRotation, Encrypt, GetKeyRotationStatus, ListKeyRotations, RotateKeyOnDemand,
    ScheduleKeyDeletion,
};
use pipeline::Caller;
use shapes::kms::{
    CancelKeyDeletionRequest, DisableKeyRotationRequest, EnableKeyRequest,
    EnableKeyRotationRequest, GetKeyRotationStatusRequest, GetKeyRotationStatusResponse,
    IncludeKeyMaterial, KeyMaterialState, ListKeyRotationsRequest, RotateKeyOnDemandRequest,
    RotationType, RotationsListEntry, ScheduleKeyDeletionRequest,
};

use crate::decryption::decrypt;
use crate::harness::{HOME, World};
use crate::keys::{create, describe, disable, encrypt};

fn enable(key: &str, days: Option<i32>) -> EnableKeyRotationRequest {
    EnableKeyRotationRequest {
        key_id: key.to_owned(),
        rotation_period_in_days: days,
    }
}

fn on_demand(key: &str) -> RotateKeyOnDemandRequest {
    RotateKeyOnDemandRequest {
        key_id: key.to_owned(),
    }
}

async fn status(world: &World, caller: &Caller, key: &str) -> GetKeyRotationStatusResponse {
    let input = GetKeyRotationStatusRequest {
        key_id: key.to_owned(),
    };
    world
        .call::<GetKeyRotationStatus>(caller, input)
        .await
        .unwrap()
}

async fn rotations(
    world: &World,
    caller: &Caller,
    key: &str,
    include: Option<IncludeKeyMaterial>,
) -> Vec<RotationsListEntry> {
    let mut request = ListKeyRotationsRequest {
        key_id: key.to_owned(),
        include_key_material: include,
        limit: Some(2),
        marker: None,
    };
    let mut entries = Vec::new();
    loop {
        let page = world
            .call::<ListKeyRotations>(caller, request.clone())
            .await
            .unwrap();
        entries.extend(page.rotations.unwrap());
        request.marker = page.next_marker;
        if request.marker.is_none() {
            return entries;
        }
    }
}

async fn material(world: &World, caller: &Caller, key: &str) -> String {
    let found = world
        .call::<DescribeKey>(caller, describe(key))
        .await
        .unwrap();
    found.key_metadata.unwrap().current_key_material_id.unwrap()
}

#[tokio::test]
async fn a_key_is_rotated_when_its_time_has_come_and_old_ciphertexts_decrypt() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let id = key.key_id.as_str();
    let first = material(&world, &admin, id).await;
    let blob = world.call::<Encrypt>(&admin, encrypt(id)).await.unwrap();
    let blob = blob.ciphertext_blob.unwrap();
    world
        .call::<EnableKeyRotation>(&admin, enable(id, Some(90)))
        .await
        .unwrap();
    world.pass_days(89).await;
    assert_eq!(material(&world, &admin, id).await, first);
    world.pass_days(1).await;
    let second = material(&world, &admin, id).await;
    assert_ne!(second, first);
    let event = world
        .records(HOME)
        .into_iter()
        .find(|record| record.event_name == "RotateKey");
    let event = event.unwrap();
    assert_eq!(event.event_type, audit::EventType::AwsServiceEvent);
    let details = serde_json::json!({ "keyId": id });
    assert_eq!(event.service_event_details, Some(details));
    assert_eq!(
        event.user_identity.invoked_by.as_deref(),
        Some("AWS Internal")
    );
    let world = world.restarted();
    let opened = world
        .call::<Decrypt>(&admin, decrypt(blob, None))
        .await
        .unwrap();
    assert_eq!(opened.key_material_id, Some(first.clone()));
    let blob = world.call::<Encrypt>(&admin, encrypt(id)).await.unwrap();
    let blob = blob.ciphertext_blob.unwrap();
    let opened = world
        .call::<Decrypt>(&admin, decrypt(blob, None))
        .await
        .unwrap();
    assert_eq!(opened.key_material_id, Some(second.clone()));
    world.pass_days(90).await;
    let third = material(&world, &admin, id).await;
    let listed = rotations(&world, &admin, id, None).await;
    let shown: Vec<_> = listed
        .iter()
        .map(|entry| {
            (
                entry.key_material_id.clone().unwrap(),
                entry.key_material_state,
            )
        })
        .collect();
    let (old, current) = (
        Some(KeyMaterialState::NonCurrent),
        Some(KeyMaterialState::Current),
    );
    assert_eq!(shown, [(second, old), (third, current)]);
    assert!(
        listed
            .iter()
            .all(|entry| entry.rotation_type == Some(RotationType::Automatic))
    );
    let all = Some(IncludeKeyMaterial::AllKeyMaterial);
    let all = rotations(&world, &admin, id, all).await;
    assert_eq!(
        (all.len(), all[0].key_material_id.clone()),
        (3, Some(first))
    );
    assert_eq!((all[0].rotation_date, all[0].rotation_type), (None, None));
}

#[tokio::test]
async fn the_schedule_is_set_changed_shown_and_ended() {
    let world = World::new();
    let admin = world.admin();
    let id = create(&world, &admin).await.key_id;
    let off = status(&world, &admin, &id).await;
    assert_eq!(
        (off.key_rotation_enabled, off.next_rotation_date),
        (Some(false), None)
    );
    world
        .call::<EnableKeyRotation>(&admin, enable(&id, None))
        .await
        .unwrap();
    let on = status(&world, &admin, &id).await;
    assert_eq!(
        (on.key_rotation_enabled, on.rotation_period_in_days),
        (Some(true), Some(365))
    );
    let next = on.next_rotation_date.unwrap().seconds();
    assert_eq!(next, 1_795_466_820 + 365 * 86_400);
    world
        .call::<EnableKeyRotation>(&admin, enable(&id, Some(100)))
        .await
        .unwrap();
    let changed = status(&world, &admin, &id).await;
    let next = changed.next_rotation_date.unwrap().seconds();
    assert_eq!(next, 1_795_466_820 + 100 * 86_400);
    let input = DisableKeyRotationRequest { key_id: id.clone() };
    world
        .call::<DisableKeyRotation>(&admin, input)
        .await
        .unwrap();
    let first = material(&world, &admin, &id).await;
    world.pass_days(400).await;
    assert_eq!(material(&world, &admin, &id).await, first);
    let off = status(&world, &admin, &id).await;
    assert_eq!(off.key_rotation_enabled, Some(false));
}

#[tokio::test]
async fn a_disabled_key_is_rotated_once_it_is_enabled() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let id = key.key_id.as_str();
    world
        .call::<EnableKeyRotation>(&admin, enable(id, Some(90)))
        .await
        .unwrap();
    world
        .call::<DisableKey>(&admin, disable(&key))
        .await
        .unwrap();
    let first = material(&world, &admin, id).await;
    world.pass_days(200).await;
    assert_eq!(material(&world, &admin, id).await, first);
    assert_eq!(
        status(&world, &admin, id).await.key_rotation_enabled,
        Some(true)
    );
    let (code, _) = world
        .failure::<EnableKeyRotation>(&admin, enable(id, None))
        .await;
    assert_eq!(code, "DisabledException");
    let input = EnableKeyRequest {
        key_id: id.to_owned(),
    };
    world.call::<EnableKey>(&admin, input).await.unwrap();
    world.maintain().await;
    assert_ne!(material(&world, &admin, id).await, first);
    let next = status(&world, &admin, id).await.next_rotation_date.unwrap();
    assert_eq!(next.seconds(), 1_795_466_820 + 290 * 86_400);
}

#[tokio::test]
async fn a_key_that_is_being_deleted_is_not_rotated_and_its_schedule_comes_back() {
    let world = World::new();
    let admin = world.admin();
    let id = create(&world, &admin).await.key_id;
    world
        .call::<EnableKeyRotation>(&admin, enable(&id, Some(90)))
        .await
        .unwrap();
    let schedule = ScheduleKeyDeletionRequest {
        key_id: id.clone(),
        pending_window_in_days: None,
    };
    world
        .call::<ScheduleKeyDeletion>(&admin, schedule)
        .await
        .unwrap();
    assert_eq!(
        status(&world, &admin, &id).await.key_rotation_enabled,
        Some(false)
    );
    let cancel = CancelKeyDeletionRequest { key_id: id.clone() };
    world
        .call::<CancelKeyDeletion>(&admin, cancel)
        .await
        .unwrap();
    let back = status(&world, &admin, &id).await;
    assert_eq!(
        (back.key_rotation_enabled, back.rotation_period_in_days),
        (Some(true), Some(90))
    );
}

#[tokio::test]
async fn a_key_is_rotated_on_demand_25_times() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let id = key.key_id.as_str();
    let blob = world.call::<Encrypt>(&admin, encrypt(id)).await.unwrap();
    let blob = blob.ciphertext_blob.unwrap();
    for _ in 0..25 {
        world
            .call::<RotateKeyOnDemand>(&admin, on_demand(id))
            .await
            .unwrap();
    }
    let failure = world
        .failure::<RotateKeyOnDemand>(&admin, on_demand(id))
        .await;
    let text = format!(
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand \
         rotations can be performed for this key: {}",
        key.arn.unwrap()
    );
    assert_eq!(failure, ("LimitExceededException".to_owned(), text));
    let listed = rotations(&world, &admin, id, None).await;
    assert_eq!(listed.len(), 25);
    assert!(
        listed
            .iter()
            .all(|entry| entry.rotation_type == Some(RotationType::OnDemand))
    );
    world
        .call::<Decrypt>(&admin, decrypt(blob, None))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_rotation_on_demand_leaves_the_schedule_and_does_not_meet_it() {
    let world = World::new();
    let admin = world.admin();
    let id = create(&world, &admin).await.key_id;
    world
        .call::<EnableKeyRotation>(&admin, enable(&id, Some(90)))
        .await
        .unwrap();
    let before = status(&world, &admin, &id).await.next_rotation_date;
    world
        .call::<RotateKeyOnDemand>(&admin, on_demand(&id))
        .await
        .unwrap();
    assert_eq!(status(&world, &admin, &id).await.next_rotation_date, before);
    world.advance(90 * 86_400 - 19 * 60);
    let (code, _) = world
        .failure::<RotateKeyOnDemand>(&admin, on_demand(&id))
        .await;
    assert_eq!(code, "ConflictException");
}

#[tokio::test]
async fn aws_managed_keys_are_rotated_every_year() {
    let world = World::new();
    let admin = world.admin();
    let alias = "alias/aws/sagemaker";
    let found = world
        .call::<DescribeKey>(&admin, describe(alias))
        .await
        .unwrap();
    let id = found.key_metadata.unwrap().key_id;
    let status = status(&world, &admin, &id).await;
    assert_eq!(
        (status.key_rotation_enabled, status.rotation_period_in_days),
        (Some(true), Some(365))
    );
    let first = material(&world, &admin, &id).await;
    world.pass_days(365).await;
    assert_ne!(material(&world, &admin, &id).await, first);
    let (code, _) = world
        .failure::<EnableKeyRotation>(&admin, enable(&id, None))
        .await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn the_period_is_a_condition_key() {
    let world = World::new();
    let id = create(&world, &world.admin()).await.key_id;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":"kms:EnableKeyRotation","Resource":"*",
        "Condition":{"NumericLessThanEquals":{"kms:RotationPeriodInDays":"180"}}}]}"#;
    let user = world.user(HOME, "User", Some(policy));
    world
        .call::<EnableKeyRotation>(&user, enable(&id, Some(180)))
        .await
        .unwrap();
    assert!(
        world
            .call::<EnableKeyRotation>(&user, enable(&id, None))
            .await
            .is_err()
    );
}
