//! Groups under a customer's key.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crypto::rsa::{OaepHash, encrypt_oaep};
use serde_json::{Value, json};
use store::CommitError;
use types::{Clock as _, Service};

use crate::world::{World, check_refused, day, group_arn, group_under, read, record, text};

fn world() -> (World, String) {
    let world = World::new();
    let key = world.key();
    world.group_under("g", &key);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    (world, key)
}

fn key_call(world: &World, operation: &str, key: &str) {
    world.ok(operation, json!({ "KeyId": key }));
}

#[test]
fn a_group_shows_the_key_that_it_was_created_under() {
    let world = World::new();
    let key = world.key();
    let id = key.rsplit('/').next().unwrap();
    world.ok(
        "CreateAlias",
        json!({ "AliasName": "alias/a", "TargetKeyId": id }),
    );
    let alias_arn = format!("arn:aws:kms:us-east-1:{}:alias/a", crate::world::ACCOUNT);
    for (number, name) in [key.as_str(), id, "alias/a", &alias_arn]
        .into_iter()
        .enumerate()
    {
        let group = format!("g{number}");
        world.group_under(&group, name);
        let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": group }));
        let config = &described["OnlineStoreConfig"]["SecurityConfig"];
        assert_eq!(*config, json!({ "KmsKeyId": key }), "{name}");
    }
}

#[test]
fn disabling_the_key_closes_the_group_on_the_next_request() {
    let (world, key) = world();
    for _ in 0..2 {
        assert!(world.get("g", "a").is_some());
        key_call(&world, "DisableKey", &key);
        let text = format!("DisabledException: {key} is disabled.");
        let batch = json!({ "Identifiers": [{
            "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a"],
        }] });
        let mut delete = read("g", "a");
        delete["EventTime"] = day(2).into();
        for refused in [
            world.call("GetRecord", read("g", "a")),
            world.put("g", &[("id", "a"), ("at", &day(2))]),
            world.call("DeleteRecord", delete),
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(
                (refused.code.as_str(), refused.status),
                ("AccessForbidden", Some(403))
            );
            assert_eq!(refused.message, text);
        }
        let errors = world.ok("BatchGetRecord", batch)["Errors"].clone();
        assert_eq!(
            (&errors[0]["ErrorCode"], &errors[0]["ErrorMessage"]),
            (&json!("AccessForbidden"), &json!(text))
        );
        key_call(&world, "EnableKey", &key);
    }
    assert_eq!(world.get("g", "a").unwrap()[1].1, day(1));
}

/// A key whose imported material ends in so many seconds.
pub(crate) fn lent_key(world: &World, seconds: i64) -> String {
    let key = text(&world.ok("CreateKey", json!({ "Origin": "EXTERNAL" }))["KeyMetadata"]["Arn"]);
    let wrapping = json!({
        "KeyId": key,
        "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
        "WrappingKeySpec": "RSA_2048",
    });
    let given = world.ok("GetParametersForImport", wrapping);
    let public = BASE64.decode(text(&given["PublicKey"])).unwrap();
    let wrapped = encrypt_oaep(&public, OaepHash::Sha256, &[7; 32]).unwrap();
    let import = json!({
        "KeyId": key,
        "ImportToken": given["ImportToken"],
        "EncryptedKeyMaterial": BASE64.encode(wrapped),
        "ValidTo": world.clock.now().seconds() + seconds,
    });
    world.ok("ImportKeyMaterial", import);
    key
}

#[test]
fn the_end_of_imported_material_closes_the_group_on_the_next_request() {
    let world = World::new();
    let key = lent_key(&world, 60);
    world.group_under("g", &key);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    assert!(world.get("g", "a").is_some());
    world.clock.advance(Duration::from_mins(1));
    // Nobody has destroyed the material yet, and the group's keys are unwrapped in memory.
    let refused = world.call("GetRecord", read("g", "a")).unwrap_err();
    assert_eq!(refused.code, "AccessForbidden");
    let ended = format!("KMSInvalidStateException: {key} is pending import.");
    assert_eq!(refused.message, ended);
    check_left_behind(&world, &key, "ValidationException", "is pending import.");
}

fn check_left_behind(world: &World, key: &str, code: &str, text: &str) {
    check_refused(
        world.call("CreateFeatureGroup", group_under("g2", key)),
        code,
        text,
    );
    let named = json!({ "FeatureGroupName": "g2" });
    world.refuses("DescribeFeatureGroup", named, "ResourceNotFound", "");
}

#[test]
fn an_unusable_key_leaves_no_group_behind() {
    let (world, key) = world();
    let missing = key.replace(
        key.rsplit('/').next().unwrap(),
        "1234abcd-12ab-34cd-56ef-1234567890ab",
    );
    check_left_behind(&world, &missing, "ValidationException", "does not exist");
    check_left_behind(&world, "alias/none", "ValidationException", "is not found");
    let foreign = key.replace("us-east-1", "eu-west-1");
    check_left_behind(&world, &foreign, "ValidationException", "eu-west-1");
    check_left_behind(
        &world,
        "nonsense",
        "ValidationException",
        "NotFoundException: Invalid keyId",
    );
    key_call(&world, "DisableKey", &key);
    check_left_behind(&world, &key, "ValidationException", "is disabled.");
}

#[test]
fn a_read_calls_kms_once_for_each_caller_and_key() {
    let (world, key) = world();
    let before = world.records_of("Decrypt").len();
    for _ in 0..5 {
        world.get("g", "a");
    }
    assert_eq!(
        world.records_of("Decrypt").len(),
        before,
        "put has unwrapped the keys already"
    );
    let statements = json!([{ "Effect": "Allow", "Action": ["sagemaker:GetRecord", "kms:Decrypt"], "Resource": "*" }]);
    let other = world.user("other", &statements);
    for _ in 0..5 {
        world.call_as(&other, "GetRecord", read("g", "a")).unwrap();
    }
    // The index key and one data key.
    let decrypts = world.records_of("Decrypt");
    assert_eq!(decrypts.len(), before + 2);
    let record = serde_json::to_value(&decrypts[0]).unwrap();
    assert_eq!(record["userIdentity"]["userName"], "other");
    assert_eq!(
        record["userIdentity"]["invokedBy"],
        Service::SageMaker.principal()
    );
    assert_eq!(record["sourceIPAddress"], "sagemaker.amazonaws.com");
    assert_eq!(record["resources"][0]["ARN"], json!(key));
    let context = &record["requestParameters"]["encryptionContext"];
    assert_eq!(
        context["aws:sagemaker:featureGroupArn"],
        json!(group_arn("g"))
    );
    assert_eq!(text(&context["aws:sagemaker:featureGroupId"]).len(), 32);
}

#[test]
fn unwrapped_keys_are_kept_for_a_bounded_time() {
    let (world, _) = world();
    let before = world.records_of("Decrypt").len();
    world.wait(299);
    world.get("g", "a");
    assert_eq!(world.records_of("Decrypt").len(), before);
    world.wait(1);
    world.get("g", "a");
    assert_eq!(world.records_of("Decrypt").len(), before + 2);
}

#[test]
fn a_lifetime_of_zero_calls_kms_every_time() {
    let world = World::with(featurestore::Options {
        key_lifetime: Duration::ZERO,
        ..featurestore::Options::default()
    });
    world.group_under("g", &world.key());
    for reads in 1..4 {
        world.get("g", "a");
        assert_eq!(world.records_of("Decrypt").len(), reads);
    }
}

#[test]
fn a_change_of_the_key_ends_what_was_unwrapped() {
    let (world, key) = world();
    let before = world.records_of("Decrypt").len();
    key_call(&world, "DisableKey", &key);
    key_call(&world, "EnableKey", &key);
    world.get("g", "a");
    assert_eq!(world.records_of("Decrypt").len(), before + 2);
}

#[test]
fn a_group_without_a_key_of_its_own_needs_none_and_leaves_no_kms_events() {
    let world = World::new();
    world.group("g");
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    let statements =
        json!([{ "Effect": "Allow", "Action": "sagemaker:GetRecord", "Resource": "*" }]);
    let reader = world.user("reader", &statements);
    let answer = world.call_as(&reader, "GetRecord", read("g", "a")).unwrap();
    assert!(answer.get("Record").is_some());
    for operation in ["Decrypt", "GenerateDataKey", "DescribeKey"] {
        assert!(world.records_of(operation).is_empty(), "{operation}");
    }
}

/// A key policy that lets the account in on this condition.
fn policy(condition: &Value) -> Value {
    let root = format!("arn:aws:iam::{}:root", crate::world::ACCOUNT);
    let administration = [
        "kms:Describe*",
        "kms:Put*",
        "kms:Get*",
        "kms:Enable*",
        "kms:Disable*",
        "kms:List*",
    ];
    let use_of_the_key = [
        "kms:GenerateDataKey",
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncrypt*",
        "kms:CreateGrant",
        "kms:RetireGrant",
    ];
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": root }, "Action": administration, "Resource": "*" },
        { "Effect": "Allow", "Principal": { "AWS": root }, "Action": use_of_the_key,
          "Resource": "*", "Condition": condition },
    ] })
}

fn put_policy(world: &World, key: &str, condition: &Value) {
    let policy = policy(condition).to_string();
    world.ok(
        "PutKeyPolicy",
        json!({ "KeyId": key, "Policy": policy, "PolicyName": "default" }),
    );
}

#[test]
fn the_documented_key_policy_lets_the_key_be_used_through_sagemaker_only() {
    let world = World::new();
    let key = world.key();
    put_policy(
        &world,
        &key,
        &json!({ "StringLike": { "kms:ViaService": "sagemaker.*.amazonaws.com" } }),
    );
    world.group_under("g", &key);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    assert!(world.get("g", "a").is_some());
    let direct = world.call(
        "GenerateDataKey",
        json!({ "KeyId": key, "KeySpec": "AES_256" }),
    );
    check_refused(direct, "AccessDeniedException", "kms:GenerateDataKey");
}

#[test]
fn a_key_policy_can_be_bound_to_one_group() {
    let world = World::new();
    let key = world.key();
    let condition = json!({ "StringEquals": {
        "kms:EncryptionContext:aws:sagemaker:featureGroupArn": group_arn("g"),
    } });
    put_policy(&world, &key, &condition);
    world.group_under("g", &key);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    assert!(world.get("g", "a").is_some());
    let other = world.call("CreateFeatureGroup", group_under("other", &key));
    check_refused(other, "AccessDeniedException", "kms:GenerateDataKey");
}

#[test]
fn a_new_key_policy_counts_on_the_next_request() {
    let (world, key) = world();
    put_policy(
        &world,
        &key,
        &json!({ "StringEquals": { "kms:ViaService": "s3.us-east-1.amazonaws.com" } }),
    );
    let refused = world.call("GetRecord", read("g", "a"));
    check_refused(refused, "AccessForbidden", "kms:Decrypt");
}

#[test]
fn one_closed_key_in_a_batch_fails_its_own_identifiers_only() {
    let (world, key) = world();
    world.group("open");
    world.put("open", &[("id", "a"), ("at", &day(1))]).unwrap();
    let statements =
        json!([{ "Effect": "Allow", "Action": "sagemaker:BatchGetRecord", "Resource": "*" }]);
    let reader = world.user("reader", &statements);
    let item =
        |group: &str| json!({ "FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a"] });
    let request = json!({ "Identifiers": [item("g"), item("open")] });
    let answer = world.call_as(&reader, "BatchGetRecord", request).unwrap();
    assert_eq!(answer["Records"].as_array().unwrap().len(), 1);
    assert_eq!(answer["Records"][0]["FeatureGroupName"], "open");
    let error = &answer["Errors"][0];
    assert_eq!(error["ErrorCode"], "AccessForbidden");
    let message = text(&error["ErrorMessage"]);
    assert!(
        message.contains("kms:Decrypt") && message.contains(&key),
        "{message}"
    );
}

#[test]
fn an_alias_that_denies_does_not_tell_what_it_stands_for() {
    let world = World::new();
    let key = world.key();
    world.ok(
        "CreateAlias",
        json!({ "AliasName": "alias/a", "TargetKeyId": key }),
    );
    let statements = json!([{ "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" }]);
    let nobody = world.user("nobody", &statements);
    let there = world
        .call_as(&nobody, "CreateFeatureGroup", group_under("g", "alias/a"))
        .unwrap_err();
    let absent = world
        .call_as(&nobody, "CreateFeatureGroup", group_under("g", "alias/b"))
        .unwrap_err();
    assert!(!there.message.contains(&key), "{there:?}");
    assert_eq!(there.code, "AccessDeniedException");
    assert!(there.message.contains("alias/a") && absent.message.contains("alias/b"));
}

#[test]
fn a_key_is_kept_only_once_its_use_is_on_record() {
    for fault in [CommitError::Conflict, CommitError::Busy] {
        let (world, _) = world();
        let statements = json!([{
            "Effect": "Allow", "Action": ["sagemaker:PutRecord", "kms:Decrypt"], "Resource": "*",
        }]);
        let writer = world.user("writer", &statements);
        let before = world.records_of("Decrypt").len();
        let put = json!({
            "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", &day(2))]),
        });
        world.faults.add(fault.clone());
        if let Err(refused) = world.call_as(&writer, "PutRecord", put.clone()) {
            assert_eq!(
                (refused.code.as_str(), &fault),
                ("ServiceUnavailable", &CommitError::Busy)
            );
            assert_eq!(world.records_of("Decrypt").len(), before);
            world.call_as(&writer, "PutRecord", put).unwrap();
        }
        assert_eq!(world.records_of("Decrypt").len(), before + 2, "{fault:?}");
    }
}

#[test]
fn a_group_that_is_named_twice_in_a_batch_is_unwrapped_once() {
    let (world, _) = world();
    let statements = json!([{
        "Effect": "Allow", "Action": ["sagemaker:BatchGetRecord", "kms:Decrypt"], "Resource": "*",
    }]);
    let reader = world.user("reader", &statements);
    let before = world.records_of("Decrypt").len();
    let item = json!({ "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a", "a"] });
    let answer = world.call_as(
        &reader,
        "BatchGetRecord",
        json!({ "Identifiers": [item, item] }),
    );
    assert_eq!(answer.unwrap()["Records"].as_array().unwrap().len(), 4);
    assert_eq!(world.records_of("Decrypt").len(), before + 2);
}

#[test]
fn a_deleted_key_takes_its_groups_with_it_and_everything_says_so() {
    let (world, key) = world();
    let reason = |world: &World| {
        world.maintain();
        let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
        let doctor = world.ok("DiagnoseFeatureGroups", json!({}));
        let finding = &doctor["FeatureGroups"][0]["Findings"][0];
        (text(&described["FailureReason"]), text(&finding["Cure"]))
    };
    world.ok(
        "ScheduleKeyDeletion",
        json!({ "KeyId": key, "PendingWindowInDays": 7 }),
    );
    let (said, cure) = reason(&world);
    let end = "when it is deleted, what is stored under it cannot be read any more, by nobody";
    assert!(
        said.contains("pending deletion") && said.contains(end),
        "{said}"
    );
    assert!(cure.contains("aws kms cancel-key-deletion"), "{cure}");
    // Until then it can be brought back without loss.
    key_call(&world, "CancelKeyDeletion", &key);
    key_call(&world, "EnableKey", &key);
    assert!(world.get("g", "a").is_some());
    world.ok(
        "ScheduleKeyDeletion",
        json!({ "KeyId": key, "PendingWindowInDays": 7 }),
    );
    world.wait(8 * 24 * 3600);
    let undone = world.block_on(kms::maintain(&world.services));
    assert!(undone.is_empty(), "{undone:?}");
    let (said, cure) = reason(&world);
    let expected = format!("the key {key} was deleted, and what is stored under it cannot be read");
    assert!(said.contains(&expected), "{said}");
    assert!(
        cure.contains("gone") && cure.contains("delete the group"),
        "{cure}"
    );
    let world = world.restarted();
    let put = world.put("g", &[("id", "b"), ("at", &day(1))]);
    for refused in [world.call("GetRecord", read("g", "a")), put] {
        check_refused(refused, "AccessForbidden", "does not exist");
    }
    let other = json!({ "FeatureGroupName": "g", "AwsOwnedKey": true });
    world.refuses(
        "RekeyFeatureGroup",
        other,
        "ValidationException",
        "does not exist",
    );
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
}
