//! `GetGroupPolicy`: one inline policy of a group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{GetGroupPolicyRequest, GetGroupPolicyResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedGroup;
use crate::{Error, actions, documents, inline};

/// Returns the text of an inline policy, percent-encoded as AWS does.
///
/// Fails with `NoSuchEntity` if there is no such group or policy.
#[derive(Debug)]
pub(crate) struct GetGroupPolicy;

impl Operation for GetGroupPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetGroupPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_GROUP_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetGroupPolicyRequest;
    type Output = GetGroupPolicyResponse;
    type Target = NamedGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedGroup), Error> {
        let named = NamedGroup::of(ctx, &input.group_name)?;
        Ok((Needs::one(named.need(&actions::GET_GROUP_POLICY)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().found()?;
        let inline = inline::find(ctx.view(), &**group, &input.policy_name)?;
        Ok(Reply::read(GetGroupPolicyResponse {
            group_name: group.name.clone(),
            policy_name: inline.name.clone(),
            policy_document: documents::encoded(inline.policy.text()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("groupName", input.group_name.as_str())
                .with("policyName", input.policy_name.as_str()),
        )
    }
}
