//! The operations of Organizations, one per file, by AWS's names.

mod attach_policy;
mod close_account;
mod create_account;
mod create_organization;
mod create_organizational_unit;
mod create_policy;
mod delete_organization;
mod delete_organizational_unit;
mod delete_policy;
mod describe_account;
mod describe_create_account_status;
mod describe_effective_policy;
mod describe_organization;
mod describe_organizational_unit;
mod describe_policy;
mod detach_policy;
mod disable_policy_type;
mod enable_policy_type;
mod list_accounts;
mod list_accounts_for_parent;
mod list_children;
mod list_create_account_status;
mod list_organizational_units_for_parent;
mod list_parents;
mod list_policies;
mod list_policies_for_target;
mod list_roots;
mod list_tags_for_resource;
mod list_targets_for_policy;
mod move_account;
mod remove_account_from_organization;
mod tag_resource;
mod untag_resource;
mod update_organizational_unit;
mod update_policy;

use pipeline::Registry;

/// Adds every operation of Organizations.
pub(crate) fn register(registry: &mut impl Registry) {
    registry.add::<attach_policy::AttachPolicy>();
    registry.add::<close_account::CloseAccount>();
    registry.add::<create_account::CreateAccount>();
    registry.add::<create_organization::CreateOrganization>();
    registry.add::<create_organizational_unit::CreateOrganizationalUnit>();
    registry.add::<create_policy::CreatePolicy>();
    registry.add::<delete_organization::DeleteOrganization>();
    registry.add::<delete_organizational_unit::DeleteOrganizationalUnit>();
    registry.add::<delete_policy::DeletePolicy>();
    registry.add::<describe_account::DescribeAccount>();
    registry.add::<describe_create_account_status::DescribeCreateAccountStatus>();
    registry.add::<describe_effective_policy::DescribeEffectivePolicy>();
    registry.add::<describe_organization::DescribeOrganization>();
    registry.add::<describe_organizational_unit::DescribeOrganizationalUnit>();
    registry.add::<describe_policy::DescribePolicy>();
    registry.add::<detach_policy::DetachPolicy>();
    registry.add::<disable_policy_type::DisablePolicyType>();
    registry.add::<enable_policy_type::EnablePolicyType>();
    registry.add::<list_accounts::ListAccounts>();
    registry.add::<list_accounts_for_parent::ListAccountsForParent>();
    registry.add::<list_children::ListChildren>();
    registry.add::<list_create_account_status::ListCreateAccountStatus>();
    registry.add::<list_organizational_units_for_parent::ListOrganizationalUnitsForParent>();
    registry.add::<list_parents::ListParents>();
    registry.add::<list_policies::ListPolicies>();
    registry.add::<list_policies_for_target::ListPoliciesForTarget>();
    registry.add::<list_roots::ListRoots>();
    registry.add::<list_tags_for_resource::ListTagsForResource>();
    registry.add::<list_targets_for_policy::ListTargetsForPolicy>();
    registry.add::<move_account::MoveAccount>();
    registry.add::<remove_account_from_organization::RemoveAccountFromOrganization>();
    registry.add::<tag_resource::TagResource>();
    registry.add::<untag_resource::UntagResource>();
    registry.add::<update_organizational_unit::UpdateOrganizationalUnit>();
    registry.add::<update_policy::UpdatePolicy>();
}
