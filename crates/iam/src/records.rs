//! What is stored: versioned types of this crate's own, never wire shapes.

mod access_key;
mod account;
mod policy;
mod user;

pub use access_key::{AccessKeyRecord, KeyOwner, KeyStatus, LastUsedRecord};
pub use account::AccountRecord;
pub(crate) use policy::policy_arn;
pub use policy::{
    AttachmentRecord, InlinePolicyRecord, ManagedPolicyRecord, PolicyText, PolicyVersion,
};
pub(crate) use user::user_arn;
pub use user::{PrincipalIdRecord, UserRecord};

#[cfg(test)]
mod tests;
