//! A user, and the way back from its unique id.

use serde::{Deserialize, Serialize};
use store::Record;
use types::{AccessKeyId, AccountId, Arn, Principal, Timestamp, UniqueId};

/// An IAM user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// The account that owns the user.
    pub account: AccountId,
    /// The name as it was given; unique in the account without regard to case.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// `AIDA…`: another one if the user is deleted and created again.
    pub id: UniqueId,
    /// When the user was made.
    pub created: Timestamp,
    /// Tags in the order of their creation; keys differ without regard to case.
    pub tags: Vec<(String, String)>,
    /// The managed policies that are attached, in the order of attachment.
    pub attached: Vec<Arn>,
    /// The managed policy that bounds the user's permissions.
    pub boundary: Option<Arn>,
    /// The access keys, oldest first.
    pub access_keys: Vec<AccessKeyId>,
}

impl UserRecord {
    /// `arn:aws:iam::A:user/path/Name`.
    pub fn arn(&self) -> Arn {
        user_arn(self.account, &self.path, &self.name)
    }

    /// The user as a principal.
    pub fn principal(&self) -> Principal {
        Principal::User {
            account: self.account,
            arn: self.arn(),
            id: self.id.clone(),
            name: self.name.clone(),
        }
    }
}

impl Record for UserRecord {
    const VERSION: u16 = 1;
}

/// The ARN of the user `name` at `path`.
pub(crate) fn user_arn(account: AccountId, path: &str, name: &str) -> Arn {
    Arn::new("iam", None, Some(account), &format!("user{path}{name}"))
}

/// Whose unique id this is; written and deleted together with the principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrincipalIdRecord {
    /// The account that owns the principal.
    pub account: AccountId,
    /// The user's name.
    pub user: String,
}

impl Record for PrincipalIdRecord {
    const VERSION: u16 = 1;
}
