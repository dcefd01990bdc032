//! `ListTagsForResource`: the tags of a root, unit, account or policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{ListTagsForResourceRequest, ListTagsForResourceResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::scope::NamedResource;
use crate::organizations::{listing, shape};

/// Lists tags in the order of their keys.
///
/// Fails with `TargetNotFoundException`.
#[derive(Debug)]
pub(crate) struct ListTagsForResource;

impl Operation for ListTagsForResource {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListTagsForResource";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_TAGS_FOR_RESOURCE];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListTagsForResourceRequest;
    type Output = ListTagsForResourceResponse;
    type Target = NamedResource;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedResource), Error> {
        let named = NamedResource::of(ctx, &input.resource_id)?;
        Ok((
            Needs::one(named.need(&actions::LIST_TAGS_FOR_RESOURCE)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let tags = permit.target().tags()?;
        let tags = shape::tags(tags)
            .into_iter()
            .map(|tag| (tag.key.clone(), tag));
        let listed = [Self::NAME, &input.resource_id];
        let cut = listing::page(&listed, (input.next_token.as_deref(), None), tags)?;
        Ok(Reply::read(ListTagsForResourceResponse {
            tags: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("resourceId", input.resource_id.as_str())
                .maybe("nextToken", input.next_token.as_deref()),
        )
    }
}
