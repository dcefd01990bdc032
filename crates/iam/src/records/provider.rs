//! Identity providers that roles of an account may trust.

use serde::{Deserialize, Serialize};
use store::{Batch, Record};
use types::{AccountId, Arn, Timestamp};

use crate::tables;

/// An OpenID Connect provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenIdProviderRecord {
    /// The account whose roles may trust it.
    pub account: AccountId,
    /// The issuer without `https://`: host and path, as it was given.
    pub url: String,
    /// The audiences that its tokens may be for, in the order of their addition.
    pub client_ids: Vec<String>,
    /// What clients gave as the thumbprints of its certificates; nothing here relies on them.
    pub thumbprints: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Tags in the order of their creation; keys differ without regard to case.
    pub tags: Vec<(String, String)>,
}

impl OpenIdProviderRecord {
    /// `arn:aws:iam::A:oidc-provider/host/path`.
    pub fn arn(&self) -> Arn {
        provider_arn(self.account, &self.url)
    }

    /// Writes the provider in its place.
    pub(crate) fn put(self, batch: &mut Batch) {
        let row = tables::named(self.account, &self.url);
        batch.put(&tables::OPEN_ID_PROVIDERS, row, self);
    }
}

impl Record for OpenIdProviderRecord {
    const VERSION: u16 = 1;
}

/// The ARN of the provider with this host and path.
pub(crate) fn provider_arn(account: AccountId, url: &str) -> Arn {
    Arn::new("iam", None, Some(account), &format!("oidc-provider/{url}"))
}
