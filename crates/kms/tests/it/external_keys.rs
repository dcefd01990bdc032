//! Keys of an external key manager (`EXTERNAL_KEY_STORE`): what proxies do, and what that means.

use std::time::Duration;

use serde_json::json;
use testkit::SoftHsm;
use testkit::xks::Mode;

use crate::harness::HOME;
use crate::key_stores::{ACCESS_KEY, Outsiders, SECRET, behind_proxy, merged, proxy_key};

#[test]
fn an_external_key_does_what_symmetric_keys_do() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.proxy_store());
        let made = outsiders.ok("CreateKey", proxy_key(&store, "one"))["KeyMetadata"].clone();
        assert_eq!(made["Origin"], "EXTERNAL_KEY_STORE");
        assert_eq!(made["XksKeyConfiguration"]["Id"], "one");
        assert!(made.get("CurrentKeyMaterialId").is_none(), "{made}");
        assert_eq!(
            outsiders.asked()["requestMetadata"]["kmsOperation"],
            "CreateKey"
        );
        let key = made["KeyId"].as_str().unwrap();
        let blob = outsiders.blob(key);
        outsiders.opens(&blob);
        let noted = outsiders.noted();
        assert_eq!(noted["customKeyStoreId"], store["CustomKeyStoreId"]);
        assert_eq!(noted["xksKeyId"], "one");
        let asked = outsiders.asked();
        assert!(
            asked["path"]
                .as_str()
                .unwrap()
                .ends_with("/keys/one/decrypt")
        );
        let told = &asked["requestMetadata"];
        assert_eq!(told["kmsOperation"], "Decrypt");
        assert_eq!(told["kmsKeyArn"], made["Arn"]);
        let admin = format!("arn:aws:iam::{HOME}:user/Admin");
        assert_eq!(told["awsPrincipalArn"], admin);
        let data_key = outsiders.ok(
            "GenerateDataKey",
            json!({ "KeyId": key, "KeySpec": "AES_256" }),
        );
        let opened = outsiders.ok(
            "Decrypt",
            json!({ "CiphertextBlob": data_key["CiphertextBlob"] }),
        );
        assert_eq!(opened["Plaintext"], data_key["Plaintext"]);
        let random = merged(&store, &json!({ "NumberOfBytes": 8 }));
        assert_eq!(
            outsiders.code("GenerateRandom", random),
            "UnsupportedOperationException"
        );
        let entry = outsiders.entry(&store);
        assert_eq!(entry["XksProxyConfiguration"]["AccessKeyId"], ACCESS_KEY);
        assert_eq!(
            entry["XksProxyConfiguration"]["Connectivity"],
            "PUBLIC_ENDPOINT"
        );
    });
}

#[test]
fn every_failure_of_a_proxy_is_an_invalid_state_of_a_cryptographic_call() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.proxy_store());
        let key = outsiders.proxy_key(&store, "one");
        let blob = outsiders.blob(&key);
        let failures = [
            "ValidationException",
            "InvalidStateException",
            "InvalidKeyUsageException",
            "AuthenticationFailedException",
            "AccessDeniedException",
            "KeyNotFoundException",
            "InvalidUriPathException",
            "ThrottlingException",
            "UnsupportedOperationException",
            "DependencyTimeoutException",
            "InternalException",
        ];
        let mut modes: Vec<Mode> = failures.map(|name| Mode::Fail(name.to_owned())).into();
        modes.extend([
            Mode::Slow(1000),
            Mode::Garbage,
            Mode::Redirect("https://elsewhere.example.com/".to_owned()),
        ]);
        for mode in modes {
            outsiders.mode(mode.clone());
            for refused in [outsiders.encrypt(&key), outsiders.decrypt(&blob, "b")] {
                let refused = refused.unwrap_err();
                assert_eq!(refused.code, "KMSInvalidStateException", "{mode:?}");
                assert!(
                    refused.message.contains("external key"),
                    "{}",
                    refused.message
                );
            }
            assert_eq!(outsiders.state(&key), "Enabled");
            assert_eq!(outsiders.connection(&store), "CONNECTED");
        }
        outsiders.mode(Mode::Honest);
        outsiders.opens(&blob);
        let refused = outsiders.decrypt(&blob, "c").unwrap_err();
        assert_eq!(refused.code, "KMSInvalidStateException");
        outsiders.proxy(|proxy| proxy.keys = [("one".to_owned(), "DISABLED".to_owned())].into());
        let refused = outsiders.decrypt(&blob, "b").unwrap_err();
        assert_eq!(refused.code, "KMSInvalidStateException");
    });
}

#[test]
fn a_proxy_that_lies_is_caught() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.proxy_store());
        let key = outsiders.proxy_key(&store, "one");
        let blob = outsiders.blob(&key);
        for mode in [Mode::AlterCiphertext, Mode::MuchMetadata] {
            outsiders.mode(mode.clone());
            let refused = outsiders.encrypt(&key).unwrap_err();
            assert_eq!(refused.code, "KMSInvalidStateException", "{mode:?}");
        }
        // What it decrypts was encrypted here before, and is not taken for anything else.
        outsiders.mode(Mode::AlterPlaintext);
        let refused = outsiders.decrypt(&blob, "b").unwrap_err();
        assert_eq!(refused.code, "KMSInvalidStateException");
        // Nor is what was encrypted in another call of the same key and context.
        outsiders.mode(Mode::Honest);
        outsiders.blob(&key);
        outsiders.mode(Mode::SwapPlaintext);
        let refused = outsiders.decrypt(&blob, "b").unwrap_err();
        assert_eq!(refused.code, "KMSInvalidStateException");
        // Consistent lies at encryption show when it is decrypted.
        outsiders.mode(Mode::AlterBoth);
        let lost = outsiders.blob(&key);
        outsiders.mode(Mode::Honest);
        let refused = outsiders.decrypt(&lost, "b").unwrap_err();
        assert_eq!(refused.code, "KMSInvalidStateException");
        outsiders.opens(&blob);
    });
}

#[test]
fn a_new_key_needs_an_external_key_that_can_be_used_and_is_not() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.proxy_store());
        let check = |mode: Mode, id: &str, code: &str| {
            outsiders.mode(mode.clone());
            assert_eq!(
                outsiders.code("CreateKey", proxy_key(&store, id)),
                code,
                "{mode:?}"
            );
            outsiders.mode(Mode::Honest);
        };
        let fail = |name: &str| Mode::Fail(name.to_owned());
        check(Mode::Honest, "three", "XksKeyNotFoundException");
        check(
            Mode::OtherUsage,
            "one",
            "XksKeyInvalidConfigurationException",
        );
        let disabled = "XksKeyInvalidConfigurationException";
        outsiders.proxy(|proxy| proxy.keys = [("one".to_owned(), "DISABLED".to_owned())].into());
        assert_eq!(
            outsiders.code("CreateKey", proxy_key(&store, "one")),
            disabled
        );
        let broken = "CustomKeyStoreInvalidStateException";
        for name in [
            "ValidationException",
            "AuthenticationFailedException",
            "InvalidUriPathException",
            "ThrottlingException",
            "DependencyTimeoutException",
            "InternalException",
        ] {
            check(fail(name), "one", broken);
        }
        check(Mode::Garbage, "one", broken);
        check(Mode::Slow(1000), "one", broken);
        check(
            fail("AccessDeniedException"),
            "one",
            "KMSInvalidStateException",
        );
        let key = outsiders.proxy_key(&store, "one");
        check(Mode::Honest, "one", "XksKeyAlreadyInUseException");
        // Free again once the KMS key is gone.
        outsiders.ok(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key, "PendingWindowInDays": 7 }),
        );
        check(Mode::Honest, "one", "XksKeyAlreadyInUseException");
        outsiders.run(outsiders.world.pass_days(8));
        outsiders.proxy_key(&store, "one");
    });
}

#[test]
fn a_store_is_made_when_its_proxy_is_allowed_and_in_good_health() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let check = |more: serde_json::Value, code: &str| {
            let found = outsiders.code("CreateCustomKeyStore", merged(&behind_proxy(), &more));
            assert_eq!(found, code, "{more}");
        };
        check(
            json!({ "XksProxyUriEndpoint": "https://169.254.169.254" }),
            "XksProxyUriUnreachableException",
        );
        let other = json!({ "XksProxyUriPath": "/two/kms/xks/v1" });
        check(other, "XksProxyInvalidConfigurationException");
        let vpc = json!({
            "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE",
            "XksProxyVpcEndpointServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
        });
        check(vpc, "XksProxyVpcEndpointServiceNotFoundException");
        check(
            json!({ "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE" }),
            "ValidationException",
        );
        check(
            json!({ "KeyStorePassword": "password" }),
            "ValidationException",
        );
        for missing in [
            "XksProxyConnectivity",
            "XksProxyUriEndpoint",
            "XksProxyUriPath",
            "XksProxyAuthenticationCredential",
        ] {
            check(json!({ missing: null }), "ValidationException");
        }
        let wrong = json!({ "XksProxyAuthenticationCredential": {
            "AccessKeyId": ACCESS_KEY, "RawSecretAccessKey": SECRET.replace('0', "1") } });
        check(wrong, "XksProxyIncorrectAuthenticationCredentialException");
        outsiders.proxy(|proxy| proxy.managers = vec!["UNAVAILABLE".to_owned(); 2]);
        check(json!({}), "XksProxyUriUnreachableException");
        outsiders.proxy(|proxy| proxy.managers = vec!["ACTIVE".to_owned(); 11]);
        check(json!({}), "XksProxyInvalidResponseException");
        outsiders.proxy(|proxy| proxy.managers = vec!["WELL".to_owned()]);
        check(json!({}), "XksProxyInvalidResponseException");
        outsiders.mode(Mode::Slow(1000));
        check(json!({}), "XksProxyUriUnreachableException");
        outsiders
            .proxy(|proxy| proxy.managers = vec!["UNAVAILABLE".to_owned(), "DEGRADED".to_owned()]);
        outsiders.proxy_store();
        check(
            json!({ "CustomKeyStoreName": "two" }),
            "XksProxyUriInUseException",
        );
    });
}

#[test]
fn an_account_has_ten_key_stores_in_a_region() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = |number: usize| {
            let path = format!("/store-{number}/kms/xks/v1");
            outsiders.proxy(|proxy| proxy.path.clone_from(&path));
            let name = format!("store-{number}");
            let place = json!({ "CustomKeyStoreName": name, "XksProxyUriPath": path });
            merged(&behind_proxy(), &place)
        };
        let made: Vec<_> = (0..10)
            .map(|number| outsiders.ok("CreateCustomKeyStore", store(number)))
            .collect();
        let code = outsiders.code("CreateCustomKeyStore", store(10));
        assert_eq!(code, "LimitExceededException");
        let one = json!({ "CustomKeyStoreId": made[3]["CustomKeyStoreId"] });
        outsiders.ok("DeleteCustomKeyStore", one);
        outsiders.ok("CreateCustomKeyStore", store(10));
    });
}

#[test]
fn a_store_that_cannot_be_connected_says_why() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.proxy_store();
        let check = |code: &str| {
            outsiders.ok("ConnectCustomKeyStore", store.clone());
            outsiders.tend();
            let entry = outsiders.entry(&store);
            assert_eq!(entry["ConnectionState"], "FAILED", "{code}");
            assert_eq!(entry["ConnectionErrorCode"], code);
            outsiders.ok("DisconnectCustomKeyStore", store.clone());
            outsiders.tend();
        };
        outsiders.proxy(|proxy| proxy.credentials.clear());
        check("INVALID_CREDENTIALS");
        outsiders.proxy(|proxy| "/elsewhere".clone_into(&mut proxy.path));
        check("XKS_PROXY_INVALID_CONFIGURATION");
        outsiders.mode(Mode::Fail("AccessDeniedException".to_owned()));
        check("XKS_PROXY_ACCESS_DENIED");
        outsiders.mode(Mode::Slow(1000));
        check("XKS_PROXY_TIMED_OUT");
        outsiders.mode(Mode::Garbage);
        check("XKS_PROXY_INVALID_RESPONSE");
        outsiders.proxy(|proxy| proxy.managers = vec!["UNAVAILABLE".to_owned()]);
        check("XKS_PROXY_NOT_REACHABLE");
        outsiders.mode(Mode::Honest);
        outsiders.connected(store);
    });
}

#[test]
fn a_credential_is_rotated_without_a_pause() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        let store = outsiders.connected(outsiders.proxy_store());
        let key = outsiders.proxy_key(&store, "one");
        let blob = outsiders.blob(&key);
        let (id, secret) = (ACCESS_KEY.replace('A', "B"), SECRET.replace('0', "9"));
        let fresh = merged(
            &store,
            &json!({ "XksProxyAuthenticationCredential": {
            "AccessKeyId": id, "RawSecretAccessKey": secret } }),
        );
        // The proxy does not know it yet.
        let code = outsiders.code("UpdateCustomKeyStore", fresh.clone());
        assert_eq!(code, "XksProxyIncorrectAuthenticationCredentialException");
        outsiders.opens(&blob);
        outsiders.proxy(|proxy| {
            proxy.credentials.insert(id.clone(), secret.clone());
        });
        outsiders.ok("UpdateCustomKeyStore", fresh);
        outsiders.proxy(|proxy| proxy.credentials = [(id, secret.clone())].into());
        outsiders.opens(&blob);
        let elsewhere = merged(
            &store,
            &json!({ "XksProxyUriEndpoint": "https://two.example.com" }),
        );
        let code = outsiders.code("UpdateCustomKeyStore", elsewhere);
        assert_eq!(code, "CustomKeyStoreInvalidStateException");
        let written = format!("{:?}", outsiders.world.records(HOME));
        for secret in [SECRET, &secret] {
            assert!(!written.contains(secret), "a secret is in the audit log");
        }
        let shown = outsiders
            .ok("DescribeCustomKeyStores", json!({}))
            .to_string();
        assert!(!shown.contains(&secret));
    });
}

#[test]
fn the_health_of_a_connected_proxy_is_watched_and_changes_nothing() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::new(hsm);
        assert_eq!(outsiders.watch(), []);
        let store = outsiders.connected(outsiders.proxy_store());
        let key = outsiders.proxy_key(&store, "one");
        // The first look is at once; it is told who asks, and in nobody's name.
        assert_eq!(outsiders.watch(), []);
        let told = outsiders.asked()["requestMetadata"].clone();
        assert_eq!(told["kmsOperation"], "KmsHealthCheck");
        assert_eq!(told.get("awsPrincipalArn"), None);
        let down = ["UNAVAILABLE".to_owned(), "UNAVAILABLE".to_owned()];
        outsiders.proxy(|proxy| proxy.managers = down.clone().into());
        assert_eq!(outsiders.watch(), [], "not before its time");
        let later = || outsiders.world.clock.advance(Duration::from_mins(1));
        later();
        let changes = outsiders.watch();
        let id = store["CustomKeyStoreId"].as_str().unwrap();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].store, id);
        assert_eq!(changes[0].fault, Some(kms::ProxyFault::NoneAvailable));
        // Calls are tried all the same, and nothing is taken for disconnected.
        assert_eq!(outsiders.connection(&store), "CONNECTED");
        assert_eq!(outsiders.state(&key), "Enabled");
        outsiders.blob(&key);
        later();
        assert_eq!(outsiders.watch(), [], "told once");
        outsiders.mode(Mode::Honest);
        later();
        let changes = outsiders.watch();
        assert_eq!((changes.len(), changes[0].fault), (1, None));
        // Nobody asks for a store that is not connected.
        outsiders.ok("DisconnectCustomKeyStore", store.clone());
        outsiders.tend();
        outsiders.mode(Mode::Garbage);
        later();
        assert_eq!(outsiders.watch(), []);
    });
}
