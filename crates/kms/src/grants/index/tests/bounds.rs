//! How many of many grants a request looks at.

use super::*;

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
fn what_a_service_may_retire_is_listed_for_whoever_has_issued_it() {
    let mut key = Granted::new();
    let (own, other) = (key.key.account, "444455556666".parse().unwrap());
    let encrypt = BTreeSet::from([GrantedOperation::Encrypt]);
    key.retiring = Some("x.amazonaws.com");
    for issuer in [other, own, other, other] {
        let limits = Constraints::default();
        key.fill([(identity(ALICE), encrypt.clone(), limits, issuer)]);
    }
    let looked_at = |service: &str, region: &str, issuer: AccountId| {
        let prefix = by_retiring(service, &region.parse().unwrap(), issuer);
        key.snapshot.listed(&GRANTS, &prefix, None).count()
    };
    assert_eq!(looked_at("x.amazonaws.com", "us-east-1", own), 1);
    assert_eq!(looked_at("x.amazonaws.com", "us-east-1", other), 3);
    assert_eq!(looked_at("x.amazonaws.com", "eu-west-1", other), 0);
    assert_eq!(looked_at("y.amazonaws.com", "us-east-1", other), 0);
}
