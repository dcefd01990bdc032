//! How calls of IAM fail, which those of STS can do too.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use policy::ParseError;
use types::{ErrorKind, ServiceError};

use crate::records::EntityKind;
use crate::simulation::Fault as SimulationFault;

/// A failure of IAM, with AWS's code and text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user, group or role does not exist.
    #[error("the {} `{name}` does not exist", kind.word())]
    NoSuchOwner {
        /// What was asked for.
        kind: EntityKind,
        /// The name that was asked for.
        name: String,
    },
    /// The inline policy does not exist.
    #[error("the inline policy `{name}` does not exist")]
    NoSuchInlinePolicy {
        /// Of whom it was asked for.
        kind: EntityKind,
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
    /// A user, group or role has this name already.
    #[error("a {} `{name}` exists already", kind.word())]
    OwnerExists {
        /// What it is.
        kind: EntityKind,
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
    /// A managed policy has as many versions as it can have.
    #[error("the policy has five versions already")]
    TooManyVersions,
    /// The inline policies of a user, group or role would be too large together.
    #[error("the inline policies of `{name}` would be larger than {limit}")]
    InlineTooLarge {
        /// Of whom.
        kind: EntityKind,
        /// Its name.
        name: String,
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
    /// A trust policy names a principal that does not exist.
    #[error("the principal `{value}` does not exist")]
    InvalidPrincipal {
        /// The principal as the policy names it.
        value: String,
    },
    /// The user is not in the group.
    #[error("the user `{user}` is not in the group `{group}`")]
    NotMember {
        /// The user's name.
        user: String,
        /// The group's name.
        group: String,
    },
    /// Nothing bounds the user or role.
    #[error("the {} `{name}` has no permissions boundary", kind.word())]
    NotBounded {
        /// What it is.
        kind: EntityKind,
        /// Its name.
        name: String,
    },
    /// Another account has this alias.
    #[error("the alias `{alias}` is taken")]
    AliasExists {
        /// The alias.
        alias: String,
    },
    /// The alias has not the form of one.
    #[error("`{alias}` has not the form of an alias")]
    InvalidAlias {
        /// The alias.
        alias: String,
    },
    /// The account has no such alias.
    #[error("the account has no alias `{alias}`")]
    NoSuchAlias {
        /// The alias.
        alias: String,
    },
    /// The service has no role of its own here.
    #[error("the service `{service}` has no service-linked role")]
    NoLinkedRole {
        /// The service's principal.
        service: String,
    },
    /// The service has one role only.
    #[error("the service `{service}` takes no suffix")]
    NoSuffix {
        /// The service's principal.
        service: String,
    },
    /// The role of the service exists already.
    #[error("the role `{name}` exists already")]
    LinkedRoleExists {
        /// The role's name.
        name: String,
    },
    /// The role is linked to no service.
    #[error("the role `{name}` is linked to no service")]
    NotLinked {
        /// The role's name.
        name: String,
    },
    /// No deletion can have this id.
    #[error("`{id}` is not the id of a deletion")]
    InvalidTask {
        /// The id.
        id: String,
    },
    /// No deletion has this id.
    #[error("there is no deletion `{id}`")]
    NoSuchTask {
        /// The id.
        id: String,
    },
    /// The OpenID Connect provider does not exist.
    #[error("the provider `{arn}` does not exist")]
    NoSuchProvider {
        /// The ARN that was asked for.
        arn: String,
    },
    /// The account has a provider with this URL already.
    #[error("a provider for `{url}` exists already")]
    ProviderExists {
        /// The URL.
        url: String,
    },
    /// An issuer's URL is none that AWS takes.
    #[error("the URL is not that of an issuer")]
    InvalidProviderUrl,
    /// More thumbprints than five.
    #[error("the provider would have more than five thumbprints")]
    TooManyThumbprints,
    /// A thumbprint is not the SHA-1 of a certificate in hexadecimal digits, or there is none.
    #[error("a thumbprint has 40 hexadecimal digits")]
    InvalidThumbprint,
    /// A path at which only services make roles.
    #[error("the path `{path}` is reserved for roles of services")]
    ReservedPath {
        /// The path.
        path: String,
    },
    /// A role that only the service that it is linked to may change.
    #[error("the role `{name}` is linked to a service")]
    Protected {
        /// The role's name.
        name: String,
    },
    /// A policy's ARN is none.
    #[error("`{arn}` is not an ARN")]
    InvalidArn {
        /// The text that was given.
        arn: String,
    },
    /// The marker was not made by this listing.
    #[error("the marker does not belong to this listing")]
    InvalidMarker(#[from] pipeline::ForeignMarker),
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
    /// Nothing can be simulated.
    #[error(transparent)]
    Simulation(#[from] SimulationFault),
    /// The thread of a simulation ended before it was done.
    #[error("the simulation ended early")]
    Unfinished(#[from] tokio::task::JoinError),
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
    /// Users, groups and roles that the policy is attached to.
    Attachments,
    /// Users and roles that the policy bounds.
    Boundaries,
    /// Versions of a policy beside the one in force.
    Versions,
    /// Being the version of a policy that is in force.
    DefaultVersion,
    /// Users in a group, or groups of a user.
    Memberships,
}

impl std::fmt::Display for Dependent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AccessKeys => "access keys",
            Self::InlinePolicies => "inline policies",
            Self::AttachedPolicies => "attached policies",
            Self::Attachments => "attachments",
            Self::Boundaries => "principals that it bounds",
            Self::Versions => "other versions",
            Self::DefaultVersion => "the policy, for which it is in force",
            Self::Memberships => "memberships",
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
            Self::Versions => {
                "This policy has more than one version. Before you delete a policy, you must \
                 delete the policy's versions. The default version is deleted with the policy."
            }
            Self::DefaultVersion => "Cannot delete the default version of a policy.",
            Self::Memberships => "Cannot delete entity, must remove users from group first.",
        }
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchOwner { .. }
            | Self::NoSuchInlinePolicy { .. }
            | Self::NoSuchPolicy { .. }
            | Self::NotAttachable { .. }
            | Self::NoSuchBoundary { .. }
            | Self::NotAttached { .. }
            | Self::NotMember { .. }
            | Self::NoSuchAlias { .. }
            | Self::NoSuchProvider { .. }
            | Self::NoSuchTask { .. }
            | Self::NotBounded { .. }
            | Self::NoSuchAccessKey { .. } => ErrorKind::NotFound,
            Self::OwnerExists { .. }
            | Self::AliasExists { .. }
            | Self::PolicyExists { .. }
            | Self::ProviderExists { .. }
            | Self::InUse(_) => ErrorKind::Conflict,
            Self::Quota { .. } | Self::TooManyVersions | Self::InlineTooLarge { .. } => {
                ErrorKind::LimitExceeded
            }
            Self::Simulation(fault) if fault.is_of_a_policy() => ErrorKind::Internal,
            Self::MalformedPolicy { .. }
            | Self::InvalidPrincipal { .. }
            | Self::Protected { .. }
            | Self::InvalidArn { .. }
            | Self::InvalidMarker(_)
            | Self::InvalidAlias { .. }
            | Self::InvalidProviderUrl
            | Self::TooManyThumbprints
            | Self::InvalidThumbprint
            | Self::DuplicateTags
            | Self::ReservedTag { .. }
            | Self::ReservedPath { .. }
            | Self::NoLinkedRole { .. }
            | Self::NoSuffix { .. }
            | Self::LinkedRoleExists { .. }
            | Self::NotLinked { .. }
            | Self::InvalidTask { .. }
            | Self::UnsettableStatus { .. }
            | Self::Simulation(_)
            | Self::UserNameNeeded => ErrorKind::Validation,
            Self::NoAccount => ErrorKind::Denied,
            Self::Composition(_) | Self::Unfinished(_) => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoSuchOwner { .. }
            | Self::NoSuchInlinePolicy { .. }
            | Self::NoSuchPolicy { .. }
            | Self::NotAttachable { .. }
            | Self::NoSuchBoundary { .. }
            | Self::NotAttached { .. }
            | Self::NotMember { .. }
            | Self::NoSuchAlias { .. }
            | Self::NoSuchProvider { .. }
            | Self::NoSuchTask { .. }
            | Self::NotBounded { .. }
            | Self::NoSuchAccessKey { .. } => "NoSuchEntity",
            Self::OwnerExists { .. }
            | Self::AliasExists { .. }
            | Self::PolicyExists { .. }
            | Self::ProviderExists { .. } => "EntityAlreadyExists",
            Self::InUse(_) => "DeleteConflict",
            Self::Quota { .. } | Self::TooManyVersions | Self::InlineTooLarge { .. } => {
                "LimitExceeded"
            }
            Self::MalformedPolicy { .. } | Self::InvalidPrincipal { .. } => {
                "MalformedPolicyDocument"
            }
            Self::Protected { .. } => "UnmodifiableEntity",
            Self::InvalidArn { .. }
            | Self::InvalidMarker(_)
            | Self::InvalidAlias { .. }
            | Self::InvalidProviderUrl
            | Self::UserNameNeeded => "ValidationError",
            Self::Simulation(fault) if fault.is_of_a_policy() => "PolicyEvaluation",
            Self::DuplicateTags
            | Self::TooManyThumbprints
            | Self::InvalidThumbprint
            | Self::ReservedTag { .. }
            | Self::ReservedPath { .. }
            | Self::NoLinkedRole { .. }
            | Self::NoSuffix { .. }
            | Self::LinkedRoleExists { .. }
            | Self::NotLinked { .. }
            | Self::InvalidTask { .. }
            | Self::UnsettableStatus { .. }
            | Self::Simulation(_) => "InvalidInput",
            Self::NoAccount => "AccessDenied",
            Self::Composition(_) | Self::Unfinished(_) => "ServiceFailure",
        })
    }

    fn public_message(&self) -> String {
        match self {
            Self::NoSuchOwner { kind, name } => {
                format!("The {} with name {name} cannot be found.", kind.word())
            }
            Self::NoSuchInlinePolicy { kind, name } => {
                let kind = kind.word();
                format!("The {kind} policy with name {name} cannot be found.")
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
            Self::OwnerExists { kind, name } => {
                format!("{} with name {name} already exists.", kind.capitalized())
            }
            Self::PolicyExists { name } => {
                format!("A policy called {name} already exists. Duplicate names are not allowed.")
            }
            Self::InUse(dependent) => dependent.aws_text().to_owned(),
            Self::Quota { quota, limit } => format!("Cannot exceed quota for {quota}: {limit}"),
            Self::TooManyVersions => {
                "A managed policy can have up to 5 versions. Before you create a new version, \
                 you must delete an existing version."
                    .to_owned()
            }
            Self::InlineTooLarge { kind, name, limit } => {
                let kind = kind.word();
                format!("Maximum policy size of {limit} bytes exceeded for {kind} {name}")
            }
            Self::InvalidPrincipal { value } => {
                format!("Invalid principal in policy: \"AWS\":\"{value}\"")
            }
            Self::InvalidAlias { alias } => format!(
                "1 validation error detected: Value '{alias}' at 'accountAlias' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: \
                 ^[a-z0-9]([a-z0-9]|-(?!-)){{1,61}}[a-z0-9]$"
            ),
            Self::NoSuchProvider { arn } => {
                format!("OpenIDConnect Provider not found for arn {arn}")
            }
            Self::ProviderExists { url } => {
                format!("Provider with url {url} already exists.")
            }
            Self::InvalidProviderUrl => "Invalid Open ID Connect Provider URL".to_owned(),
            Self::TooManyThumbprints => {
                "Thumbprint list must contain fewer than 5 entries.".to_owned()
            }
            Self::AliasExists { alias } => format!("The account alias {alias} already exists."),
            Self::NoSuchAlias { alias } => format!("The account alias {alias} cannot be found."),
            Self::LinkedRoleExists { name } => format!(
                "Service role name {name} has been taken in this account, please try a \
                 different suffix."
            ),
            Self::NoSuffix { service } => format!("Custom suffix is not allowed for {service}"),
            Self::NoSuchTask { id } => format!("Deletion task {id} cannot be found."),
            Self::Protected { name } => format!(
                "Cannot perform the operation on the protected role '{name}' - this role is \
                 only modifiable by AWS"
            ),
            Self::MalformedPolicy { source } => source.aws_message(),
            Self::InvalidArn { .. } => "Invalid ARN:  Could not be parsed!".to_owned(),
            Self::DuplicateTags => {
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
                    .to_owned()
            }
            Self::UserNameNeeded => {
                "Must specify userName when calling with non-User credentials".to_owned()
            }
            Self::InvalidMarker(_) => "Invalid Marker.".to_owned(),
            Self::NotMember { .. }
            | Self::NotBounded { .. }
            | Self::ReservedTag { .. }
            | Self::ReservedPath { .. }
            | Self::InvalidThumbprint
            | Self::NoLinkedRole { .. }
            | Self::NotLinked { .. }
            | Self::InvalidTask { .. }
            | Self::UnsettableStatus { .. }
            | Self::Simulation(_)
            | Self::NoAccount => self.to_string(),
            Self::Composition(_) | Self::Unfinished(_) => {
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
