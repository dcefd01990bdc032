//! `ListOpenIDConnectProviders`: the identity providers of the account.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{
    ListOpenIDConnectProvidersRequest, ListOpenIDConnectProvidersResponse,
    OpenIDConnectProviderListEntry,
};
use types::{AccountId, Arn, Service};

use crate::event::{self, Fields};
use crate::{Error, actions, lookup, tables};

/// Lists the ARNs of the account's providers, all at once: there are 100 at most.
#[derive(Debug)]
pub(crate) struct ListOpenIDConnectProviders;

impl Operation for ListOpenIDConnectProviders {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListOpenIDConnectProviders";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_OPEN_ID_CONNECT_PROVIDERS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListOpenIDConnectProvidersRequest;
    type Output = ListOpenIDConnectProvidersResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, AccountId), Error> {
        let account = lookup::account(ctx)?;
        // What AWS names in denials; its reference lists no resource.
        let all = Arn::new("iam", None, Some(account), "oidc-provider/*");
        let need = Need::on(&actions::LIST_OPEN_ID_CONNECT_PROVIDERS, all);
        Ok((Needs::one(need), account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let prefix = tables::account(permit.into_target());
        let rows = ctx.view().scan(&tables::OPEN_ID_PROVIDERS, &prefix, None);
        let entry = |arn: String| OpenIDConnectProviderListEntry { arn: Some(arn) };
        let list = rows.map(|(_, row)| entry(row.record.arn().into()));
        Ok(Reply::read(ListOpenIDConnectProvidersResponse {
            open_id_connect_provider_list: Some(list.collect()),
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default())
    }
}
