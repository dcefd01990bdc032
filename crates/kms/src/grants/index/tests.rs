//! Many grants of one key, and how many of them a request looks at.

use std::cell::Cell;

use store::Batch;
use types::{Arn, Timestamp, UniqueId};

use super::*;
use crate::grants::record::Terms;
use crate::testing::{self, KEY_ID};

const ALICE: &str = "AIDAALICE00000000000";

fn alice() -> Principal {
    let arn: Arn = "arn:aws:iam::111122223333:user/Alice".parse().unwrap();
    Principal::User {
        account: testing::account(),
        arn,
        id: ALICE.parse().unwrap(),
        name: "Alice".to_owned(),
    }
}

fn identity(id: &str) -> Party {
    let id: UniqueId = id.parse().unwrap();
    Party::Identity {
        arn: "arn:aws:iam::111122223333:user/Alice".parse().unwrap(),
        id,
    }
}

fn subset(pairs: &[(&str, &str)]) -> Constraints {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Constraints {
        context: Some(ContextConstraint::Subset(pairs.iter().map(pair).collect())),
        source_arn: None,
    }
}

/// A key with grants, added one after the other.
struct Granted {
    key: KeyRecord,
    snapshot: Snapshot,
    next: u64,
}

impl Granted {
    fn new() -> Self {
        let snapshot = testing::with_keys(&[KEY_ID]);
        let row = testing::row(&testing::view(&snapshot), KEY_ID);
        Self {
            key: KeyRecord::clone(&row.record),
            snapshot,
            next: 2,
        }
    }

    fn grant(&mut self, grantee: Party, operations: &[GrantedOperation], limits: Constraints) {
        let grant = GrantRecord {
            id: format!("{:064x}", self.next),
            account: self.key.account,
            region: self.key.region.clone(),
            key: self.key.id.clone(),
            created: Timestamp::EPOCH,
            place: place(&self.snapshot, &self.key, &grantee, &limits),
            terms: Terms {
                name: None,
                grantee,
                retiring: None,
                operations: operations.iter().copied().collect(),
                constraints: limits,
                issuing_account: self.key.account,
            },
        };
        let mut batch = Batch::default();
        grant.store(&testing::view(&self.snapshot), &mut batch);
        self.snapshot = testing::commit(&self.snapshot, self.next, &batch);
        self.next += 1;
    }

    /// How many grants cover the request, and how many were looked at.
    fn ask(&self, operation: GrantedOperation, context: &[(&str, &str)]) -> (usize, usize) {
        self.ask_for(operation, context, None)
    }

    fn ask_for(
        &self,
        operation: GrantedOperation,
        context: &[(&str, &str)],
        source: Option<&str>,
    ) -> (usize, usize) {
        let asked = Asked {
            operation,
            context: Pairs::of(context.iter().copied()),
            source,
        };
        let view = testing::view(&self.snapshot);
        let looked = Cell::new(0);
        let covers = |grant: &GrantRecord| {
            looked.set(looked.get() + 1);
            let context = operation.has_context().then_some(&asked.context);
            grant.terms.constraints.hold(context, source)
        };
        let places = || places_of(&asked);
        let found = found(&view, &self.key, &alice(), operation, places, covers);
        assert_eq!(found, matching(&view, &self.key, &alice(), &asked));
        (found.len(), looked.get())
    }
}

#[test]
fn one_grant_among_many_is_found_at_once() {
    let mut key = Granted::new();
    for number in 0..500 {
        let name = format!("table{number}");
        let limits = subset(&[("account", "1"), ("table", &name)]);
        key.grant(identity(ALICE), &[GrantedOperation::Decrypt], limits);
        let other = format!("AIDA{number:016}");
        let operations = [GrantedOperation::Decrypt];
        key.grant(identity(&other), &operations, Constraints::default());
    }
    let request = [("account", "1"), ("table", "table400"), ("x", "y")];
    let (found, looked) = key.ask(GrantedOperation::Decrypt, &request);
    assert_eq!(found, 1);
    // The first few, before the shared pair was crowded, are in its place.
    assert!(looked < 70, "{looked}");
    let (found, looked) = key.ask(GrantedOperation::Decrypt, &[("table", "table400")]);
    assert_eq!(found, 0);
    assert!(looked < 3, "{looked}");
}

#[test]
fn of_equal_grants_one_is_looked_at_whether_it_covers_or_not() {
    let mut key = Granted::new();
    for _ in 0..500 {
        let limits = subset(&[("a", "1"), ("b", "1")]);
        key.grant(identity(ALICE), &[GrantedOperation::Decrypt], limits);
    }
    let decrypt = GrantedOperation::Decrypt;
    for (request, expected) in [(&[("a", "1")][..], 0), (&[("a", "1"), ("b", "1")], 2)] {
        let (found, looked) = key.ask(decrypt, request);
        // One in the place of each pair.
        assert!(found <= expected && looked <= 2, "{found} {looked}");
        assert_eq!(found > 0, expected > 0);
    }
}

#[test]
fn what_a_request_looks_at_is_bounded() {
    let mut key = Granted::new();
    // All subsets of twelve pairs but the smallest, so that every place is crowded.
    let names: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
    let pairs_of = |bits: u32| {
        let chosen = names.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| bits & (1 << place) != 0);
        chosen
            .map(|(_, name)| (name.as_str(), "1"))
            .collect::<Vec<_>>()
    };
    for bits in 1..4096_u32 {
        let mut pairs = pairs_of(bits);
        if pairs.len() > 7 {
            continue;
        }
        pairs.push(("never", "1"));
        let limits = subset(&pairs);
        key.grant(identity(ALICE), &[GrantedOperation::Decrypt], limits);
    }
    let (found, looked) = key.ask(GrantedOperation::Decrypt, &pairs_of(4095));
    assert_eq!(found, 0);
    assert!(looked > LOOKS && looked <= ALL_LOOKS, "{looked}");
    // What one grantee has leaves the places of others.
    key.grant(
        Party::Account(testing::account()),
        &[GrantedOperation::Decrypt],
        Constraints::default(),
    );
    assert_eq!(key.ask(GrantedOperation::Decrypt, &pairs_of(4095)).0, 1);
    // None is looked for under a context that no call can use.
    let long = "x".repeat(CONTEXT + 1);
    let (found, looked) = key.ask(GrantedOperation::Decrypt, &[("never", &long)]);
    assert_eq!((found, looked), (0, 0));
}

#[test]
fn grants_of_other_operations_take_nothing_from_a_request() {
    let mut key = Granted::new();
    let others = [
        GrantedOperation::Encrypt,
        GrantedOperation::GenerateDataKey,
        GrantedOperation::GenerateDataKeyWithoutPlaintext,
        GrantedOperation::ReEncryptFrom,
        GrantedOperation::ReEncryptTo,
        GrantedOperation::CreateGrant,
        GrantedOperation::RetireGrant,
        GrantedOperation::DescribeKey,
        GrantedOperation::GenerateDataKeyPair,
        GrantedOperation::GenerateDataKeyPairWithoutPlaintext,
    ];
    // Every set of them: more than a request looks at in one place.
    for bits in 1..1024_u32 {
        let chosen = others.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| bits & (1 << place) != 0);
        let chosen: Vec<_> = chosen.map(|(_, operation)| *operation).collect();
        key.grant(identity(ALICE), &chosen, Constraints::default());
        if bits % 8 == 0 {
            key.grant(identity(ALICE), &chosen, subset(&[("team", "ml")]));
        }
    }
    let request = [("team", "ml")];
    assert_eq!(key.ask(GrantedOperation::Decrypt, &request), (0, 0));
    key.grant(
        Party::Account(testing::account()),
        &[GrantedOperation::Decrypt],
        Constraints::default(),
    );
    assert_eq!(key.ask(GrantedOperation::Decrypt, &request), (1, 1));
}

#[test]
fn the_parent_of_a_grant_is_found_among_many() {
    let mut key = Granted::new();
    let operations = [GrantedOperation::Decrypt, GrantedOperation::CreateGrant];
    for number in 0..2000 {
        let name = format!("table{number}");
        key.grant(identity(ALICE), &operations, subset(&[("table", &name)]));
    }
    let view = testing::view(&key.snapshot);
    let check = |child: &Constraints, expected: usize| {
        let child = (&[GrantedOperation::Decrypt].into(), child);
        let found = parents(&view, &key.key, &alice(), None, child);
        assert_eq!(found.len(), expected, "{child:?}");
    };
    for number in [0, 1, 1023, 1024, 1999] {
        let name = format!("table{number}");
        check(&subset(&[("table", &name)]), 1);
        check(&subset(&[("table", &name), ("column", "a")]), 1);
        let pairs = [("TABLE".to_owned(), name.clone())].into();
        let exact = Constraints {
            context: Some(ContextConstraint::Equals(pairs)),
            source_arn: None,
        };
        check(&exact, 1);
    }
    check(&subset(&[("table", "table2000")]), 0);
    check(&Constraints::default(), 0);
}

#[test]
fn a_parent_with_an_exact_context_is_for_the_same_only() {
    let mut key = Granted::new();
    let exact = |pairs: &[(&str, &str)]| {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Constraints {
            context: Some(ContextConstraint::Equals(pairs.iter().map(pair).collect())),
            source_arn: None,
        }
    };
    let operations = [GrantedOperation::Decrypt, GrantedOperation::CreateGrant];
    key.grant(
        identity(ALICE),
        &operations,
        exact(&[("a", "1"), ("b", "2")]),
    );
    let view = testing::view(&key.snapshot);
    let check = |child: Constraints, expected: usize| {
        let child = (&[GrantedOperation::Decrypt].into(), &child);
        assert_eq!(
            parents(&view, &key.key, &alice(), None, child).len(),
            expected
        );
    };
    check(exact(&[("b", "2"), ("A", "1")]), 1);
    check(exact(&[("a", "1")]), 0);
    check(subset(&[("a", "1"), ("b", "2")]), 0);
    check(Constraints::default(), 0);
}

#[test]
fn grants_for_many_sources_are_not_looked_at_one_by_one() {
    let arn =
        |number: usize| format!("arn:aws:sagemaker:us-east-1:111122223333:feature-group/{number}");
    let operations = [
        GrantedOperation::Decrypt,
        GrantedOperation::DescribeKey,
        GrantedOperation::CreateGrant,
    ];
    let mut key = Granted::new();
    for number in 0..300 {
        for context in [None, Some("team"), Some("purpose")] {
            let limits = context.map_or_else(Constraints::default, |name| subset(&[(name, "ml")]));
            let limits = Constraints {
                source_arn: Some(arn(number)),
                ..limits
            };
            key.grant(identity(ALICE), &operations, limits);
        }
    }
    let request = [("team", "ml")];
    let source = arn(299);
    let (found, looked) = key.ask_for(GrantedOperation::Decrypt, &request, Some(&source));
    // One without a constraint on the context, and one with this.
    assert_eq!((found, looked), (2, 2));
    let (found, looked) = key.ask_for(GrantedOperation::DescribeKey, &[], Some(&source));
    assert_eq!((found, looked), (1, 1));
    for source in [
        None,
        Some("arn:aws:sagemaker:us-east-1:111122223333:feature-group/x"),
    ] {
        for operation in operations {
            assert_eq!(
                key.ask_for(operation, &request, source),
                (0, 0),
                "{source:?}"
            );
        }
    }
    let view = testing::view(&key.snapshot);
    let child = (
        &[GrantedOperation::Decrypt].into(),
        &subset(&[("team", "ml")]),
    );
    let parents = |source| parents(&view, &key.key, &alice(), source, child).len();
    // A child without the source is wider than any of these.
    assert_eq!(parents(Some(source.as_str())), 0);
    let narrow = Constraints {
        source_arn: Some(source.clone()),
        ..child.1.clone()
    };
    let found = super::parents(&view, &key.key, &alice(), Some(&source), (child.0, &narrow));
    // One without a constraint on the context, and one with the child's.
    assert_eq!(found.len(), 2);
    let found = super::parents(&view, &key.key, &alice(), None, (child.0, &narrow));
    assert!(found.is_empty());
}

#[test]
fn grants_that_count_alike_are_looked_at_once() {
    let mut key = Granted::new();
    for _ in 0..300 {
        let operations = [GrantedOperation::Encrypt, GrantedOperation::DescribeKey];
        key.grant(identity(ALICE), &operations, Constraints::default());
    }
    assert_eq!(key.ask(GrantedOperation::Encrypt, &[]), (1, 1));
    assert_eq!(key.ask(GrantedOperation::DescribeKey, &[]), (1, 1));
    assert_eq!(key.ask(GrantedOperation::Decrypt, &[]), (0, 0));
}

#[test]
fn operations_without_a_context_pass_over_its_constraint() {
    let mut key = Granted::new();
    let operations = [GrantedOperation::Decrypt, GrantedOperation::DescribeKey];
    key.grant(identity(ALICE), &operations, subset(&[("team", "ml")]));
    assert_eq!(key.ask(GrantedOperation::DescribeKey, &[]).0, 1);
    assert_eq!(key.ask(GrantedOperation::Decrypt, &[]).0, 0);
    assert_eq!(key.ask(GrantedOperation::Decrypt, &[("TEAM", "ml")]).0, 1);
}

#[test]
fn the_callers_account_is_told_from_the_caller() {
    let mut key = Granted::new();
    let operations = [GrantedOperation::Encrypt];
    let account = Party::Account(testing::account());
    key.grant(account, &operations, Constraints::default());
    let view = testing::view(&key.snapshot);
    let asked = Asked {
        operation: GrantedOperation::Encrypt,
        context: Pairs::of(std::iter::empty()),
        source: None,
    };
    let found = matching(&view, &key.key, &alice(), &asked);
    assert!(found.iter().all(|grant| grant.delegates_to_account));
    assert_eq!(found.len(), 1);
}
