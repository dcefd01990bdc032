//! What is stored of the organization: versioned types of this crate's own.

use std::sync::Arc;

use policy::{Document, DocumentKind, ParseError};
use serde::{Deserialize, Serialize};
use store::Record;
use types::{AccountId, Timestamp};

/// The two kinds of policies that bound requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PolicyKind {
    /// Service control policies bind the principals of accounts.
    ServiceControl,
    /// Resource control policies bind the use of accounts' resources.
    ResourceControl,
}

impl PolicyKind {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::ServiceControl, Self::ResourceControl];

    /// The word for it in ARNs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ServiceControl => "service_control_policy",
            Self::ResourceControl => "resource_control_policy",
        }
    }

    /// The grammar of such documents.
    pub(crate) fn document(self) -> DocumentKind {
        match self {
            Self::ServiceControl => DocumentKind::ServiceControl,
            Self::ResourceControl => DocumentKind::ResourceControl,
        }
    }
}

/// The organization of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationRecord {
    /// `o-…`.
    pub id: String,
    /// The account that manages it.
    pub management: AccountId,
    /// The id of the root, `r-…`.
    pub root: String,
    /// When it was made.
    pub created: Timestamp,
    /// Service control policies.
    pub service_control: TypeState,
    /// Resource control policies.
    pub resource_control: TypeState,
}

impl OrganizationRecord {
    /// Whether policies of a kind are enabled in the root.
    pub(crate) fn state(&self, kind: PolicyKind) -> TypeState {
        match kind {
            PolicyKind::ServiceControl => self.service_control,
            PolicyKind::ResourceControl => self.resource_control,
        }
    }

    /// The state of a kind, to change it.
    pub(crate) fn state_mut(&mut self, kind: PolicyKind) -> &mut TypeState {
        match kind {
            PolicyKind::ServiceControl => &mut self.service_control,
            PolicyKind::ResourceControl => &mut self.resource_control,
        }
    }
}

impl Record for OrganizationRecord {
    const VERSION: u16 = 1;
}

/// Whether policies of a kind are enabled in the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeState {
    /// Whether they are.
    pub enabled: bool,
    /// How often they were enabled. Attachments of an earlier time do not count any more:
    /// disabling a kind detaches all of its policies.
    pub epoch: u32,
}

/// What a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    /// The root.
    Root,
    /// An organizational unit.
    Unit,
    /// An account.
    Account,
}

/// The root, an organizational unit, or the place of an account in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// `r-…`, `ou-…`, or the account's twelve digits.
    pub id: String,
    /// Which of them.
    pub kind: NodeKind,
    /// The node above; the root has none.
    pub parent: Option<String>,
    /// The name of a root or unit; an account's is in its own record.
    pub name: String,
    /// Tags in the order of their creation.
    pub tags: Vec<(String, String)>,
    /// The service control policies that are attached.
    pub service_control: Attached,
    /// The resource control policies that are attached beside `RCPFullAWSAccess`.
    pub resource_control: Attached,
}

impl NodeRecord {
    /// What is attached of a kind.
    pub(crate) fn attached(&self, kind: PolicyKind) -> &Attached {
        match kind {
            PolicyKind::ServiceControl => &self.service_control,
            PolicyKind::ResourceControl => &self.resource_control,
        }
    }

    /// What is attached of a kind, to change it.
    pub(crate) fn attached_mut(&mut self, kind: PolicyKind) -> &mut Attached {
        match kind {
            PolicyKind::ServiceControl => &mut self.service_control,
            PolicyKind::ResourceControl => &mut self.resource_control,
        }
    }
}

impl Record for NodeRecord {
    const VERSION: u16 = 1;
}

/// Policies of one kind that are attached to a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// The [`TypeState::epoch`] in which they were attached. In another one only AWS's own
    /// policy is.
    pub epoch: u32,
    /// Their ids, in the order of attachment.
    pub policies: Vec<String>,
}

/// That a node is below another. Repeats what the node's record says, so that children can be
/// listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildRecord {
    /// What the child is.
    pub kind: NodeKind,
}

impl Record for ChildRecord {
    const VERSION: u16 = 1;
}

/// A policy of the organization's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ControlPolicyRecord {
    /// `p-…`.
    pub id: String,
    /// The name, unique in the organization.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Tags in the order of their creation.
    pub tags: Vec<(String, String)>,
    /// The policy.
    pub content: ControlPolicy,
}

impl Record for ControlPolicyRecord {
    const VERSION: u16 = 1;

    fn memory(&self) -> usize {
        self.content.document().memory()
    }
}

/// A service or resource control policy, compiled when it is written or loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ControlPolicy {
    kind: PolicyKind,
    document: Arc<Document>,
}

/// The stored form. A policy that no longer compiles makes its record unreadable, and the
/// server refuses to start: nobody would know what it denied.
#[derive(Serialize, Deserialize)]
struct Stored {
    kind: PolicyKind,
    text: String,
}

impl ControlPolicy {
    /// Compiles `text` by the grammar of its kind.
    pub(crate) fn parse(text: &str, kind: PolicyKind) -> Result<Self, ParseError> {
        let document = Arc::new(Document::parse(text, kind.document())?);
        Ok(Self { kind, document })
    }

    /// Which kind of policy it is.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The compiled document.
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// The text exactly as it was given.
    pub fn text(&self) -> &str {
        self.document.text()
    }
}

impl TryFrom<Stored> for ControlPolicy {
    type Error = ParseError;

    fn try_from(stored: Stored) -> Result<Self, ParseError> {
        Self::parse(&stored.text, stored.kind)
    }
}

impl From<ControlPolicy> for Stored {
    fn from(policy: ControlPolicy) -> Self {
        Self {
            kind: policy.kind,
            text: policy.text().to_owned(),
        }
    }
}

/// A request to create an account, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreationRecord {
    /// `car-…`.
    pub id: String,
    /// The account's name as it was asked for.
    pub name: String,
    /// When it was asked for, and when it was done.
    pub at: Timestamp,
    /// The account; `None` if its address belongs to another one.
    pub account: Option<AccountId>,
}

impl Record for CreationRecord {
    const VERSION: u16 = 1;
}
