//! Trust policies: what is accepted, how principals are tied to it, how it is shown again.

use std::collections::BTreeMap;
use std::sync::Arc;

use pipeline::sources::PrincipalDirectory;
use policy::{Document, DocumentKind, ParseError, PrincipalPattern};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::View;
use types::{Arn, UniqueId};

use crate::Error;
use crate::resources::IamResources;

/// The trust policy of a role, compiled.
///
/// Users and roles are bound to the unique ids that they had when the policy was saved: one
/// that is deleted and made again under its old name gains nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct TrustPolicy {
    bound: BTreeMap<Arn, UniqueId>,
    document: Arc<Document>,
}

/// The stored form. A policy that no longer compiles makes its record unreadable, and the
/// server refuses to start: better than a role of which nobody knows whom it trusts.
#[derive(Serialize, Deserialize)]
struct Stored {
    text: String,
    bound: BTreeMap<Arn, UniqueId>,
}

impl TryFrom<Stored> for TrustPolicy {
    type Error = ParseError;

    fn try_from(stored: Stored) -> Result<Self, ParseError> {
        let document = Document::parse(&stored.text, DocumentKind::Trust)?;
        Ok(Self::bind(document, stored.bound))
    }
}

impl From<TrustPolicy> for Stored {
    fn from(policy: TrustPolicy) -> Self {
        Self {
            text: policy.document.text().to_owned(),
            bound: policy.bound,
        }
    }
}

impl TrustPolicy {
    /// Accepts the trust policy that a caller wants a role to have.
    ///
    /// Fails with `MalformedPolicyDocument` if it is not a trust policy or names a principal
    /// that does not exist, and with `LimitExceeded` beyond 2,048 characters.
    pub(crate) fn accept(text: &str, view: &View) -> Result<Self, Error> {
        let kind = DocumentKind::Trust;
        let document =
            Document::parse(text, kind).map_err(|source| Error::MalformedPolicy { source })?;
        if kind.size_of(text) > kind.quota() {
            return Err(Error::Quota {
                quota: "ACLSizePerRole",
                limit: kind.quota(),
            });
        }
        let mut bound = BTreeMap::new();
        for principal in document.principals() {
            let named = match principal {
                PrincipalPattern::Everyone
                | PrincipalPattern::Service(_)
                | PrincipalPattern::Federated(_) => None,
                PrincipalPattern::Account(account)
                | PrincipalPattern::RoleSession { account, .. }
                | PrincipalPattern::FederatedUser { account, .. } => {
                    let known = IamResources.account_exists(view, *account);
                    (!known).then(|| account_or_session(principal))
                }
                PrincipalPattern::User { arn, .. } | PrincipalPattern::Role { arn, .. } => {
                    match IamResources.unique_id(view, arn) {
                        Some(id) => {
                            bound.insert(arn.clone(), id);
                            None
                        }
                        None => Some(arn.to_string()),
                    }
                }
                PrincipalPattern::Id(id) => {
                    let known = IamResources.arn_of(view, id).is_some();
                    (!known).then(|| id.to_string())
                }
                PrincipalPattern::CanonicalUser(id) => Some(id.to_string()),
            };
            if let Some(value) = named {
                return Err(Error::InvalidPrincipal { value });
            }
        }
        Ok(Self::bind(document, bound))
    }

    /// The compiled document, principals bound.
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// The policy as callers see it: the text that was saved, where a user or role that is
    /// gone shows as its unique id, and one that was renamed as its new ARN.
    pub(crate) fn shown(&self, view: &View) -> String {
        let text = self.document.text();
        let mut changed = BTreeMap::new();
        for (arn, id) in &self.bound {
            let now = IamResources
                .arn_of(view, id)
                .map_or_else(|| id.to_string(), String::from);
            if now != arn.as_str() {
                changed.insert(arn.as_str(), now);
            }
        }
        if changed.is_empty() {
            return text.to_owned();
        }
        let renamed = serde_json::from_str(text).and_then(|mut policy: Value| {
            rename_principals(&mut policy, &changed);
            serde_json::to_string(&policy)
        });
        // A document that compiled is JSON.
        renamed.unwrap_or_else(|_unreadable| text.to_owned())
    }

    fn bind(mut document: Document, bound: BTreeMap<Arn, UniqueId>) -> Self {
        document.bind_principals(|arn| bound.get(arn).cloned());
        Self {
            bound,
            document: Arc::new(document),
        }
    }
}

/// A principal of an account that does not exist, as refusals show it.
fn account_or_session(principal: &PrincipalPattern) -> String {
    match principal {
        PrincipalPattern::RoleSession {
            account,
            role,
            session,
        } => format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        PrincipalPattern::FederatedUser { account, name } => {
            format!("arn:aws:sts::{account}:federated-user/{name}")
        }
        PrincipalPattern::Account(account) => format!("arn:aws:iam::{account}:root"),
        PrincipalPattern::Everyone
        | PrincipalPattern::User { .. }
        | PrincipalPattern::Role { .. }
        | PrincipalPattern::Id(_)
        | PrincipalPattern::Service(_)
        | PrincipalPattern::Federated(_)
        | PrincipalPattern::CanonicalUser(_) => String::new(),
    }
}

/// Replaces the AWS principals of every statement that `names` has another name for.
fn rename_principals(policy: &mut Value, names: &BTreeMap<&str, String>) {
    let statements = policy
        .get_mut("Statement")
        .map(one_or_more)
        .unwrap_or_default();
    for statement in statements {
        let aws = statement
            .get_mut("Principal")
            .and_then(|principal| principal.get_mut("AWS"));
        for value in aws.map(one_or_more).unwrap_or_default() {
            if let Some(name) = value.as_str().and_then(|text| names.get(text)) {
                *value = Value::String(name.clone());
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
