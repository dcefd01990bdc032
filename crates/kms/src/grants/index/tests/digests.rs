//! Where grants are put: entries and their digests, which are cut off.

use super::*;

/// A grant as it was stored when the index was rows of its own.
const FIXTURE: &str = include_str!("../../../../testdata/grant-version-1.json");

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
    // A service that may retire it has one more.
    let terms = Terms {
        retiring: Some(Party::Service("sagemaker.amazonaws.com".to_owned())),
        ..grant.terms.clone()
    };
    assert_eq!(entries(&GrantRecord { terms, ..grant }).len(), 14);
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
            retiring: None,
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
