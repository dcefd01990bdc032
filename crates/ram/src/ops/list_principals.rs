//! `ListPrincipals`: with whom an account shares, or who shares with it.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{ListPrincipalsRequest, ListPrincipalsResponse, Principal};
use types::Service;

use crate::actions::LIST_PRINCIPALS;
use crate::event::Fields;
use crate::permissions::{ResourceType, kind_named};
use crate::principals::NamedPrincipal;
use crate::records::{ShareRecord, Standing};
use crate::shares::chosen;
use crate::{Error, listing, resources, shape};

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
        let shares = chosen(ctx, own, input.resource_share_arns.as_deref())?;
        let kind = input.resource_type.as_deref().map(kind_named).transpose();
        let kind = kind.map_err(|unknown| Error::invalid(unknown.to_string()))?;
        let arn = resources::named(ctx, input.resource_arn.as_ref().map(std::slice::from_ref))?;
        let wanted = NamedPrincipal::read_all(input.principals.as_deref())?;
        let wanted: BTreeSet<&str> = wanted.iter().map(NamedPrincipal::text).collect();
        let shares = shares.into_iter().filter(|share| {
            let mut resources = share.resources.keys();
            kind.is_none_or(|kind| {
                let mut types = share.resources.keys().filter_map(ResourceType::of);
                types.any(|known| known.name == kind.name)
            }) && (arn.is_empty() || resources.any(|known| arn.contains(known)))
        });
        let found = shares.flat_map(|share| if own { with(share) } else { by(share) });
        let found = found.filter(|(id, _)| wanted.is_empty() || wanted.contains(id.as_str()));
        let all: BTreeMap<String, Principal> = found
            .map(|(id, principal)| {
                let share = principal.resource_share_arn.as_deref().unwrap_or_default();
                (format!("{id} {share}"), principal)
            })
            .collect();
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let cut = listing::page(Self::NAME, detail, page, all)?;
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
