//! The actions of IAM.

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
    ADD_USER_TO_GROUP = "iam:AddUserToGroup",
    ATTACH_GROUP_POLICY = "iam:AttachGroupPolicy",
    ATTACH_ROLE_POLICY = "iam:AttachRolePolicy",
    ATTACH_USER_POLICY = "iam:AttachUserPolicy",
    CREATE_ACCESS_KEY = "iam:CreateAccessKey",
    CREATE_GROUP = "iam:CreateGroup",
    CREATE_POLICY = "iam:CreatePolicy",
    CREATE_ROLE = "iam:CreateRole",
    CREATE_USER = "iam:CreateUser",
    DELETE_ACCESS_KEY = "iam:DeleteAccessKey",
    DELETE_GROUP = "iam:DeleteGroup",
    DELETE_GROUP_POLICY = "iam:DeleteGroupPolicy",
    DELETE_POLICY = "iam:DeletePolicy",
    DELETE_ROLE = "iam:DeleteRole",
    DELETE_ROLE_PERMISSIONS_BOUNDARY = "iam:DeleteRolePermissionsBoundary",
    DELETE_ROLE_POLICY = "iam:DeleteRolePolicy",
    DELETE_USER = "iam:DeleteUser",
    DELETE_USER_PERMISSIONS_BOUNDARY = "iam:DeleteUserPermissionsBoundary",
    DELETE_USER_POLICY = "iam:DeleteUserPolicy",
    DETACH_GROUP_POLICY = "iam:DetachGroupPolicy",
    DETACH_ROLE_POLICY = "iam:DetachRolePolicy",
    DETACH_USER_POLICY = "iam:DetachUserPolicy",
    GET_ACCESS_KEY_LAST_USED = "iam:GetAccessKeyLastUsed",
    GET_GROUP = "iam:GetGroup",
    GET_GROUP_POLICY = "iam:GetGroupPolicy",
    GET_POLICY = "iam:GetPolicy",
    GET_POLICY_VERSION = "iam:GetPolicyVersion",
    GET_ROLE = "iam:GetRole",
    GET_ROLE_POLICY = "iam:GetRolePolicy",
    GET_USER = "iam:GetUser",
    GET_USER_POLICY = "iam:GetUserPolicy",
    LIST_ACCESS_KEYS = "iam:ListAccessKeys",
    LIST_ATTACHED_GROUP_POLICIES = "iam:ListAttachedGroupPolicies",
    LIST_ATTACHED_ROLE_POLICIES = "iam:ListAttachedRolePolicies",
    LIST_ATTACHED_USER_POLICIES = "iam:ListAttachedUserPolicies",
    LIST_GROUPS = "iam:ListGroups",
    LIST_GROUPS_FOR_USER = "iam:ListGroupsForUser",
    LIST_GROUP_POLICIES = "iam:ListGroupPolicies",
    LIST_POLICIES = "iam:ListPolicies",
    LIST_ROLES = "iam:ListRoles",
    LIST_ROLE_POLICIES = "iam:ListRolePolicies",
    LIST_ROLE_TAGS = "iam:ListRoleTags",
    LIST_USERS = "iam:ListUsers",
    LIST_USER_POLICIES = "iam:ListUserPolicies",
    LIST_USER_TAGS = "iam:ListUserTags",
    PUT_GROUP_POLICY = "iam:PutGroupPolicy",
    PUT_ROLE_PERMISSIONS_BOUNDARY = "iam:PutRolePermissionsBoundary",
    PUT_ROLE_POLICY = "iam:PutRolePolicy",
    PUT_USER_PERMISSIONS_BOUNDARY = "iam:PutUserPermissionsBoundary",
    PUT_USER_POLICY = "iam:PutUserPolicy",
    REMOVE_USER_FROM_GROUP = "iam:RemoveUserFromGroup",
    TAG_POLICY = "iam:TagPolicy",
    TAG_ROLE = "iam:TagRole",
    TAG_USER = "iam:TagUser",
    UNTAG_ROLE = "iam:UntagRole",
    UNTAG_USER = "iam:UntagUser",
    UPDATE_ACCESS_KEY = "iam:UpdateAccessKey",
    UPDATE_ASSUME_ROLE_POLICY = "iam:UpdateAssumeRolePolicy",
    UPDATE_GROUP = "iam:UpdateGroup",
    UPDATE_ROLE = "iam:UpdateRole",
    UPDATE_ROLE_DESCRIPTION = "iam:UpdateRoleDescription",
    UPDATE_USER = "iam:UpdateUser",
}
