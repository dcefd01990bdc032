//! Why a document is refused: what is wrong, and where. AWS's words for it are in `messages`.
#![deny(clippy::wildcard_enum_match_arm)]

mod messages;

use std::fmt;

use crate::document::DocumentKind;
pub(crate) use messages::IAM_RESOURCES;

/// What is wrong with a document. The text is for whoever writes the policy; the caller of an
/// AWS operation gets [`ParseError::aws_message`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not JSON.
    #[error("not valid JSON")]
    Json,
    /// Nested deeper than any policy.
    #[error("nested too deep")]
    TooDeep,
    /// Longer than any policy may be.
    #[error("the document is longer than {max} bytes")]
    TooLong {
        /// The most that is read.
        max: usize,
    },
    /// A character outside tab, LF, CR and U+0020 to U+00FF.
    #[error("the character U+{:04X} is not allowed in a policy", u32::from(*.0))]
    Character(char),
    /// An object has this key twice.
    #[error("the key `{0}` appears twice")]
    DuplicateKey(String),
    /// An element that no policy, or no policy of this kind, has.
    #[error("unknown element `{0}`")]
    UnknownElement(String),
    /// A value of the wrong JSON type.
    #[error("`{element}` must be {expected}")]
    Type {
        /// The element.
        element: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// `Version` is neither `2012-10-17` nor `2008-10-17`.
    #[error("`Version` must be `2012-10-17` or `2008-10-17`")]
    Version,
    /// `Version` is missing or is the older one where only `2012-10-17` will do.
    #[error("`Version` must be `2012-10-17` here")]
    OldVersion,
    /// `Statement` is missing or empty.
    #[error("a policy needs at least one statement")]
    NoStatement,
    /// A Sid with characters that it may not have.
    #[error("the Sid `{0}` may contain only letters and digits")]
    Sid(String),
    /// Two statements have the same Sid.
    #[error("the Sid `{0}` appears twice")]
    DuplicateSid(String),
    /// `Effect` is missing or neither `Allow` nor `Deny`.
    #[error("`Effect` must be `Allow` or `Deny`")]
    Effect,
    /// `Allow` or `Deny` in other letters.
    #[error("`Effect` must be `Allow` or `Deny` to the letter, not `{0}`")]
    EffectLetters(String),
    /// An element and its negation in one statement.
    #[error("a statement has either `{0}` or `Not{0}`, not both")]
    Both(&'static str),
    /// No `Action` and no `NotAction`, or an empty list.
    #[error("the statement has no actions")]
    NoActions,
    /// No `Resource` and no `NotResource`, or an empty list.
    #[error("the statement has no resources")]
    NoResources,
    /// No `Principal` (or, where it is allowed, `NotPrincipal`), or an empty one.
    #[error("the statement has no principal")]
    NoPrincipal,
    /// A principal in a policy that belongs to a principal.
    #[error("this kind of policy has no principals")]
    PrincipalNotAllowed,
    /// `Resource` or `NotResource` in a trust policy.
    #[error("a trust policy has no `{0}`")]
    ResourceNotAllowed(&'static str),
    /// An element that this kind of policy, or this effect, does not support.
    #[error("`{0}` is not supported here")]
    NotSupported(&'static str),
    /// A principal that has no valid form.
    #[error("invalid principal \"{kind}\":\"{value}\"")]
    Principal {
        /// `AWS`, `SERVICE`, `FEDERATED`, …
        kind: String,
        /// The value.
        value: String,
    },
    /// An action or condition key without a service prefix.
    #[error("`{0}` needs a service prefix")]
    NoVendor(String),
    /// An action with more than one colon.
    #[error("the action `{0}` has more than one colon")]
    Colons(String),
    /// A service prefix with characters that it may not have.
    #[error("`{0}` is not a service prefix")]
    Vendor(String),
    /// An action without an operation name.
    #[error("the action `{0}` names no operation")]
    NoOperation(String),
    /// A trust policy statement for something else than assuming the role.
    #[error("a trust policy cannot allow or deny `{0}`")]
    TrustAction(String),
    /// A resource that is neither `*` nor an ARN.
    #[error("the resource `{0}` is neither `*` nor an ARN")]
    NotAnArn(String),
    /// An ARN pattern of an unknown partition.
    #[error("`{partition}` in `{resource}` is not a partition")]
    Partition {
        /// The second segment.
        partition: String,
        /// The whole resource.
        resource: String,
    },
    /// An ARN pattern whose service is missing or has a wildcard.
    #[error("the resource `{0}` must name its service without wildcards")]
    ResourceVendor(String),
    /// An IAM resource with a region.
    #[error("the IAM resource `{0}` cannot have a region")]
    IamRegion(String),
    /// An S3 bucket or object with a region.
    #[error("the S3 resource `{0}` cannot have a region")]
    S3Region(String),
    /// An IAM resource whose path begins with no kind of IAM resource.
    #[error("the IAM resource `{0}` names no kind of IAM resource")]
    IamPath(String),
    /// An ARN pattern with fewer than six segments where it cannot match.
    #[error("the resource `{0}` has fewer than six segments")]
    ShortArn(String),
    /// A policy variable that is not closed, empty or otherwise not one.
    #[error("`{0}` contains a malformed policy variable")]
    Variable(String),
    /// A condition operator that does not exist.
    #[error("unknown condition operator `{0}`")]
    Operator(String),
    /// A condition value that its operator cannot read.
    #[error("`{value}` is not a value for `{operator}`")]
    ConditionValue {
        /// The operator as written.
        operator: String,
        /// The value.
        value: String,
    },
    /// `ForAllValues` in an Allow, over a single-valued key that is an encryption context or a
    /// request tag: it would match requests without it (KMS refuses this).
    #[error("`ForAllValues` with `{0}` matches requests that do not have it")]
    OverlyPermissive(String),
    /// `Allow` in a resource control policy for anything but everything.
    #[error("a resource control policy cannot allow: only `RCPFullAWSAccess` does")]
    AllowInResourceControl,
    /// `*` for all actions of all services in a Deny of a resource control policy.
    #[error("a resource control policy names the service of its actions")]
    BareActionInResourceControl,
}

/// The passes in which IAM checks a document: of several faults it reports one of the first
/// pass that finds any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pass {
    Syntax,
    Version,
    Legacy,
    Sids,
    Actions,
    ResourceForms,
    ActionForms,
    Rest,
    Prohibited,
}

impl Fault {
    /// The pass that finds this fault.
    pub(crate) fn pass(&self) -> Pass {
        match self {
            Self::Json
            | Self::TooDeep
            | Self::TooLong { .. }
            | Self::Character(_)
            | Self::DuplicateKey(_)
            | Self::UnknownElement(_)
            | Self::Type { .. }
            | Self::Version
            | Self::NoStatement
            | Self::Effect
            | Self::Both(_)
            | Self::NotSupported(_)
            | Self::Operator(_) => Pass::Syntax,
            Self::OldVersion => Pass::Version,
            Self::EffectLetters(_) | Self::ConditionValue { .. } | Self::ShortArn(_) => {
                Pass::Legacy
            }
            Self::Sid(_) | Self::DuplicateSid(_) => Pass::Sids,
            Self::NoActions => Pass::Actions,
            Self::NotAnArn(_)
            | Self::Partition { .. }
            | Self::ResourceVendor(_)
            | Self::IamRegion(_)
            | Self::S3Region(_)
            | Self::IamPath(_) => Pass::ResourceForms,
            Self::NoVendor(_)
            | Self::Colons(_)
            | Self::Vendor(_)
            | Self::NoOperation(_)
            | Self::Variable(_) => Pass::ActionForms,
            Self::NoResources
            | Self::NoPrincipal
            | Self::PrincipalNotAllowed
            | Self::Principal { .. }
            | Self::TrustAction(_)
            | Self::OverlyPermissive(_)
            | Self::AllowInResourceControl
            | Self::BareActionInResourceControl => Pass::Rest,
            Self::ResourceNotAllowed(_) => Pass::Prohibited,
        }
    }

    /// A short name for the kind of fault, as the lint prints it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json => "invalid-json",
            Self::TooDeep => "nested-too-deep",
            Self::TooLong { .. } => "too-long",
            Self::Character(_) => "invalid-character",
            Self::DuplicateKey(_) => "duplicate-key",
            Self::UnknownElement(_) => "unknown-element",
            Self::Type { .. } => "wrong-type",
            Self::Version => "invalid-version",
            Self::OldVersion => "old-version",
            Self::NoStatement => "no-statement",
            Self::Sid(_) => "invalid-sid",
            Self::DuplicateSid(_) => "duplicate-sid",
            Self::Effect | Self::EffectLetters(_) => "invalid-effect",
            Self::Both(_) => "element-and-negation",
            Self::NoActions => "no-actions",
            Self::NoResources => "no-resources",
            Self::NoPrincipal => "no-principal",
            Self::PrincipalNotAllowed => "principal-not-allowed",
            Self::ResourceNotAllowed(_) => "resource-not-allowed",
            Self::NotSupported(_) => "not-supported",
            Self::Principal { .. } => "invalid-principal",
            Self::NoVendor(_) => "no-service-prefix",
            Self::Colons(_) => "too-many-colons",
            Self::Vendor(_) => "invalid-service-prefix",
            Self::NoOperation(_) => "no-operation",
            Self::TrustAction(_) => "not-a-trust-action",
            Self::NotAnArn(_) => "not-an-arn",
            Self::Partition { .. } => "invalid-partition",
            Self::ResourceVendor(_) => "invalid-resource-service",
            Self::IamRegion(_) | Self::S3Region(_) => "region-not-allowed",
            Self::IamPath(_) => "invalid-iam-path",
            Self::ShortArn(_) => "short-arn",
            Self::Variable(_) => "malformed-variable",
            Self::Operator(_) => "unknown-operator",
            Self::ConditionValue { .. } => "invalid-value",
            Self::OverlyPermissive(_) => "overly-permissive-condition",
            Self::AllowInResourceControl => "allow-not-supported",
            Self::BareActionInResourceControl => "action-not-supported",
        }
    }
}

/// A place in a document; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    line: u32,
    column: u32,
}

impl Position {
    pub(crate) fn new(line: usize, column: usize) -> Self {
        let count = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        Self {
            line: count(line),
            column: count(column),
        }
    }

    /// The position of the byte at `offset`.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Self::new(before.matches('\n').count() + 1, column)
    }

    pub(crate) fn line(self) -> u32 {
        self.line
    }

    pub(crate) fn column(self) -> u32 {
        self.column
    }
}

/// The places in a document of offsets that only grow: the text is read once for all of them.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    rest: &'a str,
    /// Offset, line and column of the beginning of `rest`.
    at: usize,
    line: usize,
    column: usize,
}

impl<'a> Places<'a> {
    /// The places in `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            at: 0,
            line: 1,
            column: 1,
        }
    }

    /// Line and column of the byte at `offset`, which no earlier one lies behind.
    pub(crate) fn of(&mut self, offset: usize) -> (u32, u32) {
        let length = offset.saturating_sub(self.at);
        if let Some((passed, rest)) = self.rest.split_at_checked(length) {
            for character in passed.chars() {
                if character == '\n' {
                    self.line += 1;
                    self.column = 1;
                } else {
                    self.column += 1;
                }
            }
            self.rest = rest;
            self.at += length;
        }
        let position = Position::new(self.line, self.column);
        (position.line(), position.column())
    }
}

/// A document was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    fault: Box<Fault>,
    position: Position,
    /// Set once the whole document is refused; decides AWS's text.
    kind: Option<DocumentKind>,
}

impl ParseError {
    pub(crate) fn new(fault: Fault, position: Position) -> Self {
        Self {
            fault: Box::new(fault),
            position,
            kind: None,
        }
    }

    pub(crate) fn in_document(self, kind: DocumentKind) -> Self {
        Self {
            kind: Some(kind),
            ..self
        }
    }

    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.position.line
    }

    /// The column, from 1, in characters.
    pub fn column(&self) -> u32 {
        self.position.column
    }

    /// The message of `MalformedPolicyDocument` (IAM, STS) or
    /// `MalformedPolicyDocumentException` (KMS, Organizations).
    ///
    /// AWS names neither line nor column; `Display` does.
    pub fn aws_message(&self) -> String {
        messages::of(self.kind, &self.fault)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "line {line}, column {column}: {}", self.fault)
    }
}

impl std::error::Error for ParseError {}
