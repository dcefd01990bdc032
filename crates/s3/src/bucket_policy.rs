//! Bucket policies: what is accepted, how principals are tied to it, how it is shown again.

use std::sync::Arc;

use pipeline::sources::Principals;
use pipeline::{BoundPolicy, StoredPolicy};
use policy::{Document, DocumentKind, ParseError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::View;

use crate::Error;
use crate::records::bucket_arn;

/// The longest bucket policy, in bytes.
const MAX_BYTES: usize = 20 * 1024;

/// A bucket policy, compiled, its principals bound.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredPolicy", into = "StoredPolicy")]
pub(crate) struct BucketPolicy(BoundPolicy);

impl TryFrom<StoredPolicy> for BucketPolicy {
    type Error = ParseError;

    fn try_from(stored: StoredPolicy) -> Result<Self, ParseError> {
        stored.compile(DocumentKind::Resource).map(Self)
    }
}

impl From<BucketPolicy> for StoredPolicy {
    fn from(policy: BucketPolicy) -> Self {
        policy.0.into()
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
        let bound = BoundPolicy::bind(document, view, &*known.0);
        bound
            .map(Self)
            .map_err(|_unknown| malformed("Invalid principal in policy"))
    }

    /// The compiled document, principals bound.
    pub(crate) fn document(&self) -> &Arc<Document> {
        self.0.document()
    }

    /// The policy as callers see it: the text that was saved, where a user or role that is
    /// gone shows as its unique id, and one that was moved as its new ARN.
    pub(crate) fn shown(&self, view: &View, known: &Principals) -> Result<String, Error> {
        let unreadable = |source| Error::internal("a stored bucket policy is not JSON", source);
        match self.0.renamed(view, &*known.0).map_err(unreadable)? {
            None => Ok(self.document().text().to_owned()),
            Some(renamed) => serde_json::to_string(&renamed).map_err(unreadable),
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
