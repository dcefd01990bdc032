//! Key policies: what is accepted, what is stored, what is shown.

use store::AnyTable;
use types::{Principal, ServiceError};

use super::*;
use crate::records::{KEYS, KeyRecord};
use crate::testing::{self, Directory};

const ALICE: &str = "arn:aws:iam::111122223333:user/Alice";
const ALICE_ID: &str = "AIDAAAAAAAAAAAAAAAAAA";

fn policy(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},
            "Action":"kms:*","Resource":"*"}}]}}"#
    )
}

fn nowhere() -> View {
    testing::view(&testing::empty())
}

fn known() -> Principals {
    Directory::of(&[
        (ALICE, ALICE_ID),
        (
            "arn:aws:iam::444455556666:role/team/Engineering",
            "AROAAAAAAAAAAAAAAAAAA",
        ),
    ])
}

fn accept(text: &str) -> Result<KeyPolicy, Error> {
    KeyPolicy::read(text, 32_768, &nowhere(), &known())
}

fn check(text: &str, expected: Result<(), (&str, &str)>) {
    let found = accept(text).map(|_| ());
    let found = found.map_err(|error| (error.code().into_owned(), error.public_message()));
    let expected = expected.map_err(|(code, text)| (code.to_owned(), text.to_owned()));
    assert_eq!(found, expected, "{text}");
}

fn malformed(text: &str, message: &str) {
    check(text, Err(("MalformedPolicyDocumentException", message)));
}

#[test]
fn principals_that_exist_are_accepted() {
    for principal in [
        r#""*""#,
        r#"{"AWS":"*"}"#,
        r#"{"AWS":"111122223333"}"#,
        r#"{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::444455556666:root"]}"#,
        r#"{"AWS":"arn:aws:iam::111122223333:user/Alice"}"#,
        r#"{"AWS":"arn:aws:iam::444455556666:role/team/Engineering"}"#,
        r#"{"AWS":"arn:aws:sts::444455556666:assumed-role/Engineering/session"}"#,
        r#"{"AWS":"AIDAAAAAAAAAAAAAAAAAA"}"#,
        r#"{"Service":"cloudtrail.amazonaws.com"}"#,
    ] {
        check(&policy(principal), Ok(()));
    }
}

#[test]
fn principals_that_do_not_exist_are_refused() {
    for principal in [
        r#"{"AWS":"999999999999"}"#,
        r#"{"AWS":"arn:aws:iam::111122223333:user/alice"}"#,
        r#"{"AWS":"arn:aws:iam::111122223333:role/Alice"}"#,
        r#"{"AWS":["*","arn:aws:iam::111122223333:user/Bob"]}"#,
        r#"{"AWS":"arn:aws:iam::111122223333:group/Admins"}"#,
        r#"{"AWS":"arn:aws:sts::999999999999:assumed-role/Reader/session"}"#,
        r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/Reader/session"}"#,
        r#"{"AWS":"AIDABBBBBBBBBBBBBBBBB"}"#,
        r#"{"AWS":"nobody"}"#,
    ] {
        malformed(&policy(principal), INVALID_PRINCIPAL);
    }
    let canonical = format!(r#"{{"CanonicalUser":"{}"}}"#, "a".repeat(64));
    malformed(&policy(&canonical), INVALID_PRINCIPAL);
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;
    malformed(text, INVALID_PRINCIPAL);
}

#[test]
fn what_is_no_policy_is_refused() {
    malformed("{", "This policy contains invalid Json");
    malformed(r#"{"Version":"2012-10-17"}"#, "Syntax errors in policy.");
}

#[test]
fn the_size_limit_is_32_kib() {
    let text = policy(r#""*""#);
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    check(&padded(32_768), Ok(()));
    let message = "a key policy has at most 32768 bytes";
    check(&padded(32_769), Err(("LimitExceededException", message)));
}

fn alice(id: &str) -> Principal {
    Principal::User {
        account: testing::account(),
        arn: ALICE.parse().unwrap(),
        id: id.parse().unwrap(),
        name: "Alice".to_owned(),
    }
}

fn names(policy: &KeyPolicy, caller: &Principal) -> bool {
    policy
        .document()
        .principals()
        .any(|principal| principal.names(caller).is_some())
}

#[test]
fn a_user_made_again_under_its_old_name_is_another_one() {
    let text = policy(&format!(r#"{{"AWS":"{ALICE}"}}"#));
    let policy = accept(&text).unwrap();
    assert!(names(&policy, &alice(ALICE_ID)));
    assert!(!names(&policy, &alice("AIDABBBBBBBBBBBBBBBBB")));
}

const SESSION: &str = "arn:aws:sts::444455556666:assumed-role/Engineering/nightly";
const ENGINEERING_ID: &str = "AROAAAAAAAAAAAAAAAAAA";

/// A session of the role with this id.
fn nightly(id: &str) -> Principal {
    Principal::AssumedRole {
        account: "444455556666".parse().unwrap(),
        role_arn: "arn:aws:iam::444455556666:role/team/Engineering"
            .parse()
            .unwrap(),
        role_id: id.parse().unwrap(),
        role_name: "Engineering".to_owned(),
        session: "nightly".to_owned(),
    }
}

#[test]
fn a_session_of_a_role_made_again_under_its_old_name_is_another_one() {
    let text = policy(&format!(r#"{{"AWS":"{SESSION}"}}"#));
    let policy = accept(&text).unwrap();
    assert!(names(&policy, &nightly(ENGINEERING_ID)));
    assert!(!names(&policy, &nightly("AROABBBBBBBBBBBBBBBBB")));
    assert_eq!(policy.shown(&nowhere(), &known()).unwrap(), text);
    let shown = policy.shown(&nowhere(), &Directory::of(&[])).unwrap();
    let gone = format!("{ENGINEERING_ID}:nightly");
    assert!(shown.contains(&gone) && !shown.contains(SESSION), "{shown}");
}

#[test]
fn the_binding_survives_storing_and_loading() {
    let text = policy(&format!(r#"{{"AWS":"{ALICE}"}}"#));
    let policy = accept(&text).unwrap();
    let record = KeyRecord {
        policy,
        ..testing::key_record()
    };
    let record: store::ErasedRecord = Arc::new(record);
    let stored = KEYS.encode(&record).unwrap();
    let loaded = KEYS.decode(&stored).unwrap();
    let policy = &loaded.downcast_ref::<KeyRecord>().unwrap().policy;
    assert_eq!(policy.document().text(), text);
    assert!(names(policy, &alice(ALICE_ID)));
    assert!(!names(policy, &alice("AIDABBBBBBBBBBBBBBBBB")));
}

#[test]
fn a_stored_policy_that_does_not_compile_is_unreadable() {
    let record: store::ErasedRecord = Arc::new(testing::key_record());
    let stored = KEYS.encode(&record).unwrap();
    let broken = String::from_utf8(stored.to_vec())
        .unwrap()
        .replace("Statement", "Sentence");
    assert!(matches!(
        KEYS.decode(broken.as_bytes()),
        Err(store::RecordError::Unreadable { .. })
    ));
}

#[test]
fn a_policy_is_shown_as_it_was_saved() {
    let text = policy(&format!(r#"{{"AWS":["{ALICE}","111122223333"]}}"#));
    let policy = accept(&text).unwrap();
    assert_eq!(policy.shown(&nowhere(), &known()).unwrap(), text);
}

#[test]
fn a_principal_that_is_gone_is_shown_by_its_id() {
    let text = policy(&format!(r#"{{"AWS":["{ALICE}","111122223333"]}}"#));
    let policy = accept(&text).unwrap();
    let shown = policy.shown(&nowhere(), &Directory::of(&[])).unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let expected = serde_json::json!([ALICE_ID, "111122223333"]);
    assert_eq!(shown["Statement"][0]["Principal"]["AWS"], expected);
    // A new user of the name does not bring the name back.
    let again = Directory::of(&[(ALICE, "AIDABBBBBBBBBBBBBBBBB")]);
    let shown = policy.shown(&nowhere(), &again).unwrap();
    assert!(
        shown.contains(ALICE_ID) && !shown.contains(ALICE),
        "{shown}"
    );
}

#[test]
fn policies_of_our_own_compile() {
    KeyPolicy::default_for(testing::account()).unwrap();
    KeyPolicy::managed_by("sagemaker", testing::account(), &testing::region()).unwrap();
    KeyPolicy::owned_by(Service::SageMaker).unwrap();
}
