//! What users, groups and roles have in common, and the way back from a unique id.

use serde::{Deserialize, Serialize};
use store::{Record, Table};
use types::{AccountId, Arn, UniqueId, UniqueIdKind};

/// What policies can be attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum EntityKind {
    /// A user.
    #[default]
    User,
    /// A group of users.
    Group,
    /// A role.
    Role,
}

impl EntityKind {
    /// The word for it in ARNs and in AWS's messages: `user`, `group`, `role`.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
        }
    }

    /// The word at the beginning of a sentence.
    pub(crate) fn capitalized(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Role => "Role",
        }
    }

    /// The kind of its unique ids.
    pub fn id_kind(self) -> UniqueIdKind {
        match self {
            Self::User => UniqueIdKind::User,
            Self::Group => UniqueIdKind::Group,
            Self::Role => UniqueIdKind::Role,
        }
    }

    /// `arn:aws:iam::A:<kind>/path/Name`.
    pub(crate) fn arn(self, account: AccountId, path: &str, name: &str) -> Arn {
        Arn::new(
            "iam",
            None,
            Some(account),
            &format!("{}{path}{name}", self.word()),
        )
    }
}

/// A record of a user, group or role.
pub(crate) trait Entity: Record + Clone {
    /// Which of them.
    const KIND: EntityKind;

    /// Where its records are, by account and name.
    fn table() -> &'static Table<Self>;
    /// The account that owns it.
    fn account(&self) -> AccountId;
    /// The name as it was given.
    fn name(&self) -> &str;
    /// `/` or `/…/`.
    fn path(&self) -> &str;
    /// The unique id.
    fn id(&self) -> &UniqueId;
    /// The attached managed policies.
    fn attached(&self) -> &[Arn];
    /// The attached managed policies, to change them.
    fn attached_mut(&mut self) -> &mut Vec<Arn>;
    /// The managed policy that bounds it; groups have none.
    fn boundary(&self) -> Option<&Arn>;
    /// Whether only a service may change it: a service-linked role.
    fn is_protected(&self) -> bool;
    /// The tags; groups have none.
    fn tags(&self) -> &[(String, String)];

    /// The ARN.
    fn arn(&self) -> Arn {
        Self::KIND.arn(self.account(), self.path(), self.name())
    }
}

/// An [`Entity`] that can have a boundary: a user or role.
pub(crate) trait Principal: Entity {
    /// The boundary, to change it.
    fn boundary_mut(&mut self) -> &mut Option<Arn>;
}

/// Whose unique id this is; written and deleted together with the user, group or role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrincipalIdRecord {
    /// The account that owns it.
    pub account: AccountId,
    /// What it is.
    pub kind: EntityKind,
    /// Its name.
    pub name: String,
}

impl Record for PrincipalIdRecord {
    const VERSION: u16 = 1;
}
