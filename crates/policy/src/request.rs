//! What is decided, and the policies that bear on it.

use std::fmt;

use types::{AccountId, Arn, Principal};

use crate::action::Action;
use crate::context::ConditionKeys;
use crate::document::Document;
use crate::steps::Steps;

/// One action of one principal on one resource.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What for.
    pub action: &'a Action,
    /// On which resource; `None` for operations that have none (`kms:ListKeys`), which only a
    /// statement for `*` covers.
    pub resource: Option<&'a Arn>,
    /// The account that owns the resource. `None` leaves it to the ARN; without a resource it
    /// is the principal's own. An owner that stays unknown is taken for a foreign one.
    pub resource_account: Option<AccountId>,
    /// The request context.
    pub keys: &'a dyn ConditionKeys,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("principal", self.principal)
            .field("action", self.action)
            .field("resource", &self.resource)
            .field("resource_account", &self.resource_account)
            .finish_non_exhaustive()
    }
}

/// A policy and what explanations call it.
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    /// The compiled document.
    pub document: &'a Document,
    /// The policy's name.
    pub name: &'a str,
    /// The ARN of a managed policy; inline policies have none.
    pub arn: Option<&'a Arn>,
}

/// The policies of one level of an organization: the root, a unit on the way, the account.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// The id of the root, unit or account.
    pub name: &'a str,
    /// What is attached there. An empty level allows nothing.
    pub policies: &'a [Attached<'a>],
}

/// The policy of the resource and the rule by which it counts.
#[derive(Debug, Clone, Copy)]
pub enum ResourcePolicy<'a> {
    /// The resource has no policy.
    None,
    /// The general rule: it allows by itself within its account, with a policy of the caller's from another.
    General(&'a Document),
    /// A key policy: nothing is allowed unless it says so, identity policies
    /// only count where it names the account, and grants count beside it.
    Key(&'a Document),
    /// A key policy, for `kms:RetireGrant`: its Denies count, its Allows do not, and a grant
    /// that names the caller suffices across accounts too.
    KeyGrantsOnly(&'a Document),
    /// A role's trust policy.
    Trust(&'a Document),
}

/// A grant on the key that covers the request: grantee (or retiring principal), operation and
/// constraints were matched by KMS. Counts with [`ResourcePolicy::Key`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantAllow {
    /// The grant's id.
    pub id: String,
    /// The account of the principal that created it.
    pub issuing_account: AccountId,
    /// Whether the grantee is the caller's account rather than the caller: an identity policy
    /// then has to allow the action too.
    pub delegates_to_account: bool,
}

impl GrantAllow {
    /// A grant that names the caller.
    pub fn new(id: String, issuing_account: AccountId) -> Self {
        Self {
            id,
            issuing_account,
            delegates_to_account: false,
        }
    }

    /// A grant that names the caller's account.
    pub fn to_account(id: String, issuing_account: AccountId) -> Self {
        Self {
            id,
            issuing_account,
            delegates_to_account: true,
        }
    }
}

/// All policies that bear on a request.
#[derive(Debug, Clone, Copy)]
pub struct Policies<'a> {
    /// Of the user and its groups, or of the role; of the issuing user for a federated
    /// session.
    pub identity: &'a [Attached<'a>],
    /// The permissions boundary of the user or role.
    pub boundary: Option<Attached<'a>>,
    /// The session policies; `None` if the session was made without. Each adds to the others.
    pub session: Option<&'a [Attached<'a>]>,
    /// The resource's own policy.
    pub resource: ResourcePolicy<'a>,
    /// Service control policies from the root down to the principal's account; empty without
    /// an organization and for its management account. Sessions of service-linked roles are
    /// exempt whatever stands here.
    pub service_control: &'a [Level<'a>],
    /// Resource control policies from the root down to the resource's account; empty without
    /// an organization and for resources of its management account. Sessions of
    /// service-linked roles are exempt whatever stands here.
    pub resource_control: &'a [Level<'a>],
    /// Grants that cover the request.
    pub grants: &'a [GrantAllow],
}

impl Policies<'_> {
    /// No policy at all: everyone but the root user is denied.
    pub const NONE: Self = Policies {
        identity: &[],
        boundary: None,
        session: None,
        resource: ResourcePolicy::None,
        service_control: &[],
        resource_control: &[],
        grants: &[],
    };
}

impl Default for Policies<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

/// What else bears on a request, where there is such a thing. The default is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The user that made the federated session which asks. A statement for that user then
    /// counts for the session too, within its boundary and session policies.
    pub issuer: Option<&'a Principal>,
    /// Fragments of the resource's policy that others keep, such as resource shares. They
    /// count like the statements of a general resource policy.
    pub shares: &'a [Attached<'a>],
    /// The steps that the evaluation may take, if several share them; else it has its own.
    pub steps: Option<&'a Steps>,
}

/// Whether the principal is a session of a service-linked role: organization policies do not
/// bind it.
pub fn is_service_linked(principal: &Principal) -> bool {
    match principal {
        Principal::AssumedRole { role_arn, .. } => {
            role_arn.resource().starts_with("role/aws-service-role/")
        }
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::FederatedUser { .. }
        | Principal::WebIdentity(_)
        | Principal::Service { .. } => false,
    }
}
