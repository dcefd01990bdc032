//! `ListAccountAliases`: the account's other name.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListAccountAliasesRequest, ListAccountAliasesResponse};
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::{Error, actions, lookup, tables};

/// Lists the alias of the caller's account, which has one at most.
///
/// Fails with `ValidationError` for a marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListAccountAliases;

impl Operation for ListAccountAliases {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListAccountAliases";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ACCOUNT_ALIASES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListAccountAliasesRequest;
    type Output = ListAccountAliasesResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let need = Need::anywhere(&actions::LIST_ACCOUNT_ALIASES);
        Ok((Needs::one(need), lookup::account(ctx)?))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let listing = [Self::NAME, account.as_str()];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let row = tables::account(account);
        let alias = ctx.view().get(&tables::ACCOUNT_ALIASES, &row);
        let alias = alias.map(|row| row.record.alias.clone());
        let cut = page.cut(alias.map(|alias| (alias.clone(), alias)));
        Ok(Reply::read(ListAccountAliasesResponse {
            is_truncated: Some(cut.is_truncated()),
            account_aliases: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().page(input.marker.as_deref(), input.max_items))
    }
}
