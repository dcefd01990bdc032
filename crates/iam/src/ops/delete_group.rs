//! `DeleteGroup`: ends a group that nothing belongs to any more.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteGroupRequest;
use store::Batch;
use types::Service;

use crate::error::Dependent;
use crate::event::{self, Fields};
use crate::lookup::{self, NamedGroup};
use crate::{Error, actions, inline, members};

/// Deletes a group.
///
/// Fails with `NoSuchEntity` if there is no such group, and with `DeleteConflict` while it has
/// members, inline policies or attached policies.
#[derive(Debug)]
pub(crate) struct DeleteGroup;

impl Operation for DeleteGroup {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteGroup";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_GROUP];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteGroupRequest;
    type Output = Empty;
    type Target = NamedGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedGroup::of(ctx, &input.group_name)?;
        Ok((Needs::one(named.need(&actions::DELETE_GROUP)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().found()?;
        if !members::of_group(ctx.view(), group).is_empty() {
            return Err(Error::InUse(Dependent::Memberships));
        }
        inline::without_policies(ctx.view(), &**group)?;
        let mut batch = Batch::default();
        lookup::delete(&mut batch, &**group);
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("groupName", input.group_name.as_str()))
    }
}
