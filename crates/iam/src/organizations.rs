//! Organizations: the tree of accounts, and the policies that bound them from above.

mod actions;
mod answers;
mod creation;
mod error;
mod ids;
mod listing;
mod membership;
mod ops;
mod policies;
mod quota;
mod records;
mod resources;
mod scope;
mod shape;
mod source;
mod tables;
mod tags;
mod tree;

pub(crate) use ops::register;

pub use membership::Membership;
pub use records::{
    Attached, ChildRecord, ControlPolicy, ControlPolicyRecord, CreationRecord, NodeKind,
    NodeRecord, OrganizationRecord, PolicyKind, TypeState,
};
pub use resources::OrganizationResources;
pub use source::OrganizationTree;
pub(crate) use source::service_control;
pub(crate) use tables::{CHILDREN, CONTROL_POLICIES, CREATIONS, NODES, ORGANIZATION};
pub(crate) use tree::found_organization;
