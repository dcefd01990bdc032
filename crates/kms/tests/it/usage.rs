//! When keys were last used.

use kms::{
    Decrypt, DisableKey, Encrypt, GenerateDataKey, GetKeyLastUsage, ReEncrypt, ScheduleKeyDeletion,
};
use pipeline::Caller;
use shapes::kms::{
    EncryptRequest, GenerateDataKeyRequest, GetKeyLastUsageRequest, KeyLastUsageData,
    KeyLastUsageTrackingOperation as Use, ReEncryptRequest, ScheduleKeyDeletionRequest,
};

use crate::decryption::decrypt;
use crate::harness::{AWAY, HOME, World};
use crate::keys::{create, create_with_policy, disable, encrypt};

async fn usage(world: &World, caller: &Caller, key: &str) -> Option<KeyLastUsageData> {
    let input = GetKeyLastUsageRequest {
        key_id: key.to_owned(),
    };
    let answer = world.call::<GetKeyLastUsage>(caller, input).await.unwrap();
    assert!(answer.tracking_start_date.is_some());
    assert_eq!(answer.tracking_start_date, answer.key_creation_date);
    answer.key_last_usage
}

fn operation(usage: Option<KeyLastUsageData>) -> Option<Use> {
    usage.and_then(|usage| usage.operation)
}

#[tokio::test]
async fn each_successful_use_is_noted_with_its_record() {
    let world = World::new();
    let admin = world.admin();
    let (one, two) = (create(&world, &admin).await, create(&world, &admin).await);
    let (id, other) = (one.key_id.as_str(), two.key_id.as_str());
    assert_eq!(usage(&world, &admin, id).await, None);
    let dry = EncryptRequest {
        dry_run: Some(true),
        ..encrypt(id)
    };
    assert!(world.call::<Encrypt>(&admin, dry).await.is_err());
    assert_eq!(usage(&world, &admin, id).await, None);
    let blob = world.call::<Encrypt>(&admin, encrypt(id)).await.unwrap();
    let record = world.newest_record(HOME);
    let noted = usage(&world, &admin, id).await.unwrap();
    assert_eq!(noted.operation, Some(Use::Encrypt));
    assert_eq!(noted.cloud_trail_event_id, Some(record.event_id));
    assert_eq!(noted.kms_request_id, Some(record.request_id));
    assert_eq!(
        noted.timestamp.map(types::Timestamp::seconds),
        Some(1_795_466_820)
    );
    let blob = blob.ciphertext_blob.unwrap();
    world.advance(60);
    world
        .call::<Decrypt>(&admin, decrypt(blob.clone(), None))
        .await
        .unwrap();
    assert_eq!(
        operation(usage(&world, &admin, id).await),
        Some(Use::Decrypt)
    );
    let input = GenerateDataKeyRequest {
        key_id: id.to_owned(),
        number_of_bytes: Some(32),
        ..Default::default()
    };
    world.call::<GenerateDataKey>(&admin, input).await.unwrap();
    assert_eq!(
        operation(usage(&world, &admin, id).await),
        Some(Use::GenerateDataKey)
    );
    let input = ReEncryptRequest {
        ciphertext_blob: Some(blob),
        destination_key_id: other.to_owned(),
        ..Default::default()
    };
    world.call::<ReEncrypt>(&admin, input).await.unwrap();
    for id in [id, other] {
        assert_eq!(
            operation(usage(&world, &admin, id).await),
            Some(Use::ReEncrypt)
        );
    }
}

#[tokio::test]
async fn the_last_use_is_there_after_a_restart() {
    let world = World::new();
    let admin = world.admin();
    let id = create(&world, &admin).await.key_id;
    world.call::<Encrypt>(&admin, encrypt(&id)).await.unwrap();
    let before = usage(&world, &admin, &id).await;
    let keyring = world.services.part::<kms::Keyring>().unwrap();
    let store = world.services.store();
    let batch = keyring.usage().flush(&store.snapshot()).unwrap();
    store.commit(batch).await.unwrap();
    assert!(keyring.usage().flush(&store.snapshot()).is_none());
    let world = world.restarted();
    assert_eq!(usage(&world, &admin, &id).await, before);
}

#[tokio::test]
async fn the_record_is_that_in_the_history_of_the_keys_account() {
    let world = World::new();
    let admin = world.admin();
    let away = world.user(AWAY, "Away", Some(crate::harness::ALL_OF_KMS));
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":["{HOME}","{AWAY}"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let key = create_with_policy(&world, &admin, &policy).await;
    let arn = key.arn.unwrap();
    world.call::<Encrypt>(&away, encrypt(&arn)).await.unwrap();
    let event = world.newest_record(HOME).event_id;
    let noted = usage(&world, &admin, &arn).await.unwrap();
    assert_eq!(noted.cloud_trail_event_id, Some(event));
    let input = GetKeyLastUsageRequest { key_id: arn };
    let (code, _) = world.failure::<GetKeyLastUsage>(&away, input).await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn the_days_without_a_use_are_a_condition_key() {
    let world = World::new();
    let admin = world.admin();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":["kms:DisableKey","kms:ScheduleKeyDeletion"],"Resource":"*","Condition":
        {"NumericGreaterThanEquals":{"kms:TrailingDaysWithoutKeyUsage":"30"}}}]}"#;
    let user = world.user(HOME, "User", Some(policy));
    let key = create(&world, &admin).await;
    world.advance(20 * 86_400);
    world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
    world.advance(29 * 86_400);
    assert!(
        world
            .call::<DisableKey>(&user, disable(&key))
            .await
            .is_err()
    );
    let schedule = ScheduleKeyDeletionRequest {
        key_id: key.key_id.clone(),
        pending_window_in_days: None,
    };
    let early = world
        .call::<ScheduleKeyDeletion>(&user, schedule.clone())
        .await;
    assert!(early.is_err());
    world.advance(86_400);
    world
        .call::<DisableKey>(&user, disable(&key))
        .await
        .unwrap();
    world
        .call::<ScheduleKeyDeletion>(&user, schedule)
        .await
        .unwrap();
}
