//! `DeleteUserPermissionsBoundary`: takes the boundary of a user away.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteUserPermissionsBoundaryRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::records::EntityKind;
use crate::{Error, actions, attachments};

/// Takes the permissions boundary away: the identity policies count without it again.
///
/// Fails with `NoSuchEntity` if there is no such user or if nothing bounds it.
#[derive(Debug)]
pub(crate) struct DeleteUserPermissionsBoundary;

impl Operation for DeleteUserPermissionsBoundary {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteUserPermissionsBoundary";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_USER_PERMISSIONS_BOUNDARY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteUserPermissionsBoundaryRequest;
    type Output = Empty;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        let keys = KeySet::default().maybe("iam:permissionsboundary", named.boundary());
        let need = named.need(&actions::DELETE_USER_PERMISSIONS_BOUNDARY);
        Ok((Needs::one(need.with(keys)), named))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().changeable()?;
        if user.boundary.is_none() {
            return Err(Error::NotBounded {
                kind: EntityKind::User,
                name: user.name.clone(),
            });
        }
        Ok(Reply::write(Empty {}, attachments::bound(&**user, None)))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("userName", input.user_name.as_str()))
    }
}
