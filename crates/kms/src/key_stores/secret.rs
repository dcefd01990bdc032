//! What key stores are connected with, and how it is stored: sealed and without history, so that no
//! earlier credential of a store can be read from the tables.

use std::sync::Arc;

use crypto::SecretBytes;
use serde::{Deserialize, Serialize};
use store::{Record, Table};

/// The PIN of a token's user, or the secret that signs a proxy's requests, by store.
pub(crate) static STORE_SECRETS: Table<StoreSecret> =
    Table::without_history("kms_key_store_secrets");

/// What a key store is connected with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoreSecret {
    /// The secret.
    pub secret: Secret,
}

impl Record for StoreSecret {
    const VERSION: u16 = 1;
}

/// A secret whose stored form is base64. The store seals whole records; every copy that is made
/// on the way there is wiped.
#[derive(Debug, Clone)]
pub(crate) struct Secret(pub Arc<SecretBytes>);

impl Secret {
    /// The secret that a caller sent.
    pub(crate) fn of(text: &str) -> Self {
        Self(Arc::new(SecretBytes::from(text.as_bytes().to_vec())))
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(self.0.expose());
        to.serialize_str(&zeroize::Zeroizing::new(text))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = zeroize::Zeroizing::new(String::deserialize(from)?);
        // The decoder's error quotes bytes of its input.
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text.as_bytes())
            .map_err(|_quotes_the_secret| serde::de::Error::custom("not base64"))?;
        Ok(Self(Arc::new(SecretBytes::from(bytes))))
    }
}
