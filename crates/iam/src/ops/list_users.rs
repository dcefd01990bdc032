//! `ListUsers`: the users of the caller's account.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListUsersRequest, ListUsersResponse};
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::records::EntityKind;
use crate::{Error, actions, lookup, shape, tables};

/// Lists users by name, all or those below a path, without tags and boundaries.
///
/// Fails with `ValidationError` for a marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListUsers;

impl Operation for ListUsers {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListUsers";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_USERS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListUsersRequest;
    type Output = ListUsersResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, AccountId), Error> {
        let account = lookup::account(ctx)?;
        let path = input.path_prefix.as_deref();
        let need = lookup::listing_need(&actions::LIST_USERS, EntityKind::User, account, path);
        Ok((Needs::one(need), account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let path = input.path_prefix.as_deref().unwrap_or("/");
        let listing = [Self::NAME, account.as_str(), path];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let prefix = tables::account(account);
        let users = ctx
            .view()
            .scan(&tables::USERS, &prefix, None)
            .map(|(_, row)| row.record);
        let below = users.filter(|user| user.path.starts_with(path));
        let cut = page.cut(below.map(|user| (user.name.to_lowercase(), shape::listed_user(user))));
        Ok(Reply::read(ListUsersResponse {
            is_truncated: Some(cut.is_truncated()),
            users: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .maybe("pathPrefix", input.path_prefix.as_deref())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
