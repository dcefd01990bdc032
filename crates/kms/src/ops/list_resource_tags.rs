//! `ListResourceTags`: the tags of a key.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{ListResourceTagsRequest, ListResourceTagsResponse, Tag};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::paging::{List, limit};
use crate::{Error, actions};

/// Lists a key's tags in pages of 1 to 50 (default 50), ordered by key.
///
/// Fails with `NotFoundException` if the key does not exist, and with
/// `InvalidMarkerException` if the marker is not one of this list.
#[derive(Debug)]
pub struct ListResourceTags;

impl Operation for ListResourceTags {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListResourceTags";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_RESOURCE_TAGS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListResourceTagsRequest;
    type Output = ListResourceTagsResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let need = target.need(&actions::LIST_RESOURCE_TAGS);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        let limit = limit(input.limit, 50, 50)?;
        let list = List {
            operation: Self::NAME,
            account: key.account,
            region: &key.region,
            filter: key.id.as_str(),
        };
        let after = list.after(input.marker.as_deref())?;
        let tags = key.tags.iter();
        let rest = tags.skip_while(|(name, _)| Some(*name) <= after.as_ref());
        let shown = rest.map(|(name, value)| {
            let tag = Tag {
                tag_key: name.clone(),
                tag_value: value.clone(),
            };
            (name.clone(), tag)
        });
        let page = list.page(limit, shown);
        Ok(Reply::read(ListResourceTagsResponse {
            tags: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("limit", input.limit)
            .maybe("marker", input.marker.clone())
            .request()
    }
}
