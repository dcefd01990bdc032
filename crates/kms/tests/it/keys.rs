//! Keys: made, described, listed, switched on and off.

use kms::{CreateKey, DescribeKey, DisableKey, EnableKey, Encrypt, ListKeys};
use pipeline::Caller;
use shapes::kms::{
    CreateKeyRequest, DescribeKeyRequest, DisableKeyRequest, EnableKeyRequest, EncryptRequest,
    KeyMetadata, KeyState, ListKeysRequest, ResourceOwnerType, Tag,
};

use crate::harness::{ALL_OF_KMS, AWAY, HOME, World};

pub(crate) async fn create(world: &World, caller: &Caller) -> KeyMetadata {
    let made = world
        .call::<CreateKey>(caller, CreateKeyRequest::default())
        .await;
    made.unwrap().key_metadata.unwrap()
}

pub(crate) async fn create_with_policy(
    world: &World,
    caller: &Caller,
    policy: &str,
) -> KeyMetadata {
    let input = CreateKeyRequest {
        policy: Some(policy.to_owned()),
        bypass_policy_lockout_safety_check: Some(true),
        ..CreateKeyRequest::default()
    };
    world
        .call::<CreateKey>(caller, input)
        .await
        .unwrap()
        .key_metadata
        .unwrap()
}

pub(crate) fn describe(key_id: &str) -> DescribeKeyRequest {
    DescribeKeyRequest {
        key_id: key_id.to_owned(),
        ..DescribeKeyRequest::default()
    }
}

pub(crate) fn disable(key: &KeyMetadata) -> DisableKeyRequest {
    DisableKeyRequest {
        key_id: key.key_id.clone(),
    }
}

pub(crate) fn encrypt(key_id: &str) -> EncryptRequest {
    EncryptRequest {
        key_id: key_id.to_owned(),
        plaintext: b"secret".to_vec().into(),
        ..EncryptRequest::default()
    }
}

#[tokio::test]
async fn a_new_key_is_described_as_it_was_made() {
    let world = World::new();
    let admin = world.admin();
    let tag = Tag {
        tag_key: "team".to_owned(),
        tag_value: "ml".to_owned(),
    };
    let input = CreateKeyRequest {
        description: Some("features".to_owned()),
        tags: Some(vec![tag]),
        ..CreateKeyRequest::default()
    };
    let made = world
        .call::<CreateKey>(&admin, input)
        .await
        .unwrap()
        .key_metadata
        .unwrap();
    let found = world
        .call::<DescribeKey>(&admin, describe(&made.key_id))
        .await
        .unwrap();
    assert_eq!(found.key_metadata.unwrap(), made);
    let json = serde_json::to_value(&made).unwrap();
    let expected = serde_json::json!({
        "AWSAccountId": HOME,
        "KeyId": made.key_id,
        "Arn": format!("arn:aws:kms:us-east-1:{HOME}:key/{}", made.key_id),
        "CreationDate": 1_795_466_820,
        "Enabled": true,
        "Description": "features",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
        "CurrentKeyMaterialId": made.current_key_material_id,
    });
    assert_eq!(json, expected);
    assert_eq!(made.current_key_material_id.unwrap().len(), 64);
}

#[tokio::test]
async fn making_a_key_needs_an_identity_policy() {
    let world = World::new();
    let nobody = world.user(HOME, "Nobody", None);
    let (code, message) = world
        .failure::<CreateKey>(&nobody, CreateKeyRequest::default())
        .await;
    assert_eq!(code, "AccessDeniedException");
    assert_eq!(
        message,
        format!(
            "User: arn:aws:iam::{HOME}:user/Nobody is not authorized to perform: kms:CreateKey \
             on resource: * because no identity-based policy allows the kms:CreateKey action"
        )
    );
}

#[tokio::test]
async fn tags_on_a_new_key_need_the_right_to_tag() {
    let world = World::new();
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}]}"#;
    let creator = world.user(HOME, "Creator", Some(policy));
    create(&world, &creator).await;
    let tag = Tag {
        tag_key: "team".to_owned(),
        tag_value: "ml".to_owned(),
    };
    let input = CreateKeyRequest {
        tags: Some(vec![tag]),
        ..CreateKeyRequest::default()
    };
    let (code, message) = world.failure::<CreateKey>(&creator, input).await;
    assert_eq!(code, "AccessDeniedException");
    assert!(message.contains("kms:TagResource"), "{message}");
}

#[tokio::test]
async fn conditions_see_what_the_new_key_is_to_be() {
    let world = World::new();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":["kms:CreateKey","kms:TagResource"],"Resource":"*","Condition":{
            "StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyUsage":"ENCRYPT_DECRYPT",
                "kms:KeyOrigin":"AWS_KMS","aws:RequestTag/team":"ml"},
            "Bool":{"kms:MultiRegion":"false"},
            "Null":{"kms:BypassPolicyLockoutSafetyCheck":"true"}}},
        {"Effect":"Allow","Action":"kms:TagResource","Resource":"*"}]}"#;
    let creator = world.user(HOME, "Creator", Some(policy));
    let tagged = |value: &str| {
        let tag = Tag {
            tag_key: "Team".to_owned(),
            tag_value: value.to_owned(),
        };
        CreateKeyRequest {
            tags: Some(vec![tag]),
            ..CreateKeyRequest::default()
        }
    };
    assert!(
        world
            .call::<CreateKey>(&creator, tagged("ml"))
            .await
            .is_ok()
    );
    assert!(
        world
            .call::<CreateKey>(&creator, tagged("web"))
            .await
            .is_err()
    );
    assert!(
        world
            .call::<CreateKey>(&creator, CreateKeyRequest::default())
            .await
            .is_err()
    );
    let bypass = CreateKeyRequest {
        bypass_policy_lockout_safety_check: Some(false),
        ..tagged("ml")
    };
    assert!(world.call::<CreateKey>(&creator, bypass).await.is_err());
}

#[tokio::test]
async fn a_disabled_key_refuses_the_next_request_until_it_is_enabled() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let arn = key.arn.clone().unwrap();
    assert!(
        world
            .call::<Encrypt>(&admin, encrypt(&key.key_id))
            .await
            .is_ok()
    );
    for _ in 0..2 {
        world
            .call::<DisableKey>(&admin, disable(&key))
            .await
            .unwrap();
    }
    let failure = world.failure::<Encrypt>(&admin, encrypt(&key.key_id)).await;
    assert_eq!(
        failure,
        (
            "DisabledException".to_owned(),
            format!("{arn} is disabled.")
        )
    );
    let usable = kms::usable(&world.view(), &arn.parse().unwrap(), world.now());
    assert!(matches!(usable, Err(kms::Error::Disabled { .. })));
    let found = world
        .call::<DescribeKey>(&admin, describe(&key.key_id))
        .await
        .unwrap();
    let found = found.key_metadata.unwrap();
    assert_eq!(
        (found.enabled, found.key_state),
        (Some(false), Some(KeyState::Disabled))
    );
    for _ in 0..2 {
        let enable = EnableKeyRequest {
            key_id: arn.clone(),
        };
        world.call::<EnableKey>(&admin, enable).await.unwrap();
    }
    assert!(
        world
            .call::<Encrypt>(&admin, encrypt(&key.key_id))
            .await
            .is_ok()
    );
    assert!(kms::usable(&world.view(), &arn.parse().unwrap(), world.now()).is_ok());
}

#[tokio::test]
async fn keys_of_other_accounts_cannot_be_switched_whatever_their_policy_says() {
    let world = World::new();
    let admin = world.admin();
    let open = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}"#;
    let key = create_with_policy(&world, &admin, open).await;
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let arn = key.arn.unwrap();
    assert!(
        world
            .call::<DescribeKey>(&stranger, describe(&arn))
            .await
            .is_ok()
    );
    let (code, _) = world
        .failure::<DisableKey>(&stranger, DisableKeyRequest { key_id: arn })
        .await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn only_who_is_allowed_learns_that_a_key_is_missing() {
    let world = World::new();
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let arn = format!("arn:aws:kms:us-east-1:{HOME}:key/{id}");
    let failure = world
        .failure::<DescribeKey>(&world.admin(), describe(id))
        .await;
    assert_eq!(
        failure,
        (
            "NotFoundException".to_owned(),
            format!("Key '{arn}' does not exist")
        )
    );
    let nobody = world.user(HOME, "Nobody", None);
    let (code, _) = world.failure::<DescribeKey>(&nobody, describe(id)).await;
    assert_eq!(code, "AccessDeniedException");
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let missing = world
        .failure::<DescribeKey>(&stranger, describe(&arn))
        .await;
    let there = create(&world, &world.admin()).await.arn.unwrap();
    let denied = world
        .failure::<DescribeKey>(&stranger, describe(&there))
        .await;
    assert_eq!(missing.0, "AccessDeniedException");
    assert_eq!(
        missing.1.replace(&arn, ""),
        denied.1.replace(&there, ""),
        "they look alike"
    );
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let world = World::new();
    let admin = world.admin();
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(create(&world, &admin).await.key_id);
    }
    expected.sort_unstable();
    let (mut found, mut marker) = (Vec::new(), None);
    loop {
        let input = ListKeysRequest {
            limit: Some(2),
            marker,
            ..ListKeysRequest::default()
        };
        let page = world.call::<ListKeys>(&admin, input).await.unwrap();
        let keys = page.keys.unwrap();
        assert!(keys.len() <= 2);
        found.extend(keys.into_iter().map(|key| key.key_id.unwrap()));
        assert_eq!(page.truncated, Some(page.next_marker.is_some()));
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
    let marker = Some("bm90IG91cnM".to_owned());
    let input = ListKeysRequest {
        marker,
        ..ListKeysRequest::default()
    };
    assert_eq!(
        world.failure::<ListKeys>(&admin, input).await.0,
        "InvalidMarkerException"
    );
}

#[tokio::test]
async fn lists_hold_the_keys_of_one_account_and_region() {
    let world = World::new();
    let admin = world.admin();
    create(&world, &admin).await;
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let count = async |region: &str, caller: &Caller, owners: Option<Vec<ResourceOwnerType>>| {
        let input = ListKeysRequest {
            resource_owners: owners,
            ..ListKeysRequest::default()
        };
        let region = region.parse().unwrap();
        let page = world
            .call_in::<ListKeys>(&region, caller, input)
            .await
            .unwrap();
        page.keys.unwrap().len()
    };
    assert_eq!(count("us-east-1", &admin, None).await, 1);
    assert_eq!(count("eu-west-1", &admin, None).await, 0);
    assert_eq!(count("us-east-1", &stranger, None).await, 0);
    let shared = vec![ResourceOwnerType::OtherAccountsViaRam];
    assert_eq!(count("us-east-1", &admin, Some(shared)).await, 0);
}

#[tokio::test]
async fn keys_made_at_the_same_time_all_work() {
    let world = World::new();
    let admin = world.admin();
    let make = || create(&world, &admin);
    let (a, b, c, d) = tokio::join!(make(), make(), make(), make());
    for key in [a, b, c, d] {
        assert!(
            world
                .call::<Encrypt>(&admin, encrypt(&key.key_id))
                .await
                .is_ok()
        );
    }
}
