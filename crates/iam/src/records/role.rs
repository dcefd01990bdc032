//! A role, and when it was last used.

use serde::{Deserialize, Serialize};
use store::{Record, Table};
use types::{AccountId, Arn, Principal, Region, Timestamp, UniqueId};

use super::entity::{self, Entity, EntityKind};
use super::trust::TrustPolicy;
use crate::tables;

/// How long sessions last at most if the role does not say: an hour.
pub(crate) const DEFAULT_MAX_SESSION: u32 = 3600;

/// An IAM role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoleRecord {
    /// The account that owns the role.
    pub account: AccountId,
    /// The name as it was given; unique in the account without regard to case.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// `AROA…`: another one if the role is deleted and created again.
    pub id: UniqueId,
    /// When the role was made.
    pub created: Timestamp,
    /// What it is for.
    pub description: Option<String>,
    /// Who may assume it.
    pub trust: TrustPolicy,
    /// How long its sessions last at most, in seconds: 3,600 to 43,200.
    pub max_session: u32,
    /// Tags in the order of their creation; keys differ without regard to case.
    pub tags: Vec<(String, String)>,
    /// The managed policies that are attached, in the order of attachment.
    pub attached: Vec<Arn>,
    /// The managed policy that bounds the role's permissions.
    pub boundary: Option<Arn>,
    /// The service that the role is linked to: only that service changes it.
    pub linked_to: Option<String>,
}

impl RoleRecord {
    /// `arn:aws:iam::A:role/path/Name`.
    pub fn arn(&self) -> Arn {
        Entity::arn(self)
    }

    /// The principal that a session called `session` is.
    pub fn session(&self, session: String) -> Principal {
        Principal::AssumedRole {
            account: self.account,
            role_arn: self.arn(),
            role_id: self.id.clone(),
            role_name: self.name.clone(),
            session,
        }
    }
}

impl Record for RoleRecord {
    const VERSION: u16 = 1;
}

impl Entity for RoleRecord {
    const KIND: EntityKind = EntityKind::Role;

    fn table() -> &'static Table<Self> {
        &tables::ROLES
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

    fn tags(&self) -> &[(String, String)] {
        &self.tags
    }
}

impl entity::Principal for RoleRecord {
    fn boundary_mut(&mut self) -> &mut Option<Arn> {
        &mut self.boundary
    }

    fn tags_mut(&mut self) -> &mut Vec<(String, String)> {
        &mut self.tags
    }
}

/// When and where a session of a role last made a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLastUsedRecord {
    /// The time, to the second.
    pub at: Timestamp,
    /// The region.
    pub region: Region,
}

impl Record for RoleLastUsedRecord {
    const VERSION: u16 = 1;
}
