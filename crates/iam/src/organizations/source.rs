//! What the organization says of an account, gathered and kept.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::OrdMap;
use pipeline::sources::{AccountBounds, AttachedDocument, LevelDocuments, OrganizationSource};
use store::{AnyTable, Revision, Snapshot, View};
use types::AccountId;

use super::records::{NodeRecord, OrganizationRecord, PolicyKind};
use super::tree::{FULL_ACCESS, RCP_FULL_ACCESS};
use super::{policies, tables, tree};
use crate::tables as iam_tables;

/// How many accounts' bounds are kept before all are forgotten and gathered anew.
const MOST_KEPT: usize = 16_384;

/// Knows the organization tree.
///
/// What it says of an account is gathered once and kept until a commit changes the tree, one
/// of its policies or an account, so that a request reads no row for it.
#[derive(Default)]
pub struct OrganizationTree {
    kept: ArcSwap<OrdMap<AccountId, Kept>>,
}

#[derive(Clone)]
struct Kept {
    stamp: Stamp,
    bounds: Arc<AccountBounds>,
}

/// The last changes of all tables that [`gather`] reads.
type Stamp = [Revision; 4];

fn stamp(snapshot: &Snapshot) -> Stamp {
    let sources: [&dyn AnyTable; 4] = [
        &tables::ORGANIZATION,
        &tables::NODES,
        &tables::CONTROL_POLICIES,
        &iam_tables::ACCOUNTS,
    ];
    sources.map(|table| snapshot.table_changed(table))
}

impl OrganizationSource for OrganizationTree {
    fn bounds(&self, view: &View, account: AccountId) -> Arc<AccountBounds> {
        // What a mutating request reads becomes a precondition, so it reads.
        if view.is_recording() {
            return gather(view, account).map(Arc::new).unwrap_or_default();
        }
        let stamp = stamp(view.snapshot());
        if let Some(kept) = self.kept.load().get(&account)
            && kept.stamp == stamp
        {
            return Arc::clone(&kept.bounds);
        }
        // Callers name any account: one that does not exist takes no room.
        let Some(bounds) = gather(view, account).map(Arc::new) else {
            return Arc::default();
        };
        let kept = Kept {
            stamp,
            bounds: Arc::clone(&bounds),
        };
        self.kept.rcu(|all| {
            let full = all.len() >= MOST_KEPT && !all.contains_key(&account);
            let mut all = if full {
                OrdMap::new()
            } else {
                OrdMap::clone(all)
            };
            all.insert(account, kept.clone());
            all
        });
        bounds
    }
}

/// What the organization says of `account`; `None` if there is no such account.
fn gather(view: &View, account: AccountId) -> Option<AccountBounds> {
    let row = view.get(&iam_tables::ACCOUNTS, &iam_tables::account(account))?;
    let closed = row.record.closed.is_some();
    let upwards = tree::upwards(view, account.as_str());
    let organization = tree::organization(view).filter(|_| !upwards.is_empty());
    let Some(organization) = organization else {
        return Some(AccountBounds {
            closed,
            ..AccountBounds::default()
        });
    };
    let is_bound = organization.management != account;
    let levels = |kind| {
        if is_bound {
            levels(view, &organization, &upwards, kind)
        } else {
            Vec::new()
        }
    };
    Some(AccountBounds {
        closed,
        organization: Some(organization.id.clone()),
        path: Some(tree::path(&organization, &upwards)),
        service_control: levels(PolicyKind::ServiceControl),
        resource_control: levels(PolicyKind::ResourceControl),
    })
}

/// The service control policies that bind `account`, from the root down, where they bind it at
/// all; `None` if the account belongs to no organization.
pub(crate) fn service_control(view: &View, account: AccountId) -> Option<Vec<LevelDocuments>> {
    let bounds = gather(view, account)?;
    bounds
        .organization
        .is_some()
        .then_some(bounds.service_control)
}

/// The policies of a kind from the root down to the account; none if they allow everything.
fn levels(
    view: &View,
    organization: &OrganizationRecord,
    upwards: &[Arc<NodeRecord>],
    kind: PolicyKind,
) -> Vec<LevelDocuments> {
    if !organization.state(kind).enabled {
        return Vec::new();
    }
    let downwards = upwards.iter().rev();
    let levels: Vec<(&str, Vec<String>)> = downwards
        .map(|node| {
            let policies = tree::policies_at(organization, node, kind);
            (node.id.as_str(), policies)
        })
        .collect();
    let allows_everything = |policies: &Vec<String>| {
        let is_full = |id: &String| id == FULL_ACCESS || id == RCP_FULL_ACCESS;
        !policies.is_empty() && policies.iter().all(is_full)
    };
    if levels
        .iter()
        .all(|(_, policies)| allows_everything(policies))
    {
        return Vec::new();
    }
    let in_force = |ids: Vec<String>| -> Vec<AttachedDocument> {
        let ids = ids.iter();
        ids.filter_map(|id| policies::in_force(view, organization, id))
            .collect()
    };
    levels
        .into_iter()
        .map(|(name, ids)| LevelDocuments {
            name: name.to_owned(),
            policies: in_force(ids),
        })
        .collect()
}

impl fmt::Debug for OrganizationTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrganizationTree({})", self.kept.load().len())
    }
}
