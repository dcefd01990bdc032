//! `UpdateUser`: another name or path for a user.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::UpdateUserRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedUser};
use crate::records::{KeyOwner, UserRecord};
use crate::{Error, actions, tables};

/// Renames or moves a user. Its unique id, keys, groups and policies stay, and what names it by
/// its id goes on naming it.
///
/// Needs the permission on both the old and the new ARN. Fails with `NoSuchEntity` if there is
/// no such user, and with `EntityAlreadyExists` if another has the new name.
#[derive(Debug)]
pub(crate) struct UpdateUser;

impl Operation for UpdateUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateUser";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_USER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UpdateUserRequest;
    type Output = Empty;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        let (path, name) = (input.new_path.as_deref(), input.new_user_name.as_deref());
        let needs = named.needs_to_move(&actions::UPDATE_USER, path, name);
        Ok((needs, named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().found()?;
        let mut moved = UserRecord::clone(user);
        moved.path = input.new_path.unwrap_or(moved.path);
        moved.name = input.new_user_name.unwrap_or(moved.name);
        let mut batch = Batch::default();
        for id in &user.access_keys {
            let row = tables::access_key(id);
            if let Some(key) = ctx.view().get(&tables::ACCESS_KEYS, &row) {
                let mut key = key.record.clone();
                key.owner = KeyOwner::User {
                    id: moved.id.clone(),
                    name: moved.name.clone(),
                };
                batch.put(&tables::ACCESS_KEYS, row, key);
            }
        }
        lookup::put_moved(&mut batch, ctx.view(), &**user, moved)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .maybe("newPath", input.new_path.as_deref())
                .maybe("newUserName", input.new_user_name.as_deref()),
        )
    }
}
