//! `GetRole`: one role.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{GetRoleRequest, GetRoleResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::last_used::LastUsed;
use crate::lookup::NamedRole;
use crate::{Error, actions, shape};

/// Returns a role with its trust policy, tags, boundary and last use.
///
/// A user or role that is gone shows in the trust policy as its unique id. Fails with
/// `NoSuchEntity` if there is no such role.
#[derive(Debug)]
pub(crate) struct GetRole;

impl Operation for GetRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetRole";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_ROLE];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetRoleRequest;
    type Output = GetRoleResponse;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((Needs::one(named.need(&actions::GET_ROLE)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().found()?;
        let used = ctx.part::<LastUsed>()?.of_role(ctx.view(), &role.id);
        let used = Some(shape::role_last_used(used));
        Ok(Reply::read(GetRoleResponse {
            role: shape::role(ctx.view(), role, used),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("roleName", input.role_name.as_str()))
    }
}
