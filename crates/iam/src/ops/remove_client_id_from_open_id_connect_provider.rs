//! `RemoveClientIDFromOpenIDConnectProvider`: one audience less.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::RemoveClientIDFromOpenIDConnectProviderRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::providers::NamedProvider;
use crate::records::OpenIdProviderRecord;
use crate::{Error, actions};

/// Removes an audience, whose tokens are refused from the next request on; one that the provider
/// does not have is passed over, as AWS does.
///
/// Fails with `ValidationError` if the ARN is none, and with `NoSuchEntity` if there is no such
/// provider.
#[derive(Debug)]
pub(crate) struct RemoveClientIDFromOpenIDConnectProvider;

impl Operation for RemoveClientIDFromOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "RemoveClientIDFromOpenIDConnectProvider";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::REMOVE_CLIENT_ID_FROM_OPEN_ID_CONNECT_PROVIDER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = RemoveClientIDFromOpenIDConnectProviderRequest;
    type Output = Empty;
    type Target = NamedProvider;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedProvider::of(ctx, &input.open_id_connect_provider_arn)?;
        Ok((
            Needs::one(named.need(&actions::REMOVE_CLIENT_ID_FROM_OPEN_ID_CONNECT_PROVIDER)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut provider = OpenIdProviderRecord::clone(permit.target().found()?);
        provider.client_ids.retain(|id| *id != input.client_id);
        let mut batch = Batch::default();
        provider.put(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default().with("clientID", input.client_id.as_str());
        event::about_provider(request, &input.open_id_connect_provider_arn)
    }
}
