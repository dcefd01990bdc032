//! IAM's own resources, and which principals exist.

use std::pin::Pin;
use std::sync::Arc;

use pipeline::sources::{
    GrantQuery, MakeLinkedRole, MatchedGrant, PrincipalDirectory, ResourceFacts, ResourceKeys,
    ResourceRule, ResourceSource,
};
use pipeline::{Ctx, Failure};
use policy::Document;
use shapes::iam::CreateServiceLinkedRoleRequest;
use store::{Revision, Snapshot, View};
use types::{AccountId, Arn, Service, UniqueId};

use crate::managed::{self, Managed};
use crate::ops::CreateServiceLinkedRole;
use crate::records::{Entity as _, RoleRecord, UserRecord};
use crate::tags::ResourceTags;
use crate::{documents, linked, lookup, providers, tables};

/// Users, groups, roles, managed policies and identity providers as resources. Also the directory of accounts and
/// principals.
///
/// None has a policy of its own that IAM's actions ask for; a role's trust policy is for those
/// who assume it, see [`trust_facts`].
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

    fn grants(&self, _: &View, _: &GrantQuery<'_>) -> Vec<MatchedGrant> {
        Vec::new()
    }

    /// Asked for too rarely to be worth keeping.
    fn last_change(&self, _: &Snapshot) -> Option<Revision> {
        None
    }
}

impl MakeLinkedRole for IamResources {
    fn ensure<'a>(
        &'a self,
        ctx: &'a Ctx,
        service: Service,
        linked: &'static str,
    ) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>> {
        Box::pin(async move {
            let account = lookup::account(ctx).map_err(Failure::of)?;
            let name = linked::name_of(linked, None).map_err(Failure::of)?;
            if lookup::unused_name::<RoleRecord>(ctx.view(), account, &name).is_err() {
                return Ok(());
            }
            let input = CreateServiceLinkedRoleRequest {
                aws_service_name: linked.to_owned(),
                description: None,
                custom_suffix: None,
            };
            let by = ctx.on_behalf_of(service);
            let made = pipeline::call::<CreateServiceLinkedRole>(by, input).await;
            made.map(drop)
        })
    }
}

/// The tags of the user, role, policy or provider at `arn`, if there is one.
fn tags(view: &View, arn: &Arn) -> Option<Vec<(String, String)>> {
    if let Some(user) = lookup::at::<UserRecord>(view, arn) {
        return Some(user.tags.clone());
    }
    if let Some(role) = lookup::at::<RoleRecord>(view, arn) {
        return Some(role.tags.clone());
    }
    if let Some(provider) = providers::at(view, arn) {
        return Some(provider.tags.clone());
    }
    if managed::is_aws(arn) {
        return None;
    }
    Managed::find(view, arn.account()?, arn).map(|policy| policy.tags().to_vec())
}

/// What deciding about assuming the role at `arn` needs to know: its account, its trust
/// policy, its tags.
///
/// A role that does not exist trusts nobody, so that callers do not learn whether it does.
pub fn trust_facts(view: &View, arn: &Arn) -> ResourceFacts {
    let trust = match lookup::at::<RoleRecord>(view, arn) {
        Some(role) => Some(Arc::clone(role.trust.document())),
        None => documents::trusts_nobody(),
    };
    let facts = IamResources.facts(view, arn);
    match trust {
        Some(trust) => ResourceFacts {
            rule: ResourceRule::Trust(trust),
            ..facts
        },
        // Nobody's resource: nothing allows it.
        None => ResourceFacts {
            account: None,
            ..facts
        },
    }
}

impl PrincipalDirectory for IamResources {
    fn unique_id(&self, view: &View, arn: &Arn) -> Option<UniqueId> {
        match arn.resource().split_once('/')?.0 {
            "user" => Some(lookup::at::<UserRecord>(view, arn)?.id.clone()),
            "role" => Some(lookup::at::<RoleRecord>(view, arn)?.id.clone()),
            _ => None,
        }
    }

    fn role_id(&self, view: &View, account: AccountId, name: &str) -> Option<UniqueId> {
        let role = view.get(RoleRecord::table(), &tables::named(account, name))?;
        (role.record.name == name).then(|| role.record.id.clone())
    }

    fn arn_of(&self, view: &View, id: &UniqueId) -> Option<Arn> {
        lookup::principal_arn(view, id)
    }

    fn trust_policy(&self, view: &View, arn: &Arn) -> Option<Arc<Document>> {
        let role = lookup::at::<RoleRecord>(view, arn)?;
        Some(Arc::clone(role.trust.document()))
    }

    fn account_exists(&self, view: &View, account: AccountId) -> bool {
        view.get(&tables::ACCOUNTS, &tables::account(account))
            .is_some()
    }
}

#[cfg(test)]
mod tests;
