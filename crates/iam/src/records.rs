//! What is stored: versioned types of this crate's own, never wire shapes.

mod access_key;
mod account;
mod alias;
mod entity;
mod group;
mod policy;
mod provider;
pub(crate) mod role;
mod trust;
mod user;

pub use access_key::{AccessKeyRecord, KeyOwner, KeyStatus, LastUsedRecord};
pub use account::AccountRecord;
pub use alias::{AliasRecord, DeletionTaskRecord};
pub(crate) use entity::{Entity, Principal};
pub use entity::{EntityKind, PrincipalIdRecord};
pub use group::{GroupRecord, MemberRecord};
pub(crate) use policy::policy_arn;
pub use policy::{
    AttachmentRecord, InlinePolicyRecord, ManagedPolicyRecord, PolicyText, PolicyVersion,
};
pub use provider::OpenIdProviderRecord;
pub(crate) use provider::provider_arn;
pub use role::RoleRecord;
pub use trust::TrustPolicy;
pub use user::UserRecord;

#[cfg(test)]
mod tests;
