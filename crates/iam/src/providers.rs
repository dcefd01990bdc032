//! OpenID Connect providers: finding them, and what requests may say of them.

use std::sync::Arc;

use pipeline::{Ctx, Need};
use policy::Action;
use store::View;
use types::{AccountId, Arn, WebIdentity};

use crate::credential::is_open;
use crate::records::OpenIdProviderRecord;
use crate::{Error, lookup, managed, quota, tables};

/// The kind of provider as ARNs name it.
const KIND: &str = "oidc-provider";

/// What every issuer begins with.
const SCHEME: &str = "https://";

/// Characters of a thumbprint: a SHA-1 in hexadecimal digits.
const THUMBPRINT_LENGTH: usize = 40;

/// The provider that a call names by its ARN; it may not exist.
#[derive(Debug)]
pub(crate) struct NamedProvider {
    arn: Arn,
    record: Option<Arc<OpenIdProviderRecord>>,
}

impl NamedProvider {
    /// Looks the provider up in the caller's account.
    ///
    /// Fails with `ValidationError` if the text is no ARN.
    pub(crate) fn of(ctx: &Ctx, arn: &str) -> Result<Self, Error> {
        let account = lookup::account(ctx)?;
        let arn = managed::read_arn(arn)?;
        let record = at(ctx.view(), &arn).filter(|record| record.account == account);
        Ok(Self { arn, record })
    }

    /// The need of `action` on it.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        Need::on(action, self.arn.clone())
    }

    /// The provider, if there is one.
    pub(crate) fn record(&self) -> Option<&Arc<OpenIdProviderRecord>> {
        self.record.as_ref()
    }

    /// The provider.
    ///
    /// Fails with `NoSuchEntity` if there is none; only a permitted caller gets here.
    pub(crate) fn found(&self) -> Result<&Arc<OpenIdProviderRecord>, Error> {
        self.record.as_ref().ok_or_else(|| Error::NoSuchProvider {
            arn: self.arn.to_string(),
        })
    }
}

/// The provider at exactly `arn`.
pub(crate) fn at(view: &View, arn: &Arn) -> Option<Arc<OpenIdProviderRecord>> {
    let url = arn.resource_of(KIND)?;
    let record = with_url(view, arn.account()?, url)?;
    (record.arn() == *arn).then_some(record)
}

/// The provider of `account` with exactly this host and path.
pub(crate) fn with_url(
    view: &View,
    account: AccountId,
    url: &str,
) -> Option<Arc<OpenIdProviderRecord>> {
    let row = tables::named(account, url);
    let record = view.get_shared(&tables::OPEN_ID_PROVIDERS, &row)?;
    (record.url == url).then_some(record)
}

/// Whether the provider of a web identity is there, for the audience of its token, in an account
/// that is open.
pub(crate) fn vouches(view: &View, identity: &WebIdentity) -> bool {
    at(view, &identity.provider).is_some_and(|provider| {
        let audience = provider.client_ids.contains(&identity.audience);
        audience && is_open(view, provider.account)
    })
}

/// The host and path of an issuer's URL, as ARNs and condition keys show them.
///
/// Fails with `ValidationError` unless it is `https://`, a host, and a path if any: no user, no
/// port, no query, no fragment, as AWS has it.
pub fn host_and_path(url: &str) -> Result<&str, Error> {
    let rest = url.strip_prefix(SCHEME).ok_or(Error::InvalidProviderUrl)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(inside)
    };
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/+=,@%".contains(&byte);
    if host.split('.').all(label) && path.bytes().all(in_path) {
        Ok(rest)
    } else {
        Err(Error::InvalidProviderUrl)
    }
}

/// The client ids of a request, each once.
///
/// Fails with `LimitExceeded` beyond 100.
pub(crate) fn client_ids(given: Option<&[String]>) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    for id in given.unwrap_or_default() {
        add_client_id(&mut ids, id)?;
    }
    Ok(ids)
}

/// Adds a client id, unless it is there already.
///
/// Fails with `LimitExceeded` beyond 100.
pub(crate) fn add_client_id(ids: &mut Vec<String>, id: &str) -> Result<(), Error> {
    if ids.iter().any(|known| known == id) {
        return Ok(());
    }
    let quota = "ClientIdsPerOpenIdConnectProvider";
    quota::room(ids.len(), quota, quota::CLIENT_IDS)?;
    ids.push(id.to_owned());
    Ok(())
}

/// The thumbprints of a request.
///
/// Fails with `InvalidInput` for more than five, and for one that is not 40 hexadecimal digits.
pub(crate) fn thumbprints(given: &[String]) -> Result<Vec<String>, Error> {
    if given.len() > quota::THUMBPRINTS {
        return Err(Error::TooManyThumbprints);
    }
    let is_one = |text: &String| {
        text.len() == THUMBPRINT_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if given.iter().all(is_one) {
        Ok(given.to_vec())
    } else {
        Err(Error::InvalidThumbprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Option<&str>) {
        assert_eq!(host_and_path(url).ok(), expected, "{url}");
    }

    #[test]
    fn an_issuer_is_a_host_and_perhaps_a_path() {
        check("https://idp.example.com", Some("idp.example.com"));
        check("https://idp.example.com/", Some("idp.example.com/"));
        check(
            "https://Idp.example.com/realms/a_b/ID/4F",
            Some("Idp.example.com/realms/a_b/ID/4F"),
        );
        check("https://localhost", Some("localhost"));
    }

    #[test]
    fn whatever_else_a_url_can_hold_is_refused() {
        for url in [
            "",
            "idp.example.com",
            "http://idp.example.com",
            "HTTPS://idp.example.com",
            "https://",
            "https:///path",
            "https://idp.example.com:8443",
            "https://user@idp.example.com",
            "https://idp..example.com",
            "https://.example.com",
            "https://idp_x.example.com",
            "https://[::1]/",
            "https://idp.example.com?x=1",
            "https://idp.example.com/?x=1",
            "https://idp.example.com/#x",
            "https://idp.example.com/*",
            "https://idp.example.com/a:b",
            "https://idp.example.com/a b",
            "https://idp.example.com/ü",
            "https://idp.example.com/$x",
        ] {
            check(url, None);
        }
    }

    #[test]
    fn thumbprints_are_forty_hexadecimal_digits() {
        let good = "a031c46782e6e6c662c2c87c76da9aa62ccabd8E".to_owned();
        let one = std::slice::from_ref(&good);
        assert_eq!(thumbprints(one).unwrap(), one);
        let (_, short) = good.split_at(1);
        for bad in [short, &format!("{good}0"), &good.replace('a', "g")] {
            assert!(thumbprints(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(thumbprints(&vec![good; 6]).is_err());
    }
}
