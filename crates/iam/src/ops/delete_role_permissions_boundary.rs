//! `DeleteRolePermissionsBoundary`: takes the boundary of a role away.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteRolePermissionsBoundaryRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedRole;
use crate::records::EntityKind;
use crate::{Error, actions, attachments};

/// Takes the permissions boundary away: the identity policies count without it again.
///
/// Fails with `NoSuchEntity` if there is no such role or if nothing bounds it, and with
/// `UnmodifiableEntity` for service-linked roles.
#[derive(Debug)]
pub(crate) struct DeleteRolePermissionsBoundary;

impl Operation for DeleteRolePermissionsBoundary {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteRolePermissionsBoundary";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_ROLE_PERMISSIONS_BOUNDARY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteRolePermissionsBoundaryRequest;
    type Output = Empty;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        let keys = KeySet::default().maybe("iam:permissionsboundary", named.boundary());
        let need = named.need(&actions::DELETE_ROLE_PERMISSIONS_BOUNDARY);
        Ok((Needs::one(need.with(keys)), named))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().changeable()?;
        if role.boundary.is_none() {
            return Err(Error::NotBounded {
                kind: EntityKind::Role,
                name: role.name.clone(),
            });
        }
        Ok(Reply::write(Empty {}, attachments::bound(&**role, None)))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("roleName", input.role_name.as_str()))
    }
}
