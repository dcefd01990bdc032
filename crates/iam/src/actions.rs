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
    ATTACH_USER_POLICY = "iam:AttachUserPolicy",
    CREATE_ACCESS_KEY = "iam:CreateAccessKey",
    CREATE_POLICY = "iam:CreatePolicy",
    CREATE_USER = "iam:CreateUser",
    DELETE_ACCESS_KEY = "iam:DeleteAccessKey",
    DELETE_POLICY = "iam:DeletePolicy",
    DELETE_USER = "iam:DeleteUser",
    DELETE_USER_POLICY = "iam:DeleteUserPolicy",
    DETACH_USER_POLICY = "iam:DetachUserPolicy",
    GET_ACCESS_KEY_LAST_USED = "iam:GetAccessKeyLastUsed",
    GET_POLICY = "iam:GetPolicy",
    GET_POLICY_VERSION = "iam:GetPolicyVersion",
    GET_USER = "iam:GetUser",
    GET_USER_POLICY = "iam:GetUserPolicy",
    LIST_ACCESS_KEYS = "iam:ListAccessKeys",
    LIST_ATTACHED_USER_POLICIES = "iam:ListAttachedUserPolicies",
    LIST_POLICIES = "iam:ListPolicies",
    LIST_USER_POLICIES = "iam:ListUserPolicies",
    LIST_USERS = "iam:ListUsers",
    PUT_USER_POLICY = "iam:PutUserPolicy",
    TAG_POLICY = "iam:TagPolicy",
    TAG_USER = "iam:TagUser",
    UPDATE_ACCESS_KEY = "iam:UpdateAccessKey",
}
