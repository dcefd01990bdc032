//! What the pipeline learns of shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use pipeline::KeySet;
use pipeline::sources::{
    GrantQuery, MatchedGrant, ResourceFacts, ResourceKeys, ResourceRule, ResourceSource,
};
use store::{Revision, Snapshot, View};
use types::Arn;

use crate::records::{SHARES, ShareRecord, share_row};

/// The source of facts about resources whose ARNs name `ram`.
///
/// A share shows its tags, its name, and whether it allows external principals. It has no
/// policy of its own: only identity policies of its account allow anything on it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shares;

impl ResourceSource for Shares {
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts {
        let id = arn.resource_of("resource-share");
        let share = id.and_then(|id| {
            let row = share_row(arn.account_text(), arn.region(), id);
            view.get(&SHARES, &row)
        });
        ResourceFacts {
            account: arn.account(),
            rule: ResourceRule::None,
            keys: share.map(|share| keys(share.record)),
        }
    }

    /// Shares have no grants.
    fn grants(&self, _view: &View, _query: &GrantQuery<'_>) -> Vec<MatchedGrant> {
        Vec::new()
    }

    /// Asked for too rarely to be worth keeping.
    fn last_change(&self, _: &Snapshot) -> Option<Revision> {
        None
    }
}

fn keys(share: &ShareRecord) -> Arc<dyn ResourceKeys> {
    let tags: BTreeMap<String, String> = share.tags.clone();
    let keys = KeySet::default()
        .map("aws:resourcetag", &tags)
        .one("ram:resourcesharename", share.name.as_str())
        .one(
            "ram:allowsexternalprincipals",
            share.allows_external.to_string(),
        )
        .one(
            "ram:retainsharingonaccountleaveorganization",
            share.outlasts_organization.to_string(),
        );
    Arc::new(keys)
}
