//! `GetResourceShareAssociations`: the resources or the principals of shares.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    GetResourceShareAssociationsRequest, GetResourceShareAssociationsResponse,
    ResourceShareAssociation, ResourceShareAssociationType as Wanted,
};
use types::{Arn, Service};

use crate::actions::GET_RESOURCE_SHARE_ASSOCIATIONS;
use crate::event::Fields;
use crate::listing::Listing;
use crate::members::Member;
use crate::records::ShareRecord;
use crate::shares::{Shown, caller, chosen};
use crate::{Error, associations, resources};

/// Lists the associations of one kind of the shares that the caller's account owns or takes part
/// in; of others' principals it sees only those that name it.
///
/// Fails with `InvalidParameterException` for a filter of the other kind and for what cannot be
/// shared, and with `MalformedArnException`.
#[derive(Debug)]
pub(crate) struct GetResourceShareAssociations;

impl Operation for GetResourceShareAssociations {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "GetResourceShareAssociations";
    const ACTIONS: &'static [&'static Action] = &[&GET_RESOURCE_SHARE_ASSOCIATIONS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetResourceShareAssociationsRequest;
    type Output = GetResourceShareAssociationsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        let need = Need::anywhere(&GET_RESOURCE_SHARE_ASSOCIATIONS);
        Ok((Needs::one(need), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        match input.association_type {
            Wanted::Principal if input.resource_arn.is_some() => {
                return Err(Error::invalid(
                    "a resource can be given with the association type RESOURCE only",
                ));
            }
            Wanted::Resource if input.principal.is_some() => {
                return Err(Error::invalid(
                    "a principal can be given with the association type PRINCIPAL only",
                ));
            }
            Wanted::Principal | Wanted::Resource | Wanted::Source => {}
        }
        let resource = input.resource_arn.as_ref().map(std::slice::from_ref);
        let resource = resources::named(ctx, resource)?.pop();
        let (caller, named) = (caller(ctx)?, input.resource_share_arns.as_deref());
        let shares = chosen(ctx, &caller, Shown::All, named).await?;
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let mut listing = Listing::new(Self::NAME, detail, page)?;
        for share in shares {
            let looks = share.resources.len().saturating_add(share.principals.len());
            listing.look(looks.saturating_add(1)).await;
            let found = of_share(ctx, &caller, share, &input, resource.as_ref());
            for it in found {
                let wanted = input.association_status;
                if wanted.is_none_or(|wanted| it.status == Some(wanted)) {
                    let share = it.resource_share_arn.as_deref().unwrap_or_default();
                    let entity = it.associated_entity.as_deref().unwrap_or_default();
                    listing.add(format!("{share} {entity}"), it);
                }
            }
        }
        let cut = listing.cut();
        Ok(Reply::read(GetResourceShareAssociationsResponse {
            resource_share_associations: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("associationType", input.association_type)
            .maybe("resourceShareArns", &input.resource_share_arns)
            .maybe("resourceArn", &input.resource_arn)
            .maybe("principal", &input.principal)
            .maybe("associationStatus", input.association_status)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}

/// The associations of `share` that the caller may see and asks for; nothing is shared with
/// services, so no share has sources.
fn of_share(
    ctx: &Ctx,
    caller: &Member<'_>,
    share: &ShareRecord,
    input: &GetResourceShareAssociationsRequest,
    resource: Option<&Arn>,
) -> Vec<ResourceShareAssociation> {
    let own = caller.account() == share.owner;
    match input.association_type {
        Wanted::Resource => {
            let resources = share.resources.iter();
            resources
                .filter(|(arn, _)| resource.is_none_or(|wanted| wanted == *arn))
                .map(|(arn, since)| associations::of_resource(share, arn, *since))
                .collect()
        }
        Wanted::Principal => {
            let principals = share.principals.iter();
            principals
                .filter(|known| {
                    let wanted = input.principal.as_deref();
                    wanted.is_none_or(|wanted| wanted == known.principal.text())
                })
                .filter(|known| own || caller.is(&known.principal))
                .map(|known| associations::of_principal(ctx, share, known))
                .collect()
        }
        Wanted::Source => Vec::new(),
    }
}
