//! Trust policies: what is accepted, how principals are tied to it, how it is shown again.

use std::sync::Arc;

use pipeline::{BoundPolicy, StoredPolicy};
use policy::{Document, DocumentKind, ParseError, PrincipalPattern};
use serde::{Deserialize, Serialize};
use store::View;

use crate::Error;
use crate::resources::IamResources;

/// The trust policy of a role, compiled, its principals bound.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredPolicy", into = "StoredPolicy")]
pub struct TrustPolicy(BoundPolicy);

impl TryFrom<StoredPolicy> for TrustPolicy {
    type Error = ParseError;

    fn try_from(stored: StoredPolicy) -> Result<Self, ParseError> {
        stored.compile(DocumentKind::Trust).map(Self)
    }
}

impl From<TrustPolicy> for StoredPolicy {
    fn from(policy: TrustPolicy) -> Self {
        policy.0.into()
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
        let bound = BoundPolicy::bind(document, view, &IamResources);
        bound.map(Self).map_err(|unknown| Error::InvalidPrincipal {
            value: as_shown(&unknown),
        })
    }

    /// The compiled document, principals bound.
    pub fn document(&self) -> &Arc<Document> {
        self.0.document()
    }

    /// The policy as callers see it: the text that was saved, where a user or role that is
    /// gone shows as its unique id, and one that was renamed as its new ARN.
    pub(crate) fn shown(&self, view: &View) -> String {
        // A document that compiled is JSON.
        let renamed = self.0.renamed(view, &IamResources).ok().flatten();
        renamed.map_or_else(
            || self.document().text().to_owned(),
            |renamed| renamed.to_string(),
        )
    }
}

/// A principal that does not exist, as refusals show it.
fn as_shown(principal: &PrincipalPattern) -> String {
    match principal {
        PrincipalPattern::RoleSession {
            account,
            role,
            session,
            ..
        } => format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        PrincipalPattern::FederatedUser { account, name } => {
            format!("arn:aws:sts::{account}:federated-user/{name}")
        }
        PrincipalPattern::Account(account) => format!("arn:aws:iam::{account}:root"),
        PrincipalPattern::User { arn, .. } | PrincipalPattern::Role { arn, .. } => arn.to_string(),
        PrincipalPattern::Id(id) => id.to_string(),
        PrincipalPattern::CanonicalUser(id) => id.to_string(),
        PrincipalPattern::Everyone
        | PrincipalPattern::Service(_)
        | PrincipalPattern::Federated(_) => String::new(),
    }
}
