//! Offline stores: who may create one, under which key, and what waits for it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use store::LogEntry;

use crate::world::{
    ACCOUNT, NOW, Outcome, REGION, World, account, check_refused, day, delete, group, group_arn,
    record, text,
};

pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/features";
pub(crate) const BUCKET: &str = "my-sagemaker-store";
pub(crate) const RIGHTS: [&str; 3] = ["s3:GetBucketAcl", "s3:PutObject", "s3:PutObjectAcl"];

/// A world with a bucket, and a role with the rights on it and what `more` allows.
pub(crate) fn world(more: &[&str]) -> World {
    let world = World::new();
    prepare(&world, more);
    world
}

pub(crate) fn prepare(world: &World, more: &[&str]) {
    world.ok("CreateBucket", json!({ "Bucket": BUCKET }));
    world.role("sagemaker.amazonaws.com");
    allow(world, &[&RIGHTS, more].concat());
}

/// Lets the role do this and nothing else.
pub(crate) fn allow(world: &World, actions: &[&str]) {
    let document = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": actions, "Resource": "*",
    } });
    let document = document.to_string();
    let input = json!({ "RoleName": "features", "PolicyName": "p", "PolicyDocument": document });
    world.ok("PutRolePolicy", input);
}

/// The request for a group with both stores.
pub(crate) fn both(name: &str, key: Option<&str>) -> Value {
    let mut request = group(name);
    request["RoleArn"] = ROLE.into();
    request["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] =
        format!("s3://{BUCKET}/prefix/").into();
    if let Some(key) = key {
        request["OfflineStoreConfig"]["S3StorageConfig"]["KmsKeyId"] = key.into();
    }
    request
}

/// The same with an offline store only.
pub(crate) fn only(name: &str, key: Option<&str>) -> Value {
    let mut request = both(name, key);
    request["OnlineStoreConfig"] = Value::Null;
    request
}

pub(crate) fn create(world: &World, request: Value) -> Outcome {
    world.call("CreateFeatureGroup", request)
}

/// Creating fails with this text and leaves nothing behind.
fn check_fails(world: &World, request: Value, says: &str) {
    let name = text(&request["FeatureGroupName"]);
    check_refused(create(world, request), "ValidationException", says);
    let left = world.call("DescribeFeatureGroup", json!({ "FeatureGroupName": name }));
    check_refused(left, "ResourceNotFound", "");
}

pub(crate) fn described(world: &World, name: &str) -> Value {
    world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": name }))
}

/// What waits for the group of this number.
pub(crate) fn waiting(world: &World, number: u32) -> Vec<LogEntry> {
    let store = world.services.store();
    let entries = store.log_oldest_first(&featurestore::OUTBOX, number, None, 1000);
    entries.unwrap()
}

pub(crate) fn put(world: &World, name: &str, at: u32, stores: Option<Value>) -> Outcome {
    let mut input = json!({
        "FeatureGroupName": name, "Record": record(&[("id", "a"), ("at", &day(at))]),
    });
    if let Some(stores) = stores {
        input["TargetStores"] = stores;
    }
    world.call("PutRecord", input)
}

#[test]
fn a_group_with_both_stores_says_where_they_are() {
    let world = world(&["kms:GenerateDataKey"]);
    let key = world.key();
    create(&world, both("G-g", Some(&key))).unwrap();
    let shown = described(&world, "G-g");
    let path = format!("{ACCOUNT}/sagemaker/{REGION}/offline-store/G-g-{NOW}/data");
    assert_eq!(
        shown["OfflineStoreConfig"],
        json!({
            "S3StorageConfig": {
                "S3Uri": format!("s3://{BUCKET}/prefix/"),
                "KmsKeyId": key,
                "ResolvedOutputS3Uri": format!("s3://{BUCKET}/prefix/{path}"),
            },
            "DisableGlueTableCreation": false,
            "DataCatalogConfig": {
                "TableName": format!("g_g_{NOW}"),
                "Catalog": "AwsDataCatalog",
                "Database": "sagemaker_featurestore",
            },
            "TableFormat": "Glue",
        })
    );
    assert_eq!(shown["OfflineStoreStatus"], json!({ "Status": "Active" }));
    assert_eq!(shown["OnlineStoreConfig"]["EnableOnlineStore"], true);
    let listed = world.ok(
        "ListFeatureGroups",
        json!({ "OfflineStoreStatusEquals": "Active" }),
    );
    let listed = &listed["FeatureGroupSummaries"][0];
    assert_eq!(listed["OfflineStoreStatus"]["Status"], "Active");
    let blocked = json!({ "OfflineStoreStatusEquals": "Blocked" });
    let blocked = world.ok("ListFeatureGroups", blocked);
    assert_eq!(blocked["FeatureGroupSummaries"], json!([]));
}

#[test]
fn the_role_needs_each_right_and_nothing_is_left_without() {
    let world = world(&[]);
    let key = world.key();
    let all = [&RIGHTS[..], &["kms:GenerateDataKey"]].concat();
    for missing in &all {
        let others: Vec<&str> = all
            .iter()
            .copied()
            .filter(|right| right != missing)
            .collect();
        allow(&world, &others);
        let says =
            format!("assumed-role/features/SageMaker is not authorized to perform: {missing}");
        check_fails(&world, both("g", Some(&key)), &says);
    }
    allow(&world, &all);
    create(&world, both("g", Some(&key))).unwrap();
    let grants = world.ok("ListGrants", json!({ "KeyId": key }));
    assert_eq!(grants["Grants"], json!([]), "the offline store has none");
}

#[test]
fn s3_and_not_sagemaker_calls_kms_for_the_offline_store() {
    let world = world(&[]);
    let key = world.key();
    let policy = |via: &str| {
        let document = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "kms:*", "Resource": "*",
              "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:user/Administrator") } },
            { "Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*",
              "Principal": { "AWS": ROLE },
              "Condition": { "StringLike": { "kms:ViaService": via } } },
        ] });
        let input = json!({ "KeyId": key, "PolicyName": "default",
            "Policy": document.to_string() });
        world.ok("PutKeyPolicy", input);
    };
    policy("sagemaker.*.amazonaws.com");
    let says = "is not authorized to perform: kms:GenerateDataKey";
    check_fails(&world, only("g", Some(&key)), says);
    policy("s3.*.amazonaws.com");
    create(&world, only("g", Some(&key))).unwrap();
    let made = world.records_of("GenerateDataKey");
    let made = made.iter().find(|record| record.error_code.is_none());
    let made = made.unwrap();
    assert_eq!(
        made.user_identity.invoked_by.as_deref(),
        Some("s3.amazonaws.com")
    );
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/features/SageMaker");
    assert_eq!(made.user_identity.arn.as_deref(), Some(&*arn));
    let context = &made.request_parameters["encryptionContext"]["aws:s3:arn"];
    let object = format!("arn:aws:s3:::{BUCKET}/prefix/{ACCOUNT}/sagemaker/");
    assert!(text(context).starts_with(&object), "{context}");
    let assumed = world.records_of("AssumeRole");
    let assumed = assumed.first().unwrap();
    assert_eq!(
        assumed.user_identity.invoked_by.as_deref(),
        Some("sagemaker.amazonaws.com")
    );
    assert_eq!(assumed.request_parameters["roleArn"], ROLE);
    let acl = world.records_of("GetBucketAcl");
    let acl = &acl.first().unwrap().user_identity;
    assert_eq!(acl.invoked_by.as_deref(), Some("sagemaker.amazonaws.com"));
    assert_eq!(acl.arn.as_deref(), Some(&*arn));
}

#[test]
fn without_a_key_the_aws_managed_key_of_s3_is_made_and_used() {
    let world = world(&[]);
    let alias = || world.call("DescribeKey", json!({ "KeyId": "alias/aws/s3" }));
    create(&world, only("first", None)).unwrap();
    let aliases = world.ok("ListAliases", json!({}));
    assert_eq!(aliases["Aliases"][0]["AliasName"], "alias/aws/s3");
    create(&world, only("second", None)).unwrap();
    let keys = world.ok("ListKeys", json!({}));
    assert_eq!(keys["Keys"].as_array().unwrap().len(), 1);
    let key = &alias().unwrap()["KeyMetadata"];
    assert_eq!(key["KeyManager"], "AWS");
    let shown = described(&world, "first");
    assert_eq!(
        shown["OfflineStoreConfig"]["S3StorageConfig"].get("KmsKeyId"),
        None
    );
    assert_eq!(shown["OfflineStoreStatus"]["Status"], "Active");
    let direct = json!({ "KeyId": key["Arn"], "KeySpec": "AES_256" });
    let direct = world.call("GenerateDataKey", direct);
    check_refused(direct, "AccessDeniedException", "kms:GenerateDataKey");
}

#[test]
fn nobody_makes_the_managed_key_of_s3_with_a_data_key_of_his_own() {
    let world = World::new();
    let input = json!({ "KeyId": "alias/aws/s3", "KeySpec": "AES_256" });
    world.refuses(
        "GenerateDataKey",
        input,
        "NotFoundException",
        "alias/aws/s3",
    );
}

#[test]
fn no_data_key_is_on_record_under_a_managed_key_that_was_never_made() {
    // KMS takes one cryptographic call a second: the second for the online store fails.
    let quotas = BTreeMap::from([("symmetric".to_owned(), 1.0)]);
    let world = World::with_quotas(featurestore::Options::default(), &quotas);
    prepare(&world, &[]);
    let mut request = both("g", None);
    request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": world.key() });
    world.wait(1);
    let refused = create(&world, request).unwrap_err();
    assert_eq!(refused.code, "ThrottlingException", "{refused:?}");
    assert_eq!(world.ok("ListAliases", json!({}))["Aliases"], json!([]));
    let key = |record: audit::Record| text(&record.request_parameters["keyId"]);
    let made: Vec<String> = world
        .records_of("GenerateDataKey")
        .into_iter()
        .map(key)
        .collect();
    assert!(!made.iter().any(|key| key.contains("aws/s3")), "{made:?}");
}

#[test]
fn a_deny_for_the_role_counts_before_the_managed_key_is_there() {
    let world = world(&[]);
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:*", "Resource": "*" },
        { "Effect": "Deny", "Action": "kms:*", "Resource": "*" },
    ] });
    let document = document.to_string();
    let input = json!({ "RoleName": "features", "PolicyName": "p", "PolicyDocument": document });
    world.ok("PutRolePolicy", input);
    check_fails(&world, only("g", None), "explicit deny");
    assert_eq!(world.ok("ListKeys", json!({}))["Keys"], json!([]));
}

#[test]
fn a_key_that_cannot_make_data_keys_is_refused_in_the_words_of_kms() {
    let world = world(&["kms:GenerateDataKey"]);
    let key = |input| text(&world.ok("CreateKey", input)["KeyMetadata"]["Arn"]);
    let rsa = key(json!({ "KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT" }));
    check_fails(
        &world,
        only("g", Some(&rsa)),
        "KMS.InvalidKeyUsageException",
    );
    let signs = key(json!({ "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY" }));
    check_fails(
        &world,
        only("g", Some(&signs)),
        "KMS.InvalidKeyUsageException",
    );
    let hmac = key(json!({ "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" }));
    check_fails(
        &world,
        only("g", Some(&hmac)),
        "KMS.InvalidKeyUsageException",
    );
    let waiting = key(json!({ "Origin": "EXTERNAL" }));
    check_fails(
        &world,
        only("g", Some(&waiting)),
        "KMS.KMSInvalidStateException",
    );
    let disabled = key(json!({}));
    world.ok("DisableKey", json!({ "KeyId": disabled }));
    check_fails(&world, only("g", Some(&disabled)), "KMS.DisabledException");
    let dying = key(json!({}));
    world.ok(
        "ScheduleKeyDeletion",
        json!({ "KeyId": dying, "PendingWindowInDays": 7 }),
    );
    check_fails(
        &world,
        only("g", Some(&dying)),
        "KMS.KMSInvalidStateException",
    );
    let missing = "1234abcd-12ab-34cd-56ef-1234567890ab";
    check_fails(&world, only("g", Some(missing)), "KMS.NotFoundException");
    let away = disabled.replace(REGION, "eu-north-1");
    check_fails(&world, only("g", Some(&away)), "eu-north-1");
}

#[test]
fn the_key_may_be_named_in_each_of_the_four_ways() {
    let world = world(&["kms:GenerateDataKey"]);
    let key = world.key();
    let id = key.rsplit('/').next().unwrap();
    world.ok(
        "CreateAlias",
        json!({ "AliasName": "alias/offline", "TargetKeyId": id }),
    );
    let alias = format!("arn:aws:kms:{REGION}:{ACCOUNT}:alias/offline");
    let forms = [id, &key, "alias/offline", &alias];
    for (number, form) in forms.iter().enumerate() {
        let name = format!("g{number}");
        create(&world, both(&name, Some(form))).unwrap();
        let shown = described(&world, &name);
        assert_eq!(
            shown["OfflineStoreConfig"]["S3StorageConfig"]["KmsKeyId"],
            *key
        );
    }
}

#[test]
fn the_bucket_must_be_there_and_admit_the_role() {
    let world = world(&[]);
    let mut elsewhere = only("g", None);
    let uri = |request: &mut Value, uri: &str| {
        request["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] = uri.into();
    };
    uri(&mut elsewhere, "s3://sagemaker-missing/p");
    check_fails(
        &world,
        elsewhere,
        "NoSuchBucket: The specified bucket does not exist",
    );
    let mut invalid = only("g", None);
    uri(&mut invalid, "s3://Not_A_Bucket/p");
    check_fails(&world, invalid, "names no bucket of S3");
    let deny = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{BUCKET}/*"),
        "Condition": { "StringNotEquals": { "s3:x-amz-server-side-encryption-aws-kms-key-id":
            format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/demanded") } },
    } });
    let deny = json!({ "Bucket": BUCKET, "Policy": deny.to_string() });
    world.ok("PutBucketPolicy", deny);
    check_fails(
        &world,
        only("g", None),
        "is not authorized to perform: s3:PutObject",
    );
    world.ok("DeleteBucketPolicy", json!({ "Bucket": BUCKET }));
    create(&world, only("g", None)).unwrap();
}

#[test]
fn an_uri_leaves_room_for_the_names_of_objects() {
    let world = world(&[]);
    let request = |name: &str, letters: usize| {
        let mut request = only(name, None);
        let uri = format!("s3://{BUCKET}/{}", "x".repeat(letters));
        request["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] = uri.into();
        request
    };
    create(&world, request("a", 1)).unwrap();
    let shown = described(&world, "a");
    let resolved = text(&shown["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]);
    let below = format!("/12345678/{}_trunc=2026-01-01/", "f".repeat(64));
    let file = "20260101T000000Z_1234567890123456.parquet";
    let longest = format!("{resolved}{below}{file}").len() - format!("s3://{BUCKET}/x").len();
    let most = 1024 - longest;
    check_fails(&world, request("b", most + 1), "the S3Uri is too long");
    create(&world, request("b", most)).unwrap();
}

#[test]
fn a_bucket_of_another_account_needs_both_sides_and_a_key() {
    let world = world(&["kms:GenerateDataKey"]);
    let other = world.other_account("444455556666");
    let key = world.key();
    let theirs = json!({ "Bucket": "sagemaker-theirs" });
    world.call_as(&other, "CreateBucket", theirs).unwrap();
    let request = |key: Option<&str>| {
        let mut request = only("g", key);
        request["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] = "s3://sagemaker-theirs".into();
        request
    };
    check_fails(&world, request(Some(&key)), "s3:GetBucketAcl");
    let policy = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": ROLE }, "Action": RIGHTS,
        "Resource": ["arn:aws:s3:::sagemaker-theirs", "arn:aws:s3:::sagemaker-theirs/*"],
    } });
    let policy = json!({ "Bucket": "sagemaker-theirs", "Policy": policy.to_string() });
    check_refused(
        world.call("PutBucketPolicy", policy.clone()),
        "AccessDeniedException",
        "",
    );
    world.call_as(&other, "PutBucketPolicy", policy).unwrap();
    check_fails(&world, request(None), "another account needs a KmsKeyId");
    create(&world, request(Some(&key))).unwrap();
    allow(&world, &["kms:GenerateDataKey"]);
    let shown = described(&world, "g");
    let status = &shown["OfflineStoreStatus"];
    assert_eq!(
        status["Status"], "Blocked",
        "the role's own side counts too"
    );
    assert!(
        text(&status["BlockedReason"]).contains("s3:PutObject"),
        "{status}"
    );
}

#[test]
fn who_takes_the_name_of_a_deleted_bucket_gets_nothing() {
    let world = world(&["kms:GenerateDataKey"]);
    let key = world.key();
    create(&world, only("g", Some(&key))).unwrap();
    world.ok("DeleteBucket", json!({ "Bucket": BUCKET }));
    let other = world.other_account("444455556666");
    let taken = json!({ "Bucket": BUCKET });
    world.call_as(&other, "CreateBucket", taken).unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": ROLE }, "Action": RIGHTS,
        "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")],
    } });
    let policy = json!({ "Bucket": BUCKET, "Policy": policy.to_string() });
    world.call_as(&other, "PutBucketPolicy", policy).unwrap();
    let status = described(&world, "g")["OfflineStoreStatus"].clone();
    assert_eq!(status["Status"], "Blocked");
    let reason = text(&status["BlockedReason"]);
    assert!(reason.contains("belongs to another account"), "{reason}");
    // A group that is made now means the bucket as it is.
    create(&world, only("h", Some(&key))).unwrap();
    assert_eq!(
        described(&world, "h")["OfflineStoreStatus"]["Status"],
        "Active"
    );
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let world = world(&[]);
    let check = |change: &dyn Fn(&mut Value), says: &str| {
        let mut request = only("g", None);
        change(&mut request);
        check_fails(&world, request, says);
    };
    let offline = |member: &'static str, value: Value| {
        move |request: &mut Value| request["OfflineStoreConfig"][member] = value.clone()
    };
    check(
        &|request| request["RoleArn"] = Value::Null,
        "needs a RoleArn",
    );
    let iceberg = offline("TableFormat", "Iceberg".into());
    check(
        &|request| {
            iceberg(request);
            request["OfflineStoreConfig"]["DisableGlueTableCreation"] = true.into();
        },
        "not supported with the TableFormat Iceberg",
    );
    check(
        &|request| {
            iceberg(request);
            request["FeatureDefinitions"][1]["FeatureType"] = "Fractional".into();
        },
        "the event time must be of type String",
    );
    check(
        &|request| {
            request["OnlineStoreConfig"] =
                json!({ "EnableOnlineStore": false, "StorageType": "Standard" });
        },
        "need EnableOnlineStore",
    );
    let storage = |member: &'static str, value: &'static str| {
        move |request: &mut Value| {
            request["OfflineStoreConfig"]["S3StorageConfig"][member] = value.into();
        }
    };
    check(
        &storage("ResolvedOutputS3Uri", "s3://a-b-c"),
        "cannot be given",
    );
    check(&storage("KmsKeyId", ""), "KmsKeyId");
    let mut request = only("iceberg", None);
    iceberg(&mut request);
    create(&world, request).unwrap();
    let shown = described(&world, "iceberg");
    assert_eq!(shown["OfflineStoreConfig"]["TableFormat"], "Iceberg");
    let mut request = only("bare", None);
    offline("DisableGlueTableCreation", true.into())(&mut request);
    create(&world, request).unwrap();
    let shown = described(&world, "bare");
    assert_eq!(shown["OfflineStoreConfig"].get("DataCatalogConfig"), None);
}

#[test]
fn a_group_with_an_offline_store_only_takes_records_and_gives_none() {
    let world = world(&[]);
    create(&world, only("g", None)).unwrap();
    let shown = described(&world, "g");
    assert_eq!(shown.get("OnlineStoreConfig"), None);
    put(&world, "g", 1, None).unwrap();
    put(&world, "g", 2, Some(json!(["OfflineStore"]))).unwrap();
    assert_eq!(waiting(&world, 1).len(), 2);
    assert_eq!(world.cells(online::CELLS), 0);
    let online = put(&world, "g", 3, Some(json!(["OnlineStore"])));
    check_refused(online, "ValidationError", "no OnlineStore");
    world.ok(
        "DeleteRecord",
        delete("g", "a", &day(3), Some("HardDelete")),
    );
    assert_eq!(waiting(&world, 1).len(), 3);
    for (operation, input) in [
        ("GetRecord", json!({ "RecordIdentifierValueAsString": "a" })),
        ("ListRecords", json!({})),
        (
            "UpdateRecord",
            json!({ "RecordIdentifierValueAsString": "a", "Features": record(&[("note", "x")]) }),
        ),
        (
            "PutRecord",
            json!({ "Record": record(&[("id", "a"), ("at", &day(4))]),
            "TtlDuration": { "Unit": "Days", "Value": 1 } }),
        ),
    ] {
        let mut input = input;
        input["FeatureGroupName"] = "g".into();
        check_refused(
            world.call(operation, input),
            "ValidationError",
            "no OnlineStore",
        );
    }
    let change = json!({ "FeatureGroupName": "g",
        "OnlineStoreConfig": { "TtlDuration": { "Unit": "Days", "Value": 1 } } });
    world.refuses(
        "UpdateFeatureGroup",
        change,
        "ValidationException",
        "no OnlineStore",
    );
}

#[test]
fn a_group_without_an_online_store_is_moved_to_no_key() {
    let world = world(&[]);
    create(&world, only("g", None)).unwrap();
    put(&world, "g", 1, None).unwrap();
    for input in [
        json!({ "FeatureGroupName": "g", "KmsKeyId": world.key() }),
        json!({ "FeatureGroupName": "g", "AwsOwnedKey": true }),
    ] {
        let text = "no OnlineStore";
        world.refuses("RekeyFeatureGroup", input, "ValidationException", text);
    }
    // Whoever writes there still needs nothing of KMS.
    let writer = json!([{ "Effect": "Allow", "Action": "sagemaker:PutRecord", "Resource": "*" }]);
    let writer = world.user("writer", &writer);
    let record = record(&[("id", "a"), ("at", &day(2))]);
    let input = json!({ "FeatureGroupName": "g", "Record": record });
    world.call_as(&writer, "PutRecord", input).unwrap();
}

#[test]
fn what_goes_offline_only_depends_on_every_right_that_was_read() {
    let world = world(&[]);
    create(&world, only("g", None)).unwrap();
    create(&world, both("h", None)).unwrap();
    let offline = Some(json!(["OfflineStore"]));
    for (name, stores) in [("g", None), ("g", offline.clone()), ("h", offline)] {
        put(&world, name, 1, stores).unwrap();
        let conditions = world.faults.last_conditions();
        assert!(conditions >= 2, "{name}: {conditions}");
    }
}

#[test]
fn every_version_goes_offline_that_the_caller_does_not_keep_online() {
    let world = world(&[]);
    create(&world, both("g", None)).unwrap();
    put(&world, "g", 5, None).unwrap();
    assert_eq!(waiting(&world, 1).len(), 1);
    put(&world, "g", 6, Some(json!(["OnlineStore"]))).unwrap();
    assert_eq!(waiting(&world, 1).len(), 1, "online only");
    put(&world, "g", 7, Some(json!(["OfflineStore"]))).unwrap();
    assert_eq!(waiting(&world, 1).len(), 2);
    let at = |world: &World| world.get("g", "a").unwrap().pop().unwrap().1;
    assert_eq!(at(&world), day(6), "offline only");
    put(&world, "g", 2, None).unwrap();
    assert_eq!(
        waiting(&world, 1).len(),
        3,
        "an older one goes offline all the same"
    );
    assert_eq!(at(&world), day(6));
    world.ok("DeleteRecord", delete("g", "a", &day(1), None));
    assert_eq!(
        waiting(&world, 1).len(),
        4,
        "so does the marker of a late deletion"
    );
    assert_eq!(at(&world), day(6));
    let late = delete("g", "a", &day(1), Some("HardDelete"));
    check_refused(
        world.call("DeleteRecord", late),
        "ValidationError",
        "HardDelete",
    );
    assert_eq!(waiting(&world, 1).len(), 4);
    world.ok(
        "DeleteRecord",
        delete("g", "a", &day(8), Some("HardDelete")),
    );
    assert_eq!(waiting(&world, 1).len(), 5);
    assert_eq!(world.get("g", "a"), None);
}

#[test]
fn batches_and_updates_go_offline_too() {
    let world = world(&[]);
    let mut request = both("g", None);
    request["OnlineStoreConfig"]["StorageType"] = "Standard_V2".into();
    create(&world, request).unwrap();
    let entry = |at: u32, stores: Value| {
        json!({ "FeatureGroupName": "g", "TargetStores": stores,
            "Record": record(&[("id", "a"), ("at", &day(at))]) })
    };
    let entries = [
        entry(1, Value::Null),
        entry(2, json!(["OnlineStore"])),
        entry(3, json!(["OfflineStore"])),
    ];
    world.ok("BatchWriteRecord", json!({ "Entries": entries }));
    assert_eq!(waiting(&world, 1).len(), 2);
    let update = |stores: Value| {
        let features = record(&[("note", "x")]);
        world.call(
            "UpdateRecord",
            json!({ "FeatureGroupName": "g", "TargetStores": stores,
            "RecordIdentifierValueAsString": "a", "Features": features }),
        )
    };
    update(Value::Null).unwrap();
    assert_eq!(waiting(&world, 1).len(), 3);
    update(json!(["OnlineStore"])).unwrap();
    assert_eq!(waiting(&world, 1).len(), 3);
    check_refused(
        update(json!(["OfflineStore"])),
        "ValidationError",
        "must have the OnlineStore",
    );
}

#[test]
fn of_two_updates_at_once_each_goes_offline_once() {
    let world = world(&[]);
    let mut request = both("g", None);
    request["OnlineStoreConfig"]["StorageType"] = "Standard_V2".into();
    create(&world, request).unwrap();
    put(&world, "g", 1, None).unwrap();
    let update = |feature: &str, value: &str| {
        json!({ "FeatureGroupName": "g", "RecordIdentifierValueAsString": "a",
            "Features": record(&[(feature, value)]) })
    };
    let calls = (0..8).map(|number| ("UpdateRecord", update("count", &number.to_string())));
    let outcomes = world.call_together(&world.administrator, calls.collect());
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(waiting(&world, 1).len(), 9);
}

#[test]
fn what_waits_is_counted_and_survives_a_restart() {
    let world = world(&[]);
    create(&world, both("g", None)).unwrap();
    put(&world, "g", 1, None).unwrap();
    world.wait(8 * 3600);
    put(&world, "g", 2, None).unwrap();
    world.maintain();
    let shown = diagnosed(&world);
    assert_eq!(
        shown["OfflineStore"],
        json!({
            "Status": "Active", "WaitingRecords": 2, "WaitingBytes": shown["OfflineStore"]["WaitingBytes"],
            "OldestWaitingSince": "2026-01-10T00:00:00Z",
        })
    );
    assert!(shown["OfflineStore"]["WaitingBytes"].as_u64().unwrap() > 200);
    let world = world.restarted();
    assert_eq!(diagnosed(&world), shown);
    put(&world, "g", 3, None).unwrap();
    assert_eq!(diagnosed(&world)["OfflineStore"]["WaitingRecords"], 3);
}

pub(crate) fn diagnosed(world: &World) -> Value {
    let found = world.ok("DiagnoseFeatureGroups", json!({}));
    found["FeatureGroups"][0].clone()
}

#[test]
fn a_full_outbox_refuses_and_loses_nothing() {
    let world = World::with(featurestore::Options {
        outbox_budget: 2000,
        ..featurestore::Options::default()
    });
    prepare(&world, &[]);
    create(&world, both("g", None)).unwrap();
    world.group("online");
    let mut taken = 0;
    let refused = loop {
        match put(&world, "g", 1 + taken, None) {
            Ok(_) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("ServiceUnavailable", Some(503))
    );
    assert!(refused.message.contains("wait"), "{}", refused.message);
    assert_eq!(waiting(&world, 1).len(), usize::try_from(taken).unwrap());
    let at = world.get("g", "a").unwrap().pop().unwrap().1;
    assert_eq!(at, day(taken), "nothing is written online either");
    put(&world, "g", 20, Some(json!(["OnlineStore"]))).unwrap();
    world
        .put("online", &[("id", "a"), ("at", &day(1))])
        .unwrap();
    let entries =
        json!([{ "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", &day(21))]) }]);
    let answer = world.ok("BatchWriteRecord", json!({ "Entries": entries }));
    assert_eq!(answer["Errors"][0]["ErrorCode"], "ServiceUnavailable");
}

#[test]
fn one_account_leaves_room_for_others() {
    let world = World::with(featurestore::Options {
        outbox_account_budget: 600,
        ..featurestore::Options::default()
    });
    prepare(&world, &[]);
    create(&world, both("g", None)).unwrap();
    create(&world, both("h", None)).unwrap();
    let mut taken = 0;
    let refused = loop {
        match put(&world, "g", 1 + taken, None) {
            Ok(_) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.code, "ServiceUnavailable");
    let refused = put(&world, "h", 1, None).unwrap_err();
    assert_eq!(
        refused.code, "ServiceUnavailable",
        "the account, not the group"
    );
    // Another account has its own room, for what it writes to its own groups.
    let other = offline_account(&world, "444455556666");
    world.call_as(&other, "PutRecord", sent()).unwrap();
    // What waits counts for its account after a restart too; the bound is then the usual one.
    let world = world.restarted();
    put(&world, "g", 1, None).unwrap();
    world.call_as(&other, "PutRecord", sent()).unwrap();
}

/// The administrator of another account, which has a group `g` with both stores.
fn offline_account(world: &World, account: &str) -> pipeline::Caller {
    let other = world.other_account(account);
    let ok = |operation: &str, input: Value| world.call_as(&other, operation, input).unwrap();
    let bucket = format!("sagemaker-{account}");
    ok("CreateBucket", json!({ "Bucket": bucket }));
    let trust = json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow",
        "Principal": { "Service": "sagemaker.amazonaws.com" }, "Action": "sts:AssumeRole" } });
    let role = json!({ "RoleName": "features", "AssumeRolePolicyDocument": trust.to_string() });
    ok("CreateRole", role);
    let rights = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": RIGHTS, "Resource": "*" } });
    let rights = json!({ "RoleName": "features", "PolicyName": "p",
        "PolicyDocument": rights.to_string() });
    ok("PutRolePolicy", rights);
    let mut theirs = both("g", None);
    theirs["RoleArn"] = format!("arn:aws:iam::{account}:role/features").into();
    theirs["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] = format!("s3://{bucket}").into();
    ok("CreateFeatureGroup", theirs);
    other
}

/// What writes a record to `g`.
fn sent() -> Value {
    json!({ "FeatureGroupName": "g", "Record": record(&[("id", "a"), ("at", &day(1))]) })
}

#[test]
fn accounts_that_fill_the_outbox_leave_room_for_the_next() {
    let world = World::with(featurestore::Options {
        outbox_budget: 400_000,
        outbox_account_budget: 200_000,
        ..featurestore::Options::default()
    });
    prepare(&world, &[]);
    create(&world, both("g", None)).unwrap();
    let ids = ["444455556666", "555566667777", "666677778888"];
    let others = ids.map(|id| offline_account(&world, id));
    let mut taken = Vec::new();
    for caller in [&world.administrator].into_iter().chain(&others) {
        let mut own = 0;
        let refused = loop {
            // A record of its own each, since the rate of one record is limited, too.
            let id = format!("{own:04}");
            let record = record(&[("id", &id), ("at", &day(1))]);
            let sent = json!({ "FeatureGroupName": "g", "Record": record });
            match world.call_as(caller, "PutRecord", sent) {
                Ok(_) => own += 1,
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused.code, "ServiceUnavailable");
        taken.push(own);
    }
    // Its half, what is open of the other half, and then what is kept for those who come late.
    assert!(taken[0] > taken[1] && taken[1] > taken[2], "{taken:?}");
    assert!(taken[2] >= taken[3] && taken[3] > 0, "{taken:?}");
    let refused = world.call("PutRecord", sent()).unwrap_err();
    assert_eq!(refused.code, "ServiceUnavailable");
}

#[test]
fn the_status_is_blocked_at_once_and_active_again() {
    let world = world(&["kms:GenerateDataKey"]);
    let key = world.key();
    create(&world, both("g", Some(&key))).unwrap();
    let check = |status: &str, says: &str| {
        let shown = described(&world, "g");
        assert_eq!(shown["OfflineStoreStatus"]["Status"], status, "{shown}");
        let reason = shown["OfflineStoreStatus"]["BlockedReason"].as_str();
        assert!(reason.unwrap_or_default().contains(says), "{reason:?}");
        put(&world, "g", 1, None).unwrap();
    };
    check("Active", "");
    world.ok("DisableKey", json!({ "KeyId": key }));
    check("Blocked", "KMS.DisabledException");
    world.ok("EnableKey", json!({ "KeyId": key }));
    check("Active", "");
    allow(&world, &RIGHTS);
    check("Blocked", "kms:GenerateDataKey");
    allow(&world, &[&RIGHTS[..], &["kms:GenerateDataKey"]].concat());
    check("Active", "");
    world.ok("DeleteBucket", json!({ "Bucket": BUCKET }));
    check("Blocked", "NoSuchBucket");
    world.ok("CreateBucket", json!({ "Bucket": BUCKET }));
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": "sts:AssumeRole",
    } });
    let trust = json!({ "RoleName": "features", "PolicyDocument": trust.to_string() });
    world.ok("UpdateAssumeRolePolicy", trust);
    check("Blocked", "may not assume the role");
}

#[test]
fn the_condition_keys_of_an_offline_store_are_there() {
    let world = world(&["kms:GenerateDataKey"]);
    let key = world.key();
    world.ok(
        "CreateAlias",
        json!({ "AliasName": "alias/offline", "TargetKeyId": key }),
    );
    let check = |condition: Value, request: Value, allowed: bool| {
        let statements = json!([
            { "Effect": "Allow", "Action": ["iam:PassRole", "sagemaker:*"], "Resource": "*" },
            { "Effect": "Deny", "Action": "sagemaker:CreateFeatureGroup", "Resource": "*",
              "Condition": condition },
        ]);
        let name = format!("u{}", world.records().len());
        let user = world.user(&name, &statements);
        let outcome = world.call_as(&user, "CreateFeatureGroup", request.clone());
        assert_eq!(outcome.is_ok(), allowed, "{statements} {outcome:?}");
        if allowed {
            let group = json!({ "FeatureGroupName": request["FeatureGroupName"] });
            world.ok("DeleteFeatureGroup", group);
        }
    };
    let no_key = json!({ "Null": { "sagemaker:FeatureGroupOfflineStoreKmsKey": "true" } });
    check(no_key.clone(), both("g", None), false);
    check(no_key, both("g", Some(&key)), true);
    let this_key = json!({ "ArnNotEquals": { "sagemaker:FeatureGroupOfflineStoreKmsKey": key } });
    check(this_key.clone(), both("g", Some("alias/offline")), true);
    let other = world.key();
    check(this_key, both("g", Some(&other)), false);
    let place = json!({ "StringNotLike": {
        "sagemaker:FeatureGroupOfflineStoreS3Uri": format!("s3://{BUCKET}/prefix*") } });
    check(place, both("g", None), true);
    let place = json!({ "StringNotLike": {
        "sagemaker:FeatureGroupOfflineStoreS3Uri": "s3://another/*" } });
    check(place, both("g", None), false);
    // However the place is written, policies see one form.
    let place = json!({ "StringLike": {
        "sagemaker:FeatureGroupOfflineStoreS3Uri": format!("s3://{BUCKET}/*") } });
    for uri in [
        format!("https://{BUCKET}.s3.amazonaws.com/prefix"),
        format!("https://s3.{REGION}.amazonaws.com/{BUCKET}/prefix"),
        format!("s3://{BUCKET}//prefix/"),
    ] {
        let mut request = both("g", None);
        request["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] = uri.into();
        check(place.clone(), request, false);
    }
    let table = json!({ "Bool": { "sagemaker:FeatureGroupDisableGlueTableCreation": "false" } });
    check(table, both("g", None), false);
    let any = json!({ "Null": { "sagemaker:FeatureGroupOfflineStoreConfig": "false" } });
    check(any.clone(), both("g", None), false);
    check(any, group("g"), true);
    let online = json!({ "Bool": { "sagemaker:FeatureGroupEnableOnlineStore": "false" } });
    check(online.clone(), only("g", None), false);
    check(online, both("g", None), true);
}

#[test]
fn group_arns_are_the_source_of_what_the_service_does() {
    let world = world(&[]);
    create(&world, only("g", None)).unwrap();
    let assumed = world.records_of("AssumeRole");
    let additional = assumed.first().unwrap().additional_event_data.clone();
    assert_eq!(additional.unwrap()["sourceArn"], group_arn("g"));
    assert_eq!(
        assumed.first().unwrap().recipient_account_id,
        account().to_string()
    );
}

/// The request for a group with both stores whose records live for an hour.
fn short_lived(name: &str, key: Option<&str>) -> Value {
    let mut request = both(name, None);
    request["OnlineStoreConfig"]["TtlDuration"] = json!({ "Unit": "Hours", "Value": 1 });
    if let Some(key) = key {
        request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": key });
    }
    request
}

/// The headers of what waits for the group of this number.
fn headers(world: &World, number: u32) -> Vec<online::Header> {
    let entries = waiting(world, number).into_iter();
    // Behind the format, the time of the call and the cell's key: see docs/storage-formats.md.
    let cells = entries.map(|entry| entry.payload[1 + 12 + online::CellKey::LENGTH..].to_vec());
    cells
        .map(|cell| *online::SealedCell::from_stored(cell).unwrap().header())
        .collect()
}

fn put_at(world: &World, name: &str, identifier: &str, at: &str) {
    let record = record(&[("id", identifier), ("at", at)]);
    let input = json!({ "FeatureGroupName": name, "Record": record });
    world.ok("PutRecord", input);
}

#[test]
fn what_expires_leaves_a_marker_offline() {
    let world = world(&[]);
    create(&world, short_lived("g", None)).unwrap();
    put_at(&world, "g", "a", &day(10));
    put_at(&world, "g", "gone", &day(10));
    world.ok("DeleteRecord", delete("g", "gone", &day(11), None));
    assert_eq!(waiting(&world, 1).len(), 3);
    world.maintain();
    assert_eq!(waiting(&world, 1).len(), 3, "its time is not over");
    world.wait(2 * 3600);
    world.maintain();
    let headers = headers(&world, 1);
    assert_eq!(headers.len(), 4, "what was deleted has its marker already");
    let marker = headers[3];
    assert!(marker.deleted);
    assert_eq!(marker.expires_at, None);
    let end = "2026-01-10T01:00:00Z";
    assert_eq!(marker.version.event_time.to_string(), end);
    assert_eq!(world.get("g", "a"), None);
    // The tombstone outlives it; nothing is marked twice.
    assert_eq!(world.cells(online::CELLS), 1);
    assert_eq!(world.cells(online::EXPIRY), 1);
    world.wait(120);
    world.maintain();
    assert_eq!(waiting(&world, 1).len(), 4);
    assert_eq!(diagnosed(&world)["OfflineStore"]["WaitingRecords"], 4);
}

#[test]
fn what_expires_is_marked_through_the_grant_only() {
    let world = world(&[]);
    let key = world.key();
    create(&world, short_lived("g", Some(&key))).unwrap();
    put_at(&world, "g", "a", &day(10));
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.wait(2 * 3600);
    world.maintain();
    assert_eq!(world.cells(online::CELLS), 1);
    assert_eq!(waiting(&world, 1).len(), 1);
    world.ok("EnableKey", json!({ "KeyId": key }));
    world.wait(120);
    world.maintain();
    assert_eq!(world.cells(online::CELLS), 0);
    assert_eq!(headers(&world, 1).len(), 2);
    let used = world.records_of("Decrypt");
    let by_service = used.iter().filter(|used| {
        used.user_identity.invoked_by.as_deref() == Some("sagemaker.amazonaws.com")
            && used.error_code.is_none()
            && used.user_identity.arn.is_none()
    });
    assert!(by_service.count() > 0, "{used:?}");
}

#[test]
fn what_expires_stays_while_the_outbox_is_full() {
    let world = World::with(featurestore::Options {
        outbox_budget: 600,
        ..featurestore::Options::default()
    });
    prepare(&world, &[]);
    create(&world, short_lived("g", None)).unwrap();
    let mut taken = 0;
    loop {
        let record = record(&[("id", &taken.to_string()), ("at", &day(10))]);
        let input = json!({ "FeatureGroupName": "g", "Record": record });
        match world.call("PutRecord", input) {
            Ok(_) => taken += 1,
            Err(_full) => break,
        }
    }
    world.wait(2 * 3600);
    let undone = world.block_on(featurestore::maintain(&world.services));
    assert!(
        undone
            .iter()
            .any(|undone| undone.what.contains("expired records of")),
        "{undone:?}"
    );
    assert_eq!(world.cells(online::CELLS), taken);
    assert_eq!(waiting(&world, 1).len(), taken);
    assert_eq!(world.get("g", "0"), None, "nobody sees it");
}

#[test]
fn the_marker_has_the_form_of_the_event_time() {
    let world = world(&[]);
    let mut request = short_lived("g", None);
    request["FeatureDefinitions"][1]["FeatureType"] = "Fractional".into();
    create(&world, request).unwrap();
    let record = json!([
        { "FeatureName": "id", "ValueAsString": "a" },
        { "FeatureName": "at", "ValueAsString": format!("{NOW}.25") },
    ]);
    world.ok(
        "PutRecord",
        json!({ "FeatureGroupName": "g", "Record": record }),
    );
    world.wait(3 * 3600);
    world.maintain();
    let marker = headers(&world, 1)[1];
    let at = marker.version.event_time;
    assert_eq!(at.to_decimal(), format!("{}.25", NOW + 3600));
}
