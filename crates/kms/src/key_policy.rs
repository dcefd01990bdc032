//! Key policies: what is accepted, how principals are tied to it, how it is shown again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use pipeline::sources::Principals;
use policy::{Document, DocumentKind, ParseError, PrincipalPattern};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::View;
use types::{AccountId, Arn, Region, Service, UniqueId};

use crate::Error;

/// The name of the only policy that a key has.
pub(crate) const POLICY_NAME: &str = "default";

/// The longest key policy.
const MAX_BYTES: usize = 32_768;

const INVALID_PRINCIPAL: &str = "Policy contains a statement with one or more invalid principals.";

/// A key policy, compiled.
///
/// Users and roles are bound to the unique ids that they had when the policy was saved: one
/// that is deleted and made again under its old name gains nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub(crate) struct KeyPolicy {
    bound: BTreeMap<Arn, UniqueId>,
    document: Arc<Document>,
}

/// The stored form. A policy that no longer compiles makes its record unreadable, and the
/// server refuses to start: better than a key whose rules nobody knows.
#[derive(Serialize, Deserialize)]
struct Stored {
    text: String,
    bound: BTreeMap<Arn, UniqueId>,
}

impl TryFrom<Stored> for KeyPolicy {
    type Error = ParseError;

    fn try_from(stored: Stored) -> Result<Self, ParseError> {
        Self::compile(&stored.text, stored.bound)
    }
}

impl From<KeyPolicy> for Stored {
    fn from(policy: KeyPolicy) -> Self {
        Self {
            text: policy.document.text().to_owned(),
            bound: policy.bound,
        }
    }
}

impl KeyPolicy {
    /// Accepts the policy that a caller wants a key to have.
    ///
    /// Fails with `LimitExceededException` beyond 32,768 bytes, and with
    /// `MalformedPolicyDocumentException` if it is not a key policy or names a principal that
    /// does not exist.
    pub(crate) fn accept(text: &str, view: &View, known: &Principals) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::LimitExceeded(Cow::Owned(format!(
                "a key policy has at most {MAX_BYTES} bytes"
            ))));
        }
        let document =
            Document::parse(text, DocumentKind::KeyPolicy).map_err(|error| refused(&error))?;
        let mut bound = BTreeMap::new();
        for principal in document.principals() {
            let valid = match principal {
                PrincipalPattern::Everyone
                | PrincipalPattern::Service(_)
                | PrincipalPattern::Federated(_) => true,
                PrincipalPattern::Account(account)
                | PrincipalPattern::RoleSession { account, .. }
                | PrincipalPattern::FederatedUser { account, .. } => {
                    known.0.account_exists(view, *account)
                }
                PrincipalPattern::User { arn, .. } | PrincipalPattern::Role { arn, .. } => {
                    let id = known.0.unique_id(view, arn);
                    id.map(|id| bound.insert(arn.clone(), id)).is_some()
                }
                PrincipalPattern::Id(id) => known.0.arn_of(view, id).is_some(),
                PrincipalPattern::CanonicalUser(_) => false,
            };
            if !valid {
                return Err(Error::MalformedPolicy(Cow::Borrowed(INVALID_PRINCIPAL)));
            }
        }
        Ok(Self::bind(document, bound))
    }

    /// The policy of a key that was made without one: the account decides by its IAM policies.
    pub(crate) fn default_for(account: AccountId) -> Result<Self, Error> {
        Self::ours(&serde_json::json!({
            "Version": "2012-10-17",
            "Id": "key-default-1",
            "Statement": [{
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": { "AWS": root(account) },
                "Action": "kms:*",
                "Resource": "*",
            }],
        }))
    }

    /// The policy of an AWS managed key: everyone of the account, through the service only;
    /// directly the account may look, and nobody may change anything.
    pub(crate) fn managed_by(
        service: &str,
        account: AccountId,
        region: &Region,
    ) -> Result<Self, Error> {
        Self::ours(&serde_json::json!({
            "Version": "2012-10-17",
            "Id": format!("auto-{service}-1"),
            "Statement": [{
                "Sid": format!("Use through {service} by whoever may use {service} in the account"),
                "Effect": "Allow",
                "Principal": { "AWS": "*" },
                "Action": [
                    "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*",
                    "kms:CreateGrant", "kms:DescribeKey",
                ],
                "Resource": "*",
                "Condition": { "StringEquals": {
                    "kms:CallerAccount": account,
                    "kms:ViaService": format!("{service}.{region}.amazonaws.com"),
                } },
            }, {
                "Sid": "Metadata for the account",
                "Effect": "Allow",
                "Principal": { "AWS": root(account) },
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
                "Resource": "*",
            }],
        }))
    }

    /// The policy of an AWS owned key: its service.
    pub(crate) fn owned_by(service: Service) -> Result<Self, Error> {
        Self::ours(&serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": service.principal() },
                "Action": "kms:*",
                "Resource": "*",
            }],
        }))
    }

    /// The compiled document, principals bound.
    pub(crate) fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// The policy as callers see it: the text that was saved, where a user or role that is
    /// gone shows as its unique id, and one that was moved as its new ARN.
    pub(crate) fn shown(&self, view: &View, known: &Principals) -> Result<String, Error> {
        let text = self.document.text();
        let mut changed = BTreeMap::new();
        for (arn, id) in &self.bound {
            let now = known
                .0
                .arn_of(view, id)
                .map_or_else(|| id.to_string(), String::from);
            if now != arn.as_str() {
                changed.insert(arn.as_str(), now);
            }
        }
        if changed.is_empty() {
            return Ok(text.to_owned());
        }
        let unreadable = |source| Error::internal("a stored key policy is not JSON", source);
        let mut policy: Value = serde_json::from_str(text).map_err(unreadable)?;
        rename_principals(&mut policy, &changed);
        serde_json::to_string_pretty(&policy).map_err(unreadable)
    }

    fn ours(policy: &Value) -> Result<Self, Error> {
        let text = format!("{policy:#}");
        Self::compile(&text, BTreeMap::new())
            .map_err(|source| Error::internal("a key policy of our own does not compile", source))
    }

    fn compile(text: &str, bound: BTreeMap<Arn, UniqueId>) -> Result<Self, ParseError> {
        Ok(Self::bind(
            Document::parse(text, DocumentKind::KeyPolicy)?,
            bound,
        ))
    }

    fn bind(mut document: Document, bound: BTreeMap<Arn, UniqueId>) -> Self {
        document.bind_principals(|arn| bound.get(arn).cloned());
        Self {
            bound,
            document: Arc::new(document),
        }
    }
}

fn refused(error: &ParseError) -> Error {
    Error::MalformedPolicy(Cow::Owned(error.aws_message()))
}

fn root(account: AccountId) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// Replaces the AWS principals of every statement that `names` has another name for.
fn rename_principals(policy: &mut Value, names: &BTreeMap<&str, String>) {
    let statements = policy
        .get_mut("Statement")
        .map(one_or_more)
        .unwrap_or_default();
    for statement in statements {
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

#[cfg(test)]
mod tests;
