//! Every constraint's text, every wrong type, on the structures of the models.

use proptest::prelude::*;
use serde_json::{Value, json};
use types::{Service, Timestamp};

use crate::ScalarForm::{Json, Text as Form};
use crate::{
    Blob, Broken, Empty, Input, ReadError, SensitiveBlob, Tree, cloudtrail, featurestore_runtime,
    iam, kms, organizations, sagemaker, sts,
};

fn read<T: Input>(value: Value) -> Result<T, ReadError> {
    let text = value.to_string();
    let borrowed = T::read_tree(&Tree::from_json(text.as_bytes()).unwrap(), Json);
    let owned = T::read(value, Json);
    assert_eq!(borrowed.as_ref().err(), owned.as_ref().err());
    owned
}

fn check<T: Input + std::fmt::Debug>(value: Value, expected: &str) {
    let error = read::<T>(value).unwrap_err();
    assert!(matches!(error, ReadError::Validation { .. }), "{error:?}");
    assert_eq!(error.to_string(), expected);
}

fn check_type<T: Input + std::fmt::Debug>(value: Value, expected: &str) {
    let error = read::<T>(value).unwrap_err();
    assert_eq!(error, ReadError::Serialization(expected.to_owned()));
}

fn one(rest: &str) -> String {
    format!("1 validation error detected: {rest}")
}

#[test]
fn a_missing_sensitive_member_is_not_said_to_be_null() {
    check::<kms::EncryptRequest>(
        json!({"KeyId": "k"}),
        &one("Value at 'plaintext' failed to satisfy constraint: Member must not be null"),
    );
}

#[test]
fn a_missing_member_is_null() {
    let text = one("Value null at 'keyId' failed to satisfy constraint: Member must not be null");
    check::<kms::DescribeKeyRequest>(json!({}), &text);
    check::<kms::DescribeKeyRequest>(json!({"KeyId": null}), &text);
}

#[test]
fn an_absent_body_has_no_members() {
    assert_eq!(
        read::<kms::ListKeysRequest>(Value::Null),
        Ok(kms::ListKeysRequest::default())
    );
}

#[test]
fn a_text_may_be_too_long() {
    let name = "a".repeat(65);
    check::<iam::CreateUserRequest>(
        json!({"UserName": name}),
        &one(&format!(
            "Value '{name}' at 'userName' failed to satisfy constraint: Member must have \
             length less than or equal to 64"
        )),
    );
}

#[test]
fn a_text_may_be_too_short() {
    check::<kms::DescribeKeyRequest>(
        json!({"KeyId": ""}),
        &one(
            "Value '' at 'keyId' failed to satisfy constraint: Member must have length greater \
             than or equal to 1",
        ),
    );
}

#[test]
fn a_text_may_break_its_pattern() {
    check::<iam::DeleteUserRequest>(
        json!({"UserName": "a b"}),
        &one(
            r"Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+",
        ),
    );
}

#[test]
fn a_number_may_be_too_large_or_too_small() {
    check::<kms::ListKeysRequest>(
        json!({"Limit": 1001}),
        &one(
            "Value '1001' at 'limit' failed to satisfy constraint: Member must have value less \
             than or equal to 1000",
        ),
    );
    check::<kms::ListKeysRequest>(
        json!({"Limit": 0}),
        &one(
            "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater \
             than or equal to 1",
        ),
    );
}

#[test]
fn an_unknown_value_is_answered_with_the_enumeration() {
    check::<kms::CreateKeyRequest>(
        json!({"Origin": "MOON"}),
        &one(
            "Value 'MOON' at 'origin' failed to satisfy constraint: Member must satisfy enum \
             value set: [AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE]",
        ),
    );
}

#[test]
fn a_list_may_be_too_long_or_too_short() {
    check::<featurestore_runtime::PutRecordRequest>(
        json!({"FeatureGroupName": "g", "Record": []}),
        &one(
            "Value '[]' at 'record' failed to satisfy constraint: Member must have length \
             greater than or equal to 1",
        ),
    );
    check::<kms::ListKeysRequest>(
        json!({"ResourceOwners": ["SELF", "SELF", "SELF"]}),
        &one(
            "Value '[SELF, SELF, SELF]' at 'resourceOwners' failed to satisfy constraint: \
             Member must have length less than or equal to 2",
        ),
    );
}

#[test]
fn members_of_structures_in_lists_have_their_own_path() {
    check::<kms::CreateKeyRequest>(
        json!({"Tags": [{"TagKey": "a", "TagValue": "b"}, {"TagKey": "", "TagValue": null}]}),
        "2 validation errors detected: Value '' at 'tags.2.member.tagKey' failed to satisfy \
         constraint: Member must have length greater than or equal to 1; Value null at \
         'tags.2.member.tagValue' failed to satisfy constraint: Member must not be null",
    );
}

#[test]
fn scalars_in_lists_are_reported_with_all_their_constraints() {
    check::<kms::DescribeKeyRequest>(
        json!({"KeyId": "k", "GrantTokens": ["good", ""]}),
        &one(
            "Value at 'grantTokens' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must have length less than or equal to 8192, Member must have \
             length greater than or equal to 1]",
        ),
    );
    check::<featurestore_runtime::DeleteRecordRequest>(
        json!({"FeatureGroupName": "g", "RecordIdentifierValueAsString": "1",
               "EventTime": "2", "TargetStores": ["Online"]}),
        &one(
            "Value '[Online]' at 'targetStores' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must satisfy enum value set: [OnlineStore, OfflineStore]]",
        ),
    );
}

#[test]
fn null_in_a_list_is_reported() {
    check::<kms::DescribeKeyRequest>(
        json!({"KeyId": "k", "GrantTokens": [null]}),
        &one(
            "Value at 'grantTokens' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must have length less than or equal to 8192, Member must have \
             length greater than or equal to 1, Member must not be null]",
        ),
    );
    check::<kms::CreateKeyRequest>(
        json!({"Tags": [null]}),
        &one("Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null"),
    );
}

#[test]
fn null_in_a_map_is_reported() {
    check::<kms::DecryptRequest>(
        json!({"EncryptionContext": {"a": null}}),
        &one(
            "Value '{a=null}' at 'encryptionContext' failed to satisfy constraint: Map value must \
             satisfy constraint: [Member must not be null]",
        ),
    );
}

#[test]
fn sensitive_values_are_not_quoted() {
    let plaintext = "A".repeat(5464);
    check::<kms::EncryptRequest>(
        json!({"KeyId": "k", "Plaintext": plaintext}),
        &one(
            "Value at 'plaintext' failed to satisfy constraint: Member must have length less \
             than or equal to 4096",
        ),
    );
}

#[test]
fn feature_values_are_neither_quoted_nor_shown() {
    let record = json!({"FeatureGroupName": "g", "Record": [
        {"FeatureName": "f", "ValueAsString": "canary\n"}]});
    check::<featurestore_runtime::PutRecordRequest>(
        record,
        &one(
            "Value at 'record.1.member.valueAsString' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: .*",
        ),
    );
    let lists = json!({"FeatureGroupName": "g", "Record": [
        {"FeatureName": "f", "ValueAsStringList": ["canary\n"]}]});
    let text = read::<featurestore_runtime::PutRecordRequest>(lists).unwrap_err();
    assert!(!text.to_string().contains("canary"), "{text}");
    let good = json!({"FeatureGroupName": "g", "Record": [
        {"FeatureName": "f", "ValueAsString": "canary", "ValueAsStringList": ["canary"]}]});
    let request: featurestore_runtime::PutRecordRequest = read(good).unwrap();
    let shown = format!("{request:?}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("Some(<not shown>)"), "{shown}");
}

#[test]
fn a_value_can_break_several_constraints() {
    check::<sagemaker::DescribeFeatureGroupRequest>(
        json!({"FeatureGroupName": ""}),
        r"2 validation errors detected: Value '' at 'featureGroupName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'featureGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:feature-group\/)?([a-zA-Z0-9]([_-]*[a-zA-Z0-9]){0,63})",
    );
}

#[test]
fn a_long_value_is_quoted_in_part() {
    let id = "é".repeat(3000);
    let error = read::<kms::DescribeKeyRequest>(json!({"KeyId": id})).unwrap_err();
    let expected = one(&format!(
        "Value '{}…' at 'keyId' failed to satisfy constraint: Member must have length less than \
         or equal to 2048",
        "é".repeat(512)
    ));
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_flood_of_violations_is_counted_but_not_spelled_out() {
    let features = vec![json!({}); 10_000];
    let error = read::<featurestore_runtime::PutRecordRequest>(
        json!({"FeatureGroupName": "g", "Record": features}),
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.starts_with("10000 validation errors detected: "),
        "{error}"
    );
    assert!(error.len() < 10_000);
}

#[test]
fn length_counts_utf16_units() {
    // One character outside of the basic plane is two of Java's.
    let fits = "\u{1f600}".repeat(4096);
    let request = json!({"Description": fits});
    assert!(read::<kms::CreateKeyRequest>(request).is_ok());
    let too_long = json!({"Description": format!("{fits}a")});
    assert!(read::<kms::CreateKeyRequest>(too_long).is_err());
}

#[test]
fn wrong_types_are_refused() {
    check_type::<kms::DescribeKeyRequest>(json!([]), "the request must be a structure, not a list");
    check_type::<kms::DescribeKeyRequest>(
        json!({"KeyId": 1}),
        "`keyId` must be a string, not a number",
    );
    check_type::<kms::ListKeysRequest>(
        json!({"Limit": "1"}),
        "`limit` must be an integer, not a string",
    );
    check_type::<kms::ListKeysRequest>(json!({"Limit": 1.5}), "`limit` is not an integer in range");
    check_type::<kms::CreateKeyRequest>(
        json!({"MultiRegion": "true"}),
        "`multiRegion` must be a boolean, not a string",
    );
    check_type::<kms::CreateKeyRequest>(
        json!({"Tags": {"TagKey": "a"}}),
        "`tags` must be a list, not a structure",
    );
    check_type::<kms::CreateKeyRequest>(
        json!({"Tags": ["a"]}),
        "`tags.1.member` must be a structure, not a string",
    );
    check_type::<kms::CreateKeyRequest>(
        json!({"KeySpec": 256}),
        "`keySpec` must be a string, not a number",
    );
    check_type::<kms::DecryptRequest>(
        json!({"EncryptionContext": ["a"]}),
        "`encryptionContext` must be a map, not a list",
    );
    check_type::<kms::DecryptRequest>(
        json!({"EncryptionContext": {"a": 1}}),
        "`encryptionContext.a` must be a string, not a number",
    );
    check_type::<cloudtrail::LookupEventsRequest>(
        json!({"StartTime": true}),
        "`startTime` must be a timestamp, not a boolean",
    );
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    for blob in ["a", "YWI", "YQ=", "Y Q=", "ö"] {
        check_type::<kms::DecryptRequest>(
            json!({"CiphertextBlob": blob}),
            "`ciphertextBlob` is not valid base64",
        );
    }
    for time in [
        json!("yesterday"),
        json!(1e15),
        json!("2026-02-30T00:00:00Z"),
    ] {
        check_type::<cloudtrail::LookupEventsRequest>(
            json!({"StartTime": time}),
            "`startTime` is not a timestamp",
        );
    }
}

#[test]
fn wrong_types_win_over_broken_constraints() {
    check_type::<kms::EncryptRequest>(
        json!({"Plaintext": 1}),
        "`plaintext` must be a base64 string, not a number",
    );
}

#[test]
fn a_union_has_exactly_one_member() {
    check_type::<sagemaker::CreateFeatureGroupRequest>(
        json!({"FeatureDefinitions": [
            {"FeatureName": "a", "FeatureType": "Integral", "CollectionConfig": {}}]}),
        "`featureDefinitions.1.member.collectionConfig` must have exactly one of the members \
         VectorConfig",
    );
}

#[test]
fn requests_are_read() {
    let request: kms::EncryptRequest = read(json!({
        "KeyId": "alias/a", "Plaintext": "aGVsbG8=", "DryRun": true, "Unknown": {"a": [1]},
        "EncryptionContext": {"b": "2", "a": "1"}, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
    .unwrap();
    let context = [("a", "1"), ("b", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let expected = kms::EncryptRequest {
        key_id: "alias/a".to_owned(),
        plaintext: SensitiveBlob::from(b"hello".to_vec()),
        encryption_context: Some(context.into()),
        grant_tokens: None,
        encryption_algorithm: Some(kms::EncryptionAlgorithmSpec::SymmetricDefault),
        dry_run: Some(true),
    };
    assert_eq!(request, expected);
}

#[test]
fn feature_groups_are_read() {
    let request: sagemaker::CreateFeatureGroupRequest = read(json!({
        "FeatureGroupName": "weather", "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "at",
        "FeatureDefinitions": [
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "v", "FeatureType": "Fractional", "CollectionType": "Vector",
             "CollectionConfig": {"VectorConfig": {"Dimension": 8}}}],
        "OnlineStoreConfig": {"EnableOnlineStore": true,
                              "TtlDuration": {"Unit": "Days", "Value": 3}},
    }))
    .unwrap();
    let online = request.online_store_config.unwrap();
    assert_eq!(online.ttl_duration.unwrap().value, Some(3));
    let vector = request.feature_definitions[1]
        .collection_config
        .clone()
        .unwrap();
    assert_eq!(vector.vector_config.unwrap().dimension, 8);
}

#[test]
fn the_last_of_equal_names_counts() {
    let tree = Tree::from_json(br#"{"KeyId": "a", "KeyId": "b"}"#).unwrap();
    let request = kms::DescribeKeyRequest::read_tree(&tree, Json).unwrap();
    assert_eq!(request.key_id, "b");
}

#[test]
fn escaped_and_plain_text_are_the_same() {
    let tree = Tree::from_json(br#"{"Key\u0049d": "\u0061"}"#).unwrap();
    let request = kms::DescribeKeyRequest::read_tree(&tree, Json).unwrap();
    assert_eq!(request.key_id, "a");
}

#[test]
fn timestamps_are_read_from_numbers_and_text() {
    let request: cloudtrail::LookupEventsRequest =
        read(json!({"StartTime": 1_721_334_000.5, "EndTime": "2026-11-23T20:47:00Z"})).unwrap();
    assert_eq!(
        request.start_time,
        Some(Timestamp::new(1_721_334_000, 500_000_000))
    );
    assert_eq!(request.end_time, Some(Timestamp::new(1_795_466_820, 0)));
}

#[test]
fn query_forms_carry_scalars_as_text() {
    let value = json!({"MaxItems": "5", "OnlyAttached": "true", "Scope": "Local"});
    let request = iam::ListPoliciesRequest::read(value.clone(), Form).unwrap();
    assert_eq!(request.max_items, Some(5));
    assert_eq!(request.only_attached, Some(true));
    assert!(iam::ListPoliciesRequest::read(value, Json).is_err());
}

#[test]
fn query_forms_write_an_empty_list_as_empty_text() {
    let value = json!({"UserName": "a", "Tags": ""});
    let request = iam::CreateUserRequest::read(value, Form).unwrap();
    assert_eq!(request.tags, Some(Vec::new()));
}

#[test]
fn query_forms_refuse_what_is_no_number() {
    for text in ["", "5x", "5.0", " 5", "99999999999999999999"] {
        let error = iam::ListUsersRequest::read(json!({"MaxItems": text}), Form).unwrap_err();
        assert_eq!(error.to_string(), "`maxItems` is not an integer in range");
    }
    let error = iam::ListPoliciesRequest::read(json!({"OnlyAttached": "yes"}), Form).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`onlyAttached` must be `true` or `false`"
    );
}

#[test]
fn codes_depend_on_the_service() {
    let validation = ReadError::Validation {
        text: String::new(),
        first: Broken::Required,
    };
    let serialization = ReadError::Serialization(String::new());
    assert_eq!(validation.code(Service::Kms), "ValidationException");
    assert_eq!(validation.code(Service::Iam), "ValidationError");
    assert_eq!(
        validation.code(Service::Organizations),
        "InvalidInputException"
    );
    assert_eq!(
        validation.code(Service::FeatureStoreRuntime),
        "ValidationError"
    );
    assert_eq!(serialization.code(Service::Kms), "SerializationException");
    assert_eq!(serialization.code(Service::Sts), "MalformedInput");
}

#[test]
fn organizations_answers_with_a_reason() {
    let check = |value: Value, reason: &str| {
        let error = read::<organizations::CreatePolicyRequest>(value).unwrap_err();
        assert_eq!(error.reason(Service::Organizations), Some(reason));
        assert_eq!(error.reason(Service::Kms), None);
        assert_ne!(error.message(Service::Organizations), error.to_string());
        assert_eq!(error.message(Service::Kms), error.to_string());
    };
    let with = |name: &str, value: Value| {
        let mut all = json!({"Name": "n", "Description": "", "Content": "{}",
            "Type": "SERVICE_CONTROL_POLICY"});
        all[name] = value;
        all
    };
    check(with("Name", Value::Null), "INPUT_REQUIRED");
    check(with("Type", json!("OTHER")), "INVALID_ENUM");
    check(with("Name", json!("")), "MIN_LENGTH_EXCEEDED");
    check(with("Name", json!("n".repeat(129))), "MAX_LENGTH_EXCEEDED");
    let page = |size: i64| read::<organizations::ListRootsRequest>(json!({"MaxResults": size}));
    let reason = |size| page(size).unwrap_err().reason(Service::Organizations);
    assert_eq!(reason(0), Some("MIN_VALUE_EXCEEDED"));
    assert_eq!(reason(21), Some("MAX_VALUE_EXCEEDED"));
    let policy = read::<organizations::DescribePolicyRequest>(json!({"PolicyId": "no id"}));
    let error = policy.unwrap_err();
    assert_eq!(
        error.reason(Service::Organizations),
        Some("INVALID_PATTERN")
    );
    assert_eq!(
        error.message(Service::Organizations),
        "You provided a value that does not match the required pattern."
    );
    let states = read::<organizations::ListCreateAccountStatusRequest>(json!({"States": ["?"]}));
    assert_eq!(
        states.unwrap_err().reason(Service::Organizations),
        Some("INVALID_LIST_MEMBER")
    );
}

#[test]
fn a_body_has_a_bounded_number_of_values() {
    let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    // The list itself is one.
    assert!(Tree::from_json(list(399_999).as_bytes()).is_ok());
    for body in [list(400_000), format!("{{\"a\":{}}}", list(399_999))] {
        let error = Tree::from_json(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "the body has more than 400000 values");
    }
    // One that carries records may have more: several records of a batch have lists.
    let (most, more) = (list(999_999), list(1_000_000));
    assert!(Tree::from_json_of_records(most.as_bytes()).is_ok());
    let error = Tree::from_json_of_records(more.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the body has more than 1000000 values");
    // What is wrong behind the last one is said as it is.
    let wrong = list(399_999).replace(']', "}");
    let error = Tree::from_json(wrong.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("the body is not valid JSON"), "{error}");
}

#[test]
fn what_is_not_json_is_refused_without_quoting_it() {
    let deep = "[".repeat(10_000);
    for body in [
        "",
        "{",
        "{\"canary\": canary}",
        "{} {}",
        "\"\\ud800\"",
        deep.as_str(),
    ] {
        let error = Tree::from_json(body.as_bytes()).unwrap_err().to_string();
        assert!(
            error.starts_with("the body is not valid JSON (line"),
            "{error}"
        );
        assert!(!error.contains("canary"), "{error}");
    }
    assert!(Tree::from_json(b"{\"a\": \"\xff\"}").is_err());
}

#[test]
fn trees_do_not_show_their_text() {
    let tree = Tree::from_json(br#"{"a": ["canary", "c\u0061nary", 1]}"#).unwrap();
    let shown = format!("{tree:?}");
    assert_eq!(shown, "{\"a\": [<6 bytes>, <6 bytes>, a number]}");
}

#[test]
fn operations_without_members_take_any_structure() {
    assert!(read::<sts::GetCallerIdentityRequest>(json!({"a": 1})).is_ok());
    assert_eq!(read::<Empty>(json!({})), Ok(Empty {}));
    check_type::<Empty>(json!("a"), "the request must be a structure, not a string");
}

#[test]
fn blobs_are_read() {
    let request: kms::DecryptRequest = read(json!({"CiphertextBlob": "AAEC"})).unwrap();
    assert_eq!(request.ciphertext_blob, Some(Blob(vec![0, 1, 2])));
}

/// Any JSON, with names that the models know among the others.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("KeyId".to_owned()),
        Just("Tags".to_owned()),
        Just("Record".to_owned()),
        Just("FeatureGroupName".to_owned()),
        Just("FeatureDefinitions".to_owned()),
        Just("EncryptionContext".to_owned()),
        Just("Plaintext".to_owned()),
        Just("StartTime".to_owned()),
        Just("MaxResults".to_owned()),
        Just("UserName".to_owned()),
        ".{0,3}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[A-Za-z0-9+/=]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Reads `value` as `T` in both forms; every refusal says something.
fn refuse_or_read<T: Input>(value: &Value) {
    for form in [Json, Form] {
        if let Err(error) = T::read(value.clone(), form) {
            assert!(!error.to_string().is_empty());
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_json_never_panics(value in any_json()) {
        refuse_or_read::<kms::CreateKeyRequest>(&value);
        refuse_or_read::<kms::EncryptRequest>(&value);
        refuse_or_read::<iam::CreateUserRequest>(&value);
        refuse_or_read::<sagemaker::CreateFeatureGroupRequest>(&value);
        refuse_or_read::<featurestore_runtime::PutRecordRequest>(&value);
        refuse_or_read::<featurestore_runtime::BatchGetRecordRequest>(&value);
        refuse_or_read::<cloudtrail::LookupEventsRequest>(&value);
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(tree) = Tree::from_json(&body) {
            let _either = kms::DescribeKeyRequest::read_tree(&tree, Json);
        }
    }

    #[test]
    fn borrowed_and_owned_trees_are_equal(value in any_json()) {
        let text = value.to_string();
        let borrowed = Tree::from_json(text.as_bytes()).unwrap();
        prop_assert_eq!(format!("{borrowed:?}"), format!("{:?}", Tree::from(value)));
    }
}
