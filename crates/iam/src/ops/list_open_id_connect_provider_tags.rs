//! `ListOpenIDConnectProviderTags`: the tags of an identity provider.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListOpenIDConnectProviderTagsRequest, ListOpenIDConnectProviderTagsResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::providers::NamedProvider;
use crate::{Error, actions, tags};

/// Lists the tags of a provider, by key.
///
/// Fails with `ValidationError` if the ARN is none or for a marker that another listing made,
/// and with `NoSuchEntity` if there is no such provider.
#[derive(Debug)]
pub(crate) struct ListOpenIDConnectProviderTags;

impl Operation for ListOpenIDConnectProviderTags {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListOpenIDConnectProviderTags";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_OPEN_ID_CONNECT_PROVIDER_TAGS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListOpenIDConnectProviderTagsRequest;
    type Output = ListOpenIDConnectProviderTagsResponse;
    type Target = NamedProvider;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedProvider::of(ctx, &input.open_id_connect_provider_arn)?;
        Ok((
            Needs::one(named.need(&actions::LIST_OPEN_ID_CONNECT_PROVIDER_TAGS)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let provider = permit.target().found()?;
        let page = Page::new(
            &[Self::NAME, &provider.url],
            input.marker.as_deref(),
            input.max_items,
        )?;
        let cut = page.cut(tags::by_key(&provider.tags));
        Ok(Reply::read(ListOpenIDConnectProviderTagsResponse {
            is_truncated: Some(cut.is_truncated()),
            tags: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default().page(input.marker.as_deref(), input.max_items);
        event::about_provider(request, &input.open_id_connect_provider_arn)
    }
}
