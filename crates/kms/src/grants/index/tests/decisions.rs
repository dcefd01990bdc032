//! Which of the grants that cover a request decide.

use std::collections::BTreeMap;

use super::*;

#[test]
fn a_change_depends_on_the_grant_that_allows_it() {
    let mut key = Granted::new();
    key.grant(
        identity(ALICE),
        &[GrantedOperation::CreateGrant],
        Constraints::default(),
    );
    let view = View::recording(Arc::new(key.snapshot.clone()));
    let operations = BTreeSet::from([GrantedOperation::CreateGrant]);
    let child = (&operations, &Constraints::default());
    let [parent] = parents(&view, &key.key, &alice(), None, child)
        .try_into()
        .unwrap();
    let reads = view.reads();
    assert!(reads.iter().all(|read| read.holds_in(&key.snapshot)));
    let mut revoked = Batch::default();
    let (_, row) = key
        .snapshot
        .scan(&GRANTS, &key.key.row_key())
        .next()
        .unwrap();
    assert_eq!(row.record.id, parent.id);
    row.record.unlist(&mut revoked);
    let later = testing::commit(&key.snapshot, key.next + 1, &revoked);
    assert!(!reads.iter().all(|read| read.holds_in(&later)));
}

#[test]
fn of_grants_that_decide_differently_the_stronger_are_found() {
    let (own, other) = (testing::account(), "444455556666".parse().unwrap());
    let decrypt = BTreeSet::from([GrantedOperation::Decrypt]);
    let (user, account) = (|| identity(ALICE), || Party::Account(own));
    // Whom a grant is for, from which account it was made, and which of them are found.
    let check =
        |given: Vec<(Party, AccountId)>, expected: &[(AccountId, bool)]| {
            let mut key = Granted::new();
            key.fill(given.into_iter().map(|(grantee, issuer)| {
                (grantee, decrypt.clone(), Constraints::default(), issuer)
            }));
            let view = testing::view(&key.snapshot);
            let asked = Asked {
                operation: GrantedOperation::Decrypt,
                context: Pairs::of(std::iter::empty()),
                source: None,
            };
            let found = matching(&view, &key.key, &alice(), &asked).into_iter();
            let found: Vec<_> = found
                .map(|grant| (grant.issuing_account, grant.delegates_to_account))
                .collect();
            assert_eq!(found, expected);
        };
    check(
        vec![(account(), own), (user(), other), (user(), own)],
        &[(own, false)],
    );
    check(
        vec![(account(), own), (account(), other), (user(), other)],
        &[(own, true), (other, false)],
    );
    check(vec![(account(), other), (user(), other)], &[(other, false)]);
    check(vec![(account(), other), (account(), own)], &[(own, true)]);
    check(vec![(account(), other)], &[(other, true)]);
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

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }

    fn pairs(&mut self) -> BTreeMap<String, String> {
        let keys = ["a", "b", "c"].into_iter().filter(|_| self.below(2) == 0);
        let keys: Vec<_> = keys.collect();
        let pair = |key: &str| (key.to_owned(), self.below(2).to_string());
        keys.into_iter().map(pair).collect()
    }

    fn source(&mut self) -> Option<String> {
        (self.below(3) == 0).then(|| format!("arn:aws:s3:::{}", self.below(2)))
    }

    fn constraints(&mut self) -> Constraints {
        let pairs = self.pairs();
        let context = match self.below(3) {
            1 if !pairs.is_empty() => Some(ContextConstraint::Equals(pairs)),
            2 if !pairs.is_empty() => Some(ContextConstraint::Subset(pairs)),
            _ => None,
        };
        let source_arn = self.source();
        Constraints {
            context,
            source_arn,
        }
    }

    fn operations(&mut self) -> BTreeSet<GrantedOperation> {
        let all = [
            GrantedOperation::Decrypt,
            GrantedOperation::Encrypt,
            GrantedOperation::DescribeKey,
            GrantedOperation::CreateGrant,
        ];
        let mut chosen: BTreeSet<_> = all.into_iter().filter(|_| self.below(2) == 0).collect();
        chosen.insert(all[usize::try_from(self.below(4)).unwrap()]);
        chosen
    }
}

/// Whether grants for the caller itself from its account, such from another account, and such for
/// the whole account cover something.
type Kinds = (bool, bool, bool);

fn kinds<'a>(grants: impl Iterator<Item = (&'a AccountId, bool)>) -> Kinds {
    grants.fold((false, false, false), |kinds, (issuer, delegates)| {
        let is_own = *issuer == testing::account();
        (
            kinds.0 || is_own && !delegates,
            kinds.1 || !is_own && !delegates,
            kinds.2 || delegates,
        )
    })
}

/// Of what covers something, what decides.
fn deciding((own, other, account): Kinds) -> Kinds {
    (own, other && !own, account && !own && !other)
}

#[test]
fn what_is_found_decides_as_all_grants_together_would() {
    let mut numbers = Numbers(7);
    let (own, other) = (testing::account(), "444455556666".parse().unwrap());
    for _ in 0..60 {
        let mut key = Granted::new();
        for _ in 0..=numbers.below(12) {
            let grantee = match numbers.below(4) {
                0 => Party::Account(own),
                1 => identity("AIDASOMEBODYELSE0000"),
                _ => identity(ALICE),
            };
            let issuer = if numbers.below(2) == 0 { own } else { other };
            let terms = (numbers.operations(), numbers.constraints());
            key.fill([(grantee, terms.0, terms.1, issuer)]);
        }
        let view = testing::view(&key.snapshot);
        let row = key.key.row_key();
        let every = || {
            let grants = key.snapshot.scan(&GRANTS, &row).map(|(_, row)| row.record);
            let party = |grant: &GrantRecord| grant.terms.grantee.key().to_owned();
            grants.filter(move |grant| [ALICE, own.as_str()].contains(&party(grant).as_str()))
        };
        let of = |grants: Vec<&GrantRecord>| {
            let grants = grants.into_iter().map(|grant| &grant.terms);
            kinds(grants.map(|terms| (&terms.issuing_account, terms.grantee.is_account())))
        };
        let found = |matched: &[MatchedGrant]| {
            let matched = matched.iter();
            kinds(matched.map(|grant| (&grant.issuing_account, grant.delegates_to_account)))
        };
        for _ in 0..20 {
            let (pairs, source) = (numbers.pairs(), numbers.source());
            let operation = numbers.operations().pop_first().unwrap();
            let asked = Asked {
                operation,
                context: Pairs::of(text(&pairs)),
                source: source.as_deref(),
            };
            let context = operation.has_context().then_some(&asked.context);
            let covers = |grant: &&GrantRecord| {
                grant.terms.operations.contains(&operation)
                    && grant.terms.constraints.hold(context, asked.source)
            };
            let expected = deciding(of(every().filter(covers).collect()));
            let matched = matching(&view, &key.key, &alice(), &asked);
            assert_eq!(deciding(found(&matched)), expected, "{asked:?}");

            let (operations, constraints) = (numbers.operations(), numbers.constraints());
            let is_parent = |grant: &&GrantRecord| {
                let parent = &grant.terms;
                parent.operations.contains(&GrantedOperation::CreateGrant)
                    && operations.is_subset(&parent.operations)
                    && constraints.are_within(&parent.constraints)
                    && parent.constraints.hold(None, asked.source)
            };
            let expected = deciding(of(every().filter(is_parent).collect()));
            let child = (&operations, &constraints);
            let matched = parents(&view, &key.key, &alice(), asked.source, child);
            assert_eq!(deciding(found(&matched)), expected, "{child:?}");
        }
    }
}
