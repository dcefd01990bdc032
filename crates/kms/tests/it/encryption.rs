//! Encrypting and making data keys.

use kms::{
    Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, PutKeyPolicy, ReEncrypt,
};
use shapes::kms::{
    DataKeySpec, EncryptRequest, EncryptionAlgorithmSpec, GenerateDataKeyRequest,
    GenerateDataKeyWithoutPlaintextRequest, KeySpec, KeyUsageType, PutKeyPolicyRequest,
    ReEncryptRequest, RecipientInfo,
};

use crate::asymmetric;
use crate::decryption::{decrypt, decrypted};
use crate::harness::{ALL_OF_KMS, AWAY, HOME, World, context};
use crate::keys::{create, create_with_policy, encrypt};

#[tokio::test]
async fn a_data_key_comes_in_clear_and_encrypted() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    for (key_spec, number_of_bytes, length) in [
        (Some(DataKeySpec::Aes256), None, 32),
        (Some(DataKeySpec::Aes128), None, 16),
        (None, Some(1024), 1024),
    ] {
        let input = GenerateDataKeyRequest {
            key_id: key.key_id.clone(),
            encryption_context: context(&[("a", "b")]),
            key_spec,
            number_of_bytes,
            ..GenerateDataKeyRequest::default()
        };
        let made = world.call::<GenerateDataKey>(&admin, input).await.unwrap();
        let plaintext = made.plaintext.unwrap();
        assert_eq!(plaintext.expose().len(), length);
        assert!(plaintext.expose().iter().any(|byte| *byte != 0));
        assert_eq!(made.key_id, key.arn);
        assert_eq!(made.key_material_id, key.current_key_material_id);
        let input = decrypt(made.ciphertext_blob.unwrap(), context(&[("a", "b")]));
        assert_eq!(
            decrypted(&world, &admin, input).await.unwrap(),
            plaintext.expose()
        );
    }
}

#[tokio::test]
async fn a_data_key_without_plaintext_can_be_decrypted() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = GenerateDataKeyWithoutPlaintextRequest {
        key_id: key.key_id.clone(),
        key_spec: Some(DataKeySpec::Aes256),
        ..GenerateDataKeyWithoutPlaintextRequest::default()
    };
    let made = world
        .call::<GenerateDataKeyWithoutPlaintext>(&admin, input)
        .await
        .unwrap();
    assert_eq!(made.key_id, key.arn);
    let input = decrypt(made.ciphertext_blob.unwrap(), None);
    assert_eq!(decrypted(&world, &admin, input).await.unwrap().len(), 32);
}

#[tokio::test]
async fn a_data_key_has_one_length() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = GenerateDataKeyRequest {
        key_id: key.key_id,
        ..GenerateDataKeyRequest::default()
    };
    let expected = "Please specify either number of bytes or key spec.".to_owned();
    let failure = world
        .failure::<GenerateDataKey>(&admin, input.clone())
        .await;
    assert_eq!(
        failure,
        ("ValidationException".to_owned(), expected.clone())
    );
    let input = GenerateDataKeyRequest {
        number_of_bytes: Some(32),
        key_spec: Some(DataKeySpec::Aes256),
        ..input
    };
    let failure = world.failure::<GenerateDataKey>(&admin, input).await;
    assert_eq!(failure, ("ValidationException".to_owned(), expected));
}

#[tokio::test]
async fn a_dry_run_ends_where_the_call_would_succeed() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = EncryptRequest {
        dry_run: Some(true),
        ..encrypt(&key.key_id)
    };
    let failure = world.failure::<Encrypt>(&admin, input.clone()).await;
    let text = "The request would have succeeded, but the DryRun option is set.".to_owned();
    assert_eq!(failure, ("DryRunOperationException".to_owned(), text));
    let nobody = world.user(HOME, "Nobody", None);
    assert_eq!(
        world.failure::<Encrypt>(&nobody, input).await.0,
        "AccessDeniedException"
    );
    let input = GenerateDataKeyRequest {
        key_id: key.key_id,
        key_spec: Some(DataKeySpec::Aes256),
        dry_run: Some(true),
        ..GenerateDataKeyRequest::default()
    };
    let (code, _) = world.failure::<GenerateDataKey>(&admin, input).await;
    assert_eq!(code, "DryRunOperationException");
}

#[tokio::test]
async fn a_dry_run_refuses_the_contexts_that_the_call_refuses() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let rsa = asymmetric::key(
        &world,
        &admin,
        KeySpec::Rsa2048,
        KeyUsageType::EncryptDecrypt,
    );
    let rsa = rsa.await;
    for dry_run in [None, Some(true)] {
        let ambiguous = context(&[("team", "a"), ("Team", "b")]);
        let encrypts = EncryptRequest {
            encryption_context: ambiguous.clone(),
            dry_run,
            ..encrypt(&key.key_id)
        };
        let under_rsa = EncryptRequest {
            encryption_context: context(&[("team", "a")]),
            encryption_algorithm: Some(EncryptionAlgorithmSpec::RsaesOaepSha256),
            dry_run,
            ..encrypt(&rsa.key_id)
        };
        for input in [encrypts, under_rsa] {
            let (code, text) = world.failure::<Encrypt>(&admin, input).await;
            assert_eq!(code, "ValidationException", "{text}");
            let text = text.to_lowercase().replace(' ', "");
            assert!(text.contains("encryptioncontext"), "{text}");
        }
        let input = GenerateDataKeyRequest {
            key_id: key.key_id.clone(),
            key_spec: Some(DataKeySpec::Aes256),
            encryption_context: ambiguous,
            dry_run,
            ..GenerateDataKeyRequest::default()
        };
        let (code, _) = world.failure::<GenerateDataKey>(&admin, input).await;
        assert_eq!(code, "ValidationException");
    }
}

#[tokio::test]
async fn what_cannot_be_honoured_is_refused() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let algorithm = Some(EncryptionAlgorithmSpec::RsaesOaepSha256);
    let input = EncryptRequest {
        encryption_algorithm: algorithm,
        ..encrypt(&key.key_id)
    };
    let text = "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.";
    let failure = world.failure::<Encrypt>(&admin, input).await;
    assert_eq!(
        failure,
        ("InvalidKeyUsageException".to_owned(), text.to_owned())
    );
    let tokens = Some(vec!["token".to_owned()]);
    let input = EncryptRequest {
        grant_tokens: tokens,
        ..encrypt(&key.key_id)
    };
    let (code, _) = world.failure::<Encrypt>(&admin, input).await;
    assert_eq!(code, "InvalidGrantTokenException");
    let input = GenerateDataKeyRequest {
        key_id: key.key_id,
        key_spec: Some(DataKeySpec::Aes256),
        recipient: Some(RecipientInfo::default()),
        ..GenerateDataKeyRequest::default()
    };
    let refused = world.failure::<GenerateDataKey>(&admin, input).await;
    let text = "the attestation document of Recipient could not be verified";
    assert_eq!(refused, ("ValidationException".to_owned(), text.to_owned()));
}

/// Policies do not tell such keys apart, so none decides on a value that another one hides.
#[tokio::test]
async fn a_context_with_keys_that_differ_in_case_only_is_refused() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = EncryptRequest {
        encryption_context: context(&[("Team", "ml"), ("team", "web")]),
        ..encrypt(&key.key_id)
    };
    let (code, text) = world.failure::<Encrypt>(&admin, input).await;
    assert_eq!(code, "ValidationException");
    assert!(text.contains("differ in case only"), "{text}");
    let sealed = world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
    let ambiguous = context(&[("Team", "ml"), ("team", "web")]);
    let input = decrypt(sealed.ciphertext_blob.unwrap(), ambiguous);
    let (code, _) = world.failure::<Decrypt>(&admin, input).await;
    assert_eq!(code, "ValidationException");
}

/// A key that Alice may encrypt under where `condition` holds.
async fn allowed(condition: &str, input: impl FnOnce(String) -> EncryptRequest) -> bool {
    let world = World::new();
    let alice = world.user(HOME, "Alice", None);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":"arn:aws:iam::{HOME}:user/Alice"}},
            "Action":"kms:Encrypt","Resource":"*","Condition":{condition}}}]}}"#
    );
    let key = create_with_policy(&world, &world.admin(), &policy).await;
    world
        .call::<Encrypt>(&alice, input(key.key_id))
        .await
        .is_ok()
}

fn with_context(pairs: &'static [(&str, &str)]) -> impl FnOnce(String) -> EncryptRequest {
    move |key| EncryptRequest {
        encryption_context: context(pairs),
        ..encrypt(&key)
    }
}

#[tokio::test]
async fn key_policies_see_the_encryption_context() {
    let one = r#"{"StringEquals":{"kms:EncryptionContext:team":"ml"}}"#;
    assert!(allowed(one, with_context(&[("team", "ml")])).await);
    assert!(allowed(one, with_context(&[("TEAM", "ml"), ("x", "y")])).await);
    assert!(!allowed(one, with_context(&[("team", "web")])).await);
    assert!(!allowed(one, with_context(&[])).await);
    let keys = r#"{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["team"]},
                   "Null":{"kms:EncryptionContextKeys":"false"}}"#;
    assert!(allowed(keys, with_context(&[("team", "ml")])).await);
    assert!(!allowed(keys, with_context(&[("team", "ml"), ("x", "y")])).await);
    assert!(!allowed(keys, with_context(&[])).await);
}

#[tokio::test]
async fn key_policies_see_the_algorithm_even_when_it_is_the_default() {
    let condition = r#"{"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#;
    assert!(allowed(condition, with_context(&[])).await);
}

#[tokio::test]
async fn key_policies_see_the_caller_s_account_and_the_key() {
    let condition = format!(
        r#"{{"StringEquals":{{"kms:CallerAccount":"{HOME}","kms:KeySpec":"SYMMETRIC_DEFAULT",
            "kms:KeyOrigin":"AWS_KMS","kms:KeyUsage":"ENCRYPT_DECRYPT","kms:MultiRegion":"false"}}}}"#
    );
    assert!(allowed(&condition, with_context(&[])).await);
    let through = r#"{"StringEquals":{"kms:ViaService":"sagemaker.us-east-1.amazonaws.com"}}"#;
    assert!(!allowed(through, with_context(&[])).await);
}

#[tokio::test]
async fn a_foreign_key_needs_both_accounts() {
    let world = World::new();
    let admin = world.admin();
    let shared = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":"arn:aws:iam::{AWAY}:root"}},"Action":"kms:Encrypt","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"{HOME}"}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let key = create_with_policy(&world, &admin, &shared).await;
    let arn = key.arn.unwrap();
    let allowed = world.user(AWAY, "Allowed", Some(ALL_OF_KMS));
    let nobody = world.user(AWAY, "Nobody", None);
    assert!(world.call::<Encrypt>(&allowed, encrypt(&arn)).await.is_ok());
    assert_eq!(
        world.failure::<Encrypt>(&nobody, encrypt(&arn)).await.0,
        "AccessDeniedException"
    );
    // The bare id means a key of the caller's own account.
    let (code, _) = world
        .failure::<Encrypt>(&allowed, encrypt(&key.key_id))
        .await;
    assert_eq!(code, "NotFoundException");
    let closed = PutKeyPolicyRequest {
        key_id: arn.clone(),
        policy: format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
                "Principal":{{"AWS":"{HOME}"}},"Action":"kms:*","Resource":"*"}}]}}"#
        ),
        ..PutKeyPolicyRequest::default()
    };
    world.call::<PutKeyPolicy>(&admin, closed).await.unwrap();
    assert_eq!(
        world.failure::<Encrypt>(&allowed, encrypt(&arn)).await.0,
        "AccessDeniedException"
    );
}

#[tokio::test]
async fn a_context_that_is_too_long_is_refused_before_anything_is_decided_by_it() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await.key_id;
    let made = world.call::<Encrypt>(&admin, encrypt(&key)).await.unwrap();
    let blob = made.ciphertext_blob.unwrap();
    let nobody = world.user(HOME, "Nobody", None);
    let long = "x".repeat(8192);
    let long = || context(&[("a", &long)]);
    let text = "the encryption context has more than 8192 bytes";
    let refused = ("ValidationException".to_owned(), text.to_owned());
    let input = EncryptRequest {
        encryption_context: long(),
        ..encrypt(&key)
    };
    assert_eq!(world.failure::<Encrypt>(&nobody, input).await, refused);
    let input = decrypt(blob.clone(), long());
    assert_eq!(world.failure::<Decrypt>(&nobody, input).await, refused);
    let input = GenerateDataKeyRequest {
        key_id: key.clone(),
        encryption_context: long(),
        key_spec: Some(DataKeySpec::Aes256),
        ..GenerateDataKeyRequest::default()
    };
    let failure = world.failure::<GenerateDataKey>(&nobody, input).await;
    assert_eq!(failure, refused);
    let input = GenerateDataKeyWithoutPlaintextRequest {
        key_id: key.clone(),
        encryption_context: long(),
        key_spec: Some(DataKeySpec::Aes256),
        ..GenerateDataKeyWithoutPlaintextRequest::default()
    };
    let failure = world
        .failure::<GenerateDataKeyWithoutPlaintext>(&nobody, input)
        .await;
    assert_eq!(failure, refused);
    for (source, destination) in [(long(), None), (None, long())] {
        let input = ReEncryptRequest {
            ciphertext_blob: Some(blob.clone()),
            destination_key_id: key.clone(),
            source_encryption_context: source,
            destination_encryption_context: destination,
            ..ReEncryptRequest::default()
        };
        assert_eq!(world.failure::<ReEncrypt>(&nobody, input).await, refused);
    }
}
