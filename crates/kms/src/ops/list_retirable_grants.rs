//! `ListRetirableGrants`: the grants that a principal may retire because they name it.

use pipeline::sources::Principals;
use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{ListGrantsResponse, ListRetirableGrantsRequest};
use store::Key;
use types::{AccountId, Arn, Service};

use crate::event::Fields;
use crate::grants::index::by_retiring;
use crate::grants::party::Party;
use crate::grants::record::{GRANTS, GrantRecord, RETIRABLE_GRANTS, retirable};
use crate::grants::shown::entry;
use crate::paging::{List, limit};
use crate::records::{KeyRow, key_arn};
use crate::{Error, actions};

/// Lists the grants, on keys of any account, that name a principal of the caller's account as
/// retiring principal, in pages of 1 to 100 (default 50).
///
/// Fails with `ValidationException` unless exactly one principal is named, with
/// `InvalidArnException` for one that does not exist or belongs to another account, and with
/// `InvalidMarkerException` if the marker is not one of this list.
#[derive(Debug)]
pub struct ListRetirableGrants;

impl Operation for ListRetirableGrants {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListRetirableGrants";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_RETIRABLE_GRANTS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListRetirableGrantsRequest;
    type Output = ListGrantsResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let need = Need::anywhere(&actions::LIST_RETIRABLE_GRANTS);
        Ok((Needs::one(need), account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = *permit.target();
        let known = ctx.part::<Principals>()?;
        let party = retiring(ctx, &input, account, known)?;
        let limit = limit(input.limit, 50, 100)?;
        let list = List {
            operation: Self::NAME,
            account,
            region: ctx.region(),
            filter: party.key(),
        };
        let after = list.after(input.marker.as_deref())?;
        let after = after.and_then(|row| hex::decode(row).ok());
        let after = after.map(|row| Key::from_encoded(&row));
        let view = ctx.view();
        let shown = |place: &Key, grant: &GrantRecord| {
            // Those of a key that was deleted are on their way out.
            KeyRow::at(view, &key_arn(grant.account, &grant.region, &grant.key))?;
            Some((hex::encode(place.as_bytes()), entry(grant, view, known)))
        };
        // Of a service's grants an account sees those that it has made, and looks at no others.
        let page = if let Some(service) = party.service() {
            let prefix = by_retiring(service, ctx.region(), account);
            let entries = view.snapshot().listed(&GRANTS, &prefix, after.as_ref());
            list.page(limit, entries.filter_map(|(at, _, grant)| shown(at, grant)))
        } else {
            let prefix = Key::of(&[party.key(), ctx.region().as_str()]);
            let rows = view.scan(&RETIRABLE_GRANTS, &prefix, after.as_ref());
            let grants = rows.filter_map(|(row, _)| {
                let grant = retirable(view.snapshot(), row)?;
                shown(row, grant)
            });
            list.page(limit, grants)
        };
        Ok(Reply::read(ListGrantsResponse {
            grants: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("retiringPrincipal", input.retiring_principal.clone())
            .maybe(
                "retiringServicePrincipal",
                input.retiring_service_principal.clone(),
            )
            .maybe("limit", input.limit)
            .maybe("marker", input.marker.clone())
            .request()
    }
}

fn retiring(
    ctx: &Ctx,
    input: &ListRetirableGrantsRequest,
    account: AccountId,
    known: &Principals,
) -> Result<Party, Error> {
    let foreign = |arn: &String| Error::InvalidPrincipal { arn: arn.clone() };
    match (&input.retiring_principal, &input.retiring_service_principal) {
        (Some(arn), None) => {
            let owner = arn.parse::<Arn>().ok().and_then(|arn| arn.account());
            if owner != Some(account) {
                return Err(foreign(arn));
            }
            Party::named(arn, ctx.view(), known)
        }
        (None, Some(name)) => Ok(Party::Service(name.clone())),
        (Some(_), Some(_)) | (None, None) => Err(Error::Validation(
            "Specify either RetiringPrincipal or RetiringServicePrincipal".into(),
        )),
    }
}
