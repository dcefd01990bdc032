//! What the index leaves out, and that it leaves out nothing else.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use types::{Arn, Principal};

use super::Index;
use crate::{
    Action, Attached, Document, DocumentKind, NoKeys, Policies, Request, ResourcePolicy, Steps,
};

/// The statements that the index gives for an action are those that cover it, in order.
fn check(actions: &[&str]) {
    let statements: Vec<String> = actions
        .iter()
        .map(|action| format!(r#"{{"Effect":"Allow",{action},"Resource":"*"}}"#))
        .collect();
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        statements.join(",")
    );
    let document = Document::parse(&text, DocumentKind::Identity).unwrap();
    for action in [
        "kms:Decrypt",
        "KMS:DECRYPT",
        "kms:Encrypt",
        "s3:GetObject",
        "s3:X",
    ] {
        let action = Action::parse(action).unwrap();
        let covers = |number: &usize| {
            document.statements[*number]
                .actions
                .cover(&action, &Steps::default())
        };
        let all: Vec<usize> = (0..document.statements.len()).filter(covers).collect();
        let candidates = document.index.candidates(&action, "*");
        let given: Vec<usize> = candidates
            .filter(|(number, surely)| *surely || covers(number))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(given, all, "{action} in {text}");
    }
}

#[test]
fn the_index_gives_the_statements_that_cover_an_action_in_order() {
    check(&[r#""Action":"kms:Decrypt""#]);
    check(&[
        r#""Action":["kms:decrypt","KMS:Decrypt","s3:GetObject"]"#,
        r#""Action":"kms:*""#,
        r#""Action":["kms:Encrypt","kms:Decrypt"]"#,
        r#""NotAction":"kms:Decrypt""#,
        r#""Action":["s3:GetObject","kms:D*"]"#,
        r#""Action":"s3:getobject""#,
        r#""Action":"*""#,
        r#""Action":"kms:Decrypt""#,
    ]);
}

#[test]
fn statements_about_other_resources_are_left_out() {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket-a/*"},
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-b/*"},
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-a/x"},
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-?/y"},
        {"Effect":"Allow","Action":"s3:GetObject","NotResource":"arn:aws:s3:::bucket-b/*"},
        {"Effect":"Allow","Action":"s3:GetObject",
         "Resource":["arn:aws:s3:::bucket-b/*","arn:aws:s3:::bucket-a/*"]},
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:username}/*"},
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
    let document = Document::parse(text, DocumentKind::Identity).unwrap();
    let action = Action::from_static("s3:GetObject");
    let numbers = |resource| -> Vec<usize> {
        let candidates = document.index.candidates(&action, resource);
        candidates.map(|(number, _)| number).collect()
    };
    assert_eq!(numbers("arn:aws:s3:::bucket-a/x"), [0, 2, 3, 4, 5, 6, 7]);
    assert_eq!(numbers("arn:aws:s3:::bucket-b/x"), [1, 3, 4, 5, 6, 7]);
    assert_eq!(numbers("arn:aws:s3:::b"), [4, 5, 6, 7]);
    assert_eq!(numbers("*"), [4, 5, 6, 7]);
}

#[test]
fn an_exact_action_is_not_asked_again() {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"},
        {"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"},
        {"Effect":"Allow","Action":"kms:D*","Resource":"*"}]}"#;
    let document = Document::parse(text, DocumentKind::Identity).unwrap();
    let action = Action::from_static("kms:Decrypt");
    let candidates: Vec<_> = document.index.candidates(&action, "*").collect();
    assert_eq!(candidates, [(0, true), (2, false)]);
}

const ACTIONS: [&str; 14] = [
    "kms:Decrypt",
    "KMS:DECRYPT",
    "kms:decrypt",
    "kms:Encrypt",
    "kms:D*",
    "kms:*",
    "*",
    "*:*",
    "kms:Decryp?",
    "s3:GetObject",
    "s3:Get*",
    "s3:PutObject",
    "sts:AssumeRole",
    "iam:GetUser",
];

const RESOURCES: [&str; 15] = [
    "*",
    "arn:aws:s3:::bucket-a/*",
    "arn:aws:s3:::bucket-a/x",
    "arn:aws:s3:::bucket-b/*",
    "arn:aws:s3:::bucket-?/x",
    "arn:aws:s3:::bucket*",
    "arn:aws:s3:::${aws:username}/x",
    "arn:aws:s3:::bucket-${aws:username, 'a'}/x",
    "arn:aws:kms:us-east-1:111122223333:key/1",
    "arn:aws:kms:*:111122223333:key/*",
    "arn:aws:kms:us-east-1:*:key/2",
    "arn:aws:kms:us-east-1:111122223333:key/${*}1",
    "arn:*:kms:us-east-1:111122223333:key/1",
    "arn:aws:kms",
    "arn:aws:iam::111122223333:user/Bob",
];

/// One of a list, or two or three of it.
fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        select(all).prop_map(|one| json!(one)),
        prop::collection::vec(select(all), 1..4).prop_map(|list| json!(list)),
    ]
}

fn statement() -> impl Strategy<Value = Value> {
    let effect = select(&["Allow", "Allow", "Deny"][..]);
    let (action, resource) = (some_of(&ACTIONS), some_of(&RESOURCES));
    let inverted = (prop::bool::weighted(0.15), prop::bool::weighted(0.15));
    let condition = prop::option::weighted(0.2, select(&["true", "false"][..]));
    (effect, action, resource, inverted, condition).prop_map(
        |(effect, action, resource, (not_action, not_resource), condition)| {
            let mut statement = json!({ "Effect": effect });
            let name = if not_action { "NotAction" } else { "Action" };
            statement[name] = action;
            let name = if not_resource {
                "NotResource"
            } else {
                "Resource"
            };
            statement[name] = resource;
            if let Some(value) = condition {
                statement["Condition"] = json!({ "Null": { "aws:TokenIssueTime": value } });
            }
            statement
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// The same decision for the same reasons, near misses and changes included.
    #[test]
    fn the_index_changes_nothing_but_the_work(
        statements in prop::collection::vec(statement(), 1..9),
        for_resource in any::<bool>(),
        action in select(&[
            "kms:Decrypt", "KMS:decrypt", "kms:Encrypt", "kms:DescribeKey", "s3:GetObject",
            "s3:GetBucketPolicy", "sts:AssumeRole", "iam:GetUser", "sagemaker:GetRecord",
        ][..]),
        resource in prop::option::weighted(0.9, select(&[
            "arn:aws:s3:::bucket-a/x", "arn:aws:s3:::bucket-b/x", "arn:aws:s3:::bucket-a",
            "arn:aws:s3:::Bob/x", "arn:aws:kms:us-east-1:111122223333:key/1",
            "arn:aws:kms:us-east-1:444455556666:key/2", "arn:aws:iam::111122223333:user/Bob",
            "arn:aws:kms:us-east-1:111122223333:key/*1",
        ][..])),
    ) {
        let mut statements = statements;
        if for_resource {
            for statement in &mut statements {
                statement["Principal"] = json!("*");
            }
        }
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let kind = if for_resource { DocumentKind::Resource } else { DocumentKind::Identity };
        let parsed = Document::parse(&text, kind);
        prop_assume!(parsed.is_ok());
        let indexed = parsed.unwrap();
        let mut scanned = indexed.clone();
        scanned.index = Index::of_all(&scanned.statements);
        let bob = Principal::User {
            account: "111122223333".parse().unwrap(),
            arn: "arn:aws:iam::111122223333:user/Bob".parse().unwrap(),
            id: "AIDABOB00000000000001".parse().unwrap(),
            name: "Bob".to_owned(),
        };
        let resource: Option<Arn> = resource.map(|arn| arn.parse().unwrap());
        let action = Action::parse(action).unwrap();
        let request = Request {
            principal: &bob,
            action: &action,
            resource: resource.as_ref(),
            resource_account: bob.account(),
            keys: &NoKeys,
        };
        let decided = |document: &Document| {
            let attached = [Attached { document, name: "p", arn: None }];
            let policies = if for_resource {
                Policies { resource: ResourcePolicy::General(document), ..Policies::NONE }
            } else {
                Policies { identity: &attached, ..Policies::NONE }
            };
            (crate::evaluate(&request, &policies), crate::explain(&request, &policies))
        };
        prop_assert_eq!(decided(&indexed), decided(&scanned), "{}", text);
    }
}
