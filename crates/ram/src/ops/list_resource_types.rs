//! `ListResourceTypes`: what can be shared.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    ListResourceTypesRequest, ListResourceTypesResponse, ResourceRegionScope,
    ResourceRegionScopeFilter, ServiceNameAndResourceType,
};
use types::Service;

use crate::actions::LIST_RESOURCE_TYPES;
use crate::event::Fields;
use crate::permissions::TYPES;
use crate::{Error, listing};

/// Lists the types of resources that can be shared; all belong to a region.
#[derive(Debug)]
pub(crate) struct ListResourceTypes;

impl Operation for ListResourceTypes {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "ListResourceTypes";
    const ACTIONS: &'static [&'static Action] = &[&LIST_RESOURCE_TYPES];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListResourceTypesRequest;
    type Output = ListResourceTypesResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&LIST_RESOURCE_TYPES)), ()))
    }

    async fn handle(
        _ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let global = input.resource_region_scope == Some(ResourceRegionScopeFilter::Global);
        let all = TYPES.iter().filter(|_| !global).map(|kind| {
            let shown = ServiceNameAndResourceType {
                resource_type: Some(kind.name.to_owned()),
                service_name: Some(kind.service.to_owned()),
                resource_region_scope: Some(ResourceRegionScope::Regional),
            };
            (kind.name.to_owned(), shown)
        });
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let cut = listing::page(Self::NAME, detail, page, all)?;
        Ok(Reply::read(ListResourceTypesResponse {
            resource_types: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceRegionScope", input.resource_region_scope)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}
