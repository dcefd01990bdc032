//! STS: temporary credentials. Its operations are one per file, by AWS's names.

mod actions;
mod assume_role;
mod assume_role_with_web_identity;
mod authorization_message;
mod bounds;
mod decode_authorization_message;
mod error;
mod get_access_key_info;
mod get_caller_identity;
mod get_federation_token;
mod get_session_token;
mod issue;
mod role;
pub(crate) mod session;
mod token;
pub(crate) mod web_identity;

use pipeline::Registry;

pub use authorization_message::AuthorizationMessages;
pub use session::{SessionCredential, find_session};
pub use token::SessionTokens;
pub(crate) use token::{Claims, LONGEST, SECRET_LENGTH};
pub use web_identity::{
    IssuerKeys, KeySet, KeySetError, KeySetSource, LoadedKeys, NoKeys, authenticate_web_identity,
};

/// Adds every operation of STS.
pub(crate) fn register(registry: &mut impl Registry) {
    registry.add::<assume_role::AssumeRole>();
    registry.add::<assume_role_with_web_identity::AssumeRoleWithWebIdentity>();
    registry.add::<decode_authorization_message::DecodeAuthorizationMessage>();
    registry.add::<get_access_key_info::GetAccessKeyInfo>();
    registry.add::<get_caller_identity::GetCallerIdentity>();
    registry.add::<get_federation_token::GetFederationToken>();
    registry.add::<get_session_token::GetSessionToken>();
}
