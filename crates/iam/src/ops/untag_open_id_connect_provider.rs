//! `UntagOpenIDConnectProvider`: removes tags of an identity provider.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::UntagOpenIDConnectProviderRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::providers::NamedProvider;
use crate::records::OpenIdProviderRecord;
use crate::{Error, actions, tags};

/// Removes tags by their keys, without regard to case. Keys that no tag has are passed over.
///
/// Fails with `ValidationError` if the ARN is none, and with `NoSuchEntity` if there is no such
/// provider.
#[derive(Debug)]
pub(crate) struct UntagOpenIDConnectProvider;

impl Operation for UntagOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UntagOpenIDConnectProvider";
    const ACTIONS: &'static [&'static Action] = &[&actions::UNTAG_OPEN_ID_CONNECT_PROVIDER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UntagOpenIDConnectProviderRequest;
    type Output = Empty;
    type Target = NamedProvider;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedProvider::of(ctx, &input.open_id_connect_provider_arn)?;
        let keys = KeySet::default().many("aws:tagkeys", input.tag_keys.clone());
        let need = named.need(&actions::UNTAG_OPEN_ID_CONNECT_PROVIDER);
        Ok((Needs::one(need.with(keys)), named))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut provider = OpenIdProviderRecord::clone(permit.target().found()?);
        tags::remove(&mut provider.tags, &input.tag_keys);
        let mut batch = Batch::default();
        provider.put(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default().with("tagKeys", input.tag_keys.clone());
        event::about_provider(request, &input.open_id_connect_provider_arn)
    }
}
