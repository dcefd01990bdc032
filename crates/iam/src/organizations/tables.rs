//! The tables of the organization, and how their rows are keyed.

use store::{Key, Table};

use super::records::{
    ChildRecord, ControlPolicyRecord, CreationRecord, NodeRecord, OrganizationRecord,
};

/// The organization: one row, or none.
pub(crate) static ORGANIZATION: Table<OrganizationRecord> = Table::with_history("organization");

/// The root, units and accounts of the tree, by id.
pub(crate) static NODES: Table<NodeRecord> = Table::with_history("organization_nodes");

/// What is below what, by the ids of parent and child.
pub(crate) static CHILDREN: Table<ChildRecord> = Table::with_history("organization_children");

/// The organization's own policies, by id.
pub(crate) static CONTROL_POLICIES: Table<ControlPolicyRecord> =
    Table::with_history("organization_policies");

/// Requests to create accounts, by id.
pub(crate) static CREATIONS: Table<CreationRecord> =
    Table::with_history("organization_account_creations");

/// The row of the organization.
pub(crate) fn organization() -> Key {
    Key::of(&["organization"])
}

/// A row that is keyed by one id; also the prefix of a node's children.
pub(crate) fn by_id(id: &str) -> Key {
    Key::of(&[id])
}

/// The row of a node below another.
pub(crate) fn child(parent: &str, id: &str) -> Key {
    Key::of(&[parent, id])
}

/// The prefix of all rows.
pub(crate) fn all() -> Key {
    Key::of(&[])
}
