//! Callers for whom an identity provider vouches, and what explanations add for callers.

use policy::{
    Action, Change, Document, DocumentKind, NoKeys, Policies, PolicyType, Request, ResourcePolicy,
};
use serde_json::{Value, json};
use types::{Arn, Principal, WebIdentity};

use crate::case::Case;

pub(crate) const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/login.example.com";

/// Whom the provider vouches for.
pub(crate) fn vouched_for() -> Principal {
    Principal::WebIdentity(Box::new(WebIdentity {
        provider: PROVIDER.parse().unwrap(),
        audience: "sts.amazonaws.com".to_owned(),
        original_audience: None,
        subject: "somebody".to_owned(),
        methods: Vec::new(),
        tags: Vec::new(),
        transitive: Vec::new(),
        source_identity: None,
    }))
}

fn decide(principal: &Value, effect: &str) -> Result<(), (PolicyType, bool)> {
    let text = json!({"Version": "2012-10-17", "Statement": {"Effect": effect,
        "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity"}});
    let trust = Document::parse(&text.to_string(), DocumentKind::Trust).unwrap();
    let role: Arn = "arn:aws:iam::111122223333:role/R".parse().unwrap();
    let request = Request {
        principal: &vouched_for(),
        action: &Action::from_static("sts:AssumeRoleWithWebIdentity"),
        resource: Some(&role),
        resource_account: role.account(),
        keys: &NoKeys,
    };
    let policies = Policies {
        resource: ResourcePolicy::Trust(&trust),
        ..Policies::NONE
    };
    match policy::evaluate(&request, &policies).denial() {
        None => Ok(()),
        Some(denial) => Err((denial.policy, denial.explicit)),
    }
}

#[test]
fn a_trust_policy_lets_in_those_of_the_provider_it_names() {
    assert_eq!(decide(&json!({"Federated": PROVIDER}), "Allow"), Ok(()));
    let missing = Err((PolicyType::Trust, false));
    for other in [
        json!({"Federated": "arn:aws:iam::444455556666:oidc-provider/login.example.com"}),
        json!({"Federated": "accounts.google.com"}),
        json!({"AWS": "111122223333"}),
        json!("*"),
    ] {
        assert_eq!(decide(&other, "Allow"), missing, "{other}");
    }
}

#[test]
fn a_deny_for_everyone_denies_web_identities() {
    assert_eq!(decide(&json!("*"), "Deny"), Err((PolicyType::Trust, true)));
}

/// What would have to change for Bob to decrypt, and what nearly let him.
fn explained(policies: &Value) -> (Vec<String>, Vec<String>) {
    let case: Case = serde_json::from_value(json!({
        "name": "explained",
        "principal": {"user": "Bob", "account": "111122223333"},
        "action": "kms:Decrypt",
        "resource": "arn:aws:kms:us-east-1:111122223333:key/1234",
        "policies": policies
    }))
    .unwrap();
    let explanation = case.decide().1;
    let changes = explanation.smallest_change().unwrap();
    (
        changes.iter().map(ToString::to_string).collect(),
        explanation
            .near_misses()
            .iter()
            .map(ToString::to_string)
            .collect(),
    )
}

#[test]
fn the_smallest_change_names_every_policy_that_has_to_change() {
    let statement = |effect: &str, action: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "s", "Effect": effect, "Action": action, "Resource": "*"}]})
    };
    let (changes, _) = explained(&json!({
        "identity": [statement("Deny", "kms:*")],
        "boundary": statement("Allow", "s3:*"),
        "service_control": [[statement("Allow", "s3:*")]],
    }));
    assert_eq!(
        changes,
        [
            "remove or narrow statement `s` of identity-based policy `p`, line 3",
            "allow the action in a service control policy at `ou-1`",
            "allow the action to `arn:aws:iam::111122223333:user/Bob` in the resource-based policy",
        ]
    );
}

#[test]
fn near_misses_name_the_one_part_that_differs() {
    let allow = |rest: Value| {
        let mut statement = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
        for (name, value) in rest.as_object().unwrap() {
            statement[name] = value.clone();
        }
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let near = |rest: Value| explained(&json!({"identity": [allow(rest)]})).1;
    let line = "identity-based policy `p`, line 3 would allow it but for ";
    assert_eq!(
        near(json!({"Action": "kms:Encrypt"})),
        [format!("{line}its actions")]
    );
    assert_eq!(
        near(json!({"Resource": "arn:aws:kms:us-west-2:*"})),
        [format!("{line}its resources")]
    );
    assert_eq!(
        near(json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}}})),
        [format!("{line}the condition `Bool aws:SecureTransport`")]
    );
    assert_eq!(near(json!({"Action": "s3:*"})), [""; 0]);
    assert_eq!(
        near(json!({"Action": "kms:Encrypt", "Resource": "arn:aws:kms:us-west-2:*"})),
        [""; 0]
    );
}

#[test]
fn no_change_lets_a_root_user_assume_a_role() {
    let case: Case = serde_json::from_value(json!({
        "name": "root",
        "principal": {"root": true, "account": "111122223333"},
        "action": "sts:AssumeRole",
        "resource": "arn:aws:iam::111122223333:role/R",
        "policies": {"resource": {"rule": "trust", "document": {"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}}}
    }))
    .unwrap();
    assert_eq!(case.decide().1.smallest_change(), None);
}

#[test]
fn limits_say_which_of_them_let_the_request_pass() {
    let all = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let none = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    let case: Case = serde_json::from_value(json!({
        "name": "limits",
        "principal": {"role": "R", "session": "s", "account": "111122223333"},
        "action": "kms:ListKeys",
        "policies": {"identity": [all], "boundary": none, "session": [all],
            "service_control": [[all]]}
    }))
    .unwrap();
    let explanation = case.decide().1;
    let limits = explanation.limits();
    assert_eq!(limits.boundary, Some(false));
    assert_eq!(limits.session, Some(true));
    assert_eq!(limits.service_control, Some(true));
    assert_eq!(limits.resource_control, None);
    let boundary = Change::Allow {
        policy: PolicyType::Boundary,
        level: None,
    };
    assert_eq!(explanation.smallest_change(), Some(&[boundary][..]));
    assert_eq!(explanation.near_misses(), []);
}
