//! `GetGroup`: a group and its members.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{GetGroupRequest, GetGroupResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedGroup;
use crate::{Error, actions, members, shape};

/// Returns a group and a page of its members, by name.
///
/// Fails with `NoSuchEntity` if there is no such group, and with `ValidationError` for a
/// marker that another listing made.
#[derive(Debug)]
pub(crate) struct GetGroup;

impl Operation for GetGroup {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetGroup";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_GROUP];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetGroupRequest;
    type Output = GetGroupResponse;
    type Target = NamedGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedGroup::of(ctx, &input.group_name)?;
        Ok((Needs::one(named.need(&actions::GET_GROUP)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().found()?;
        let listing = [Self::NAME, group.id.as_str()];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let mut users: Vec<_> = members::of_group(ctx.view(), group)
            .iter()
            .map(|user| (user.name.to_lowercase(), shape::listed_user(user)))
            .collect();
        users.sort_by(|(one, _), (other, _)| one.cmp(other));
        let cut = page.cut(users);
        Ok(Reply::read(GetGroupResponse {
            group: shape::group(group),
            is_truncated: Some(cut.is_truncated()),
            users: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("groupName", input.group_name.as_str())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
