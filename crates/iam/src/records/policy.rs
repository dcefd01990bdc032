//! Policies: inline ones, managed ones, and where the managed ones are attached.

use std::sync::Arc;

use ::policy::Document;
use serde::{Deserialize, Serialize};
use store::{Batch, Record};
use types::{AccountId, Arn, Timestamp, UniqueId};

use super::EntityKind;
use crate::{documents, tables};

/// The text of an identity policy, compiled once, when it is written or loaded.
///
/// Only the text is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct PolicyText {
    text: Arc<str>,
    /// `None` if this release does not understand the text any more.
    document: Option<Arc<Document>>,
}

impl PolicyText {
    /// A text with the document that parsing it gave.
    pub(crate) fn parsed(document: Document) -> Self {
        Self {
            text: Arc::from(document.text()),
            document: Some(Arc::new(document)),
        }
    }

    /// The text exactly as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// About how many bytes of memory the compiled document takes.
    fn memory(&self) -> usize {
        self.document
            .as_ref()
            .map_or(0, |document| document.memory())
    }

    /// The compiled document, unless this release does not understand the text any more.
    pub(crate) fn readable(&self) -> Option<&Arc<Document>> {
        self.document.as_ref()
    }

    /// The compiled document.
    ///
    /// A stored text that cannot be read any more denies everything: what it denied is not
    /// known, and must not be allowed.
    pub fn document(&self) -> Option<Arc<Document>> {
        self.document.clone().or_else(documents::deny_all)
    }
}

impl From<String> for PolicyText {
    fn from(text: String) -> Self {
        let document = documents::compile(&text).ok().map(Arc::new);
        Self {
            text: Arc::from(text),
            document,
        }
    }
}

impl From<PolicyText> for String {
    fn from(policy: PolicyText) -> Self {
        policy.text.to_string()
    }
}

/// An inline policy of a user, group or role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InlinePolicyRecord {
    /// The name; unique for whom it belongs to.
    pub name: String,
    /// The policy.
    pub policy: PolicyText,
}

impl Record for InlinePolicyRecord {
    const VERSION: u16 = 1;

    fn memory(&self) -> usize {
        self.policy.memory()
    }
}

/// A customer managed policy with its versions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManagedPolicyRecord {
    /// The account that owns the policy.
    pub account: AccountId,
    /// The name as it was given; unique in the account without regard to case.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// `ANPA…`.
    pub id: UniqueId,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When its newest version was made.
    pub updated: Timestamp,
    /// Tags in the order of their creation; keys differ without regard to case.
    pub tags: Vec<(String, String)>,
    /// The number of the version in force.
    pub default_version: u32,
    /// The highest number that a version ever had.
    pub last_version: u32,
    /// The versions that exist, oldest first. Numbers are never used again.
    pub versions: Vec<PolicyVersion>,
}

/// One version of a managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// 1 for `v1`.
    pub number: u32,
    /// When it was made.
    pub created: Timestamp,
    /// The policy.
    pub policy: PolicyText,
}

impl ManagedPolicyRecord {
    /// `arn:aws:iam::A:policy/path/Name`.
    pub fn arn(&self) -> Arn {
        policy_arn(self.account, &self.path, &self.name)
    }

    /// The version in force.
    pub fn in_force(&self) -> Option<&PolicyVersion> {
        self.versions
            .iter()
            .find(|version| version.number == self.default_version)
    }

    /// Writes the policy in its place.
    pub(crate) fn put(self, batch: &mut Batch) {
        let row = tables::named(self.account, &self.name);
        batch.put(&tables::POLICIES, row, self);
    }
}

impl Record for ManagedPolicyRecord {
    const VERSION: u16 = 1;

    fn memory(&self) -> usize {
        let versions = self.versions.iter();
        versions.map(|version| version.policy.memory()).sum()
    }
}

/// The ARN of the managed policy `name` at `path`.
pub(crate) fn policy_arn(account: AccountId, path: &str, name: &str) -> Arn {
    Arn::new("iam", None, Some(account), &format!("policy{path}{name}"))
}

/// That a managed policy is attached to a user, group or role, or bounds it. Repeats what the
/// record of that says, so that the attachments of a policy can be listed and counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentRecord {
    /// Whether it is a user, group or role.
    pub kind: EntityKind,
    /// Its unique id.
    pub id: UniqueId,
}

impl Record for AttachmentRecord {
    const VERSION: u16 = 1;
}
