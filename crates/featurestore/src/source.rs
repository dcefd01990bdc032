//! What the pipeline learns of feature groups.

use std::sync::Arc;

use pipeline::sources::{
    GrantQuery, MatchedGrant, ResourceFacts, ResourceKeys, ResourceRule, ResourceSource,
};
use store::View;
use types::Arn;

use crate::records::{GROUPS, GroupRecord, group_row};

/// What policies are told of a group that is there.
pub(crate) fn facts_of(group: &GroupRecord) -> ResourceFacts {
    let keys: Arc<dyn ResourceKeys> = group.schema.resource_keys.clone();
    ResourceFacts {
        account: Some(group.account),
        rule: ResourceRule::None,
        keys: Some(keys),
    }
}

/// The source of facts about resources whose ARNs name `sagemaker`.
///
/// A group belongs to its account and shows its tags as `aws:ResourceTag/…` and
/// `sagemaker:ResourceTag/…`. It has no policy of its own: only identity policies of its
/// account allow anything on it.
#[derive(Debug, Clone, Copy, Default)]
pub struct FeatureGroups;

impl ResourceSource for FeatureGroups {
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts {
        let name = arn.resource_of("feature-group");
        let group = name.and_then(|name| {
            let row = group_row(arn.account_text(), arn.region(), name);
            view.get(&GROUPS, &row)
        });
        match group.filter(|group| group.record.arn == *arn) {
            Some(group) => facts_of(group.record),
            None => ResourceFacts {
                account: arn.account(),
                rule: ResourceRule::None,
                keys: None,
            },
        }
    }

    /// Groups have no grants.
    fn grants(&self, _view: &View, _query: &GrantQuery<'_>) -> Vec<MatchedGrant> {
        Vec::new()
    }
}
