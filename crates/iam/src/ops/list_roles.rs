//! `ListRoles`: the roles of the caller's account.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListRolesRequest, ListRolesResponse};
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::records::EntityKind;
use crate::{Error, actions, lookup, shape, tables};

/// Lists roles by name, all or those below a path, without tags, boundaries and last uses.
///
/// Fails with `ValidationError` for a marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListRoles;

impl Operation for ListRoles {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListRoles";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ROLES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListRolesRequest;
    type Output = ListRolesResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = lookup::account(ctx)?;
        let path = input.path_prefix.as_deref();
        let need = lookup::listing_need(&actions::LIST_ROLES, EntityKind::Role, account, path);
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
        let all = ctx
            .view()
            .scan(&tables::ROLES, &prefix, None)
            .map(|(_, row)| row.record);
        let below = all.filter(|found| found.path.starts_with(path));
        let cut = page.cut(below.map(|found| {
            (
                found.name.to_lowercase(),
                shape::listed_role(ctx.view(), found),
            )
        }));
        Ok(Reply::read(ListRolesResponse {
            is_truncated: Some(cut.is_truncated()),
            roles: cut.items,
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
