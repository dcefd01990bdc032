//! `ListResources`: what an account has in shares, or what it may use because of them.

use std::collections::BTreeSet;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{ListResourcesRequest, ListResourcesResponse, ResourceRegionScopeFilter};
use types::{Arn, Service};

use super::request_keys;
use crate::actions::LIST_RESOURCES;
use crate::event::Fields;
use crate::listing::Listing;
use crate::members::Member;
use crate::permissions::{ResourceType, kind_named};
use crate::principals::NamedPrincipal;
use crate::records::{ShareRecord, Standing};
use crate::shares::{Shown, caller, chosen};
use crate::{Error, joining, resources, shape};

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
        let named = input.resource_share_arns.as_deref();
        let caller = caller(ctx)?;
        let shares = chosen(ctx, &caller, Shown::of(own), named).await?;
        let kind = input.resource_type.as_deref().map(kind_named).transpose()?;
        let principal = input
            .principal
            .as_deref()
            .map(NamedPrincipal::read)
            .transpose()?;
        let arns = resources::named(ctx, input.resource_arns.as_deref())?;
        let arns: BTreeSet<Arn> = arns.into_iter().collect();
        let global = input.resource_region_scope == Some(ResourceRegionScopeFilter::Global);
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let mut listing = Listing::new(Self::NAME, detail, page)?;
        for share in shares.into_iter().filter(|_| !global) {
            let looks = share.resources.len().saturating_add(share.principals.len());
            listing.look(looks.saturating_add(1)).await;
            let passes = match &principal {
                // Whose resources are asked for is their owner, if they are others'.
                Some(NamedPrincipal::Account(account)) if !own => share.owner == *account,
                Some(written) => has(share, written, (!own).then_some(&caller)),
                None => true,
            };
            for (arn, since) in share.resources.iter().filter(|_| passes) {
                let known = ResourceType::of(arn).map(|known| known.name);
                let is_wanted = arns.is_empty() || arns.contains(arn);
                if is_wanted && kind.is_none_or(|kind| known == Some(kind.name)) {
                    listing.add(format!("{arn} {}", share.id), (share, arn, *since));
                }
            }
        }
        let cut = listing.cut();
        let found = cut.items.into_iter();
        let found = found.map(|(share, arn, since)| shape::resource(share, arn, Some(since)));
        Ok(Reply::read(ListResourcesResponse {
            resources: Some(found.collect()),
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

/// Whether `share` is with whom `written` names. Of another's share a `caller` is told of those only
/// who are, have, or are in its account, and who have joined: nobody learns who else is in it.
fn has(share: &ShareRecord, written: &NamedPrincipal, caller: Option<&Member<'_>>) -> bool {
    let known = joining::position(share, written).and_then(|at| share.principals.get(at));
    known.is_some_and(|known| {
        caller.is_none_or(|caller| {
            caller.is(&known.principal) && matches!(known.standing, Standing::Joined { .. })
        })
    })
}
