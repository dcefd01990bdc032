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
use crate::records::{Entity, RoleRecord, UserRecord};
use crate::sts::session;
use crate::{credential, documents, inline, members, providers, tables};

/// How many principals' policies are kept before all are forgotten and gathered anew.
const MOST_KEPT: usize = 16_384;

/// Knows the policies of users and roles, and whether credentials are still good.
///
/// A principal's policies are gathered once and kept until a commit changes any user, group,
/// role or policy, so that a request reads no row and copies no name for them. The documents themselves are
/// compiled when they are written.
#[derive(Default)]
pub struct Identities {
    kept: ArcSwap<OrdMap<UniqueId, Arc<Kept>>>,
}

struct Kept {
    stamp: Stamp,
    policies: Arc<IdentityPolicies>,
}

/// The last changes of all tables that policies come from. Unique ids change with those whom
/// they belong to.
///
/// Two snapshots that agree on it hold the same policies: commits number the changes of
/// every table alike, in one order.
type Stamp = [Revision; 5];

fn stamp(snapshot: &Snapshot) -> Stamp {
    let sources: [&dyn AnyTable; 5] = [
        &tables::USERS,
        &tables::GROUPS,
        &tables::ROLES,
        &tables::INLINE,
        &tables::POLICIES,
    ];
    sources.map(|table| snapshot.table_changed(table))
}

impl IdentitySource for Identities {
    fn policies(&self, view: &View, principal: &Principal) -> Arc<IdentityPolicies> {
        match principal {
            Principal::User {
                account, id, name, ..
            } => self.kept_or(view, id, || of_user(view, *account, id, name)),
            // Session policies belong to the session; these are the role's.
            Principal::AssumedRole {
                account,
                role_id,
                role_name,
                ..
            } => self.kept_or(view, role_id, || {
                of_role(view, *account, role_id, role_name)
            }),
            // Root needs none. A federated user has none of its own: those of the user that
            // made its session count. Roles alone say what a web identity may.
            Principal::Root { .. }
            | Principal::FederatedUser { .. }
            | Principal::WebIdentity(_)
            | Principal::Service { .. } => Arc::default(),
        }
    }

    fn managed(&self, view: &View, account: AccountId, arn: &Arn) -> Option<AttachedDocument> {
        attached(view, account, arn)
    }

    fn is_active(&self, view: &View, caller: &Caller) -> bool {
        if let Some(session) = &caller.session {
            let signed = caller.access_key.is_some();
            return signed && session::is_good(view, &caller.principal, session);
        }
        match (&caller.principal, &caller.access_key) {
            // A service of this deployment acts for itself and signs nothing.
            (Principal::Service { .. }, None) => true,
            (Principal::Root { .. } | Principal::User { .. }, Some(key)) => {
                credential::is_good(view, key, &caller.principal)
            }
            // Its provider must be known for its audience, whatever the token says.
            (Principal::WebIdentity(identity), None) => providers::vouches(view, identity),
            // Sessions only.
            (Principal::AssumedRole { .. } | Principal::FederatedUser { .. }, _)
            | (Principal::WebIdentity(_) | Principal::Service { .. }, Some(_))
            | (Principal::Root { .. } | Principal::User { .. }, None) => false,
        }
    }
}

impl Identities {
    /// The policies of the principal with this id: those that are kept, if they are still the
    /// right ones for `view`, or what `gather` finds.
    fn kept_or(
        &self,
        view: &View,
        id: &UniqueId,
        gather: impl Fn() -> IdentityPolicies,
    ) -> Arc<IdentityPolicies> {
        // What a mutating request reads becomes a precondition, so it reads.
        if view.is_recording() {
            return Arc::new(gather());
        }
        let stamp = stamp(view.snapshot());
        if let Some(kept) = self.kept.load().get(id)
            && kept.stamp == stamp
        {
            return Arc::clone(&kept.policies);
        }
        let policies = Arc::new(gather());
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

/// The policies of the user `name` and of its groups, if its unique id is still `id`.
fn of_user(view: &View, account: AccountId, id: &UniqueId, name: &str) -> IdentityPolicies {
    let Some(user) = current::<UserRecord>(view, account, id, name) else {
        return IdentityPolicies::default();
    };
    let mut policies = of_record(view, user);
    for group in members::of_user(view, user) {
        policies.identity.extend(of_record(view, &*group).identity);
    }
    policies
}

/// The policies of the role `name`, if its unique id is still `id`.
fn of_role(view: &View, account: AccountId, id: &UniqueId, name: &str) -> IdentityPolicies {
    match current::<RoleRecord>(view, account, id, name) {
        Some(role) => of_record(view, role),
        None => IdentityPolicies::default(),
    }
}

fn current<'a, E: Entity>(
    view: &'a View,
    account: AccountId,
    id: &UniqueId,
    name: &str,
) -> Option<&'a E> {
    let row = view.get(E::table(), &tables::named(account, name))?;
    (row.record.id() == id).then_some(row.record)
}

/// What one user, group or role brings along.
fn of_record<E: Entity>(view: &View, record: &E) -> IdentityPolicies {
    let mut identity = Vec::new();
    for inline in inline::all(view, record) {
        let document = inline.policy.document();
        identity.extend(document.map(|document| AttachedDocument {
            document,
            name: inline.name.clone(),
            arn: None,
        }));
    }
    let account = record.account();
    let managed = record.attached().iter();
    identity.extend(managed.filter_map(|arn| attached(view, account, arn)));
    IdentityPolicies {
        identity,
        boundary: record
            .boundary()
            .and_then(|arn| attached(view, account, arn)),
        session: None,
        tags: record.tags().to_vec(),
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
