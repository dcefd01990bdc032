//! `UpdateOpenIDConnectProviderThumbprint`: other thumbprints.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::UpdateOpenIDConnectProviderThumbprintRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::providers::NamedProvider;
use crate::records::OpenIdProviderRecord;
use crate::{Error, actions, providers};

/// Replaces all thumbprints. They are kept for clients that read them back: whose certificate is
/// trusted is said by the server's configuration.
///
/// Fails with `ValidationError` if the ARN is none, with `NoSuchEntity` if there is no such
/// provider, and with `InvalidInput` for none, more than five, or malformed ones.
#[derive(Debug)]
pub(crate) struct UpdateOpenIDConnectProviderThumbprint;

impl Operation for UpdateOpenIDConnectProviderThumbprint {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateOpenIDConnectProviderThumbprint";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::UPDATE_OPEN_ID_CONNECT_PROVIDER_THUMBPRINT];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UpdateOpenIDConnectProviderThumbprintRequest;
    type Output = Empty;
    type Target = NamedProvider;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedProvider::of(ctx, &input.open_id_connect_provider_arn)?;
        Ok((
            Needs::one(named.need(&actions::UPDATE_OPEN_ID_CONNECT_PROVIDER_THUMBPRINT)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut provider = OpenIdProviderRecord::clone(permit.target().found()?);
        if input.thumbprint_list.is_empty() {
            return Err(Error::InvalidThumbprint);
        }
        provider.thumbprints = providers::thumbprints(&input.thumbprint_list)?;
        let mut batch = Batch::default();
        provider.put(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default().with("thumbprintList", input.thumbprint_list.clone());
        event::about_provider(request, &input.open_id_connect_provider_arn)
    }
}
