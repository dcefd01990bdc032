//! Roots, units, accounts and policies as resources.

use std::sync::Arc;

use pipeline::sources::{
    GrantQuery, MatchedGrant, ResourceFacts, ResourceKeys, ResourceRule, ResourceSource,
};
use store::{Revision, Snapshot, View};
use types::Arn;

use super::policies::Policy;
use super::tree;
use crate::lookup::last_segment;
use crate::tags::ResourceTags;

/// What the organization consists of. It belongs to the management account; none of it has a
/// policy of its own that says who may use it.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrganizationResources;

impl ResourceSource for OrganizationResources {
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts {
        let keys = |tags| -> Arc<dyn ResourceKeys> { Arc::new(ResourceTags(tags)) };
        ResourceFacts {
            account: arn.account(),
            rule: ResourceRule::None,
            keys: tags_of(view, last_segment(arn.resource())).map(keys),
        }
    }

    fn grants(&self, _: &View, _: &GrantQuery<'_>) -> Vec<MatchedGrant> {
        Vec::new()
    }

    /// Asked for too rarely to be worth keeping.
    fn last_change(&self, _: &Snapshot) -> Option<Revision> {
        None
    }
}

/// The tags of the node or policy with this id; `None` without any.
fn tags_of(view: &View, id: &str) -> Option<Vec<(String, String)>> {
    let tags = match tree::node(view, id) {
        Some(node) => node.tags.clone(),
        None => match Policy::find(view, id)? {
            Policy::Own(record) => record.tags.clone(),
            Policy::Aws(_) => return None,
        },
    };
    (!tags.is_empty()).then_some(tags)
}
