//! Key policies: put, shown, and in force on the next request.

use kms::{CreateKey, Decrypt, DescribeKey, Encrypt, GetKeyPolicy, PutKeyPolicy};
use shapes::kms::{CreateKeyRequest, GetKeyPolicyRequest, PutKeyPolicyRequest};

use crate::decryption::decrypt;
use crate::harness::{HOME, World};
use crate::keys::{create, create_with_policy, describe, encrypt};

const LOCKED_OUT: &str =
    "The new key policy will not allow you to update the key policy in the future.";

fn put(key: &str, policy: &str) -> PutKeyPolicyRequest {
    PutKeyPolicyRequest {
        key_id: key.to_owned(),
        policy: policy.to_owned(),
        ..PutKeyPolicyRequest::default()
    }
}

fn get(key: &str) -> GetKeyPolicyRequest {
    GetKeyPolicyRequest {
        key_id: key.to_owned(),
        policy_name: None,
    }
}

/// A policy that gives `principal` these actions.
fn allow(principal: &str, actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":"{principal}"}},"Action":"{actions}","Resource":"*"}}]}}"#
    )
}

#[tokio::test]
async fn a_key_made_without_a_policy_is_left_to_its_account() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let found = world
        .call::<GetKeyPolicy>(&admin, get(&key.key_id))
        .await
        .unwrap();
    assert_eq!(found.policy_name.as_deref(), Some("default"));
    let policy: serde_json::Value = serde_json::from_str(&found.policy.unwrap()).unwrap();
    let expected = serde_json::json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{HOME}:root") },
            "Action": "kms:*",
            "Resource": "*",
        }],
    });
    assert_eq!(policy, expected);
}

#[tokio::test]
async fn a_new_policy_decides_the_next_request() {
    let world = World::new();
    let admin = world.admin();
    let alice = world.user(HOME, "Alice", None);
    let key = create(&world, &admin).await;
    let input = encrypt(&key.key_id);
    assert!(world.call::<Encrypt>(&alice, input.clone()).await.is_err());
    let arn = format!("arn:aws:iam::{HOME}:user/Alice");
    let both = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{HOME}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"{arn}"}},"Action":"kms:Encrypt","Resource":"*"}}]}}"#
    );
    world
        .call::<PutKeyPolicy>(&admin, put(&key.key_id, &both))
        .await
        .unwrap();
    assert!(world.call::<Encrypt>(&alice, input.clone()).await.is_ok());
    let shown = world
        .call::<GetKeyPolicy>(&admin, get(&key.key_id))
        .await
        .unwrap()
        .policy;
    assert_eq!(shown.unwrap(), both, "as it was put");
    let account = allow(HOME, "kms:*");
    world
        .call::<PutKeyPolicy>(&admin, put(&key.key_id, &account))
        .await
        .unwrap();
    assert!(world.call::<Encrypt>(&alice, input).await.is_err());
}

#[tokio::test]
async fn a_policy_that_locks_its_author_out_is_refused() {
    let world = World::new();
    let admin = world.admin();
    let (admin_arn, alice) = (
        format!("arn:aws:iam::{HOME}:user/Admin"),
        format!("arn:aws:iam::{HOME}:user/Alice"),
    );
    world.user(HOME, "Alice", None);
    let key = create(&world, &admin).await;
    for (policy, accepted) in [
        (allow(&admin_arn, "kms:*"), true),
        (allow(HOME, "kms:PutKeyPolicy"), true),
        (allow("*", "kms:Put*"), true),
        (allow(&alice, "kms:*"), false),
        (allow(HOME, "kms:Encrypt"), false),
    ] {
        let found = world
            .call::<PutKeyPolicy>(&admin, put(&key.key_id, &policy))
            .await;
        let refused = found
            .err()
            .map(|failure| (failure.code.into_owned(), failure.message));
        let expected = (!accepted).then(|| {
            (
                "MalformedPolicyDocumentException".to_owned(),
                LOCKED_OUT.to_owned(),
            )
        });
        assert_eq!(refused, expected, "{policy}");
        let policy = Some(policy);
        let input = CreateKeyRequest {
            policy,
            ..CreateKeyRequest::default()
        };
        assert_eq!(
            world.call::<CreateKey>(&admin, input).await.is_ok(),
            accepted
        );
    }
}

#[tokio::test]
async fn a_deny_of_the_author_is_a_lockout_too() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{HOME}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Deny","Principal":"*","Action":"kms:PutKeyPolicy","Resource":"*",
              "Condition":{{"StringEquals":{{"kms:PolicyName":"default"}}}}}}]}}"#
    );
    let failure = world
        .failure::<PutKeyPolicy>(&admin, put(&key.key_id, &policy))
        .await;
    assert_eq!(failure.1, LOCKED_OUT);
}

#[tokio::test]
async fn the_lockout_check_can_be_waived_and_then_nobody_gets_in() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = PutKeyPolicyRequest {
        bypass_policy_lockout_safety_check: Some(true),
        ..put(&key.key_id, &allow(HOME, "kms:Encrypt"))
    };
    world.call::<PutKeyPolicy>(&admin, input).await.unwrap();
    let open = put(&key.key_id, &allow(HOME, "kms:*"));
    let (code, message) = world.failure::<PutKeyPolicy>(&admin, open).await;
    assert_eq!(code, "AccessDeniedException");
    let reason = "because no resource-based policy allows the kms:PutKeyPolicy action";
    assert!(message.ends_with(reason), "{message}");
}

#[tokio::test]
async fn without_the_account_identity_policies_allow_nothing() {
    let world = World::new();
    let admin = world.admin();
    let alice = world.user(HOME, "Alice", None);
    let arn = format!("arn:aws:iam::{HOME}:user/Alice");
    let key = create_with_policy(&world, &admin, &allow(&arn, "kms:*")).await;
    assert!(
        world
            .call::<DescribeKey>(&alice, describe(&key.key_id))
            .await
            .is_ok()
    );
    let (code, _) = world
        .failure::<DescribeKey>(&admin, describe(&key.key_id))
        .await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn only_the_default_policy_exists() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let named = |name: &str| GetKeyPolicyRequest {
        policy_name: Some(name.to_owned()),
        ..get(&key.key_id)
    };
    assert!(
        world
            .call::<GetKeyPolicy>(&admin, named("default"))
            .await
            .is_ok()
    );
    let missing = (
        "NotFoundException".to_owned(),
        "No such policy exists".to_owned(),
    );
    assert_eq!(
        world.failure::<GetKeyPolicy>(&admin, named("other")).await,
        missing
    );
    let policy = allow(HOME, "kms:*");
    let put_named = |name: &str| PutKeyPolicyRequest {
        policy_name: Some(name.to_owned()),
        ..put(&key.key_id, &policy)
    };
    assert_eq!(
        world
            .failure::<PutKeyPolicy>(&admin, put_named("other"))
            .await,
        missing
    );
    let failure = world
        .failure::<PutKeyPolicy>(&admin, put_named("AWS_RAM"))
        .await;
    let text = "The AWS_RAM policy can only be managed by the RAM service".to_owned();
    assert_eq!(failure, ("ValidationException".to_owned(), text));
}

#[tokio::test]
async fn an_identity_deny_wins_over_the_key_policy() {
    let world = World::new();
    let deny = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"}]}"#;
    let alice = world.user(HOME, "Alice", Some(deny));
    let arn = format!("arn:aws:iam::{HOME}:user/Alice");
    let key = create_with_policy(&world, &world.admin(), &allow(&arn, "kms:*")).await;
    let blob = world
        .call::<Encrypt>(&alice, encrypt(&key.key_id))
        .await
        .unwrap();
    let input = decrypt(blob.ciphertext_blob.unwrap(), None);
    let (code, message) = world.failure::<Decrypt>(&alice, input).await;
    assert_eq!(code, "AccessDeniedException");
    assert!(
        message.ends_with("with an explicit deny in an identity-based policy"),
        "{message}"
    );
}
