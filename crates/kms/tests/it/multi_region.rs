//! Multi-Region keys through the pipeline.

use audit::Record;
use kms::{
    CancelKeyDeletion, CreateKey, Decrypt, DescribeKey, DisableKey, DisableKeyRotation,
    EnableKeyRotation, Encrypt, GenerateMac, GetKeyRotationStatus, ImportKeyMaterial,
    ListKeyRotations, ReplicateKey, RotateKeyOnDemand, ScheduleKeyDeletion, Sign,
    UpdatePrimaryRegion, Verify, VerifyMac,
};
use pipeline::{Caller, Operation};
use serde_json::json;
use shapes::kms as shape;
use shapes::kms::{
    CreateKeyRequest, KeyMetadata, KeySpec, KeyState, KeyUsageType, MultiRegionKeyType,
    ReplicateKeyRequest, UpdatePrimaryRegionRequest,
};
use types::Region;

use crate::decryption::decrypt;
use crate::harness::{HOME, REGIONS, World};
use crate::imports::import;
use crate::keys::{create, describe, disable, encrypt};

const START: i64 = 1_795_466_820;
const DAY: i64 = 86_400;

fn region(number: usize) -> Region {
    REGIONS[number].parse().unwrap()
}

async fn primary(world: &World, admin: &Caller, form: CreateKeyRequest) -> KeyMetadata {
    let input = CreateKeyRequest {
        multi_region: Some(true),
        ..form
    };
    let made = world.call::<CreateKey>(admin, input).await.unwrap();
    made.key_metadata.unwrap()
}

fn replicate(key: &str, to: usize) -> ReplicateKeyRequest {
    ReplicateKeyRequest {
        key_id: key.to_owned(),
        replica_region: REGIONS[to].to_owned(),
        ..ReplicateKeyRequest::default()
    }
}

fn update(key: &str, to: usize) -> UpdatePrimaryRegionRequest {
    UpdatePrimaryRegionRequest {
        key_id: key.to_owned(),
        primary_region: REGIONS[to].to_owned(),
    }
}

/// A primary in the first region with settled replicas in others.
async fn set(world: &World, admin: &Caller, form: CreateKeyRequest, to: &[usize]) -> KeyMetadata {
    let key = primary(world, admin, form).await;
    for number in to {
        let input = replicate(&key.key_id, *number);
        world.call::<ReplicateKey>(admin, input).await.unwrap();
    }
    world.maintain().await;
    key
}

async fn there<O: Operation>(
    world: &World,
    number: usize,
    caller: &Caller,
    input: O::Input,
) -> Result<O::Output, String> {
    let done = world.call_in::<O>(&region(number), caller, input).await;
    done.map_err(|failure| failure.code.into_owned())
}

async fn shown(world: &World, number: usize, admin: &Caller, id: &str) -> KeyMetadata {
    let found = there::<DescribeKey>(world, number, admin, describe(id)).await;
    found.unwrap().key_metadata.unwrap()
}

async fn sealed(world: &World, number: usize, admin: &Caller, id: &str) -> shapes::Blob {
    let answer = there::<Encrypt>(world, number, admin, encrypt(id)).await;
    answer.unwrap().ciphertext_blob.unwrap()
}

async fn opens(
    world: &World,
    number: usize,
    admin: &Caller,
    blob: &shapes::Blob,
) -> Result<(), String> {
    let input = decrypt(blob.clone(), None);
    let opened = there::<Decrypt>(world, number, admin, input).await?;
    assert_eq!(opened.plaintext.unwrap().expose(), b"secret");
    Ok(())
}

fn key_type(key: &KeyMetadata) -> MultiRegionKeyType {
    let set = key.multi_region_configuration.clone().unwrap();
    set.multi_region_key_type.unwrap()
}

fn schedule(key: &str) -> shape::ScheduleKeyDeletionRequest {
    shape::ScheduleKeyDeletionRequest {
        key_id: key.to_owned(),
        pending_window_in_days: Some(7),
    }
}

fn on_demand(key: &str) -> shape::RotateKeyOnDemandRequest {
    shape::RotateKeyOnDemandRequest {
        key_id: key.to_owned(),
    }
}

fn named(records: Vec<Record>, event: &str) -> Vec<Record> {
    let records = records.into_iter();
    records
        .filter(|record| record.event_name == event)
        .collect()
}

#[tokio::test]
async fn related_keys_open_each_others_ciphertexts_and_have_states_of_their_own() {
    let world = World::new();
    let admin = world.admin();
    let key = primary(&world, &admin, CreateKeyRequest::default()).await;
    let id = key.key_id.as_str();
    assert!(id.starts_with("mrk-") && key.multi_region == Some(true));
    assert_eq!(key_type(&key), MultiRegionKeyType::Primary);
    let made = world.call::<ReplicateKey>(&admin, replicate(id, 1)).await;
    let replica = made.unwrap().replica_key_metadata.unwrap();
    assert_eq!(
        (replica.key_id.as_str(), replica.key_state, replica.enabled),
        (id, Some(KeyState::Creating), Some(false))
    );
    assert_eq!(key_type(&replica), MultiRegionKeyType::Replica);
    let refused = there::<Encrypt>(&world, 1, &admin, encrypt(id)).await;
    assert_eq!(refused.unwrap_err(), "KMSInvalidStateException");
    world.maintain().await;
    for number in [0, 1] {
        let shown = shown(&world, number, &admin, id).await;
        assert_eq!(shown.key_state, Some(KeyState::Enabled));
        assert_eq!(shown.current_key_material_id, key.current_key_material_id);
        let set = shown.multi_region_configuration.unwrap();
        assert_eq!(set.primary_key.unwrap().arn, key.arn);
        assert_eq!(set.replica_keys.unwrap()[0].arn, replica.arn);
    }
    for (one, other) in [(0, 1), (1, 0)] {
        let blob = sealed(&world, one, &admin, id).await;
        opens(&world, other, &admin, &blob).await.unwrap();
        opens(&world, one, &admin, &blob).await.unwrap();
        // Where no key of the set is, nothing opens it.
        let nowhere = opens(&world, 2, &admin, &blob).await;
        assert_eq!(nowhere.unwrap_err(), "AccessDeniedException");
    }
    let blob = sealed(&world, 0, &admin, id).await;
    let off = disable(&key);
    world.call::<DisableKey>(&admin, off).await.unwrap();
    let refused = opens(&world, 0, &admin, &blob).await;
    assert_eq!(refused.unwrap_err(), "DisabledException");
    opens(&world, 1, &admin, &blob).await.unwrap();
    // The ARN of a key is of one region.
    let foreign = there::<Encrypt>(&world, 1, &admin, encrypt(key.arn.as_deref().unwrap())).await;
    assert_eq!(foreign.unwrap_err(), "NotFoundException");
}

#[tokio::test]
async fn a_replica_has_a_policy_description_and_tags_of_its_own() {
    let world = World::new();
    let admin = world.admin();
    let form = CreateKeyRequest {
        description: Some("here".to_owned()),
        ..CreateKeyRequest::default()
    };
    let key = primary(&world, &admin, form).await;
    let me = admin.principal.arn().unwrap().to_string();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": me}, "Action": "kms:*", "Resource": "*"}]})
    .to_string();
    let locking = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": me}, "Action": "kms:Encrypt", "Resource": "*"}]})
    .to_string();
    let with = |policy: &str| ReplicateKeyRequest {
        policy: Some(policy.to_owned()),
        description: Some("there".to_owned()),
        tags: Some(vec![shape::Tag {
            tag_key: "a".to_owned(),
            tag_value: "b".to_owned(),
        }]),
        ..replicate(&key.key_id, 1)
    };
    let (code, _) = world.failure::<ReplicateKey>(&admin, with(&locking)).await;
    assert_eq!(code, "MalformedPolicyDocumentException");
    let made = world.call::<ReplicateKey>(&admin, with(&policy)).await;
    let made = made.unwrap();
    assert_eq!(made.replica_policy.as_deref(), Some(policy.as_str()));
    assert_eq!(made.replica_tags.unwrap()[0].tag_key, "a");
    let tags = shape::ListResourceTagsRequest {
        key_id: key.key_id.clone(),
        ..Default::default()
    };
    for (number, description, number_of_tags) in [(0, "here", 0), (1, "there", 1)] {
        let found = shown(&world, number, &admin, &key.key_id).await;
        assert_eq!(found.description.as_deref(), Some(description));
        let tags = there::<kms::ListResourceTags>(&world, number, &admin, tags.clone()).await;
        assert_eq!(tags.unwrap().tags.unwrap().len(), number_of_tags);
    }
    let other = world.user(HOME, "Other", Some(crate::harness::ALL_OF_KMS));
    assert!(
        world
            .call::<DescribeKey>(&other, describe(&key.key_id))
            .await
            .is_ok()
    );
    let denied = there::<DescribeKey>(&world, 1, &other, describe(&key.key_id)).await;
    assert_eq!(denied.unwrap_err(), "AccessDeniedException");
}

#[tokio::test]
async fn signatures_and_codes_of_one_key_verify_under_the_other() {
    let world = World::new();
    let admin = world.admin();
    let form = CreateKeyRequest {
        key_spec: Some(KeySpec::EccNistP256),
        key_usage: Some(KeyUsageType::SignVerify),
        ..CreateKeyRequest::default()
    };
    let key = set(&world, &admin, form, &[1]).await;
    let request = shape::SignRequest {
        key_id: key.key_id.clone(),
        message: b"message".to_vec().into(),
        message_type: None,
        grant_tokens: None,
        signing_algorithm: shape::SigningAlgorithmSpec::EcdsaSha256,
        dry_run: None,
    };
    let signed = world.call::<Sign>(&admin, request.clone()).await.unwrap();
    let check = shape::VerifyRequest {
        key_id: request.key_id,
        message: request.message,
        message_type: None,
        signature: signed.signature.unwrap(),
        signing_algorithm: request.signing_algorithm,
        grant_tokens: None,
        dry_run: None,
    };
    there::<Verify>(&world, 1, &admin, check).await.unwrap();
    let form = CreateKeyRequest {
        key_spec: Some(KeySpec::Hmac384),
        key_usage: Some(KeyUsageType::GenerateVerifyMac),
        ..CreateKeyRequest::default()
    };
    let key = set(&world, &admin, form, &[1]).await;
    let request = shape::GenerateMacRequest {
        message: b"message".to_vec().into(),
        key_id: key.key_id.clone(),
        mac_algorithm: shape::MacAlgorithmSpec::HmacSha384,
        grant_tokens: None,
        dry_run: None,
    };
    let made = there::<GenerateMac>(&world, 1, &admin, request).await;
    let check = shape::VerifyMacRequest {
        message: b"message".to_vec().into(),
        key_id: key.key_id,
        mac_algorithm: shape::MacAlgorithmSpec::HmacSha384,
        mac: made.unwrap().mac.unwrap(),
        grant_tokens: None,
        dry_run: None,
    };
    world.call::<VerifyMac>(&admin, check).await.unwrap();
}

#[tokio::test]
async fn another_key_of_the_set_becomes_the_primary() {
    let world = World::new();
    let admin = world.admin();
    let key = primary(&world, &admin, CreateKeyRequest::default()).await;
    let id = key.key_id.as_str();
    let failure = world
        .failure::<UpdatePrimaryRegion>(&admin, update(id, 1))
        .await;
    assert_eq!(failure.0, "NotFoundException");
    let failure = world
        .failure::<UpdatePrimaryRegion>(&admin, update(id, 0))
        .await;
    assert_eq!(failure.0, "ValidationException");
    for number in [1, 2] {
        let input = replicate(id, number);
        world.call::<ReplicateKey>(&admin, input).await.unwrap();
    }
    // Not before it is ready.
    let failure = world
        .failure::<UpdatePrimaryRegion>(&admin, update(id, 1))
        .await;
    assert_eq!(failure.0, "KMSInvalidStateException");
    world.maintain().await;
    let move_it = update(id, 1);
    world
        .call::<UpdatePrimaryRegion>(&admin, move_it)
        .await
        .unwrap();
    for (number, state) in [
        (0, KeyState::Updating),
        (1, KeyState::Updating),
        (2, KeyState::Enabled),
    ] {
        let found = shown(&world, number, &admin, id).await;
        assert_eq!(found.key_state, Some(state), "{number}");
        // What is `Updating` goes on working.
        sealed(&world, number, &admin, id).await;
    }
    let refused = there::<DisableKey>(&world, 1, &admin, disable(&key)).await;
    assert_eq!(refused.unwrap_err(), "KMSInvalidStateException");
    world.maintain().await;
    for number in [0, 1, 2] {
        let found = shown(&world, number, &admin, id).await;
        assert_eq!(found.key_state, Some(KeyState::Enabled));
        let kind = if number == 1 {
            MultiRegionKeyType::Primary
        } else {
            MultiRegionKeyType::Replica
        };
        assert_eq!(key_type(&found), kind);
        let set = found.multi_region_configuration.unwrap();
        let replicas = set.replica_keys.unwrap().into_iter();
        let replicas: Vec<_> = replicas.map(|key| key.region.unwrap()).collect();
        assert_eq!(set.primary_key.unwrap().region.as_deref(), Some(REGIONS[1]));
        assert_eq!(replicas, [REGIONS[2], REGIONS[0]]);
    }
    let failure = world
        .failure::<UpdatePrimaryRegion>(&admin, update(id, 1))
        .await;
    let text = format!("{} is not a multi-region primary key.", key.arn.unwrap());
    assert_eq!(failure, ("UnsupportedOperationException".to_owned(), text));
}

#[tokio::test]
async fn only_a_primary_is_replicated_once_to_a_region_of_the_deployment() {
    let world = World::new();
    let admin = world.admin();
    let check = async |input: ReplicateKeyRequest, expected: &str| {
        let (code, _) = world.failure::<ReplicateKey>(&admin, input).await;
        assert_eq!(code, expected);
    };
    let single = create(&world, &admin).await;
    let unsupported = "UnsupportedOperationException";
    check(replicate(&single.key_id, 1), unsupported).await;
    let key = set(&world, &admin, CreateKeyRequest::default(), &[1]).await;
    let id = key.key_id.as_str();
    check(replicate(id, 1), "AlreadyExistsException").await;
    check(replicate(id, 0), "AlreadyExistsException").await;
    let nowhere = ReplicateKeyRequest {
        replica_region: "ap-south-1".to_owned(),
        ..replicate(id, 1)
    };
    check(nowhere, "ValidationException").await;
    let of_replica = there::<ReplicateKey>(&world, 1, &admin, replicate(id, 2)).await;
    assert_eq!(of_replica.unwrap_err(), unsupported);
    world
        .call::<DisableKey>(&admin, disable(&key))
        .await
        .unwrap();
    check(replicate(id, 2), "DisabledException").await;
}

#[tokio::test]
async fn rotation_is_the_primarys_and_reaches_every_region_at_once() {
    let world = World::new();
    let admin = world.admin();
    let key = set(&world, &admin, CreateKeyRequest::default(), &[1]).await;
    let id = key.key_id.as_str();
    let first = sealed(&world, 1, &admin, id).await;
    let enable = shape::EnableKeyRotationRequest {
        key_id: id.to_owned(),
        rotation_period_in_days: Some(90),
    };
    let unsupported = "UnsupportedOperationException";
    let refused = there::<EnableKeyRotation>(&world, 1, &admin, enable.clone()).await;
    assert_eq!(refused.unwrap_err(), unsupported);
    let refused = there::<RotateKeyOnDemand>(&world, 1, &admin, on_demand(id)).await;
    assert_eq!(refused.unwrap_err(), unsupported);
    world
        .call::<EnableKeyRotation>(&admin, enable)
        .await
        .unwrap();
    let status = shape::GetKeyRotationStatusRequest {
        key_id: id.to_owned(),
    };
    for number in [0, 1] {
        let found = there::<GetKeyRotationStatus>(&world, number, &admin, status.clone()).await;
        let found = found.unwrap();
        assert_eq!(found.rotation_period_in_days, Some(90));
        let next = found.next_rotation_date.unwrap().seconds();
        assert_eq!(next, START + 90 * DAY);
    }
    world
        .call::<RotateKeyOnDemand>(&admin, on_demand(id))
        .await
        .unwrap();
    let second = sealed(&world, 0, &admin, id).await;
    world.pass_days(90).await;
    let third = sealed(&world, 1, &admin, id).await;
    let mut materials = Vec::new();
    for number in [0, 1] {
        for blob in [&first, &second, &third] {
            opens(&world, number, &admin, blob).await.unwrap();
        }
        let list = shape::ListKeyRotationsRequest {
            key_id: id.to_owned(),
            ..Default::default()
        };
        let list = there::<ListKeyRotations>(&world, number, &admin, list).await;
        assert_eq!(list.unwrap().rotations.unwrap().len(), 2);
        let found = shown(&world, number, &admin, id).await;
        materials.push(found.current_key_material_id);
    }
    assert_eq!(materials[0], materials[1]);
    assert_ne!(materials[0], key.current_key_material_id);
    // A replica that is made later opens what was made before it.
    world
        .call::<ReplicateKey>(&admin, replicate(id, 2))
        .await
        .unwrap();
    world.maintain().await;
    let world = world.restarted();
    for blob in [&first, &second, &third] {
        opens(&world, 2, &admin, blob).await.unwrap();
    }
    let off = shape::DisableKeyRotationRequest {
        key_id: id.to_owned(),
    };
    let refused = there::<DisableKeyRotation>(&world, 2, &admin, off.clone()).await;
    assert_eq!(refused.unwrap_err(), unsupported);
    // The schedule goes with the role.
    world
        .call::<UpdatePrimaryRegion>(&admin, update(id, 2))
        .await
        .unwrap();
    world.maintain().await;
    world.pass_days(90).await;
    let rotated = named(world.records_in(&region(2), HOME), "RotateKey");
    assert_eq!(rotated.len(), 1);
    assert_eq!(named(world.records(HOME), "RotateKey").len(), 1);
    there::<DisableKeyRotation>(&world, 2, &admin, off)
        .await
        .unwrap();
    let found = there::<GetKeyRotationStatus>(&world, 0, &admin, status).await;
    assert_eq!(found.unwrap().key_rotation_enabled, Some(false));
}

#[tokio::test]
async fn a_replica_ends_alone_and_can_be_made_again() {
    let world = World::new();
    let admin = world.admin();
    let key = set(&world, &admin, CreateKeyRequest::default(), &[1]).await;
    let id = key.key_id.as_str();
    let blob = sealed(&world, 1, &admin, id).await;
    let replica = shown(&world, 1, &admin, id).await.arn.unwrap();
    let replica = replica.parse().unwrap();
    let wrapped = kms::fuzzing::wrapped_materials(&world.view(), &replica);
    assert_eq!(wrapped.len(), 1);
    there::<ScheduleKeyDeletion>(&world, 1, &admin, schedule(id))
        .await
        .unwrap();
    world.clock.advance(std::time::Duration::from_hours(7 * 24));
    // One run removes the replica; what is left of it is still being destroyed.
    assert!(kms::maintain(&world.services).await.is_empty());
    world.maintain().await;
    assert!(!kms::fuzzing::opens(&world.services, &replica, &wrapped).unwrap());
    assert!(kms::fuzzing::leftovers(&world.view(), &replica).is_empty());
    let lost = opens(&world, 1, &admin, &blob).await;
    assert_eq!(lost.unwrap_err(), "AccessDeniedException");
    let world = world.restarted();
    opens(&world, 0, &admin, &blob).await.unwrap();
    let set = shown(&world, 0, &admin, id)
        .await
        .multi_region_configuration;
    assert_eq!(set.unwrap().replica_keys, Some(Vec::new()));
    let deleted = named(world.records_in(&region(1), HOME), "DeleteKey");
    assert_eq!(deleted.len(), 1);
    assert!(named(world.records(HOME), "DeleteKey").is_empty());
    world
        .call::<ReplicateKey>(&admin, replicate(id, 1))
        .await
        .unwrap();
    world.maintain().await;
    opens(&world, 1, &admin, &blob).await.unwrap();
}

#[tokio::test]
async fn a_backup_that_loses_the_primary_is_led_by_another_key() {
    let world = World::new();
    let admin = world.admin();
    let key = set(&world, &admin, CreateKeyRequest::default(), &[1, 2]).await;
    let id = &key.key_id;
    let blob = sealed(&world, 0, &admin, id).await;
    let arn = key.arn.as_deref().unwrap();
    let gone = [arn.parse().unwrap()].into();
    kms::delete_now(&world.services, &gone).await.unwrap();
    let described = there::<DescribeKey>(&world, 0, &admin, describe(id)).await;
    assert_eq!(described.unwrap_err(), "NotFoundException");
    let led: Vec<_> = [
        shown(&world, 1, &admin, id).await,
        shown(&world, 2, &admin, id).await,
    ]
    .iter()
    .map(|key| key_type(key) == MultiRegionKeyType::Primary)
    .collect();
    assert_eq!(led.iter().filter(|primary| **primary).count(), 1);
    let first = if led[0] { 1 } else { 2 };
    there::<RotateKeyOnDemand>(&world, first, &admin, on_demand(id))
        .await
        .unwrap();
    there::<ReplicateKey>(&world, first, &admin, replicate(id, 0))
        .await
        .unwrap();
    world.maintain().await;
    for number in 0..3 {
        opens(&world, number, &admin, &blob).await.unwrap();
    }
}

#[tokio::test]
async fn a_primary_waits_for_the_end_of_its_replicas_before_its_own_begins() {
    let world = World::new();
    let admin = world.admin();
    let key = set(&world, &admin, CreateKeyRequest::default(), &[1, 2]).await;
    let id = key.key_id.as_str();
    let blob = sealed(&world, 0, &admin, id).await;
    let answer = world
        .call::<ScheduleKeyDeletion>(&admin, schedule(id))
        .await;
    let answer = answer.unwrap();
    let waits = Some(KeyState::PendingReplicaDeletion);
    assert_eq!((answer.key_state, answer.deletion_date), (waits, None));
    assert_eq!(answer.pending_window_in_days, Some(7));
    let record = world.newest_record(HOME);
    assert_eq!(
        record.response_elements["keyState"],
        "PendingReplicaDeletion"
    );
    assert_eq!(record.response_elements.get("deletionDate"), None);
    let (_, text) = world.failure::<Encrypt>(&admin, encrypt(id)).await;
    let arn = key.arn.as_deref().unwrap();
    assert_eq!(text, format!("{arn} is pending replica deletion."));
    world.pass_days(100).await;
    let found = shown(&world, 0, &admin, id).await;
    assert_eq!((found.key_state, found.deletion_date), (waits, None));
    assert_eq!(found.pending_deletion_window_in_days, Some(7));
    // It can be kept.
    let keep = shape::CancelKeyDeletionRequest {
        key_id: id.to_owned(),
    };
    world.call::<CancelKeyDeletion>(&admin, keep).await.unwrap();
    let found = shown(&world, 0, &admin, id).await;
    assert_eq!(found.key_state, Some(KeyState::Disabled));
    assert_eq!(found.pending_deletion_window_in_days, None);
    world
        .call::<ScheduleKeyDeletion>(&admin, schedule(id))
        .await
        .unwrap();
    for number in [1, 2] {
        there::<ScheduleKeyDeletion>(&world, number, &admin, schedule(id))
            .await
            .unwrap();
        world.pass_days(7).await;
        let state = shown(&world, 0, &admin, id).await.key_state;
        assert_eq!(state == waits, number == 1);
    }
    let found = shown(&world, 0, &admin, id).await;
    assert_eq!(found.key_state, Some(KeyState::PendingDeletion));
    let end = found.deletion_date.unwrap().seconds();
    assert_eq!(end, START + (100 + 7 + 7 + 7) * DAY);
    world.pass_days(7).await;
    let gone = there::<DescribeKey>(&world, 0, &admin, describe(id)).await;
    assert_eq!(gone.unwrap_err(), "NotFoundException");
    for number in [0, 1, 2] {
        let lost = opens(&world, number, &admin, &blob).await;
        assert_eq!(lost.unwrap_err(), "AccessDeniedException");
    }
}

#[tokio::test]
async fn imported_material_is_imported_in_each_region() {
    let world = World::new();
    let admin = world.admin();
    let form = CreateKeyRequest {
        origin: Some(shape::OriginType::External),
        ..CreateKeyRequest::default()
    };
    let key = primary(&world, &admin, form).await;
    let id = key.key_id.as_str();
    let failure = world
        .failure::<ReplicateKey>(&admin, replicate(id, 1))
        .await;
    assert_eq!(failure.0, "KMSInvalidStateException");
    let request = import(&world, &admin, &key, &[7; 32]).await;
    world
        .call::<ImportKeyMaterial>(&admin, request)
        .await
        .unwrap();
    let blob = sealed(&world, 0, &admin, id).await;
    world
        .call::<ReplicateKey>(&admin, replicate(id, 1))
        .await
        .unwrap();
    world.maintain().await;
    let found = shown(&world, 1, &admin, id).await;
    assert_eq!(found.key_state, Some(KeyState::PendingImport));
    for (material, expected) in [
        (8, Err("IncorrectKeyMaterialException".to_owned())),
        (7, Ok(())),
    ] {
        let request = {
            let given = shape::GetParametersForImportRequest {
                key_id: id.to_owned(),
                wrapping_algorithm: shape::AlgorithmSpec::RsaesOaepSha256,
                wrapping_key_spec: shape::WrappingKeySpec::Rsa2048,
            };
            let given = there::<kms::GetParametersForImport>(&world, 1, &admin, given).await;
            crate::imports::request(id, given.unwrap(), &[material; 32])
        };
        let done = there::<ImportKeyMaterial>(&world, 1, &admin, request).await;
        assert_eq!(done.map(drop), expected, "{material}");
    }
    opens(&world, 1, &admin, &blob).await.unwrap();
    // Its end in one region is not that of the others.
    let delete = shape::DeleteImportedKeyMaterialRequest {
        key_id: id.to_owned(),
        key_material_id: None,
    };
    world
        .call::<kms::DeleteImportedKeyMaterial>(&admin, delete)
        .await
        .unwrap();
    opens(&world, 1, &admin, &blob).await.unwrap();
    let lost = opens(&world, 0, &admin, &blob).await;
    assert_eq!(lost.unwrap_err(), "KMSInvalidStateException");
}

/// Imports `material` into the key of one region, as `kind`.
async fn give(
    world: &World,
    number: usize,
    admin: &Caller,
    id: &str,
    (material, kind): (u8, Option<shape::ImportType>),
) -> Result<(), String> {
    let given = shape::GetParametersForImportRequest {
        key_id: id.to_owned(),
        wrapping_algorithm: shape::AlgorithmSpec::RsaesOaepSha256,
        wrapping_key_spec: shape::WrappingKeySpec::Rsa2048,
    };
    let given = there::<kms::GetParametersForImport>(world, number, admin, given).await;
    let request = shape::ImportKeyMaterialRequest {
        import_type: kind,
        ..crate::imports::request(id, given.unwrap(), &[material; 32])
    };
    let done = there::<ImportKeyMaterial>(world, number, admin, request).await;
    done.map(drop)
}

/// The state of the key's newest material in one region.
async fn newest(
    world: &World,
    number: usize,
    admin: &Caller,
    id: &str,
) -> (shape::KeyMaterialState, shape::ImportState, String) {
    let input = shape::ListKeyRotationsRequest {
        key_id: id.to_owned(),
        include_key_material: Some(shape::IncludeKeyMaterial::AllKeyMaterial),
        limit: None,
        marker: None,
    };
    let listed = there::<ListKeyRotations>(world, number, admin, input).await;
    let newest = listed.unwrap().rotations.unwrap().pop().unwrap();
    (
        newest.key_material_state.unwrap(),
        newest.import_state.unwrap(),
        newest.key_material_id.unwrap(),
    )
}

#[tokio::test]
async fn new_imported_material_waits_until_every_region_has_it() {
    use shape::ImportState::{Imported, PendingImport};
    use shape::ImportType::{ExistingKeyMaterial, NewKeyMaterial};
    use shape::KeyMaterialState::{
        Current, PendingMultiRegionImportAndRotation as Waits, PendingRotation as Ready,
    };
    let world = World::new();
    let admin = world.admin();
    let form = CreateKeyRequest {
        origin: Some(shape::OriginType::External),
        ..CreateKeyRequest::default()
    };
    let key = primary(&world, &admin, form).await;
    let id = key.key_id.as_str();
    give(&world, 0, &admin, id, (7, None)).await.unwrap();
    world
        .call::<ReplicateKey>(&admin, replicate(id, 1))
        .await
        .unwrap();
    world.maintain().await;
    give(&world, 1, &admin, id, (7, None)).await.unwrap();
    let old = sealed(&world, 1, &admin, id).await;
    let refused = give(&world, 1, &admin, id, (8, Some(NewKeyMaterial))).await;
    assert_eq!(refused.unwrap_err(), "UnsupportedOperationException");
    let new = (8, Some(NewKeyMaterial));
    let existing = (8, Some(ExistingKeyMaterial));
    give(&world, 0, &admin, id, new).await.unwrap();
    let states = async |number| {
        let (state, import, _) = newest(&world, number, &admin, id).await;
        (state, import)
    };
    assert_eq!(states(0).await, (Waits, Imported));
    assert_eq!(states(1).await, (Waits, PendingImport));
    let rotate = async |number| {
        let rotated = there::<RotateKeyOnDemand>(&world, number, &admin, on_demand(id)).await;
        rotated.map(drop)
    };
    assert_eq!(rotate(0).await.unwrap_err(), "KMSInvalidStateException");
    // Deleted at the primary it is forgotten everywhere, and other material takes its place.
    give(&world, 1, &admin, id, existing).await.unwrap();
    let replica = shown(&world, 1, &admin, id).await.arn.unwrap();
    let replica = replica.parse().unwrap();
    let wrapped = kms::fuzzing::wrapped_materials(&world.view(), &replica);
    assert_eq!(wrapped.len(), 2);
    let (_, _, material) = newest(&world, 1, &admin, id).await;
    let delete = shape::DeleteImportedKeyMaterialRequest {
        key_id: id.to_owned(),
        key_material_id: Some(material),
    };
    world
        .call::<kms::DeleteImportedKeyMaterial>(&admin, delete.clone())
        .await
        .unwrap();
    for number in [0, 1] {
        assert_eq!(states(number).await.0, Current, "{number}");
    }
    let opens_still =
        |one| kms::fuzzing::opens(&world.services, &replica, std::slice::from_ref(one));
    let left = wrapped.iter().filter(|one| opens_still(*one).unwrap());
    assert_eq!(left.count(), 1);
    // Deleted at a replica it is missing there, and known.
    give(&world, 0, &admin, id, new).await.unwrap();
    give(&world, 1, &admin, id, existing).await.unwrap();
    assert_eq!(states(0).await, (Ready, Imported));
    there::<kms::DeleteImportedKeyMaterial>(&world, 1, &admin, delete)
        .await
        .unwrap();
    assert_eq!(states(0).await, (Waits, Imported));
    assert_eq!(states(1).await, (Waits, PendingImport));
    give(&world, 1, &admin, id, existing).await.unwrap();
    assert_eq!(
        rotate(1).await.unwrap_err(),
        "UnsupportedOperationException"
    );
    rotate(0).await.unwrap();
    for number in [0, 1] {
        assert_eq!(states(number).await, (Current, Imported), "{number}");
        opens(&world, number, &admin, &old).await.unwrap();
    }
    let blob = sealed(&world, 0, &admin, id).await;
    opens(&world, 1, &admin, &blob).await.unwrap();
}

fn allowing(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
}

#[tokio::test]
async fn whoever_replicates_needs_rights_in_both_regions() {
    let world = World::new();
    let admin = world.admin();
    let key = primary(&world, &admin, CreateKeyRequest::default()).await;
    let replicate_only = r#"{"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*"}"#;
    let create_only = r#"{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}"#;
    let create_if = |name: &str, value: &str| {
        format!(
            r#"{replicate_only},{{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*",
            "Condition":{{"StringEquals":{{"{name}":"{value}"}}}}}}"#
        )
    };
    let replicate_if = |name: &str, value: &str| {
        format!(
            r#"{create_only},{{"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*",
            "Condition":{{"StringEquals":{{"{name}":"{value}"}}}}}}"#
        )
    };
    let mut made = 0;
    for (statements, permitted) in [
        (replicate_only.to_owned(), false),
        (create_only.to_owned(), false),
        (create_if("aws:RequestedRegion", "us-east-1"), false),
        (create_if("aws:RequestedRegion", "eu-west-1"), true),
        (create_if("kms:MultiRegionKeyType", "PRIMARY"), false),
        (create_if("kms:MultiRegionKeyType", "REPLICA"), true),
        (replicate_if("kms:ReplicaRegion", "us-east-1"), false),
        (replicate_if("kms:ReplicaRegion", "eu-west-1"), true),
        (replicate_if("kms:MultiRegionKeyType", "REPLICA"), false),
        (replicate_if("kms:MultiRegionKeyType", "PRIMARY"), true),
        (replicate_if("kms:MultiRegion", "false"), false),
        (replicate_if("kms:MultiRegion", "true"), true),
    ] {
        let user = world.user(HOME, "Replicator", Some(&allowing(&statements)));
        let key = primary(&world, &admin, CreateKeyRequest::default()).await;
        let outcome = world
            .call::<ReplicateKey>(&user, replicate(&key.key_id, 1))
            .await;
        assert_eq!(outcome.is_ok(), permitted, "{statements}");
        made += usize::from(permitted);
        if let Err(failure) = outcome {
            assert_eq!(failure.code, "AccessDeniedException");
        }
    }
    assert_eq!(
        named(world.records_in(&region(1), HOME), "CreateKey")
            .iter()
            .filter(|record| record.error_code.is_none())
            .count(),
        made
    );
    // The key policy alone is not enough: `kms:CreateKey` is no key's.
    let user = world.user(HOME, "Replicator", None);
    let failure = world
        .failure::<ReplicateKey>(&user, replicate(&key.key_id, 1))
        .await;
    assert_eq!(failure.0, "AccessDeniedException");
}

#[tokio::test]
async fn a_primary_needs_the_right_to_the_linked_role_and_moving_it_a_right_in_both_regions() {
    let world = World::new();
    let admin = world.admin();
    let form = CreateKeyRequest {
        multi_region: Some(true),
        ..CreateKeyRequest::default()
    };
    let create = r#"{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*",
        "Condition":{"StringEqualsIfExists":{"kms:MultiRegionKeyType":"PRIMARY"}}}"#;
    let role = r#"{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":
        "arn:aws:iam::111122223333:role/aws-service-role/mrk.kms.amazonaws.com/*",
        "Condition":{"StringEquals":{"iam:AWSServiceName":"mrk.kms.amazonaws.com"}}}"#;
    for (statements, permitted) in [
        (create.to_owned(), false),
        (format!("{create},{role}"), true),
    ] {
        let user = world.user(HOME, "Maker", Some(&allowing(&statements)));
        let made = world.call::<CreateKey>(&user, form.clone()).await;
        assert_eq!(made.is_ok(), permitted, "{statements}");
        let single = world
            .call::<CreateKey>(&user, CreateKeyRequest::default())
            .await;
        assert!(single.is_ok());
    }
    // For the one key that was made, and no other.
    assert_eq!(world.linked_roles(), ["mrk.kms.amazonaws.com"]);
    let refused = CreateKeyRequest {
        multi_region: Some(true),
        policy: Some("{}".to_owned()),
        ..Default::default()
    };
    let (code, _) = world.failure::<CreateKey>(&admin, refused).await;
    assert_eq!(code, "MalformedPolicyDocumentException");
    assert_eq!(world.linked_roles().len(), 1, "no role for no key");
    let key = set(&world, &admin, CreateKeyRequest::default(), &[1]).await;
    let id = key.key_id.as_str();
    let allow = |conditions: &str| {
        allowing(&format!(
            r#"{{"Effect":"Allow","Action":"kms:UpdatePrimaryRegion","Resource":"*",
            "Condition":{{{conditions}}}}}"#
        ))
    };
    for (conditions, permitted) in [
        (
            r#""StringEquals":{"aws:RequestedRegion":"us-east-1"}"#,
            false,
        ),
        (
            r#""StringEquals":{"aws:RequestedRegion":"eu-west-1"}"#,
            false,
        ),
        (
            r#""StringEquals":{"kms:MultiRegionKeyType":"PRIMARY"}"#,
            false,
        ),
        (r#""StringEquals":{"kms:PrimaryRegion":"us-east-1"}"#, false),
        (r#""StringEquals":{"kms:PrimaryRegion":"eu-west-1"}"#, true),
    ] {
        let user = world.user(HOME, "Mover", Some(&allow(conditions)));
        let moved = world
            .call::<UpdatePrimaryRegion>(&user, update(id, 1))
            .await;
        assert_eq!(moved.is_ok(), permitted, "{conditions}");
    }
}

#[tokio::test]
async fn both_regions_have_records() {
    let world = World::new();
    let admin = world.admin();
    let key = primary(&world, &admin, CreateKeyRequest::default()).await;
    let (id, arn) = (key.key_id.as_str(), key.arn.as_deref().unwrap());
    let input = ReplicateKeyRequest {
        description: Some("there".to_owned()),
        ..replicate(id, 1)
    };
    world.call::<ReplicateKey>(&admin, input).await.unwrap();
    world.maintain().await;
    let replica = shown(&world, 1, &admin, id).await.arn.unwrap();
    let here = &named(world.records(HOME), "ReplicateKey")[0];
    assert_eq!(here.aws_region, REGIONS[0]);
    assert_eq!(here.request_parameters["replicaRegion"], REGIONS[1]);
    assert_eq!(here.request_parameters["description"], "there");
    let made = &here.response_elements["replicaKeyMetadata"];
    assert_eq!(
        (&made["arn"], &made["keyState"]),
        (&json!(replica), &json!("Creating"))
    );
    assert_eq!(
        made["multiRegionConfiguration"]["multiRegionKeyType"],
        "REPLICA"
    );
    assert_eq!(here.resources[0].arn, arn);
    let away = &named(world.records_in(&region(1), HOME), "CreateKey")[0];
    assert_eq!(away.aws_region, REGIONS[1]);
    assert_eq!(
        away.user_identity.invoked_by.as_deref(),
        Some("kms.amazonaws.com")
    );
    assert_eq!(away.resources[0].arn, replica);
    assert_eq!(away.request_parameters["multiRegion"], true);
    assert_eq!(away.request_parameters["keySpec"], "SYMMETRIC_DEFAULT");
    assert_eq!(away.response_elements["keyMetadata"]["arn"], json!(replica));
    world
        .call::<UpdatePrimaryRegion>(&admin, update(id, 1))
        .await
        .unwrap();
    world.maintain().await;
    for (number, resource, invoked_by) in [
        (0, arn, None),
        (1, replica.as_str(), Some("kms.amazonaws.com")),
    ] {
        let records = named(
            world.records_in(&region(number), HOME),
            "UpdatePrimaryRegion",
        );
        assert_eq!(records.len(), 1);
        let record = &records[0];
        assert_eq!(record.user_identity.invoked_by.as_deref(), invoked_by);
        assert_eq!(record.request_parameters["primaryRegion"], REGIONS[1]);
        assert_eq!(record.resources[0].arn, resource);
        assert_eq!(record.resources.len(), 1);
    }
    there::<RotateKeyOnDemand>(&world, 1, &admin, on_demand(id))
        .await
        .unwrap();
    for (number, of) in [(0, arn), (1, replica.as_str())] {
        let records = world.records_in(&region(number), HOME);
        let records = named(records, "SynchronizeMultiRegionKey");
        assert_eq!(records.len(), 1, "{number}");
        let record = &records[0];
        assert_eq!(record.event_type, audit::EventType::AwsApiCall);
        assert_eq!(
            record.user_identity.invoked_by.as_deref(),
            Some("AWS Internal")
        );
        assert_eq!(record.resources[0].arn, replica);
        assert_eq!(record.response_elements["keyId"], of);
    }
    let denied = world.user(
        HOME,
        "Nobody",
        Some(&allowing(
            r#"{"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*"}"#,
        )),
    );
    let failure = there::<ReplicateKey>(&world, 1, &denied, replicate(id, 2)).await;
    assert_eq!(failure.unwrap_err(), "AccessDeniedException");
    for (number, event) in [(1, "ReplicateKey"), (2, "CreateKey")] {
        let records = named(world.records_in(&region(number), HOME), event);
        let code = records[0].error_code.as_deref().unwrap();
        assert!(code.starts_with("AccessDenied"), "{event}: {code}");
    }
}
