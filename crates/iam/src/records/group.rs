//! A group of users, and who is in it.

use serde::{Deserialize, Serialize};
use store::{Record, Table};
use types::{AccountId, Arn, Timestamp, UniqueId};

use super::entity::{Entity, EntityKind};
use crate::tables;

/// A group: its policies are its members'.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// The account that owns the group.
    pub account: AccountId,
    /// The name as it was given; unique in the account without regard to case.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// `AGPA…`: another one if the group is deleted and created again.
    pub id: UniqueId,
    /// When the group was made.
    pub created: Timestamp,
    /// The managed policies that are attached, in the order of attachment.
    pub attached: Vec<Arn>,
}

impl Record for GroupRecord {
    const VERSION: u16 = 1;
}

impl Entity for GroupRecord {
    const KIND: EntityKind = EntityKind::Group;

    fn table() -> &'static Table<Self> {
        &tables::GROUPS
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
        None
    }

    fn is_protected(&self) -> bool {
        false
    }

    fn tags(&self) -> &[(String, String)] {
        &[]
    }
}

/// That a user is in a group. Repeats what the user's record says, so that a group's members
/// can be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRecord {
    /// The user's unique id.
    pub user: UniqueId,
}

impl Record for MemberRecord {
    const VERSION: u16 = 1;
}
