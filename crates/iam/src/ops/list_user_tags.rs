//! `ListUserTags`: the tags of a user.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListUserTagsRequest, ListUserTagsResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::{Error, actions, tags};

/// Lists the tags of a user, by key.
///
/// Fails with `NoSuchEntity` if there is no such user, and with `ValidationError` for a marker
/// that another listing made.
#[derive(Debug)]
pub(crate) struct ListUserTags;

impl Operation for ListUserTags {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListUserTags";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_USER_TAGS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListUserTagsRequest;
    type Output = ListUserTagsResponse;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        Ok((Needs::one(named.need(&actions::LIST_USER_TAGS)), named))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().found()?;
        let listing = [Self::NAME, user.id.as_str()];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let cut = page.cut(tags::by_key(&user.tags));
        Ok(Reply::read(ListUserTagsResponse {
            is_truncated: Some(cut.is_truncated()),
            tags: cut.items,
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
