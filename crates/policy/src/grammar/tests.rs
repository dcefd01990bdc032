//! Which documents are accepted, and with which words the others are refused.

use crate::{Document, DocumentKind, Fault};

/// A document around one statement.
fn around(statement: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#)
}

fn accepted(kind: DocumentKind, statement: &str) {
    let found = Document::parse(&around(statement), kind);
    assert!(
        found.is_ok(),
        "{statement} in {kind:?}: {}",
        found.unwrap_err()
    );
}

/// Refused with this text of AWS.
fn refused(kind: DocumentKind, statement: &str, message: &str) {
    text_refused(kind, &around(statement), message);
}

fn text_refused(kind: DocumentKind, text: &str, message: &str) {
    match Document::parse(text, kind) {
        Ok(_) => panic!("accepted in {kind:?}: {text}"),
        Err(error) => assert_eq!(error.aws_message(), message, "{text} in {kind:?}"),
    }
}

const SYNTAX: &str = "Syntax errors in policy.";
const JSON: &str = "This policy contains invalid Json";
const KMS_PRINCIPAL: &str = "Policy contains a statement with one or more invalid principals.";
const ORGANIZATIONS: &str =
    "The provided policy document does not meet the requirements of the specified policy type.";

use DocumentKind::{
    Boundary, Identity, KeyPolicy, Resource, ResourceControl, ServiceControl, Session, Trust,
};

#[test]
fn ordinary_documents_are_accepted() {
    for kind in [Identity, Boundary, Session, ServiceControl] {
        accepted(
            kind,
            r#"{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}"#,
        );
        accepted(
            kind,
            r#"[{"Sid": "a1", "Effect": "Deny", "NotAction": ["kms:*", "*"], "NotResource": ["*"]}]"#,
        );
    }
    for kind in [KeyPolicy, Resource] {
        accepted(
            kind,
            r#"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}"#,
        );
    }
    accepted(
        Trust,
        r#"{"Effect": "Allow", "Principal": {"Service": ["sagemaker.amazonaws.com"]}, "Action": ["sts:AssumeRole", "sts:TagSession"]}"#,
    );
}

#[test]
fn booleans_and_numbers_may_be_unquoted() {
    accepted(
        Identity,
        r#"{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"aws:MultiFactorAuthAge": 3600},
        "StringEquals": {"aws:PrincipalAccount": [111122223333]}}}"#,
    );
    accepted(
        Resource,
        r#"{"Effect": "Allow", "Principal": {"AWS": 111122223333}, "Action": "s3:*", "Resource": "*"}"#,
    );
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for text in ["", "{", "not json", &format!("{} x", around("[]"))] {
        for kind in [Identity, Boundary, Session] {
            text_refused(kind, text, SYNTAX);
        }
        for kind in [Trust, Resource, KeyPolicy] {
            text_refused(kind, text, JSON);
        }
    }
    let error = Document::parse("{\n  \"Version\": 2012-10-17\n}", Identity).unwrap_err();
    assert_eq!((error.line(), error.fault()), (2, &Fault::Json));
}

#[test]
fn repeated_keys_are_refused_everywhere() {
    text_refused(
        Resource,
        r#"{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}"#,
        JSON,
    );
    for statement in [
        r#"{"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition":
        {"StringEquals": {"aws:username": "a", "aws:username": "b"}}}"#,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition":
        {"StringEquals": {"aws:username": "a", "AWS:UserName": "b"}}}"#,
    ] {
        refused(Identity, statement, SYNTAX);
    }
}

#[test]
fn only_the_two_versions_exist() {
    let text = |version: &str| {
        format!(
            r#"{{{version} "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*"}}}}"#
        )
    };
    assert!(Document::parse(&text(""), Identity).is_ok());
    assert!(Document::parse(&text(r#""Version": "2008-10-17","#), Identity).is_ok());
    for version in [r#""2012-10-18""#, r#""""#, "2012", "null"] {
        text_refused(
            Identity,
            &text(&format!(r#""Version": {version},"#)),
            SYNTAX,
        );
    }
}

#[test]
fn a_managed_policy_needs_the_newer_version() {
    let with = |version: &str| {
        format!(
            r#"{{{version} "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*"}}}}"#
        )
    };
    let message = |version: &str| {
        let found = Document::parse_managed(&with(version), Identity);
        found.err().map(|error| error.aws_message())
    };
    let refused = Some("Policy document must be version 2012-10-17 or greater.".to_owned());
    assert_eq!(message(""), refused);
    assert_eq!(message(r#""Version": "2008-10-17","#), refused);
    assert_eq!(message(r#""Version": "2012-10-17","#), None);
}

#[test]
fn the_first_pass_of_iam_that_finds_a_fault_reports_it() {
    // Each document has the fault of the next one too.
    let faults = [
        (r#""Effect": "x""#, SYNTAX),
        (r#""Effect": "allow""#, "The policy failed legacy parsing"),
        (
            r#""Sid": "_", "Effect": "Allow""#,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the \
             regular expression [0-9A-Za-z]*",
        ),
        (
            r#""Effect": "Allow", "Action": []"#,
            "Policy statement must contain actions.",
        ),
        (
            r#""Effect": "Allow", "Action": "x", "Resource": "y""#,
            "Resource y must be in ARN format or \"*\".",
        ),
        (
            r#""Effect": "Allow", "Action": "x""#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            r#""Effect": "Allow", "Action": "kms:*""#,
            "Policy statement must contain resources.",
        ),
    ];
    for (index, (_, message)) in faults.iter().enumerate() {
        let statements: Vec<String> = faults[index..]
            .iter()
            .rev()
            .map(|(members, _)| format!("{{{members}}}"))
            .collect();
        refused(Identity, &format!("[{}]", statements.join(",")), message);
    }
}

#[test]
fn a_key_policy_needs_its_version() {
    let text =
        r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}"#;
    assert_eq!(
        Document::parse(text, KeyPolicy).unwrap_err().fault(),
        &Fault::OldVersion
    );
    assert!(Document::parse(text, Resource).is_ok());
}

#[test]
fn at_least_one_statement_is_needed() {
    text_refused(Identity, r#"{"Version": "2012-10-17"}"#, SYNTAX);
    text_refused(Identity, "[]", SYNTAX);
    text_refused(Identity, "\"*\"", SYNTAX);
    refused(Identity, "[]", SYNTAX);
    refused(Identity, "null", SYNTAX);
    refused(Identity, "[[]]", SYNTAX);
}

#[test]
fn effects_are_allow_or_deny_to_the_letter() {
    for effect in [r#""allow""#, r#""DENY""#] {
        let statement = format!(r#"{{"Effect": {effect}, "Action": "*", "Resource": "*"}}"#);
        refused(Identity, &statement, "The policy failed legacy parsing");
    }
    for effect in [r#""Permit""#, "true", r#"["Allow"]"#] {
        let statement = format!(r#"{{"Effect": {effect}, "Action": "*", "Resource": "*"}}"#);
        refused(Identity, &statement, SYNTAX);
    }
    refused(Identity, r#"{"Action": "*", "Resource": "*"}"#, SYNTAX);
}

#[test]
fn unknown_elements_are_refused() {
    refused(
        Identity,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Comment": "x"}"#,
        SYNTAX,
    );
    refused(
        Identity,
        r#"{"effect": "Allow", "Effect": "Allow", "Action": "*", "Resource": "*"}"#,
        SYNTAX,
    );
    text_refused(
        Identity,
        r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}], "x": 1}"#,
        SYNTAX,
    );
}

#[test]
fn an_id_belongs_to_resource_policies() {
    let text = r#"{"Version": "2012-10-17", "Id": "key default 1", "Statement":
        {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}"#;
    assert!(Document::parse(text, KeyPolicy).is_ok());
    let text = r#"{"Id": "x", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    text_refused(Identity, text, SYNTAX);
}

#[test]
fn sids_are_unique_and_plain_in_iam() {
    let statement = |sid: &str| {
        format!(r#"{{"Sid": "{sid}", "Effect": "Allow", "Action": "*", "Resource": "*"}}"#)
    };
    let twice = format!("[{0}, {0}]", statement("a"));
    refused(
        Identity,
        &twice,
        "Statement IDs (SID) in a single policy must be unique.",
    );
    accepted(Identity, &format!("[{0}, {0}]", statement("")));
    refused(
        Identity,
        &statement("a b"),
        "Statement IDs (SID) must be alpha-numeric. Check that \
        your input satisfies the regular expression [0-9A-Za-z]*",
    );
    accepted(
        KeyPolicy,
        r#"{"Sid": "Enable IAM User Permissions", "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}"#,
    );
}

#[test]
fn actions_need_one_vendor() {
    let refuse = |action: &str, message: &str| {
        let statement = format!(r#"{{"Effect": "Allow", "Action": {action}, "Resource": "*"}}"#);
        refused(Identity, &statement, message);
    };
    refuse(
        r#""Decrypt""#,
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    );
    refuse(
        r#""kms:a:b""#,
        "Actions/Condition can contain only one colon.",
    );
    refuse(r#""k*:Decrypt""#, "Vendor k* is not valid");
    refuse(r#""k ms:Decrypt""#, "Vendor k ms is not valid");
    refuse(r#""kms:""#, SYNTAX);
    refuse("[]", "Policy statement must contain actions.");
    refuse("{}", SYNTAX);
    refuse(r#"[["kms:*"]]"#, SYNTAX);
    refused(
        Identity,
        r#"{"Effect": "Allow", "Resource": "*"}"#,
        "Policy statement must contain actions.",
    );
    refused(
        Identity,
        r#"{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}"#,
        SYNTAX,
    );
    accepted(
        Identity,
        r#"{"Effect": "Allow", "Action": ["*:*", "*:Get*", "s3-x.y:a"], "Resource": "*"}"#,
    );
}

#[test]
fn resources_are_arns_or_star() {
    let refuse = |resource: &str, message: &str| {
        let statement = format!(r#"{{"Effect": "Allow", "Action": "*", "Resource": {resource}}}"#);
        refused(Identity, &statement, message);
    };
    refuse("[]", "Policy statement must contain resources.");
    refuse(
        r#""key/1""#,
        "Resource key/1 must be in ARN format or \"*\".",
    );
    refuse(
        r#""a:b:c""#,
        "Partition \"b\" is not valid for resource \"arn:b:c:*:*:*\".",
    );
    refuse(
        r#""aws:s3:::b""#,
        "Partition \"s3\" is not valid for resource \"arn:s3:::b:*\".",
    );
    refuse(r#""arn:aws:s3::b""#, "The policy failed legacy parsing");
    refuse(r#""arn:aws::::b""#, "The policy failed legacy parsing");
    refuse(
        r#""arn:aws:s3:eu-west-1::b""#,
        "Resource arn:aws:s3:eu-west-1::b can not contain region information.",
    );
    refuse(
        r#""arn:aws:iam::1:bucket""#,
        "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, \
         group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, \
         oidc-provider/, report/, access-report/.",
    );
    refuse(
        r#""arn:x:s3:::b""#,
        "Partition \"x\" is not valid for resource \"arn:x:s3:::b\".",
    );
    refuse(
        r#""arn:aws:*:::b""#,
        "Resource vendor must be fully qualified and cannot contain regexes.",
    );
    refuse(
        r#""arn:aws:iam:eu-west-1:1:user/x""#,
        "IAM resource arn:aws:iam:eu-west-1:1:user/x cannot contain region information.",
    );
    refuse(r#""arn:aws:s3:::${aws:username""#, SYNTAX);
    refused(
        Identity,
        r#"{"Effect": "Allow", "Action": "*"}"#,
        "Policy statement must contain resources.",
    );
    refused(
        Identity,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "NotResource": "*"}"#,
        SYNTAX,
    );
}

#[test]
fn policies_of_a_principal_name_no_principals() {
    let statement = r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#;
    for kind in [Identity, Boundary, Session] {
        refused(
            kind,
            statement,
            "Policy document should not specify a principal.",
        );
    }
    refused(ServiceControl, statement, ORGANIZATIONS);
}

#[test]
fn policies_of_a_resource_name_principals() {
    let statement = r#"{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}"#;
    refused(Resource, statement, "Missing required field Principal");
    refused(KeyPolicy, statement, KMS_PRINCIPAL);
    for principal in ["{}", r#"{"AWS": []}"#] {
        let statement = format!(
            r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "kms:*", "Resource": "*"}}"#
        );
        refused(KeyPolicy, &statement, KMS_PRINCIPAL);
    }
}

#[test]
fn invalid_principals_are_refused() {
    let with = |principal: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "kms:*", "Resource": "*"}}"#
        )
    };
    for principal in [
        r#"{"AWS": "arn:aws:iam::123456789:root"}"#,
        r#"{"AWS": "arn:aws:iam::111122223333:group/g"}"#,
        r#"{"AWS": ["*", "arn:aws:iam::111122223333:user/*"]}"#,
        r#"{"Service": "*"}"#,
        r#"{"Federated": "arn:aws:iam::111122223333:user/x"}"#,
        r#"{"CanonicalUser": "abc"}"#,
        r#""111122223333""#,
    ] {
        refused(KeyPolicy, &with(principal), KMS_PRINCIPAL);
    }
    refused(
        Resource,
        &with(r#"{"AWS": "arn:aws:iam::123456789:root"}"#),
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789:root\"",
    );
    refused(
        Resource,
        &with(r#"{"Service": "nobody"}"#),
        "Invalid principal in policy: \"SERVICE\":\"nobody\"",
    );
    refused(Resource, &with(r#"{"aws": "*"}"#), SYNTAX);
    refused(Resource, &with(r#"["*"]"#), SYNTAX);
}

#[test]
fn not_principal_goes_with_deny_in_resource_policies_only() {
    let with = |effect: &str| {
        format!(
            r#"{{"Effect": "{effect}", "NotPrincipal": "*", "Action": "sts:AssumeRole", "Resource": "*"}}"#
        )
    };
    for kind in [Resource, KeyPolicy] {
        accepted(kind, &with("Deny"));
        refused(kind, &with("Allow"), SYNTAX);
    }
    refused(Trust, &with("Deny"), SYNTAX);
    refused(
        Identity,
        &with("Deny"),
        "Policy document should not specify a principal.",
    );
}

#[test]
fn trust_policies_are_about_assuming_their_role() {
    let with = |rest: &str| {
        format!(r#"{{"Effect": "Allow", "Principal": {{"AWS": "111122223333"}}, {rest}}}"#)
    };
    refused(
        Trust,
        &with(r#""Action": "sts:AssumeRole", "Resource": "*""#),
        "Has prohibited field Resource.",
    );
    refused(
        Trust,
        &with(r#""Action": "sts:AssumeRole", "NotResource": "*""#),
        "Has prohibited field NotResource.",
    );
    let message = "Trust Policy statement actions can only be sts:AssumeRole, \
        sts:AssumeRoleWithSAML,  and sts:AssumeRoleWithWebIdentity";
    for action in ["*", "sts:*", "kms:Decrypt", "sts:AssumeRole*"] {
        refused(Trust, &with(&format!(r#""Action": "{action}""#)), message);
    }
    refused(Trust, &with(r#""NotAction": "sts:AssumeRole""#), SYNTAX);
    accepted(Trust, &with(r#""Action": "STS:assumerole""#));
}

#[test]
fn key_policy_statements_without_action_or_resource_are_kept_without_effect() {
    for rest in [
        r#""Resource": "*""#,
        r#""Action": "kms:*""#,
        r#""Action": [], "Resource": "*""#,
        r#""Action": "kms:*", "NotResource": []"#,
    ] {
        accepted(
            KeyPolicy,
            &format!(r#"{{"Effect": "Allow", "Principal": "*", {rest}}}"#),
        );
    }
}

#[test]
fn resource_control_policies_are_about_everyone() {
    let with = |principal: &str| {
        format!(r#"{{"Effect": "Deny", {principal}, "Action": "kms:*", "Resource": "*"}}"#)
    };
    accepted(ResourceControl, &with(r#""Principal": "*""#));
    accepted(ResourceControl, &with(r#""Principal": {"AWS": "*"}"#));
    refused(
        ResourceControl,
        &with(r#""Principal": {"AWS": "111122223333"}"#),
        ORGANIZATIONS,
    );
    refused(
        ResourceControl,
        &with(r#""NotPrincipal": "*""#),
        ORGANIZATIONS,
    );
}

#[test]
fn resource_control_policies_deny_only() {
    let with =
        |effect: &str, rest: &str| format!(r#"{{"Effect": "{effect}", "Principal": "*", {rest}}}"#);
    let everything = r#""Action": "*", "Resource": "*""#;
    accepted(ResourceControl, &with("Allow", everything));
    refused(ResourceControl, &with("Deny", everything), ORGANIZATIONS);
    for rest in [
        r#""Action": "kms:*", "Resource": "*""#,
        r#""Action": ["*", "kms:*"], "Resource": "arn:aws:kms:us-east-1:1:key/*""#,
        r#""Action": "*", "NotResource": "*""#,
        r#""Action": "*", "Resource": "*", "Condition": {"Null": {"aws:SourceArn": "true"}}"#,
    ] {
        refused(ResourceControl, &with("Allow", rest), ORGANIZATIONS);
    }
    accepted(
        ResourceControl,
        &with(
            "Deny",
            r#""Action": ["kms:*", "s3:Get*"], "NotResource": "arn:aws:s3:::b/*",
            "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}"#,
        ),
    );
}

#[test]
fn null_among_resources_is_passed_over_by_iam_only() {
    let statement = |rest: &str| format!(r#"{{"Effect": "Allow", "Action": "kms:*", {rest}}}"#);
    accepted(Identity, &statement(r#""Resource": ["*", null]"#));
    refused(
        Identity,
        &statement(r#""Resource": [null]"#),
        "Policy statement must contain resources.",
    );
    refused(
        KeyPolicy,
        &statement(r#""Principal": "*", "Resource": ["*", null]"#),
        SYNTAX,
    );
}

#[test]
fn conditions_are_checked() {
    let refuse = |condition: &str, message: &str| {
        let statement = format!(
            r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {condition}}}"#
        );
        refused(Identity, &statement, message);
    };
    refuse(r#"{"StringIs": {"aws:username": "a"}}"#, SYNTAX);
    // IAM keeps a key that names no service; KMS does not.
    let unnamed = r#"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*",
        "Condition": {"StringEquals": {"username": "a"}}}"#;
    accepted(Identity, &unnamed.replace(r#""Principal": "*","#, ""));
    refused(
        KeyPolicy,
        unnamed,
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    );
    refuse(r#"{"StringEquals": {"aws:username": null}}"#, SYNTAX);
    refuse(r#"{"StringEquals": {"aws:username": {"a": "b"}}}"#, SYNTAX);
    refuse(r#"{"StringEquals": "a"}"#, SYNTAX);
    refuse("[]", SYNTAX);
    refuse(
        r#"{"DateLessThan": {"aws:CurrentTime": "tomorrow"}}"#,
        "The policy failed legacy parsing",
    );
    accepted(
        Identity,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}"#,
    );
}

#[test]
fn for_all_values_over_one_context_entry_is_overly_permissive_in_a_key_policy() {
    let with = |effect: &str, key: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Principal": "*", "Action": "kms:*", "Resource": "*",
            "Condition": {{"ForAllValues:StringEquals": {{"{key}": "x"}}}}}}"#
        )
    };
    refused(
        KeyPolicy,
        &with("Allow", "kms:EncryptionContext:App"),
        "OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator with a \
         single-valued condition key matches requests without the specified encryption context \
         or with an unspecified encryption context. To fix, remove ForAllValues.",
    );
    refused(
        KeyPolicy,
        &with("Allow", "AWS:RequestTag/team"),
        "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued \
         condition key matches requests without the specified tag or with an unspecified tag. To \
         fix, remove ForAllValues.",
    );
    accepted(KeyPolicy, &with("Deny", "kms:EncryptionContext:App"));
    accepted(KeyPolicy, &with("Allow", "kms:EncryptionContextKeys"));
    accepted(Resource, &with("Allow", "kms:EncryptionContext:App"));
}

#[test]
fn characters_beyond_latin_1_are_refused() {
    let text = around(
        r#"{"Sid": "é", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#,
    );
    assert!(Document::parse(&text, Resource).is_ok());
    let error = Document::parse(&text.replace('é', "\u{153}"), Resource).unwrap_err();
    assert_eq!(error.fault(), &Fault::Character('\u{153}'));
    assert!(Document::parse(&text.replace('é', "\u{b}"), Resource).is_err());
}

#[test]
fn hostile_documents_are_refused_cheaply() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        Document::parse(&deep, Identity).unwrap_err().fault(),
        &Fault::TooDeep
    );
    let long = around(&" ".repeat(Document::MAX_BYTES));
    let error = Document::parse(&long, Identity).unwrap_err();
    assert_eq!(
        error.fault(),
        &Fault::TooLong {
            max: Document::MAX_BYTES
        }
    );
    let keys: Vec<String> = (0..20_000).map(|n| format!("\"{n}\":1")).collect();
    let wide = format!("{{{}}}", keys.join(","));
    assert!(matches!(
        Document::parse(&wide, Identity).unwrap_err().fault(),
        Fault::NoStatement
    ));
}

#[test]
fn errors_name_line_and_column() {
    let text =
        "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\n    \"Effect\": \"allow\"\n  }\n}";
    let error = Document::parse(text, Identity).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 4, column 15: `Effect` must be `Allow` or `Deny` to the letter, not `allow`"
    );
}

#[test]
fn the_source_text_is_kept_as_it_was() {
    let text = around(r#" { "Effect" : "Allow","Action":"*","Resource":"*" } "#);
    assert_eq!(Document::parse(&text, Identity).unwrap().text(), text);
    assert_eq!(crate::non_whitespace_len("{ \"a\":\n\t\"b c\" }"), 10);
}
