//! Web identities: whom the tokens of OpenID Connect providers stand for.
//!
//! Nothing that a caller sends says where keys come from: the token's issuer selects a provider
//! of the role's account, and the server's configuration says which keys that issuer has.

mod claims;
mod error;
mod jwt;
mod key_set;
mod source;

use pipeline::{Caller, Failure, Services};
use shapes::sts::AssumeRoleWithWebIdentityRequest;
use store::View;
use types::{Principal, WebIdentity};

pub(crate) use error::Error;
pub(crate) use jwt::Token;
pub use key_set::{KeySet, KeySetError};
pub use source::{IssuerKeys, KeySetSource, LoadedKeys, NoKeys};

use super::role;
use crate::providers;

/// What every issuer that can be a provider begins with.
const SCHEME: &str = "https://";

/// Who asks for the session of a role with the token of an identity provider.
///
/// The token counts if a provider of the role's account vouches for it: its issuer is the
/// provider's URL, it is signed with a key that the server's configuration gives the issuer, by
/// an algorithm of that key, it is of today, and for one of the provider's client ids. Whether
/// the role exists makes no difference here.
pub async fn authenticate_web_identity(
    services: &Services,
    input: &AssumeRoleWithWebIdentityRequest,
) -> Result<Caller, Failure> {
    let identity = identity(services, input).await.map_err(Failure::of)?;
    let principal = Principal::WebIdentity(Box::new(identity));
    Ok(Caller::new(principal, None))
}

async fn identity(
    services: &Services,
    input: &AssumeRoleWithWebIdentityRequest,
) -> Result<WebIdentity, super::error::Error> {
    let (_, account) = role::read_arn(&input.role_arn)?;
    if input.provider_id.is_some() {
        return Err(Error::LegacyProvider.into());
    }
    let token = Token::parse(input.web_identity_token.expose())?;
    let issuer = token.claims().issuer()?;
    let unknown = || Error::NoProvider {
        issuer: issuer.to_owned(),
    };
    let url = issuer.strip_prefix(SCHEME).ok_or_else(unknown)?;
    let view = View::plain(services.store().snapshot());
    let provider = providers::with_url(&view, account, url).ok_or_else(unknown)?;
    let IssuerKeys(source) = services.part()?;
    verify(&**source, url, &token).await?;
    let identity =
        token
            .claims()
            .identity(provider.arn(), &provider.client_ids, services.clock().now())?;
    Ok(identity)
}

/// Checks the signature of a token with the keys of its issuer; for a key that they do not hold,
/// once more with newer ones.
async fn verify(source: &dyn KeySetSource, url: &str, token: &Token<'_>) -> Result<(), Error> {
    let keys = source.keys(url, None).await?;
    if let Some(key) = keys.find(token.key_id(), token.algorithm()) {
        return token.verify(key);
    }
    let newer = source.keys(url, Some(keys)).await?;
    let key = newer.find(token.key_id(), token.algorithm());
    token.verify(key.ok_or(Error::NoKey)?)
}
