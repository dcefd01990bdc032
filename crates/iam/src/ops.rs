//! The operations of IAM, one per file, by AWS's names.

mod attach_user_policy;
mod create_access_key;
mod create_policy;
mod create_user;
mod delete_access_key;
mod delete_policy;
mod delete_user;
mod delete_user_policy;
mod detach_user_policy;
mod get_access_key_last_used;
mod get_policy;
mod get_policy_version;
mod get_user;
mod get_user_policy;
mod list_access_keys;
mod list_attached_user_policies;
mod list_policies;
mod list_user_policies;
mod list_users;
mod put_user_policy;
mod update_access_key;

use pipeline::Registry;

/// The code of denials in the Query protocol.
pub(crate) const ACCESS_DENIED: &str = "AccessDenied";

/// Adds every operation of IAM.
pub(crate) fn register(registry: &mut impl Registry) {
    registry.add::<attach_user_policy::AttachUserPolicy>();
    registry.add::<create_access_key::CreateAccessKey>();
    registry.add::<create_policy::CreatePolicy>();
    registry.add::<create_user::CreateUser>();
    registry.add::<delete_access_key::DeleteAccessKey>();
    registry.add::<delete_policy::DeletePolicy>();
    registry.add::<delete_user::DeleteUser>();
    registry.add::<delete_user_policy::DeleteUserPolicy>();
    registry.add::<detach_user_policy::DetachUserPolicy>();
    registry.add::<get_access_key_last_used::GetAccessKeyLastUsed>();
    registry.add::<get_policy::GetPolicy>();
    registry.add::<get_policy_version::GetPolicyVersion>();
    registry.add::<get_user::GetUser>();
    registry.add::<get_user_policy::GetUserPolicy>();
    registry.add::<list_access_keys::ListAccessKeys>();
    registry.add::<list_attached_user_policies::ListAttachedUserPolicies>();
    registry.add::<list_policies::ListPolicies>();
    registry.add::<list_user_policies::ListUserPolicies>();
    registry.add::<list_users::ListUsers>();
    registry.add::<put_user_policy::PutUserPolicy>();
    registry.add::<update_access_key::UpdateAccessKey>();
}
