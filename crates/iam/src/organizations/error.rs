//! How calls of Organizations fail: a service of its own, with its own codes.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use policy::ParseError;
use types::{ErrorKind, ServiceError};

/// A failure of Organizations, with AWS's code, text and reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller's account belongs to no organization.
    #[error("the account belongs to no organization")]
    NotInUse,
    /// Only the management account may make this call.
    #[error("the caller's account does not manage the organization")]
    NotManagement,
    /// What was asked for does not exist.
    #[error("the {0:?} does not exist")]
    Missing(Missing),
    /// The organization is not in the state that the call needs.
    #[error("the call conflicts with the state of the organization: {0:?}")]
    Conflict(Conflict),
    /// A rule or quota forbids it.
    #[error("a constraint is violated: {}", .0.reason())]
    Constraint(Constraint),
    /// A parameter is refused.
    #[error("invalid input: {}", .0.reason())]
    Invalid(Invalid),
    /// The policy does not follow the grammar of its type.
    #[error("the policy document is malformed")]
    Malformed(#[source] ParseError),
    /// The role of a new account could not be made.
    #[error("making the role of the account failed")]
    Role(#[source] Box<crate::Error>),
}

/// What does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// An account.
    Account,
    /// The child whose parents are asked for.
    Child,
    /// A request to create an account.
    Creation,
    /// Where an account is to be moved to.
    Destination,
    /// The effective policy of a type.
    EffectivePolicy,
    /// The root or unit whose children are asked for.
    Parent,
    /// A policy.
    Policy,
    /// A root.
    Root,
    /// Where an account is to be moved from.
    Source,
    /// What a policy or tag is about.
    Target,
    /// An organizational unit.
    Unit,
}

/// A state that forbids the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The account is closed already.
    AccountClosed,
    /// The account is in an organization already.
    AlreadyInOrganization,
    /// The account is there already.
    DuplicateAccount,
    /// The policy is attached there already.
    DuplicateAttachment,
    /// Another policy has the name.
    DuplicatePolicy,
    /// Another unit of the same parent has the name.
    DuplicateUnit,
    /// The management account cannot leave.
    ManagementCannotLeave,
    /// The policy is not attached there.
    NotAttached,
    /// Accounts, units or policies are left.
    OrganizationNotEmpty,
    /// The policy is attached somewhere.
    PolicyInUse,
    /// The policy type is enabled already.
    TypeEnabled,
    /// The organization has no policies of this type.
    TypeNotAvailable,
    /// The policy type is not enabled.
    TypeNotEnabled,
    /// Accounts or units are left.
    UnitNotEmpty,
}

/// A `ConstraintViolationException`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constraint {
    /// Accounts of a deployment stay in its organization.
    CannotLeave,
    /// The management account cannot be closed.
    CloseManagement,
    /// Too many accounts were closed within thirty days.
    CloseQuota,
    /// The organization has as many accounts as it can.
    Accounts,
    /// A node has as many policies of the type as it can.
    Attachments,
    /// A node keeps one service control policy at least.
    LastAttachment,
    /// The policy is too long.
    PolicySize,
    /// The organization has as many policies of the type as it can.
    Policies,
    /// A resource has as many tags as it can.
    Tags,
    /// The tree is as deep as it can be.
    UnitDepth,
    /// The organization has as many units as it can.
    Units,
}

/// An `InvalidInputException`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// Two tags with the same key.
    DuplicateTag,
    /// The feature set is not one that this deployment has.
    FeatureSet,
    /// A policy of AWS's cannot be changed.
    ImmutablePolicy,
    /// A policy of AWS's that is attached everywhere.
    NotDetachable,
    /// A paging token that this listing did not make.
    PagingToken,
    /// The id is not one of anything.
    Pattern,
    /// The name of the role is reserved.
    RoleName,
    /// A tag key that only AWS may set.
    SystemTag,
    /// The id is neither a root's, a unit's nor an account's.
    TargetId,
}

impl Missing {
    fn answer(self) -> (&'static str, &'static str) {
        match self {
            Self::Account => (
                "AccountNotFoundException",
                "You specified an account that doesn't exist.",
            ),
            Self::Child => (
                "ChildNotFoundException",
                "You specified a child that doesn't exist.",
            ),
            Self::Creation => (
                "CreateAccountStatusNotFoundException",
                "You specified a create account request that doesn't exist.",
            ),
            Self::Destination => (
                "DestinationParentNotFoundException",
                "You specified a destination parent that doesn't exist.",
            ),
            Self::EffectivePolicy => (
                "EffectivePolicyNotFoundException",
                "No effective policy of this type exists for the target.",
            ),
            Self::Parent => (
                "ParentNotFoundException",
                "You specified parent that doesn't exist.",
            ),
            Self::Policy => (
                "PolicyNotFoundException",
                "You specified a policy that doesn't exist.",
            ),
            Self::Root => (
                "RootNotFoundException",
                "You specified a root that doesn't exist.",
            ),
            Self::Source => (
                "SourceParentNotFoundException",
                "You specified a source parent that doesn't exist.",
            ),
            Self::Target => (
                "TargetNotFoundException",
                "You specified a target that doesn't exist.",
            ),
            Self::Unit => (
                "OrganizationalUnitNotFoundException",
                "You specified an organizational unit that doesn't exist.",
            ),
        }
    }
}

impl Conflict {
    fn answer(self) -> (&'static str, &'static str) {
        match self {
            Self::AccountClosed => (
                "AccountAlreadyClosedException",
                "The account is already closed.",
            ),
            Self::AlreadyInOrganization => (
                "AlreadyInOrganizationException",
                "The AWS account is already a member of an organization.",
            ),
            Self::DuplicateAccount => (
                "DuplicateAccountException",
                "The account is already present in the specified destination.",
            ),
            Self::DuplicateAttachment => (
                "DuplicatePolicyAttachmentException",
                "A policy with the specified name and type is already attached to the target.",
            ),
            Self::DuplicatePolicy => (
                "DuplicatePolicyException",
                "A policy with the specified name already exists.",
            ),
            Self::DuplicateUnit => (
                "DuplicateOrganizationalUnitException",
                "An OU with the same name already exists.",
            ),
            Self::ManagementCannotLeave => (
                "MasterCannotLeaveOrganizationException",
                "You can't remove a management account from an organization.",
            ),
            Self::NotAttached => (
                "PolicyNotAttachedException",
                "The policy isn't attached to the specified target.",
            ),
            Self::OrganizationNotEmpty => (
                "OrganizationNotEmptyException",
                "The organization isn't empty.",
            ),
            Self::PolicyInUse => (
                "PolicyInUseException",
                "The policy is attached to one or more entities. You must detach it from all \
                 roots, OUs, and accounts before performing this operation.",
            ),
            Self::TypeEnabled => (
                "PolicyTypeAlreadyEnabledException",
                "The specified policy type is already enabled.",
            ),
            Self::TypeNotAvailable => (
                "PolicyTypeNotAvailableForOrganizationException",
                "You can't use the specified policy type with the feature set currently enabled \
                 for this organization.",
            ),
            Self::TypeNotEnabled => (
                "PolicyTypeNotEnabledException",
                "This operation can be performed only for enabled policy types.",
            ),
            Self::UnitNotEmpty => (
                "OrganizationalUnitNotEmptyException",
                "The specified OU is not empty.",
            ),
        }
    }
}

impl Constraint {
    /// AWS's `Reason`.
    fn reason(self) -> &'static str {
        match self {
            Self::CannotLeave => "ACCOUNT_CANNOT_LEAVE_ORGANIZATION",
            Self::CloseManagement => "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            Self::CloseQuota => "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
            Self::Accounts => "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            Self::Attachments => "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            Self::LastAttachment => "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            Self::PolicySize => "POLICY_CONTENT_LIMIT_EXCEEDED",
            Self::Policies => "POLICY_NUMBER_LIMIT_EXCEEDED",
            Self::Tags => "MAX_TAG_LIMIT_EXCEEDED",
            Self::UnitDepth => "OU_DEPTH_LIMIT_EXCEEDED",
            Self::Units => "OU_NUMBER_LIMIT_EXCEEDED",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::CannotLeave => "an account of this deployment stays in its organization",
            Self::CloseManagement => "You cannot close the management account.",
            Self::CloseQuota => "You have exceeded close account quota for the past 30 days.",
            Self::Accounts => "You have exceeded the allowed number of AWS accounts.",
            Self::Attachments => {
                "You have attached the maximum number of policies to the specified target."
            }
            Self::LastAttachment => {
                "You cannot remove the last policy attached to the specified target. You must \
                 have at least one attached at all times."
            }
            Self::PolicySize => "You have exceeded the maximum size of a policy.",
            Self::Policies => {
                "You have reached the maximum number of policies of this type in the organization."
            }
            Self::Tags => "You have exceeded the number of tags allowed on this resource.",
            Self::UnitDepth => "You have exceeded the number of levels deep that you can nest OUs.",
            Self::Units => "You have exceeded the number of OUs that you can have.",
        }
    }
}

impl Invalid {
    /// AWS's `Reason`.
    fn reason(self) -> &'static str {
        match self {
            Self::DuplicateTag => "DUPLICATE_TAG_KEY",
            Self::FeatureSet => "INVALID_ENUM",
            Self::ImmutablePolicy => "IMMUTABLE_POLICY",
            Self::NotDetachable => "NON_DETACHABLE_POLICY",
            Self::PagingToken => "INVALID_NEXT_TOKEN",
            Self::Pattern => "INVALID_PATTERN",
            Self::RoleName => "INVALID_ROLE_NAME",
            Self::SystemTag => "INVALID_SYSTEM_TAGS_PARAMETER",
            Self::TargetId => "INVALID_PATTERN_TARGET_ID",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::DuplicateTag => "Tag keys must be unique among the tags of a resource.",
            Self::FeatureSet => "an organization here has all features",
            Self::ImmutablePolicy => {
                "You specified a policy that is managed by AWS and can't be modified."
            }
            Self::NotDetachable => "You can't detach this AWS managed policy.",
            Self::PagingToken => "You specified an invalid value for nextToken.",
            Self::Pattern => "You provided a value that does not match the required pattern.",
            Self::RoleName => "A role name can't begin with the reserved prefix AWSServiceRoleFor.",
            Self::SystemTag => "You specified a tag key that is a system tag.",
            Self::TargetId => {
                "You specified a policy target ID that doesn't match the required pattern."
            }
        }
    }
}

impl From<Missing> for Error {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<Constraint> for Error {
    fn from(constraint: Constraint) -> Self {
        Self::Constraint(constraint)
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        Self::Role(Box::new(error))
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotInUse | Self::Missing(_) => ErrorKind::NotFound,
            Self::NotManagement => ErrorKind::Denied,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::Constraint(_) => ErrorKind::LimitExceeded,
            Self::Invalid(_) | Self::Malformed(_) => ErrorKind::Validation,
            Self::Role(_) => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NotInUse => "AWSOrganizationsNotInUseException",
            Self::NotManagement => "AccessDeniedException",
            Self::Missing(missing) => missing.answer().0,
            Self::Conflict(conflict) => conflict.answer().0,
            Self::Constraint(_) => "ConstraintViolationException",
            Self::Invalid(_) => "InvalidInputException",
            Self::Malformed(_) => "MalformedPolicyDocumentException",
            Self::Role(_) => "ServiceException",
        })
    }

    fn public_message(&self) -> String {
        let text = match self {
            Self::NotInUse => "Your account is not a member of an organization.",
            Self::NotManagement => "You don't have permissions to access this resource.",
            Self::Missing(missing) => missing.answer().1,
            Self::Conflict(conflict) => conflict.answer().1,
            Self::Constraint(constraint) => constraint.message(),
            Self::Invalid(invalid) => invalid.message(),
            Self::Malformed(_) => {
                "The provided policy document does not meet the requirements of the specified \
                 policy type."
            }
            Self::Role(_) => "the request processing has failed because of an unknown error",
        };
        text.to_owned()
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Constraint(constraint) => Some(constraint.reason()),
            Self::Invalid(invalid) => Some(invalid.reason()),
            Self::NotInUse
            | Self::NotManagement
            | Self::Missing(_)
            | Self::Conflict(_)
            | Self::Malformed(_)
            | Self::Role(_) => None,
        }
    }
}
