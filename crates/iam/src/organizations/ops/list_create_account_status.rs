//! `ListCreateAccountStatus`: what became of all requests to create accounts.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{ListCreateAccountStatusRequest, ListCreateAccountStatusResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::records::OrganizationRecord;
use crate::organizations::{listing, scope, shape, tables};

/// Lists the status of every `CreateAccount`, or of those in some states.
#[derive(Debug)]
pub(crate) struct ListCreateAccountStatus;

impl Operation for ListCreateAccountStatus {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListCreateAccountStatus";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_CREATE_ACCOUNT_STATUS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListCreateAccountStatusRequest;
    type Output = ListCreateAccountStatusResponse;
    type Target = Arc<OrganizationRecord>;
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        _input: &Self::Input,
    ) -> Result<(Needs, Arc<OrganizationRecord>), Error> {
        let organization = scope::management(ctx)?;
        Ok((
            Needs::one(Need::anywhere(&actions::LIST_CREATE_ACCOUNT_STATUS)),
            organization,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let states = input.states.as_deref().unwrap_or_default();
        let everything = tables::all();
        let creations = ctx.view().scan(&tables::CREATIONS, &everything, None);
        let creations = creations
            .map(|(_, row)| (row.record.id.clone(), shape::creation(row.record)))
            .filter(|(_, status)| {
                states.is_empty() || status.state.is_some_and(|state| states.contains(&state))
            });
        let mut listed = vec![Self::NAME];
        listed.extend(states.iter().map(|state| state.as_str()));
        let cut = listing::page(
            &listed,
            (input.next_token.as_deref(), input.max_results),
            creations,
        )?;
        Ok(Reply::read(ListCreateAccountStatusResponse {
            create_account_statuses: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .maybe(
                    "states",
                    input.states.as_ref().map(|states| {
                        let states = states.iter();
                        states
                            .map(|state| state.as_str().into())
                            .collect::<Vec<serde_json::Value>>()
                    }),
                )
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}
