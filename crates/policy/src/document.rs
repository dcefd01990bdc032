//! A policy document: parsed and compiled once, then shared.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use types::{Arn, UniqueId};

use crate::action::{ActionPattern, Actions, ServiceSet};
use crate::condition::Condition;
use crate::context::ConditionKey;
use crate::error::ParseError;
use crate::grammar;
use crate::index::Index;
use crate::principal::{PrincipalPattern, Principals};
use crate::resource::{ResourcePattern, Resources};

/// What a document is attached to; decides which elements it has and how some are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// An identity policy: of a user, group or role, inline or managed.
    Identity,
    /// The key policy of a KMS key.
    KeyPolicy,
    /// The policy of another resource.
    Resource,
    /// The trust policy of a role.
    Trust,
    /// A permissions boundary.
    Boundary,
    /// A session policy.
    Session,
    /// A service control policy of an organization.
    ServiceControl,
    /// A resource control policy of an organization.
    ResourceControl,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::KeyPolicy,
        Self::Resource,
        Self::Trust,
        Self::Boundary,
        Self::Session,
        Self::ServiceControl,
        Self::ResourceControl,
    ];

    /// Whether statements of this kind name principals.
    pub(crate) fn has_principals(self) -> bool {
        match self {
            Self::KeyPolicy | Self::Resource | Self::Trust | Self::ResourceControl => true,
            Self::Identity | Self::Boundary | Self::Session | Self::ServiceControl => false,
        }
    }

    /// How large a document of this kind may be, as [`Self::size_of`] counts. Identity
    /// policies have the quota of managed ones; what is inline shares a smaller total.
    pub fn quota(self) -> usize {
        match self {
            Self::Identity | Self::Boundary => 6_144,
            Self::Trust | Self::Session => 2_048,
            Self::KeyPolicy => 32_768,
            Self::Resource => 20_480,
            Self::ServiceControl | Self::ResourceControl => 5_120,
        }
    }

    /// What counts against the quota: characters, for IAM's own policies without white space.
    pub fn size_of(self, text: &str) -> usize {
        match self {
            Self::Identity | Self::Boundary | Self::Trust => non_whitespace_len(text),
            Self::Session
            | Self::KeyPolicy
            | Self::Resource
            | Self::ServiceControl
            | Self::ResourceControl => text.chars().count(),
        }
    }

    /// Whether IAM keeps documents of this kind for a principal.
    pub(crate) fn is_of_a_principal(self) -> bool {
        match self {
            Self::Identity | Self::Boundary | Self::Session => true,
            Self::KeyPolicy
            | Self::Resource
            | Self::Trust
            | Self::ResourceControl
            | Self::ServiceControl => false,
        }
    }
}

/// What a matching statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// One Allow is needed.
    Allow,
    /// One Deny is enough, whatever is allowed elsewhere.
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// A policy document, parsed and compiled. Immutable but for [`Self::bind_principals`]; meant
/// to be kept in an [`Arc`] beside what it is attached to.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) text: Arc<str>,
    pub(crate) kind: DocumentKind,
    /// Whether policy variables are understood: the version is `2012-10-17`.
    pub(crate) variables: bool,
    pub(crate) statements: Vec<Statement>,
    /// The services of which any statement can cover an action.
    pub(crate) services: ServiceSet,
    /// The statements by the actions that they list.
    pub(crate) index: Index,
}

/// What so many bytes take that are allocated by themselves.
pub(crate) fn heap(bytes: usize) -> usize {
    /// What the allocator keeps of each, or rounds up.
    const BESIDE: usize = 16;
    bytes + BESIDE
}

/// One statement of a document.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) principals: Option<Principals>,
    pub(crate) actions: Actions,
    /// Trust policies have none: they are about their role.
    pub(crate) resources: Option<Resources>,
    pub(crate) conditions: Vec<Condition>,
    /// Byte offset in the document.
    pub(crate) at: usize,
    /// Where it stands in the document: explanations say so of every statement that matches.
    pub(crate) span: Span,
}

impl Document {
    /// The most that is read of a document, in bytes. The quotas of AWS are smaller, depend
    /// on what the document is attached to, and are checked by the services.
    pub const MAX_BYTES: usize = 262_144;

    /// Parses and compiles a document by the grammar of its kind.
    ///
    /// Fails with the first thing that is wrong, its place, and the text with which AWS
    /// refuses such a document.
    pub fn parse(text: &str, kind: DocumentKind) -> Result<Self, ParseError> {
        grammar::parse(text, kind, false).map_err(|faults| faults.first.in_document(kind))
    }

    /// Parses and compiles the document of a managed policy, which has to have the `Version`
    /// `2012-10-17`; otherwise as [`Self::parse`].
    pub fn parse_managed(text: &str, kind: DocumentKind) -> Result<Self, ParseError> {
        grammar::parse(text, kind, true).map_err(|faults| faults.first.in_document(kind))
    }

    /// The source text, exactly as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// About how many bytes of memory the compiled document takes beside its text.
    pub fn memory(&self) -> usize {
        self.statements.iter().map(Statement::memory).sum()
    }

    /// What the document is attached to.
    pub fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// The statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// All principals that the statements name, those of `NotPrincipal` included.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalPattern> {
        self.statements
            .iter()
            .filter_map(|s| s.principals.as_ref())
            .flat_map(|p| &p.patterns)
    }

    /// Ties users and roles to the principals that exist now: `id_of` gives the unique id
    /// behind an ARN. From then on ids are compared, so that a principal which is deleted and
    /// created again gains nothing. Where `id_of` answers `None` the ARN keeps being compared.
    ///
    /// The ids are not part of [`Self::text`]: whoever stores the document stores them too,
    /// and binds it again after loading.
    pub fn bind_principals(&mut self, mut id_of: impl FnMut(&Arn) -> Option<UniqueId>) {
        for principals in self
            .statements
            .iter_mut()
            .filter_map(|s| s.principals.as_mut())
        {
            for pattern in &mut principals.patterns {
                let Some(arn) = pattern.arn() else {
                    continue;
                };
                if let PrincipalPattern::User { id, .. }
                | PrincipalPattern::Role { id, .. }
                | PrincipalPattern::RoleSession { id, .. } = pattern
                {
                    *id = id_of(&arn);
                }
            }
        }
    }

    /// The condition keys that the statements mention, in conditions and in variables, as they
    /// are written, each once.
    pub fn condition_keys(&self) -> Vec<&ConditionKey> {
        let mut known = HashSet::new();
        let mut keys = Vec::new();
        for statement in &self.statements {
            let of_resources = statement
                .resources
                .iter()
                .flat_map(|resources| &resources.patterns)
                .flat_map(ResourcePattern::variables);
            let of_conditions = statement
                .conditions
                .iter()
                .flat_map(|condition| std::iter::once(&condition.key).chain(condition.variables()));
            for key in of_resources.chain(of_conditions) {
                if known.insert(key.as_str()) {
                    keys.push(key);
                }
            }
        }
        keys
    }
}

/// Where something stands in a document: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Line and column of the first character.
    pub start: (u32, u32),
    /// Line and column behind the last character.
    pub end: (u32, u32),
}

impl Statement {
    /// The statement's id, if it has one.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    fn memory(&self) -> usize {
        let principals = self.principals.as_ref();
        let principals = principals.map_or(&[][..], |principals| &principals.patterns);
        let resources = self.resources.as_ref();
        let resources = resources.map_or(&[][..], |resources| &resources.patterns);
        let parts = [
            self.sid.as_ref().map_or(0, |sid| heap(sid.len())),
            principals.len() * (size_of::<PrincipalPattern>() + PrincipalPattern::NAMES),
            self.actions
                .patterns
                .iter()
                .map(ActionPattern::memory)
                .sum(),
            resources.iter().map(ResourcePattern::memory).sum(),
            self.conditions.iter().map(Condition::memory).sum(),
        ];
        size_of::<Self>() + parts.iter().sum::<usize>()
    }

    /// Where it begins in its document and where it ends.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Allow or Deny.
    pub fn effect(&self) -> Effect {
        self.effect
    }
}

/// The size that AWS's quotas of IAM policies count: characters that are not white space.
pub fn non_whitespace_len(text: &str) -> usize {
    text.chars().filter(|c| !c.is_ascii_whitespace()).count()
}
