//! IAM's own resources, and which principals exist.

use std::sync::Arc;

use pipeline::Need;
use pipeline::sources::{
    MatchedGrant, PrincipalDirectory, ResourceFacts, ResourceKeys, ResourceRule, ResourceSource,
};
use store::View;
use types::{AccountId, Arn, Principal, UniqueId};

use crate::managed::{self, Managed};
use crate::tags::ResourceTags;
use crate::{lookup, tables};

/// Users and managed policies as resources: they have tags and no policy of their own.
/// Also the directory of accounts and principals.
#[derive(Debug, Clone, Copy, Default)]
pub struct IamResources;

impl ResourceSource for IamResources {
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts {
        let keys = |tags| -> Arc<dyn ResourceKeys> { Arc::new(ResourceTags(tags)) };
        ResourceFacts {
            account: arn.account(),
            rule: ResourceRule::None,
            keys: tags(view, arn).filter(|tags| !tags.is_empty()).map(keys),
        }
    }

    fn grants(&self, _: &View, _: &Principal, _: &Need) -> Vec<MatchedGrant> {
        Vec::new()
    }
}

/// The tags of the user or policy at `arn`, if there is one.
fn tags(view: &View, arn: &Arn) -> Option<Vec<(String, String)>> {
    if let Some(user) = lookup::user_at(view, arn) {
        return Some(user.tags.clone());
    }
    if managed::is_aws(arn) {
        return None;
    }
    Managed::find(view, arn.account()?, arn).map(|policy| policy.tags().to_vec())
}

impl PrincipalDirectory for IamResources {
    fn unique_id(&self, view: &View, arn: &Arn) -> Option<UniqueId> {
        lookup::user_at(view, arn).map(|user| user.id.clone())
    }

    fn arn_of(&self, view: &View, id: &UniqueId) -> Option<Arn> {
        lookup::user_with_id(view, id).map(|user| user.arn())
    }

    fn account_exists(&self, view: &View, account: AccountId) -> bool {
        view.get(&tables::ACCOUNTS, &tables::account(account))
            .is_some()
    }
}
