//! Policy documents: compiled or refused, and decided on the same way twice.
//!
//! The first byte chooses the kind of document.

use std::borrow::Cow;

use policy::{
    Action, Attached, ConditionKey, ConditionKeys, Document, DocumentKind, Policies, Request,
    ResourcePolicy, Severity, Values, evaluate, explain,
};
use types::{Arn, Principal};

const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

/// A request that has every condition key, with a value that many operators can read.
struct Everything;

impl ConditionKeys for Everything {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        Some(match key.as_str().len() % 5 {
            0 => Values::One(Cow::Borrowed("arn:aws:iam::111122223333:user/a")),
            1 => Values::One(Cow::Borrowed("10.0.0.1")),
            2 => Values::One(Cow::Borrowed("2026-01-01T00:00:00Z")),
            3 => Values::Many(vec![Cow::Borrowed("true"), Cow::Borrowed("1e3")]),
            _ => return None,
        })
    }
}

pub(crate) fn run(data: &[u8]) -> bool {
    let Some((kind, text)) = data.split_first() else {
        return false;
    };
    let kind = DocumentKind::ALL
        .into_iter()
        .cycle()
        .nth(usize::from(*kind) % DocumentKind::ALL.len());
    let (Some(kind), Ok(text)) = (kind, std::str::from_utf8(text)) else {
        return false;
    };
    let accepted = match Document::parse(text, kind) {
        Ok(document) => {
            decide(&document, text);
            true
        }
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            false
        }
    };
    check(text, kind, accepted);
    accepted
}

/// The lint has errors for what is refused and for nothing else, and places that exist.
fn check(text: &str, kind: DocumentKind, accepted: bool) {
    let _guess = policy::likely_kind(text);
    let findings = policy::lint(text, kind);
    let errors = findings
        .iter()
        .filter(|found| found.severity == Severity::Error);
    assert_eq!(
        errors.count() == 0,
        accepted,
        "the lint and the parser differ"
    );
    let lines = text.split('\n').count();
    for found in &findings {
        let line = usize::try_from(found.line).unwrap_or(usize::MAX);
        assert!(
            (1..=lines).contains(&line) && found.column >= 1,
            "{found} is nowhere"
        );
    }
}

fn decide(document: &Document, text: &str) {
    assert_eq!(document.text(), text);
    let arn = |text: &str| text.parse::<Arn>().ok();
    let (Ok(account), Ok(id)) = ("111122223333".parse(), "AIDAAAAAAAAAAAAAAAAAA".parse()) else {
        panic!("the ids of the user are refused");
    };
    let (Some(user), Some(key), Ok(action)) = (
        arn("arn:aws:iam::111122223333:user/team/Ada"),
        arn("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        Action::parse("kms:Decrypt"),
    ) else {
        panic!("the names of the request are refused");
    };
    let ada = Principal::User {
        account,
        arn: user,
        id,
        name: "Ada".to_owned(),
    };
    let request = Request {
        principal: &ada,
        action: &action,
        resource: Some(&key),
        resource_account: None,
        keys: &Everything,
    };
    let Ok(deny) = Document::parse(DENY, DocumentKind::Identity) else {
        panic!("the deny is refused");
    };
    let attached = |document| Attached {
        document,
        name: "p",
        arn: None,
    };
    let (own, both) = ([attached(document)], [attached(document), attached(&deny)]);
    for resource in [
        ResourcePolicy::None,
        ResourcePolicy::General(document),
        ResourcePolicy::Key(document),
        ResourcePolicy::Trust(document),
    ] {
        let mut policies = Policies {
            identity: &own,
            resource,
            ..Policies::NONE
        };
        let decided = evaluate(&request, &policies);
        assert_eq!(
            decided,
            evaluate(&request, &policies),
            "decided in two ways"
        );
        let explained = explain(&request, &policies);
        assert_eq!(explained.decision(), decided, "explained in another way");
        policies.identity = &both;
        assert!(
            !evaluate(&request, &policies).is_allowed(),
            "a deny was overruled"
        );
    }
}
