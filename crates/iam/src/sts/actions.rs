//! The actions of STS.

policy::actions! {
    pub(crate) static:
    ASSUME_ROLE = "sts:AssumeRole",
    ASSUME_ROLE_WITH_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity",
    DECODE_AUTHORIZATION_MESSAGE = "sts:DecodeAuthorizationMessage",
    GET_ACCESS_KEY_INFO = "sts:GetAccessKeyInfo",
    GET_FEDERATION_TOKEN = "sts:GetFederationToken",
    SET_SOURCE_IDENTITY = "sts:SetSourceIdentity",
    TAG_SESSION = "sts:TagSession",
}
