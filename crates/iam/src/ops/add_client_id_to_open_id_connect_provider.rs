//! `AddClientIDToOpenIDConnectProvider`: one more audience.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::AddClientIDToOpenIDConnectProviderRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::providers::NamedProvider;
use crate::records::OpenIdProviderRecord;
use crate::{Error, actions, providers};

/// Adds an audience that the provider's tokens may be for; one that it has already is passed
/// over, as AWS does.
///
/// Fails with `ValidationError` if the ARN is none, with `NoSuchEntity` if there is no such
/// provider, and with `LimitExceeded` beyond 100.
#[derive(Debug)]
pub(crate) struct AddClientIDToOpenIDConnectProvider;

impl Operation for AddClientIDToOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "AddClientIDToOpenIDConnectProvider";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::ADD_CLIENT_ID_TO_OPEN_ID_CONNECT_PROVIDER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = AddClientIDToOpenIDConnectProviderRequest;
    type Output = Empty;
    type Target = NamedProvider;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedProvider::of(ctx, &input.open_id_connect_provider_arn)?;
        Ok((
            Needs::one(named.need(&actions::ADD_CLIENT_ID_TO_OPEN_ID_CONNECT_PROVIDER)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut provider = OpenIdProviderRecord::clone(permit.target().found()?);
        providers::add_client_id(&mut provider.client_ids, &input.client_id)?;
        let mut batch = Batch::default();
        provider.put(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default().with("clientID", input.client_id.as_str());
        event::about_provider(request, &input.open_id_connect_provider_arn)
    }
}
