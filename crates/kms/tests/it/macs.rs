//! HMAC keys through the pipeline.

use kms::{GenerateMac, VerifyMac};
use serde_json::json;
use shapes::kms::{
    GenerateMacRequest, KeyMetadata, KeySpec, KeyUsageType, MacAlgorithmSpec, VerifyMacRequest,
};

use crate::asymmetric::key;
use crate::harness::{HOME, World};

const SPECS: [(KeySpec, MacAlgorithmSpec, usize); 4] = [
    (KeySpec::Hmac224, MacAlgorithmSpec::HmacSha224, 28),
    (KeySpec::Hmac256, MacAlgorithmSpec::HmacSha256, 32),
    (KeySpec::Hmac384, MacAlgorithmSpec::HmacSha384, 48),
    (KeySpec::Hmac512, MacAlgorithmSpec::HmacSha512, 64),
];

fn generate(key: &KeyMetadata, algorithm: MacAlgorithmSpec) -> GenerateMacRequest {
    GenerateMacRequest {
        message: b"planted message".to_vec().into(),
        key_id: key.key_id.clone(),
        mac_algorithm: algorithm,
        grant_tokens: None,
        dry_run: None,
    }
}

fn verify(made: GenerateMacRequest, mac: Vec<u8>) -> VerifyMacRequest {
    VerifyMacRequest {
        message: made.message,
        key_id: made.key_id,
        mac_algorithm: made.mac_algorithm,
        mac: mac.into(),
        grant_tokens: None,
        dry_run: None,
    }
}

#[tokio::test]
async fn codes_of_every_size_verify_and_others_do_not() {
    let world = World::new();
    let admin = world.admin();
    for (spec, algorithm, length) in SPECS {
        let key = key(&world, &admin, spec, KeyUsageType::GenerateVerifyMac).await;
        assert_eq!(key.mac_algorithms, Some(vec![algorithm]));
        let request = generate(&key, algorithm);
        let made = world
            .call::<GenerateMac>(&admin, request.clone())
            .await
            .unwrap();
        let mac = made.mac.unwrap().as_ref().to_vec();
        assert_eq!(mac.len(), length);
        let good = verify(request.clone(), mac.clone());
        let answer = world.call::<VerifyMac>(&admin, good).await.unwrap();
        assert_eq!(answer.mac_valid, Some(true));
        let refused = ("KMSInvalidMacException".to_owned(), String::new());
        let mut altered = mac.clone();
        altered[0] ^= 1;
        let altered = verify(request.clone(), altered);
        assert_eq!(world.failure::<VerifyMac>(&admin, altered).await, refused);
        let cut = verify(request, mac[..length - 1].to_vec());
        assert_eq!(world.failure::<VerifyMac>(&admin, cut).await, refused);
    }
}

#[tokio::test]
async fn another_algorithm_than_that_of_the_key_is_refused() {
    let world = World::new();
    let admin = world.admin();
    let usage = KeyUsageType::GenerateVerifyMac;
    let key = key(&world, &admin, KeySpec::Hmac256, usage).await;
    let request = generate(&key, MacAlgorithmSpec::HmacSha512);
    let text = "Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256.";
    let refused = world.failure::<GenerateMac>(&admin, request).await;
    assert_eq!(
        refused,
        ("InvalidKeyUsageException".to_owned(), text.to_owned())
    );
}

#[tokio::test]
async fn the_algorithm_is_a_condition_key_and_the_record_holds_no_code() {
    let world = World::new();
    let admin = world.admin();
    let usage = KeyUsageType::GenerateVerifyMac;
    let key = key(&world, &admin, KeySpec::Hmac256, usage).await;
    for (algorithm, permitted) in [("HMAC_SHA_256", true), ("HMAC_SHA_512", false)] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Resource":"*",
            "Action":"kms:GenerateMac",
            "Condition":{{"StringEquals":{{"kms:MacAlgorithm":"{algorithm}"}}}}}}]}}"#
        );
        let user = world.user(HOME, "Mac", Some(&policy));
        let request = generate(&key, MacAlgorithmSpec::HmacSha256);
        let outcome = world.call::<GenerateMac>(&user, request).await;
        assert_eq!(outcome.is_ok(), permitted, "{algorithm}");
    }
    let request = generate(&key, MacAlgorithmSpec::HmacSha256);
    let made = world.call::<GenerateMac>(&admin, request).await.unwrap();
    let record = world.newest_record(HOME);
    let expected = json!({ "keyId": key.key_id, "macAlgorithm": "HMAC_SHA_256" });
    assert_eq!(record.request_parameters, expected);
    let mac = serde_json::to_value(&made).unwrap()["Mac"].clone();
    let written = serde_json::to_string(&record).unwrap();
    assert!(!written.contains(mac.as_str().unwrap()) && !written.contains("planted"));
}
