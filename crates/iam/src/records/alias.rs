//! Aliases of accounts, and deletions of service-linked roles.

use serde::{Deserialize, Serialize};
use store::Record;
use types::{AccountId, Timestamp, UniqueId};

/// The other name of an account; unique in the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasRecord {
    /// The account.
    pub account: AccountId,
    /// Its alias.
    pub alias: String,
}

impl Record for AliasRecord {
    const VERSION: u16 = 1;
}

/// That a service-linked role was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionTaskRecord {
    /// The role's unique id.
    pub role: UniqueId,
    /// When it was deleted.
    pub at: Timestamp,
}

impl Record for DeletionTaskRecord {
    const VERSION: u16 = 1;
}
