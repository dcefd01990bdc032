//! `DeleteRole`: ends a role that nothing belongs to any more.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteRoleRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedRole};
use crate::{Error, actions, inline, tables};

/// Deletes a role; requests of its sessions fail from then on.
///
/// Fails with `NoSuchEntity` if there is no such role, with `DeleteConflict` while it has inline
/// policies or attached policies, and with `UnmodifiableEntity` for service-linked roles. A
/// permissions boundary goes with it.
#[derive(Debug)]
pub(crate) struct DeleteRole;

impl Operation for DeleteRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteRole";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_ROLE];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteRoleRequest;
    type Output = Empty;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((Needs::one(named.need(&actions::DELETE_ROLE)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().changeable()?;
        inline::without_policies(ctx.view(), &**role)?;
        let mut batch = Batch::default();
        lookup::delete(&mut batch, &**role);
        batch.delete(&tables::ROLE_LAST_USED, tables::principal_id(&role.id));
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("roleName", input.role_name.as_str()))
    }
}
