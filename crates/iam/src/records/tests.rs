//! The stored form of records.

use std::sync::Arc;

use crypto::secret::SecretBytes;
use store::{AnyTable, ErasedRecord, Record};
use types::{AccountId, Timestamp, UniqueId};

use super::*;
use crate::tables;

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

fn id() -> UniqueId {
    "AIDAEXAMPLEEXAMPLE234".parse().unwrap()
}

fn stored<R: Record>(table: &store::Table<R>, record: R) -> String {
    let record: ErasedRecord = Arc::new(record);
    String::from_utf8(table.encode(&record).unwrap().to_vec()).unwrap()
}

fn read_back<R: Record + Clone>(table: &store::Table<R>, text: &str) -> R {
    table
        .decode(text.as_bytes())
        .unwrap()
        .downcast_ref::<R>()
        .unwrap()
        .clone()
}

#[test]
fn a_user_reads_back() {
    let user = UserRecord {
        account: account(),
        name: "Alice".to_owned(),
        path: "/team/".to_owned(),
        id: id(),
        created: Timestamp::new(5, 6),
        tags: vec![("Team".to_owned(), "red".to_owned())],
        attached: vec![
            "arn:aws:iam::aws:policy/AdministratorAccess"
                .parse()
                .unwrap(),
        ],
        boundary: None,
        access_keys: vec!["AKIAEXAMPLEEXAMPLE22".parse().unwrap()],
        groups: vec!["AGPAEXAMPLEEXAMPLE234".parse().unwrap()],
    };
    assert_eq!(
        user.arn().as_str(),
        "arn:aws:iam::111122223333:user/team/Alice"
    );
    let text = stored(&tables::USERS, user.clone());
    assert_eq!(
        text,
        r#"{"v":1,"r":{"account":"111122223333","name":"Alice","path":"/team/","id":"AIDAEXAMPLEEXAMPLE234","created":[5,6],"tags":[["Team","red"]],"attached":["arn:aws:iam::aws:policy/AdministratorAccess"],"boundary":null,"access_keys":["AKIAEXAMPLEEXAMPLE22"],"groups":["AGPAEXAMPLEEXAMPLE234"]}}"#
    );
    assert_eq!(read_back(&tables::USERS, &text), user);
}

#[test]
fn a_policy_is_stored_as_text_and_compiled_when_read() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;
    let record = InlinePolicyRecord {
        name: "P".to_owned(),
        policy: PolicyText::from(text.to_owned()),
    };
    let stored = stored(&tables::INLINE, record);
    assert!(stored.contains(r#"\"Action\":\"kms:*\""#), "{stored}");
    let back = read_back(&tables::INLINE, &stored);
    assert_eq!(back.policy.text(), text);
    assert_eq!(back.policy.document().unwrap().text(), text);
}

#[test]
fn a_secret_reads_back_and_never_shows() {
    let secret = "canary+secret/canary+secret/canary+secre";
    let key = AccessKeyRecord {
        id: "AKIAEXAMPLEEXAMPLE22".parse().unwrap(),
        account: account(),
        owner: KeyOwner::User {
            id: id(),
            name: "Alice".to_owned(),
        },
        status: KeyStatus::Active,
        created: Timestamp::EPOCH,
        secret: Arc::new(SecretBytes::from(secret.as_bytes().to_vec())),
    };
    assert!(!format!("{key:?}").contains("canary"));
    let text = stored(&tables::ACCESS_KEYS, key);
    assert!(!text.contains("canary"), "{text}");
    let back = read_back(&tables::ACCESS_KEYS, &text);
    assert_eq!(back.secret.expose(), secret.as_bytes());
}

#[test]
fn a_damaged_secret_is_not_quoted() {
    let text = r#"{"v":1,"r":{"id":"AKIAEXAMPLEEXAMPLE22","account":"111122223333","owner":"Root","status":"Active","created":[0,0],"secret":"*canary*"}}"#;
    let refused = tables::ACCESS_KEYS.decode(text.as_bytes()).unwrap_err();
    assert!(!format!("{refused:?}").contains("canary"));
}

#[test]
fn secrets_have_no_history() {
    assert!(!tables::ACCESS_KEYS.keeps_history());
    assert!(tables::USERS.keeps_history() && tables::INLINE.keeps_history());
}

#[test]
fn a_role_reads_back_with_the_ids_that_its_trust_policy_is_bound_to() {
    let text = r#"{"v":1,"r":{"account":"111122223333","name":"R","path":"/","id":"AROAEXAMPLEEXAMPLE234","created":[0,0],"description":null,"trust":{"text":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:user/Alice\"},\"Action\":\"sts:AssumeRole\"}}","bound":{"arn:aws:iam::111122223333:user/Alice":"AIDAEXAMPLEEXAMPLE234"}},"max_session":3600,"tags":[],"attached":[],"boundary":null,"linked_to":null}}"#;
    let role = read_back(&tables::ROLES, text);
    let bound: Vec<_> = role.trust.document().principals().cloned().collect();
    let expected = ::policy::PrincipalPattern::User {
        arn: "arn:aws:iam::111122223333:user/Alice".parse().unwrap(),
        id: Some(id()),
    };
    assert_eq!(bound, [expected]);
    assert_eq!(stored(&tables::ROLES, role), text);
}

#[test]
fn a_role_whose_trust_policy_cannot_be_read_is_refused() {
    let text = r#"{"v":1,"r":{"account":"111122223333","name":"R","path":"/","id":"AROAEXAMPLEEXAMPLE234","created":[0,0],"description":null,"trust":{"text":"{}","bound":{}},"max_session":3600,"tags":[],"attached":[],"boundary":null,"linked_to":null}}"#;
    assert!(tables::ROLES.decode(text.as_bytes()).is_err());
}
