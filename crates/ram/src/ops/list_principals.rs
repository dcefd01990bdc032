//! `ListPrincipals`: with whom an account shares, or who shares with it.

use std::collections::BTreeSet;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{ListPrincipalsRequest, ListPrincipalsResponse, Principal};
use types::Service;

use crate::actions::LIST_PRINCIPALS;
use crate::event::Fields;
use crate::listing::Listing;
use crate::permissions::{ResourceType, kind_named};
use crate::principals::NamedPrincipal;
use crate::records::{ShareRecord, Standing};
use crate::shares::{Shown, caller, chosen};
use crate::{Error, resources, shape};

/// Lists the principals that take part in the caller's own shares, or the owners of those in
/// which it takes part, once for each share.
///
/// Fails with `InvalidParameterException` for a type that cannot be shared, and with
/// `UnknownResourceException` for a share that is named but not among them.
#[derive(Debug)]
pub(crate) struct ListPrincipals;

impl Operation for ListPrincipals {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "ListPrincipals";
    const ACTIONS: &'static [&'static Action] = &[&LIST_PRINCIPALS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListPrincipalsRequest;
    type Output = ListPrincipalsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&LIST_PRINCIPALS)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let own = shape::is_own(input.resource_owner);
        let named = input.resource_share_arns.as_deref();
        let shares = chosen(ctx, &caller(ctx)?, Shown::of(own), named).await?;
        let kind = input.resource_type.as_deref().map(kind_named).transpose();
        let kind = kind.map_err(|unknown| Error::invalid(unknown.to_string()))?;
        let arn = resources::named(ctx, input.resource_arn.as_ref().map(std::slice::from_ref))?;
        let wanted = NamedPrincipal::read_all(input.principals.as_deref())?;
        let wanted: BTreeSet<&str> = wanted.iter().map(NamedPrincipal::text).collect();
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let mut listing = Listing::new(Self::NAME, detail, page)?;
        for share in shares {
            let looks = share.resources.len().saturating_add(share.principals.len());
            listing.look(looks.saturating_add(1)).await;
            let mut types = share.resources.keys().filter_map(ResourceType::of);
            let passes = kind.is_none_or(|kind| types.any(|known| known.name == kind.name))
                && (arn.is_empty() || arn.iter().any(|arn| share.resources.contains_key(arn)));
            if !passes {
                continue;
            }
            let found = if own { with(share) } else { by(share) };
            for (id, principal) in found {
                if wanted.is_empty() || wanted.contains(id.as_str()) {
                    let share = principal.resource_share_arn.as_deref().unwrap_or_default();
                    listing.add(format!("{id} {share}"), principal);
                }
            }
        }
        let cut = listing.cut();
        Ok(Reply::read(ListPrincipalsResponse {
            principals: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceOwner", input.resource_owner)
            .maybe("resourceArn", &input.resource_arn)
            .maybe("principals", &input.principals)
            .maybe("resourceType", &input.resource_type)
            .maybe("resourceShareArns", &input.resource_share_arns)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}

/// Who takes part in `share`.
fn with(share: &ShareRecord) -> Vec<(String, Principal)> {
    let joined = share.principals.iter();
    let joined = joined.filter(|known| matches!(known.standing, Standing::Joined { .. }));
    joined
        .map(|known| {
            let id = known.principal.text().to_owned();
            let principal = Principal {
                id: Some(id.clone()),
                resource_share_arn: Some(share.arn().to_string()),
                creation_time: Some(known.created),
                last_updated_time: Some(known.updated),
                external: Some(known.external),
            };
            (id, principal)
        })
        .collect()
}

/// Who owns `share`.
fn by(share: &ShareRecord) -> Vec<(String, Principal)> {
    let id = share.owner.to_string();
    let principal = Principal {
        id: Some(id.clone()),
        resource_share_arn: Some(share.arn().to_string()),
        creation_time: Some(share.created),
        last_updated_time: Some(share.updated),
        external: None,
    };
    vec![(id, principal)]
}
