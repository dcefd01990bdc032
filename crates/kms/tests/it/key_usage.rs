//! The usage of keys: counted, kept, reported with its cost.

use kms::{CreateKey, Decrypt, Encrypt, GenerateDataKeyPair, GetKeyUsage, ReEncrypt};
use pipeline::Caller;
use shapes::kms as shape;
use shapes::strongroom::{GetKeyUsageInput, GetKeyUsageOutput, UsageOfKey};

use crate::decryption::decrypt;
use crate::harness::{ALL_OF_KMS, AWAY, HOME, World};
use crate::keys::{create, encrypt};

const ALL: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["kms:*","strongroom:*"],"Resource":"*"}]}"#;

async fn report(world: &World, caller: &Caller, month: Option<&str>) -> GetKeyUsageOutput {
    let input = GetKeyUsageInput {
        month: month.map(str::to_owned),
        ..GetKeyUsageInput::default()
    };
    world.call::<GetKeyUsage>(caller, input).await.unwrap()
}

fn of<'a>(report: &'a GetKeyUsageOutput, arn: &str) -> &'a UsageOfKey {
    report.keys.iter().find(|key| key.key_arn == arn).unwrap()
}

fn rows(key: &UsageOfKey) -> Vec<(&str, &str, u64)> {
    let uses = key.uses.iter();
    uses.map(|used| {
        let (_, name) = used.caller.rsplit_once('/').unwrap_or(("", &used.caller));
        (name, used.operation.as_str(), used.calls)
    })
    .collect()
}

#[tokio::test]
async fn uses_are_counted_by_key_caller_and_operation_and_outlive_a_restart() {
    let world = World::new();
    let (admin, other) = (
        world.user(HOME, "Admin", Some(ALL)),
        world.user(HOME, "Other", Some(ALL_OF_KMS)),
    );
    let key = create(&world, &admin).await.arn.unwrap();
    let unused = create(&world, &admin).await.arn.unwrap();
    let mut blob = None;
    for _ in 0..3 {
        let answer = world.call::<Encrypt>(&admin, encrypt(&key)).await.unwrap();
        blob = answer.ciphertext_blob;
    }
    let open = decrypt(blob.unwrap(), None);
    world.call::<Decrypt>(&other, open.clone()).await.unwrap();
    // What a service calls on somebody's behalf counts with the call that it is made for, which
    // is never committed here.
    world
        .call_via::<Decrypt>(&other, open.clone())
        .await
        .unwrap();
    // Failures, dry runs and calls that use no key do not count.
    let wrong = decrypt(
        open.ciphertext_blob.clone().unwrap(),
        crate::harness::context(&[("a", "b")]),
    );
    world.failure::<Decrypt>(&admin, wrong).await;
    let dry = shape::EncryptRequest {
        dry_run: Some(true),
        ..encrypt(&key)
    };
    world.failure::<Encrypt>(&admin, dry).await;
    // Nothing is written with a call.
    let before = report(&world, &admin, None).await;
    assert!(rows(of(&before, &key)).is_empty());
    kms::keep_usage(&world.services).await.unwrap();
    let world = world.restarted();
    world.call::<Encrypt>(&admin, encrypt(&key)).await.unwrap();
    kms::keep_usage(&world.services).await.unwrap();
    kms::keep_usage(&world.services).await.unwrap();
    let found = report(&world, &admin, None).await;
    assert_eq!(
        (found.month.as_str(), found.currency.as_str()),
        ("2026-11", "USD")
    );
    let used = of(&found, &key);
    assert_eq!(
        rows(used),
        [("Admin", "Encrypt", 4), ("Other", "Decrypt", 1)]
    );
    assert_eq!(
        (used.calls, used.cost_of_calls.as_str()),
        (5, "0.000015000")
    );
    assert_eq!(used.key_manager.as_deref(), Some("CUSTOMER"));
    assert!(rows(of(&found, &unused)).is_empty());
    // Other months and other accounts have none of it.
    let later = report(&world, &admin, Some("2026-12")).await;
    assert!(rows(of(&later, &key)).is_empty());
    assert!(
        report(&world, &admin, Some("2026-10"))
            .await
            .keys
            .is_empty()
    );
    let foreign = world.user(AWAY, "Foreign", Some(ALL));
    assert!(report(&world, &foreign, None).await.keys.is_empty());
}

#[tokio::test]
async fn another_accounts_calls_are_in_both_reports_and_cost_the_caller() {
    let world = World::new();
    let admin = world.user(HOME, "Admin", Some(ALL));
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":
        ["{HOME}","{AWAY}"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let input = shape::CreateKeyRequest {
        policy: Some(policy),
        ..Default::default()
    };
    let key = world.call::<CreateKey>(&admin, input).await.unwrap();
    let key = key.key_metadata.unwrap().arn.unwrap();
    let foreign = world.user(AWAY, "Foreign", Some(ALL));
    world
        .call::<Encrypt>(&foreign, encrypt(&key))
        .await
        .unwrap();
    kms::keep_usage(&world.services).await.unwrap();
    for (caller, cost) in [(&admin, "0.000000000"), (&foreign, "0.000003000")] {
        let found = report(&world, caller, None).await;
        let used = of(&found, &key);
        assert_eq!(rows(used), [("Foreign", "Encrypt", 1)]);
        assert_eq!(used.cost_of_calls, cost);
    }
}

#[tokio::test]
async fn costs_follow_the_kind_of_call_and_the_time_that_a_key_exists() {
    let world = World::new();
    let admin = world.user(HOME, "Admin", Some(ALL));
    // The first of a month of 31 days: the clock starts on November 23.
    world.pass_days(8).await;
    let key = create(&world, &admin).await;
    let arn = key.arn.clone().unwrap();
    for spec in [
        shape::DataKeyPairSpec::EccNistP256,
        shape::DataKeyPairSpec::Rsa2048,
    ] {
        let input = shape::GenerateDataKeyPairRequest {
            key_id: arn.clone(),
            key_pair_spec: spec,
            encryption_context: None,
            grant_tokens: None,
            recipient: None,
            dry_run: None,
        };
        world
            .call::<GenerateDataKeyPair>(&admin, input)
            .await
            .unwrap();
    }
    let other = create(&world, &admin).await.arn.unwrap();
    let blob = world.call::<Encrypt>(&admin, encrypt(&arn)).await.unwrap();
    for to in [&arn, &other] {
        let input = shape::ReEncryptRequest {
            ciphertext_blob: blob.ciphertext_blob.clone(),
            destination_key_id: to.clone(),
            ..Default::default()
        };
        world.call::<ReEncrypt>(&admin, input).await.unwrap();
    }
    kms::keep_usage(&world.services).await.unwrap();
    world.pass_days(10).await;
    let found = report(&world, &admin, None).await;
    let used = of(&found, &arn);
    let costs: Vec<_> = used
        .uses
        .iter()
        .map(|it| (it.operation.as_str(), it.cost.as_str()))
        .collect();
    assert_eq!(
        costs,
        [
            ("Encrypt", "0.000003000"),
            ("GenerateDataKeyPair", "0.000010000"),
            ("GenerateDataKeyPair", "0.001200000"),
            // Once for the key with itself, once with the other.
            ("ReEncrypt", "0.000006000"),
        ]
    );
    assert_eq!(of(&found, &other).uses[0].calls, 1);
    // Ten of 31 days, at one dollar a month.
    let cost: f64 = used.cost_of_key.parse().unwrap();
    assert!((cost - 10.0 / 31.0).abs() < 0.001, "{cost}");
    let input = shape::RotateKeyOnDemandRequest {
        key_id: arn.clone(),
    };
    world
        .call::<kms::RotateKeyOnDemand>(&admin, input)
        .await
        .unwrap();
    world.pass_days(5).await;
    let found = report(&world, &admin, None).await;
    let cost: f64 = of(&found, &arn).cost_of_key.parse().unwrap();
    assert!((cost - 20.0 / 31.0).abs() < 0.001, "{cost}");
}

#[tokio::test]
async fn the_report_comes_in_pages_and_wants_a_right() {
    let world = World::new();
    let admin = world.user(HOME, "Admin", Some(ALL));
    let mut made = Vec::new();
    for _ in 0..105 {
        made.push(create(&world, &admin).await.arn.unwrap());
    }
    made.sort();
    // One is gone, but was used.
    let gone = made[50].clone();
    world.call::<Encrypt>(&admin, encrypt(&gone)).await.unwrap();
    kms::keep_usage(&world.services).await.unwrap();
    let input = shape::ScheduleKeyDeletionRequest {
        key_id: gone.clone(),
        pending_window_in_days: Some(7),
    };
    world
        .call::<kms::ScheduleKeyDeletion>(&admin, input)
        .await
        .unwrap();
    world.pass_days(7).await;
    let mut input = GetKeyUsageInput {
        month: Some("2026-11".to_owned()),
        ..GetKeyUsageInput::default()
    };
    let mut found = Vec::new();
    loop {
        let page = world
            .call::<GetKeyUsage>(&admin, input.clone())
            .await
            .unwrap();
        found.push(page.keys.len());
        made.retain(|arn| page.keys.iter().all(|key| key.key_arn != *arn));
        input.next_token = page.next_token;
        if input.next_token.is_none() {
            break;
        }
    }
    assert_eq!((found, made.len()), (vec![100, 5], 0));
    let of_gone = GetKeyUsageInput {
        key_arn: Some(gone),
        next_token: None,
        ..input.clone()
    };
    let page = world.call::<GetKeyUsage>(&admin, of_gone).await.unwrap();
    assert_eq!((page.keys.len(), page.keys[0].calls), (1, 1));
    assert_eq!(page.keys[0].key_manager, None);
    for wrong in [
        GetKeyUsageInput {
            month: Some("2026-13".to_owned()),
            ..Default::default()
        },
        GetKeyUsageInput {
            month: Some("26-11-1".to_owned()),
            ..Default::default()
        },
        GetKeyUsageInput {
            next_token: Some("x".to_owned()),
            ..Default::default()
        },
    ] {
        let (code, _) = world.failure::<GetKeyUsage>(&admin, wrong).await;
        assert_eq!(code, "ValidationException");
    }
    let user = world.user(HOME, "User", Some(ALL_OF_KMS));
    let (code, _) = world
        .failure::<GetKeyUsage>(&user, GetKeyUsageInput::default())
        .await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn the_report_is_asked_for_five_times_a_second_and_not_more() {
    let world = World::throttling(&std::collections::BTreeMap::new(), 1);
    let admin = world.user(HOME, "Admin", Some(ALL));
    for _ in 0..5 {
        report(&world, &admin, None).await;
    }
    let input = GetKeyUsageInput::default();
    let (code, _) = world.failure::<GetKeyUsage>(&admin, input).await;
    assert_eq!(code, "ThrottlingException");
    world.advance(1);
    report(&world, &admin, None).await;
}

#[tokio::test]
async fn what_is_thirteen_months_old_is_removed() {
    let world = World::new();
    let admin = world.user(HOME, "Admin", Some(ALL));
    let key = create(&world, &admin).await.arn.unwrap();
    world.call::<Encrypt>(&admin, encrypt(&key)).await.unwrap();
    kms::keep_usage(&world.services).await.unwrap();
    let rows = || {
        let snapshot = world.services.store().snapshot();
        kms::fuzzing::rows_of_usage(&snapshot)
    };
    world.pass_days(365).await;
    world.call::<Encrypt>(&admin, encrypt(&key)).await.unwrap();
    kms::keep_usage(&world.services).await.unwrap();
    let found = report(&world, &admin, Some("2026-11")).await;
    assert_eq!((of(&found, &key).calls, rows()), (1, 2));
    world.pass_days(60).await;
    kms::keep_usage(&world.services).await.unwrap();
    let found = report(&world, &admin, Some("2027-11")).await;
    assert_eq!((of(&found, &key).calls, rows()), (1, 1));
    // What is not kept is not looked for.
    let old = GetKeyUsageInput {
        month: Some("2026-11".to_owned()),
        ..GetKeyUsageInput::default()
    };
    let (code, _) = world.failure::<GetKeyUsage>(&admin, old).await;
    assert_eq!(code, "ValidationException");
}

#[tokio::test]
async fn a_public_key_is_counted_like_a_use_and_is_none() {
    let world = World::new();
    let admin = world.user(HOME, "Admin", Some(ALL));
    let input = shape::CreateKeyRequest {
        key_spec: Some(shape::KeySpec::EccNistP256),
        key_usage: Some(shape::KeyUsageType::SignVerify),
        ..Default::default()
    };
    let made = world.call::<CreateKey>(&admin, input).await.unwrap();
    let arn = made.key_metadata.unwrap().arn.unwrap();
    let input = shape::GetPublicKeyRequest {
        key_id: arn.clone(),
        grant_tokens: None,
    };
    world
        .call::<kms::GetPublicKey>(&admin, input)
        .await
        .unwrap();
    kms::keep_usage(&world.services).await.unwrap();
    let found = report(&world, &admin, None).await;
    let used = of(&found, &arn);
    assert_eq!(rows(used), [("Admin", "GetPublicKey", 1)]);
    assert_eq!(used.cost_of_calls, "0.000015000");
    let input = shape::GetKeyLastUsageRequest { key_id: arn };
    let last = world.call::<kms::GetKeyLastUsage>(&admin, input).await;
    assert_eq!(last.unwrap().key_last_usage, None);
}
