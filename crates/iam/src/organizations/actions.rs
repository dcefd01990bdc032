//! The actions of Organizations.

use policy::Action;

macro_rules! actions {
    ($($name:ident = $text:literal,)+) => {
        $(
            #[doc = concat!("`", $text, "`.")]
            pub(crate) static $name: Action = Action::from_static($text);
        )+
    };
}

actions! {
    ATTACH_POLICY = "organizations:AttachPolicy",
    CLOSE_ACCOUNT = "organizations:CloseAccount",
    CREATE_ACCOUNT = "organizations:CreateAccount",
    CREATE_ORGANIZATION = "organizations:CreateOrganization",
    CREATE_ORGANIZATIONAL_UNIT = "organizations:CreateOrganizationalUnit",
    CREATE_POLICY = "organizations:CreatePolicy",
    DELETE_ORGANIZATION = "organizations:DeleteOrganization",
    DELETE_ORGANIZATIONAL_UNIT = "organizations:DeleteOrganizationalUnit",
    DELETE_POLICY = "organizations:DeletePolicy",
    DESCRIBE_ACCOUNT = "organizations:DescribeAccount",
    DESCRIBE_CREATE_ACCOUNT_STATUS = "organizations:DescribeCreateAccountStatus",
    DESCRIBE_EFFECTIVE_POLICY = "organizations:DescribeEffectivePolicy",
    DESCRIBE_ORGANIZATION = "organizations:DescribeOrganization",
    DESCRIBE_ORGANIZATIONAL_UNIT = "organizations:DescribeOrganizationalUnit",
    DESCRIBE_POLICY = "organizations:DescribePolicy",
    DETACH_POLICY = "organizations:DetachPolicy",
    DISABLE_POLICY_TYPE = "organizations:DisablePolicyType",
    ENABLE_POLICY_TYPE = "organizations:EnablePolicyType",
    LIST_ACCOUNTS = "organizations:ListAccounts",
    LIST_ACCOUNTS_FOR_PARENT = "organizations:ListAccountsForParent",
    LIST_CHILDREN = "organizations:ListChildren",
    LIST_CREATE_ACCOUNT_STATUS = "organizations:ListCreateAccountStatus",
    LIST_ORGANIZATIONAL_UNITS_FOR_PARENT = "organizations:ListOrganizationalUnitsForParent",
    LIST_PARENTS = "organizations:ListParents",
    LIST_POLICIES = "organizations:ListPolicies",
    LIST_POLICIES_FOR_TARGET = "organizations:ListPoliciesForTarget",
    LIST_ROOTS = "organizations:ListRoots",
    LIST_TAGS_FOR_RESOURCE = "organizations:ListTagsForResource",
    LIST_TARGETS_FOR_POLICY = "organizations:ListTargetsForPolicy",
    MOVE_ACCOUNT = "organizations:MoveAccount",
    REMOVE_ACCOUNT_FROM_ORGANIZATION = "organizations:RemoveAccountFromOrganization",
    TAG_RESOURCE = "organizations:TagResource",
    UNTAG_RESOURCE = "organizations:UntagResource",
    UPDATE_ORGANIZATIONAL_UNIT = "organizations:UpdateOrganizationalUnit",
    UPDATE_POLICY = "organizations:UpdatePolicy",
}
