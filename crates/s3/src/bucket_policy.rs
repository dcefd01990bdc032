//! Bucket policies: what is accepted, how principals are tied to it, how it is shown again.

use std::collections::BTreeMap;
use std::sync::Arc;

use pipeline::sources::Principals;
use policy::{Document, DocumentKind, ParseError, PrincipalPattern};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::View;
use types::{Arn, UniqueId};

use crate::Error;
use crate::records::bucket_arn;

/// The longest bucket policy, in bytes.
const MAX_BYTES: usize = 20 * 1024;

/// A bucket policy, compiled.
///
/// Users and roles are bound to the unique ids that they had when the policy was saved: one
/// that is deleted and made again under its old name gains nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub(crate) struct BucketPolicy {
    bound: BTreeMap<Arn, UniqueId>,
    document: Arc<Document>,
}

/// The stored form. A policy that no longer compiles makes its record unreadable, and the
/// server refuses to start: better than a bucket whose rules nobody knows.
#[derive(Serialize, Deserialize)]
struct Stored {
    text: String,
    bound: BTreeMap<Arn, UniqueId>,
}

impl TryFrom<Stored> for BucketPolicy {
    type Error = ParseError;

    fn try_from(stored: Stored) -> Result<Self, ParseError> {
        let document = Document::parse(&stored.text, DocumentKind::Resource)?;
        Ok(Self::bind(document, stored.bound))
    }
}

impl From<BucketPolicy> for Stored {
    fn from(policy: BucketPolicy) -> Self {
        Self {
            text: policy.document.text().to_owned(),
            bound: policy.bound,
        }
    }
}

impl BucketPolicy {
    /// Accepts the policy that a caller wants `bucket` to have.
    ///
    /// Fails with `MalformedPolicy` beyond 20 KiB, for what is no policy of this bucket, and
    /// for a principal that does not exist.
    pub(crate) fn accept(
        text: &str,
        bucket: &str,
        view: &View,
        known: &Principals,
    ) -> Result<Self, Error> {
        let malformed = |text: &str| Error::MalformedPolicy(text.to_owned());
        if text.len() > MAX_BYTES {
            return Err(malformed(
                "Policy exceeds the maximum allowed document size.",
            ));
        }
        let document = Document::parse(text, DocumentKind::Resource)
            .map_err(|error| Error::MalformedPolicy(error.aws_message()))?;
        check_elements(text, bucket)?;
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
                return Err(malformed("Invalid principal in policy"));
            }
        }
        Ok(Self::bind(document, bound))
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
            let now = known.0.arn_of(view, id);
            let now = now.map_or_else(|| id.to_string(), String::from);
            if now != arn.as_str() {
                changed.insert(arn.as_str(), now);
            }
        }
        if changed.is_empty() {
            return Ok(text.to_owned());
        }
        let unreadable = |source| Error::internal("a stored bucket policy is not JSON", source);
        let mut policy: Value = serde_json::from_str(text).map_err(unreadable)?;
        for statement in policy
            .get_mut("Statement")
            .map(items_mut)
            .unwrap_or_default()
        {
            for element in ["Principal", "NotPrincipal"] {
                let aws = statement
                    .get_mut(element)
                    .and_then(|named| named.get_mut("AWS"));
                for value in aws.map(items_mut).unwrap_or_default() {
                    if let Some(name) = value.as_str().and_then(|text| changed.get(text)) {
                        *value = Value::String(name.clone());
                    }
                }
            }
        }
        serde_json::to_string(&policy).map_err(unreadable)
    }

    fn bind(mut document: Document, bound: BTreeMap<Arn, UniqueId>) -> Self {
        document.bind_principals(|arn| bound.get(arn).cloned());
        Self {
            bound,
            document: Arc::new(document),
        }
    }
}

/// Checks that a document speaks of actions of S3, on this bucket and its objects only.
fn check_elements(text: &str, bucket: &str) -> Result<(), Error> {
    let unreadable = |source| Error::internal("a bucket policy that compiles is not JSON", source);
    let policy: Value = serde_json::from_str(text).map_err(unreadable)?;
    let arn = bucket_arn(bucket);
    let is_of_bucket = |resource: &str| {
        let rest = resource.strip_prefix(arn.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_of_s3 = |action: &str| {
        let prefix = action.split_once(':').map(|(prefix, _)| prefix);
        action == "*" || prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("s3"))
    };
    for statement in policy.get("Statement").map(items).unwrap_or_default() {
        if !texts(statement, ["Resource", "NotResource"]).all(is_of_bucket) {
            return Err(Error::MalformedPolicy(
                "Policy has invalid resource".to_owned(),
            ));
        }
        if !texts(statement, ["Action", "NotAction"]).all(is_of_s3) {
            return Err(Error::MalformedPolicy(
                "Policy has invalid action".to_owned(),
            ));
        }
    }
    Ok(())
}

fn texts<'a>(statement: &'a Value, elements: [&'a str; 2]) -> impl Iterator<Item = &'a str> {
    elements
        .into_iter()
        .filter_map(|element| statement.get(element))
        .flat_map(items)
        .filter_map(Value::as_str)
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        single => std::slice::from_ref(single),
    }
}

fn items_mut(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Array(values) => values,
        single => std::slice::from_mut(single),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(action: &str, resource: &str, accepted: bool) {
        let text = serde_json::json!({ "Statement": {
            "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", action],
            "Resource": ["arn:aws:s3:::store", resource],
        } });
        let checked = check_elements(&text.to_string(), "store");
        assert_eq!(checked.is_ok(), accepted, "{action} {resource}");
    }

    #[test]
    fn a_policy_speaks_of_its_own_bucket_only() {
        check("s3:PutObject", "arn:aws:s3:::store/*", true);
        check("S3:*", "arn:aws:s3:::store/a/b", true);
        check("*", "arn:aws:s3:::store", true);
        for resource in [
            "*",
            "arn:aws:s3:::*",
            "arn:aws:s3:::store2",
            "arn:aws:s3:::other/*",
        ] {
            check("s3:PutObject", resource, false);
        }
        for action in ["kms:Decrypt", "s3", "s3x:Get"] {
            check(action, "arn:aws:s3:::store", false);
        }
    }
}
