//! What the pipeline learns of feature groups.

use std::sync::Arc;

use pipeline::Need;
use pipeline::sources::{MatchedGrant, ResourceFacts, ResourceKeys, ResourceRule, ResourceSource};
use store::View;
use types::{Arn, Principal};

use crate::records::{GROUPS, group_row};

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
        ResourceFacts {
            account: arn.account(),
            rule: ResourceRule::None,
            keys: group.filter(|group| group.record.arn == *arn).map(|group| {
                let keys: Arc<dyn ResourceKeys> = group.record.schema.resource_keys.clone();
                keys
            }),
        }
    }

    /// Groups have no grants.
    fn grants(&self, _view: &View, _principal: &Principal, _need: &Need) -> Vec<MatchedGrant> {
        Vec::new()
    }
}
