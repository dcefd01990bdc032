//! An old data directory that is restored and carried on: what is sealed after it is sealed with
//! random values that no other future of it has.

use std::collections::HashSet;

use kms::{CreateKey, Encrypt, GenerateDataKeyWithoutPlaintext, RotateKeyOnDemand};
use pipeline::Caller;
use shapes::kms::{
    CreateKeyRequest, DataKeySpec, GenerateDataKeyWithoutPlaintextRequest, RotateKeyOnDemandRequest,
};

use crate::harness::World;
use crate::imports::{arn, give, import, symmetric};
use crate::keys::{create, encrypt};

/// The random value of what the committing AEAD sealed.
type Random = [u8; 32];

/// What begins with the version of the committing AEAD.
fn of_sealed(sealed: &[u8]) -> Random {
    assert_eq!(sealed[0], 1, "the committing AEAD's version");
    sealed[1..33].try_into().unwrap()
}

/// Those of the slots of shred keys that are in use.
fn of_slots(world: &World) -> HashSet<Random> {
    let file = std::fs::read(world.directory().join("shred.keys")).unwrap();
    let used = file.chunks(512).filter(|slot| slot.starts_with(b"srshrd"));
    used.map(|slot| of_sealed(&slot[8..])).collect()
}

/// Calls that seal something in every way that KMS does; returns the random values.
async fn carry_on(world: &World, admin: &Caller, key: &str) -> Vec<Random> {
    let before = of_slots(world);
    let mut found = Vec::new();
    for _ in 0..100 {
        let sealed = world.call::<Encrypt>(admin, encrypt(key)).await.unwrap();
        found.push(of_sealed(&sealed.ciphertext_blob.unwrap().as_ref()[55..]));
        let input = GenerateDataKeyWithoutPlaintextRequest {
            key_id: key.to_owned(),
            key_spec: Some(DataKeySpec::Aes256),
            ..Default::default()
        };
        let made = world.call::<GenerateDataKeyWithoutPlaintext>(admin, input);
        let made = made.await.unwrap().ciphertext_blob.unwrap();
        found.push(of_sealed(&made.as_ref()[55..]));
    }
    let input = RotateKeyOnDemandRequest {
        key_id: key.to_owned(),
    };
    world.call::<RotateKeyOnDemand>(admin, input).await.unwrap();
    let made = world
        .call::<CreateKey>(admin, CreateKeyRequest::default())
        .await;
    let made = made.unwrap().key_metadata.unwrap();
    let imported = symmetric(world, admin).await;
    let request = import(world, admin, &imported, &[7; 32]).await;
    found.push(of_sealed(&request.import_token.as_ref()[4..]));
    give(world, admin, &imported, &[7; 32]).await;
    for key in [&made, &imported] {
        for (_, wrapped, _) in kms::fuzzing::wrapped_materials(&world.view(), &arn(key)) {
            found.push(of_sealed(&wrapped));
        }
    }
    // The shred keys of the import's day and of the imported material.
    let slots: Vec<_> = of_slots(world).difference(&before).copied().collect();
    assert!(!slots.is_empty());
    found.extend(slots);
    found
}

fn repeats(values: &[Random]) -> bool {
    let different: HashSet<_> = values.iter().collect();
    different.len() != values.len()
}

#[tokio::test]
async fn no_two_futures_of_a_restored_directory_seal_with_the_same_random_value() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await.key_id;
    let mut all = carry_on(&world, &admin, &key).await;
    let old = world.copied();
    let older = world.copied();
    for world in [&world, &old, &older] {
        all.extend(carry_on(world, &admin, &key).await);
    }
    assert!(all.len() > 800, "{}", all.len());
    assert!(!repeats(&all));
    // The check itself finds a repetition.
    all.push(all[17]);
    assert!(repeats(&all));
}
