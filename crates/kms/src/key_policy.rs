//! Key policies: what is accepted, how principals are tied to it, how it is shown again.

use std::borrow::Cow;
use std::sync::Arc;

use pipeline::Ctx;
use pipeline::sources::Principals;
use pipeline::{BoundPolicy, StoredPolicy};
use policy::{Document, DocumentKind, ParseError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::View;
use types::{AccountId, Region, Service};

use crate::{Error, ResourceQuotas};

/// The name of the only policy that a key has.
pub(crate) const POLICY_NAME: &str = "default";

const INVALID_PRINCIPAL: &str = "Policy contains a statement with one or more invalid principals.";

/// A key policy, compiled, its principals bound.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredPolicy", into = "StoredPolicy")]
pub(crate) struct KeyPolicy(BoundPolicy);

impl TryFrom<StoredPolicy> for KeyPolicy {
    type Error = ParseError;

    fn try_from(stored: StoredPolicy) -> Result<Self, ParseError> {
        stored.compile(DocumentKind::KeyPolicy).map(Self)
    }
}

impl From<KeyPolicy> for StoredPolicy {
    fn from(policy: KeyPolicy) -> Self {
        policy.0.into()
    }
}

impl KeyPolicy {
    /// Accepts the policy that a caller wants a key to have.
    ///
    /// Fails with `LimitExceededException` if it has more bytes than a key policy may have, and
    /// with `MalformedPolicyDocumentException` if it is not a key policy or names a principal that
    /// does not exist.
    pub(crate) fn accept(ctx: &Ctx, text: &str) -> Result<Self, Error> {
        let most = ResourceQuotas::of(ctx)?.policy_bytes;
        Self::read(text, most, ctx.view(), ctx.part::<Principals>()?)
    }

    fn read(text: &str, most: usize, view: &View, known: &Principals) -> Result<Self, Error> {
        if text.len() > most {
            let text = format!("a key policy has at most {most} bytes");
            return Err(Error::LimitExceeded(text.into()));
        }
        let document =
            Document::parse(text, DocumentKind::KeyPolicy).map_err(|error| refused(&error))?;
        let bound = BoundPolicy::bind(document, view, &*known.0);
        let unknown = |_| Error::MalformedPolicy(Cow::Borrowed(INVALID_PRINCIPAL));
        bound.map(Self).map_err(unknown)
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
        self.0.document()
    }

    /// The policy as callers see it: the text that was saved, where a user or role that is
    /// gone shows as its unique id, and one that was moved as its new ARN.
    pub(crate) fn shown(&self, view: &View, known: &Principals) -> Result<String, Error> {
        let unreadable = |source| Error::internal("a stored key policy is not JSON", source);
        match self.0.renamed(view, &*known.0).map_err(unreadable)? {
            None => Ok(self.document().text().to_owned()),
            Some(renamed) => serde_json::to_string_pretty(&renamed).map_err(unreadable),
        }
    }

    fn ours(policy: &Value) -> Result<Self, Error> {
        let document = Document::parse(&format!("{policy:#}"), DocumentKind::KeyPolicy);
        document
            .map(|document| Self(document.into()))
            .map_err(|source| Error::internal("a key policy of our own does not compile", source))
    }
}

fn refused(error: &ParseError) -> Error {
    Error::MalformedPolicy(Cow::Owned(error.aws_message()))
}

fn root(account: AccountId) -> String {
    format!("arn:aws:iam::{account}:root")
}

#[cfg(test)]
mod tests;
