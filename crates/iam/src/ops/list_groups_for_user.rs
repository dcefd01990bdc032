//! `ListGroupsForUser`: the groups that a user is in.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListGroupsForUserRequest, ListGroupsForUserResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::{Error, actions, members, shape};

/// Lists the groups that a user is in, by name.
///
/// Fails with `NoSuchEntity` if there is no such user, and with `ValidationError` for a marker
/// that another listing made.
#[derive(Debug)]
pub(crate) struct ListGroupsForUser;

impl Operation for ListGroupsForUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListGroupsForUser";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_GROUPS_FOR_USER];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListGroupsForUserRequest;
    type Output = ListGroupsForUserResponse;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        Ok((
            Needs::one(named.need(&actions::LIST_GROUPS_FOR_USER)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().found()?;
        let listing = [Self::NAME, user.id.as_str()];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let mut groups: Vec<_> = members::of_user(ctx.view(), user)
            .iter()
            .map(|group| (group.name.to_lowercase(), shape::group(group)))
            .collect();
        groups.sort_by(|(one, _), (other, _)| one.cmp(other));
        let cut = page.cut(groups);
        Ok(Reply::read(ListGroupsForUserResponse {
            is_truncated: Some(cut.is_truncated()),
            groups: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
