//! `UpdateGroup`: another name or path for a group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::UpdateGroupRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedGroup};
use crate::records::GroupRecord;
use crate::{Error, actions};

/// Renames or moves a group. Members and policies stay.
///
/// Needs the permission on both the old and the new ARN. Fails with `NoSuchEntity` if there is
/// no such group, and with `EntityAlreadyExists` if another has the new name.
#[derive(Debug)]
pub(crate) struct UpdateGroup;

impl Operation for UpdateGroup {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateGroup";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_GROUP];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UpdateGroupRequest;
    type Output = Empty;
    type Target = NamedGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedGroup::of(ctx, &input.group_name)?;
        let (path, name) = (input.new_path.as_deref(), input.new_group_name.as_deref());
        let needs = named.needs_to_move(&actions::UPDATE_GROUP, path, name);
        Ok((needs, named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().found()?;
        let mut moved = GroupRecord::clone(group);
        moved.path = input.new_path.unwrap_or(moved.path);
        moved.name = input.new_group_name.unwrap_or(moved.name);
        let mut batch = Batch::default();
        lookup::put_moved(&mut batch, ctx.view(), &**group, moved)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("groupName", input.group_name.as_str())
                .maybe("newPath", input.new_path.as_deref())
                .maybe("newGroupName", input.new_group_name.as_deref()),
        )
    }
}
