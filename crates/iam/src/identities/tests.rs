//! What a principal may do if its records are not as the operations leave them.

use policy::Effect;
use store::SnapshotBuilder;
use types::Timestamp;

use super::*;
use crate::lookup;
use crate::records::{GroupRecord, InlinePolicyRecord, PolicyText};

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
        groups: Vec::new(),
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

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// Rows of one account, as the operations write them.
struct Rows(store::Batch);

impl Rows {
    fn new() -> Self {
        Self(store::Batch::default())
    }

    fn inline<E: Entity>(&mut self, owner: &E, name: &str) {
        let row = tables::inline(owner.account(), owner.id(), name);
        let record = InlinePolicyRecord {
            name: name.to_owned(),
            policy: PolicyText::from(ALLOW.to_owned()),
        };
        self.0.put(&tables::INLINE, row, record);
    }

    fn view(self) -> View {
        let empty = SnapshotBuilder::new(&tables()).build(0);
        View::plain(Arc::new(empty.with(1, self.0.metadata())))
    }
}

fn group() -> GroupRecord {
    GroupRecord {
        account: "111122223333".parse().unwrap(),
        name: "Readers".to_owned(),
        path: "/".to_owned(),
        id: "AGPAEXAMPLEEXAMPLE234".parse().unwrap(),
        created: Timestamp::EPOCH,
        attached: Vec::new(),
    }
}

fn role(view: &View, id: &str) -> RoleRecord {
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
    RoleRecord {
        account: "111122223333".parse().unwrap(),
        name: "R".to_owned(),
        path: "/team/".to_owned(),
        id: id.parse().unwrap(),
        created: Timestamp::EPOCH,
        description: None,
        trust: crate::records::TrustPolicy::accept(trust, view).unwrap(),
        max_session: 3600,
        tags: vec![("Team".to_owned(), "red".to_owned())],
        attached: Vec::new(),
        boundary: Some(MISSING.parse().unwrap()),
        linked_to: None,
    }
}

fn names(policies: &IdentityPolicies) -> Vec<&str> {
    let attached = policies.identity.iter();
    attached.map(|attached| attached.name.as_str()).collect()
}

#[test]
fn a_user_has_the_policies_of_its_groups() {
    let (group, mut rows) = (group(), Rows::new());
    let user = UserRecord {
        groups: vec![group.id.clone()],
        ..user()
    };
    rows.inline(&user, "own");
    rows.inline(&group, "shared");
    lookup::put_new(&mut rows.0, user.clone());
    lookup::put_new(&mut rows.0, group);
    let found = Identities::default().policies(&rows.view(), &user.principal());
    assert_eq!(names(&found), ["own", "shared"]);
}

#[test]
fn a_group_that_was_deleted_gives_nothing_though_another_has_its_name() {
    let (group, mut rows) = (group(), Rows::new());
    let user = UserRecord {
        groups: vec!["AGPAEXAMPLEEXAMPLE777".parse().unwrap()],
        ..user()
    };
    rows.inline(&group, "shared");
    lookup::put_new(&mut rows.0, user.clone());
    lookup::put_new(&mut rows.0, group);
    let found = Identities::default().policies(&rows.view(), &user.principal());
    assert!(found.identity.is_empty());
}

#[test]
fn a_session_has_its_roles_policies_boundary_and_tags() {
    let mut rows = Rows::new();
    let role = role(&Rows::new().view(), "AROAEXAMPLEEXAMPLE234");
    rows.inline(&role, "own");
    lookup::put_new(&mut rows.0, role.clone());
    let found = Identities::default().policies(&rows.view(), &role.session("session".to_owned()));
    assert_eq!(names(&found), ["own"]);
    assert!(denies_everything(found.boundary.as_ref().unwrap()));
    assert_eq!(found.tags, role.tags);
    assert!(found.session.is_none());
}

#[test]
fn a_session_of_a_role_that_was_made_again_has_nothing() {
    let mut rows = Rows::new();
    let empty = Rows::new().view();
    let before = role(&empty, "AROAEXAMPLEEXAMPLE234");
    let again = role(&empty, "AROAEXAMPLEEXAMPLE777");
    rows.inline(&before, "old");
    rows.inline(&again, "new");
    lookup::put_new(&mut rows.0, again);
    let found = Identities::default().policies(&rows.view(), &before.session("session".to_owned()));
    assert!(found.identity.is_empty() && found.boundary.is_none());
}
