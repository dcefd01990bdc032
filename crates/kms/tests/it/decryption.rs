//! Decrypting: what opens, what does not, and with which error.

use std::collections::BTreeMap;

use kms::{CreateAlias, Decrypt, Encrypt};
use pipeline::{Caller, Failure};
use shapes::Blob;
use shapes::kms::{
    CreateAliasRequest, DecryptRequest, DryRunModifierType, EncryptRequest, KeySpec, KeyUsageType,
};

use crate::asymmetric::key;
use crate::harness::{ALL_OF_KMS, AWAY, HOME, World, context};
use crate::imports::symmetric;
use crate::keys::{create, create_with_policy, encrypt};

pub(crate) fn decrypt(blob: Blob, context: Option<BTreeMap<String, String>>) -> DecryptRequest {
    DecryptRequest {
        ciphertext_blob: Some(blob),
        encryption_context: context,
        ..DecryptRequest::default()
    }
}

pub(crate) async fn decrypted(
    world: &World,
    caller: &Caller,
    input: DecryptRequest,
) -> Result<Vec<u8>, Failure> {
    let output = world.call::<Decrypt>(caller, input).await?;
    Ok(output.plaintext.unwrap().expose().to_vec())
}

async fn encrypted(world: &World, caller: &Caller, key: &str, pairs: &[(&str, &str)]) -> Blob {
    let input = EncryptRequest {
        encryption_context: context(pairs),
        ..encrypt(key)
    };
    world
        .call::<Encrypt>(caller, input)
        .await
        .unwrap()
        .ciphertext_blob
        .unwrap()
}

const INVALID: (&str, &str) = ("InvalidCiphertextException", "");
const INCORRECT: (&str, &str) = (
    "IncorrectKeyException",
    "The key ID in the request does not identify a CMK that can perform this operation.",
);

async fn check(world: &World, caller: &Caller, input: DecryptRequest, expected: (&str, &str)) {
    let (code, message) = world.failure::<Decrypt>(caller, input).await;
    assert_eq!((code.as_str(), message.as_str()), expected);
}

#[tokio::test]
async fn the_ciphertext_names_its_key() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let blob = encrypted(&world, &admin, &key.key_id, &[("a", "b")]).await;
    let output = world
        .call::<Decrypt>(&admin, decrypt(blob, context(&[("a", "b")])))
        .await;
    let output = output.unwrap();
    assert_eq!(output.plaintext.unwrap().expose(), b"secret");
    assert_eq!(output.key_id, key.arn);
    assert_eq!(output.key_material_id, key.current_key_material_id);
    assert_eq!(
        output.encryption_algorithm.unwrap().as_str(),
        "SYMMETRIC_DEFAULT"
    );
}

#[tokio::test]
async fn every_form_of_the_right_key_is_accepted_and_another_key_is_not() {
    let world = World::new();
    let admin = world.admin();
    let (key, other) = (create(&world, &admin).await, create(&world, &admin).await);
    let alias = CreateAliasRequest {
        alias_name: "alias/app".to_owned(),
        target_key_id: key.key_id.clone(),
    };
    world.call::<CreateAlias>(&admin, alias).await.unwrap();
    let blob = encrypted(&world, &admin, &key.key_id, &[]).await;
    let with_key = |key: &str| DecryptRequest {
        key_id: Some(key.to_owned()),
        ..decrypt(blob.clone(), None)
    };
    let alias_arn = format!("arn:aws:kms:us-east-1:{HOME}:alias/app");
    for id in [
        key.key_id.as_str(),
        key.arn.as_deref().unwrap(),
        "alias/app",
        &alias_arn,
    ] {
        assert_eq!(
            decrypted(&world, &admin, with_key(id)).await.unwrap(),
            b"secret",
            "{id}"
        );
    }
    for id in [other.key_id.as_str(), other.arn.as_deref().unwrap()] {
        check(&world, &admin, with_key(id), INCORRECT).await;
    }
}

#[tokio::test]
async fn a_missing_context_is_an_empty_one() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let blob = world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
    let input = decrypt(blob.ciphertext_blob.unwrap(), context(&[]));
    assert!(decrypted(&world, &admin, input).await.is_ok());
}

#[tokio::test]
async fn another_context_does_not_open() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let blob = encrypted(&world, &admin, &key.key_id, &[("a", "b")]).await;
    let others: [&[(&str, &str)]; 4] =
        [&[], &[("a", "B")], &[("A", "b")], &[("a", "b"), ("c", "d")]];
    for pairs in others {
        check(
            &world,
            &admin,
            decrypt(blob.clone(), context(pairs)),
            INVALID,
        )
        .await;
    }
}

#[tokio::test]
async fn edited_truncated_and_foreign_blobs_do_not_open() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let blob = encrypted(&world, &admin, &key.key_id, &[]).await;
    for at in 0..blob.0.len() {
        let mut edited = blob.0.clone();
        edited[at] ^= 1;
        let (code, message) = world
            .failure::<Decrypt>(&admin, decrypt(edited.into(), None))
            .await;
        // An edited account or key id, or its form, names another key, of another account or none.
        let another_key = (1..23).contains(&at);
        let expected = if another_key {
            "AccessDeniedException"
        } else {
            INVALID.0
        };
        assert_eq!(code, expected, "byte {at}");
        assert_eq!(message == denied(&admin), another_key, "byte {at}");
        assert!(another_key || message.is_empty(), "byte {at}");
    }
    for length in [1, 54, 55, 100, blob.0.len() - 1] {
        check(
            &world,
            &admin,
            decrypt(blob.0[..length].to_vec().into(), None),
            INVALID,
        )
        .await;
    }
    let elsewhere = World::new();
    let caller = elsewhere.admin();
    let text = denied(&caller);
    let expected = ("AccessDeniedException", text.as_str());
    check(&elsewhere, &caller, decrypt(blob, None), expected).await;
}

/// What AWS says of a ciphertext whose key is not here, or is another account's.
fn denied(caller: &Caller) -> String {
    let name = caller.principal.display_name();
    format!(
        "User: {name} is not authorized to perform: kms:Decrypt on the resource associated with this \
         ciphertext because the resource does not exist in this Region, no resource-based policies \
         allow access, or a resource-based policy explicitly denies access"
    )
}

#[tokio::test]
async fn a_ciphertext_with_a_part_of_another_does_not_open() {
    const PARTS: [std::ops::Range<usize>; 7] =
        [2..7, 7..23, 23..55, 56..88, 88..120, 120..126, 126..142];
    let world = World::new();
    let admin = world.admin();
    let (one, two) = (create(&world, &admin).await, create(&world, &admin).await);
    let first = encrypted(&world, &admin, &one.key_id, &[]).await;
    let input = shapes::kms::RotateKeyOnDemandRequest {
        key_id: one.key_id.clone(),
    };
    world
        .call::<kms::RotateKeyOnDemand>(&admin, input)
        .await
        .unwrap();
    let blobs = [
        first,
        encrypted(&world, &admin, &one.key_id, &[]).await,
        encrypted(&world, &admin, &one.key_id, &[("a", "b")]).await,
        encrypted(&world, &admin, &two.key_id, &[]).await,
    ];
    let length = blobs[0].0.len();
    assert!(blobs.iter().all(|blob| blob.0.len() == length));
    assert_eq!(length, 142);
    for (own, other) in blobs
        .iter()
        .flat_map(|own| blobs.iter().map(move |other| (own, other)))
    {
        for part in PARTS {
            let mut mixed = own.0.clone();
            mixed[part.clone()].copy_from_slice(&other.0[part.clone()]);
            if mixed == own.0 {
                continue;
            }
            for pairs in [&[][..], &[("a", "b")]] {
                let input = decrypt(mixed.clone().into(), context(pairs));
                let (code, _) = world.failure::<Decrypt>(&admin, input).await;
                assert_eq!(code, INVALID.0, "{part:?}");
            }
        }
    }
}

#[tokio::test]
async fn keys_policies_and_aliases_outlive_a_restart() {
    let world = World::new();
    let admin = world.admin();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":"arn:aws:iam::{HOME}:user/Admin"}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let key = create_with_policy(&world, &admin, &policy).await;
    let target_key_id = key.key_id.clone();
    let alias = CreateAliasRequest {
        alias_name: "alias/app".to_owned(),
        target_key_id,
    };
    world.call::<CreateAlias>(&admin, alias).await.unwrap();
    let blob = encrypted(&world, &admin, &key.key_id, &[]).await;
    let world = world.restarted();
    assert_eq!(
        decrypted(&world, &admin, decrypt(blob.clone(), None))
            .await
            .unwrap(),
        b"secret"
    );
    assert!(
        world
            .call::<Encrypt>(&admin, encrypt("alias/app"))
            .await
            .is_ok()
    );
    // Admin of the same name, but another user: the policy was bound to the first.
    let impostor = world.admin();
    let (code, _) = world
        .failure::<Decrypt>(&impostor, decrypt(blob, None))
        .await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn a_swapped_header_does_not_open() {
    let world = World::new();
    let admin = world.admin();
    let (key, other) = (create(&world, &admin).await, create(&world, &admin).await);
    let blob = encrypted(&world, &admin, &key.key_id, &[]).await;
    let foreign = encrypted(&world, &admin, &other.key_id, &[]).await;
    let swapped = [&foreign.0[..55], &blob.0[55..]].concat();
    check(&world, &admin, decrypt(swapped.into(), None), INVALID).await;
}

#[tokio::test]
async fn the_right_to_encrypt_is_not_the_right_to_decrypt() {
    let world = World::new();
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#;
    let writer = world.user(HOME, "Writer", Some(policy));
    let key = create(&world, &world.admin()).await;
    let blob = encrypted(&world, &writer, &key.key_id, &[]).await;
    let named = DecryptRequest {
        key_id: Some(key.key_id),
        ..decrypt(blob.clone(), None)
    };
    // What the caller has not named, the denial does not name either.
    let resource = format!("resource: {}", key.arn.unwrap());
    for (input, what) in [
        (
            decrypt(blob, None),
            "the resource associated with this ciphertext",
        ),
        (named, &resource),
    ] {
        let text = format!(
            "User: arn:aws:iam::{HOME}:user/Writer is not authorized to perform: kms:Decrypt on {what} \
             because no identity-based policy allows the kms:Decrypt action"
        );
        let expected = ("AccessDeniedException", text.as_str());
        check(&world, &writer, input, expected).await;
    }
}

#[tokio::test]
async fn another_account_does_not_learn_whether_a_key_exists() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let missing = format!("arn:aws:kms:us-east-1:{HOME}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let alias = format!("arn:aws:kms:us-east-1:{HOME}:alias/missing");
    let text = format!(
        "User: arn:aws:iam::{AWAY}:user/Stranger is not authorized to perform: kms:Encrypt on this \
         resource because the resource does not exist in this Region, no resource-based policies allow \
         access, or a resource-based policy explicitly denies access"
    );
    for arn in [key.arn.as_deref().unwrap(), &missing, &alias] {
        let refused = world.failure::<Encrypt>(&stranger, encrypt(arn)).await;
        assert_eq!(refused, ("AccessDeniedException".to_owned(), text.clone()));
    }
    let blob = encrypted(&world, &admin, &key.key_id, &[]).await;
    let text = denied(&stranger);
    let expected = ("AccessDeniedException", text.as_str());
    check(&world, &stranger, decrypt(blob, None), expected).await;
}

#[tokio::test]
async fn the_ciphertext_is_looked_at_before_what_the_named_key_is_for() {
    let world = World::new();
    let admin = world.admin();
    let own = create(&world, &admin).await;
    let blob = encrypted(&world, &admin, &own.key_id, &[]).await;
    let forms = [
        (KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt),
        (KeySpec::EccNistP256, KeyUsageType::SignVerify),
        (KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac),
    ];
    // One that waits for its material, too.
    let mut others = vec![symmetric(&world, &admin).await.key_id];
    for (spec, usage) in forms {
        others.push(key(&world, &admin, spec, usage).await.key_id);
    }
    for other in others {
        let with = |blob: &[u8]| DecryptRequest {
            key_id: Some(other.clone()),
            ..decrypt(blob.to_vec().into(), None)
        };
        check(&world, &admin, with(&blob.0), INCORRECT).await;
        check(&world, &admin, with(b"none"), INVALID).await;
    }
}

#[tokio::test]
async fn a_bare_key_id_reaches_the_foreign_key_that_the_ciphertext_names() {
    let world = World::new();
    let admin = world.admin();
    let open = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":["{HOME}","{AWAY}"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let key = create_with_policy(&world, &admin, &open).await;
    let blob = encrypted(&world, &admin, &key.key_id, &[]).await;
    let friend = world.user(AWAY, "Friend", Some(ALL_OF_KMS));
    let named = DecryptRequest {
        key_id: Some(key.key_id),
        ..decrypt(blob.clone(), None)
    };
    assert_eq!(decrypted(&world, &friend, named).await.unwrap(), b"secret");
    assert_eq!(
        decrypted(&world, &friend, decrypt(blob, None))
            .await
            .unwrap(),
        b"secret"
    );
}

#[tokio::test]
async fn a_dry_run_checks_the_ciphertext_unless_told_to_ignore_it() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let blob = encrypted(&world, &admin, &key.key_id, &[]).await;
    let dry = |blob: Blob| DecryptRequest {
        dry_run: Some(true),
        ..decrypt(blob, None)
    };
    let text = "The request would have succeeded, but the DryRun option is set.";
    let succeeds = ("DryRunOperationException", text);
    check(&world, &admin, dry(blob.clone()), succeeds).await;
    check(&world, &admin, dry(vec![1].into()), INVALID).await;
    let ignoring = DecryptRequest {
        key_id: Some(key.key_id.clone()),
        dry_run: Some(true),
        dry_run_modifiers: Some(vec![DryRunModifierType::IgnoreCiphertext]),
        ..DecryptRequest::default()
    };
    check(&world, &admin, ignoring.clone(), succeeds).await;
    let nobody = world.user(HOME, "Nobody", None);
    let (code, _) = world.failure::<Decrypt>(&nobody, ignoring.clone()).await;
    assert_eq!(code, "AccessDeniedException");
    let null = |member| {
        format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy \
             constraint: Member must not be null"
        )
    };
    let unnamed = DecryptRequest {
        key_id: None,
        ..ignoring.clone()
    };
    check(
        &world,
        &admin,
        unnamed,
        ("ValidationException", &null("keyId")),
    )
    .await;
    let empty = DecryptRequest {
        key_id: Some(key.key_id),
        ..DecryptRequest::default()
    };
    check(
        &world,
        &admin,
        empty,
        ("ValidationException", &null("ciphertextBlob")),
    )
    .await;
    let wet = DecryptRequest {
        dry_run: None,
        ..ignoring
    };
    let text = "DryRunModifiers can be used with DryRun only";
    check(&world, &admin, wet, ("ValidationException", text)).await;
}
