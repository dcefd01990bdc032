//! `GetPolicy`: one managed policy, without its text.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{GetPolicyRequest, GetPolicyResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::managed::Usage;
use crate::{Error, actions, shape};

/// Returns a managed policy of the account or of AWS, with how often the account uses it.
///
/// Fails with `ValidationError` if the ARN is none, and with `NoSuchEntity` if there is no
/// such policy.
#[derive(Debug)]
pub(crate) struct GetPolicy;

impl Operation for GetPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetPolicyRequest;
    type Output = GetPolicyResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((Needs::one(named.need_to_read(&actions::GET_POLICY)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let policy = named.found()?;
        let usage = Usage::of(ctx.view(), named.account, &named.arn);
        Ok(Reply::read(GetPolicyResponse {
            policy: Some(shape::policy(policy, usage)),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        event::about_policy(Fields::default().with("policyArn", arn), arn)
    }
}
