//! `ListGrants`: the grants of a key.

use pipeline::sources::Principals;
use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{ListGrantsRequest, ListGrantsResponse};
use store::{Key, View};
use types::Service;

use crate::event::Fields;
use crate::grants::index::{by_grantee, entry_by_grantee};
use crate::grants::party::Party;
use crate::grants::record::{GRANTS, GrantRecord, grant_row, is_id};
use crate::grants::shown::entry;
use crate::identifiers::{Forms, KeyTarget};
use crate::paging::{List, limit};
use crate::records::KeyRecord;
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
        let known = ctx.part::<Principals>()?;
        let view = ctx.view();
        let range = Range::of(&input, key, after.as_deref(), (view, known));
        let wanted = range.grants(view);
        let wanted = wanted.filter(|grant| is_wanted(&input, &grant.terms.grantee, view, known));
        let grants = wanted.map(|grant| (grant.id.clone(), entry(grant, view, known)));
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

/// Where the grants are that a list is made of: those of one grantee, or with one id, are found
/// without walking the key's others.
struct Range {
    /// Whether they are found by their grantee.
    by_grantee: bool,
    prefix: Key,
    after: Option<Key>,
}

impl Range {
    /// Those behind the grant with the id `after`.
    fn of(
        input: &ListGrantsRequest,
        key: &KeyRecord,
        after: Option<&str>,
        (view, known): (&View, &Principals),
    ) -> Self {
        let principal = input.grantee_principal.as_ref();
        let grantee = principal.map(|text| Party::key_of_shown(text, view, known));
        let grantee = grantee.or_else(|| input.grantee_service_principal.clone());
        match (&input.grant_id, grantee) {
            (None, Some(grantee)) => {
                let entry = |id: &str| entry_by_grantee(key, &grantee, id);
                Self {
                    by_grantee: true,
                    prefix: by_grantee(key, &grantee),
                    after: after.map(entry),
                }
            }
            (id, _) => Self {
                by_grantee: false,
                prefix: match id {
                    Some(id) => grant_row(key, id),
                    None => key.row_key(),
                },
                after: after.map(|id| grant_row(key, id)),
            },
        }
    }

    fn grants<'a>(&'a self, view: &'a View) -> Box<dyn Iterator<Item = &'a GrantRecord> + 'a> {
        let after = self.after.as_ref();
        if self.by_grantee {
            let snapshot = view.snapshot();
            let listed = snapshot.listed(&GRANTS, &self.prefix, after);
            return Box::new(listed.map(|(_, _, grant)| grant));
        }
        let rows = view.scan(&GRANTS, &self.prefix, after);
        Box::new(rows.map(|(_, row)| row.record))
    }
}

/// Whether the list has grants for `grantee`: of a long list that is narrowed, only what is shown is
/// put together.
fn is_wanted(input: &ListGrantsRequest, grantee: &Party, view: &View, known: &Principals) -> bool {
    let principal = &input.grantee_principal;
    let service = &input.grantee_service_principal;
    (principal.is_none() || *principal == grantee.principal(view, known))
        && (service.is_none() || service.as_deref() == grantee.service())
}

#[cfg(test)]
mod tests {
    use store::Snapshot;

    use super::*;
    use crate::testing::{self, Directory, KEY_ID};

    /// A key with grants for 300 users that do not exist, and its record.
    fn granted() -> (Snapshot, KeyRecord) {
        let snapshot = testing::with_keys(&[KEY_ID]);
        let view = testing::view(&snapshot);
        let key = KeyRecord::clone(&testing::row(&view, KEY_ID).record);
        let batch = crate::fuzzing::grants(&view, &key.arn, 0..300).unwrap();
        (testing::commit(&snapshot, 2, &batch), key)
    }

    /// How many grants are looked at for the list that `input` asks for.
    fn walked(input: &ListGrantsRequest, after: Option<&str>) -> usize {
        let (snapshot, key) = granted();
        let (view, known) = (testing::view(&snapshot), Directory::of(&[]));
        let range = Range::of(input, &key, after, (&view, &known));
        range.grants(&view).count()
    }

    fn of_grantee(grantee: &str) -> ListGrantsRequest {
        ListGrantsRequest {
            grantee_principal: Some(grantee.to_owned()),
            ..ListGrantsRequest::default()
        }
    }

    #[test]
    fn a_narrowed_list_looks_at_no_other_grants() {
        let all = ListGrantsRequest::default();
        let id = |number: usize| format!("{number:064x}");
        assert_eq!(walked(&all, None), 300);
        assert_eq!(walked(&all, Some(&id(99))), 200);
        let one = of_grantee(&format!("AIDA{:016}", 7));
        assert_eq!(walked(&one, None), 1);
        assert_eq!(walked(&one, Some(&id(6))), 1);
        assert_eq!(walked(&one, Some(&id(7))), 0);
        assert_eq!(walked(&of_grantee("AIDA"), None), 0);
        let by_id = |id: String| ListGrantsRequest {
            grant_id: Some(id),
            ..one.clone()
        };
        assert_eq!(walked(&by_id(id(9)), None), 1);
        assert_eq!(walked(&by_id(id(300)), None), 0);
    }
}
