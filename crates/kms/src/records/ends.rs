//! What is left of keys that were deleted.

use serde::{Deserialize, Serialize};
use store::Record;
use types::{AccountId, Arn, KeyId, Region, Timestamp};

use crate::key_stores::Held;

/// A key that was deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Destruction {
    /// The account that held it.
    pub account: AccountId,
    /// Its region.
    pub region: Region,
    /// Its id.
    pub key: KeyId,
    /// The newest shred key that ever wrapped a material of it.
    pub generation: u64,
    /// When it was deleted.
    pub deleted: Timestamp,
    /// The shred keys that wrapped one material of it each.
    #[serde(default)]
    pub own: Vec<u64>,
    /// The custom key store that held it, and what it was there.
    #[serde(default)]
    pub held: Option<Held>,
    /// The cluster that the store was on, if it was a token.
    #[serde(default)]
    pub cluster: Option<String>,
}

impl Record for Destruction {
    const VERSION: u16 = 1;
}

/// That a key was deleted, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deleted {
    /// Its ARN.
    pub arn: Arn,
    /// When it was made: a replica may be made again under its ARN.
    pub created: Timestamp,
    /// When it was deleted.
    pub at: Timestamp,
}

impl Record for Deleted {
    const VERSION: u16 = 1;
}
