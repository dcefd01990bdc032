//! `PutGroupPolicy`: adds or replaces an inline policy of a group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::PutGroupPolicyRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedGroup;
use crate::{Error, actions, inline};

/// Adds an inline policy, or replaces the one of that name.
///
/// Fails with `NoSuchEntity` if there is no such group, with `MalformedPolicyDocument`, and
/// with `LimitExceeded` if the group's inline policies together would have more than 5,120
/// characters that are not white space.
#[derive(Debug)]
pub(crate) struct PutGroupPolicy;

impl Operation for PutGroupPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "PutGroupPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::PUT_GROUP_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = PutGroupPolicyRequest;
    type Output = Empty;
    type Target = NamedGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedGroup), Error> {
        let named = NamedGroup::of(ctx, &input.group_name)?;
        Ok((Needs::one(named.need(&actions::PUT_GROUP_POLICY)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().changeable()?;
        let (name, document) = (input.policy_name, &input.policy_document);
        let batch = inline::put(ctx.view(), &**group, name, document)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("groupName", input.group_name.as_str())
                .with("policyName", input.policy_name.as_str())
                .with("policyDocument", input.policy_document.as_str()),
        )
    }
}
