//! `DeleteGroupPolicy`: removes an inline policy of a group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteGroupPolicyRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedGroup;
use crate::{Error, actions, inline};

/// Removes an inline policy; what it granted is gone with the next request.
///
/// Fails with `NoSuchEntity` if there is no such group or policy.
#[derive(Debug)]
pub(crate) struct DeleteGroupPolicy;

impl Operation for DeleteGroupPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteGroupPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_GROUP_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteGroupPolicyRequest;
    type Output = Empty;
    type Target = NamedGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedGroup), Error> {
        let named = NamedGroup::of(ctx, &input.group_name)?;
        Ok((Needs::one(named.need(&actions::DELETE_GROUP_POLICY)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().changeable()?;
        let batch = inline::delete(ctx.view(), &**group, &input.policy_name)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("groupName", input.group_name.as_str())
                .with("policyName", input.policy_name.as_str()),
        )
    }
}
