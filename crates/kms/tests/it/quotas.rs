//! Request quotas through the pipeline.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::{
    CreateKey, Decrypt, DescribeKey, DisableKey, Encrypt, GenerateRandom, ReplicateKey, Sign,
};
use pipeline::{Caller, Failure};
use serde_json::json;
use shapes::kms as shape;
use testkit::SoftHsm;
use testkit::xks::Mode;
use types::{Arn, Service};

use crate::decryption::decrypt;
use crate::harness::{ALL_OF_KMS, AWAY, HOME, REGIONS, World, context};
use crate::key_stores::Outsiders;
use crate::keys::{create, describe, disable, encrypt};

fn quotas(rates: &[(&str, f64)]) -> BTreeMap<String, f64> {
    let rates = rates.iter();
    rates
        .map(|(name, rate)| ((*name).to_owned(), *rate))
        .collect()
}

fn throttled() -> (String, String) {
    let text = "You have exceeded the rate at which you may call KMS. Reduce the frequency of \
                your calls.";
    ("ThrottlingException".to_owned(), text.to_owned())
}

#[tokio::test]
async fn the_sixth_new_key_of_a_second_is_throttled_and_recorded() {
    let world = World::throttling(&BTreeMap::new(), 1);
    let admin = world.admin();
    for _ in 0..5 {
        create(&world, &admin).await;
    }
    let input = shape::CreateKeyRequest::default();
    let failure = world.failure::<CreateKey>(&admin, input.clone()).await;
    assert_eq!(failure, throttled());
    let record = world.newest_record(HOME);
    assert_eq!(record.event_name, "CreateKey");
    assert_eq!(record.error_code.as_deref(), Some("ThrottlingException"));
    let foreign = world.user(AWAY, "Foreign", Some(ALL_OF_KMS));
    let elsewhere = REGIONS[1].parse().unwrap();
    create(&world, &foreign).await;
    let there = world.call_in::<CreateKey>(&elsewhere, &admin, input.clone());
    assert!(there.await.is_ok());
    world.advance_millis(200);
    create(&world, &admin).await;
    assert_eq!(world.failure::<CreateKey>(&admin, input).await, throttled());
}

#[tokio::test]
async fn a_flood_of_throttled_calls_leaves_few_records() {
    let world = World::throttling(&quotas(&[("DescribeKey", 1.0)]), 1);
    let admin = world.admin();
    let key = create(&world, &admin).await.key_id;
    let before = world.records(HOME).len();
    let mut throttled = 0;
    for _ in 0..100 {
        let done = world.call::<DescribeKey>(&admin, describe(&key)).await;
        throttled += usize::from(done.is_err());
    }
    assert_eq!(throttled, 99);
    assert!(world.records(HOME).len() - before < 20);
}

#[tokio::test]
async fn cryptographic_calls_count_by_the_kind_of_key_and_for_the_caller() {
    let rates = quotas(&[("symmetric", 3.0), ("ecc", 1.0)]);
    let world = World::throttling(&rates, 1);
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let id = key.key_id.as_str();
    let blob = world.call::<Encrypt>(&admin, encrypt(id)).await.unwrap();
    let blob = blob.ciphertext_blob.unwrap();
    // What a service calls on the caller's behalf is the caller's.
    let inner = world.call_via::<Decrypt>(&admin, decrypt(blob.clone(), None));
    inner.await.unwrap();
    let random = shape::GenerateRandomRequest {
        number_of_bytes: Some(8),
        ..Default::default()
    };
    world
        .call::<GenerateRandom>(&admin, random.clone())
        .await
        .unwrap();
    assert_eq!(
        world.failure::<GenerateRandom>(&admin, random).await,
        throttled()
    );
    let inner = world.call_via::<Decrypt>(&admin, decrypt(blob.clone(), None));
    assert_eq!(inner.await.unwrap_err().code, "ThrottlingException");
    // Another family.
    world
        .call::<DescribeKey>(&admin, describe(id))
        .await
        .unwrap();
    let form = shape::CreateKeyRequest {
        key_spec: Some(shape::KeySpec::EccNistP256),
        key_usage: Some(shape::KeyUsageType::SignVerify),
        ..Default::default()
    };
    let pair = world.call::<CreateKey>(&admin, form).await.unwrap();
    let sign = shape::SignRequest {
        key_id: pair.key_metadata.unwrap().key_id,
        message: b"message".to_vec().into(),
        message_type: None,
        grant_tokens: None,
        signing_algorithm: shape::SigningAlgorithmSpec::EcdsaSha256,
        dry_run: None,
    };
    world.call::<Sign>(&admin, sign.clone()).await.unwrap();
    assert_eq!(world.failure::<Sign>(&admin, sign).await, throttled());
    // Another account's calls with the key count for that account.
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":
        ["{HOME}","{AWAY}"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let input = shape::PutKeyPolicyRequest {
        key_id: id.to_owned(),
        policy,
        ..Default::default()
    };
    world
        .call::<kms::PutKeyPolicy>(&admin, input)
        .await
        .unwrap();
    let foreign = world.user(AWAY, "Foreign", Some(ALL_OF_KMS));
    let arn = key.arn.unwrap();
    world
        .call::<Encrypt>(&foreign, encrypt(&arn))
        .await
        .unwrap();
}

/// What SageMaker does in its own name for a resource, through a grant.
struct Maintenance {
    service: Caller,
    source: Arn,
    open: shape::DecryptRequest,
}

impl Maintenance {
    /// Opens `blob`, which is under `key`.
    fn of(outsiders: &Outsiders, key: &str, blob: &str) -> Self {
        let source = format!("arn:aws:sagemaker:us-east-1:{HOME}:feature-group/orders");
        let grant = json!({
            "KeyId": key, "Operations": ["Decrypt"],
            "GranteeServicePrincipal": "sagemaker.amazonaws.com",
            "RetiringServicePrincipal": "sagemaker.amazonaws.com",
            "Constraints": { "SourceArn": source, "EncryptionContextEquals": { "a": "b" } },
        });
        outsiders.ok("CreateGrant", grant);
        let blob = STANDARD.decode(blob).unwrap();
        Self {
            service: Caller::of_service(Service::SageMaker),
            source: source.parse().unwrap(),
            open: decrypt(blob.into(), context(&[("a", "b")])),
        }
    }

    fn run(&self, outsiders: &Outsiders) -> Result<(), Failure> {
        let (by, input) = (Some(&self.source), self.open.clone());
        let done = outsiders
            .world
            .call_about::<Decrypt>(&self.service, by, input);
        outsiders.run(done).map(drop)
    }
}

#[test]
fn whoever_uses_a_key_store_takes_of_what_it_serves_a_service_in_its_own_name_too() {
    SoftHsm::in_own_process(|hsm| {
        let outsiders = Outsiders::throttling(hsm, &quotas(&[("custom-key-store", 4.0)]));
        let store = outsiders.connected(outsiders.proxy_store());
        let key = outsiders.proxy_key(&store, "one");
        let blob = outsiders.blob(&key);
        let maintenance = Maintenance::of(&outsiders, &key, &blob);
        outsiders.world.advance(1);
        for _ in 0..2 {
            maintenance.run(&outsiders).unwrap();
        }
        let admin = &outsiders.admin;
        let open = || maintenance.open.clone();
        let on_behalf = || outsiders.run(outsiders.world.call_via::<Decrypt>(admin, open()));
        on_behalf().unwrap();
        outsiders.opens(&blob);
        // Beyond it nobody reaches the key manager.
        outsiders.mode(Mode::Garbage);
        let own = maintenance.run(&outsiders).unwrap_err();
        let on_behalf = on_behalf().unwrap_err();
        let customer = outsiders.decrypt(&blob, "b").unwrap_err();
        let (code, text) = throttled();
        for (refused, said) in [
            (own.code.as_ref(), &own.message),
            (on_behalf.code.as_ref(), &on_behalf.message),
            (&customer.code, &customer.message),
        ] {
            assert_eq!((refused, said), (code.as_str(), &text));
        }
        outsiders.mode(Mode::Honest);
        outsiders.world.advance_millis(250);
        maintenance.run(&outsiders).unwrap();
        assert_eq!(outsiders.decrypt(&blob, "b").unwrap_err().code, code);
    });
}

#[tokio::test]
async fn whoever_may_nothing_uses_nothing_up() {
    let world = World::throttling(&BTreeMap::new(), 1);
    let nobody = world.user(HOME, "Nobody", None);
    for _ in 0..10 {
        let input = shape::CreateKeyRequest::default();
        let (code, _) = world.failure::<CreateKey>(&nobody, input).await;
        assert_eq!(code, "AccessDeniedException");
    }
    create(&world, &world.admin()).await;
}

#[tokio::test]
async fn a_replica_counts_as_two_new_keys_in_its_region() {
    let world = World::throttling(&BTreeMap::new(), 1);
    let admin = world.admin();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let input = shape::CreateKeyRequest {
            multi_region: Some(true),
            ..Default::default()
        };
        let made = world.call::<CreateKey>(&admin, input).await.unwrap();
        keys.push(made.key_metadata.unwrap());
    }
    let replicate = |key: &shape::KeyMetadata| shape::ReplicateKeyRequest {
        key_id: key.key_id.clone(),
        replica_region: REGIONS[1].to_owned(),
        ..Default::default()
    };
    for key in &keys[..2] {
        world
            .call::<ReplicateKey>(&admin, replicate(key))
            .await
            .unwrap();
    }
    let failure = world
        .failure::<ReplicateKey>(&admin, replicate(&keys[2]))
        .await;
    assert_eq!(failure, throttled());
    // One is left there.
    let there = REGIONS[1].parse().unwrap();
    let input = shape::CreateKeyRequest::default();
    let one = world
        .call_in::<CreateKey>(&there, &admin, input.clone())
        .await;
    assert!(one.is_ok());
    let two = world.call_in::<CreateKey>(&there, &admin, input).await;
    assert_eq!(two.unwrap_err().code, "ThrottlingException");
}

#[tokio::test]
async fn calls_that_lose_to_others_count_once() {
    let world = World::throttling(&quotas(&[("DisableKey", 8.0)]), 1);
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let calls = (0..8).map(|_| world.call::<DisableKey>(&admin, disable(&key)));
    let done = futures_of(calls).await;
    assert!(done.iter().all(Result::is_ok));
}

async fn futures_of<F: Future>(calls: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = calls.map(|call| (Box::pin(call), None)).collect();
    std::future::poll_fn(|cx| {
        for (call, done) in &mut waiting {
            if done.is_none()
                && let std::task::Poll::Ready(output) = call.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if waiting.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, done)| done).collect()
}

/// A key policy that leaves the caller in.
const ALL_FOR_HOME: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}]}"#;

fn too_many(text: &str) -> (String, String) {
    ("LimitExceededException".to_owned(), text.to_owned())
}

#[tokio::test]
async fn there_are_as_many_keys_aliases_and_grants_as_the_configuration_says() {
    let world = World::holding(kms::ResourceQuotas {
        keys: 2,
        aliases: 1,
        grants: 3,
        policy_bytes: 1_000,
    });
    let admin = world.admin();
    let key = create(&world, &admin).await;
    create(&world, &admin).await;
    let input = shape::CreateKeyRequest::default();
    let failure = world.failure::<CreateKey>(&admin, input.clone()).await;
    let text = "the account has as many KMS keys in this region as it may have";
    assert_eq!(failure, too_many(text));
    // Another region and another account have their own.
    let elsewhere = REGIONS[1].parse().unwrap();
    let there = world.call_in::<CreateKey>(&elsewhere, &admin, input);
    there.await.unwrap();
    create(&world, &world.user(AWAY, "Foreign", Some(ALL_OF_KMS))).await;
    let alias = |name: &str| shape::CreateAliasRequest {
        alias_name: name.to_owned(),
        target_key_id: key.key_id.clone(),
    };
    world
        .call::<kms::CreateAlias>(&admin, alias("alias/one"))
        .await
        .unwrap();
    let failure = world.failure::<kms::CreateAlias>(&admin, alias("alias/two"));
    assert_eq!(failure.await, too_many("a key has at most 1 aliases"));
    let arn = key.arn.as_deref().unwrap();
    let grant = || {
        let grantee = admin.principal.arn().unwrap().to_string();
        crate::grants::grant(arn, &grantee, &[shape::GrantOperation::Encrypt])
    };
    for _ in 0..3 {
        world
            .call::<kms::CreateGrant>(&admin, grant())
            .await
            .unwrap();
    }
    let failure = world.failure::<kms::CreateGrant>(&admin, grant()).await;
    assert_eq!(failure, too_many("a key has at most 3 grants"));
    let policy = |bytes: usize| shape::PutKeyPolicyRequest {
        key_id: key.key_id.clone(),
        policy: format!("{ALL_FOR_HOME:<bytes$}"),
        ..Default::default()
    };
    let accepted = world.call::<kms::PutKeyPolicy>(&admin, policy(1_000));
    accepted.await.unwrap();
    let failure = world.failure::<kms::PutKeyPolicy>(&admin, policy(1_001));
    assert_eq!(
        failure.await,
        too_many("a key policy has at most 1000 bytes")
    );
}

#[tokio::test]
async fn only_customer_managed_keys_that_exist_count() {
    let world = World::holding(kms::ResourceQuotas {
        keys: 2,
        ..Default::default()
    });
    let admin = world.admin();
    let managed = describe("alias/aws/sagemaker");
    world.call::<DescribeKey>(&admin, managed).await.unwrap();
    let key = create(&world, &admin).await;
    create(&world, &admin).await;
    let is_full = async |world: &World| {
        let input = shape::CreateKeyRequest::default();
        let failure = world.failure::<CreateKey>(&admin, input).await;
        let text = "the account has as many KMS keys in this region as it may have";
        assert_eq!(failure, too_many(text));
    };
    is_full(&world).await;
    let world = world.restarted();
    is_full(&world).await;
    // A change is no further key, and one that is being deleted is still there.
    let disabled = world.call::<DisableKey>(&admin, disable(&key)).await;
    disabled.unwrap();
    let input = shape::ScheduleKeyDeletionRequest {
        key_id: key.key_id,
        pending_window_in_days: Some(7),
    };
    let scheduled = world.call::<kms::ScheduleKeyDeletion>(&admin, input).await;
    scheduled.unwrap();
    is_full(&world).await;
    world.pass_days(8).await;
    create(&world, &admin).await;
    is_full(&world).await;
}

#[tokio::test]
async fn whoever_is_denied_too_often_is_throttled_and_nobody_else() {
    let world = World::throttling(&BTreeMap::new(), 1);
    let admin = world.admin();
    let key = create(&world, &admin).await.key_id;
    let nobody = world.user(HOME, "Nobody", None);
    let other = world.user(HOME, "Other", None);
    let denied = "AccessDeniedException";
    for _ in 0..200 {
        let (code, _) = world.failure::<Encrypt>(&nobody, encrypt(&key)).await;
        assert_eq!(code, denied);
    }
    assert_eq!(
        world.failure::<Encrypt>(&nobody, encrypt(&key)).await,
        throttled()
    );
    // Not by another operation either, and not by the quota of the account.
    assert_eq!(
        world.failure::<DescribeKey>(&nobody, describe(&key)).await,
        throttled()
    );
    let (code, _) = world.failure::<Encrypt>(&other, encrypt(&key)).await;
    assert_eq!(code, denied);
    world.call::<Encrypt>(&admin, encrypt(&key)).await.unwrap();
    world.advance_millis(500);
    let (code, _) = world.failure::<Encrypt>(&nobody, encrypt(&key)).await;
    assert_eq!(code, denied);
}
