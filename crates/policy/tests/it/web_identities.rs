//! Random trust policies for web identities: the evaluator agrees with a naive reading.

use policy::{Action, Document, DocumentKind, Level, Policies, Request, ResourcePolicy};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use types::Arn;

use crate::case::Case;
use crate::federated::{PROVIDER, vouched_for};
use crate::random::{self, Kind};
use crate::{case, naive};

const ROLE: &str = "arn:aws:iam::111122223333:role/R";
const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

fn principal() -> impl Strategy<Value = Value> {
    select(&[
        r#"{"Federated": "arn:aws:iam::111122223333:oidc-provider/login.example.com"}"#,
        r#"{"Federated": ["accounts.google.com",
            "arn:aws:iam::111122223333:oidc-provider/login.example.com"]}"#,
        r#"{"Federated": "arn:aws:iam::111122223333:oidc-provider/Login.example.com"}"#,
        r#"{"Federated": "accounts.google.com"}"#,
        r#"{"AWS": "111122223333"}"#,
        r#"{"AWS": "*"}"#,
        r#""*""#,
        r#"{"Service": "sagemaker.amazonaws.com"}"#,
    ])
    .prop_map(|text| serde_json::from_str(text).unwrap())
}

fn statement() -> impl Strategy<Value = Value> {
    let effects = select(&["Allow", "Allow", "Allow", "Deny"]);
    let actions = select(vec![
        json!("sts:AssumeRoleWithWebIdentity"),
        json!("STS:assumerolewithwebidentity"),
        json!(["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"]),
        json!(["sts:AssumeRole", "sts:TagSession"]),
    ]);
    (effects, principal(), actions, random::conditions()).prop_map(
        |(effect, principal, actions, conditions)| {
            let mut statement =
                json!({"Effect": effect, "Principal": principal, "Action": actions});
            if conditions != json!({}) {
                statement["Condition"] = conditions;
            }
            statement
        },
    )
}

/// Whether a statement for everyone, or for the provider, matches.
fn matches(case: &Case, statement: &Value) -> (bool, bool) {
    let actions = statement["Action"].to_string().to_lowercase();
    if !actions.contains(&format!("{:?}", ACTION.to_lowercase()))
        || !naive::conditions_hold(case, statement, true)
    {
        return (false, false);
    }
    let principal = &statement["Principal"];
    let everyone = *principal == json!("*") || *principal == json!({"AWS": "*"});
    let federated = principal["Federated"].to_string();
    (everyone, federated.contains(&format!("{PROVIDER:?}")))
}

fn naively(case: &Case, trust: &Value, levels: &[Vec<Value>]) -> &'static str {
    let statements = trust["Statement"].as_array().unwrap();
    let of = |effect: &str| -> Vec<(bool, bool)> {
        let of_effect = statements.iter().filter(|s| s["Effect"] == effect);
        of_effect
            .map(|statement| matches(case, statement))
            .collect()
    };
    let limits = naive::limits(case, levels);
    if limits == "DENY(e)"
        || of("Deny")
            .iter()
            .any(|(everyone, named)| *everyone || *named)
    {
        "DENY(e)"
    } else if limits == "ALLOW" && of("Allow").iter().any(|(_, named)| *named) {
        "ALLOW"
    } else {
        "DENY(i)"
    }
}

fn decided(case: &Case, trust: &Value, levels: &[Vec<Value>]) -> &'static str {
    let trust = Document::parse(&trust.to_string(), DocumentKind::Trust).unwrap();
    let documents: Vec<Vec<Document>> = levels
        .iter()
        .map(|level| case::parse_all(level, DocumentKind::ResourceControl))
        .collect();
    let attached: Vec<_> = documents
        .iter()
        .map(|level| case::attach_all(level))
        .collect();
    let levels: Vec<Level<'_>> = case::level_all(&attached);
    let role: Arn = ROLE.parse().unwrap();
    let request = Request {
        principal: &vouched_for(),
        action: &Action::from_static(ACTION),
        resource: Some(&role),
        resource_account: role.account(),
        keys: &case.context,
    };
    let policies = Policies {
        resource: ResourcePolicy::Trust(&trust),
        resource_control: &levels,
        ..Policies::NONE
    };
    match policy::evaluate(&request, &policies).denial() {
        None => "ALLOW",
        Some(denial) if denial.explicit => "DENY(e)",
        Some(_) => "DENY(i)",
    }
}

proptest! {
    #![proptest_config(random::config(2_000))]

    #[test]
    fn web_identities_are_decided_as_the_naive_evaluator_does(
        context in random::context(),
        statements in prop::collection::vec(statement(), 1..4),
        levels in random::levels(Kind::ResourceControl),
    ) {
        let case: Case = serde_json::from_value(json!({
            "name": "web identity",
            "principal": {"user": "Nobody", "account": "111122223333"},
            "action": ACTION,
            "resource": ROLE,
            "context": context,
        }))
        .unwrap();
        let trust = json!({"Version": "2012-10-17", "Statement": statements});
        let levels: Vec<Vec<Value>> = serde_json::from_value(levels).unwrap();
        prop_assert_eq!(decided(&case, &trust, &levels), naively(&case, &trust, &levels));
    }
}
