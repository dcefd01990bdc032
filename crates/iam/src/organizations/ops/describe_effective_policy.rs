//! `DescribeEffectivePolicy`: the aggregated policy of an account.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{DescribeEffectivePolicyRequest, DescribeEffectivePolicyResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Error, Missing};
use crate::organizations::scope;
use crate::organizations::scope::NamedNode;

/// Fails with `EffectivePolicyNotFoundException`: the policy types that are aggregated do not
/// exist here. Fails with `TargetNotFoundException` for what is no account of the organization.
/// Members may ask about themselves only.
#[derive(Debug)]
pub(crate) struct DescribeEffectivePolicy;

impl Operation for DescribeEffectivePolicy {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DescribeEffectivePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DESCRIBE_EFFECTIVE_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeEffectivePolicyRequest;
    type Output = DescribeEffectivePolicyResponse;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let organization = scope::member(ctx)?;
        let caller = ctx.account().ok_or(Error::NotInUse)?;
        let target = input.target_id.as_deref().unwrap_or(caller.as_str());
        if caller != organization.management && target != caller.as_str() {
            return Err(Error::NotManagement);
        }
        let node = NamedNode::within(ctx, &organization, target);
        // The action has no resource that policies could name.
        Ok((
            Needs::one(Need::anywhere(&actions::DESCRIBE_EFFECTIVE_POLICY)),
            node,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        permit.target().found(Missing::Target)?;
        Err(Missing::EffectivePolicy.into())
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("policyType", input.policy_type.as_str())
                .maybe("targetId", input.target_id.as_deref()),
        )
    }
}
