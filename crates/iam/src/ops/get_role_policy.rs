//! `GetRolePolicy`: one inline policy of a role.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{GetRolePolicyRequest, GetRolePolicyResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedRole;
use crate::{Error, actions, documents, inline};

/// Returns the text of an inline policy, percent-encoded as AWS does.
///
/// Fails with `NoSuchEntity` if there is no such role or policy.
#[derive(Debug)]
pub(crate) struct GetRolePolicy;

impl Operation for GetRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetRolePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_ROLE_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetRolePolicyRequest;
    type Output = GetRolePolicyResponse;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedRole), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((Needs::one(named.need(&actions::GET_ROLE_POLICY)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().found()?;
        let inline = inline::find(ctx.view(), &**role, &input.policy_name)?;
        Ok(Reply::read(GetRolePolicyResponse {
            role_name: role.name.clone(),
            policy_name: inline.name.clone(),
            policy_document: documents::encoded(inline.policy.text()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .with("policyName", input.policy_name.as_str()),
        )
    }
}
