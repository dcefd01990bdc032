//! Walking the tree: what is above a node, and which policies are in force there.

use std::sync::Arc;

use store::{Batch, Key, View};
use types::{AccountId, Entropy, Timestamp};

use super::records::{
    Attached, ChildRecord, NodeKind, NodeRecord, OrganizationRecord, PolicyKind, TypeState,
};
use super::{ids, tables};

/// AWS's policy that allows everything and is attached wherever nobody changed it.
pub(crate) const FULL_ACCESS: &str = "p-FullAWSAccess";
/// AWS's resource control policy that allows everything; it cannot be detached.
pub(crate) const RCP_FULL_ACCESS: &str = "p-RCPFullAWSAccess";

/// More levels than any tree has: root, five levels of units, account.
const MOST_LEVELS: usize = 16;

/// The deployment's organization, if it has one.
pub(crate) fn organization(view: &View) -> Option<Arc<OrganizationRecord>> {
    view.get_shared(&tables::ORGANIZATION, &tables::organization())
}

/// The node with this id.
pub(crate) fn node(view: &View, id: &str) -> Option<Arc<NodeRecord>> {
    view.get_shared(&tables::NODES, &tables::by_id(id))
}

/// The nodes from `id` up to the root, `id` first; empty if there is no such node.
pub(crate) fn upwards(view: &View, id: &str) -> Vec<Arc<NodeRecord>> {
    let mut nodes: Vec<Arc<NodeRecord>> = Vec::new();
    let mut next = node(view, id);
    while let Some(found) = next {
        next = found
            .parent
            .as_deref()
            .and_then(|parent| node(view, parent));
        nodes.push(found);
        if nodes.len() > MOST_LEVELS {
            break;
        }
    }
    nodes
}

/// Where the node whose [`upwards`] is given is in the organization: `o-…/r-…/ou-…/`, with the
/// node itself at the end unless it is an account.
pub(crate) fn path(organization: &OrganizationRecord, upwards: &[Arc<NodeRecord>]) -> String {
    let mut path = format!("{}/", organization.id);
    for node in upwards.iter().rev() {
        if node.kind != NodeKind::Account {
            path.push_str(&node.id);
            path.push('/');
        }
    }
    path
}

/// The ids of the policies of a kind that are in force at `node` itself; none while the kind is
/// disabled.
pub(crate) fn policies_at(
    organization: &OrganizationRecord,
    node: &NodeRecord,
    kind: PolicyKind,
) -> Vec<String> {
    let state = organization.state(kind);
    let attached = node.attached(kind);
    let mut policies = Vec::new();
    if !state.enabled {
        return policies;
    }
    let is_current = attached.epoch == state.epoch;
    match kind {
        PolicyKind::ServiceControl if !is_current => policies.push(FULL_ACCESS.to_owned()),
        PolicyKind::ServiceControl => {}
        PolicyKind::ResourceControl => policies.push(RCP_FULL_ACCESS.to_owned()),
    }
    if is_current {
        policies.extend(attached.policies.iter().cloned());
    }
    policies
}

/// The nodes of a kind right below a node.
pub(crate) fn below<'a>(
    view: &'a View,
    parent: &str,
    kind: NodeKind,
) -> impl Iterator<Item = Arc<NodeRecord>> + use<'a> {
    let prefix = tables::by_id(parent);
    let children: Vec<&Key> = view
        .scan(&tables::CHILDREN, &prefix, None)
        .filter(|(_, row)| row.record.kind == kind)
        .map(|(key, _)| key)
        .collect();
    let ids = children
        .into_iter()
        .filter_map(|key| key.text_parts().pop());
    ids.filter_map(|id| node(view, &id))
}

/// The units right below a node.
pub(crate) fn units_below<'a>(
    view: &'a View,
    parent: &str,
) -> impl Iterator<Item = Arc<NodeRecord>> + use<'a> {
    below(view, parent, NodeKind::Unit)
}

/// Writes `policies` as what is attached to `node` while the kind is enabled as it is now.
pub(crate) fn put_attached(
    batch: &mut Batch,
    organization: &OrganizationRecord,
    node: &NodeRecord,
    kind: PolicyKind,
    mut policies: Vec<String>,
) {
    policies.retain(|id| id != RCP_FULL_ACCESS);
    let mut node = node.clone();
    *node.attached_mut(kind) = Attached {
        epoch: organization.state(kind).epoch,
        policies,
    };
    put(batch, node);
}

/// Writes a node that is where it was.
pub(crate) fn put(batch: &mut Batch, node: NodeRecord) {
    batch.put(&tables::NODES, tables::by_id(&node.id), node);
}

/// Writes a new node, or one that is below another parent now.
pub(crate) fn put_below(batch: &mut Batch, node: NodeRecord) {
    if let Some(parent) = &node.parent {
        let child = ChildRecord { kind: node.kind };
        batch.put(&tables::CHILDREN, tables::child(parent, &node.id), child);
    }
    put(batch, node);
}

/// Takes a node away from its parent.
pub(crate) fn leave(batch: &mut Batch, node: &NodeRecord) {
    if let Some(parent) = &node.parent {
        batch.delete(&tables::CHILDREN, tables::child(parent, &node.id));
    }
}

/// Deletes a node.
pub(crate) fn delete(batch: &mut Batch, node: &NodeRecord) {
    leave(batch, node);
    batch.delete(&tables::NODES, tables::by_id(&node.id));
}

/// A new node without tags, to which only AWS's policies are attached.
pub(crate) fn new_node(
    id: String,
    kind: NodeKind,
    parent: Option<String>,
    name: String,
) -> NodeRecord {
    NodeRecord {
        id,
        kind,
        parent,
        name,
        tags: Vec::new(),
        service_control: Attached::default(),
        resource_control: Attached::default(),
    }
}

/// Adds to `batch` an organization with all features, whose only account is `management`.
///
/// As at AWS, service control policies are enabled in its root from the beginning.
pub(crate) fn found_organization(
    batch: &mut Batch,
    management: AccountId,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> OrganizationRecord {
    let organization = OrganizationRecord {
        id: ids::organization(entropy),
        management,
        root: ids::root(entropy),
        created: now,
        service_control: TypeState {
            enabled: true,
            epoch: 1,
        },
        resource_control: TypeState {
            enabled: false,
            epoch: 0,
        },
    };
    let root = organization.root.clone();
    put(
        batch,
        new_node(root.clone(), NodeKind::Root, None, "Root".to_owned()),
    );
    put_below(
        batch,
        new_node(
            management.to_string(),
            NodeKind::Account,
            Some(root),
            String::new(),
        ),
    );
    batch.put(
        &tables::ORGANIZATION,
        tables::organization(),
        organization.clone(),
    );
    organization
}
