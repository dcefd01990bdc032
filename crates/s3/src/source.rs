//! What the pipeline learns of buckets and their objects.

use std::sync::Arc;

use pipeline::sources::{GrantQuery, MatchedGrant, ResourceFacts, ResourceRule, ResourceSource};
use store::{Revision, Snapshot, View};
use types::Arn;

use crate::records::BucketRecord;

/// The source of facts about resources whose ARNs name `s3`.
///
/// A bucket and its objects belong to the bucket's account and are decided by the bucket's
/// policy. A bucket that does not exist belongs to no account: nobody may do anything with it
/// but who an operation lets learn that it is missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Buckets;

impl ResourceSource for Buckets {
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts {
        let resource = arn.resource();
        let name = resource.split_once('/').map_or(resource, |(name, _)| name);
        match BucketRecord::find(view, name) {
            Some(bucket) => facts_of(bucket),
            None => ResourceFacts {
                account: None,
                rule: ResourceRule::None,
                keys: None,
            },
        }
    }

    /// Buckets have no grants.
    fn grants(&self, _view: &View, _query: &GrantQuery<'_>) -> Vec<MatchedGrant> {
        Vec::new()
    }

    /// Asked for too rarely to be worth keeping.
    fn last_change(&self, _: &Snapshot) -> Option<Revision> {
        None
    }
}

/// What policies are told of a bucket that is there, and of its objects.
pub(crate) fn facts_of(bucket: &BucketRecord) -> ResourceFacts {
    let policy = bucket.policy.as_ref();
    let rule = policy.map(|policy| ResourceRule::General(Arc::clone(policy.document())));
    ResourceFacts {
        account: Some(bucket.account),
        rule: rule.unwrap_or(ResourceRule::None),
        keys: None,
    }
}
