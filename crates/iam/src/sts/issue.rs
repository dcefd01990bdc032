//! Making temporary credentials.

use std::time::Duration;

use pipeline::Ctx;
use shapes::sts::Credentials;
use types::{AccessKeyId, AccountId, Principal, Timestamp};
use zeroize::Zeroizing;

use super::error::Error;
use super::token::{Bounds, Claims, Holder, LONGEST, Owner, SessionTokens};
use crate::bootstrap;
use crate::event::Fields;

/// How long sessions of long-term credentials last if nobody says: twelve hours.
const DEFAULT_DURATION: u32 = 43_200;

/// How long sessions of the root user last at most: an hour.
const ROOT_DURATION: u32 = 3600;

/// A session that is to be made.
#[derive(Debug)]
pub(crate) struct NewSession {
    /// The account of whom it stands for.
    pub(crate) account: AccountId,
    pub(crate) holder: Holder,
    /// How long it lasts, in seconds.
    pub(crate) duration: u32,
    pub(crate) bounds: Bounds,
    pub(crate) source_identity: Option<String>,
    pub(crate) provider: Option<String>,
    /// The fewest characters that its token is to have.
    pub(crate) shortest: Option<i32>,
}

/// Temporary credentials with the measures of their token.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) credentials: Credentials,
    pub(crate) token_size: Option<i32>,
    /// The token's part of the longest, in percent.
    pub(crate) token_share: Option<i32>,
}

/// Makes the credentials of a session. Nothing is stored: the token holds everything.
pub(crate) fn issue(ctx: &Ctx, new: NewSession) -> Result<Issued, Error> {
    // Times of sessions are whole seconds, as answers and condition keys show them.
    let issued = Timestamp::new(ctx.time().seconds(), 0);
    let expires = issued.saturating_add(Duration::from_secs(u64::from(new.duration)));
    let claims = Claims {
        issued,
        expires,
        holder: new.holder,
        bounds: new.bounds,
        source_identity: new.source_identity,
        provider: new.provider,
    };
    let account = new.account;
    let id = AccessKeyId::temporary(ctx.entropy(), account);
    let secret = bootstrap::new_secret(ctx.entropy());
    let shortest = new.shortest.and_then(|size| usize::try_from(size).ok());
    let tokens = ctx.part::<SessionTokens>()?;
    let token = tokens
        .seal(ctx.entropy(), &id, &secret, &claims, shortest.unwrap_or(0))
        .map_err(Error::Token)?;
    let secret = Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned());
    Ok(Issued {
        token_size: i32::try_from(token.len()).ok(),
        token_share: i32::try_from((token.len() * 100).div_ceil(LONGEST)).ok(),
        credentials: Credentials {
            access_key_id: id.to_string(),
            secret_access_key: secret.into(),
            session_token: token,
            expiration: expires,
        },
    })
}

/// Whose long-term credentials the caller's are.
///
/// Fails with `AccessDenied` for sessions, which the pipeline refuses already, and services.
pub(crate) fn long_term(ctx: &Ctx) -> Result<Owner, Error> {
    let caller = ctx.caller();
    match &caller.principal {
        _ if caller.session.is_some() => Err(Error::NotLongTerm),
        Principal::User { id, .. } => Ok(Owner::User(id.clone())),
        Principal::Root { account } => Ok(Owner::Root(*account)),
        Principal::WebIdentity(_) | Principal::Service { .. } => {
            Err(crate::Error::NoAccount.into())
        }
        Principal::AssumedRole { .. } | Principal::FederatedUser { .. } => Err(Error::NotLongTerm),
    }
}

/// How long a session of long-term credentials lasts: twelve hours if nobody says, and for the
/// root user an hour at most, whatever was asked for.
pub(crate) fn duration(owner: &Owner, asked: Option<i32>) -> u32 {
    let asked = asked.and_then(|seconds| u32::try_from(seconds).ok());
    let asked = asked.unwrap_or(DEFAULT_DURATION);
    match owner {
        Owner::User(_) => asked,
        Owner::Root(_) => asked.min(ROOT_DURATION),
    }
}

/// Credentials as audit records show them: neither secret nor token.
pub(crate) fn shown(credentials: Option<&Credentials>) -> Option<serde_json::Value> {
    let credentials = credentials?;
    let fields = Fields::default()
        .with("accessKeyId", credentials.access_key_id.as_str())
        .time("expiration", credentials.expiration);
    Some(fields.value())
}
