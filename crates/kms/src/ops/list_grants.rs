//! `ListGrants`: the grants of a key.

use pipeline::sources::Principals;
use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{ListGrantsRequest, ListGrantsResponse};
use store::View;
use types::Service;

use crate::event::Fields;
use crate::grants::party::Party;
use crate::grants::record::{GRANTS, grant_row, is_id};
use crate::grants::shown::entry;
use crate::identifiers::{Forms, KeyTarget};
use crate::paging::{List, limit};
use crate::{Error, actions};

/// Lists a key's grants, or those with an id or for a grantee, in pages of 1 to 100 (default
/// 50).
///
/// Fails with `NotFoundException` if the key does not exist, with `InvalidGrantIdException` if
/// `GrantId` is none, and with `InvalidMarkerException` if the marker is not one of this list.
#[derive(Debug)]
pub struct ListGrants;

impl Operation for ListGrants {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListGrants";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_GRANTS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListGrantsRequest;
    type Output = ListGrantsResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let for_service = ctx.via().is_some().to_string();
        let keys = KeySet::default().one("kms:grantisforawsresource", for_service);
        let need = target.need(&actions::LIST_GRANTS).across_accounts();
        Ok((Needs::one(need.with(keys)), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        if input.grant_id.as_deref().is_some_and(|id| !is_id(id)) {
            return Err(Error::InvalidGrantId);
        }
        let limit = limit(input.limit, 50, 100)?;
        let filter = filter(&input);
        let list = List {
            operation: Self::NAME,
            account: key.account,
            region: &key.region,
            filter: &format!("{} {filter}", key.id),
        };
        let after = list.after(input.marker.as_deref())?;
        let after = after.map(|id| grant_row(key, &id));
        let known = ctx.part::<Principals>()?;
        let prefix = match &input.grant_id {
            Some(id) => grant_row(key, id),
            None => key.row_key(),
        };
        let view = ctx.view();
        let rows = view.scan(&GRANTS, &prefix, after.as_ref());
        let wanted =
            rows.filter(|(_, row)| is_wanted(&input, &row.record.terms.grantee, view, known));
        let grants = wanted.map(|(_, row)| (row.record.id.clone(), entry(row.record, view, known)));
        let page = list.page(limit, grants);
        Ok(Reply::read(ListGrantsResponse {
            grants: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("grantId", input.grant_id.clone())
            .maybe("granteePrincipal", input.grantee_principal.clone())
            .maybe(
                "granteeServicePrincipal",
                input.grantee_service_principal.clone(),
            )
            .maybe("limit", input.limit)
            .maybe("marker", input.marker.clone())
            .request()
    }
}

/// What the list is narrowed to, for its markers.
fn filter(input: &ListGrantsRequest) -> String {
    let parts = [
        &input.grant_id,
        &input.grantee_principal,
        &input.grantee_service_principal,
    ];
    parts.map(|part| part.as_deref().unwrap_or("-")).join(" ")
}

/// Whether the list has grants for `grantee`: of a long list that is narrowed, only what is shown is
/// put together.
fn is_wanted(input: &ListGrantsRequest, grantee: &Party, view: &View, known: &Principals) -> bool {
    let principal = &input.grantee_principal;
    let service = &input.grantee_service_principal;
    (principal.is_none() || *principal == grantee.principal(view, known))
        && (service.is_none() || service.as_deref() == grantee.service())
}
