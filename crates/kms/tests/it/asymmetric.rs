//! Keys that sign, agree and encapsulate, RSA encryption, data key pairs, through the pipeline.

use kms::{
    CreateKey, Decapsulate, Decrypt, DeriveSharedSecret, DescribeKey, DisableKey, Encapsulate,
    Encrypt, GenerateDataKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext,
    GenerateDataKeyWithoutPlaintext, GetPublicKey, Sign, Verify,
};
use pipeline::Caller;
use serde_json::json;
use shapes::kms::{
    CreateKeyRequest, DataKeyPairSpec, DataKeySpec, DecapsulateRequest, DecryptRequest,
    DeriveSharedSecretRequest, EncapsulateRequest, EncapsulationAlgorithmSpec, EncryptRequest,
    EncryptionAlgorithmSpec, GenerateDataKeyPairRequest,
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyRequest,
    GenerateDataKeyWithoutPlaintextRequest, GetPublicKeyRequest, KeyAgreementAlgorithmSpec,
    KeyMetadata, KeySpec, KeyUsageType, MessageType, SignRequest, SigningAlgorithmSpec,
    VerifyRequest,
};

use crate::harness::{AWAY, HOME, World, context};
use crate::keys::{create, describe, disable, encrypt};

pub(crate) async fn key(
    world: &World,
    admin: &Caller,
    spec: KeySpec,
    usage: KeyUsageType,
) -> KeyMetadata {
    let input = CreateKeyRequest {
        key_spec: Some(spec),
        key_usage: Some(usage),
        ..CreateKeyRequest::default()
    };
    let made = world.call::<CreateKey>(admin, input).await.unwrap();
    made.key_metadata.unwrap()
}

/// A key that signs on P-256.
async fn signing(world: &World, admin: &Caller) -> KeyMetadata {
    key(world, admin, KeySpec::EccNistP256, KeyUsageType::SignVerify).await
}

fn sign(key: &KeyMetadata, algorithm: SigningAlgorithmSpec, message: &[u8]) -> SignRequest {
    SignRequest {
        key_id: key.key_id.clone(),
        message: message.to_vec().into(),
        message_type: None,
        grant_tokens: None,
        signing_algorithm: algorithm,
        dry_run: None,
    }
}

fn verify(signed: SignRequest, signature: Vec<u8>) -> VerifyRequest {
    VerifyRequest {
        key_id: signed.key_id,
        message: signed.message,
        message_type: signed.message_type,
        signature: signature.into(),
        signing_algorithm: signed.signing_algorithm,
        grant_tokens: None,
        dry_run: None,
    }
}

fn public_key(key_id: &str) -> GetPublicKeyRequest {
    GetPublicKeyRequest {
        key_id: key_id.to_owned(),
        grant_tokens: None,
    }
}

/// The signing specs that are quickly made, each with one of its algorithms.
const SIGNING: [(KeySpec, SigningAlgorithmSpec); 10] = [
    (KeySpec::Rsa2048, SigningAlgorithmSpec::RsassaPssSha256),
    (KeySpec::Rsa2048, SigningAlgorithmSpec::RsassaPkcs1V15Sha512),
    (KeySpec::EccNistP256, SigningAlgorithmSpec::EcdsaSha256),
    (KeySpec::EccNistP384, SigningAlgorithmSpec::EcdsaSha384),
    (KeySpec::EccNistP521, SigningAlgorithmSpec::EcdsaSha512),
    (KeySpec::EccSecgP256k1, SigningAlgorithmSpec::EcdsaSha256),
    (
        KeySpec::EccNistEdwards25519,
        SigningAlgorithmSpec::Ed25519Sha512,
    ),
    (KeySpec::MlDsa44, SigningAlgorithmSpec::MlDsaShake256),
    (KeySpec::MlDsa65, SigningAlgorithmSpec::MlDsaShake256),
    (KeySpec::MlDsa87, SigningAlgorithmSpec::MlDsaShake256),
];

#[tokio::test]
async fn signatures_of_every_spec_verify_and_others_do_not() {
    let world = World::new();
    let admin = world.admin();
    for (spec, algorithm) in SIGNING {
        let key = key(&world, &admin, spec, KeyUsageType::SignVerify).await;
        assert!(key.current_key_material_id.is_none(), "{spec}");
        assert!(key.signing_algorithms.unwrap().contains(&algorithm));
        let found = world
            .call::<DescribeKey>(&admin, describe(&key.key_id))
            .await;
        let key = found.unwrap().key_metadata.unwrap();
        let request = sign(&key, algorithm, b"message");
        let signed = world.call::<Sign>(&admin, request.clone()).await.unwrap();
        assert_eq!(signed.key_id, key.arn, "{spec}");
        let signature = signed.signature.unwrap().as_ref().to_vec();
        let good = verify(request.clone(), signature.clone());
        let answer = world.call::<Verify>(&admin, good.clone()).await.unwrap();
        assert_eq!(answer.signature_valid, Some(true), "{spec}");
        let nothing = String::new();
        let refused = ("KMSInvalidSignatureException".to_owned(), nothing);
        let other = VerifyRequest {
            message: b"massage".to_vec().into(),
            ..good.clone()
        };
        assert_eq!(world.failure::<Verify>(&admin, other).await, refused);
        let mut altered = signature;
        altered[10] ^= 1;
        let altered = verify(request, altered);
        assert_eq!(world.failure::<Verify>(&admin, altered).await, refused);
    }
}

#[tokio::test]
async fn a_key_signs_after_a_restart_too() {
    let world = World::new();
    let admin = world.admin();
    let key = signing(&world, &admin).await;
    let request = sign(&key, SigningAlgorithmSpec::EcdsaSha256, b"message");
    let signed = world.call::<Sign>(&admin, request.clone()).await.unwrap();
    let world = world.restarted();
    let check = verify(request, signed.signature.unwrap().as_ref().to_vec());
    assert!(world.call::<Verify>(&admin, check).await.is_ok());
}

#[tokio::test]
async fn keys_refuse_uses_and_algorithms_that_are_not_theirs() {
    let world = World::new();
    let admin = world.admin();
    let signing = signing(&world, &admin).await;
    let arn = signing.arn.clone().unwrap();
    let usage = |operation: &str| {
        let text = format!("{arn} key usage is SIGN_VERIFY which is not valid for {operation}.");
        ("InvalidKeyUsageException".to_owned(), text)
    };
    let refused = world
        .failure::<Encrypt>(&admin, encrypt(&signing.key_id))
        .await;
    assert_eq!(refused, usage("Encrypt"));
    let data_key = GenerateDataKeyRequest {
        key_id: signing.key_id.clone(),
        key_spec: Some(DataKeySpec::Aes256),
        ..GenerateDataKeyRequest::default()
    };
    let refused = world.failure::<GenerateDataKey>(&admin, data_key).await;
    assert_eq!(refused, usage("GenerateDataKey"));
    let request = sign(&signing, SigningAlgorithmSpec::EcdsaSha384, b"message");
    let refused = world.failure::<Sign>(&admin, request).await;
    let text = "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.";
    assert_eq!(
        refused,
        ("InvalidKeyUsageException".to_owned(), text.to_owned())
    );
    let symmetric = create(&world, &admin).await;
    let request = sign(&symmetric, SigningAlgorithmSpec::EcdsaSha256, b"message");
    let (code, text) = world.failure::<Sign>(&admin, request).await;
    assert_eq!(code, "InvalidKeyUsageException");
    assert!(text.ends_with("key usage is ENCRYPT_DECRYPT which is not valid for Sign."));
    let asked = public_key(&symmetric.key_id);
    let refused = world.failure::<GetPublicKey>(&admin, asked).await;
    let nothing = String::new();
    assert_eq!(
        refused,
        ("UnsupportedOperationException".to_owned(), nothing)
    );
}

#[tokio::test]
async fn data_keys_are_not_encrypted_under_a_pair() {
    let world = World::new();
    let admin = world.admin();
    let usage = KeyUsageType::EncryptDecrypt;
    let pair = key(&world, &admin, KeySpec::Rsa2048, usage).await;
    let expected = (
        "InvalidKeyUsageException".to_owned(),
        "You cannot generate a data key with an asymmetric CMK".to_owned(),
    );
    let asked = GenerateDataKeyRequest {
        key_id: pair.key_id.clone(),
        key_spec: Some(DataKeySpec::Aes256),
        ..GenerateDataKeyRequest::default()
    };
    let refused = world.failure::<GenerateDataKey>(&admin, asked).await;
    assert_eq!(refused, expected);
    let asked = GenerateDataKeyWithoutPlaintextRequest {
        key_id: pair.key_id,
        key_spec: Some(DataKeySpec::Aes256),
        ..GenerateDataKeyWithoutPlaintextRequest::default()
    };
    let refused = world
        .failure::<GenerateDataKeyWithoutPlaintext>(&admin, asked)
        .await;
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn usage_is_looked_at_before_the_state_and_the_state_before_the_algorithm() {
    let world = World::new();
    let admin = world.admin();
    let signing = signing(&world, &admin).await;
    world
        .call::<DisableKey>(&admin, disable(&signing))
        .await
        .unwrap();
    let (code, _) = world
        .failure::<Encrypt>(&admin, encrypt(&signing.key_id))
        .await;
    assert_eq!(code, "InvalidKeyUsageException");
    let request = sign(&signing, SigningAlgorithmSpec::EcdsaSha384, b"message");
    let (code, _) = world.failure::<Sign>(&admin, request).await;
    assert_eq!(code, "DisabledException");
    // Neither is before what a data key is to be like, and before all the key itself.
    let length = |key_id: &str| GenerateDataKeyRequest {
        key_id: key_id.to_owned(),
        ..GenerateDataKeyRequest::default()
    };
    let asked = length(&signing.key_id);
    let (code, _) = world.failure::<GenerateDataKey>(&admin, asked).await;
    assert_eq!(code, "ValidationException");
    let asked = length("1234abcd-12ab-34cd-56ef-1234567890ab");
    let (code, _) = world.failure::<GenerateDataKey>(&admin, asked).await;
    assert_eq!(code, "NotFoundException");
}

#[tokio::test]
async fn a_digest_of_the_wrong_length_is_refused() {
    let world = World::new();
    let admin = world.admin();
    let key = signing(&world, &admin).await;
    let request = SignRequest {
        message_type: Some(MessageType::Digest),
        ..sign(&key, SigningAlgorithmSpec::EcdsaSha256, &[7; 31])
    };
    let text = "Digest is invalid length for algorithm ECDSA_SHA_256.";
    let refused = world.failure::<Sign>(&admin, request).await;
    assert_eq!(refused, ("ValidationException".to_owned(), text.to_owned()));
}

#[tokio::test]
async fn a_disabled_key_signs_nothing_and_shows_no_public_key() {
    let world = World::new();
    let admin = world.admin();
    let key = signing(&world, &admin).await;
    let request = sign(&key, SigningAlgorithmSpec::EcdsaSha256, b"message");
    world.call::<Sign>(&admin, request.clone()).await.unwrap();
    world
        .call::<DisableKey>(&admin, disable(&key))
        .await
        .unwrap();
    let text = format!("{} is disabled.", key.arn.as_ref().unwrap());
    let disabled = ("DisabledException".to_owned(), text);
    assert_eq!(world.failure::<Sign>(&admin, request).await, disabled);
    let asked = public_key(&key.key_id);
    assert_eq!(world.failure::<GetPublicKey>(&admin, asked).await, disabled);
}

#[tokio::test]
async fn condition_keys_decide_over_algorithm_and_message_type() {
    let world = World::new();
    let admin = world.admin();
    let key = signing(&world, &admin).await;
    let allowed = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"kms:Sign",
            "Resource":"*","Condition":{{"StringEquals":{condition}}}}}]}}"#
        )
    };
    for (condition, permitted) in [
        (r#"{"kms:SigningAlgorithm":"ECDSA_SHA_256"}"#, true),
        (r#"{"kms:SigningAlgorithm":"ECDSA_SHA_384"}"#, false),
        (r#"{"kms:MessageType":"RAW"}"#, true),
        (r#"{"kms:MessageType":"DIGEST"}"#, false),
        (
            r#"{"kms:KeySpec":"ECC_NIST_P256","kms:KeyUsage":"SIGN_VERIFY"}"#,
            true,
        ),
        (r#"{"kms:KeyUsage":"KEY_AGREEMENT"}"#, false),
    ] {
        let user = world.user(HOME, "Signer", Some(&allowed(condition)));
        let request = sign(&key, SigningAlgorithmSpec::EcdsaSha256, b"message");
        let outcome = world.call::<Sign>(&user, request).await;
        assert_eq!(outcome.is_ok(), permitted, "{condition}");
    }
}

#[tokio::test]
async fn another_account_signs_only_if_the_key_policy_lets_it() {
    let world = World::new();
    let admin = world.admin();
    let stranger = world.user(AWAY, "Stranger", Some(crate::harness::ALL_OF_KMS));
    let key = signing(&world, &admin).await;
    let request = SignRequest {
        key_id: key.arn.clone().unwrap(),
        ..sign(&key, SigningAlgorithmSpec::EcdsaSha256, b"message")
    };
    let (code, _) = world.failure::<Sign>(&stranger, request).await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn rsa_encrypts_without_a_context_and_only_so_much() {
    let world = World::new();
    let admin = world.admin();
    let key = key(
        &world,
        &admin,
        KeySpec::Rsa2048,
        KeyUsageType::EncryptDecrypt,
    )
    .await;
    let request = |algorithm, plaintext: Vec<u8>| EncryptRequest {
        encryption_algorithm: algorithm,
        plaintext: plaintext.into(),
        ..encrypt(&key.key_id)
    };
    let sha256 = Some(EncryptionAlgorithmSpec::RsaesOaepSha256);
    let sealed = world
        .call::<Encrypt>(&admin, request(sha256, vec![7; 190]))
        .await;
    let sealed = sealed.unwrap();
    assert_eq!(sealed.encryption_algorithm, sha256);
    let open = DecryptRequest {
        ciphertext_blob: sealed.ciphertext_blob,
        key_id: Some(key.key_id.clone()),
        encryption_algorithm: sha256,
        ..DecryptRequest::default()
    };
    let opened = world.call::<Decrypt>(&admin, open.clone()).await.unwrap();
    assert_eq!(opened.plaintext.unwrap().expose(), [7; 190]);
    assert_eq!(
        (opened.key_material_id, opened.encryption_algorithm),
        (None, sha256)
    );
    let other = DecryptRequest {
        encryption_algorithm: Some(EncryptionAlgorithmSpec::RsaesOaepSha1),
        ..open.clone()
    };
    let invalid = ("InvalidCiphertextException".to_owned(), String::new());
    assert_eq!(world.failure::<Decrypt>(&admin, other).await, invalid);
    let validation = |text: &str| ("ValidationException".to_owned(), text.to_owned());
    let text = "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger \
                than 190 bytes.";
    let refused = world
        .failure::<Encrypt>(&admin, request(sha256, vec![7; 191]))
        .await;
    assert_eq!(refused, validation(text));
    let (code, text) = world
        .failure::<Encrypt>(&admin, request(None, vec![7]))
        .await;
    assert_eq!(code, "InvalidKeyUsageException");
    assert_eq!(
        text,
        "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."
    );
    let with_context = EncryptRequest {
        encryption_context: context(&[("a", "b")]),
        ..request(sha256, vec![7])
    };
    let text =
        "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.";
    assert_eq!(
        world.failure::<Encrypt>(&admin, with_context).await,
        validation(text)
    );
    let unnamed = DecryptRequest {
        key_id: None,
        ..open
    };
    assert_eq!(
        world.failure::<Decrypt>(&admin, unnamed).await,
        validation("KeyId must not be null")
    );
}

#[tokio::test]
async fn two_keys_agree_on_the_same_secret() {
    let world = World::new();
    let admin = world.admin();
    let usage = KeyUsageType::KeyAgreement;
    let one = key(&world, &admin, KeySpec::EccNistP384, usage).await;
    let two = key(&world, &admin, KeySpec::EccNistP384, usage).await;
    let mut secrets = Vec::new();
    for (own, peer) in [(&one, &two), (&two, &one)] {
        let asked = world
            .call::<GetPublicKey>(&admin, public_key(&peer.key_id))
            .await;
        let request = DeriveSharedSecretRequest {
            key_id: own.key_id.clone(),
            key_agreement_algorithm: KeyAgreementAlgorithmSpec::Ecdh,
            public_key: asked.unwrap().public_key.unwrap(),
            grant_tokens: None,
            dry_run: None,
            recipient: None,
        };
        let derived = world
            .call::<DeriveSharedSecret>(&admin, request.clone())
            .await;
        secrets.push(derived.unwrap().shared_secret.unwrap().expose().to_vec());
        let broken = DeriveSharedSecretRequest {
            public_key: vec![4; 97].into(),
            ..request
        };
        let refused = world.failure::<DeriveSharedSecret>(&admin, broken).await;
        assert_eq!(refused, ("ValidationException".to_owned(), String::new()));
    }
    assert_eq!((secrets[0].len(), &secrets[0]), (48, &secrets[1]));
}

#[tokio::test]
async fn an_encapsulated_secret_comes_back() {
    let world = World::new();
    let admin = world.admin();
    let usage = KeyUsageType::EncapsulateDecapsulate;
    let algorithm = EncapsulationAlgorithmSpec::MlKem;
    for spec in [KeySpec::MlKem512, KeySpec::MlKem768, KeySpec::MlKem1024] {
        let key = key(&world, &admin, spec, usage).await;
        let request = EncapsulateRequest {
            key_id: key.key_id.clone(),
            encapsulation_algorithm: algorithm,
            grant_tokens: None,
            dry_run: None,
        };
        let made = world.call::<Encapsulate>(&admin, request).await.unwrap();
        let blob = made.shared_secret_ciphertext_blob.unwrap();
        let open = |blob: Vec<u8>| DecapsulateRequest {
            key_id: key.key_id.clone(),
            shared_secret_ciphertext_blob: blob.into(),
            encapsulation_algorithm: algorithm,
            grant_tokens: None,
            dry_run: None,
        };
        let mut blob = blob.as_ref().to_vec();
        let opened = world.call::<Decapsulate>(&admin, open(blob.clone())).await;
        let secret = made.shared_secret.unwrap();
        assert_eq!(
            opened.unwrap().shared_secret.unwrap().expose(),
            secret.expose()
        );
        blob[0] ^= 1;
        let other = world.call::<Decapsulate>(&admin, open(blob.clone())).await;
        assert_ne!(
            other.unwrap().shared_secret.unwrap().expose(),
            secret.expose()
        );
        blob.pop();
        let (code, _) = world.failure::<Decapsulate>(&admin, open(blob)).await;
        assert_eq!(code, "InvalidCiphertextException");
    }
}

#[tokio::test]
async fn the_private_key_of_a_data_key_pair_comes_back() {
    let world = World::new();
    let admin = world.admin();
    let symmetric = create(&world, &admin).await;
    for spec in [
        DataKeyPairSpec::Rsa2048,
        DataKeyPairSpec::EccNistP521,
        DataKeyPairSpec::EccNistEdwards25519,
        DataKeyPairSpec::MlKem768,
    ] {
        let request = GenerateDataKeyPairRequest {
            key_id: symmetric.key_id.clone(),
            key_pair_spec: spec,
            encryption_context: context(&[("a", "b")]),
            grant_tokens: None,
            recipient: None,
            dry_run: None,
        };
        let made = world
            .call::<GenerateDataKeyPair>(&admin, request)
            .await
            .unwrap();
        assert_eq!(made.key_material_id, symmetric.current_key_material_id);
        let open = |blob, pairs: &[(&str, &str)]| DecryptRequest {
            ciphertext_blob: blob,
            encryption_context: context(pairs),
            ..DecryptRequest::default()
        };
        let blob = made.private_key_ciphertext_blob;
        let opened = world
            .call::<Decrypt>(&admin, open(blob.clone(), &[("a", "b")]))
            .await;
        let private = made.private_key_plaintext.unwrap();
        assert_eq!(
            opened.unwrap().plaintext.unwrap().expose(),
            private.expose()
        );
        let wrong = world.failure::<Decrypt>(&admin, open(blob, &[])).await;
        assert_eq!(wrong.0, "InvalidCiphertextException");
    }
    let without = GenerateDataKeyPairWithoutPlaintextRequest {
        key_id: symmetric.key_id.clone(),
        key_pair_spec: DataKeyPairSpec::EccNistP256,
        encryption_context: None,
        grant_tokens: None,
        dry_run: None,
    };
    let made = world
        .call::<GenerateDataKeyPairWithoutPlaintext>(&admin, without.clone())
        .await;
    assert!(made.unwrap().private_key_ciphertext_blob.is_some());
    let sm2 = GenerateDataKeyPairWithoutPlaintextRequest {
        key_pair_spec: DataKeyPairSpec::Sm2,
        ..without
    };
    let refused = world
        .failure::<GenerateDataKeyPairWithoutPlaintext>(&admin, sm2)
        .await;
    assert_eq!(refused.0, "UnsupportedOperationException");
}

#[tokio::test]
async fn a_signature_is_recorded_without_message_and_signature() {
    let world = World::new();
    let admin = world.admin();
    let key = signing(&world, &admin).await;
    let request = sign(&key, SigningAlgorithmSpec::EcdsaSha256, b"planted message");
    let signed = world.call::<Sign>(&admin, request).await.unwrap();
    let record = world.newest_record(HOME);
    assert_eq!(
        record.request_parameters,
        json!({
            "keyId": key.key_id,
            "messageType": "RAW",
            "signingAlgorithm": "ECDSA_SHA_256",
        })
    );
    assert_eq!(
        (record.event_name.as_str(), record.read_only),
        ("Sign", true)
    );
    let signature = serde_json::to_value(&signed).unwrap()["Signature"].clone();
    let written = serde_json::to_string(&record).unwrap();
    assert!(!written.contains(signature.as_str().unwrap()));
    assert!(!written.contains("planted") && !written.contains("cGxhbnRlZCBtZXNzYWdl"));
}

#[tokio::test]
async fn a_dry_run_signs_nothing() {
    let world = World::new();
    let admin = world.admin();
    let key = signing(&world, &admin).await;
    let request = SignRequest {
        dry_run: Some(true),
        ..sign(&key, SigningAlgorithmSpec::EcdsaSha256, b"message")
    };
    let (code, _) = world.failure::<Sign>(&admin, request).await;
    assert_eq!(code, "DryRunOperationException");
}
