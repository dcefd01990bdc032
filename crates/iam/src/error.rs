//! How IAM and STS calls fail.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use policy::ParseError;
use types::{ErrorKind, ServiceError};

/// A failure of IAM or STS, with AWS's code and text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user does not exist.
    #[error("the user `{name}` does not exist")]
    NoSuchUser {
        /// The name that was asked for.
        name: String,
    },
    /// The inline policy does not exist.
    #[error("the inline policy `{name}` does not exist")]
    NoSuchUserPolicy {
        /// The policy's name.
        name: String,
    },
    /// The managed policy does not exist.
    #[error("the policy `{arn}` does not exist")]
    NoSuchPolicy {
        /// The ARN that was asked for.
        arn: String,
    },
    /// The managed policy to attach or to read a version of does not exist.
    #[error("the policy `{what}` does not exist or cannot be attached")]
    NotAttachable {
        /// The ARN, with the version if one was asked for.
        what: String,
    },
    /// The policy that was to bound a user does not exist.
    #[error("the permissions boundary `{arn}` does not exist")]
    NoSuchBoundary {
        /// The ARN that was asked for.
        arn: String,
    },
    /// The policy is not attached to the user.
    #[error("the policy `{arn}` is not attached")]
    NotAttached {
        /// The policy's ARN.
        arn: String,
    },
    /// The access key does not exist, or is not the user's.
    #[error("the access key `{id}` does not exist")]
    NoSuchAccessKey {
        /// The id that was asked for.
        id: String,
    },
    /// A user has this name already.
    #[error("a user `{name}` exists already")]
    UserExists {
        /// The name.
        name: String,
    },
    /// A managed policy has this name already.
    #[error("a policy `{name}` exists already")]
    PolicyExists {
        /// The name.
        name: String,
    },
    /// Something still belongs to what was to be deleted.
    #[error("the entity still has {0}")]
    InUse(Dependent),
    /// A quota is used up.
    #[error("the quota `{quota}` of {limit} is used up")]
    Quota {
        /// AWS's name of the quota.
        quota: &'static str,
        /// Its value.
        limit: usize,
    },
    /// The inline policies of a user would be too large together.
    #[error("the inline policies of `{user}` would be larger than {limit}")]
    InlineTooLarge {
        /// The user's name.
        user: String,
        /// The most that is allowed.
        limit: usize,
    },
    /// The policy document is refused.
    #[error("the policy document is malformed")]
    MalformedPolicy {
        /// What is wrong, and where.
        #[source]
        source: ParseError,
    },
    /// A policy's ARN is none.
    #[error("`{arn}` is not an ARN")]
    InvalidArn {
        /// The text that was given.
        arn: String,
    },
    /// The marker was not made by this listing.
    #[error("the marker does not belong to this listing")]
    InvalidMarker,
    /// The same tag key twice.
    #[error("a tag key appears twice")]
    DuplicateTags,
    /// A tag key that only AWS may set.
    #[error("the tag key `{key}` is reserved")]
    ReservedTag {
        /// The key.
        key: String,
    },
    /// A status that cannot be set.
    #[error("the status `{status}` cannot be set")]
    UnsettableStatus {
        /// The status that was asked for.
        status: &'static str,
    },
    /// The caller is no user, so the call has to name one.
    #[error("the caller is no user and named none")]
    UserNameNeeded,
    /// A service that acts for itself has no account to work in.
    #[error("the caller belongs to no account")]
    NoAccount,
    /// Part of the server is missing.
    #[error(transparent)]
    Composition(#[from] pipeline::MissingPart),
}

/// What keeps an entity from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependent {
    /// Access keys.
    AccessKeys,
    /// Inline policies.
    InlinePolicies,
    /// Attached managed policies.
    AttachedPolicies,
    /// Users that the policy is attached to.
    Attachments,
    /// Users that the policy bounds.
    Boundaries,
}

impl std::fmt::Display for Dependent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AccessKeys => "access keys",
            Self::InlinePolicies => "inline policies",
            Self::AttachedPolicies => "attached policies",
            Self::Attachments => "attachments",
            Self::Boundaries => "users that it bounds",
        })
    }
}

impl Dependent {
    fn aws_text(self) -> &'static str {
        match self {
            Self::AccessKeys => "Cannot delete entity, must delete access keys first.",
            Self::InlinePolicies => "Cannot delete entity, must delete policies first.",
            Self::AttachedPolicies => "Cannot delete entity, must detach all policies first.",
            Self::Attachments => "Cannot delete a policy attached to entities.",
            Self::Boundaries => "Cannot delete entity, must remove referenced objects first.",
        }
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchUser { .. }
            | Self::NoSuchUserPolicy { .. }
            | Self::NoSuchPolicy { .. }
            | Self::NotAttachable { .. }
            | Self::NoSuchBoundary { .. }
            | Self::NotAttached { .. }
            | Self::NoSuchAccessKey { .. } => ErrorKind::NotFound,
            Self::UserExists { .. } | Self::PolicyExists { .. } | Self::InUse(_) => {
                ErrorKind::Conflict
            }
            Self::Quota { .. } | Self::InlineTooLarge { .. } => ErrorKind::LimitExceeded,
            Self::MalformedPolicy { .. }
            | Self::InvalidArn { .. }
            | Self::InvalidMarker
            | Self::DuplicateTags
            | Self::ReservedTag { .. }
            | Self::UnsettableStatus { .. }
            | Self::UserNameNeeded => ErrorKind::Validation,
            Self::NoAccount => ErrorKind::Denied,
            Self::Composition(_) => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoSuchUser { .. }
            | Self::NoSuchUserPolicy { .. }
            | Self::NoSuchPolicy { .. }
            | Self::NotAttachable { .. }
            | Self::NoSuchBoundary { .. }
            | Self::NotAttached { .. }
            | Self::NoSuchAccessKey { .. } => "NoSuchEntity",
            Self::UserExists { .. } | Self::PolicyExists { .. } => "EntityAlreadyExists",
            Self::InUse(_) => "DeleteConflict",
            Self::Quota { .. } | Self::InlineTooLarge { .. } => "LimitExceeded",
            Self::MalformedPolicy { .. } => "MalformedPolicyDocument",
            Self::InvalidArn { .. } | Self::InvalidMarker | Self::UserNameNeeded => {
                "ValidationError"
            }
            Self::DuplicateTags | Self::ReservedTag { .. } | Self::UnsettableStatus { .. } => {
                "InvalidInput"
            }
            Self::NoAccount => "AccessDenied",
            Self::Composition(_) => "ServiceFailure",
        })
    }

    fn public_message(&self) -> String {
        match self {
            Self::NoSuchUser { name } => format!("The user with name {name} cannot be found."),
            Self::NoSuchUserPolicy { name } => {
                format!("The user policy with name {name} cannot be found.")
            }
            Self::NoSuchPolicy { arn } | Self::NotAttached { arn } => {
                format!("Policy {arn} was not found.")
            }
            Self::NotAttachable { what } => {
                format!("Policy {what} does not exist or is not attachable.")
            }
            Self::NoSuchBoundary { arn } => {
                format!("Scope ARN: {arn} does not exist or is not attachable.")
            }
            Self::NoSuchAccessKey { id } => {
                format!("The Access Key with id {id} cannot be found.")
            }
            Self::UserExists { name } => format!("User with name {name} already exists."),
            Self::PolicyExists { name } => {
                format!("A policy called {name} already exists. Duplicate names are not allowed.")
            }
            Self::InUse(dependent) => dependent.aws_text().to_owned(),
            Self::Quota { quota, limit } => format!("Cannot exceed quota for {quota}: {limit}"),
            Self::InlineTooLarge { user, limit } => {
                format!("Maximum policy size of {limit} bytes exceeded for user {user}")
            }
            Self::MalformedPolicy { source } => source.aws_message(),
            Self::InvalidArn { .. } => "Invalid ARN:  Could not be parsed!".to_owned(),
            Self::DuplicateTags => {
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
                    .to_owned()
            }
            Self::UserNameNeeded => {
                "Must specify userName when calling with non-User credentials".to_owned()
            }
            Self::InvalidMarker => "Invalid Marker.".to_owned(),
            Self::ReservedTag { .. } | Self::UnsettableStatus { .. } | Self::NoAccount => {
                self.to_string()
            }
            Self::Composition(_) => {
                "the request processing has failed because of an unknown error".to_owned()
            }
        }
    }

    fn status(&self) -> Option<u16> {
        match self.kind() {
            ErrorKind::NotFound => Some(404),
            ErrorKind::Conflict | ErrorKind::LimitExceeded => Some(409),
            ErrorKind::Validation => Some(400),
            ErrorKind::Denied => Some(403),
            ErrorKind::Unauthenticated
            | ErrorKind::Throttled
            | ErrorKind::Unsupported
            | ErrorKind::Unavailable
            | ErrorKind::Internal => None,
        }
    }
}
