//! `ListResources`: what an account has in shares, or what it may use because of them.

use std::collections::BTreeSet;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{ListResourcesRequest, ListResourcesResponse, ResourceRegionScopeFilter};
use types::{Arn, Service};

use super::request_keys;
use crate::actions::LIST_RESOURCES;
use crate::event::Fields;
use crate::permissions::{ResourceType, kind_named};
use crate::principals::NamedPrincipal;
use crate::shares::chosen;
use crate::{Error, listing, resources, shape};

/// Lists the resources of the caller's own shares, or of those in which it takes part, once for
/// each share that has them.
///
/// Fails with `InvalidResourceTypeException` for a type that cannot be shared, and with
/// `UnknownResourceException` for a share that is named but not among them.
#[derive(Debug)]
pub(crate) struct ListResources;

impl Operation for ListResources {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "ListResources";
    const ACTIONS: &'static [&'static Action] = &[&LIST_RESOURCES];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListResourcesRequest;
    type Output = ListResourcesResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, ()), Error> {
        let arns = resources::named(ctx, input.resource_arns.as_deref())?;
        let keys = request_keys(&arns, &[]);
        Ok((Needs::one(Need::anywhere(&LIST_RESOURCES).with(keys)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let own = shape::is_own(input.resource_owner);
        let shares = chosen(ctx, own, input.resource_share_arns.as_deref())?;
        let kind = input.resource_type.as_deref().map(kind_named).transpose()?;
        let principal = input
            .principal
            .as_deref()
            .map(NamedPrincipal::read)
            .transpose()?;
        let arns = resources::named(ctx, input.resource_arns.as_deref())?;
        let arns: BTreeSet<Arn> = arns.into_iter().collect();
        let global = input.resource_region_scope == Some(ResourceRegionScopeFilter::Global);
        let shares = shares.into_iter().filter(|share| match &principal {
            // Whose resources are asked for is their owner, if they are others'.
            Some(NamedPrincipal::Account(account)) if !own => share.owner == *account,
            Some(written) => crate::joining::position(share, written).is_some(),
            None => true,
        });
        let found = shares.flat_map(|share| {
            let resources = share.resources.iter();
            resources.map(move |(arn, since)| (share, arn, *since))
        });
        let found = found.filter(|(_, arn, _)| {
            let known = ResourceType::of(arn).map(|known| known.name);
            !global
                && kind.is_none_or(|kind| known == Some(kind.name))
                && (arns.is_empty() || arns.contains(arn))
        });
        let all = found.map(|(share, arn, since)| {
            let place = format!("{arn} {}", share.id);
            (place, shape::resource(share, arn, Some(since)))
        });
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let cut = listing::page(Self::NAME, detail, page, all)?;
        Ok(Reply::read(ListResourcesResponse {
            resources: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceOwner", input.resource_owner)
            .maybe("principal", &input.principal)
            .maybe("resourceType", &input.resource_type)
            .maybe("resourceArns", &input.resource_arns)
            .maybe("resourceShareArns", &input.resource_share_arns)
            .maybe("resourceRegionScope", input.resource_region_scope)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}
