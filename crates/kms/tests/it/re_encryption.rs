//! `ReEncrypt` and `GenerateRandom`.

use kms::{Decrypt, DisableKey, Encrypt, GenerateRandom, ReEncrypt};
use pipeline::Caller;
use shapes::kms::{
    DryRunModifierType, EncryptRequest, GenerateRandomRequest, KeyMetadata, ReEncryptRequest,
};

use crate::decryption::decrypt;
use crate::harness::{ALL_OF_KMS, AWAY, HOME, World, context};
use crate::keys::{create, create_with_policy, disable, encrypt};

async fn blob(world: &World, caller: &Caller, key: &KeyMetadata) -> shapes::Blob {
    let input = EncryptRequest {
        encryption_context: context(&[("from", "1")]),
        ..encrypt(key.arn.as_deref().unwrap())
    };
    let answer = world.call::<Encrypt>(caller, input).await.unwrap();
    answer.ciphertext_blob.unwrap()
}

fn request(blob: shapes::Blob, to: &KeyMetadata) -> ReEncryptRequest {
    ReEncryptRequest {
        ciphertext_blob: Some(blob),
        source_encryption_context: context(&[("from", "1")]),
        destination_key_id: to.arn.clone().unwrap(),
        destination_encryption_context: context(&[("to", "2")]),
        ..ReEncryptRequest::default()
    }
}

#[tokio::test]
async fn a_ciphertext_moves_to_another_key_and_context() {
    let world = World::new();
    let admin = world.admin();
    let (from, to) = (create(&world, &admin).await, create(&world, &admin).await);
    let input = request(blob(&world, &admin, &from).await, &to);
    let answer = world.call::<ReEncrypt>(&admin, input).await.unwrap();
    let material = |key: &KeyMetadata| key.current_key_material_id.clone();
    assert_eq!(
        (answer.source_key_id, answer.key_id.clone()),
        (from.arn.clone(), to.arn.clone())
    );
    assert_eq!(answer.source_key_material_id, material(&from));
    assert_eq!(answer.destination_key_material_id, material(&to));
    let record = world.newest_record(HOME);
    let parameters = serde_json::json!({
        "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "sourceEncryptionContext": { "from": "1" },
        "destinationKeyId": to.arn,
        "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "destinationEncryptionContext": { "to": "2" },
    });
    assert_eq!(record.request_parameters, parameters);
    let named: Vec<_> = record
        .resources
        .into_iter()
        .map(|key| Some(key.arn))
        .collect();
    assert_eq!(named, [from.arn, to.arn.clone()]);
    let opened = decrypt(answer.ciphertext_blob.unwrap(), context(&[("to", "2")]));
    let opened = world.call::<Decrypt>(&admin, opened).await.unwrap();
    assert_eq!(opened.key_id, to.arn);
    assert_eq!(opened.plaintext.unwrap().expose(), b"secret");
}

#[tokio::test]
async fn both_keys_must_allow_their_part() {
    let world = World::new();
    let admin = world.admin();
    let (from, to) = (create(&world, &admin).await, create(&world, &admin).await);
    let blob = blob(&world, &admin, &from).await;
    let only = |number: usize, statements: &str| {
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        world.user(HOME, &format!("U{number}"), Some(&policy))
    };
    let allow = |action: &str, key: &KeyMetadata| {
        let arn = key.arn.as_deref().unwrap();
        format!(r#"{{"Effect":"Allow","Action":"kms:{action}","Resource":"{arn}"}}"#)
    };
    let (from_from, to_to) = (allow("ReEncryptFrom", &from), allow("ReEncryptTo", &to));
    for (number, (statements, allowed)) in [
        (format!("{from_from},{to_to}"), true),
        (from_from.clone(), false),
        (to_to.clone(), false),
        (
            format!("{from_from},{}", allow("ReEncryptTo", &from)),
            false,
        ),
        (format!("{},{to_to}", allow("Decrypt", &from)), false),
    ]
    .into_iter()
    .enumerate()
    {
        let user = only(number, &statements);
        let found = world
            .call::<ReEncrypt>(&user, request(blob.clone(), &to))
            .await;
        assert_eq!(found.is_ok(), allowed, "{statements}");
    }
}

#[tokio::test]
async fn whether_the_key_stays_the_same_is_a_condition_key() {
    let world = World::new();
    let admin = world.admin();
    let (from, to) = (create(&world, &admin).await, create(&world, &admin).await);
    let blob = blob(&world, &admin, &from).await;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":"kms:ReEncrypt*","Resource":"*",
        "Condition":{"Bool":{"kms:ReEncryptOnSameKey":"true"}}}]}"#;
    let user = world.user(HOME, "User", Some(policy));
    let same = request(blob.clone(), &from);
    world.call::<ReEncrypt>(&user, same).await.unwrap();
    let other = request(blob, &to);
    assert!(world.call::<ReEncrypt>(&user, other).await.is_err());
}

#[tokio::test]
async fn keys_of_two_accounts_can_be_used() {
    let world = World::new();
    let admin = world.admin();
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":["{HOME}","{AWAY}"]}},"Action":"kms:*",
              "Resource":"*"}}]}}"#
    );
    let from = create_with_policy(&world, &admin, &policy).await;
    let to = create(&world, &stranger).await;
    let input = request(blob(&world, &admin, &from).await, &to);
    world
        .call::<ReEncrypt>(&stranger, input.clone())
        .await
        .unwrap();
    // The owner of the source may not use the stranger's key.
    let (code, _) = world.failure::<ReEncrypt>(&admin, input).await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn failures_are_those_of_decrypt_and_encrypt() {
    let world = World::new();
    let admin = world.admin();
    let (from, to) = (create(&world, &admin).await, create(&world, &admin).await);
    let other = create(&world, &admin).await;
    let blob = blob(&world, &admin, &from).await;
    let good = request(blob, &to);
    let check = async |input: ReEncryptRequest, expected: &str| {
        let (code, message) = world.failure::<ReEncrypt>(&admin, input).await;
        assert_eq!(code, expected, "{message}");
    };
    let wrong_context = ReEncryptRequest {
        source_encryption_context: None,
        ..good.clone()
    };
    check(wrong_context, "InvalidCiphertextException").await;
    let wrong_key = ReEncryptRequest {
        source_key_id: other.arn.clone(),
        ..good.clone()
    };
    check(wrong_key, "IncorrectKeyException").await;
    let no_blob = ReEncryptRequest {
        ciphertext_blob: None,
        ..good.clone()
    };
    check(no_blob.clone(), "ValidationException").await;
    let dry = ReEncryptRequest {
        dry_run: Some(true),
        ..good.clone()
    };
    check(dry, "DryRunOperationException").await;
    let ignoring = ReEncryptRequest {
        source_key_id: from.arn.clone(),
        dry_run: Some(true),
        dry_run_modifiers: Some(vec![DryRunModifierType::IgnoreCiphertext]),
        ..no_blob
    };
    check(ignoring, "DryRunOperationException").await;
    let missing = ReEncryptRequest {
        destination_key_id: "1234abcd-12ab-34cd-56ef-1234567890ab".to_owned(),
        ..good.clone()
    };
    check(missing, "NotFoundException").await;
    world
        .call::<DisableKey>(&admin, disable(&to))
        .await
        .unwrap();
    check(good, "DisabledException").await;
}

#[tokio::test]
async fn random_bytes_are_as_many_as_asked_for_and_differ() {
    let world = World::new();
    let admin = world.admin();
    let input = |number| GenerateRandomRequest {
        number_of_bytes: number,
        ..GenerateRandomRequest::default()
    };
    let bytes = async |number| {
        let answer = world
            .call::<GenerateRandom>(&admin, input(Some(number)))
            .await;
        answer.unwrap().plaintext.unwrap().expose().to_vec()
    };
    let (one, two) = (bytes(32).await, bytes(32).await);
    assert_eq!((one.len(), bytes(1024).await.len()), (32, 1024));
    assert_ne!(one, two);
    let record = world.newest_record(HOME);
    assert!(record.request_parameters.is_null() && record.resources.is_empty());
    let failure = world.failure::<GenerateRandom>(&admin, input(None)).await;
    let text = "NumberOfBytes is required.".to_owned();
    assert_eq!(failure, ("ValidationException".to_owned(), text));
    let store = GenerateRandomRequest {
        custom_key_store_id: Some("cks-1".to_owned()),
        ..input(Some(1))
    };
    let (code, _) = world.failure::<GenerateRandom>(&admin, store).await;
    assert_eq!(code, "CustomKeyStoreNotFoundException");
}
