//! An account.

use serde::{Deserialize, Serialize};
use store::Record;
use types::{AccessKeyId, AccountId, Timestamp};

/// An account of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// The twelve digits.
    pub id: AccountId,
    /// The friendly name.
    pub name: String,
    /// The address of the root user, if one was given.
    pub email: Option<String>,
    /// When the account was made.
    pub created: Timestamp,
    /// Whether it is the organization's management account: the deployment's first.
    pub management: bool,
    /// When the account was closed, if it was: nobody acts in it any more, and nobody uses
    /// what it owns.
    #[serde(default)]
    pub closed: Option<Timestamp>,
    /// The access keys of the root user, oldest first.
    pub root_keys: Vec<AccessKeyId>,
}

impl Record for AccountRecord {
    const VERSION: u16 = 1;
}
