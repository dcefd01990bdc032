//! What the lint says, and what it keeps quiet about.

use super::*;
use DocumentKind::{Identity, KeyPolicy, Resource, ServiceControl, Trust};

const NAMES: Vocabulary<'_> = Vocabulary {
    actions: &[
        "kms:Decrypt",
        "kms:Encrypt",
        "iam:PassRole",
        "s3:GetObject",
        "sts:AssumeRole",
    ],
    at_aws: &["kms:ReplicateKey"],
    services: &["ec2", "lambda"],
    keys: &[
        KnownKey::one("kms:EncryptionContext:"),
        KnownKey::many("kms:EncryptionContextKeys"),
        KnownKey::of("kms:KeyCount", KeyType::Number),
    ],
};

fn codes(kind: DocumentKind, statements: &str) -> Vec<&'static str> {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#);
    lint_with(&text, kind, &NAMES)
        .into_iter()
        .map(|finding| finding.code)
        .collect()
}

/// An identity statement with these members has exactly these findings.
fn identity(members: &str, expected: &[&str]) {
    let statement = format!("{{{members}}}");
    assert_eq!(codes(Identity, &statement), expected, "{members}");
}

fn condition(effect: &str, condition: &str, expected: &[&str]) {
    identity(
        &format!(
            r#""Effect": "{effect}", "Action": "kms:Decrypt", "Resource": "*", "Condition": {condition}"#
        ),
        expected,
    );
}

fn of_resource(kind: DocumentKind, members: &str, expected: &[&str]) {
    let rest = if kind == Trust {
        r#""Action": ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"]"#
    } else {
        r#""Action": ["kms:Decrypt", "kms:*"], "Resource": "*""#
    };
    let statement = format!("{{{members}, {rest}}}");
    let found: Vec<_> = codes(kind, &statement)
        .into_iter()
        .filter(|code| !matches!(*code, "redundant-value" | "unknown-action"))
        .collect();
    assert_eq!(found, expected, "{members} in {kind:?}");
}

#[test]
fn a_good_policy_has_no_findings() {
    identity(
        r#""Effect": "Allow", "Action": ["kms:Decrypt", "kms:Encrypt"],
        "Resource": "arn:aws:kms:us-east-1:111122223333:key/*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": "${aws:ResourceTag/team}"}}"#,
        &[],
    );
}

#[test]
fn every_error_is_found_with_its_place() {
    let text = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Alow", "Action": "kms", "Resource": "*"},
    {"Effect": "Allow", "Action": "kms:*", "Resource": "key/1",
     "Condition": {"StringIs": {"aws:username": "x"}}}
  ]
}"#;
    let found: Vec<_> = lint(text, Identity)
        .into_iter()
        .map(|f| (f.line, f.column, f.severity, f.code))
        .collect();
    let error = Severity::Error;
    assert_eq!(
        found,
        [
            (4, 16, error, "invalid-effect"),
            (4, 34, error, "no-service-prefix"),
            (5, 56, error, "not-an-arn"),
            (6, 49, error, "unknown-operator"),
        ]
    );
}

#[test]
fn not_principal_with_allow_is_an_error() {
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "NotPrincipal": "*", "Action": "s3:*", "Resource": "*"}}"#;
    let found = lint(text, Resource);
    assert_eq!(
        (found[0].severity, found[0].code),
        (Severity::Error, "not-supported")
    );
}

#[test]
fn warnings_print_as_place_severity_code_and_message() {
    let text =
        "{\n  \"Statement\": {\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\"}\n}";
    let found = lint(text, Identity);
    assert_eq!(
        found[0].to_string(),
        "1:1: warning [missing-version]: without `Version` the language of 2008 applies; \
         write `2012-10-17`"
    );
}

#[test]
fn variables_in_the_older_language_are_text() {
    let text = r#"{"Version": "2008-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*",
        "Resource": "arn:aws:s3:::b/${aws:username}"}}"#;
    assert_eq!(lint(text, Identity)[0].code, "variable-not-replaced");
}

#[test]
fn names_that_do_not_exist_are_found() {
    identity(
        r#""Effect": "Allow", "Action": ["kms:Decript", "kms:E*"], "Resource": "*""#,
        &["unknown-action"],
    );
    identity(
        r#""Effect": "Allow", "NotAction": "ec2:Start*", "Resource": "*""#,
        &["service-not-here", "not-action-with-allow"],
    );
    identity(
        r#""Effect": "Deny", "Action": ["kmss:Decrypt", "*:Decript"], "Resource": "*""#,
        &["unknown-service", "unknown-action"],
    );
    for key in [
        "aws:PrincipalTeam",
        "kms:EncryptionContexts",
        "aws:ResourceTag/",
        "kmss:EncryptionContext:App",
        "team",
    ] {
        condition(
            "Deny",
            &format!(r#"{{"StringEquals": {{"{key}": "x"}}}}"#),
            &["unknown-condition-key"],
        );
    }
    for key in ["AWS:principaltag/x", "kms:EncryptionContext:App", "ec2:Any"] {
        condition(
            "Deny",
            &format!(r#"{{"StringEquals": {{"{key}": "x"}}}}"#),
            &[],
        );
    }
}

#[test]
fn what_exists_at_aws_only_is_a_note() {
    let found = |action: &str| {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement":
            {{"Effect": "Deny", "Action": "{action}", "Resource": "*"}}}}"#
        );
        let found = lint_with(&text, Identity, &NAMES);
        assert_eq!(found.len(), 1, "{action}");
        (found[0].severity, found[0].code)
    };
    assert_eq!(found("kms:Replicate*"), (Severity::Note, "action-not-here"));
    assert_eq!(found("EC2:Start"), (Severity::Note, "service-not-here"));
    assert_eq!(found("ec3:Start"), (Severity::Warning, "unknown-service"));
}

#[test]
fn names_that_are_close_are_suggested() {
    let message = |members: &str| {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {{{members}}}}}"#);
        lint_with(&text, Identity, &NAMES).remove(0).message
    };
    let of = |action: &str| {
        message(&format!(
            r#""Effect": "Deny", "Action": "{action}", "Resource": "*""#
        ))
    };
    assert_eq!(
        of("kms:Decript"),
        "no action that is known here matches `kms:Decript`; did you mean `kms:Decrypt`?"
    );
    assert_eq!(
        of("kms:Unheard"),
        "no action that is known here matches `kms:Unheard`"
    );
    assert_eq!(
        of("km:Decrypt"),
        "no service that is known here has the prefix `km`; did you mean `kms`?"
    );
    let key = |key: &str| {
        message(&format!(
            r#""Effect": "Deny", "Action": "kms:*", "Resource": "*",
            "Condition": {{"StringEquals": {{"{key}": "x"}}}}"#
        ))
    };
    assert_eq!(
        key("aws:PrincipleOrgID"),
        "no request has the condition key `aws:PrincipleOrgID`; did you mean `aws:PrincipalOrgID`?"
    );
}

#[test]
fn variables_that_never_have_a_value_are_found() {
    identity(
        r#""Effect": "Deny", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::b/${aws:usrname}", "arn:aws:s3:::b/${aws:TagKeys}",
            "arn:aws:s3:::b/${aws:username}"]"#,
        &["unknown-variable", "multivalued-variable"],
    );
    condition(
        "Deny",
        r#"{"StringEquals": {"aws:username": "${aws:PrincipalTags/x}"}}"#,
        &["unknown-variable"],
    );
}

#[test]
fn operators_that_cannot_read_the_key_are_found() {
    let other = &["operator-of-another-type"];
    condition(
        "Deny",
        r#"{"StringEquals": {"aws:SourceIp": "10.0.0.0/8"}}"#,
        other,
    );
    condition(
        "Deny",
        r#"{"StringLike": {"aws:CurrentTime": "2026*"}}"#,
        other,
    );
    condition(
        "Deny",
        r#"{"NumericEquals": {"aws:SecureTransport": "1"}}"#,
        other,
    );
    condition(
        "Deny",
        r#"{"IpAddress": {"kms:KeyCount": "10.0.0.1"}}"#,
        other,
    );
    condition(
        "Deny",
        r#"{"ForAnyValue:BoolIfExists": {"aws:SourceArn": "true"}}"#,
        &["operator-of-another-type", "single-valued-key"],
    );
    for fits in [
        r#"{"IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}}"#,
        r#"{"NumericLessThan": {"aws:EpochTime": "1"}}"#,
        r#"{"DateLessThan": {"aws:EpochTime": "2026-01-01T00:00:00Z"}}"#,
        r#"{"StringEquals": {"aws:SecureTransport": "true"}}"#,
        r#"{"NumericEquals": {"aws:PrincipalTag/level": "3"}}"#,
        r#"{"Null": {"aws:SourceIp": "true"}}"#,
    ] {
        condition("Deny", fits, &[]);
    }
}

#[test]
fn denies_that_hit_services_are_found() {
    let hits = &["deny-hits-services"];
    let address = r#""NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}"#;
    condition("Deny", &format!("{{{address}}}"), hits);
    condition("Allow", &format!("{{{address}}}"), &[]);
    condition(
        "Deny",
        &format!(r#"{{{address}, "Bool": {{"aws:ViaAWSService": "false"}}}}"#),
        &[],
    );
    condition(
        "Deny",
        &format!(r#"{{{address}, "Null": {{"aws:SourceIp": "false"}}}}"#),
        &[],
    );
    let outside = r#""Effect": "Deny", "Principal": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}"#;
    of_resource(Resource, &format!("{outside}}}"), hits);
    of_resource(
        Resource,
        &format!(r#"{outside}, "Bool": {{"aws:PrincipalIsAWSService": "false"}}}}"#),
        &[],
    );
}

#[test]
fn rights_over_rights_and_keys_are_found() {
    identity(
        r#""Effect": "Allow", "Action": ["iam:Put*", "sts:*"], "Resource": "*""#,
        &["unknown-action", "raises-own-rights"],
    );
    identity(
        r#""Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*""#,
        &["opens-any-key"],
    );
    identity(
        r#""Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}"#,
        &[],
    );
}

#[test]
fn arns_that_no_resource_has_are_found() {
    let deny = |resource: &str, expected: &[&str]| {
        let service = resource.split(':').nth(2).unwrap();
        let action = if service == "s3" { "s3:*" } else { "*" };
        identity(
            &format!(r#""Effect": "Deny", "Action": "{action}", "Resource": "{resource}""#),
            expected,
        );
    };
    deny("arn:aws:kms::111122223333:key/*", &["matches-nothing"]);
    deny("arn:aws:kms:us-east-1::key/*", &["matches-nothing"]);
    deny("arn:aws:iam:::role/r", &["matches-nothing"]);
    deny(
        "arn:aws:sts:us-east-1:111122223333:assumed-role/r/s",
        &["matches-nothing"],
    );
    deny("arn:aws:s3::111122223333:bucket", &["matches-nothing"]);
    for fine in [
        "arn:aws:kms:*:*:key/*",
        "arn:aws:kms:*",
        "arn:aws:iam::aws:policy/*",
        "arn:aws:s3:::bucket",
        "arn:aws:s3:us-east-1:111122223333:accesspoint/a",
    ] {
        deny(fine, &[]);
    }
}

#[test]
fn principals_that_make_other_calls_are_found() {
    let trust = |principal: &str, action: &str, expected: &[&str]| {
        let statement = format!(
            r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "{action}",
            "Condition": {{"StringEquals": {{"aws:SourceAccount": "111122223333"}}}}}}"#
        );
        let mut found = codes(Trust, &statement);
        found.retain(|code| *code != "unknown-action");
        assert_eq!(found, expected, "{principal} and {action}");
    };
    let other = &["principal-of-another-call"];
    let provider = r#"{"Federated": "accounts.google.com"}"#;
    trust(provider, "sts:AssumeRole", other);
    trust(provider, "sts:AssumeRoleWithWebIdentity", &[]);
    let account = r#"{"AWS": "111122223333"}"#;
    trust(account, "sts:AssumeRoleWithWebIdentity", other);
    trust(account, "sts:AssumeRole", &[]);
    trust(account, "sts:TagSession", &[]);
}

#[test]
fn actions_are_looked_up_only_where_a_table_is_handed_in() {
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny",
        "Action": "ec2:Start", "Resource": "*"}}"#;
    assert_eq!(lint(text, Identity), []);
}

#[test]
fn set_operators_go_with_keys_of_several_values() {
    condition(
        "Deny",
        r#"{"StringEquals": {"aws:TagKeys": "x"}}"#,
        &["multivalued-key"],
    );
    condition("Deny", r#"{"Null": {"aws:TagKeys": "true"}}"#, &[]);
    condition(
        "Deny",
        r#"{"ForAnyValue:StringEquals": {"aws:username": "x"}}"#,
        &["single-valued-key"],
    );
    condition(
        "Allow",
        r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "x"}}"#,
        &["for-all-values-with-allow"],
    );
    condition(
        "Allow",
        r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "x"}, "Null": {"aws:TagKeys": "false"}}"#,
        &[],
    );
    condition(
        "Deny",
        r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "x"}}"#,
        &[],
    );
}

#[test]
fn conditions_that_do_not_say_what_they_seem_to_are_found() {
    condition(
        "Allow",
        r#"{"StringEquals": {"aws:username": "team-*"}}"#,
        &["wildcard-not-expanded"],
    );
    condition(
        "Allow",
        r#"{"StringEquals": {"aws:username": "a${*}"}}"#,
        &[],
    );
    condition(
        "Allow",
        r#"{"StringLike": {"aws:username": "*"}}"#,
        &["matches-any-value"],
    );
    condition(
        "Deny",
        r#"{"Bool": {"aws:MultiFactorAuthPresent": "false"}}"#,
        &["deny-misses-absent-key"],
    );
    condition(
        "Deny",
        r#"{"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}"#,
        &[],
    );
    condition("Deny", r#"{"StringEquals": {}}"#, &["empty-condition"]);
    condition(
        "Deny",
        r#"{"StringEquals": {"aws:username": []}}"#,
        &["empty-condition"],
    );
}

#[test]
fn statements_that_another_covers_are_found() {
    let allow = r#"{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}"#;
    let deny = |condition: &str| {
        format!(r#"{{"Effect": "Deny", "Action": "KMS:*", "Resource": "*"{condition}}}"#)
    };
    assert_eq!(
        codes(Identity, &format!("[{allow}, {}]", deny(""))),
        ["unreachable-statement"]
    );
    let narrow = deny(r#", "Condition": {"Bool": {"aws:SecureTransport": "false"}}"#);
    assert_eq!(codes(Identity, &format!("[{allow}, {narrow}]")), [""; 0]);
    let twice = r#"{"Effect": "Allow", "Action": "kms:E*", "Resource": "arn:aws:kms:*"}"#;
    assert_eq!(
        codes(Identity, &format!("[{twice}, {twice}]")),
        ["redundant-statement"]
    );
    let wider = r#"{"Effect": "Allow", "Action": "kms:E*", "Resource": "*"}"#;
    assert_eq!(
        codes(Identity, &format!("[{allow}, {wider}]")),
        ["redundant-statement"]
    );
}

#[test]
fn values_that_another_covers_are_found() {
    identity(
        r#""Effect": "Deny", "Action": ["kms:Decrypt", "KMS:D*", "kms:Encrypt"], "Resource": "*""#,
        &["redundant-value"],
    );
    identity(
        r#""Effect": "Deny", "Action": "kms:*", "Resource": ["arn:aws:kms:*", "arn:aws:kms:*"]"#,
        &["redundant-value"],
    );
}

#[test]
fn what_allows_too_much_is_found() {
    identity(
        r#""Effect": "Allow", "Action": "*", "Resource": "*""#,
        &["full-access"],
    );
    identity(r#""Effect": "Deny", "Action": "*", "Resource": "*""#, &[]);
    identity(
        r#""Effect": "Allow", "Action": "iam:Pass*", "Resource": "*""#,
        &["pass-any-role"],
    );
    identity(
        r#""Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}"#,
        &[],
    );
    identity(
        r#""Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::b""#,
        &["not-resource-with-allow"],
    );
}

#[test]
fn resources_that_never_match_are_found() {
    identity(
        r#""Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:s3:::b""#,
        &["resource-of-another-service"],
    );
    identity(
        r#""Effect": "Allow", "Action": "kms:Decrypt",
        "Resource": "arn:aws:kms:us-east-1:111122223333:alias/app""#,
        &["alias-is-not-its-key"],
    );
}

#[test]
fn principals_that_let_in_too_many_are_found() {
    of_resource(
        Resource,
        r#""Effect": "Allow", "Principal": "*""#,
        &["wildcard-principal"],
    );
    of_resource(
        Resource,
        r#""Effect": "Allow", "Principal": {"AWS": "*"},
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}"#,
        &[],
    );
    of_resource(Resource, r#""Effect": "Deny", "Principal": "*""#, &[]);
    of_resource(
        Trust,
        r#""Effect": "Allow", "Principal": "*""#,
        &["wildcard-in-trust-policy"],
    );
    let service = r#""Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}"#;
    of_resource(KeyPolicy, service, &["confused-deputy"]);
    of_resource(
        Trust,
        &format!(r#"{service}, "Condition": {{"StringEquals": {{"aws:SourceAccount": "1"}}}}"#),
        &[],
    );
    of_resource(
        Trust,
        r#""Effect": "Allow", "Principal": {"Federated": "accounts.google.com"}"#,
        &["any-web-identity"],
    );
    of_resource(
        Resource,
        r#""Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:user/B"}"#,
        &["not-principal", "not-principal-without-account"],
    );
    of_resource(
        Resource,
        r#""Effect": "Allow", "Principal": {"AWS": "AIDAOLD00000000000001"}"#,
        &["principal-by-id"],
    );
}

#[test]
fn key_policies_have_traps_of_their_own() {
    let found = |statement: &str| codes(KeyPolicy, statement);
    let bob = r#""Effect": "Allow", "Principal": {"AWS": "111122223333"}"#;
    assert_eq!(
        found(&format!(
            r#"{{{bob}, "Action": "kms:Decrypt", "Resource": "*"}}"#
        )),
        ["unmanageable-key"]
    );
    assert_eq!(
        found(&format!(
            r#"{{{bob}, "Action": "kms:*", "Resource": "arn:aws:kms:us-east-1:1:key/1"}}"#
        )),
        ["resource-in-key-policy"]
    );
    assert_eq!(
        found(&format!(r#"{{{bob}, "Action": "kms:*"}}"#)),
        ["no-effect"]
    );
    let tag = r#""Condition": {"StringEquals": {"aws:ResourceTag/x": "y"}}"#;
    assert_eq!(
        found(&format!(
            r#"{{{bob}, "Action": "kms:*", "Resource": "*", {tag}}}"#
        )),
        ["absent-in-key-policy"]
    );
}

#[test]
fn documents_beyond_their_quota_are_found() {
    let actions: Vec<String> = (0..400).map(|n| format!("\"kms:Decrypt{n}\"")).collect();
    let statement = format!(
        r#"{{"Effect": "Deny", "Action": [{}], "Resource": "*"}}"#,
        actions.join(",")
    );
    assert!(codes(ServiceControl, &statement).contains(&"over-quota"));
}

#[test]
fn hostile_documents_are_linted_in_bounded_time() {
    let statements: Vec<String> = (0..3_000)
        .map(|n| format!(r#"{{"Effect":"Allow","Action":"kms:A{n}*","Resource":"*"}}"#))
        .collect();
    let text = format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
    assert!(!lint(&text, Identity).is_empty());
    let faulty = text.replace("Allow", "x");
    assert!(lint(&faulty, Identity).len() <= 110);
}
