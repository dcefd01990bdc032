//! Policies of resources, whose principals are tied to those that exist when the policy is saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy::{Document, DocumentKind, ParseError, PrincipalPattern};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::View;
use types::{Arn, UniqueId};

use crate::sources::PrincipalDirectory;

/// The policy of a resource, compiled.
///
/// Users and roles are bound to the unique ids that they had when the policy was saved: one
/// that is deleted and made again under its old name gains nothing. So is a session of a role, to
/// the role.
#[derive(Debug, Clone)]
pub struct BoundPolicy {
    bound: BTreeMap<Arn, UniqueId>,
    document: Arc<Document>,
}

/// The stored form of a [`BoundPolicy`]. One that no longer compiles makes its record
/// unreadable, and the server refuses to start: better than a resource whose rules nobody knows.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredPolicy {
    text: String,
    bound: BTreeMap<Arn, UniqueId>,
}

impl StoredPolicy {
    /// The policy, compiled as one of `kind`. Fails if it is none.
    pub fn compile(self, kind: DocumentKind) -> Result<BoundPolicy, ParseError> {
        let document = Document::parse(&self.text, kind)?;
        Ok(BoundPolicy::new(document, self.bound))
    }
}

impl From<BoundPolicy> for StoredPolicy {
    fn from(policy: BoundPolicy) -> Self {
        Self {
            text: policy.document.text().to_owned(),
            bound: policy.bound,
        }
    }
}

impl From<Document> for BoundPolicy {
    /// A policy of our own, which names no user and no role.
    fn from(document: Document) -> Self {
        Self::new(document, BTreeMap::new())
    }
}

impl BoundPolicy {
    /// Binds the principals of the document that a resource is to have to those that are `known`.
    ///
    /// Fails with the first one that does not exist.
    pub fn bind(
        document: Document,
        view: &View,
        known: &dyn PrincipalDirectory,
    ) -> Result<Self, PrincipalPattern> {
        let mut bound = BTreeMap::new();
        for principal in document.principals() {
            let exists = match principal {
                PrincipalPattern::Everyone
                | PrincipalPattern::Service(_)
                | PrincipalPattern::Federated(_) => true,
                PrincipalPattern::Account(account)
                | PrincipalPattern::FederatedUser { account, .. } => {
                    known.account_exists(view, *account)
                }
                PrincipalPattern::RoleSession { account, role, .. } => {
                    let id = known.role_id(view, *account, role);
                    let arn = principal.arn();
                    let of_role = arn.zip(id);
                    of_role.map(|(arn, id)| bound.insert(arn, id)).is_some()
                }
                PrincipalPattern::User { arn, .. } | PrincipalPattern::Role { arn, .. } => {
                    let id = known.unique_id(view, arn);
                    id.map(|id| bound.insert(arn.clone(), id)).is_some()
                }
                PrincipalPattern::Id(id) => known.arn_of(view, id).is_some(),
                PrincipalPattern::CanonicalUser(_) => false,
            };
            if !exists {
                return Err(principal.clone());
            }
        }
        Ok(Self::new(document, bound))
    }

    /// The compiled document, principals bound.
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// The policy as callers see it if that is not [`Document::text`], the text that was saved:
    /// a user or role that is gone shows as its unique id, one that was renamed as its new ARN; a
    /// session whose role is gone as the role's unique id and its own name.
    ///
    /// Fails if the text is not JSON, which nothing that compiles is.
    pub fn renamed(
        &self,
        view: &View,
        known: &dyn PrincipalDirectory,
    ) -> Result<Option<Value>, serde_json::Error> {
        let mut changed = BTreeMap::new();
        for (arn, id) in &self.bound {
            let now = match (known.arn_of(view, id), session_of(arn)) {
                (Some(now), None) => String::from(now),
                (None, None) => id.to_string(),
                (Some(_), Some(_)) => continue,
                (None, Some(session)) => format!("{id}:{session}"),
            };
            if now != arn.as_str() {
                changed.insert(arn.as_str(), now);
            }
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let mut policy: Value = serde_json::from_str(self.document.text())?;
        rename_principals(&mut policy, &changed);
        Ok(Some(policy))
    }

    fn new(mut document: Document, bound: BTreeMap<Arn, UniqueId>) -> Self {
        document.bind_principals(|arn| bound.get(arn).cloned());
        Self {
            bound,
            document: Arc::new(document),
        }
    }
}

/// The name of the session that is named by `arn`, if it is one of a role.
fn session_of(arn: &Arn) -> Option<&str> {
    let (_role, session) = arn.resource_of("assumed-role")?.split_once('/')?;
    (arn.service() == "sts").then_some(session)
}

/// Replaces the AWS principals of every statement that `names` has another name for.
fn rename_principals(policy: &mut Value, names: &BTreeMap<&str, String>) {
    let statements = policy.get_mut("Statement").map(one_or_more);
    for statement in statements.unwrap_or_default() {
        for element in ["Principal", "NotPrincipal"] {
            let aws = statement
                .get_mut(element)
                .and_then(|principal| principal.get_mut("AWS"));
            for value in aws.map(one_or_more).unwrap_or_default() {
                if let Some(name) = value.as_str().and_then(|text| names.get(text)) {
                    *value = Value::String(name.clone());
                }
            }
        }
    }
}

fn one_or_more(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Array(values) => values,
        single => std::slice::from_mut(single),
    }
}
