//! `UpdateRoleDescription`: another description for a role.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{UpdateRoleDescriptionRequest, UpdateRoleDescriptionResponse};
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedRole};
use crate::records::RoleRecord;
use crate::{Error, actions, shape};

/// Changes the description of a role and returns it.
///
/// Fails with `NoSuchEntity` if there is no such role.
#[derive(Debug)]
pub(crate) struct UpdateRoleDescription;

impl Operation for UpdateRoleDescription {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateRoleDescription";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_ROLE_DESCRIPTION];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UpdateRoleDescriptionRequest;
    type Output = UpdateRoleDescriptionResponse;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((
            Needs::one(named.need(&actions::UPDATE_ROLE_DESCRIPTION)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut role = RoleRecord::clone(permit.target().found()?);
        role.description = Some(input.description);
        let output = UpdateRoleDescriptionResponse {
            role: Some(shape::role(ctx.view(), &role, None)),
        };
        let mut batch = Batch::default();
        lookup::put(&mut batch, role);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .with("description", input.description.as_str()),
        )
    }
}
