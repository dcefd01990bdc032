//! `ListAccounts`: the accounts of the organization.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{ListAccountsRequest, ListAccountsResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::records::{NodeKind, OrganizationRecord};
use crate::organizations::{listing, scope, shape, tables};

/// Lists every account, closed ones included.
#[derive(Debug)]
pub(crate) struct ListAccounts;

impl Operation for ListAccounts {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListAccounts";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ACCOUNTS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListAccountsRequest;
    type Output = ListAccountsResponse;
    type Target = Arc<OrganizationRecord>;
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        _input: &Self::Input,
    ) -> Result<(Needs, Arc<OrganizationRecord>), Error> {
        let organization = scope::management(ctx)?;
        Ok((
            Needs::one(Need::anywhere(&actions::LIST_ACCOUNTS)),
            organization,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (view, organization) = (ctx.view(), permit.target());
        let everything = tables::all();
        let nodes = view.scan(&tables::NODES, &everything, None);
        let accounts = nodes
            .filter(|(_, row)| row.record.kind == NodeKind::Account)
            .filter_map(|(_, row)| {
                let account = shape::account(view, organization, row.record)?;
                Some((row.record.id.clone(), account))
            });
        let cut = listing::page(
            &[Self::NAME],
            (input.next_token.as_deref(), input.max_results),
            accounts,
        )?;
        Ok(Reply::read(ListAccountsResponse {
            accounts: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}
