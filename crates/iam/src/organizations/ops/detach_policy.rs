//! `DetachPolicy`: a policy binds a root, unit or account no more.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::DetachPolicyRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Constraint, Error, Invalid};
use crate::organizations::scope::{NamedNode, NamedPolicy};
use crate::organizations::tree;

/// Detaches a policy. It counts no more on the next request.
///
/// Fails with `PolicyNotFoundException`, with `TargetNotFoundException`, with
/// `PolicyTypeNotEnabledException`, with `PolicyNotAttachedException`, with
/// `InvalidInputException` for `RCPFullAWSAccess`, which is attached everywhere, and with
/// `ConstraintViolationException` for the last service control policy.
#[derive(Debug)]
pub(crate) struct DetachPolicy;

impl Operation for DetachPolicy {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DetachPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DETACH_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = DetachPolicyRequest;
    type Output = Empty;
    type Target = (NamedPolicy, NamedNode);
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        input: &Self::Input,
    ) -> Result<(Needs, (NamedPolicy, NamedNode)), Error> {
        let policy = NamedPolicy::of(ctx, &input.policy_id)?;
        let node = NamedNode::within(ctx, &policy.organization, &input.target_id);
        let keys = policy.need(&actions::DETACH_POLICY).keys;
        let needs = Needs::one(policy.need(&actions::DETACH_POLICY));
        let needs = needs.and(node.need(&actions::DETACH_POLICY).with(keys));
        Ok((needs, (policy, node)))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (policy, node) = permit.target();
        let organization = &policy.organization;
        let (policy, node) = (policy.found()?, node.target()?);
        let (kind, id) = (policy.kind(), policy.id().to_owned());
        if !organization.state(kind).enabled {
            return Err(Conflict::TypeNotEnabled.into());
        }
        let mut attached = tree::policies_at(organization, node, kind);
        if id == tree::RCP_FULL_ACCESS {
            return Err(Invalid::NotDetachable.into());
        }
        if !attached.contains(&id) {
            return Err(Conflict::NotAttached.into());
        }
        if attached.len() == 1 {
            return Err(Constraint::LastAttachment.into());
        }
        attached.retain(|other| *other != id);
        let mut batch = Batch::default();
        tree::put_attached(&mut batch, organization, node, kind, attached);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("policyId", input.policy_id.as_str())
                .with("targetId", input.target_id.as_str()),
        )
    }
}
