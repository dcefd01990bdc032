//! Cedar, ready to answer: one policy for each statement.

use std::fmt::Write as _;

use anyhow::Context as _;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema,
};
use serde_json::json;

use crate::Answer;
use crate::set::{Question, Rule};

/// The version that `Cargo.lock` names.
pub(crate) const VERSION: &str = "4.14";

pub(crate) struct Engine {
    authorizer: Authorizer,
    policies: PolicySet,
}

/// A question, read, with the entities that it is about.
pub(crate) struct Asked {
    request: Request,
    entities: Entities,
}

impl Engine {
    pub(crate) fn new(rules: &[Vec<Rule>]) -> anyhow::Result<Self> {
        let mut text = String::new();
        for rule in rules.iter().flatten() {
            let actions: Vec<String> = rule
                .actions
                .iter()
                .map(|action| format!("Action::\"{action}\""))
                .collect();
            let effect = if rule.allows { "permit" } else { "forbid" };
            let more = match (&rule.team, rule.allows) {
                (_, false) => " && !context.secure".to_owned(),
                (Some(team), true) => {
                    format!(" && principal has team && principal.team == \"{team}\"")
                }
                (None, true) => String::new(),
            };
            writeln!(
                text,
                "{effect}(principal == User::\"alice\", action in [{}], resource) \
                 when {{ resource.arn like \"{}*\"{more} }};",
                actions.join(", "),
                rule.resource,
            )?;
        }
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: text.parse().context("Cedar does not read the policies")?,
        })
    }

    pub(crate) fn question(&self, question: &Question) -> anyhow::Result<Asked> {
        let uid = |kind: &str, id: &str| -> anyhow::Result<EntityUid> {
            let text = format!("{kind}::\"{id}\"");
            text.parse().with_context(|| format!("no entity: {text}"))
        };
        let entities = json!([
            {
                "uid": { "type": "User", "id": "alice" },
                "attrs": { "team": question.team },
                "parents": [],
            },
            {
                "uid": { "type": "Resource", "id": question.resource },
                "attrs": { "arn": question.resource },
                "parents": [],
            },
        ]);
        let no_schema: Option<&Schema> = None;
        let context = Context::from_json_value(json!({ "secure": question.secure }), None)?;
        let request = Request::new(
            uid("User", "alice")?,
            uid("Action", question.action)?,
            uid("Resource", &question.resource)?,
            context,
            no_schema,
        )?;
        Ok(Asked {
            request,
            entities: Entities::from_json_value(entities, no_schema)?,
        })
    }

    pub(crate) fn decide(&self, asked: &Asked) -> Answer {
        let response =
            self.authorizer
                .is_authorized(&asked.request, &self.policies, &asked.entities);
        match response.decision() {
            Decision::Allow => Answer::Allow,
            // A decision names the policies that made it.
            Decision::Deny if response.diagnostics().reason().next().is_some() => {
                Answer::DenyExplicitly
            }
            Decision::Deny => Answer::Deny,
        }
    }
}
