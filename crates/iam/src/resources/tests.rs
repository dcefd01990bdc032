//! Who a role trusts, and whose id is whose.

use store::{Batch, SnapshotBuilder};
use types::{ServiceError, Timestamp};

use super::*;
use crate::records::{AccountRecord, TrustPolicy};

const ALICE: &str = "arn:aws:iam::111122223333:user/Alice";
const ALICE_ID: &str = "AIDAEXAMPLEEXAMPLE234";
const ALICE_AGAIN: &str = "AIDAEXAMPLEEXAMPLE777";

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

/// An account with a user `Alice` of this id, if any, and a role `R` with this trust policy.
fn view(alice: Option<&str>, trust: Option<TrustPolicy>) -> View {
    let mut batch = Batch::default();
    let record = AccountRecord {
        id: account(),
        name: "first".to_owned(),
        email: None,
        created: Timestamp::EPOCH,
        management: true,
        closed: None,
        root_keys: Vec::new(),
    };
    batch.put(&tables::ACCOUNTS, tables::account(account()), record);
    if let Some(id) = alice {
        let user = UserRecord {
            account: account(),
            name: "Alice".to_owned(),
            path: "/".to_owned(),
            id: id.parse().unwrap(),
            created: Timestamp::EPOCH,
            tags: Vec::new(),
            attached: Vec::new(),
            boundary: None,
            access_keys: Vec::new(),
            groups: Vec::new(),
        };
        lookup::put_new(&mut batch, user);
    }
    if let Some(trust) = trust {
        let role = RoleRecord {
            account: account(),
            name: "R".to_owned(),
            path: "/".to_owned(),
            id: "AROAEXAMPLEEXAMPLE234".parse().unwrap(),
            created: Timestamp::EPOCH,
            description: None,
            trust,
            max_session: 3600,
            tags: Vec::new(),
            attached: Vec::new(),
            boundary: None,
            linked_to: None,
        };
        lookup::put_new(&mut batch, role);
    }
    let empty = SnapshotBuilder::new(&tables()).build(0);
    View::plain(Arc::new(empty.with(1, batch.metadata())))
}

fn tables() -> Vec<&'static dyn store::AnyTable> {
    tables::tables()
}

fn trusting(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}}}"#
    )
}

fn accept(principal: &str) -> Result<TrustPolicy, String> {
    let accepted = TrustPolicy::accept(&trusting(principal), &view(Some(ALICE_ID), None));
    accepted.map_err(|error| error.public_message())
}

fn check_refused(principal: &str) {
    let message = format!("Invalid principal in policy: \"AWS\":\"{principal}\"");
    assert_eq!(accept(principal).unwrap_err(), message);
}

#[test]
fn principals_that_exist_can_be_trusted() {
    for principal in [ALICE, ALICE_ID, "arn:aws:iam::111122223333:root", "*"] {
        accept(principal).unwrap();
    }
}

#[test]
fn principals_that_do_not_exist_cannot_be_trusted() {
    check_refused("arn:aws:iam::111122223333:user/Bob");
    check_refused("arn:aws:iam::111122223333:role/R");
    check_refused("arn:aws:iam::444455556666:root");
    check_refused("arn:aws:sts::444455556666:assumed-role/R/session");
    check_refused(ALICE_AGAIN);
}

#[test]
fn a_user_that_was_made_again_is_not_trusted() {
    let named = |alice: &str| {
        let trust = accept(ALICE).unwrap();
        let view = view(Some(alice), Some(trust));
        let user = lookup::at::<UserRecord>(&view, &ALICE.parse().unwrap()).unwrap();
        let role = "arn:aws:iam::111122223333:role/R".parse().unwrap();
        let facts = trust_facts(&view, &role);
        let ResourceRule::Trust(trust) = &facts.rule else {
            return false;
        };
        trust
            .principals()
            .any(|pattern| pattern.names(&user.principal()).is_some())
    };
    assert!(named(ALICE_ID));
    assert!(!named(ALICE_AGAIN));
}

#[test]
fn a_principal_that_is_gone_shows_as_its_id() {
    let trust = accept(ALICE).unwrap();
    assert_eq!(trust.shown(&view(Some(ALICE_ID), None)), trusting(ALICE));
    for gone in [None, Some(ALICE_AGAIN)] {
        let shown = trust.shown(&view(gone, None));
        assert!(
            shown.contains(ALICE_ID) && !shown.contains(ALICE),
            "{shown}"
        );
    }
}

#[test]
fn a_role_that_does_not_exist_trusts_nobody() {
    let view = view(Some(ALICE_ID), None);
    let user = lookup::at::<UserRecord>(&view, &ALICE.parse().unwrap()).unwrap();
    let facts = trust_facts(&view, &"arn:aws:iam::111122223333:role/R".parse().unwrap());
    assert_eq!(facts.account, Some(account()));
    let trusted = match &facts.rule {
        ResourceRule::Trust(trust) => trust
            .principals()
            .any(|pattern| pattern.names(&user.principal()).is_some()),
        _ => true,
    };
    assert!(!trusted);
}

#[test]
fn to_iam_a_role_has_no_policy_of_its_own() {
    let view = view(Some(ALICE_ID), Some(accept(ALICE).unwrap()));
    let facts = IamResources.facts(&view, &"arn:aws:iam::111122223333:role/R".parse().unwrap());
    assert!(matches!(facts.rule, ResourceRule::None));
}

#[test]
fn the_directory_knows_users_and_roles() {
    let view = view(Some(ALICE_ID), Some(accept("*").unwrap()));
    for (arn, id) in [
        (ALICE, ALICE_ID),
        ("arn:aws:iam::111122223333:role/R", "AROAEXAMPLEEXAMPLE234"),
    ] {
        let (arn, id): (Arn, UniqueId) = (arn.parse().unwrap(), id.parse().unwrap());
        assert_eq!(IamResources.unique_id(&view, &arn), Some(id.clone()));
        assert_eq!(IamResources.arn_of(&view, &id), Some(arn));
    }
    assert!(
        IamResources
            .arn_of(&view, &ALICE_AGAIN.parse().unwrap())
            .is_none()
    );
}
