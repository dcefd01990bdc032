//! The policies and requests that decisions are measured on; `bench/decisions` uses them too.

use std::borrow::Cow;

use policy::{ConditionKey, ConditionKeys, Document, DocumentKind, Values};
use serde_json::{Value, json};
use types::Principal;

/// The account of the caller and of everything else.
pub(crate) const ACCOUNT: &str = "111122223333";

/// One statement of the set, from which both languages are written.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Whether it allows; else it denies requests that came without TLS.
    pub(crate) allows: bool,
    /// The actions.
    pub(crate) actions: Vec<String>,
    /// What the ARN begins with.
    pub(crate) resource: String,
    /// The team that the caller must be tagged with.
    pub(crate) team: Option<String>,
}

/// `policies` policies of `statements` statements each, no two alike.
pub(crate) fn rules(policies: usize, statements: usize) -> Vec<Vec<Rule>> {
    let rule = |number: usize, last: bool| {
        let (service, names) = match number % 3 {
            0 => ("sagemaker", ["GetRecord", "PutRecord", "DeleteRecord"]),
            1 => ("kms", ["Decrypt", "GenerateDataKey", "DescribeKey"]),
            _ => (
                "sagemaker",
                ["GetRecord", "BatchGetRecord", "DescribeFeatureGroup"],
            ),
        };
        let kind = if service == "kms" {
            "key"
        } else {
            "feature-group"
        };
        let resource = format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{kind}/team-{number}-");
        Rule {
            allows: !last,
            actions: names
                .iter()
                .map(|name| format!("{service}:{name}"))
                .collect(),
            resource,
            team: number.is_multiple_of(2).then(|| format!("team-{number}")),
        }
    };
    let numbers = |policy: usize| policy * statements..(policy + 1) * statements;
    (0..policies)
        .map(|policy| {
            let last = (policy + 1) * statements - 1;
            numbers(policy)
                .map(|number| rule(number, number == last))
                .collect()
        })
        .collect()
}

/// A policy of IAM's.
pub(crate) fn document(rules: &[Rule]) -> Document {
    let statement = |rule: &Rule| {
        let mut statement = json!({
            "Effect": if rule.allows { "Allow" } else { "Deny" },
            "Action": rule.actions,
            "Resource": format!("{}*", rule.resource),
        });
        if !rule.allows {
            statement["Condition"] = json!({ "Bool": { "aws:SecureTransport": "false" } });
        } else if let Some(team) = &rule.team {
            statement["Condition"] = json!({ "StringEquals": { "aws:PrincipalTag/team": team } });
        }
        statement
    };
    let statements: Vec<Value> = rules.iter().map(statement).collect();
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Document::parse(&text, DocumentKind::Identity).unwrap()
}

/// The caller.
pub(crate) fn alice() -> Principal {
    Principal::User {
        account: ACCOUNT.parse().unwrap(),
        arn: format!("arn:aws:iam::{ACCOUNT}:user/alice")
            .parse()
            .unwrap(),
        id: "AIDAEXAMPLEEXAMPLE234".parse().unwrap(),
        name: "alice".to_owned(),
    }
}

/// What the policies are asked, and in which context.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    pub(crate) team: String,
    pub(crate) secure: bool,
}

impl Question {
    /// Allowed by one statement of the last policy, which tests the team.
    pub(crate) fn allowed(rules: &[Vec<Rule>]) -> Self {
        let last = rules.last().unwrap();
        let mut usable = last.iter().rev().filter(|rule| {
            rule.allows && rule.team.is_some() && rule.actions[0] == "sagemaker:GetRecord"
        });
        let rule = usable.next().unwrap();
        Self {
            action: "sagemaker:GetRecord",
            resource: format!("{}prices", rule.resource),
            team: rule.team.clone().unwrap(),
            secure: true,
        }
    }

    /// Allowed by no statement: the team is another one.
    pub(crate) fn denied(rules: &[Vec<Rule>]) -> Self {
        Self {
            team: "team-of-nobody".to_owned(),
            ..Self::allowed(rules)
        }
    }

    /// Denied by the last statement of the last policy.
    pub(crate) fn denied_explicitly(rules: &[Vec<Rule>]) -> Self {
        let rule = rules.last().unwrap().last().unwrap();
        let action = match rule.actions[0].as_str() {
            "kms:Decrypt" => "kms:Decrypt",
            _ => "sagemaker:GetRecord",
        };
        Self {
            action,
            resource: format!("{}prices", rule.resource),
            team: "team-of-nobody".to_owned(),
            secure: false,
        }
    }
}

impl ConditionKeys for Question {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        let value = match (key.name(), key.suffix()) {
            ("aws:principaltag", Some("team")) => self.team.as_str(),
            ("aws:securetransport", None) if self.secure => "true",
            ("aws:securetransport", None) => "false",
            _ => return None,
        };
        Some(Values::One(Cow::Borrowed(value)))
    }
}
