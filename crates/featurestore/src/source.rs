//! What the pipeline learns of feature groups.

use std::sync::Arc;

use pipeline::sources::{
    GrantQuery, MatchedGrant, ResourceFacts, ResourceKeys, ResourceRule, ResourceSource,
};
use policy::Document;
use ram::ShareableResources;
use store::{Revision, Snapshot, View};
use types::Arn;

use crate::records::{GROUPS, GroupRecord, Status, canonical, row_at};

/// The catalog of all groups of an account in a region; sharing it lets others search them.
pub(crate) const CATALOG: &str = "sagemaker-catalog/DefaultFeatureGroupCatalog";

/// What policies are told of a group that is there and is shared with nobody.
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
/// `sagemaker:ResourceTag/…`. Its policy, and that of an account's catalog, is what follows from
/// resource shares: it allows other accounts something, never its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct FeatureGroups;

impl ResourceSource for FeatureGroups {
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts {
        let group = row_at(arn).and_then(|row| view.get(&GROUPS, &row));
        match group {
            Some(group) => ResourceFacts {
                rule: rule_of(ram::policy_of(view, &group.record.arn)),
                ..facts_of(group.record)
            },
            None => ResourceFacts {
                account: arn.account(),
                rule: if arn.resource() == CATALOG {
                    rule_of(ram::policy_of(view, arn))
                } else {
                    ResourceRule::None
                },
                keys: None,
            },
        }
    }

    /// Groups have no grants.
    fn grants(&self, _view: &View, _query: &GrantQuery<'_>) -> Vec<MatchedGrant> {
        Vec::new()
    }

    fn last_change(&self, snapshot: &Snapshot) -> Option<Revision> {
        let groups = snapshot.table_changed(&GROUPS);
        Some(groups.max(ram::policies_changed(snapshot)))
    }
}

impl ShareableResources for FeatureGroups {
    /// Groups are there from when they are made until they are deleted, though their names are
    /// taken longer; every account has its catalog.
    fn exists(&self, view: &View, arn: &Arn) -> bool {
        if arn.service() == "sagemaker" && arn.resource() == CATALOG {
            return true;
        }
        let group = row_at(arn).and_then(|row| view.get(&GROUPS, &row));
        group.is_some_and(|group| matches!(group.record.status, Status::Creating | Status::Created))
    }

    fn canonical(&self, arn: &Arn) -> Option<Arn> {
        canonical(arn.clone())
    }
}

/// The rule of a resource with the policy that follows from its shares.
pub(crate) fn rule_of(shared: Option<Arc<Document>>) -> ResourceRule {
    shared.map_or(ResourceRule::None, ResourceRule::General)
}
