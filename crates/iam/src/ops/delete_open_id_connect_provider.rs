//! `DeleteOpenIDConnectProvider`: ends the trust in an issuer.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteOpenIDConnectProviderRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::providers::NamedProvider;
use crate::{Error, actions, tables};

/// Deletes a provider; one that does not exist is passed over, as AWS does. Its tokens are
/// refused from the next request on. Trust policies that name it stay as they are.
///
/// Fails with `ValidationError` if the ARN is none.
#[derive(Debug)]
pub(crate) struct DeleteOpenIDConnectProvider;

impl Operation for DeleteOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteOpenIDConnectProvider";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_OPEN_ID_CONNECT_PROVIDER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteOpenIDConnectProviderRequest;
    type Output = Empty;
    type Target = NamedProvider;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedProvider::of(ctx, &input.open_id_connect_provider_arn)?;
        Ok((
            Needs::one(named.need(&actions::DELETE_OPEN_ID_CONNECT_PROVIDER)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut batch = Batch::default();
        if let Some(provider) = permit.target().record() {
            let row = tables::named(provider.account, &provider.url);
            batch.delete(&tables::OPEN_ID_PROVIDERS, row);
        }
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::about_provider(Fields::default(), &input.open_id_connect_provider_arn)
    }
}
