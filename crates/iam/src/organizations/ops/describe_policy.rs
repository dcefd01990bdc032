//! `DescribePolicy`: one policy with its content.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{DescribePolicyRequest, DescribePolicyResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::scope::NamedPolicy;
use crate::organizations::shape;

/// Returns a policy.
///
/// Fails with `PolicyNotFoundException`.
#[derive(Debug)]
pub(crate) struct DescribePolicy;

impl Operation for DescribePolicy {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DescribePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DESCRIBE_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribePolicyRequest;
    type Output = DescribePolicyResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let policy = NamedPolicy::of(ctx, &input.policy_id)?;
        Ok((Needs::one(policy.need(&actions::DESCRIBE_POLICY)), policy))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let policy = shape::policy(&named.organization, named.found()?);
        Ok(Reply::read(DescribePolicyResponse {
            policy: Some(policy),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("policyId", input.policy_id.as_str()))
    }
}
