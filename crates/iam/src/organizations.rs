//! Organizations: the tree of accounts, and the policies that bound them from above.

#![expect(dead_code, reason = "the operations follow")]

mod ids;
mod policies;
mod records;
mod source;
mod tables;
mod tree;

pub use records::{
    Attached, ChildRecord, ControlPolicy, ControlPolicyRecord, CreationRecord, NodeKind,
    NodeRecord, OrganizationRecord, PolicyKind, TypeState,
};
pub use source::OrganizationTree;
pub(crate) use tables::{CHILDREN, CONTROL_POLICIES, CREATIONS, NODES, ORGANIZATION};
pub(crate) use tree::found_organization;
