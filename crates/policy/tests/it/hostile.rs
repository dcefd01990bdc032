//! Documents that are built to hurt: nothing panics, and work stays in proportion.

use policy::{
    Action, Attached, Decision, Document, DocumentKind, Effect, NoKeys, Policies, Request, lint,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use types::{Arn, Principal};

const ORDINARY: &str = r#"{"Version": "2012-10-17", "Id": "i", "Statement": [
    {"Sid": "a", "Effect": "Allow", "Principal": {"AWS": ["111122223333", "*"], "Service":
    "sagemaker.amazonaws.com"}, "Action": ["kms:De*", "sts:AssumeRole"], "Resource":
    ["arn:aws:kms:*:111122223333:key/${aws:username, 'x'}*", "*"], "Condition":
    {"ForAllValues:StringLikeIfExists": {"aws:TagKeys": ["a*", "${aws:PrincipalTag/é}"]},
    "DateLessThan": {"aws:CurrentTime": "2026-11-24T00:00:00Z"}, "IpAddress":
    {"aws:SourceIp": ["10.0.0.0/8", "::/0"]}, "NumericEquals": {"s3:max-keys": 1.5e3},
    "Bool": {"aws:SecureTransport": true}, "Null": {"aws:TokenIssueTime": "false"}}},
    {"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::1:user/x"}, "NotAction": "*:Get*",
    "NotResource": "arn:aws:s3:::b/*"}]}"#;

fn bob() -> Principal {
    Principal::User {
        account: "111122223333".parse().unwrap(),
        arn: "arn:aws:iam::111122223333:user/Bob".parse().unwrap(),
        id: "AIDABOB00000000000001".parse().unwrap(),
        name: "Bob".to_owned(),
    }
}

fn allows(document: &Document, action: &str, resource: &str) -> bool {
    decision(document, action, resource).is_allowed()
}

fn decision(document: &Document, action: &str, resource: &str) -> Decision {
    let (principal, resource): (_, Arn) = (bob(), resource.parse().unwrap());
    let attached = [Attached {
        document,
        name: "p",
        arn: None,
    }];
    let request = Request {
        principal: &principal,
        action: &Action::parse(action).unwrap(),
        resource: Some(&resource),
        resource_account: principal.account(),
        keys: &NoKeys,
    };
    let policies = Policies {
        identity: &attached,
        ..Policies::default()
    };
    let decision = policy::evaluate(&request, &policies);
    let explained = policy::explain(&request, &policies);
    assert_eq!(explained.decision(), decision);
    decision
}

/// Reads text as every kind of document and looks at what comes of it.
fn take(text: &str) {
    for kind in DocumentKind::ALL {
        let findings = lint(text, kind);
        match Document::parse(text, kind) {
            Ok(document) => {
                assert_eq!(document.text(), text);
                assert!(!document.statements().is_empty());
                document.condition_keys();
                allows(
                    &document,
                    "kms:Decrypt",
                    "arn:aws:kms:us-east-1:111122223333:key/1",
                );
                let wrong = findings
                    .iter()
                    .any(|f| f.severity == policy::Severity::Error);
                assert!(!wrong, "{kind:?} accepts what its lint refuses: {text}");
            }
            Err(error) => {
                assert!(!error.aws_message().is_empty() && error.line() > 0);
                assert!(findings.iter().any(|f| f.code == error.fault().code()));
            }
        }
    }
}

fn around(rest: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": {rest}}}"#)
}

#[test]
fn an_ordinary_document_is_taken() {
    take(ORDINARY);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(3),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_taken(text in "\\PC{0,80}") {
        take(&text);
    }

    #[test]
    fn a_document_with_a_piece_cut_out_or_doubled_is_taken(
        from in 0..ORDINARY.len(),
        length in 0_usize..40,
        double in any::<bool>(),
    ) {
        let start = ORDINARY.floor_char_boundary(from);
        let end = ORDINARY.floor_char_boundary((start + length).min(ORDINARY.len()));
        let piece = if double { &ORDINARY[start..end] } else { "" };
        let text = format!("{}{piece}{}{}", &ORDINARY[..start], piece, &ORDINARY[end..]);
        take(&text);
    }

    #[test]
    fn a_document_with_strange_values_is_taken(
        value in prop_oneof!["[a${}*?',: ]{0,20}", "[0-9TZ:.+-]{0,24}", "\\PC{0,12}"],
        operator in prop::sample::select(&[
            "StringLike", "ArnLike", "DateEquals", "NumericEquals", "Bool", "IpAddress",
            "BinaryEquals", "Null",
        ][..]),
    ) {
        let value = serde_json::to_string(&value).unwrap();
        take(&around(&format!(
            r#"{{"Effect": "Allow", "Action": {value}, "Resource": {value},
            "Condition": {{"{operator}": {{"aws:username": {value}}}}}}}"#
        )));
    }
}

#[test]
fn wildcards_built_to_explode_do_not() {
    let pattern = "*a".repeat(2_000);
    let resource = format!("arn:aws:s3:::{}", "a".repeat(1_500));
    for pattern in [format!("{pattern}b"), format!("{}b", "?*".repeat(2_000))] {
        let text = around(&format!(
            r#"{{"Effect": "Allow", "Action": "s3:{pattern}", "Resource": "arn:aws:s3:::{pattern}"}}"#
        ));
        let document = Document::parse(&text, DocumentKind::Identity).unwrap();
        let action = format!("s3:{}", "a".repeat(1_500));
        assert!(!allows(&document, &action, &resource));
    }
}

/// A product of both lengths: what such statements say is not found out.
#[test]
fn what_takes_too_long_counts_against_the_request() {
    let pattern = format!(r#""arn:aws:s3:::*{}b*""#, "a?".repeat(450));
    let patterns = vec![pattern; 10].join(",");
    let resource = format!("arn:aws:s3:::{}", "a".repeat(1_900));
    let statement = |effect: &str, element: &str| {
        format!(r#"{{"Effect": "{effect}", "Action": "s3:*", "{element}": [{patterns}]}}"#)
    };
    let everything = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
    let decide = |statements: &str| {
        let document = Document::parse(&around(statements), DocumentKind::Identity).unwrap();
        decision(&document, "s3:GetObject", &resource)
    };
    let allowed = decide(everything);
    assert!(allowed.is_allowed());
    for effect in ["Allow", "Deny"] {
        for element in ["Resource", "NotResource"] {
            let denial = decide(&statement(effect, element)).denial().unwrap();
            assert!(denial.unfinished, "{effect} {element}");
            assert_eq!(denial.explicit, effect == "Deny", "{effect} {element}");
            let with_everything = format!("[{everything},{}]", statement(effect, element));
            let denied = decide(&with_everything).denial();
            // What allowed before that still allows.
            assert_eq!(denied.is_some(), effect == "Deny", "{effect} {element}");
        }
    }
    // What is about others is not asked at all.
    let other = statement("Deny", "Resource").replace("s3:*", "kms:*");
    assert!(decide(&format!("[{everything},{other}]")).is_allowed());
}

/// With a step for each `?` at each place of the text these would take minutes.
#[test]
fn runs_of_question_marks_are_stepped_over() {
    let marks = "?".repeat(100_000);
    let resource = format!("arn:aws:s3:::{}", "a".repeat(1_500));
    let action = format!("s3:{}", "a".repeat(1_000_000));
    for pattern in [
        format!("*{marks}Z"),
        format!("*a{marks}Z*"),
        format!("a*{marks}*?*Z?*"),
    ] {
        let text = around(&format!(
            r#"{{"Effect": "Allow", "Action": "s3:{pattern}", "Resource": "arn:aws:s3:::*"}}"#
        ));
        let document = Document::parse(&text, DocumentKind::Identity).unwrap();
        assert!(!allows(&document, &action, &resource));
    }
}

#[test]
fn ten_thousand_statements_are_decided() {
    let one = r#"{"Effect":"Deny","Action":"s3:x"}"#;
    let many = vec![one; 7_000].join(",");
    let error = Document::parse(&around(&format!("[{many}]")), DocumentKind::Identity).unwrap_err();
    assert_eq!(
        error.aws_message(),
        "Policy statement must contain resources."
    );
    // As many as fit into the largest document, in several documents.
    let small = r#"{"Effect":"Deny","Action":"a:b","Resource":"*"}"#;
    let text = around(&format!("[{}]", vec![small; 5_000].join(",")));
    let denies = Document::parse(&text, DocumentKind::Identity).unwrap();
    let everything = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
    let everything = Document::parse(&around(everything), DocumentKind::Identity).unwrap();
    let attach = |document| Attached {
        document,
        name: "p",
        arn: None,
    };
    let attached = [attach(&denies), attach(&denies), attach(&everything)];
    let count: usize = attached.iter().map(|a| a.document.statements().len()).sum();
    assert_eq!(count, 10_001);
    let principal = bob();
    let decide = |action: &str| {
        let request = Request {
            principal: &principal,
            action: &Action::parse(action).unwrap(),
            resource: None,
            resource_account: None,
            keys: &NoKeys,
        };
        let policies = Policies {
            identity: &attached,
            ..Policies::default()
        };
        policy::explain(&request, &policies)
    };
    assert!(decide("s3:ListBucket").decision().is_allowed());
    let outcome = decide("a:b");
    assert!(!outcome.decision().is_allowed());
    assert_eq!(outcome.smallest_change().unwrap().len(), 10_000);
}

#[test]
fn deep_nesting_is_refused_everywhere() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(30_000), close.repeat(30_000));
        for text in [
            deep.clone(),
            around(&deep),
            around(&format!(r#"{{"Effect": "Allow", "Condition": {deep}}}"#)),
        ] {
            for kind in DocumentKind::ALL {
                assert!(Document::parse(&text, kind).is_err());
            }
        }
    }
}

#[test]
fn condition_keys_are_listed_once_with_those_in_variables() {
    let document = Document::parse(
        &around(
            r#"[{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}",
            "Condition": {"StringLike": {"AWS:UserName": "a", "s3:prefix": "${aws:userid}"}}}]"#,
        ),
        DocumentKind::Identity,
    )
    .unwrap();
    let keys: Vec<&str> = document
        .condition_keys()
        .iter()
        .map(|k| k.original())
        .collect();
    assert_eq!(keys, ["aws:username", "s3:prefix", "aws:userid"]);
    assert_eq!(document.statements()[0].effect(), Effect::Allow);
}
