//! A decision allocates nothing, and a compiled document takes little more than its text.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod set;

use policy::{
    Action, Attached, Decision, Document, DocumentKind, Policies, Request, ResourcePolicy, evaluate,
};
use set::Question;
use types::Arn;

/// What a question allocates over ten policies of ten statements, and its answer.
fn measure(ask: impl Fn(&[Vec<set::Rule>]) -> Question) -> (u64, Decision) {
    let rules = set::rules(10, 10);
    let documents: Vec<Document> = rules.iter().map(|rules| set::document(rules)).collect();
    let attached: Vec<Attached<'_>> = documents
        .iter()
        .map(|document| Attached {
            document,
            name: "p",
            arn: None,
        })
        .collect();
    let question = ask(&rules);
    let resource: Arn = question.resource.parse().unwrap();
    let principal = set::alice();
    let action = Action::from_static(question.action);
    let request = Request {
        principal: &principal,
        action: &action,
        resource: Some(&resource),
        resource_account: principal.account(),
        keys: &question,
    };
    let policies = Policies {
        identity: &attached,
        boundary: Some(attached[9]),
        session: Some(&attached),
        resource: ResourcePolicy::None,
        service_control: &[],
        resource_control: &[],
        grants: &[],
    };
    let mut decision = None;
    let counted = allocation_counter::measure(|| decision = Some(evaluate(&request, &policies)));
    (counted.count_total, decision.unwrap())
}

#[test]
fn an_allowed_request_allocates_nothing() {
    let (count, decision) = measure(Question::allowed);
    assert!(decision.is_allowed());
    assert_eq!(count, 0);
}

#[test]
fn a_denied_request_allocates_nothing() {
    let (count, decision) = measure(Question::denied);
    assert!(decision.denial().is_some_and(|denial| !denial.explicit));
    assert_eq!(count, 0);
    let (count, decision) = measure(Question::denied_explicitly);
    assert!(decision.denial().is_some_and(|denial| denial.explicit));
    assert_eq!(count, 0);
}

/// Whoever stores a policy is charged for its text.
#[test]
fn runs_of_wildcards_take_no_more_memory_than_their_text() {
    for value in [
        format!("*{}", "?".repeat(30_000)),
        format!("${{aws:username}}{}", "?".repeat(30_000)),
        format!("${{aws:username}}{}", "?*".repeat(15_000)),
    ] {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*",
            "Principal": "*", "Resource": "*",
            "Condition": {{"StringLike": {{"aws:UserAgent": "{value}"}}}}}}}}"#
        );
        let mut document = None;
        let counted = allocation_counter::measure(|| {
            document = Some(Document::parse(&text, DocumentKind::KeyPolicy).unwrap());
        });
        let kept = usize::try_from(counted.bytes_current).unwrap();
        assert!(kept < 2 * text.len(), "{kept} bytes for {}", text.len());
    }
}

/// Of what takes most for its text, no more is kept than is said.
#[test]
fn a_document_says_what_memory_it_takes() {
    let condition = |operator: &str, values: &str| {
        format!(
            r#""Action": "*", "Resource": "*", "Condition": {{"{operator}": {{"a:b": [{values}]}}}}"#
        )
    };
    let many = |text: &str| format!("{}{text}", format!("{text},").repeat(999));
    for rest in [
        condition("StringLike", &format!(r#""{}""#, "a?".repeat(5_000))),
        condition("StringLike", &format!(r#""{}""#, "${a:b}?".repeat(2_000))),
        condition("StringLike", &many(r#""a*b""#)),
        condition("StringEquals", &many(r#""a""#)),
        condition("NumericEquals", &many("1")),
        condition("BinaryEquals", &many(r#""YQ==""#)),
        format!(r#""Action": [{}], "Resource": "*""#, many(r#""a:b""#)),
        format!(r#""Action": [{}], "Resource": "*""#, many(r#""a:b*c""#)),
        format!(
            r#""Action": "*", "Resource": [{}]"#,
            many(r#""arn:aws:s3:::a*b""#)
        ),
    ] {
        let one = r#"{"Effect": "Deny", "Action": "a:b", "Resource": "*"}"#;
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{one}, {{"Effect": "Allow", {rest}}}]}}"#
        );
        let mut document = None;
        let counted = allocation_counter::measure(|| {
            document = Some(Document::parse(&text, DocumentKind::Identity).unwrap());
        });
        let kept = usize::try_from(counted.bytes_current).unwrap();
        let said = document.unwrap().memory() + text.len();
        assert!(said >= kept - 200, "{said} for {kept}: {rest:.60}");
        assert!(said < 3 * kept, "{said} for {kept}: {rest:.60}");
    }
}

/// The tests above would see one.
#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1);
}
