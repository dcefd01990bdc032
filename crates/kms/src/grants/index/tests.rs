//! Many grants of one key, and how many of them a request looks at.

use std::collections::BTreeMap;
use std::sync::Arc;

use store::{AnyTable as _, Batch};
use types::{Arn, Timestamp, UniqueId};

use super::*;
use crate::grants::party::Party;
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

/// Whom a grant is for, of what, within which constraints, and from which account it was made.
type Given = (Party, BTreeSet<GrantedOperation>, Constraints, AccountId);

/// All that a grant on a symmetric key can allow, but for `Decrypt`.
const OTHERS: [GrantedOperation; 10] = [
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

/// Every set of them.
fn every_set() -> impl Iterator<Item = BTreeSet<GrantedOperation>> {
    (1..1024_u32).map(|bits| {
        let chosen = OTHERS.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| bits & (1 << place) != 0);
        chosen.map(|(_, operation)| *operation).collect()
    })
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
        let issuer = self.key.account;
        self.fill([(
            grantee,
            operations.iter().copied().collect(),
            limits,
            issuer,
        )]);
    }

    /// Adds grants that are all made at once.
    fn fill(&mut self, grants: impl IntoIterator<Item = Given>) {
        let mut batch = Batch::default();
        let view = testing::view(&self.snapshot);
        for (grantee, operations, constraints, issuing_account) in grants {
            let terms = Terms {
                name: None,
                grantee,
                retiring: None,
                operations,
                constraints,
                issuing_account,
            };
            let grant = GrantRecord {
                id: format!("{:064x}", self.next),
                account: self.key.account,
                region: self.key.region.clone(),
                key: self.key.id.clone(),
                created: Timestamp::EPOCH,
                place: place(&self.snapshot, &self.key, &terms),
                terms,
            };
            grant.store(&view, &mut batch);
            self.next += 1;
        }
        self.snapshot = testing::commit(&self.snapshot, self.next, &batch);
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
        let context = operation.has_context().then_some(&asked.context);
        let covers = |grant: &GrantRecord| grant.terms.constraints.hold(context, source);
        let mut search = Search {
            operation,
            places: &|| places_of(&asked),
            alike: TERMS,
            covers: &covers,
            left: ALL_LOOKS,
        };
        let found = search.run(&view, &self.key, &alice());
        assert_eq!(found, matching(&view, &self.key, &alice(), &asked));
        (found.len(), ALL_LOOKS - search.left)
    }
}

/// A grant as it was stored when the index was rows of its own.
const FIXTURE: &str = include_str!("../../../testdata/grant-version-1.json");

#[test]
fn a_grant_that_an_earlier_build_stored_is_found_by_what_it_says() {
    let stored = GRANTS.decode(FIXTURE.trim().as_bytes()).unwrap();
    assert_eq!(
        &**GRANTS.encode(&stored).unwrap(),
        FIXTURE.trim().as_bytes()
    );
    let grant = stored.downcast_ref::<GrantRecord>().unwrap();
    let mut key = Granted::new();
    let source = grant.terms.constraints.source_arn.clone().unwrap();
    // It is where a grant with these terms is put today.
    assert_eq!(grant.place, place(&key.snapshot, &key.key, &grant.terms));
    // What was revoked has left a row in the old index, and allows nothing.
    let key_arn = Arn::new(
        "kms",
        Some(&key.key.region),
        Some(key.key.account),
        &format!("key/{KEY_ID}"),
    );
    let revoked = crate::fuzzing::earlier_grant_index(&key_arn, 3).unwrap();
    key.snapshot = testing::commit(&key.snapshot, 2, &revoked);
    let asked =
        |key: &Granted, operation, source| key.ask_for(operation, &[("team", "ml")], source);
    let (decrypt, source) = (GrantedOperation::Decrypt, Some(source.as_str()));
    assert_eq!(asked(&key, decrypt, source), (0, 0));
    let mut batch = Batch::default();
    grant.store(&testing::view(&key.snapshot), &mut batch);
    key.snapshot = testing::commit(&key.snapshot, 3, &batch);
    assert_eq!(asked(&key, decrypt, source), (1, 1));
    assert_eq!(asked(&key, GrantedOperation::DescribeKey, source), (1, 1));
    assert_eq!(asked(&key, GrantedOperation::Encrypt, source), (0, 0));
    assert_eq!(asked(&key, decrypt, None), (0, 0));
}

#[test]
fn the_entries_of_a_grant_are_as_many_and_as_short_as_said() {
    let mut key = Granted::new();
    let mut operations = OTHERS.to_vec();
    operations.push(GrantedOperation::Decrypt);
    key.grant(identity(ALICE), &operations, subset(&[("team", "ml")]));
    let row = key.key.row_key();
    let mut grants = key.snapshot.scan(&GRANTS, &row);
    let grant = GrantRecord {
        id: "5a".repeat(32),
        ..grants.next().unwrap().1.record.clone()
    };
    let lengths: Vec<usize> = entries(&grant)
        .iter()
        .map(|it| it.as_bytes().len())
        .collect();
    assert_eq!(lengths.len(), 13);
    let (by_grantee, by_operation) = lengths.split_first().unwrap();
    assert!(*by_grantee < 150, "{by_grantee}");
    // A tag, a digest, an account, another digest, bits and an id; each zero is escaped.
    let longest = 1 + 16 + 12 + 16 + 4 + 32 + 6 * 2 + 12;
    assert!(by_operation.iter().all(|it| *it <= longest), "{lengths:?}");
}

#[test]
fn what_lies_in_a_place_for_another_is_not_taken_for_a_grant() {
    let mut key = Granted::new();
    let (decrypt, encrypt) = (GrantedOperation::Decrypt, GrantedOperation::Encrypt);
    key.grant(identity(ALICE), &[decrypt], Constraints::default());
    // Whatever is asked for leads to this grant, as it would if the digests agreed.
    let there = spot(&key.key, ALICE, ANYWHERE, decrypt);
    let found = |asked: &KeyRecord, grantee: &str, operation: GrantedOperation| {
        let mut search = Search {
            operation,
            places: &Vec::new,
            alike: TERMS,
            covers: &|_: &GrantRecord| true,
            left: ALL_LOOKS,
        };
        let issuers = [Issuer::Is(testing::account()), Issuer::IsNot(None)];
        issuers.map(|issuer| {
            let found = search.first(&key.snapshot, (&there, (asked, grantee)), issuer);
            found.is_some()
        })
    };
    assert_eq!(found(&key.key, ALICE, decrypt), [true; 2]);
    assert_eq!(found(&key.key, ALICE, encrypt), [false; 2]);
    assert_eq!(found(&key.key, "AIDASOMEBODYELSE0000", decrypt), [false; 2]);
    let others = [
        KeyRecord {
            account: "444455556666".parse().unwrap(),
            ..key.key.clone()
        },
        KeyRecord {
            region: "eu-central-1".parse().unwrap(),
            ..key.key.clone()
        },
        KeyRecord {
            id: "0000abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap(),
            ..key.key.clone()
        },
    ];
    for other in &others {
        assert_eq!(found(other, ALICE, decrypt), [false; 2], "{other:?}");
    }
}

#[test]
fn a_spot_is_made_out_once_however_many_issuers_are_asked_for() {
    let (mut spots, mut made) = (Spots::of(ALICE.to_owned()), Vec::new());
    for places in [0..2, 0..3, 0..3] {
        for number in places {
            let spot = spots.nth(number, |grantee| {
                made.push(number);
                Key::of(&[grantee, &number.to_string()])
            });
            assert_eq!(spot, Key::of(&[ALICE, &number.to_string()]));
        }
    }
    assert_eq!(made, [0, 1, 2]);
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
    // They are in the places of both pairs. Of each place one is looked at, until one covers it, and
    // once more to pass over all of the own account for those of others.
    assert_eq!(key.ask(decrypt, &[("a", "1")]), (0, 2));
    assert_eq!(key.ask(decrypt, &[("b", "1")]), (0, 2));
    assert_eq!(key.ask(decrypt, &[("a", "1"), ("b", "1")]), (1, 1));
    assert_eq!(key.ask(decrypt, &[("c", "1")]), (0, 0));
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
    // More sets than a request looks at in one place.
    for (number, chosen) in every_set().enumerate() {
        let chosen: Vec<_> = chosen.into_iter().collect();
        key.grant(identity(ALICE), &chosen, Constraints::default());
        if number % 8 == 0 {
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
fn all_places_full_of_grants_of_other_operations_cost_nothing() {
    let names: Vec<String> = (0..48).map(|number| format!("k{number}")).collect();
    let request: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let mut key = Granted::new();
    let account = key.key.account;
    for pair in &request {
        let limits = subset(&[*pair]);
        key.fill(every_set().map(|set| (identity(ALICE), set, limits.clone(), account)));
    }
    assert_eq!(key.next - 2, 48 * 1023);
    assert_eq!(key.ask(GrantedOperation::Decrypt, &request), (0, 0));
    // Half of them allow this: the first one decides.
    assert_eq!(key.ask(GrantedOperation::Encrypt, &request), (1, 1));
    let limits = subset(&request[47..]);
    key.grant(identity(ALICE), &[GrantedOperation::Decrypt], limits);
    assert_eq!(key.ask(GrantedOperation::Decrypt, &request), (1, 1));
}

#[test]
fn grants_made_from_other_accounts_take_nothing_from_those_of_the_own() {
    let names: Vec<String> = (0..9).map(|number| format!("k{number}")).collect();
    let request: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let mut key = Granted::new();
    let other: AccountId = "000000000001".parse().unwrap();
    let decrypt = BTreeSet::from([GrantedOperation::Decrypt]);
    for pair in &request {
        // Each place holds as many as a request looks at, and all together more than it may.
        key.fill((0..LOOKS).map(|number| {
            let limits = subset(&[*pair, ("never", &number.to_string())]);
            (identity(ALICE), decrypt.clone(), limits, other)
        }));
    }
    let (found, looked) = key.ask(GrantedOperation::Decrypt, &request);
    assert_eq!((found, looked), (0, ALL_LOOKS));
    let last = subset(&request[8..]);
    key.grant(identity(ALICE), &[GrantedOperation::Decrypt], last);
    assert_eq!(key.ask(GrantedOperation::Decrypt, &request), (1, 1));
}

/// As many grants of `issuer` for one place as a request looks at there and one more, none of which
/// covers anything.
fn crowd(key: &mut Granted, issuer: AccountId) {
    key.fill((0..=LOOKS).map(|number| {
        let limits = subset(&[("k", "v"), ("never", &number.to_string())]);
        let decrypt = BTreeSet::from([GrantedOperation::Decrypt]);
        (identity(ALICE), decrypt, limits, issuer)
    }));
}

#[test]
fn one_place_is_looked_through_up_to_its_bound() {
    let mut key = Granted::new();
    crowd(&mut key, testing::account());
    // And one look more, which passes over all of the own account where others' are looked for.
    let found = key.ask(GrantedOperation::Decrypt, &[("k", "v")]);
    assert_eq!(found, (0, LOOKS + 1));
}

#[test]
fn grants_made_from_the_own_account_take_nothing_from_those_of_others() {
    let mut key = Granted::new();
    crowd(&mut key, testing::account());
    let other: AccountId = "999999999999".parse().unwrap();
    let decrypt = BTreeSet::from([GrantedOperation::Decrypt]);
    key.fill([(identity(ALICE), decrypt, subset(&[("k", "v")]), other)]);
    // Those of the own account once more, all in one look.
    let found = key.ask(GrantedOperation::Decrypt, &[("k", "v")]);
    assert_eq!(found, (1, LOOKS + 2));
}

#[test]
fn a_grant_serves_the_key_that_it_was_made_for_and_no_other() {
    let mut own = Granted::new();
    own.grant(
        identity(ALICE),
        &[GrantedOperation::Encrypt],
        Constraints::default(),
    );
    let key = KeyRecord::clone(&own.key);
    let key = || KeyRecord::clone(&key);
    let others = [
        KeyRecord {
            id: "0000abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap(),
            ..key()
        },
        KeyRecord {
            account: "444455556666".parse().unwrap(),
            ..key()
        },
        KeyRecord {
            region: "eu-west-3".parse().unwrap(),
            ..key()
        },
    ];
    for other in others {
        let mut theirs = Granted {
            key: other,
            snapshot: own.snapshot.clone(),
            next: own.next + 1,
        };
        theirs.grant(
            identity(ALICE),
            &[GrantedOperation::Decrypt],
            Constraints::default(),
        );
        own.snapshot = theirs.snapshot.clone();
        own.next = theirs.next + 1;
        assert_eq!(theirs.ask(GrantedOperation::Decrypt, &[]), (1, 1));
        assert_eq!(theirs.ask(GrantedOperation::Encrypt, &[]), (0, 0));
        assert_eq!(own.ask(GrantedOperation::Decrypt, &[]), (0, 0));
        assert_eq!(own.ask(GrantedOperation::Encrypt, &[]), (1, 1));
    }
}

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
    // The first that holds decides.
    assert_eq!((found, looked), (1, 1));
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
    assert_eq!(found.len(), 1);
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
