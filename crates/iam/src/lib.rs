//! IAM, STS and Organizations: accounts and their tree, users, groups, roles, policies, access keys, sessions,
//! identity providers, the policy simulator, and who a caller is.
//!
//! Layer 2a. The operations ([`register`]) keep the records of this crate's tables
//! ([`tables`]); what the rest of the deployment asks is: [`find_credential`], [`find_session`] and
//! [`authenticate_web_identity`] for authentication, [`Identities`] and [`OrganizationTree`] for the
//! policies of a principal and of its organization, [`IamResources`] and [`OrganizationResources`] for the
//! policies and tags of their resources and for which principals exist, [`bootstrap`] for the first account.
//! [`SessionTokens`] and [`AuthorizationMessages`] seal what is handed out. Whoever holds the seal gets in again with [`reset_administrator`] or [`reset_root`].
//!
//! IAM is global: records belong to an account, not to a region. Records of calls are made
//! for the region of the request, which the server sets to the one that IAM signs for.

mod actions;
mod attachments;
mod bootstrap;
mod condition_keys;
mod credential;
mod details;
mod documents;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzzing;
mod identities;
mod inline;
mod last_used;
mod linked;
mod lookup;
mod managed;
mod members;
mod ops;
mod organizations;
mod paths;
mod providers;
mod quota;
mod records;
mod reset;
mod resources;
mod shape;
mod simulation;
mod sts;
mod summary;
mod tables;
mod tags;

pub use bootstrap::{AccessKey, bootstrap, create_root_access_key};
pub use condition_keys::CONDITION_KEYS;
pub use credential::{
    Credential, CredentialState, credential_stamp, credential_state, find_credential,
};
pub use error::Error;
pub use identities::Identities;
pub use last_used::LastUsed;
pub use lookup::{account_made, first_account};
pub use ops::CreateServiceLinkedRole;
pub use organizations::{
    Attached, ChildRecord, ControlPolicy, ControlPolicyRecord, CreationRecord, Membership,
    NodeKind, NodeRecord, OrganizationRecord, OrganizationResources, OrganizationTree, PolicyKind,
    TypeState,
};
pub use providers::host_and_path;
pub use records::{
    AccessKeyRecord, AccountRecord, AliasRecord, AttachmentRecord, DeletionTaskRecord, EntityKind,
    GroupRecord, InlinePolicyRecord, KeyOwner, KeyStatus, LastUsedRecord, ManagedPolicyRecord,
    MemberRecord, OpenIdProviderRecord, PolicyText, PolicyVersion, PrincipalIdRecord, RoleRecord,
    TrustPolicy, UserRecord,
};
pub use reset::{Reset, reset_administrator, reset_root};
pub use resources::{IamResources, trust_facts};
pub use simulation::Fault as SimulationFault;
pub use sts::{
    AuthorizationMessages, IssuerKeys, KeySet, KeySetError, KeySetSource, LoadedKeys, NoKeys,
    SessionCredential, SessionTokens, authenticate_web_identity, find_session,
};
pub use tables::tables;

use pipeline::Registry;

/// Adds every operation of IAM, STS and Organizations.
pub fn register(registry: &mut impl Registry) {
    ops::register(registry);
    sts::register(registry);
    organizations::register(registry);
}
