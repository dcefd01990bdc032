//! `GetAccountSummary`: what the account has, and its quotas.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::GetAccountSummaryResponse;
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::{Error, actions, lookup, summary};

/// Counts the account's users, groups, roles and policies and the keys of the root user, and
/// says how many there may be.
#[derive(Debug)]
pub(crate) struct GetAccountSummary;

impl Operation for GetAccountSummary {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetAccountSummary";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_ACCOUNT_SUMMARY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = Empty;
    type Output = GetAccountSummaryResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let need = Need::anywhere(&actions::GET_ACCOUNT_SUMMARY);
        Ok((Needs::one(need), lookup::account(ctx)?))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let summary = summary::of(ctx.view(), account);
        Ok(Reply::read(GetAccountSummaryResponse {
            summary_map: Some(summary),
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default())
    }
}
