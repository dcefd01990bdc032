//! `DeleteRolePolicy`: removes an inline policy of a role.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteRolePolicyRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedRole;
use crate::{Error, actions, inline};

/// Removes an inline policy; what it granted is gone with the next request.
///
/// Fails with `NoSuchEntity` if there is no such role or policy.
#[derive(Debug)]
pub(crate) struct DeleteRolePolicy;

impl Operation for DeleteRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteRolePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_ROLE_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteRolePolicyRequest;
    type Output = Empty;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedRole), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        let keys = KeySet::default().maybe("iam:permissionsboundary", named.boundary());
        Ok((
            Needs::one(named.need(&actions::DELETE_ROLE_POLICY).with(keys)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().changeable()?;
        let batch = inline::delete(ctx.view(), &**role, &input.policy_name)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .with("policyName", input.policy_name.as_str()),
        )
    }
}
