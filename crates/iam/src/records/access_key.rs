//! Access keys: the secret half lives here and nowhere else.

use std::sync::Arc;

use crypto::secret::SecretBytes;
use serde::{Deserialize, Serialize};
use store::Record;
use types::{AccessKeyId, AccountId, Region, Timestamp, UniqueId};

/// Whom an access key belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyOwner {
    /// The root user of the key's account.
    Root,
    /// A user.
    User {
        /// The unique id: a user of the same name made later does not own the key.
        id: UniqueId,
        /// The name, to find the user's record by.
        name: String,
    },
}

/// Whether an access key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyStatus {
    /// It may.
    Active,
    /// It counts as unknown until it is made active again.
    Inactive,
}

/// An access key. Its table keeps no history: deletion destroys the secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    /// `AKIA…`, unique in the deployment.
    pub id: AccessKeyId,
    /// The owner's account.
    pub account: AccountId,
    /// The owner.
    pub owner: KeyOwner,
    /// Whether it may sign.
    pub status: KeyStatus,
    /// When it was made.
    pub created: Timestamp,
    /// The 40 characters that sign.
    #[serde(with = "secret_as_base64")]
    pub secret: Arc<SecretBytes>,
}

impl Record for AccessKeyRecord {
    const VERSION: u16 = 1;
}

/// When, where and for which service an access key was last used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUsedRecord {
    /// The time, to the second.
    pub at: Timestamp,
    /// The service as signatures name it.
    pub service: String,
    /// The region.
    pub region: Region,
}

impl Record for LastUsedRecord {
    const VERSION: u16 = 1;
}

/// The stored form of a secret. The store seals whole records; every copy that is made on
/// the way there is wiped.
mod secret_as_base64 {
    use std::sync::Arc;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use crypto::secret::SecretBytes;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        secret: &Arc<SecretBytes>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(STANDARD.encode(secret.expose()));
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<SecretBytes>, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // The decoder's error quotes bytes of its input.
        let bytes = STANDARD
            .decode(text.as_bytes())
            .map_err(|_quotes_the_secret| de::Error::custom("not base64"))?;
        Ok(Arc::new(SecretBytes::from(bytes)))
    }
}
