//! Who may ask, and what a call names; nothing here tells whether it exists.

use std::sync::Arc;

use pipeline::{Ctx, KeySet, Need};
use policy::Action;
use store::Batch;
use types::Arn;

use super::error::{Conflict, Error, Invalid, Missing};
use super::policies::Policy;
use super::records::{ControlPolicyRecord, NodeKind, NodeRecord, OrganizationRecord, PolicyKind};
use super::{ids, shape, tables, tree};

/// The organization of the caller's account.
///
/// Fails with `AWSOrganizationsNotInUseException` if it belongs to none.
pub(crate) fn member(ctx: &Ctx) -> Result<Arc<OrganizationRecord>, Error> {
    let organization = tree::organization(ctx.view()).ok_or(Error::NotInUse)?;
    let account = ctx.account().ok_or(Error::NotInUse)?;
    let node = tree::node(ctx.view(), account.as_str());
    node.map(|_| organization).ok_or(Error::NotInUse)
}

/// The organization, if the caller's account manages it: other accounts may only ask what it
/// is.
///
/// Fails with `AccessDeniedException` for other accounts.
pub(crate) fn management(ctx: &Ctx) -> Result<Arc<OrganizationRecord>, Error> {
    let organization = member(ctx)?;
    if ctx.account() == Some(organization.management) {
        Ok(organization)
    } else {
        Err(Error::NotManagement)
    }
}

/// The root, unit or account that a call names; it may not exist.
#[derive(Debug)]
pub(crate) struct NamedNode {
    pub(crate) organization: Arc<OrganizationRecord>,
    id: String,
    record: Option<Arc<NodeRecord>>,
}

impl NamedNode {
    /// Looks `id` up for a caller of the management account.
    pub(crate) fn of(ctx: &Ctx, id: &str) -> Result<Self, Error> {
        Ok(Self::within(ctx, &management(ctx)?, id))
    }

    /// Looks `id` up.
    pub(crate) fn within(ctx: &Ctx, organization: &Arc<OrganizationRecord>, id: &str) -> Self {
        Self {
            organization: Arc::clone(organization),
            id: id.to_owned(),
            record: tree::node(ctx.view(), id),
        }
    }

    /// The need of `action` on it.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        Need::on(action, ids::node_arn(&self.organization, &self.id))
    }

    /// The node.
    ///
    /// Fails with `InvalidInputException` for what is no id, and with `missing` if there is none.
    pub(crate) fn found(&self, missing: Missing) -> Result<&Arc<NodeRecord>, Error> {
        if !ids::has_form(&self.id) {
            return Err(Invalid::Pattern.into());
        }
        self.record.as_ref().ok_or(Error::Missing(missing))
    }

    /// The node, if it is an account. Fails with `AccountNotFoundException`.
    pub(crate) fn account(&self) -> Result<&Arc<NodeRecord>, Error> {
        self.of_kind(&[NodeKind::Account], Missing::Account)
    }

    /// The node, if it is a unit. Fails with `OrganizationalUnitNotFoundException`.
    pub(crate) fn unit(&self) -> Result<&Arc<NodeRecord>, Error> {
        self.of_kind(&[NodeKind::Unit], Missing::Unit)
    }

    /// The node, if it is the root. Fails with `RootNotFoundException`.
    pub(crate) fn root(&self) -> Result<&Arc<NodeRecord>, Error> {
        self.of_kind(&[NodeKind::Root], Missing::Root)
    }

    /// The node, if it can have children. Fails with `missing`.
    pub(crate) fn parent(&self, missing: Missing) -> Result<&Arc<NodeRecord>, Error> {
        self.of_kind(&[NodeKind::Root, NodeKind::Unit], missing)
    }

    /// The node, to attach something to.
    ///
    /// Fails with `InvalidInputException` for what is no node's id, and with
    /// `TargetNotFoundException`.
    pub(crate) fn target(&self) -> Result<&Arc<NodeRecord>, Error> {
        if !ids::has_form(&self.id) {
            return Err(Invalid::TargetId.into());
        }
        self.found(Missing::Target)
    }

    fn of_kind(&self, kinds: &[NodeKind], missing: Missing) -> Result<&Arc<NodeRecord>, Error> {
        let record = self.found(missing)?;
        if kinds.contains(&record.kind) {
            Ok(record)
        } else {
            Err(missing.into())
        }
    }
}

/// The policy that a call names; it may not exist.
#[derive(Debug)]
pub(crate) struct NamedPolicy {
    pub(crate) organization: Arc<OrganizationRecord>,
    id: String,
    policy: Option<Policy>,
}

impl NamedPolicy {
    /// Looks `id` up for a caller of the management account.
    pub(crate) fn of(ctx: &Ctx, id: &str) -> Result<Self, Error> {
        Ok(Self {
            organization: management(ctx)?,
            id: id.to_owned(),
            policy: Policy::find(ctx.view(), id),
        })
    }

    /// The need of `action` on it. Of a policy that does not exist the type is not known: the
    /// ARN is that of a service control policy.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        let kind = self.policy.as_ref().map(Policy::kind);
        let keys = KeySet::default().maybe("organizations:policytype", kind.map(type_name));
        let kind = kind.unwrap_or(PolicyKind::ServiceControl);
        let need = match self.policy.as_ref().filter(|policy| policy.is_aws()) {
            Some(policy) => match policy.arn(&self.organization).parse::<Arn>() {
                Ok(arn) => Need::on(action, arn).owned_by_aws(),
                Err(_cannot_happen) => Need::anywhere(action),
            },
            None => Need::on(action, ids::policy_arn(&self.organization, kind, &self.id)),
        };
        need.with(keys)
    }

    /// The policy. Fails with `PolicyNotFoundException`.
    pub(crate) fn found(&self) -> Result<&Policy, Error> {
        self.policy.as_ref().ok_or(Error::Missing(Missing::Policy))
    }
}

/// AWS's name of a policy type, as `organizations:PolicyType` shows it.
pub(crate) fn type_name(kind: PolicyKind) -> &'static str {
    shape::policy_type(kind).as_str()
}

/// The kind of policies that a call names.
///
/// Fails with `PolicyTypeNotAvailableForOrganizationException` for the types that do not bear
/// on requests.
pub(crate) fn kind_of(wanted: shapes::organizations::PolicyType) -> Result<PolicyKind, Error> {
    shape::kind(wanted).ok_or(Error::Conflict(Conflict::TypeNotAvailable))
}

/// What a call about tags names: a root, unit, account or policy; it may not exist.
#[derive(Debug)]
pub(crate) enum NamedResource {
    /// A policy.
    Policy(NamedPolicy),
    /// A node of the tree.
    Node(NamedNode),
}

impl NamedResource {
    /// Looks `id` up for a caller of the management account.
    pub(crate) fn of(ctx: &Ctx, id: &str) -> Result<Self, Error> {
        if id.starts_with("p-") {
            NamedPolicy::of(ctx, id).map(Self::Policy)
        } else {
            NamedNode::of(ctx, id).map(Self::Node)
        }
    }

    /// The need of `action` on it.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        match self {
            Self::Policy(policy) => policy.need(action),
            Self::Node(node) => node.need(action),
        }
    }

    /// Its tags. Fails with `TargetNotFoundException`.
    pub(crate) fn tags(&self) -> Result<&[(String, String)], Error> {
        match self {
            Self::Node(node) => Ok(&node.found(Missing::Target)?.tags),
            Self::Policy(policy) => match &policy.policy {
                Some(Policy::Own(record)) => Ok(&record.tags),
                Some(Policy::Aws(_)) => Ok(&[]),
                None => Err(Missing::Target.into()),
            },
        }
    }

    /// Gives it the tags that `change` makes of those that it has.
    ///
    /// Fails with `TargetNotFoundException`, with `InvalidInputException` for a policy of AWS's,
    /// and as `change` does.
    pub(crate) fn retag(
        &self,
        change: impl FnOnce(&[(String, String)]) -> Result<Vec<(String, String)>, Error>,
    ) -> Result<Batch, Error> {
        let tags = change(self.tags()?)?;
        let mut batch = Batch::default();
        match self {
            Self::Node(node) => {
                let mut record = NodeRecord::clone(node.found(Missing::Target)?);
                record.tags = tags;
                tree::put(&mut batch, record);
            }
            Self::Policy(policy) => {
                let Policy::Own(record) = policy.found()? else {
                    return Err(Invalid::ImmutablePolicy.into());
                };
                let mut record = ControlPolicyRecord::clone(record);
                record.tags = tags;
                let row = tables::by_id(&record.id);
                batch.put(&tables::CONTROL_POLICIES, row, record);
            }
        }
        Ok(batch)
    }
}
