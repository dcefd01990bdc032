//! New material for a key that has imported material: it waits, and a rotation brings it in.

use kms::{
    Decrypt, DeleteImportedKeyMaterial, DescribeKey, DisableKey, Encrypt, ImportKeyMaterial,
    ListKeyRotations, RotateKeyOnDemand,
};
use pipeline::Caller;
use shapes::kms::{
    DecryptRequest, DeleteImportedKeyMaterialRequest, ExpirationModelType,
    ImportKeyMaterialRequest, ImportState, ImportType, IncludeKeyMaterial, KeyMaterialState,
    KeyMetadata, KeyState, ListKeyRotationsRequest, RotateKeyOnDemandRequest, RotationType,
    RotationsListEntry,
};
use types::Timestamp;

use crate::decryption::decrypt;
use crate::harness::World;
use crate::imports::{
    begin, bring, delete, expire, external, give, import, lend, pending, recovers, signing, state,
    stored, until,
};
use crate::keys::{describe, disable, encrypt};

const FIRST: [u8; 32] = [7; 32];
const SECOND: [u8; 32] = [8; 32];

/// The import of `material`, new to the key.
async fn fresh(
    world: &World,
    admin: &Caller,
    key: &KeyMetadata,
    material: &[u8],
) -> ImportKeyMaterialRequest {
    ImportKeyMaterialRequest {
        import_type: Some(ImportType::NewKeyMaterial),
        ..import(world, admin, key, material).await
    }
}

fn rotate(key: &KeyMetadata) -> RotateKeyOnDemandRequest {
    RotateKeyOnDemandRequest {
        key_id: key.key_id.clone(),
    }
}

/// A deployment, its administrator, a key with material and other material that waits, with the
/// ids of both.
async fn begin_waiting() -> (World, Caller, KeyMetadata, [String; 2]) {
    let (world, admin, key) = begin().await;
    let first = import(&world, &admin, &key, &FIRST).await;
    let first = bring(&world, &admin, first).await;
    let second = fresh(&world, &admin, &key, &SECOND).await;
    let second = bring(&world, &admin, second).await;
    assert_ne!(first, second);
    (world, admin, key, [first, second])
}

async fn metadata(world: &World, admin: &Caller, key: &KeyMetadata) -> KeyMetadata {
    let found = world.call::<DescribeKey>(admin, describe(&key.key_id));
    found.await.unwrap().key_metadata.unwrap()
}

async fn list(
    world: &World,
    admin: &Caller,
    key: &KeyMetadata,
    include: Option<IncludeKeyMaterial>,
) -> Vec<RotationsListEntry> {
    let input = ListKeyRotationsRequest {
        key_id: key.key_id.clone(),
        include_key_material: include,
        limit: None,
        marker: None,
    };
    let answer = world.call::<ListKeyRotations>(admin, input).await;
    answer.unwrap().rotations.unwrap()
}

/// The states of all materials of the key, and whether they are here.
async fn states(
    world: &World,
    admin: &Caller,
    key: &KeyMetadata,
) -> Vec<(KeyMaterialState, ImportState)> {
    let all = list(world, admin, key, Some(IncludeKeyMaterial::AllKeyMaterial)).await;
    let entry = |entry: &RotationsListEntry| {
        (
            entry.key_material_state.unwrap(),
            entry.import_state.unwrap(),
        )
    };
    all.iter().map(entry).collect()
}

async fn sealed(world: &World, admin: &Caller, key: &KeyMetadata) -> DecryptRequest {
    let answer = world.call::<Encrypt>(admin, encrypt(&key.key_id)).await;
    decrypt(answer.unwrap().ciphertext_blob.unwrap(), None)
}

#[tokio::test]
async fn new_material_waits_for_the_rotation_that_brings_it_in() {
    use ImportState::Imported;
    use KeyMaterialState::{Current, NonCurrent, PendingRotation};
    let (world, admin, key, [first, second]) = begin_waiting().await;
    let old = sealed(&world, &admin, &key).await;
    let current = async || metadata(&world, &admin, &key).await.current_key_material_id;
    assert_eq!(current().await.as_ref(), Some(&first));
    assert_eq!(
        states(&world, &admin, &key).await,
        [(Current, Imported), (PendingRotation, Imported)]
    );
    let listed = list(&world, &admin, &key, None).await;
    assert!(listed.is_empty(), "no rotation yet");
    world.advance(10);
    let answer = world.call::<RotateKeyOnDemand>(&admin, rotate(&key)).await;
    assert_eq!(answer.unwrap().key_id.as_ref(), Some(&key.key_id));
    assert_eq!(current().await.as_ref(), Some(&second));
    assert_eq!(
        states(&world, &admin, &key).await,
        [(NonCurrent, Imported), (Current, Imported)]
    );
    let listed = list(&world, &admin, &key, None).await;
    let [rotation] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!(rotation.key_material_id.as_ref(), Some(&second));
    assert_eq!(rotation.rotation_type, Some(RotationType::OnDemand));
    assert_eq!(rotation.rotation_date, Some(world.now()));
    let world = world.restarted();
    let new = sealed(&world, &admin, &key).await;
    for (blob, material) in [(old, &first), (new, &second)] {
        let opened = world.call::<Decrypt>(&admin, blob).await.unwrap();
        assert_eq!(opened.plaintext.unwrap().expose(), b"secret");
        assert_eq!(opened.key_material_id.as_ref(), Some(material));
    }
    let (code, text) = world
        .failure::<RotateKeyOnDemand>(&admin, rotate(&key))
        .await;
    assert_eq!(code, "KMSInvalidStateException");
    assert!(text.starts_with("No available key material pending rotation for the key: "));
}

#[tokio::test]
async fn only_one_new_material_waits_at_a_time() {
    let (world, admin, key, [_, second]) = begin_waiting().await;
    let third = fresh(&world, &admin, &key, &[9; 32]).await;
    let (code, text) = world.failure::<ImportKeyMaterial>(&admin, third).await;
    assert_eq!(code, "KMSInvalidStateException");
    assert!(text.starts_with("New key material (id: "), "{text}");
    let end = format!(
        ") cannot be imported into KMS key {}, because another key material (id: {second}) is \
         pending rotation.",
        key.arn.as_ref().unwrap()
    );
    assert!(text.ends_with(&end), "{text}");
    // The same once more is no other, and may get an end.
    let again = until(&world, fresh(&world, &admin, &key, &SECOND).await, 60);
    assert_eq!(bring(&world, &admin, again).await, second);
    let all = list(
        &world,
        &admin,
        &key,
        Some(IncludeKeyMaterial::AllKeyMaterial),
    )
    .await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        all[1].expiration_model,
        Some(ExpirationModelType::KeyMaterialExpires)
    );
    let shown = metadata(&world, &admin, &key).await;
    assert_eq!(shown.valid_to, None, "it does not belong to the key yet");
}

#[tokio::test]
async fn what_is_said_to_be_new_or_known_must_be() {
    let (world, admin, key) = begin().await;
    give(&world, &admin, &key, &FIRST).await;
    let known = ImportKeyMaterialRequest {
        import_type: Some(ImportType::ExistingKeyMaterial),
        ..import(&world, &admin, &key, &SECOND).await
    };
    let new = fresh(&world, &admin, &key, &FIRST).await;
    let silent = import(&world, &admin, &key, &SECOND).await;
    let named = ImportKeyMaterialRequest {
        key_material_id: Some("0".repeat(64)),
        ..import(&world, &admin, &key, &FIRST).await
    };
    for refused in [known, new, silent, named] {
        let (code, _) = world.failure::<ImportKeyMaterial>(&admin, refused).await;
        assert_eq!(code, "IncorrectKeyMaterialException");
    }
    let named = ImportKeyMaterialRequest {
        key_material_id: Some("0".repeat(64)),
        ..fresh(&world, &admin, &key, &SECOND).await
    };
    let (code, _) = world.failure::<ImportKeyMaterial>(&admin, named).await;
    assert_eq!(code, "ValidationException");
}

#[tokio::test]
async fn other_keys_take_no_second_material() {
    let world = World::new();
    let admin = world.admin();
    let key = signing(&world, &admin).await;
    let pair = || crypto::KeyPair::generate(&crypto::SystemEntropy, crypto::PairSpec::P256);
    let material = pair().to_pkcs8();
    let new = fresh(&world, &admin, &key, material.expose()).await;
    let (code, _) = world.failure::<ImportKeyMaterial>(&admin, new).await;
    assert_eq!(code, "ValidationException");
    give(&world, &admin, &key, material.expose()).await;
    let other = import(&world, &admin, &key, pair().to_pkcs8().expose()).await;
    let (code, _) = world.failure::<ImportKeyMaterial>(&admin, other).await;
    assert_eq!(code, "IncorrectKeyMaterialException");
}

#[tokio::test]
async fn a_key_waits_until_each_of_its_materials_is_back() {
    use ImportState::{Imported, PendingImport};
    use KeyMaterialState::{Current, NonCurrent};
    let (world, admin, key, [first, second]) = begin_waiting().await;
    let old = sealed(&world, &admin, &key).await;
    world
        .call::<RotateKeyOnDemand>(&admin, rotate(&key))
        .await
        .unwrap();
    let named = |id: &String| DeleteImportedKeyMaterialRequest {
        key_material_id: Some(id.clone()),
        ..delete(&key)
    };
    // Without a name it is the current one.
    let answer = world
        .call::<DeleteImportedKeyMaterial>(&admin, delete(&key))
        .await;
    assert_eq!(answer.unwrap().key_material_id.as_ref(), Some(&second));
    assert_eq!(
        states(&world, &admin, &key).await,
        [(NonCurrent, Imported), (Current, PendingImport)]
    );
    let answer = world
        .call::<DeleteImportedKeyMaterial>(&admin, named(&first))
        .await;
    assert_eq!(answer.unwrap().key_material_id.as_ref(), Some(&first));
    assert_eq!(state(&world, &admin, &key).await, KeyState::PendingImport);
    give(&world, &admin, &key, &SECOND).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::PendingImport);
    assert_eq!(
        world.failure::<Encrypt>(&admin, encrypt(&key.key_id)).await,
        pending(&key)
    );
    give(&world, &admin, &key, &FIRST).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Enabled);
    world.call::<Decrypt>(&admin, old).await.unwrap();
    let unknown = named(&"0".repeat(64));
    let (code, _) = world
        .failure::<DeleteImportedKeyMaterial>(&admin, unknown)
        .await;
    assert_eq!(code, "NotFoundException");
}

#[tokio::test]
async fn material_that_waits_can_go_and_leaves_the_key_as_it_is() {
    let (world, admin, key, [_, second]) = begin_waiting().await;
    let before = stored(&world, &key);
    let named = DeleteImportedKeyMaterialRequest {
        key_material_id: Some(second),
        ..delete(&key)
    };
    world
        .call::<DeleteImportedKeyMaterial>(&admin, named)
        .await
        .unwrap();
    assert_eq!(state(&world, &admin, &key).await, KeyState::Enabled);
    assert_eq!(states(&world, &admin, &key).await.len(), 1);
    let opens = before
        .iter()
        .filter(|one| recovers(&world, &key, std::slice::from_ref(one)));
    assert_eq!(opens.count(), 1, "the first is left");
    // Nothing has to be remembered of what never belonged to the key.
    let snapshot = world.services.store().snapshot();
    assert!(kms::deleted_keys(&snapshot).is_empty());
    // Other material takes its place, and that of a disabled key, too.
    world
        .call::<DisableKey>(&admin, disable(&key))
        .await
        .unwrap();
    let third = fresh(&world, &admin, &key, &[9; 32]).await;
    bring(&world, &admin, third).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Disabled);
    let (code, _) = world
        .failure::<RotateKeyOnDemand>(&admin, rotate(&key))
        .await;
    assert_eq!(code, "DisabledException");
}

#[tokio::test]
async fn a_restored_backup_forgets_what_waits() {
    let (world, admin, key, [_, second]) = begin_waiting().await;
    let backup = world.copied();
    let named = DeleteImportedKeyMaterialRequest {
        key_material_id: Some(second.clone()),
        ..delete(&key)
    };
    let deleted = world.call::<DeleteImportedKeyMaterial>(&admin, named).await;
    deleted.unwrap();
    let waiting = stored(&backup, &key);
    let said = kms::forget_waiting(&backup.services).await.unwrap();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains(key.arn.as_deref().unwrap()) && said[0].contains(&second));
    let opens = waiting
        .iter()
        .filter(|one| recovers(&backup, &key, std::slice::from_ref(one)));
    assert_eq!(opens.count(), 1, "the first is left");
    assert_eq!(state(&backup, &admin, &key).await, KeyState::Enabled);
    assert_eq!(states(&backup, &admin, &key).await.len(), 1);
    let again = kms::forget_waiting(&backup.services).await.unwrap();
    assert!(again.is_empty());
    let again = fresh(&backup, &admin, &key, &SECOND).await;
    assert_eq!(bring(&backup, &admin, again).await, second);
}

#[tokio::test]
async fn each_material_has_an_end_of_its_own() {
    let (world, admin, key) = begin().await;
    lend(&world, &admin, &key, &FIRST, 300).await;
    let second = until(&world, fresh(&world, &admin, &key, &SECOND).await, 100);
    bring(&world, &admin, second).await;
    let ends = |seconds: i64| Some(Timestamp::new(world.now().seconds() + seconds, 0));
    let valid_to = async || metadata(&world, &admin, &key).await.valid_to;
    assert_eq!(valid_to().await, ends(300));
    // What ends while it waits is no longer there to rotate to, and the key goes on.
    world.advance(100);
    let (code, _) = world
        .failure::<RotateKeyOnDemand>(&admin, rotate(&key))
        .await;
    assert_eq!(code, "KMSInvalidStateException");
    expire(&world).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Enabled);
    assert_eq!(states(&world, &admin, &key).await.len(), 1);
    let second = until(&world, fresh(&world, &admin, &key, &SECOND).await, 100);
    bring(&world, &admin, second).await;
    world
        .call::<RotateKeyOnDemand>(&admin, rotate(&key))
        .await
        .unwrap();
    assert_eq!(valid_to().await, ends(100), "the earliest");
    world.advance(100);
    assert_eq!(state(&world, &admin, &key).await, KeyState::PendingImport);
    expire(&world).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::PendingImport);
    give(&world, &admin, &key, &SECOND).await;
    assert_eq!(state(&world, &admin, &key).await, KeyState::Enabled);
}

#[tokio::test]
async fn a_description_stays_until_another_is_given() {
    let world = World::new();
    let admin = world.admin();
    let key = external(&world, &admin, shapes::kms::CreateKeyRequest::default()).await;
    let described =
        |text: Option<&str>, request: ImportKeyMaterialRequest| ImportKeyMaterialRequest {
            key_material_description: text.map(str::to_owned),
            ..request
        };
    for (given, shown) in [(Some("a"), "a"), (None, "a"), (Some("b"), "b")] {
        let request = import(&world, &admin, &key, &FIRST).await;
        bring(&world, &admin, described(given, request)).await;
        let all = list(
            &world,
            &admin,
            &key,
            Some(IncludeKeyMaterial::AllKeyMaterial),
        )
        .await;
        assert_eq!(all[0].key_material_description.as_deref(), Some(shown));
    }
}
