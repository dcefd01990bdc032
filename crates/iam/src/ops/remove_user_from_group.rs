//! `RemoveUserFromGroup`: ends a membership.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::RemoveUserFromGroupRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{NamedGroup, NamedUser};
use crate::{Error, actions, members};

/// Takes a user out of a group; what the group's policies granted is gone with the next request.
///
/// Fails with `NoSuchEntity` if there is no such user or group, or if the user is not in it.
#[derive(Debug)]
pub(crate) struct RemoveUserFromGroup;

impl Operation for RemoveUserFromGroup {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "RemoveUserFromGroup";
    const ACTIONS: &'static [&'static Action] = &[&actions::REMOVE_USER_FROM_GROUP];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = RemoveUserFromGroupRequest;
    type Output = Empty;
    type Target = (NamedGroup, NamedUser);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let group = NamedGroup::of(ctx, &input.group_name)?;
        let user = NamedUser::of(ctx, &input.user_name)?;
        Ok((
            Needs::one(group.need(&actions::REMOVE_USER_FROM_GROUP)),
            (group, user),
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (group, user) = permit.target();
        let batch = members::leave(group.found()?, user.found()?)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .with("groupName", input.group_name.as_str()),
        )
    }
}
