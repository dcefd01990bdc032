//! The actions of STS.

use policy::Action;

/// `sts:AssumeRole`.
pub(crate) static ASSUME_ROLE: Action = Action::from_static("sts:AssumeRole");
/// `sts:AssumeRoleWithWebIdentity`.
pub(crate) static ASSUME_ROLE_WITH_WEB_IDENTITY: Action =
    Action::from_static("sts:AssumeRoleWithWebIdentity");
/// `sts:DecodeAuthorizationMessage`.
pub(crate) static DECODE_AUTHORIZATION_MESSAGE: Action =
    Action::from_static("sts:DecodeAuthorizationMessage");
/// `sts:GetAccessKeyInfo`.
pub(crate) static GET_ACCESS_KEY_INFO: Action = Action::from_static("sts:GetAccessKeyInfo");
/// `sts:GetFederationToken`.
pub(crate) static GET_FEDERATION_TOKEN: Action = Action::from_static("sts:GetFederationToken");
/// `sts:SetSourceIdentity`.
pub(crate) static SET_SOURCE_IDENTITY: Action = Action::from_static("sts:SetSourceIdentity");
/// `sts:TagSession`.
pub(crate) static TAG_SESSION: Action = Action::from_static("sts:TagSession");
