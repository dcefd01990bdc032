//! Why the token of an identity provider is not accepted.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use types::{ErrorKind, ServiceError, Timestamp};

use super::NoKeys;

/// A failure of `AssumeRoleWithWebIdentity`, with AWS's code and, where it is known, text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The call was signed.
    #[error("the call was signed")]
    Signed,
    /// The call names a provider of OAuth 2.0 access tokens.
    #[error("access tokens of OAuth 2.0 are not accepted")]
    LegacyProvider,
    /// The token is none that can be read.
    #[error("the token is no JSON web token")]
    NotAToken,
    /// The token names an algorithm that none is signed with.
    #[error("the token's algorithm is not supported")]
    Algorithm,
    /// The token lacks a claim.
    #[error("the token has no claim `{0}`")]
    MissingClaim(&'static str),
    /// No provider of the role's account is the issuer.
    #[error("no provider of the account is the token's issuer")]
    NoProvider {
        /// The issuer that the token names.
        issuer: String,
    },
    /// The issuer has no key with the token's id and algorithm, or no keys at all.
    #[error("the issuer has no key that the token could be signed with")]
    NoKey,
    /// The keys of the issuer are not to be had.
    #[error("the keys of the issuer are not available")]
    KeysUnavailable,
    /// The signature is not that of the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// The token has expired.
    #[error("the token has expired")]
    Expired {
        /// The server's time.
        now: Timestamp,
        /// When it expired, in seconds of the epoch.
        at: i64,
    },
    /// The token is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The token is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim says what a session cannot have.
    #[error("the claim `{0}` cannot be honoured")]
    Rejected(&'static str),
}

impl From<NoKeys> for Error {
    fn from(none: NoKeys) -> Self {
        match none {
            NoKeys::Unconfigured => Self::NoKey,
            NoKeys::Unavailable => Self::KeysUnavailable,
        }
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Signed | Self::LegacyProvider | Self::Rejected(_) => ErrorKind::Validation,
            Self::KeysUnavailable => ErrorKind::Unavailable,
            Self::NotAToken
            | Self::Algorithm
            | Self::MissingClaim(_)
            | Self::NoProvider { .. }
            | Self::NoKey
            | Self::Signature
            | Self::Expired { .. }
            | Self::NotYetValid
            | Self::Audience => ErrorKind::Unauthenticated,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Signed | Self::LegacyProvider => "ValidationError",
            Self::KeysUnavailable => "IDPCommunicationError",
            Self::Expired { .. } => "ExpiredTokenException",
            Self::Rejected(_) => "IDPRejectedClaim",
            Self::NotAToken
            | Self::Algorithm
            | Self::MissingClaim(_)
            | Self::NoProvider { .. }
            | Self::NoKey
            | Self::Signature
            | Self::NotYetValid
            | Self::Audience => "InvalidIdentityToken",
        })
    }

    fn public_message(&self) -> String {
        let text = match self {
            Self::Signed => "AssumeRoleWithWebIdentity is called without a signature",
            Self::LegacyProvider => {
                "ProviderId is for access tokens of OAuth 2.0 (www.amazon.com, \
                 graph.facebook.com), which are not accepted: send an OpenID Connect token \
                 without ProviderId"
            }
            Self::NotAToken => {
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an \
                 Access Token)"
            }
            Self::Algorithm => {
                "The ID Token must be signed by RS256, RS384, RS512, ES256, ES384 or ES512"
            }
            Self::MissingClaim(name) => return format!("Missing a required claim: {name}"),
            Self::NoProvider { issuer } => {
                let issuer = shown(issuer);
                return format!("No OpenIDConnect provider found in your account for {issuer}");
            }
            Self::NoKey => {
                "Couldn't retrieve verification key from your identity provider, please reference \
                 AssumeRoleWithWebIdentity documentation for requirements"
            }
            Self::KeysUnavailable => {
                "Couldn't retrieve the verification keys of your identity provider: the server's \
                 log says why"
            }
            Self::Signature => "The signature of the ID Token is not valid",
            Self::Expired { now, at } => {
                let now = now.seconds();
                return format!(
                    "Token expired: current date/time {now} must be before the expiration \
                     date/time {at}"
                );
            }
            Self::NotYetValid => "The ID Token is not valid yet",
            Self::Audience => "Incorrect token audience",
            Self::Rejected(name) => return format!("The claim {name} is not valid"),
        };
        text.to_owned()
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected(_) => Some(403),
            Self::Signed
            | Self::LegacyProvider
            | Self::NotAToken
            | Self::Algorithm
            | Self::MissingClaim(_)
            | Self::NoProvider { .. }
            | Self::NoKey
            | Self::KeysUnavailable
            | Self::Signature
            | Self::Expired { .. }
            | Self::NotYetValid
            | Self::Audience => Some(400),
        }
    }
}

/// An issuer as messages and records show it. Nobody vouches for it yet, and the record is in the
/// history of whoever is asked for a role: what is not plainly the text of a URL is not repeated.
fn shown(issuer: &str) -> &str {
    let plain = issuer.len() <= LONGEST && issuer.bytes().all(|byte| byte.is_ascii_graphic());
    if plain {
        issuer
    } else {
        "the issuer of the token"
    }
}

/// Bytes of the longest issuer that is repeated.
const LONGEST: usize = 255;
