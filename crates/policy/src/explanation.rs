//! What stands behind a decision: the statements that matched, those that nearly did, what is
//! missing, and the smallest change that would allow the request.

use std::fmt;

use types::{AccountId, Arn};

use crate::decision::{Decision, PolicyType};
use crate::document::{Effect, Span};
use crate::principal::Naming;

/// Which statement of which policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementInfo {
    /// The kind of its policy.
    pub policy: PolicyType,
    /// The policy's name.
    pub name: String,
    /// The managed policy's ARN.
    pub arn: Option<Arn>,
    /// The level of the organization.
    pub level: Option<String>,
    /// The statement's Sid.
    pub sid: Option<String>,
    /// The statement's place in its document, from 0.
    pub index: usize,
    /// Where it stands in the document.
    pub span: Span,
    /// Allow or Deny.
    pub effect: Effect,
}

impl StatementInfo {
    /// The line that the statement begins on, from 1.
    pub fn line(&self) -> u32 {
        self.span.start.0
    }
}

impl fmt::Display for StatementInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sid) = &self.sid {
            write!(f, "statement `{sid}` of ")?;
        }
        write!(f, "{} `{}`", self.policy, self.name)?;
        if let Some(level) = &self.level {
            write!(f, " at `{level}`")?;
        }
        write!(f, ", line {}", self.line())
    }
}

/// One reason behind a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A statement that matched the request.
    Statement {
        /// Which one.
        statement: StatementInfo,
        /// How it names the caller; `None` in policies without principals.
        naming: Option<Naming>,
    },
    /// A grant allowed the request.
    Grant {
        /// The grant's id.
        id: String,
    },
    /// The caller is the root user of its account.
    RootUser,
    /// No policy of this kind allows the action.
    Missing(PolicyType),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement { statement, naming } => {
                write!(f, "{} by {statement}", statement.effect)?;
                naming.map_or(Ok(()), |naming| write!(f, ", for {naming}"))
            }
            Self::Grant { id } => write!(f, "Allow by grant `{id}`"),
            Self::RootUser => f.write_str("Allow for the root user of the account"),
            Self::Missing(policy) => write!(f, "no {policy} allows it"),
        }
    }
}

/// The one part of a statement that kept it from matching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// It covers other actions.
    Action,
    /// It covers other resources.
    Resource,
    /// It names other principals.
    Principal,
    /// These conditions do not hold, each as `operator key`.
    Conditions(Vec<String>),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action => f.write_str("its actions"),
            Self::Resource => f.write_str("its resources"),
            Self::Principal => f.write_str("its principals"),
            Self::Conditions(conditions) => {
                write!(f, "the condition `{}`", conditions.join("` and `"))
            }
        }
    }
}

/// A statement that would have allowed the request but for one part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// Which statement.
    pub statement: StatementInfo,
    /// What kept it from matching.
    pub but_for: Mismatch,
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} would allow it but for {}",
            self.statement, self.but_for
        )
    }
}

/// One change to the policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This Deny has to stop matching.
    Lift(StatementInfo),
    /// A policy of this kind has to allow the action on the resource.
    Allow {
        /// The kind.
        policy: PolicyType,
        /// The level of the organization.
        level: Option<String>,
    },
    /// The session has to be made with a session policy that allows the action.
    SessionPolicy,
    /// The resource's policy has to allow the action to the caller under this name.
    Name {
        /// The kind: resource policy or trust policy.
        policy: PolicyType,
        /// The ARN, or a service's name.
        principal: String,
    },
    /// The resource's policy has to allow the action to the caller's account, which then
    /// decides by its own policies.
    Delegate {
        /// The kind: resource policy or trust policy.
        policy: PolicyType,
        /// The account.
        account: AccountId,
    },
    /// A grant for the caller has to be created, from the caller's own account.
    Grant,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lift(statement) => write!(f, "remove or narrow {statement}"),
            Self::Allow {
                policy,
                level: None,
            } => write!(f, "allow the action in the {policy}"),
            Self::Allow {
                policy,
                level: Some(level),
            } => write!(f, "allow the action in a {policy} at `{level}`"),
            Self::SessionPolicy => {
                f.write_str("make the session with a session policy that allows the action")
            }
            Self::Name { policy, principal } => {
                write!(f, "allow the action to `{principal}` in the {policy}")
            }
            Self::Delegate { policy, account } => {
                write!(
                    f,
                    "allow the action to the account {account} in the {policy}"
                )
            }
            Self::Grant => f.write_str("create a grant for the caller from its own account"),
        }
    }
}

/// Whether each kind of limit lets the request pass; `None` where there is no such limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Service control policies: an Allow at every level and no Deny.
    pub service_control: Option<bool>,
    /// Resource control policies: an Allow at every level and no Deny.
    pub resource_control: Option<bool>,
    /// The permissions boundary.
    pub boundary: Option<bool>,
    /// Session policies.
    pub session: Option<bool>,
}

/// A decision with everything that stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub(crate) decision: Decision,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) near_misses: Vec<NearMiss>,
    pub(crate) changes: Option<Vec<Change>>,
    pub(crate) limits: Limits,
}

impl Explanation {
    /// At most this many near misses are listed.
    pub const MAX_NEAR_MISSES: usize = 20;

    /// The decision, the same that [`crate::evaluate`] makes.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// Every statement that matched, in the order of evaluation, then what decided beside
    /// statements: a grant, the root user's right, or what is missing.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Iterates over [`Self::reasons`].
    pub fn iter(&self) -> std::slice::Iter<'_, Reason> {
        self.reasons.iter()
    }

    /// For a missing Allow: the statements that have everything but one part.
    pub fn near_misses(&self) -> &[NearMiss] {
        &self.near_misses
    }

    /// The smallest change that would allow the request, as changes that are all needed:
    /// none if it is allowed already, `None` if no policy could allow it.
    ///
    /// Where several are equally small, one that touches the caller's own side comes first,
    /// then the one that gives the fewest others the same.
    pub fn smallest_change(&self) -> Option<&[Change]> {
        self.changes.as_deref()
    }

    /// Which limits let the request pass.
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

impl<'a> IntoIterator for &'a Explanation {
    type Item = &'a Reason;
    type IntoIter = std::slice::Iter<'a, Reason>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
