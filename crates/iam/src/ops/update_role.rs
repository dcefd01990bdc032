//! `UpdateRole`: another description or session length for a role.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{UpdateRoleRequest, UpdateRoleResponse};
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedRole};
use crate::records::{RoleRecord, role};
use crate::{Error, actions};

/// Changes the description, the maximum session duration, or both; without either nothing.
/// Sessions that exist keep their end.
///
/// Fails with `NoSuchEntity` if there is no such role, and with `UnmodifiableEntity` for another
/// session length of a service-linked role.
#[derive(Debug)]
pub(crate) struct UpdateRole;

impl Operation for UpdateRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateRole";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_ROLE];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UpdateRoleRequest;
    type Output = UpdateRoleResponse;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((Needs::one(named.need(&actions::UPDATE_ROLE)), named))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut role = match input.max_session_duration {
            Some(_) => RoleRecord::clone(permit.target().changeable()?),
            None => RoleRecord::clone(permit.target().found()?),
        };
        if let Some(description) = input.description {
            role.description = Some(description);
        }
        if let Some(seconds) = input.max_session_duration {
            role.max_session = role::max_session(Some(seconds));
        }
        let mut batch = Batch::default();
        lookup::put(&mut batch, role);
        Ok(Reply::write(UpdateRoleResponse {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .maybe("description", input.description.as_deref())
                .maybe("maxSessionDuration", input.max_session_duration),
        )
    }
}
