//! `ListRoleTags`: the tags of a role.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListRoleTagsRequest, ListRoleTagsResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedRole;
use crate::{Error, actions, tags};

/// Lists the tags of a role, by key.
///
/// Fails with `NoSuchEntity` if there is no such role, and with `ValidationError` for a marker
/// that another listing made.
#[derive(Debug)]
pub(crate) struct ListRoleTags;

impl Operation for ListRoleTags {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListRoleTags";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ROLE_TAGS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListRoleTagsRequest;
    type Output = ListRoleTagsResponse;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((Needs::one(named.need(&actions::LIST_ROLE_TAGS)), named))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().found()?;
        let listing = [Self::NAME, role.id.as_str()];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let cut = page.cut(tags::by_key(&role.tags));
        Ok(Reply::read(ListRoleTagsResponse {
            is_truncated: Some(cut.is_truncated()),
            tags: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
