//! `DeleteUser`: ends a user that nothing belongs to any more.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteUserRequest;
use store::Batch;
use types::Service;

use crate::error::Dependent;
use crate::event::{self, Fields};
use crate::lookup::{self, NamedUser};
use crate::{Error, actions, inline};

/// Deletes a user; its requests fail from then on.
///
/// Fails with `NoSuchEntity` if there is no such user, and with `DeleteConflict` while it has
/// inline policies, attached policies or access keys, or is in a group. A permissions boundary
/// goes with it.
#[derive(Debug)]
pub(crate) struct DeleteUser;

impl Operation for DeleteUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteUser";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_USER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteUserRequest;
    type Output = Empty;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedUser), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        Ok((Needs::one(named.need(&actions::DELETE_USER)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().found()?;
        inline::without_policies(ctx.view(), &**user)?;
        if !user.access_keys.is_empty() {
            return Err(Error::InUse(Dependent::AccessKeys));
        }
        if !user.groups.is_empty() {
            return Err(Error::InUse(Dependent::Memberships));
        }
        let mut batch = Batch::default();
        lookup::delete(&mut batch, &**user);
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("userName", input.user_name.as_str()))
    }
}
