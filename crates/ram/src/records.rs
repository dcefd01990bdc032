//! What is stored of shares: they themselves, invitations, and the policies that follow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use policy::{Document, DocumentKind, ParseError};
use serde::{Deserialize, Serialize};
use store::{AnyTable, Key, Record, Table};
use types::{AccountId, Arn, Region, Timestamp, UniqueId};

use crate::members;

/// Shares, by owner, region and id; listed for those who take part.
pub(crate) static SHARES: Table<ShareRecord> =
    Table::with_history("ram_shares").listed_by(members::entries);

/// Invitations, by receiver, region and id.
pub(crate) static INVITATIONS: Table<InvitationRecord> = Table::with_history("ram_invitations");

/// What follows from shares for a resource, by region and the resource's ARN.
pub(crate) static POLICIES: Table<PolicyRecord> = Table::with_history("ram_policies");

/// Organizations that resources are shared with, by their id.
pub(crate) static ORGANIZATIONS: Table<OrganizationSharing> =
    Table::with_history("ram_organizations");

/// Client tokens, by account, region, operation and token.
pub(crate) static TOKENS: Table<TokenRecord> = Table::without_history("ram_client_tokens");

/// Every table that this crate needs.
pub fn tables() -> Vec<&'static dyn AnyTable> {
    vec![&SHARES, &INVITATIONS, &POLICIES, &ORGANIZATIONS, &TOKENS]
}

/// How long an invitation can be answered.
pub(crate) const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// A resource share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRecord {
    /// The id, the end of its ARN.
    pub id: String,
    /// The account that shares.
    pub owner: AccountId,
    /// The region.
    pub region: Region,
    /// The name; need not be unique.
    pub name: String,
    /// Whether accounts outside the owner's organization may be added.
    pub allows_external: bool,
    /// Whether accounts of the organization keep what is shared when they leave it.
    pub outlasts_organization: bool,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// What is shared, and since when.
    pub resources: BTreeMap<Arn, Timestamp>,
    /// With whom.
    pub principals: Vec<Participant>,
    /// The names of the managed permissions, by resource type.
    pub permissions: BTreeMap<String, String>,
}

impl Record for ShareRecord {
    const VERSION: u16 = 1;
}

impl ShareRecord {
    /// The key of this record's row.
    pub(crate) fn row(&self) -> Key {
        share_row(self.owner.as_str(), self.region.as_str(), &self.id)
    }

    /// The ARN.
    pub(crate) fn arn(&self) -> Arn {
        share_arn(self.owner, &self.region, &self.id)
    }
}

/// Somebody that a share is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub principal: SharePrincipal,
    /// Whether it was outside the owner's organization when it was added.
    pub external: bool,
    /// How far it is.
    pub standing: Standing,
    /// When it was added.
    pub created: Timestamp,
    /// When that changed last.
    pub updated: Timestamp,
}

/// Whom resources can be shared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharePrincipal {
    /// Everybody in an account whom that account lets.
    Account(AccountId),
    /// Every account of an organization.
    Organization {
        /// The ARN that was given.
        arn: Arn,
        /// `o-…`.
        id: String,
    },
    /// Every account in a unit of an organization, and in the units below it.
    Unit {
        /// The ARN that was given.
        arn: Arn,
        /// The organization.
        organization: String,
        /// `ou-…`.
        id: String,
    },
    /// One user or role, as it was when it was added: a later one of the same name is another.
    Individual {
        /// The ARN.
        arn: Arn,
        /// The unique id.
        id: UniqueId,
        /// The account.
        account: AccountId,
    },
}

impl SharePrincipal {
    /// The account that is asked whether it wants to take part; `None` for organizations.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(account) | Self::Individual { account, .. } => Some(*account),
            Self::Organization { .. } | Self::Unit { .. } => None,
        }
    }

    /// The principal as callers name it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Account(account) => account.as_str(),
            Self::Organization { arn, .. }
            | Self::Unit { arn, .. }
            | Self::Individual { arn, .. } => arn.as_str(),
        }
    }
}

/// How far somebody is on the way into a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Asked, by the invitation with this id.
    Invited(String),
    /// Does not want to.
    Rejected,
    /// Takes part; with an organization only as long as it and the owner belong to that.
    Joined {
        /// The organization that made an invitation unnecessary.
        organization: Option<String>,
    },
}

/// An invitation to a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationRecord {
    /// The id, the end of its ARN.
    pub id: String,
    /// The share's id.
    pub share: String,
    /// The share's name when the invitation was sent.
    pub share_name: String,
    /// The account that shares.
    pub sender: AccountId,
    /// The account that is asked.
    pub receiver: AccountId,
    /// The user or role that the share is for, if it is for one only.
    pub individual: Option<Arn>,
    /// The region.
    pub region: Region,
    /// When it was sent.
    pub at: Timestamp,
    /// What became of it.
    pub answer: Option<Answer>,
}

/// What the receiver of an invitation said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Yes.
    Accepted,
    /// No.
    Rejected,
}

impl Record for InvitationRecord {
    const VERSION: u16 = 1;
}

impl InvitationRecord {
    /// The key of this record's row.
    pub(crate) fn row(&self) -> Key {
        invitation_row(self.receiver.as_str(), self.region.as_str(), &self.id)
    }

    /// The ARN: as at AWS it names the account that sent the invitation.
    pub(crate) fn arn(&self) -> Arn {
        let resource = format!("resource-share-invitation/{}", self.id);
        Arn::new("ram", Some(&self.region), Some(self.sender), &resource)
    }

    /// The ARN of the share.
    pub(crate) fn share_arn(&self) -> Arn {
        share_arn(self.sender, &self.region, &self.share)
    }

    /// Whether its time is over without an answer.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.answer.is_none() && self.at.saturating_add(INVITATION_LIFETIME) <= now
    }

    /// Whether it can still be answered.
    pub(crate) fn is_pending(&self, now: Timestamp) -> bool {
        self.answer.is_none() && !self.is_expired(now)
    }
}

/// The policy that follows from shares for one resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// The resource.
    pub resource: Arn,
    /// The policy.
    pub policy: SharedPolicy,
}

impl Record for PolicyRecord {
    const VERSION: u16 = 1;

    fn memory(&self) -> usize {
        self.policy.document().memory()
    }
}

/// A resource policy, compiled; users and roles in it are bound to their unique ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct SharedPolicy {
    bound: BTreeMap<Arn, UniqueId>,
    document: Arc<Document>,
}

/// The stored form. A policy that no longer compiles makes its record unreadable, and the server
/// refuses to start: nobody would know who may use the resource.
#[derive(Serialize, Deserialize)]
struct Stored {
    text: String,
    bound: BTreeMap<Arn, UniqueId>,
}

impl SharedPolicy {
    /// Compiles `text`.
    pub(crate) fn compile(text: &str, bound: BTreeMap<Arn, UniqueId>) -> Result<Self, ParseError> {
        let mut document = Document::parse(text, DocumentKind::Resource)?;
        document.bind_principals(|arn| bound.get(arn).cloned());
        Ok(Self {
            bound,
            document: Arc::new(document),
        })
    }

    /// The compiled document.
    pub(crate) fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// Whether compiling `text` with `bound` would give this policy.
    pub(crate) fn is(&self, text: &str, bound: &BTreeMap<Arn, UniqueId>) -> bool {
        self.document.text() == text && self.bound == *bound
    }

    /// About how many bytes it takes when it is stored.
    pub(crate) fn size(&self) -> usize {
        let bound = self.bound.iter();
        let bound = bound.map(|(arn, id)| arn.as_str().len() + id.as_str().len() + 6);
        // Quotes are escaped.
        let text = self.document.text();
        text.len() + text.matches('"').count() + bound.sum::<usize>()
    }
}

impl TryFrom<Stored> for SharedPolicy {
    type Error = ParseError;

    fn try_from(stored: Stored) -> Result<Self, ParseError> {
        Self::compile(&stored.text, stored.bound)
    }
}

impl From<SharedPolicy> for Stored {
    fn from(policy: SharedPolicy) -> Self {
        Self {
            text: policy.document.text().to_owned(),
            bound: policy.bound,
        }
    }
}

/// That the accounts of an organization share with each other without invitations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationSharing {
    /// Since when.
    pub enabled: Timestamp,
}

impl Record for OrganizationSharing {
    const VERSION: u16 = 1;
}

/// A client token that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// A digest of the parameters.
    pub parameters: String,
    /// The id of the share or invitation that the call was about.
    pub about: String,
    /// When it was used.
    pub at: Timestamp,
}

impl Record for TokenRecord {
    const VERSION: u16 = 1;
}

/// The row key of a share.
pub(crate) fn share_row(owner: &str, region: &str, id: &str) -> Key {
    Key::of(&[owner, region, id])
}

/// The prefix of an account's shares in a region.
pub(crate) fn shares_of(owner: AccountId, region: &Region) -> Key {
    Key::of(&[owner.as_str(), region.as_str()])
}

/// The ARN of a share.
pub(crate) fn share_arn(owner: AccountId, region: &Region, id: &str) -> Arn {
    let resource = format!("resource-share/{id}");
    Arn::new("ram", Some(region), Some(owner), &resource)
}

/// The row key of an invitation.
pub(crate) fn invitation_row(receiver: &str, region: &str, id: &str) -> Key {
    Key::of(&[receiver, region, id])
}

/// The prefix of the invitations that an account has received in a region.
pub(crate) fn invitations_to(receiver: AccountId, region: &Region) -> Key {
    Key::of(&[receiver.as_str(), region.as_str()])
}

/// The row key of the policy of a resource.
pub(crate) fn policy_row(resource: &Arn) -> Key {
    Key::of(&[resource.region(), resource.as_str()])
}
