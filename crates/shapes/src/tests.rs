//! The generated modules as a whole: patterns compile, tables are complete and sorted.

use serde_json::json;
use types::{Service, Timestamp};

use crate::generated::{PATTERNS, SERVICES};
use crate::{
    Blob, Empty, Location, Output, Protocol, SensitiveBlob, SensitiveString, Test, UnknownValue,
    cloudtrail, iam, kms, operation, sagemaker, service_model,
};

#[test]
fn every_expression_compiles() {
    let mut expressions = 0;
    for pattern in PATTERNS.iter().copied().flatten() {
        let (Test::Regex(regex) | Test::WordsOr(_, regex)) = &pattern.test else {
            continue;
        };
        assert!(regex.is_some(), "{}", pattern.text);
        expressions += 1;
    }
    assert!(expressions > 5);
}

#[test]
fn the_tables_can_be_searched() {
    for service in SERVICES {
        assert!(service.operations.is_sorted_by_key(|model| model.name));
        assert!(service.known.is_sorted_by_key(|known| known.name));
        for model in service.operations {
            let found = operation(service.service, model.name).unwrap();
            assert_eq!(found.name, model.name);
            assert!(service.known(model.name).unwrap().generated);
        }
        let generated = service.known.iter().filter(|known| known.generated);
        assert_eq!(generated.count(), service.operations.len());
    }
}

#[test]
fn every_service_with_an_endpoint_of_aws_has_a_model() {
    for service in Service::ALL {
        let has_model = service_model(service).is_some();
        let without = matches!(service, Service::S3 | Service::Strongroom);
        assert_eq!(has_model, !without, "{service:?}");
    }
}

#[test]
fn what_aws_has_and_we_lack_is_known() {
    let sts = service_model(Service::Sts).unwrap();
    assert!(!sts.known("AssumeRoot").unwrap().generated);
    assert!(sts.operation("AssumeRoot").is_none());
    assert!(sts.known("MakeCoffee").is_none());
}

#[test]
fn protocols_carry_their_own_facts() {
    let kms = service_model(Service::Kms).unwrap();
    assert_eq!(kms.protocol, Protocol::Json);
    assert_eq!(kms.target_prefix, Some("TrentService"));
    let iam = service_model(Service::Iam).unwrap();
    assert_eq!(iam.protocol, Protocol::Query);
    assert_eq!(iam.api_version, "2010-05-08");
    assert_eq!(
        iam.xml_namespace,
        Some("https://iam.amazonaws.com/doc/2010-05-08/")
    );
    let create_user = iam.operation("CreateUser").unwrap();
    assert_eq!(create_user.result_wrapper, Some("CreateUserResult"));
    assert!(!iam.operation("DeleteUser").unwrap().has_output);
}

#[test]
fn rest_members_say_where_they_travel() {
    let get_record = operation(Service::FeatureStoreRuntime, "GetRecord").unwrap();
    let binding = |member| {
        let mut bindings = get_record.bindings.iter();
        bindings.find(|binding| binding.member == member).unwrap()
    };
    assert_eq!(binding("FeatureGroupName").location, Location::Uri);
    let names = binding("FeatureNames");
    assert_eq!(
        (names.location, names.name),
        (Location::Query, "FeatureName")
    );
    assert!(names.list);
}

fn check_status(service: Service, code: &str, status: u16) {
    let model = service_model(service).unwrap();
    assert_eq!(model.error(code).unwrap().status(), status, "{code}");
}

#[test]
fn errors_have_the_modelled_or_the_usual_status() {
    check_status(Service::Iam, "NoSuchEntity", 404);
    check_status(Service::FeatureStoreRuntime, "AccessForbidden", 403);
    check_status(Service::Kms, "NotFoundException", 400);
    check_status(Service::Kms, "KMSInternalException", 500);
    check_status(Service::SageMaker, "ResourceInUse", 400);
}

fn check_output(output: &impl Output, expected: &serde_json::Value) {
    assert_eq!(serde_json::to_value(output).unwrap(), *expected);
}

#[test]
fn absent_members_are_not_written() {
    check_output(&kms::ListKeysResponse::default(), &json!({}));
    check_output(&Empty {}, &json!({}));
}

#[test]
fn members_have_the_names_of_aws() {
    let metadata = kms::KeyMetadata {
        aws_account_id: Some("111122223333".to_owned()),
        key_id: "k".to_owned(),
        key_state: Some(kms::KeyState::PendingDeletion),
        creation_date: Some(Timestamp::new(1_721_334_000, 123_000_000)),
        encryption_algorithms: Some(vec![kms::EncryptionAlgorithmSpec::SymmetricDefault]),
        ..kms::KeyMetadata::default()
    };
    check_output(
        &kms::DescribeKeyResponse {
            key_metadata: Some(metadata),
        },
        &json!({"KeyMetadata": {
            "AWSAccountId": "111122223333", "KeyId": "k", "KeyState": "PendingDeletion",
            "CreationDate": 1_721_334_000.123, "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"]}}),
    );
}

#[test]
fn required_timestamps_are_written_like_optional_ones() {
    let summary = sagemaker::FeatureGroupSummary {
        feature_group_name: "a".to_owned(),
        feature_group_arn: "b".to_owned(),
        creation_time: Timestamp::new(5, 0),
        feature_group_status: None,
        offline_store_status: None,
    };
    check_output(
        &sagemaker::ListFeatureGroupsResponse {
            feature_group_summaries: vec![summary],
            next_token: None,
        },
        &json!({"FeatureGroupSummaries": [
            {"FeatureGroupName": "a", "FeatureGroupArn": "b", "CreationTime": 5}]}),
    );
}

#[test]
fn secrets_reach_their_owner_and_no_log() {
    let response = kms::GenerateDataKeyResponse {
        ciphertext_blob: Some(Blob(vec![0xfb, 0xff])),
        plaintext: Some(SensitiveBlob::from(b"canary".to_vec())),
        ..kms::GenerateDataKeyResponse::default()
    };
    check_output(
        &response,
        &json!({"CiphertextBlob": "+/8=", "Plaintext": "Y2FuYXJ5"}),
    );
    let shown = format!("{response:?}");
    assert!(shown.contains("plaintext: Some(<sensitive>)"), "{shown}");
    let access_key = iam::AccessKey {
        user_name: "u".to_owned(),
        access_key_id: "AKIA".to_owned(),
        status: iam::StatusType::Active,
        secret_access_key: SensitiveString::from("canary".to_owned()),
        create_date: None,
    };
    assert!(!format!("{access_key:?}").contains("canary"));
    let written = serde_json::to_value(&access_key).unwrap();
    assert_eq!(written["SecretAccessKey"], "canary");
}

#[test]
fn secrets_are_compared_by_value() {
    let secret = |text: &str| SensitiveBlob::from(text.as_bytes().to_vec());
    assert_eq!(secret("a"), secret("a"));
    assert_ne!(secret("a"), secret("b"));
    assert_ne!(secret("a"), secret("aa"));
}

#[test]
fn enumerations_read_back_what_they_write() {
    for spec in kms::KeySpec::ALL {
        assert_eq!(spec.as_str().parse(), Ok(*spec));
    }
    assert_eq!("MOON".parse::<kms::KeySpec>(), Err(UnknownValue));
    assert_eq!(cloudtrail::EventCategory::Insight.to_string(), "insight");
}

fn check_pattern(text: &str, value: &str, expected: bool) {
    let mut patterns = PATTERNS.iter().copied().flatten();
    let pattern = patterns.find(|pattern| pattern.text == text).unwrap();
    assert_eq!(pattern.matches(value), expected, "{text} on {value:?}");
}

#[test]
fn feature_group_names_and_arns_match() {
    let text = r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:feature-group/)?([a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63})";
    let arn = "arn:aws:sagemaker:us-east-1:111122223333:feature-group/";
    for good in ["a", "weather-latest", "a__b--c", &"a".repeat(64)] {
        check_pattern(text, good, true);
        check_pattern(text, &format!("{arn}{good}"), true);
    }
    for bad in ["", "-a", "a-", "a b", "ä", "a/b", &"a".repeat(65)] {
        check_pattern(text, bad, false);
        check_pattern(text, &format!("{arn}{bad}"), false);
    }
    check_pattern(text, "arn:aws:sagemaker:us-east-1:1:feature-group/a", false);
}

#[test]
fn tag_keys_may_be_in_any_script() {
    let text = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+";
    for good in [
        "team",
        "Größe",
        "日本",
        "a b",
        "x=1+2@3:4/5.6_7-8",
        "\u{a0}½",
    ] {
        check_pattern(text, good, true);
    }
    for bad in ["", "a#", "a\n", "a\u{301}", "😀"] {
        check_pattern(text, bad, false);
    }
}
