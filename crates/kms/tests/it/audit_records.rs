//! What the calls leave in the event history, and what they never leave there.

use kms::{
    CreateAlias, CreateKey, Decrypt, DescribeKey, DisableKey, Encrypt, GenerateDataKey,
    PutKeyPolicy,
};
use serde_json::{Value, json};
use shapes::kms::{
    CreateAliasRequest, CreateKeyRequest, DataKeySpec, EncryptRequest, GenerateDataKeyRequest,
    PutKeyPolicyRequest, Tag,
};

use crate::decryption::decrypt;
use crate::harness::{ALL_OF_KMS, AWAY, HOME, World, context};
use crate::keys::{create, create_with_policy, describe, disable, encrypt};

fn resources(record: &audit::Record) -> Vec<(String, String)> {
    let pair = |resource: &audit::Resource| (resource.arn.clone(), resource.kind.clone());
    record.resources.iter().map(pair).collect()
}

fn key_resource(arn: Option<&String>) -> Vec<(String, String)> {
    vec![(arn.unwrap().clone(), "AWS::KMS::Key".to_owned())]
}

#[tokio::test]
async fn encryption_is_recorded_with_its_context_and_without_its_content() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = EncryptRequest {
        plaintext: b"planted plaintext".to_vec().into(),
        encryption_context: context(&[("team", "ml")]),
        ..encrypt(&key.key_id)
    };
    let output = world.call::<Encrypt>(&admin, input).await.unwrap();
    let record = world.newest_record(HOME);
    assert_eq!(
        record.request_parameters,
        json!({
            "keyId": key.key_id,
            "encryptionContext": { "team": "ml" },
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        })
    );
    assert_eq!(
        (record.event_name.as_str(), record.read_only),
        ("Encrypt", true)
    );
    assert_eq!(record.event_source, "kms.amazonaws.com");
    assert_eq!(record.response_elements, Value::Null);
    assert_eq!(resources(&record), key_resource(key.arn.as_ref()));
    let blob = serde_json::to_value(&output).unwrap()["CiphertextBlob"].clone();
    let written = serde_json::to_string(&record).unwrap();
    assert!(!written.contains(blob.as_str().unwrap()));
    assert!(!written.contains("cGxhbnRlZCBwbGFpbnRleHQ") && !written.contains("planted"));
}

#[tokio::test]
async fn decryption_is_recorded_with_the_key_that_the_ciphertext_named() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let blob = world
        .call::<Encrypt>(&admin, encrypt(&key.key_id))
        .await
        .unwrap();
    let blob = blob.ciphertext_blob.unwrap();
    world
        .call::<Decrypt>(&admin, decrypt(blob.clone(), None))
        .await
        .unwrap();
    let record = world.newest_record(HOME);
    assert_eq!(
        record.request_parameters,
        json!({ "keyId": key.arn, "encryptionAlgorithm": "SYMMETRIC_DEFAULT" })
    );
    let material = record.additional_event_data.unwrap()["keyMaterialId"].clone();
    assert_eq!(material.as_str(), key.current_key_material_id.as_deref());
    assert_eq!(record.resources[0].arn, key.arn.clone().unwrap());
    let other = context(&[("a", "b")]);
    world
        .call::<Decrypt>(&admin, decrypt(blob, other))
        .await
        .unwrap_err();
    let record = world.newest_record(HOME);
    assert_eq!(
        record.error_code.as_deref(),
        Some("InvalidCiphertextException")
    );
    assert_eq!(
        record.request_parameters["encryptionContext"],
        json!({ "a": "b" })
    );
    assert_eq!(resources(&record), key_resource(key.arn.as_ref()));
}

#[tokio::test]
async fn data_keys_are_recorded_without_the_key() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = GenerateDataKeyRequest {
        key_id: key.arn.clone().unwrap(),
        key_spec: Some(DataKeySpec::Aes256),
        ..GenerateDataKeyRequest::default()
    };
    let output = world.call::<GenerateDataKey>(&admin, input).await.unwrap();
    let record = world.newest_record(HOME);
    let expected = json!({ "keyId": key.arn, "keySpec": "AES_256" });
    assert_eq!(record.request_parameters, expected);
    let written = serde_json::to_string(&record).unwrap();
    let output = serde_json::to_value(&output).unwrap();
    for secret in ["Plaintext", "CiphertextBlob"] {
        assert!(
            !written.contains(output[secret].as_str().unwrap()),
            "{secret}"
        );
    }
}

#[tokio::test]
async fn a_new_key_is_recorded_with_its_metadata() {
    let world = World::new();
    let tag = Tag {
        tag_key: "team".to_owned(),
        tag_value: "ml".to_owned(),
    };
    let input = CreateKeyRequest {
        tags: Some(vec![tag]),
        ..CreateKeyRequest::default()
    };
    let made = world
        .call::<CreateKey>(&world.admin(), input)
        .await
        .unwrap();
    let key = made.key_metadata.unwrap();
    let record = world.newest_record(HOME);
    assert!(!record.read_only);
    assert_eq!(
        record.request_parameters,
        json!({
            "description": "", "keyUsage": "ENCRYPT_DECRYPT", "keySpec": "SYMMETRIC_DEFAULT",
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "origin": "AWS_KMS",
            "bypassPolicyLockoutSafetyCheck": false, "multiRegion": false,
            "tags": [{ "tagKey": "team", "tagValue": "ml" }],
        })
    );
    let metadata = &record.response_elements["keyMetadata"];
    assert_eq!(metadata["aWSAccountId"], HOME);
    assert_eq!(metadata["creationDate"], "Nov 23, 2026, 8:47:00 PM");
    assert_eq!(metadata["keyState"], "Enabled");
    assert_eq!(resources(&record), key_resource(key.arn.as_ref()));
}

#[tokio::test]
async fn changes_are_recorded_with_what_they_were_about() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let alias = CreateAliasRequest {
        alias_name: "alias/app".to_owned(),
        target_key_id: key.key_id.clone(),
    };
    world.call::<CreateAlias>(&admin, alias).await.unwrap();
    let record = world.newest_record(HOME);
    let expected = json!({ "aliasName": "alias/app", "targetKeyId": key.key_id });
    assert_eq!(record.request_parameters, expected);
    let alias_arn = format!("arn:aws:kms:us-east-1:{HOME}:alias/app");
    let mut both = vec![(alias_arn, "AWS::KMS::Key".to_owned())];
    both.extend(key_resource(key.arn.as_ref()));
    assert_eq!(resources(&record), both);

    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{HOME}"}},
            "Action":"kms:*","Resource":"*"}}]}}"#
    );
    let put = PutKeyPolicyRequest {
        key_id: key.key_id.clone(),
        policy: policy.clone(),
        ..PutKeyPolicyRequest::default()
    };
    world.call::<PutKeyPolicy>(&admin, put).await.unwrap();
    let expected = json!({
        "keyId": key.key_id, "policyName": "default", "policy": policy,
        "bypassPolicyLockoutSafetyCheck": false,
    });
    assert_eq!(world.newest_record(HOME).request_parameters, expected);

    world
        .call::<DisableKey>(&admin, disable(&key))
        .await
        .unwrap();
    let record = world.newest_record(HOME);
    assert_eq!(record.event_name, "DisableKey");
    assert_eq!(resources(&record), key_resource(key.arn.as_ref()));
    let failed = world.failure::<Encrypt>(&admin, encrypt(&key.key_id)).await;
    let record = world.newest_record(HOME);
    assert_eq!(record.error_code.as_deref(), Some("DisabledException"));
    assert_eq!(record.error_message, Some(failed.1));
}

#[tokio::test]
async fn denials_are_recorded_for_the_caller_only() {
    let world = World::new();
    let key = create(&world, &world.admin()).await;
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let arn = key.arn.unwrap();
    world
        .failure::<DescribeKey>(&stranger, describe(&arn))
        .await;
    let record = world.newest_record(AWAY);
    assert_eq!(record.error_code.as_deref(), Some("AccessDenied"));
    assert_eq!(record.request_parameters, Value::Null);
    assert_eq!(world.newest_record(HOME).event_name, "CreateKey");
}

/// Calls `DescribeKey` as a user with this policy, and returns what the record says decided.
async fn decided_against(account: &str, policy: Option<&str>, key_policy: &str) -> Value {
    let world = World::new();
    let key = create_with_policy(&world, &world.admin(), key_policy).await;
    let user = world.user(account, "Bob", policy);
    let arn = key.arn.unwrap();
    world.failure::<DescribeKey>(&user, describe(&arn)).await;
    let record = world.newest_record(account);
    let authorization = record.additional_event_data.unwrap()["authorization"].clone();
    assert_eq!(authorization[0]["action"], "kms:DescribeKey");
    assert_eq!(authorization[0]["resource"], Value::String(arn));
    assert_eq!(authorization.as_array().unwrap().len(), 1);
    authorization[0]["decidedBy"].clone()
}

/// A key policy that delegates to both accounts, with this statement more.
fn open_but(statement: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":["{HOME}","{AWAY}"]}},"Action":"kms:*","Resource":"*"}}{statement}]}}"#
    )
}

#[tokio::test]
async fn a_denial_names_the_kind_of_policy_that_lacks_the_allow() {
    let decided = decided_against(HOME, None, &open_but("")).await;
    assert_eq!(decided, json!(["no identity-based policy allows it"]));
}

#[tokio::test]
async fn a_denial_names_the_statement_that_denies() {
    let deny = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"*","Resource":"*"},
        {"Sid":"NoLooking","Effect":"Deny","Action":"kms:Describe*","Resource":"*"}]}"#;
    let decided = decided_against(HOME, Some(deny), &open_but("")).await;
    let expected = "Deny by statement `NoLooking` of identity-based policy `inline`, line 3";
    assert_eq!(decided, json!([expected]));
}

#[tokio::test]
async fn a_denial_says_nothing_of_another_accounts_policies() {
    let secret = open_but(
        r#",{"Sid":"AgainstBob","Effect":"Deny","Principal":"*","Action":"kms:DescribeKey","Resource":"*"}"#,
    );
    let decided = decided_against(AWAY, Some(ALL_OF_KMS), &secret).await;
    let text = decided.to_string();
    assert!(text.contains("another account"), "{text}");
    assert!(
        !text.contains("AgainstBob") && !text.contains("Deny"),
        "{text}"
    );
}

#[tokio::test]
async fn the_owner_of_a_key_sees_what_others_do_with_it() {
    let world = World::new();
    let open = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":["{HOME}","{AWAY}"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let key = create_with_policy(&world, &world.admin(), &open).await;
    let friend = world.user(AWAY, "Friend", Some(ALL_OF_KMS));
    let arn = key.arn.unwrap();
    world.call::<Encrypt>(&friend, encrypt(&arn)).await.unwrap();
    let (theirs, ours) = (world.newest_record(AWAY), world.newest_record(HOME));
    assert_eq!(
        (theirs.event_name.as_str(), ours.event_name.as_str()),
        ("Encrypt", "Encrypt")
    );
    assert!(theirs.shared_event_id.is_some());
    assert_eq!(theirs.shared_event_id, ours.shared_event_id);
    assert_eq!(ours.user_identity.kind, "AWSAccount");
    // A call that fails after it was allowed is the owner's business too.
    let input = EncryptRequest {
        grant_tokens: Some(vec!["none".to_owned()]),
        ..encrypt(&arn)
    };
    world.failure::<Encrypt>(&friend, input).await;
    let ours = world.newest_record(HOME);
    assert_eq!(
        ours.error_code.as_deref(),
        Some("InvalidGrantTokenException")
    );
}

/// What the newest record of an account says decided.
fn decided_by(world: &World, account: &str) -> Value {
    let record = world.newest_record(account);
    let authorization = record.additional_event_data.unwrap()["authorization"].clone();
    assert_eq!(
        authorization.as_array().unwrap().len(),
        1,
        "{authorization}"
    );
    authorization[0]["decidedBy"].clone()
}

#[tokio::test]
async fn each_account_sees_the_statements_of_its_own_policies_only() {
    let world = World::new();
    let open = open_but(
        r#",{"Sid":"Ours","Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Encrypt","Resource":"*"}"#,
    );
    let key = create_with_policy(&world, &world.admin(), &open).await;
    let theirs = r#"{"Version":"2012-10-17","Statement":[
        {"Sid":"Theirs","Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;
    let friend = world.user(AWAY, "Friend", Some(theirs));
    let arn = key.arn.unwrap();
    world.call::<Encrypt>(&friend, encrypt(&arn)).await.unwrap();
    let away = decided_by(&world, AWAY);
    assert_eq!(
        away,
        json!([
            "Allow by statement `Theirs` of identity-based policy `inline`, line 2",
            "Allow by the account that owns the resource",
        ])
    );
    let home = decided_by(&world, HOME).to_string();
    assert!(
        home.contains("`Ours`") && home.contains("Allow by the caller's account"),
        "{home}"
    );
    assert!(
        !home.contains("Theirs") && !home.contains("inline"),
        "{home}"
    );
    // Within one account everything is said.
    world
        .call::<Encrypt>(&world.admin(), encrypt(&arn))
        .await
        .unwrap();
    let own = decided_by(&world, HOME).to_string();
    assert!(
        own.contains("`Ours`") && own.contains("identity-based policy"),
        "{own}"
    );
    assert!(!own.contains("account that owns"), "{own}");
}

/// SageMaker in its own name.
fn sagemaker() -> pipeline::Caller {
    let name = "sagemaker.amazonaws.com";
    pipeline::Caller::new(types::Principal::Service { name }, None)
}

fn group(name: &str) -> types::Arn {
    format!("arn:aws:sagemaker:us-east-1:{HOME}:feature-group/{name}")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn what_a_service_does_in_its_own_name_is_recorded_with_what_it_acts_for() {
    let world = World::new();
    // The usual statement against connections without TLS is not about what stays in the process.
    let policy = open_but(
        r#",{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},
            "Action":"kms:Encrypt","Resource":"*"},
           {"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*",
            "Condition":{"Bool":{"aws:SecureTransport":"false"},"Null":{"aws:username":"true"}}}"#,
    );
    let key = create_with_policy(&world, &world.admin(), &policy).await;
    let arn = key.arn.unwrap();
    let group = group("one");
    world
        .call_about::<Encrypt>(&sagemaker(), Some(&group), encrypt(&arn))
        .await
        .unwrap();
    let record = world.newest_record(HOME);
    let additional = record.additional_event_data.unwrap();
    assert_eq!(additional["sourceArn"], group.to_string());
}

#[tokio::test]
async fn denials_of_a_service_are_told_apart_by_what_it_acts_for() {
    let world = World::new();
    let key = create_with_policy(&world, &world.admin(), &open_but("")).await;
    let arn = key.arn.unwrap();
    let service = sagemaker();
    for number in 0..30 {
        let group = group(&format!("g{}", number % 3));
        let found = world.call_about::<Encrypt>(&service, Some(&group), encrypt(&arn));
        assert!(found.await.is_err());
    }
    let record = world.newest_record(HOME);
    let additional = record.additional_event_data.unwrap();
    // Ten of each are recorded one by one: the last one too.
    assert_eq!(additional["sourceArn"], group("g2").to_string());
    assert_eq!(additional.get("suppressedCount"), None);
}
