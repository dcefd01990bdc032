//! A decision allocates nothing.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod set;

use policy::{Action, Attached, Decision, Document, Policies, Request, ResourcePolicy, evaluate};
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

/// The test above would see one.
#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1);
}
