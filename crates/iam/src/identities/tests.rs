//! What a principal may do if its records are not as the operations leave them.

use policy::Effect;
use store::SnapshotBuilder;
use types::Timestamp;

use super::*;
use crate::records::{InlinePolicyRecord, PolicyText};

const MISSING: &str = "arn:aws:iam::111122223333:policy/Missing";

fn user() -> UserRecord {
    UserRecord {
        account: "111122223333".parse().unwrap(),
        name: "Alice".to_owned(),
        path: "/".to_owned(),
        id: "AIDAEXAMPLEEXAMPLE234".parse().unwrap(),
        created: Timestamp::EPOCH,
        tags: Vec::new(),
        attached: Vec::new(),
        boundary: None,
        access_keys: Vec::new(),
    }
}

fn policies(user: UserRecord, inline: Option<&str>) -> Arc<IdentityPolicies> {
    let principal = user.principal();
    let (account, id, name) = (user.account, user.id.clone(), user.name.clone());
    let mut rows = SnapshotBuilder::new(&tables());
    rows.row(
        &tables::USERS,
        tables::named(account, &name),
        1,
        Arc::new(user),
    );
    if let Some(text) = inline {
        let record = InlinePolicyRecord {
            name: "P".to_owned(),
            policy: PolicyText::from(text.to_owned()),
        };
        rows.row(
            &tables::INLINE,
            tables::inline(account, &id, "P"),
            1,
            Arc::new(record),
        );
    }
    Identities::default().policies(&View::plain(Arc::new(rows.build(1))), &principal)
}

fn denies_everything(attached: &AttachedDocument) -> bool {
    let statements = attached.document.statements();
    statements.len() == 1 && statements[0].effect() == Effect::Deny
}

#[test]
fn an_attached_policy_that_is_missing_denies_everything() {
    let found = policies(
        UserRecord {
            attached: vec![MISSING.parse().unwrap()],
            ..user()
        },
        None,
    );
    assert!(denies_everything(&found.identity[0]));
}

#[test]
fn a_boundary_that_is_missing_denies_everything() {
    let found = policies(
        UserRecord {
            boundary: Some(MISSING.parse().unwrap()),
            ..user()
        },
        None,
    );
    assert!(denies_everything(found.boundary.as_ref().unwrap()));
}

#[test]
fn an_inline_policy_that_cannot_be_read_denies_everything() {
    let found = policies(user(), Some("{"));
    assert!(denies_everything(&found.identity[0]));
}

#[test]
fn a_principal_of_another_id_has_no_policies() {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let mut rows = SnapshotBuilder::new(&tables());
    let user = user();
    let principal = user.principal();
    let recreated = UserRecord {
        id: "AIDAEXAMPLEEXAMPLE777".parse().unwrap(),
        ..user.clone()
    };
    let record = InlinePolicyRecord {
        name: "P".to_owned(),
        policy: PolicyText::from(text.to_owned()),
    };
    for id in [&user.id, &recreated.id] {
        let row = tables::inline(user.account, id, "P");
        rows.row(&tables::INLINE, row, 1, Arc::new(record.clone()));
    }
    rows.row(
        &tables::USERS,
        tables::named(user.account, "Alice"),
        1,
        Arc::new(recreated.clone()),
    );
    let view = View::plain(Arc::new(rows.build(1)));
    let identities = Identities::default();
    assert!(identities.policies(&view, &principal).identity.is_empty());
    assert_eq!(
        identities
            .policies(&view, &recreated.principal())
            .identity
            .len(),
        1
    );
}
