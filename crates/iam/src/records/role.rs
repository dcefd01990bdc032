//! A role.

use serde::{Deserialize, Serialize};
use store::{Record, Table};
use types::{AccountId, Arn, Principal, Timestamp, UniqueId};

use super::entity::{self, Entity, EntityKind};
use super::trust::TrustPolicy;
use crate::tables;

/// How long sessions last at most if the role does not say: an hour.
const DEFAULT_MAX_SESSION: u32 = 3600;

/// The longest session that a request asks for, which was checked to be 3,600 to 43,200.
pub(crate) fn max_session(seconds: Option<i32>) -> u32 {
    let seconds = seconds.and_then(|seconds| u32::try_from(seconds).ok());
    seconds.unwrap_or(DEFAULT_MAX_SESSION)
}

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
    /// A role at `/` that `trust` says who may assume, without anything else.
    pub(crate) fn new(
        account: AccountId,
        (name, id): (String, UniqueId),
        trust: TrustPolicy,
        created: Timestamp,
    ) -> Self {
        Self {
            account,
            name,
            path: "/".to_owned(),
            id,
            created,
            description: None,
            trust,
            max_session: DEFAULT_MAX_SESSION,
            tags: Vec::new(),
            attached: Vec::new(),
            boundary: None,
            linked_to: None,
        }
    }

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

    fn memory(&self) -> usize {
        self.trust.document().memory()
    }
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

    fn is_protected(&self) -> bool {
        self.linked_to.is_some()
    }

    fn tags(&self) -> &[(String, String)] {
        &self.tags
    }
}

impl entity::Principal for RoleRecord {
    fn boundary_mut(&mut self) -> &mut Option<Arn> {
        &mut self.boundary
    }
}
