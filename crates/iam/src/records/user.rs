//! A user.

use serde::{Deserialize, Serialize};
use store::{Record, Table};
use types::{AccessKeyId, AccountId, Arn, Principal, Timestamp, UniqueId};

use super::entity::{self, Entity, EntityKind};
use crate::tables;

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
    /// The groups that the user is in, by their unique ids, in the order of joining.
    #[serde(default)]
    pub groups: Vec<UniqueId>,
}

impl UserRecord {
    /// `arn:aws:iam::A:user/path/Name`.
    pub fn arn(&self) -> Arn {
        Entity::arn(self)
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

impl Entity for UserRecord {
    const KIND: EntityKind = EntityKind::User;

    fn table() -> &'static Table<Self> {
        &tables::USERS
    }

    fn account(&self) -> AccountId {
        self.account
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn id(&self) -> &UniqueId {
        &self.id
    }

    fn attached(&self) -> &[Arn] {
        &self.attached
    }

    fn attached_mut(&mut self) -> &mut Vec<Arn> {
        &mut self.attached
    }

    fn boundary(&self) -> Option<&Arn> {
        self.boundary.as_ref()
    }

    fn is_protected(&self) -> bool {
        false
    }

    fn tags(&self) -> &[(String, String)] {
        &self.tags
    }
}

impl entity::Principal for UserRecord {
    fn boundary_mut(&mut self) -> &mut Option<Arn> {
        &mut self.boundary
    }
}
