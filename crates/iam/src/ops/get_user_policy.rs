//! `GetUserPolicy`: one inline policy of a user.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{GetUserPolicyRequest, GetUserPolicyResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::{Error, actions, documents, inline};

/// Returns the text of an inline policy, percent-encoded as AWS does.
///
/// Fails with `NoSuchEntity` if there is no such user or policy.
#[derive(Debug)]
pub(crate) struct GetUserPolicy;

impl Operation for GetUserPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetUserPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_USER_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetUserPolicyRequest;
    type Output = GetUserPolicyResponse;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedUser), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        Ok((Needs::one(named.need(&actions::GET_USER_POLICY)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().found()?;
        let inline = inline::find(ctx.view(), &**user, &input.policy_name)?;
        Ok(Reply::read(GetUserPolicyResponse {
            user_name: user.name.clone(),
            policy_name: inline.name.clone(),
            policy_document: documents::encoded(inline.policy.text()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .with("policyName", input.policy_name.as_str()),
        )
    }
}
