//! Imported material through the pipeline: import, use, end, return.

use std::time::Duration;

use crypto::rsa::{OaepHash, encrypt_oaep};
use crypto::{KeyPair, PairSpec, SystemEntropy};
use kms::{
    CreateKey, Decrypt, DeleteImportedKeyMaterial, DescribeKey, DisableKey, EnableKeyRotation,
    Encrypt, GetParametersForImport, ImportKeyMaterial, RotateKeyOnDemand, Sign,
};
use pipeline::Caller;
use serde_json::{Value, json};
use shapes::kms::{
    AlgorithmSpec, CreateKeyRequest, DeleteImportedKeyMaterialRequest, EnableKeyRotationRequest,
    ExpirationModelType, GetParametersForImportRequest, GetParametersForImportResponse,
    ImportKeyMaterialRequest, ImportType, KeyMetadata, KeySpec, KeyState, KeyUsageType, OriginType,
    RotateKeyOnDemandRequest, SignRequest, SigningAlgorithmSpec, WrappingKeySpec,
};

use crate::decryption::decrypt;
use crate::harness::{HOME, World};
use crate::keys::{create, describe, disable, encrypt};

pub(crate) async fn external(world: &World, admin: &Caller, form: CreateKeyRequest) -> KeyMetadata {
    let input = CreateKeyRequest {
        origin: Some(OriginType::External),
        ..form
    };
    let made = world.call::<CreateKey>(admin, input).await.unwrap();
    made.key_metadata.unwrap()
}

pub(crate) async fn symmetric(world: &World, admin: &Caller) -> KeyMetadata {
    external(world, admin, CreateKeyRequest::default()).await
}

/// A deployment, its administrator, and a symmetric key that waits for its material.
pub(crate) async fn begin() -> (World, Caller, KeyMetadata) {
    let world = World::new();
    let admin = world.admin();
    let key = symmetric(&world, &admin).await;
    (world, admin, key)
}

fn parameters(key: &KeyMetadata) -> GetParametersForImportRequest {
    GetParametersForImportRequest {
        key_id: key.key_id.clone(),
        wrapping_algorithm: AlgorithmSpec::RsaesOaepSha256,
        wrapping_key_spec: WrappingKeySpec::Rsa2048,
    }
}

/// The import of `material`, for ever.
pub(crate) async fn import(
    world: &World,
    admin: &Caller,
    key: &KeyMetadata,
    material: &[u8],
) -> ImportKeyMaterialRequest {
    let given = world
        .call::<GetParametersForImport>(admin, parameters(key))
        .await;
    request(&key.key_id, given.unwrap(), material)
}

/// The import of `material` with what was given for it, for ever.
pub(crate) fn request(
    key_id: &str,
    given: GetParametersForImportResponse,
    material: &[u8],
) -> ImportKeyMaterialRequest {
    let public = given.public_key.unwrap();
    let wrapped = encrypt_oaep(public.expose(), OaepHash::Sha256, material).unwrap();
    ImportKeyMaterialRequest {
        key_id: key_id.to_owned(),
        import_token: given.import_token.unwrap(),
        encrypted_key_material: wrapped.into(),
        valid_to: None,
        expiration_model: Some(ExpirationModelType::KeyMaterialDoesNotExpire),
        import_type: None,
        key_material_description: None,
        key_material_id: None,
    }
}

/// Imports `material` into `key`, for ever.
pub(crate) async fn give(world: &World, admin: &Caller, key: &KeyMetadata, material: &[u8]) {
    let request = import(world, admin, key, material).await;
    bring(world, admin, request).await;
}

/// Imports `material` into `key` for so many seconds.
pub(crate) async fn lend(
    world: &World,
    admin: &Caller,
    key: &KeyMetadata,
    material: &[u8],
    seconds: u64,
) {
    let request = until(world, import(world, admin, key, material).await, seconds);
    bring(world, admin, request).await;
}

/// Carries the import out; returns the id of the material.
pub(crate) async fn bring(
    world: &World,
    admin: &Caller,
    request: ImportKeyMaterialRequest,
) -> String {
    let answer = world.call::<ImportKeyMaterial>(admin, request).await;
    answer.unwrap().key_material_id.unwrap()
}

/// The same import, of material that ends in so many seconds.
pub(crate) fn until(
    world: &World,
    request: ImportKeyMaterialRequest,
    seconds: u64,
) -> ImportKeyMaterialRequest {
    ImportKeyMaterialRequest {
        valid_to: Some(world.now().saturating_add(Duration::from_secs(seconds))),
        expiration_model: None,
        ..request
    }
}

pub(crate) async fn expire(world: &World) {
    let undone = kms::expire_imports(&world.services).await;
    assert!(undone.is_empty(), "{undone:?}");
}

pub(crate) fn delete(key: &KeyMetadata) -> DeleteImportedKeyMaterialRequest {
    DeleteImportedKeyMaterialRequest {
        key_id: key.key_id.clone(),
        key_material_id: None,
    }
}

pub(crate) async fn state(world: &World, admin: &Caller, key: &KeyMetadata) -> KeyState {
    let found = world
        .call::<DescribeKey>(admin, describe(&key.key_id))
        .await;
    found.unwrap().key_metadata.unwrap().key_state.unwrap()
}

pub(crate) fn pending(key: &KeyMetadata) -> (String, String) {
    let text = format!("{} is pending import.", key.arn.as_ref().unwrap());
    ("KMSInvalidStateException".to_owned(), text)
}

#[tokio::test]
async fn a_key_waits_for_its_material_and_takes_only_that_one_back() {
    let (world, admin, key) = begin().await;
    assert_eq!(key.key_state, Some(KeyState::PendingImport));
    assert_eq!(
        (key.enabled, key.current_key_material_id.clone()),
        (Some(false), None)
    );
    let refused = world.failure::<Encrypt>(&admin, encrypt(&key.key_id)).await;
    assert_eq!(refused, pending(&key));
    give(&world, &admin, &key, &[7; 32]).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Enabled);
    let sealed = world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
    let open = decrypt(sealed.ciphertext_blob.unwrap(), None);
    world.call::<Decrypt>(&admin, open.clone()).await.unwrap();
    world
        .call::<DeleteImportedKeyMaterial>(&admin, delete(&key))
        .await
        .unwrap();
    assert_eq!(
        world.failure::<Decrypt>(&admin, open.clone()).await,
        pending(&key)
    );
    // Once more is no mistake.
    world
        .call::<DeleteImportedKeyMaterial>(&admin, delete(&key))
        .await
        .unwrap();
    let other = import(&world, &admin, &key, &[8; 32]).await;
    let (code, _) = world.failure::<ImportKeyMaterial>(&admin, other).await;
    assert_eq!(code, "IncorrectKeyMaterialException");
    let again = import(&world, &admin, &key, &[7; 32]).await;
    let world = {
        world
            .call::<ImportKeyMaterial>(&admin, again)
            .await
            .unwrap();
        world.restarted()
    };
    let opened = world.call::<Decrypt>(&admin, open).await.unwrap();
    assert_eq!(opened.plaintext.unwrap().expose(), b"secret");
}

#[tokio::test]
async fn keys_with_the_same_material_do_not_read_each_other() {
    let world = World::new();
    let admin = world.admin();
    let (one, two) = (
        symmetric(&world, &admin).await,
        symmetric(&world, &admin).await,
    );
    for key in [&one, &two] {
        give(&world, &admin, key, &[7; 32]).await;
    }
    let sealed = world
        .call::<Encrypt>(&admin, encrypt(&one.key_id))
        .await
        .unwrap();
    let mut open = decrypt(sealed.ciphertext_blob.unwrap(), None);
    open.key_id = Some(two.key_id);
    let (code, _) = world.failure::<Decrypt>(&admin, open).await;
    assert_eq!(code, "IncorrectKeyException");
}

#[tokio::test]
async fn material_ends_at_its_time_and_the_end_is_recorded() {
    let (world, admin, key) = begin().await;
    let end = world.now().saturating_add(Duration::from_mins(1));
    lend(&world, &admin, &key, &[7; 32], 60).await;
    let found = world
        .call::<DescribeKey>(&admin, describe(&key.key_id))
        .await
        .unwrap();
    assert_eq!(found.key_metadata.unwrap().valid_to, Some(end));
    world.clock.advance(Duration::from_secs(59));
    expire(&world).await;
    world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(1));
    // Before the server has got round to it.
    let refused = world.failure::<Encrypt>(&admin, encrypt(&key.key_id)).await;
    assert_eq!(refused, pending(&key));
    expire(&world).await;
    let event = world.newest_record(HOME);
    assert_eq!(event.event_name, "DeleteExpiredKeyMaterial");
    assert_eq!(event.event_type, audit::EventType::AwsServiceEvent);
    assert_eq!(event.resources[0].arn, key.arn.clone().unwrap());
    assert_eq!(state(&world, &admin, &key).await, KeyState::PendingImport);
    let before = world.records(HOME).len();
    expire(&world).await;
    assert_eq!(world.records(HOME).len(), before, "once");
    give(&world, &admin, &key, &[7; 32]).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Enabled);
}

#[tokio::test]
async fn material_that_a_wrong_clock_ends_is_refused_but_not_destroyed() {
    let world = World::new();
    let admin = world.admin();
    let key = symmetric(&world, &admin).await;
    lend(&world, &admin, &key, &[7; 32], 60).await;
    expire(&world).await;
    world.set_days_ahead(100);
    expire(&world).await;
    let refused = world.failure::<Encrypt>(&admin, encrypt(&key.key_id)).await;
    assert_eq!(refused, pending(&key));
    world.set_days_back(100);
    world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
}

#[tokio::test]
async fn importing_again_changes_the_end() {
    let (world, admin, key) = begin().await;
    lend(&world, &admin, &key, &[7; 32], 60).await;
    give(&world, &admin, &key, &[7; 32]).await;
    world.clock.advance(Duration::from_hours(1));
    expire(&world).await;
    world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_disabled_key_without_material_is_pending_import() {
    let (world, admin, key) = begin().await;
    give(&world, &admin, &key, &[7; 32]).await;
    world
        .call::<DisableKey>(&admin, disable(&key))
        .await
        .unwrap();
    give(&world, &admin, &key, &[7; 32]).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Disabled);
    world
        .call::<DeleteImportedKeyMaterial>(&admin, delete(&key))
        .await
        .unwrap();
    assert_eq!(state(&world, &admin, &key).await, KeyState::PendingImport);
    let refused = world.failure::<DisableKey>(&admin, disable(&key)).await;
    assert_eq!(refused, pending(&key));
}

#[tokio::test]
async fn a_private_key_signs_as_it_does_outside() {
    let world = World::new();
    let admin = world.admin();
    let form = CreateKeyRequest {
        key_spec: Some(KeySpec::EccNistP256),
        key_usage: Some(KeyUsageType::SignVerify),
        ..CreateKeyRequest::default()
    };
    let key = external(&world, &admin, form).await;
    let outside = KeyPair::generate(&SystemEntropy, PairSpec::P256);
    give(&world, &admin, &key, outside.to_pkcs8().expose()).await;
    let request = SignRequest {
        key_id: key.key_id,
        message: b"message".to_vec().into(),
        message_type: None,
        grant_tokens: None,
        signing_algorithm: SigningAlgorithmSpec::EcdsaSha256,
        dry_run: None,
    };
    let signed = world.call::<Sign>(&admin, request).await.unwrap();
    let signature = signed.signature.unwrap();
    let message = crypto::signing::Message::Raw(b"message");
    let scheme = crypto::signing::Scheme::Ecdsa;
    assert!(outside.verify(scheme, message, signature.as_ref()).unwrap());
}

#[tokio::test]
async fn what_is_wrong_with_an_import_is_said() {
    let (world, admin, key) = begin().await;
    let good = import(&world, &admin, &key, &[7; 32]).await;
    let now = world.now();
    let expires = |valid_to| ImportKeyMaterialRequest {
        expiration_model: None,
        valid_to,
        ..good.clone()
    };
    let year = now.saturating_add(Duration::from_hours(366 * 24));
    for (request, code) in [
        (expires(None), "ValidationException"),
        (expires(Some(now)), "ValidationException"),
        (expires(Some(year)), "ValidationException"),
        (
            ImportKeyMaterialRequest {
                valid_to: Some(now),
                ..good.clone()
            },
            "ValidationException",
        ),
        (
            ImportKeyMaterialRequest {
                import_type: Some(ImportType::ExistingKeyMaterial),
                ..good.clone()
            },
            "IncorrectKeyMaterialException",
        ),
        (
            ImportKeyMaterialRequest {
                key_material_id: Some("0".repeat(64)),
                ..good.clone()
            },
            "IncorrectKeyMaterialException",
        ),
        (
            ImportKeyMaterialRequest {
                encrypted_key_material: vec![1; 256].into(),
                ..good.clone()
            },
            "InvalidCiphertextException",
        ),
        (
            import(&world, &admin, &key, &[7; 31]).await,
            "IncorrectKeyMaterialException",
        ),
    ] {
        let refused = world.failure::<ImportKeyMaterial>(&admin, request).await;
        assert_eq!(refused.0, code, "{}", refused.1);
    }
    assert_eq!(state(&world, &admin, &key).await, KeyState::PendingImport);
    world.clock.advance(Duration::from_hours(24));
    let (code, _) = world.failure::<ImportKeyMaterial>(&admin, good).await;
    assert_eq!(code, "ExpiredImportTokenException");
}

#[tokio::test]
async fn keys_with_material_of_their_own_take_none() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let arn = key.arn.clone().unwrap();
    let text = format!("{arn} origin is AWS_KMS which is not valid for this operation.");
    let unsupported = ("UnsupportedOperationException".to_owned(), text);
    let refused = world
        .failure::<GetParametersForImport>(&admin, parameters(&key))
        .await;
    assert_eq!(refused, unsupported);
    let refused = world
        .failure::<DeleteImportedKeyMaterial>(&admin, delete(&key))
        .await;
    assert_eq!(refused, unsupported);
}

#[tokio::test]
async fn condition_keys_decide_over_wrapping_and_expiry() {
    let (world, admin, key) = begin().await;
    let user = |action: &str, condition: &str| {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}",
            "Resource":"*","Condition":{condition}}}]}}"#
        );
        world.user(HOME, "Importer", Some(&policy))
    };
    for (condition, permitted) in [
        (
            r#"{"StringEquals":{"kms:WrappingAlgorithm":"RSAES_OAEP_SHA_256"}}"#,
            true,
        ),
        (
            r#"{"StringEquals":{"kms:WrappingKeySpec":"RSA_4096"}}"#,
            false,
        ),
    ] {
        let user = user("kms:GetParametersForImport", condition);
        let outcome = world
            .call::<GetParametersForImport>(&user, parameters(&key))
            .await;
        assert_eq!(outcome.is_ok(), permitted, "{condition}");
    }
    for (condition, permitted) in [
        (
            r#"{"StringEquals":{"kms:ExpirationModel":"KEY_MATERIAL_EXPIRES"}}"#,
            false,
        ),
        (
            r#"{"DateLessThan":{"kms:ValidTo":"2030-01-01T00:00:00Z"}}"#,
            false,
        ),
        (r#"{"Null":{"kms:ValidTo":"true"}}"#, true),
    ] {
        let user = user("kms:ImportKeyMaterial", condition);
        let request = import(&world, &admin, &key, &[7; 32]).await;
        let outcome = world.call::<ImportKeyMaterial>(&user, request).await;
        assert_eq!(outcome.is_ok(), permitted, "{condition}");
    }
    for (condition, permitted) in [
        (
            r#"{"DateLessThan":{"kms:ValidTo":"2030-01-01T00:00:00Z"}}"#,
            true,
        ),
        (
            r#"{"DateLessThan":{"kms:ValidTo":"2020-01-01T00:00:00Z"}}"#,
            false,
        ),
        (r#"{"NumericLessThan":{"kms:ValidTo":"2000000000"}}"#, true),
        // What the caller does not say is not there, though it has a default.
        (
            r#"{"StringEquals":{"kms:ExpirationModel":"KEY_MATERIAL_EXPIRES"}}"#,
            false,
        ),
        (r#"{"Null":{"kms:ExpirationModel":"true"}}"#, true),
    ] {
        let user = user("kms:ImportKeyMaterial", condition);
        let request = until(&world, import(&world, &admin, &key, &[7; 32]).await, 60);
        let outcome = world.call::<ImportKeyMaterial>(&user, request).await;
        assert_eq!(outcome.is_ok(), permitted, "{condition}");
    }
}

#[tokio::test]
async fn an_import_is_recorded_without_token_and_material() {
    let (world, admin, key) = begin().await;
    let request = import(&world, &admin, &key, &[7; 32]).await;
    let event = world.newest_record(HOME);
    assert_eq!(
        event.request_parameters,
        json!({
            "keyId": key.key_id,
            "wrappingAlgorithm": "RSAES_OAEP_SHA_256",
            "wrappingKeySpec": "RSA_2048",
        })
    );
    assert_eq!(
        (event.read_only, event.response_elements),
        (true, Value::Null)
    );
    world
        .call::<ImportKeyMaterial>(&admin, request)
        .await
        .unwrap();
    let event = world.newest_record(HOME);
    assert_eq!(
        event.request_parameters,
        json!({
            "keyId": key.key_id,
            "expirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        })
    );
    assert!(!event.read_only);
}

#[tokio::test]
async fn only_symmetric_keys_are_rotated_and_imported_ones_not_without_new_material() {
    let world = World::new();
    let admin = world.admin();
    let form = CreateKeyRequest {
        key_spec: Some(KeySpec::EccNistP256),
        key_usage: Some(KeyUsageType::SignVerify),
        ..CreateKeyRequest::default()
    };
    let made = world.call::<CreateKey>(&admin, form).await.unwrap();
    let signing = made.key_metadata.unwrap();
    let enable = |key: &KeyMetadata| EnableKeyRotationRequest {
        key_id: key.key_id.clone(),
        rotation_period_in_days: None,
    };
    let rotate = |key: &KeyMetadata| RotateKeyOnDemandRequest {
        key_id: key.key_id.clone(),
    };
    let unsupported = ("UnsupportedOperationException".to_owned(), String::new());
    let refused = world
        .failure::<EnableKeyRotation>(&admin, enable(&signing))
        .await;
    assert_eq!(refused, unsupported);
    let refused = world
        .failure::<RotateKeyOnDemand>(&admin, rotate(&signing))
        .await;
    assert_eq!(refused, unsupported);
    let key = symmetric(&world, &admin).await;
    give(&world, &admin, &key, &[7; 32]).await;
    let (code, _) = world
        .failure::<EnableKeyRotation>(&admin, enable(&key))
        .await;
    assert_eq!(code, "UnsupportedOperationException");
    let (code, text) = world
        .failure::<RotateKeyOnDemand>(&admin, rotate(&key))
        .await;
    assert_eq!(code, "KMSInvalidStateException");
    assert!(text.starts_with("No available key material pending rotation for the key: "));
}

/// A signing key on P-256 that waits for its material.
pub(crate) async fn signing(world: &World, admin: &Caller) -> KeyMetadata {
    let form = CreateKeyRequest {
        key_spec: Some(KeySpec::EccNistP256),
        key_usage: Some(KeyUsageType::SignVerify),
        ..CreateKeyRequest::default()
    };
    external(world, admin, form).await
}

/// A private key on P-256 written without its public key.
fn without_public_key(pkcs8: &[u8]) -> Vec<u8> {
    let algorithm = &pkcs8[6..27];
    let scalar = &pkcs8[36..68];
    let head: [&[u8]; 2] = [&[0x30, 0x41, 2, 1, 0], algorithm];
    let tail: [&[u8]; 2] = [&[4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20], scalar];
    [head.concat(), tail.concat()].concat()
}

#[tokio::test]
async fn a_private_key_may_come_back_written_otherwise() {
    let world = World::new();
    let admin = world.admin();
    let outside = KeyPair::generate(&SystemEntropy, PairSpec::P256).to_pkcs8();
    let short = without_public_key(outside.expose());
    assert!(KeyPair::from_pkcs8(PairSpec::P256, &short).is_ok());
    for spellings in [[outside.expose(), &short], [&short, outside.expose()]] {
        let key = signing(&world, &admin).await;
        for spelling in spellings {
            give(&world, &admin, &key, spelling).await;
        }
        let other = KeyPair::generate(&SystemEntropy, PairSpec::P256).to_pkcs8();
        let request = import(&world, &admin, &key, other.expose()).await;
        let (code, _) = world.failure::<ImportKeyMaterial>(&admin, request).await;
        assert_eq!(code, "IncorrectKeyMaterialException");
    }
}

pub(crate) fn arn(key: &KeyMetadata) -> types::Arn {
    key.arn.as_deref().unwrap().parse().unwrap()
}

/// What is stored of the key's materials, as it stays in the store's files when its rows are gone.
pub(crate) fn stored(world: &World, key: &KeyMetadata) -> Vec<kms::fuzzing::Wrapped> {
    let stored = kms::fuzzing::wrapped_materials(&world.view(), &arn(key));
    assert!(!stored.is_empty());
    stored
}

/// Whether the directory, with its data key, has what opens one of these materials.
pub(crate) fn recovers(world: &World, key: &KeyMetadata, stored: &[kms::fuzzing::Wrapped]) -> bool {
    kms::fuzzing::opens(&world.services, &arn(key), stored).unwrap()
}

#[tokio::test]
async fn deleted_material_cannot_be_recovered_from_a_copy_of_the_directory() {
    let world = World::new();
    let admin = world.admin();
    let (key, other) = (
        symmetric(&world, &admin).await,
        symmetric(&world, &admin).await,
    );
    give(&world, &admin, &key, &[7; 32]).await;
    give(&world, &admin, &other, &[7; 32]).await;
    let mut kept = stored(&world, &key);
    // A new end is a new wrapping, and that one stays in the files, too.
    lend(&world, &admin, &key, &[7; 32], 60).await;
    kept.extend(stored(&world, &key));
    let before = world.copied();
    world
        .call::<DeleteImportedKeyMaterial>(&admin, delete(&key))
        .await
        .unwrap();
    for stolen in &kept {
        let stolen = std::slice::from_ref(stolen);
        assert!(recovers(&before, &key, stolen));
        assert!(!recovers(&world, &key, stolen), "when it was answered");
        assert!(!recovers(&world.copied(), &key, stolen));
    }
    // What others have is left alone, and the key takes its own back.
    world
        .call::<Encrypt>(&admin, encrypt(&other.key_id))
        .await
        .unwrap();
    give(&world, &admin, &key, &[7; 32]).await;
    assert!(!recovers(&world, &key, &kept));
    let world = world.restarted();
    for key in [&key, &other] {
        world
            .call::<Encrypt>(&admin, encrypt(&key.key_id))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn expired_material_cannot_be_recovered_once_its_end_is_recorded() {
    let (world, admin, key) = begin().await;
    lend(&world, &admin, &key, &[7; 32], 60).await;
    let stored = stored(&world, &key);
    world.advance(60);
    assert!(recovers(&world.copied(), &key, &stored));
    expire(&world).await;
    assert_eq!(
        world.newest_record(HOME).event_name,
        "DeleteExpiredKeyMaterial"
    );
    assert!(!recovers(&world.copied(), &key, &stored));
}

#[tokio::test]
async fn a_server_that_stopped_while_it_deleted_goes_on_when_it_starts() {
    let (world, admin, key) = begin().await;
    give(&world, &admin, &key, &[7; 32]).await;
    let stored = stored(&world, &key);
    let before = world.copied();
    world
        .call::<DeleteImportedKeyMaterial>(&admin, delete(&key))
        .await
        .unwrap();
    // The row is gone, the shred key not yet.
    let stopped = world.copied_with(&before.directory().join("shred.keys"));
    assert!(recovers(&stopped, &key, &stored));
    stopped.maintain().await;
    assert!(!recovers(&stopped, &key, &stored));
}

#[tokio::test]
async fn a_deleted_key_takes_its_imported_material_along() {
    let (world, admin, key) = begin().await;
    give(&world, &admin, &key, &[7; 32]).await;
    let stored = stored(&world, &key);
    let request = shapes::kms::ScheduleKeyDeletionRequest {
        key_id: key.key_id.clone(),
        pending_window_in_days: Some(7),
    };
    world
        .call::<kms::ScheduleKeyDeletion>(&admin, request)
        .await
        .unwrap();
    assert!(recovers(&world, &key, &stored));
    world.pass_days(7).await;
    assert_eq!(world.newest_record(HOME).event_name, "DeleteKey");
    assert!(kms::fuzzing::leftovers(&world.view(), &arn(&key)).is_empty());
    assert!(!recovers(&world.copied(), &key, &stored));
}

#[tokio::test]
async fn material_that_has_ended_counts_on_the_next_request() {
    let (world, admin, key) = begin().await;
    lend(&world, &admin, &key, &[7; 32], 60).await;
    let usable = |at| kms::usable(&world.view(), &arn(&key), at).is_ok();
    let end = world.now().saturating_add(Duration::from_mins(1));
    assert!(usable(world.now()));
    assert!(!usable(end));
    world.advance(60);
    assert_eq!(state(&world, &admin, &key).await, KeyState::PendingImport);
    let refused = world.failure::<DisableKey>(&admin, disable(&key)).await;
    assert_eq!(refused, pending(&key));
    // It comes back although nobody has destroyed it yet, and does not end again.
    give(&world, &admin, &key, &[7; 32]).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Enabled);
    expire(&world).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Enabled);
}

#[tokio::test]
async fn imports_that_come_to_nothing_leave_no_shred_key_behind() {
    let (world, admin, key) = begin().await;
    let single = |world: &World| kms::fuzzing::single_shred_keys(&world.services, &arn(&key));
    let request = import(&world, &admin, &key, &[7; 32]).await;
    let before = world.copied();
    // Each sees the key without material: one of them is decided anew, once or more.
    let (one, two) = tokio::join!(
        world.call::<ImportKeyMaterial>(&admin, request.clone()),
        world.call::<ImportKeyMaterial>(&admin, request)
    );
    one.unwrap();
    two.unwrap();
    assert!(single(&world) >= Some(2), "one of them in vain");
    world.maintain().await;
    assert_eq!(single(&world), Some(1));
    world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
    // Of a server that stopped before it had committed.
    let stopped = before.copied_with(&world.directory().join("shred.keys"));
    assert_eq!(single(&stopped), Some(1));
    stopped.maintain().await;
    assert_eq!(single(&stopped), Some(0));
    give(&stopped, &admin, &key, &[7; 32]).await;
    let world = world.restarted();
    world.maintain().await;
    assert_eq!(single(&world), Some(1));
    world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
}

#[tokio::test]
async fn material_that_has_ended_counts_while_a_key_changes_its_role() {
    let (world, admin, key) = begin().await;
    lend(&world, &admin, &key, &[7; 32], 60).await;
    world
        .put_in_state(key.arn.as_deref().unwrap(), kms::KeyState::Updating)
        .await;
    world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
    world.advance(60);
    let refused = world.failure::<Encrypt>(&admin, encrypt(&key.key_id)).await;
    assert_eq!(refused, pending(&key));
}

#[tokio::test]
async fn a_restored_backup_does_not_bring_deleted_material_back() {
    let world = World::new();
    let admin = world.admin();
    let (gone, back, kept) = (
        symmetric(&world, &admin).await,
        symmetric(&world, &admin).await,
        symmetric(&world, &admin).await,
    );
    for (number, key) in [&gone, &back, &kept].into_iter().enumerate() {
        let material = [u8::try_from(number + 1).unwrap(); 32];
        let input = import(&world, &admin, key, &material).await;
        world
            .call::<ImportKeyMaterial>(&admin, input)
            .await
            .unwrap();
    }
    let backup = world.copied();
    for key in [&gone, &back] {
        let input = DeleteImportedKeyMaterialRequest {
            key_id: key.key_id.clone(),
            key_material_id: None,
        };
        world
            .call::<DeleteImportedKeyMaterial>(&admin, input)
            .await
            .unwrap();
    }
    let input = import(&world, &admin, &back, &[2; 32]).await;
    world
        .call::<ImportKeyMaterial>(&admin, input)
        .await
        .unwrap();
    let listed = kms::deleted_keys(&world.services.store().snapshot());
    assert_eq!(listed.len(), 1);
    let as_text: Vec<String> = listed.iter().map(ToString::to_string).collect();
    let read: std::collections::BTreeSet<kms::DeletedKey> =
        as_text.iter().map(|line| line.parse().unwrap()).collect();
    assert_eq!(read, listed);
    for wrong in ["x", "00", &"zz".repeat(32)] {
        let line = as_text[0].rsplit_once(' ').unwrap().0.to_owned() + " " + wrong;
        assert!(line.parse::<kms::DeletedKey>().is_err(), "{line}");
    }
    let deleted = kms::delete_now(&backup.services, &read).await.unwrap();
    assert_eq!(deleted.len(), 1);
    assert!(deleted[0].starts_with(gone.arn.as_deref().unwrap()));
    for (key, works) in [(&gone, false), (&back, true), (&kept, true)] {
        let done = backup.call::<Encrypt>(&admin, encrypt(&key.key_id)).await;
        assert_eq!(done.is_ok(), works);
    }
    // It is on the list of every backup to come, and its shred key is nowhere.
    assert_eq!(
        kms::deleted_keys(&backup.services.store().snapshot()),
        listed
    );
    assert!(
        kms::delete_now(&backup.services, &read)
            .await
            .unwrap()
            .is_empty()
    );
}
