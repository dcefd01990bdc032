//! Whether the random cases reach every part of the rules: where they never do, their agreement
//! proves nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::case::{Case, CasePolicies, Who};
use crate::{naive, random};

/// How many cases are drawn, and how many of them each part must have decided.
const CASES: u32 = 4_000;
const LEAST: u32 = 5;

const OUTCOMES: [&str; 3] = ["ALLOW", "DENY(e)", "DENY(i)"];

#[test]
fn the_random_cases_reach_every_part() {
    let mut runner = TestRunner::new(random::config(CASES));
    let cases = random::case();
    let mut reached: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..CASES {
        let case = cases.new_tree(&mut runner).unwrap().current();
        for part in parts(&case) {
            *reached.entry(part).or_default() += 1;
        }
    }
    let callers = [
        "user",
        "role",
        "service-linked role",
        "federated user",
        "federated user of a known issuer",
        "root",
        "service",
    ];
    let rules = ["none", "general", "key", "key, grants only", "trust"];
    let by_outcome = callers.iter().chain(&rules);
    let expected = by_outcome.flat_map(|part| OUTCOMES.map(|outcome| format!("{part}: {outcome}")));
    let expected = expected.chain(ACCOUNTS.map(str::to_owned));
    let expected = expected.chain(PARTS.map(|(part, _)| format!("{part} decides")));
    for part in expected {
        let count = reached.get(&part).copied().unwrap_or_default();
        assert!(
            count >= LEAST,
            "`{part}` in {count} of {CASES} cases: {reached:#?}"
        );
    }
}

const ACCOUNTS: [&str; 4] = [
    "own account: ALLOW",
    "own account: DENY(i)",
    "other account: ALLOW",
    "other account: DENY(i)",
];

type Without = fn(&mut CasePolicies);

/// What may decide a case: without it the outcome is another one.
const PARTS: [(&str, Without); 10] = [
    ("an identity policy", |policies| policies.identity.clear()),
    ("a boundary", |policies| policies.boundary = None),
    ("a session policy", |policies| policies.session = None),
    ("a resource's policy", |policies| policies.resource = None),
    ("a service control policy", |policies| {
        policies.service_control.clear();
    }),
    ("a resource control policy", |policies| {
        policies.resource_control.clear();
    }),
    ("a grant", |policies| policies.grants.clear()),
    ("a share", |policies| policies.shares.clear()),
    ("a condition", |policies| {
        each_statement(policies, |statement| {
            statement.as_object_mut().unwrap().remove("Condition");
        });
    }),
    ("a NotPrincipal", |policies| {
        each_statement(policies, |statement| {
            let statement = statement.as_object_mut().unwrap();
            if statement.remove("NotPrincipal").is_some() {
                statement.insert("Principal".to_owned(), "*".into());
            }
        });
    }),
];

fn each_statement(policies: &mut CasePolicies, change: impl Fn(&mut Value)) {
    let levels = policies.service_control.iter_mut();
    let levels = levels.chain(&mut policies.resource_control).flatten();
    let resource = policies.resource.iter_mut();
    let documents = policies.identity.iter_mut();
    let documents = documents
        .chain(&mut policies.boundary)
        .chain(policies.session.iter_mut().flatten())
        .chain(levels)
        .chain(&mut policies.shares)
        .chain(resource.map(|resource| &mut resource.document));
    for document in documents {
        document["Statement"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(&change);
    }
}

fn parts(case: &Case) -> Vec<String> {
    let outcome = naive::outcome(case);
    let rule = case.policies.resource.as_ref();
    let rule = rule.map_or("none", |resource| resource.rule.as_str());
    let mut parts = vec![
        format!("{}: {outcome}", caller(&case.principal)),
        format!("{rule}: {outcome}"),
    ];
    if let Some(account) = naive::account_of(&case.principal) {
        let own = naive::owner_of(case).as_deref() == Some(account);
        let whose = if own { "own" } else { "other" };
        parts.push(format!("{whose} account: {outcome}"));
    }
    for (part, without) in PARTS {
        let mut case = case.clone();
        without(&mut case.policies);
        if naive::outcome(&case) != outcome {
            parts.push(format!("{part} decides"));
        }
    }
    parts
}

fn caller(who: &Who) -> &'static str {
    match who {
        Who::User { .. } => "user",
        Who::Role { role, .. } if role.starts_with("aws-service-role/") => "service-linked role",
        Who::Role { .. } => "role",
        Who::Federated { issuer: None, .. } => "federated user",
        Who::Federated { .. } => "federated user of a known issuer",
        Who::Root { .. } => "root",
        Who::Service { .. } => "service",
    }
}
