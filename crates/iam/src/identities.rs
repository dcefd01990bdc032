//! The policies of principals, compiled and kept.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::OrdMap;
use pipeline::Caller;
use pipeline::sources::{AttachedDocument, IdentityPolicies, IdentitySource};
use store::{AnyTable, Revision, Snapshot, View};
use types::{AccountId, Arn, Principal, UniqueId};

use crate::managed::Managed;
use crate::records::UserRecord;
use crate::{credential, documents, tables};

/// How many users' policies are kept before all are forgotten and gathered anew.
const MOST_KEPT: usize = 16_384;

/// Knows the policies of users and whether their credentials are still good.
///
/// A user's policies are gathered once and kept until a commit changes any user or policy,
/// so that a request reads no row and copies no name for them. The documents themselves are
/// compiled when they are written.
#[derive(Default)]
pub struct Identities {
    kept: ArcSwap<OrdMap<UniqueId, Arc<Kept>>>,
}

struct Kept {
    stamp: Stamp,
    policies: Arc<IdentityPolicies>,
}

/// The last changes of all tables that a user's policies come from.
///
/// Two snapshots that agree on it hold the same policies: commits number the changes of
/// every table alike, in one order.
type Stamp = [Revision; 3];

fn stamp(snapshot: &Snapshot) -> Stamp {
    let sources: [&dyn AnyTable; 3] = [&tables::USERS, &tables::INLINE, &tables::POLICIES];
    sources.map(|table| snapshot.table_changed(table))
}

impl IdentitySource for Identities {
    fn policies(&self, view: &View, principal: &Principal) -> Arc<IdentityPolicies> {
        match principal {
            Principal::User {
                account, id, name, ..
            } => self.of_user(view, *account, id, name),
            // Root needs none; roles and federated users do not exist yet, and without
            // policies are denied everything.
            Principal::Root { .. }
            | Principal::AssumedRole { .. }
            | Principal::FederatedUser { .. }
            | Principal::Service { .. } => Arc::default(),
        }
    }

    fn is_active(&self, view: &View, caller: &Caller) -> bool {
        match (&caller.principal, &caller.access_key) {
            // A service of this deployment acts for itself and signs nothing.
            (Principal::Service { .. }, None) => true,
            (Principal::Root { .. } | Principal::User { .. }, Some(key)) => {
                credential::is_good(view, key, &caller.principal)
            }
            // Sessions do not exist yet.
            (Principal::AssumedRole { .. } | Principal::FederatedUser { .. }, _)
            | (Principal::Service { .. }, Some(_))
            | (Principal::Root { .. } | Principal::User { .. }, None) => false,
        }
    }
}

impl Identities {
    fn of_user(
        &self,
        view: &View,
        account: AccountId,
        id: &UniqueId,
        name: &str,
    ) -> Arc<IdentityPolicies> {
        // What a mutating request reads becomes a precondition, so it reads.
        if view.is_recording() {
            return Arc::new(gather(view, account, id, name));
        }
        let stamp = stamp(view.snapshot());
        if let Some(kept) = self.kept.load().get(id)
            && kept.stamp == stamp
        {
            return Arc::clone(&kept.policies);
        }
        let policies = Arc::new(gather(view, account, id, name));
        let kept = Arc::new(Kept {
            stamp,
            policies: Arc::clone(&policies),
        });
        self.kept.rcu(|all| {
            let full = all.len() >= MOST_KEPT && !all.contains_key(id);
            let mut all = if full {
                OrdMap::new()
            } else {
                OrdMap::clone(all)
            };
            all.insert(id.clone(), Arc::clone(&kept));
            all
        });
        policies
    }
}

/// The policies of the user `name`, if its unique id is still `id`.
fn gather(view: &View, account: AccountId, id: &UniqueId, name: &str) -> IdentityPolicies {
    let user = view.get(&tables::USERS, &tables::named(account, name));
    match user.map(|row| row.record).filter(|user| user.id == *id) {
        Some(user) => of_record(view, user),
        None => IdentityPolicies::default(),
    }
}

fn of_record(view: &View, user: &UserRecord) -> IdentityPolicies {
    let mut identity = Vec::new();
    let inline = tables::inline_of(user.account, &user.id);
    for (_, row) in view.scan(&tables::INLINE, &inline, None) {
        let document = row.record.policy.document();
        identity.extend(document.map(|document| AttachedDocument {
            document,
            name: row.record.name.clone(),
            arn: None,
        }));
    }
    identity.extend(
        user.attached
            .iter()
            .filter_map(|arn| attached(view, user.account, arn)),
    );
    IdentityPolicies {
        identity,
        boundary: user
            .boundary
            .as_ref()
            .and_then(|arn| attached(view, user.account, arn)),
        session: None,
        tags: user.tags.clone(),
    }
}

/// The managed policy at `arn`. One that is not there, which no operation brings about, or
/// that cannot be read denies everything.
fn attached(view: &View, account: AccountId, arn: &Arn) -> Option<AttachedDocument> {
    let policy = Managed::find(view, account, arn);
    let document = match policy.as_ref().and_then(Managed::in_force) {
        Some(text) => text.document(),
        None => documents::deny_all(),
    };
    let name = policy
        .as_ref()
        .map_or_else(|| arn.to_string(), |policy| policy.name().to_owned());
    Some(AttachedDocument {
        document: document?,
        name,
        arn: Some(arn.clone()),
    })
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.kept.load().len())
    }
}

#[cfg(test)]
mod tests;
