//! Grant tokens: texts that stand for a grant. They are no secrets and give no right.
//!
//! A grant counts from the moment at which its making was answered, so a token is never needed
//! for its use. One that is sent must still be that of a grant that exists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use store::{Key, View};
use types::{Entropy, Region};

use super::record::{GRANTS, GrantRecord, is_id};
use crate::Error;

/// What a token says of its grant.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// The account that holds the key.
    pub(crate) account: String,
    /// The key's region.
    pub(crate) region: String,
    /// The key's id.
    pub(crate) key: String,
    /// The grant's id.
    pub(crate) grant: String,
}

impl Token {
    /// A new token for `grant`: each differs, and all mean the same.
    pub(crate) fn issue(grant: &GrantRecord, entropy: &dyn Entropy) -> String {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let salt = hex::encode(salt);
        let (account, region) = (grant.account.as_str(), grant.region.as_str());
        let key = Key::of(&[account, region, grant.key.as_str(), &grant.id, &salt]);
        STANDARD.encode(key.as_bytes())
    }

    /// What `text` says.
    ///
    /// Fails with `InvalidGrantTokenException` if it is no token.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let bytes = STANDARD
            .decode(text)
            .map_err(|_source| Error::InvalidGrantToken)?;
        let parts = Key::from_encoded(&bytes).text_parts();
        let parts: [String; 5] = parts
            .try_into()
            .map_err(|_other_number| Error::InvalidGrantToken)?;
        let [account, region, key, grant, _salt] = parts;
        if !is_id(&grant) {
            return Err(Error::InvalidGrantToken);
        }
        Ok(Self {
            account,
            region,
            key,
            grant,
        })
    }
}

/// Checks that every token is that of a grant that exists, in the region that was called.
///
/// Fails with `InvalidGrantTokenException`.
pub(crate) fn check(view: &View, region: &Region, tokens: Option<&[String]>) -> Result<(), Error> {
    for text in tokens.unwrap_or_default() {
        let token = Token::read(text)?;
        let row = Key::of(&[&token.account, &token.region, &token.key, &token.grant]);
        if token.region != region.as_str() || view.get(&GRANTS, &row).is_none() {
            return Err(Error::InvalidGrantToken);
        }
    }
    Ok(())
}
