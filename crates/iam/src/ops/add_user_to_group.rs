//! `AddUserToGroup`: makes a user a member of a group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::AddUserToGroupRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{NamedGroup, NamedUser};
use crate::{Error, actions, members};

/// Makes a user a member of a group, whose policies are then its own too. Adding a member again
/// changes nothing.
///
/// Fails with `NoSuchEntity` if there is no such user or group, and with `LimitExceeded` beyond
/// ten groups.
#[derive(Debug)]
pub(crate) struct AddUserToGroup;

impl Operation for AddUserToGroup {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "AddUserToGroup";
    const ACTIONS: &'static [&'static Action] = &[&actions::ADD_USER_TO_GROUP];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = AddUserToGroupRequest;
    type Output = Empty;
    type Target = (NamedGroup, NamedUser);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let group = NamedGroup::of(ctx, &input.group_name)?;
        let user = NamedUser::of(ctx, &input.user_name)?;
        Ok((
            Needs::one(group.need(&actions::ADD_USER_TO_GROUP)),
            (group, user),
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (group, user) = permit.target();
        let batch = members::join(group.found()?, user.found()?)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .with("groupName", input.group_name.as_str()),
        )
    }
}
