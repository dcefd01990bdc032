//! `TagOpenIDConnectProvider`: adds or replaces tags of an identity provider.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::TagOpenIDConnectProviderRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::providers::NamedProvider;
use crate::records::OpenIdProviderRecord;
use crate::{Error, actions, tags};

/// Adds tags; a key that differs from an existing one in case only replaces it.
///
/// Fails with `ValidationError` if the ARN is none, with `NoSuchEntity` if there is no such
/// provider, with `InvalidInput` for keys that differ in case only, and with `LimitExceeded`
/// beyond 50 tags.
#[derive(Debug)]
pub(crate) struct TagOpenIDConnectProvider;

impl Operation for TagOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "TagOpenIDConnectProvider";
    const ACTIONS: &'static [&'static Action] = &[&actions::TAG_OPEN_ID_CONNECT_PROVIDER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = TagOpenIDConnectProviderRequest;
    type Output = Empty;
    type Target = (NamedProvider, Vec<(String, String)>);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedProvider::of(ctx, &input.open_id_connect_provider_arn)?;
        let tags = tags::read(Some(&input.tags))?;
        let need = named
            .need(&actions::TAG_OPEN_ID_CONNECT_PROVIDER)
            .with(tags::request_keys(&tags));
        Ok((Needs::one(need), (named, tags)))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, tags) = permit.into_target();
        let mut provider = OpenIdProviderRecord::clone(named.found()?);
        tags::merge(&mut provider.tags, tags, "TagsPerOpenIdConnectProvider")?;
        let mut batch = Batch::default();
        provider.put(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default().tags(Some(&input.tags));
        event::about_provider(request, &input.open_id_connect_provider_arn)
    }
}
