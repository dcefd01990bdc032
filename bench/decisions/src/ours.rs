//! Our engine, ready to answer.

use policy::{Action, Attached, Document, Policies, Request, ResourcePolicy, evaluate};
use types::{Arn, Principal};

use crate::Answer;
use crate::set::{self, Question, Rule};

pub(crate) struct Engine<'a> {
    policies: Vec<Attached<'a>>,
    principal: Principal,
}

/// A question, read.
pub(crate) struct Asked {
    action: Action,
    resource: Arn,
    context: Question,
}

/// The policies, compiled.
pub(crate) fn documents(rules: &[Vec<Rule>]) -> Vec<Document> {
    rules.iter().map(|rules| set::document(rules)).collect()
}

impl<'a> Engine<'a> {
    pub(crate) fn new(documents: &'a [Document]) -> Self {
        let attached = documents.iter().map(|document| Attached {
            document,
            name: "p",
            arn: None,
        });
        Self {
            policies: attached.collect(),
            principal: set::alice(),
        }
    }

    pub(crate) fn question(&self, question: &Question) -> anyhow::Result<Asked> {
        Ok(Asked {
            action: Action::from_static(question.action),
            resource: question.resource.parse()?,
            context: question.clone(),
        })
    }

    pub(crate) fn decide(&self, asked: &Asked) -> Answer {
        let request = Request {
            principal: &self.principal,
            action: &asked.action,
            resource: Some(&asked.resource),
            resource_account: self.principal.account(),
            keys: &asked.context,
        };
        let policies = Policies {
            identity: &self.policies,
            boundary: None,
            session: None,
            resource: ResourcePolicy::None,
            service_control: &[],
            resource_control: &[],
            grants: &[],
        };
        match evaluate(&request, &policies).denial() {
            None => Answer::Allow,
            Some(denial) if denial.explicit => Answer::DenyExplicitly,
            Some(_) => Answer::Deny,
        }
    }
}
