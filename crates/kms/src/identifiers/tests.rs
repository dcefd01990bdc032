//! Identifiers: what is refused at once, and what an identifier stands for.

use types::ServiceError;

use super::*;
use crate::aliases::point as point_alias;
use crate::testing::{self, KEY_ID, account, commit, region, row, view, with_keys};

const ELSEWHERE: &str = "arn:aws:kms:us-east-1:444455556666";
const HERE: &str = "arn:aws:kms:us-east-1:111122223333";

/// A view of one key with the alias `alias/app`.
fn world() -> View {
    let snapshot = with_keys(&[KEY_ID]);
    let key = row(&view(&snapshot), KEY_ID).record;
    let mut batch = Batch::default();
    point_alias(&key, "alias/app", types::Timestamp::EPOCH, &mut batch);
    view(&commit(&snapshot, 2, &batch))
}

fn outcome(text: &str, forms: Forms) -> String {
    let found = find(&world(), Some(account()), &region(), text, forms);
    match found.and_then(|target| Ok(target.key()?.record.id.to_string())) {
        Ok(id) => id,
        Err(error) => format!("{}: {}", error.code(), error.public_message()),
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(outcome(text, Forms::KeysAndAliases), expected, "{text}");
}

#[test]
fn all_four_forms_find_the_key() {
    check(KEY_ID, KEY_ID);
    check(&format!("{HERE}:key/{KEY_ID}"), KEY_ID);
    check("alias/app", KEY_ID);
    check(&format!("{HERE}:alias/app"), KEY_ID);
}

#[test]
fn unknown_keys_are_named_by_their_arn() {
    let id = "mrk-1234abcd12ab34cd56ef1234567890ab";
    check(
        id,
        &format!("NotFoundException: Key '{HERE}:key/{id}' does not exist"),
    );
    let arn = format!("{ELSEWHERE}:key/{KEY_ID}");
    check(
        &arn,
        &format!("NotFoundException: Key '{arn}' does not exist"),
    );
}

#[test]
fn unknown_aliases_are_named_by_their_arn() {
    check(
        "alias/App",
        &format!("NotFoundException: Alias {HERE}:alias/App is not found."),
    );
    let arn = format!("{ELSEWHERE}:alias/app");
    check(
        &arn,
        &format!("NotFoundException: Alias {arn} is not found."),
    );
}

#[test]
fn what_is_no_key_id_is_not_found() {
    for text in [
        "",
        "key",
        "1234abcd12ab34cd56ef1234567890ab",
        "mrk-1234",
        "ALIAS/app",
    ] {
        check(text, &format!("NotFoundException: Invalid keyId '{text}'"));
    }
    let arn = format!("{HERE}:key/1234");
    check(&arn, "NotFoundException: Invalid keyId 1234");
}

#[test]
fn arns_of_other_regions_are_not_found() {
    let arn = format!("arn:aws:kms:eu-west-1:111122223333:key/{KEY_ID}");
    check(&arn, "NotFoundException: Invalid arn eu-west-1");
}

#[test]
fn malformed_arns_are_invalid() {
    let key = format!("key/{KEY_ID}");
    for arn in [
        "arn:aws:kms:us-east-1:111122223333".to_owned(),
        format!("arn:aws:iam:us-east-1:111122223333:{key}"),
        format!("arn:aws-cn:kms:us-east-1:111122223333:{key}"),
        format!("arn:aws:kms::111122223333:{key}"),
        format!("arn:aws:kms:us-east-1:1111:{key}"),
        format!("{HERE}:{KEY_ID}"),
        format!("{HERE}:alias/"),
    ] {
        check(&arn, &format!("InvalidArnException: Invalid arn '{arn}'"));
    }
}

#[test]
fn aliases_are_refused_where_keys_are_asked_for() {
    let refused = "InvalidArnException: Key Aliases are not supported for this operation.";
    for name in ["alias/app", "alias/missing"] {
        assert_eq!(outcome(name, Forms::Keys), refused);
        assert_eq!(outcome(&format!("{HERE}:{name}"), Forms::Keys), refused);
    }
}

#[test]
fn names_without_an_account_stand_for_nothing() {
    let view = world();
    for text in [KEY_ID, "alias/app"] {
        let found = find(&view, None, &region(), text, Forms::KeysAndAliases);
        assert!(matches!(found, Err(Error::NoAccount)), "{text}");
    }
    let arn = format!("{HERE}:key/{KEY_ID}");
    assert!(
        find(&view, None, &region(), &arn, Forms::Keys)
            .unwrap()
            .key()
            .is_ok()
    );
}

#[test]
fn owned_keys_do_not_exist_for_callers() {
    let ring = Keyring::new(
        Arc::new(types::SystemClock::new()),
        Arc::new(crypto::SystemEntropy),
        testing::shred(),
    );
    let nowhere = view(&testing::empty());
    let batch = ring
        .ensure_owned_key(&nowhere, Service::SageMaker, &region())
        .unwrap();
    let seen = view(&commit(&testing::empty(), 1, &batch.unwrap()));
    let prefix = crate::records::region_prefix(crate::new_key::owner_account().unwrap(), &region());
    let keys: Vec<_> = seen.scan(&crate::records::KEYS, &prefix, None).collect();
    let arn = &keys[0].1.record.arn;
    let found = find(&seen, Some(account()), &region(), arn.as_str(), Forms::Keys).unwrap();
    assert!(matches!(found.key(), Err(Error::KeyNotFound { .. })));
    let owner = crate::new_key::owner_account().unwrap();
    let id = arn.resource_of("key").unwrap();
    let found = find(&seen, Some(owner), &region(), id, Forms::Keys).unwrap();
    assert!(matches!(found.key(), Err(Error::KeyNotFound { .. })));
    assert!(KeyRow::at(&seen, arn).is_none());
}

#[test]
fn a_need_names_the_key_and_shows_the_alias() {
    let view = world();
    let target = find(
        &view,
        Some(account()),
        &region(),
        "alias/app",
        Forms::KeysAndAliases,
    );
    let need = target.unwrap().need(&crate::actions::DECRYPT);
    assert_eq!(need.resource_text(), format!("{HERE}:key/{KEY_ID}"));
    assert_eq!(need.shown_resource(), format!("{HERE}:alias/app"));
}
