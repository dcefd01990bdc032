//! Resource Access Manager: what an account shares with others.
//!
//! Layer 2a. A share names resources, principals and AWS's managed permissions; what follows
//! from all shares of a resource is written down as one resource policy in the same commit
//! ([`policy_of`]), which the evaluator then reads like any other. Nothing here decides about a
//! resource: taking a principal from a share rewrites the policy, and the next request is
//! decided by that. What exists and may be shared is known to the services that own it
//! ([`Shareable`]).

mod actions;
mod associations;
mod bounds;
mod condition_keys;
mod error;
mod event;
mod invitations;
mod joining;
mod listing;
mod members;
mod ops;
mod permissions;
mod principals;
mod records;
mod resources;
mod shape;
mod shared;
mod shares;
mod source;
mod tags;
mod tokens;
mod turns;

pub use condition_keys::CONDITION_KEYS;
pub use error::Error;
pub use records::{
    InvitationRecord, OrganizationSharing, PolicyRecord, ShareRecord, TokenRecord, tables,
};
pub use resources::{Shareable, ShareableResources};
pub use shared::{forget, policies_changed, policy_of, shared_with};
pub use source::Shares;

use pipeline::Registry;

/// Adds every operation of this crate.
pub fn register(registry: &mut impl Registry) {
    ops::register(registry);
}
