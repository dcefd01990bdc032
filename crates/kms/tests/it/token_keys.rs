//! Keys on a token (`AWS_CLOUDHSM`): stores, their connection, and what keys in them do.

use serde_json::json;
use testkit::SoftHsm;

use crate::harness::HOME;
use crate::key_stores::{CLUSTER, Outsiders, PIN, encryption, merged, on_token};

#[test]
fn a_key_on_a_token_does_what_symmetric_keys_do() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let input = merged(&store, &json!({ "Origin": "AWS_CLOUDHSM" }));
        let made = outsiders.ok("CreateKey", input)["KeyMetadata"].clone();
        assert_eq!(made["Origin"], "AWS_CLOUDHSM");
        assert_eq!(made["KeyState"], "Enabled");
        assert_eq!(made["CustomKeyStoreId"], store["CustomKeyStoreId"]);
        assert_eq!(made["CloudHsmClusterId"], CLUSTER);
        assert!(made.get("CurrentKeyMaterialId").is_none(), "{made}");
        let noted = outsiders.noted();
        let backing = noted["backingKey"].as_str().unwrap();
        assert!(backing.contains("backingKeyId"), "{backing}");
        let key = made["KeyId"].as_str().unwrap();
        let found = outsiders.ok("DescribeKey", json!({ "KeyId": key }));
        assert_eq!(found["KeyMetadata"], made);
        let blob = outsiders.blob(key);
        outsiders.opens(&blob);
        assert_eq!(
            outsiders.noted()["customKeyStoreId"],
            store["CustomKeyStoreId"]
        );
        let refused = outsiders.decrypt(&blob, "c").unwrap_err();
        assert_eq!(refused.code, "InvalidCiphertextException");
        let asked = json!({ "KeyId": key, "KeySpec": "AES_256" });
        let data_key = outsiders.ok("GenerateDataKey", asked.clone());
        assert!(data_key.get("KeyMaterialId").is_none());
        let opened = outsiders.ok(
            "Decrypt",
            json!({ "CiphertextBlob": data_key["CiphertextBlob"] }),
        );
        assert_eq!(opened["Plaintext"], data_key["Plaintext"]);
        outsiders.ok("GenerateDataKeyWithoutPlaintext", asked);
        // From a key of KMS and back.
        let own = outsiders.ok("CreateKey", json!({}))["KeyMetadata"]["KeyId"].clone();
        let away = outsiders.ok(
            "ReEncrypt",
            json!({
                "CiphertextBlob": blob, "SourceEncryptionContext": { "a": "b" },
                "DestinationKeyId": own, "DestinationEncryptionContext": { "a": "b" },
            }),
        );
        outsiders.opens(away["CiphertextBlob"].as_str().unwrap());
        let back = outsiders.ok(
            "ReEncrypt",
            json!({
                "CiphertextBlob": away["CiphertextBlob"], "SourceEncryptionContext": { "a": "b" },
                "DestinationKeyId": key, "DestinationEncryptionContext": { "a": "b" },
            }),
        );
        outsiders.opens(back["CiphertextBlob"].as_str().unwrap());
        let random = merged(&store, &json!({ "NumberOfBytes": 8 }));
        let drawn = outsiders.ok("GenerateRandom", random);
        assert_eq!(drawn["Plaintext"].as_str().unwrap().len(), 12);
    });
}

#[test]
fn ciphertexts_of_a_token_open_under_their_own_key_only() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let (one, two) = (outsiders.token_key(&store), outsiders.token_key(&store));
        let blob = outsiders.blob(&one);
        let bytes = STANDARD.decode(&blob).unwrap();
        let other = STANDARD.decode(outsiders.blob(&two)).unwrap();
        // The other key's header before this key's sealed part.
        let swapped = [&other[..55], &bytes[55..]].concat();
        let refused = outsiders
            .decrypt(&STANDARD.encode(swapped), "b")
            .unwrap_err();
        assert_eq!(refused.code, "InvalidCiphertextException");
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let opened = outsiders.decrypt(&STANDARD.encode(altered), "b");
            assert!(opened.is_err(), "byte {at}");
        }
        let named =
            json!({ "CiphertextBlob": blob, "KeyId": two, "EncryptionContext": { "a": "b" } });
        assert_eq!(outsiders.code("Decrypt", named), "IncorrectKeyException");
    });
}

#[test]
fn a_disconnected_store_makes_its_keys_unavailable_at_once() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let key = outsiders.token_key(&store);
        let going = outsiders.token_key(&store);
        outsiders.ok("ScheduleKeyDeletion", json!({ "KeyId": going }));
        let blob = outsiders.blob(&key);
        outsiders.ok("DisconnectCustomKeyStore", store.clone());
        // Before the server has even begun to disconnect.
        assert_eq!(outsiders.connection(&store), "DISCONNECTING");
        assert_eq!(outsiders.state(&key), "Unavailable");
        assert_eq!(outsiders.state(&going), "PendingDeletion");
        let refused = outsiders.decrypt(&blob, "b").unwrap_err();
        assert_eq!(refused.code, "KMSInvalidStateException");
        assert!(
            refused.message.ends_with("is unavailable."),
            "{}",
            refused.message
        );
        outsiders.tend();
        assert_eq!(outsiders.connection(&store), "DISCONNECTED");
        // What is changed meanwhile counts when the key is available again.
        outsiders.ok(
            "TagResource",
            json!({ "KeyId": key, "Tags": [{ "TagKey": "a", "TagValue": "b" }] }),
        );
        assert_eq!(outsiders.state(&key), "Unavailable");
        outsiders.connected(store.clone());
        assert_eq!(outsiders.state(&key), "Enabled");
        outsiders.opens(&blob);
        outsiders.ok("DisconnectCustomKeyStore", store.clone());
        outsiders.ok("DisableKey", json!({ "KeyId": key }));
        assert_eq!(outsiders.state(&key), "Unavailable");
        outsiders.tend();
        outsiders.connected(store);
        assert_eq!(outsiders.state(&key), "Disabled");
    });
}

#[test]
fn a_store_is_connected_with_the_right_password_only() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let wrong = merged(
            &on_token(),
            &json!({ "KeyStorePassword": "wrong-password" }),
        );
        let store = outsiders.ok("CreateCustomKeyStore", wrong);
        outsiders.ok("ConnectCustomKeyStore", store.clone());
        assert_eq!(outsiders.connection(&store), "CONNECTING");
        outsiders.tend();
        let entry = outsiders.entry(&store);
        assert_eq!(entry["ConnectionState"], "FAILED");
        assert_eq!(entry["ConnectionErrorCode"], "INVALID_CREDENTIALS");
        let invalid = "CustomKeyStoreInvalidStateException";
        assert_eq!(
            outsiders.code("ConnectCustomKeyStore", store.clone()),
            invalid
        );
        let right = merged(&store, &json!({ "KeyStorePassword": PIN }));
        assert_eq!(
            outsiders.code("UpdateCustomKeyStore", right.clone()),
            invalid
        );
        outsiders.ok("DisconnectCustomKeyStore", store.clone());
        outsiders.tend();
        assert_eq!(
            outsiders.code("DisconnectCustomKeyStore", store.clone()),
            invalid
        );
        outsiders.ok("UpdateCustomKeyStore", right.clone());
        outsiders.connected(store.clone());
        // Connected, only the name may change.
        assert_eq!(outsiders.code("UpdateCustomKeyStore", right), invalid);
        outsiders.ok(
            "UpdateCustomKeyStore",
            merged(&store, &json!({ "NewCustomKeyStoreName": "new" })),
        );
        assert_eq!(outsiders.entry(&store)["CustomKeyStoreName"], "new");
        let written = format!("{:?}", outsiders.world.records(HOME));
        for secret in [PIN, "wrong-password"] {
            assert!(!written.contains(secret), "{secret} is in the audit log");
        }
    });
}

#[test]
fn a_new_store_must_be_one_that_the_configuration_names() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let check = |more: serde_json::Value, code: &str| {
            let found = outsiders.code("CreateCustomKeyStore", merged(&on_token(), &more));
            assert_eq!(found, code, "{more}");
        };
        check(
            json!({ "CloudHsmClusterId": "cluster-ddddddddddd" }),
            "CloudHsmClusterNotFoundException",
        );
        check(
            json!({ "CloudHsmClusterId": "cluster-bbbbbbbbbbb" }),
            "CloudHsmClusterNotActiveException",
        );
        check(
            json!({ "CloudHsmClusterId": "cluster-ccccccccccc" }),
            "IncorrectTrustAnchorException",
        );
        for missing in [
            "CloudHsmClusterId",
            "TrustAnchorCertificate",
            "KeyStorePassword",
        ] {
            check(json!({ missing: null }), "ValidationException");
        }
        check(
            json!({ "XksProxyUriPath": "/kms/xks/v1" }),
            "ValidationException",
        );
        let store = outsiders.token_store();
        check(json!({}), "CustomKeyStoreNameInUseException");
        check(
            json!({ "CustomKeyStoreName": "two" }),
            "CloudHsmClusterInUseException",
        );
        let other = merged(
            &store,
            &json!({ "CloudHsmClusterId": "cluster-ccccccccccc" }),
        );
        let code = outsiders.code("UpdateCustomKeyStore", other);
        assert_eq!(code, "CloudHsmClusterNotRelatedException");
        // Another account cannot name this one's token.
        let stranger = outsiders.world.user(
            crate::harness::AWAY,
            "Stranger",
            Some(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#),
        );
        let refused = outsiders.call_as(&stranger, "CreateCustomKeyStore", on_token());
        assert_eq!(
            refused.unwrap_err().code,
            "CloudHsmClusterNotFoundException"
        );
        let refused = outsiders.call_as(&stranger, "ConnectCustomKeyStore", store);
        assert_eq!(refused.unwrap_err().code, "CustomKeyStoreNotFoundException");
    });
}

#[test]
fn stores_are_deleted_when_they_are_disconnected_and_empty() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let invalid = "CustomKeyStoreInvalidStateException";
        assert_eq!(
            outsiders.code("DeleteCustomKeyStore", store.clone()),
            invalid
        );
        let key = outsiders.token_key(&store);
        outsiders.ok("DisconnectCustomKeyStore", store.clone());
        outsiders.tend();
        let create = merged(&store, &json!({ "Origin": "AWS_CLOUDHSM" }));
        assert_eq!(outsiders.code("CreateKey", create), invalid);
        let random = merged(&store, &json!({ "NumberOfBytes": 8 }));
        assert_eq!(outsiders.code("GenerateRandom", random), invalid);
        let has_keys = "CustomKeyStoreHasCMKsException";
        assert_eq!(
            outsiders.code("DeleteCustomKeyStore", store.clone()),
            has_keys
        );
        outsiders.ok(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key, "PendingWindowInDays": 7 }),
        );
        assert_eq!(
            outsiders.code("DeleteCustomKeyStore", store.clone()),
            has_keys
        );
        outsiders.run(outsiders.world.pass_days(8));
        outsiders.ok("DeleteCustomKeyStore", store.clone());
        let unknown = "CustomKeyStoreNotFoundException";
        assert_eq!(outsiders.code("DescribeCustomKeyStores", store), unknown);
    });
}

#[test]
fn a_deleted_key_is_destroyed_on_the_token_too() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let key = outsiders.token_key(&store);
        let label = new_label(&outsiders);
        let exists = || {
            let slot = token::Slot::Label("first".to_owned());
            let settings = token::Settings::new(hsm.module(), slot);
            let pin = crypto::SecretBytes::from(PIN.as_bytes().to_vec());
            let token = token::Token::open(settings, pin).unwrap();
            let label = label.clone();
            token.run_blocking(move |session| session.check_key(&label))
        };
        exists().unwrap();
        outsiders.ok(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key, "PendingWindowInDays": 7 }),
        );
        outsiders.tend();
        exists().unwrap();
        outsiders.run(outsiders.world.pass_days(8));
        // It waits for five minutes, which a clock that leaps ahead does not make shorter: else a
        // key would end that is just being made.
        outsiders.world.set_days_ahead(1);
        outsiders.tend();
        exists().unwrap();
        outsiders.world.set_days_back(1);
        outsiders.world.advance(600);
        // A copy that was restored somewhere else with the same token leaves it alone.
        let commit = |batch| {
            let committed = outsiders.world.services.store().commit(batch);
            outsiders.run(committed).unwrap();
        };
        let (mut held, mut released) = (store::Batch::default(), store::Batch::default());
        kms::hold(&mut held, outsiders.world.now());
        kms::release(&mut released);
        commit(held);
        outsiders.tend();
        exists().unwrap();
        commit(released);
        outsiders.tend();
        assert!(matches!(exists(), Err(token::Error::NoKey { .. })));
        assert_eq!(
            outsiders.code("DescribeKey", json!({ "KeyId": key })),
            "NotFoundException"
        );
    });
}

#[test]
fn a_key_that_another_deployment_has_claimed_is_left_alone_until_it_is_claimed_back() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let key = outsiders.token_key(&store);
        let kept = new_label(&outsiders);
        let doomed = outsiders.token_key(&store);
        let label = new_label(&outsiders);
        let blob = outsiders.blob(&key);
        // What a copy of this deployment does that goes on with the same token.
        let mut settings =
            token::Settings::new(hsm.module(), token::Slot::Label("first".to_owned()));
        settings.owner = Some("a-copy".to_owned());
        let pin = crypto::SecretBytes::from(PIN.as_bytes().to_vec());
        let copy = token::Token::open(settings, pin).unwrap();
        let batches = |outsiders: &Outsiders| {
            let snapshot = outsiders.world.services.store().snapshot();
            kms::claim_token_keys(&snapshot, outsiders.world.now())
        };
        assert_eq!(batches(&outsiders).0, 2);
        for claimed in [label.clone(), kept] {
            let claimed = copy.run_blocking(move |session| session.claim_key(&claimed));
            assert!(claimed.unwrap());
        }
        let again = || {
            outsiders.ok("DisconnectCustomKeyStore", store.clone());
            outsiders.tend();
            outsiders.ok("ConnectCustomKeyStore", store.clone());
            outsiders.tend();
        };
        again();
        let refused = outsiders.decrypt(&blob, "b").unwrap_err();
        assert_eq!(refused.code, "KMSInvalidStateException");
        assert!(
            refused.message.contains("another deployment"),
            "{}",
            refused.message
        );
        // A deletion here does not end the key that the copy goes on to use.
        outsiders.ok(
            "ScheduleKeyDeletion",
            json!({ "KeyId": doomed, "PendingWindowInDays": 7 }),
        );
        outsiders.run(outsiders.world.pass_days(8));
        outsiders.world.advance(600);
        outsiders.tend();
        copy.run_blocking(move |session| session.check_key(&label))
            .unwrap();
        // Once the operator says that it is this one that goes on, the key is used here again.
        let (number, batches) = batches(&outsiders);
        assert_eq!(number, 1);
        for batch in batches {
            let committed = outsiders.world.services.store().commit(batch);
            outsiders.run(committed).unwrap();
        }
        outsiders.tend();
        outsiders.opens(&blob);
    });
}

/// The label, on its token, of the key that was just made.
fn new_label(outsiders: &Outsiders) -> String {
    let backing = outsiders.noted()["backingKey"].as_str().unwrap().to_owned();
    let backing: serde_json::Value = serde_json::from_str(&backing).unwrap();
    backing["backingKeyId"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_that_is_gone_from_the_token_fails_and_stays_enabled() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let key = outsiders.token_key(&store);
        let blob = outsiders.blob(&key);
        hsm.delete_token("first");
        let refused = outsiders.decrypt(&blob, "b").unwrap_err();
        assert_ne!(refused.code, "InvalidCiphertextException");
        assert_eq!(outsiders.state(&key), "Enabled");
        assert_eq!(outsiders.connection(&store), "CONNECTED");
    });
}

#[test]
fn of_two_tokens_with_one_label_none_is_taken() {
    SoftHsm::in_own_process(|hsm| {
        for _ in 0..2 {
            hsm.make_token("gone", PIN);
        }
        let outsiders = Outsiders::new(hsm);
        let other = json!({ "CloudHsmClusterId": "cluster-bbbbbbbbbbb" });
        let code = outsiders.code("CreateCustomKeyStore", merged(&on_token(), &other));
        assert_eq!(code, "CloudHsmClusterInvalidConfigurationException");
    });
}

#[test]
fn what_custom_key_stores_do_not_hold_is_refused() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.token_store());
        let unsupported = "UnsupportedOperationException";
        let create = merged(&store, &json!({ "Origin": "AWS_CLOUDHSM" }));
        for more in [
            json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY" }),
            json!({ "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" }),
            json!({ "MultiRegion": true }),
        ] {
            assert_eq!(
                outsiders.code("CreateKey", merged(&create, &more)),
                unsupported,
                "{more}"
            );
        }
        for wrong in [
            json!({ "Origin": "AWS_CLOUDHSM" }),
            merged(&store, &json!({})),
            merged(&store, &json!({ "Origin": "EXTERNAL" })),
            merged(&create, &json!({ "XksKeyId": "one" })),
            merged(
                &store,
                &json!({ "Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "one" }),
            ),
        ] {
            assert_eq!(
                outsiders.code("CreateKey", wrong.clone()),
                "ValidationException",
                "{wrong}"
            );
        }
        let key = outsiders.token_key(&store);
        let named = json!({ "KeyId": key });
        for (operation, more) in [
            ("EnableKeyRotation", json!({})),
            ("DisableKeyRotation", json!({})),
            ("GetKeyRotationStatus", json!({})),
            ("RotateKeyOnDemand", json!({})),
            ("ListKeyRotations", json!({})),
            (
                "GenerateDataKeyPair",
                json!({ "KeyPairSpec": "ECC_NIST_P256" }),
            ),
            (
                "GenerateDataKeyPairWithoutPlaintext",
                json!({ "KeyPairSpec": "ECC_NIST_P256" }),
            ),
            (
                "GetParametersForImport",
                json!({ "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048" }),
            ),
            ("DeleteImportedKeyMaterial", json!({})),
        ] {
            assert_eq!(
                outsiders.code(operation, merged(&named, &more)),
                unsupported,
                "{operation}"
            );
        }
        let dry = merged(&encryption(&key), &json!({ "DryRun": true }));
        assert_eq!(outsiders.code("Encrypt", dry), "DryRunOperationException");
    });
}
