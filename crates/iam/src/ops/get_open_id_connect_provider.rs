//! `GetOpenIDConnectProvider`: one identity provider.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{GetOpenIDConnectProviderRequest, GetOpenIDConnectProviderResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::providers::NamedProvider;
use crate::{Error, actions, tags};

/// Returns a provider: its URL without `https://`, as AWS shows it, its client ids, thumbprints
/// and tags.
///
/// Fails with `ValidationError` if the ARN is none, and with `NoSuchEntity` if there is no such
/// provider.
#[derive(Debug)]
pub(crate) struct GetOpenIDConnectProvider;

impl Operation for GetOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetOpenIDConnectProvider";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_OPEN_ID_CONNECT_PROVIDER];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetOpenIDConnectProviderRequest;
    type Output = GetOpenIDConnectProviderResponse;
    type Target = NamedProvider;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedProvider::of(ctx, &input.open_id_connect_provider_arn)?;
        Ok((
            Needs::one(named.need(&actions::GET_OPEN_ID_CONNECT_PROVIDER)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let provider = permit.target().found()?;
        Ok(Reply::read(GetOpenIDConnectProviderResponse {
            url: Some(provider.url.clone()),
            client_id_list: Some(provider.client_ids.clone()),
            thumbprint_list: Some(provider.thumbprints.clone()),
            create_date: Some(provider.created),
            tags: tags::shape(&provider.tags),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::about_provider(Fields::default(), &input.open_id_connect_provider_arn)
    }
}
