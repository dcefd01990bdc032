//! `GetResourceShares`: what an account shares, or what is shared with it.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    GetResourceSharesRequest, GetResourceSharesResponse, ResourceShareStatus, TagFilter,
};
use types::Service;

use super::{check_version, permission_at};
use crate::actions::GET_RESOURCE_SHARES;
use crate::bounds::bounded;
use crate::event::Fields;
use crate::listing::Listing;
use crate::permissions::Permission;
use crate::records::ShareRecord;
use crate::shares::{Shown, caller, chosen};
use crate::{Error, shape};

/// Lists the shares of the caller's account, or those of others in which it takes part, that
/// pass every filter; of several filters for tags it is enough to pass one.
///
/// Fails with `UnknownResourceException` for a share that is named but not among them, and with
/// `InvalidParameterException` for a filter for tags without a key.
#[derive(Debug)]
pub(crate) struct GetResourceShares;

impl Operation for GetResourceShares {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "GetResourceShares";
    const ACTIONS: &'static [&'static Action] = &[&GET_RESOURCE_SHARES];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetResourceSharesRequest;
    type Output = GetResourceSharesResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&GET_RESOURCE_SHARES)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let own = shape::is_own(input.resource_owner);
        let permission = input.permission_arn.as_deref().map(permission_at);
        let permission = permission.transpose()?;
        check_version(input.permission_version)?;
        let filters = bounded("tagFilters", input.tag_filters.as_deref())?;
        if filters.iter().any(|filter| key_of(filter).is_none()) {
            return Err(Error::invalid("every one of the tagFilters needs a tagKey"));
        }
        let named = input.resource_share_arns.as_deref();
        let shares = chosen(ctx, &caller(ctx)?, Shown::of(own), named).await?;
        let tags = WantedTags::of(filters);
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let mut listing = Listing::new(Self::NAME, detail, page)?;
        for share in shares {
            listing.look(1).await;
            // Tags are their owner's: nobody else finds out about them.
            let has_tag = tags.is_empty() || own && tags.are_had_by(share);
            if has_tag && passes(&input, share, permission) {
                listing.add(share.id.clone(), share);
            }
        }
        let cut = listing.cut();
        let found = cut.items.into_iter().map(|found| shape::share(found, own));
        Ok(Reply::read(GetResourceSharesResponse {
            resource_shares: Some(found.collect()),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let filters = input.tag_filters.as_deref().map(|filters| {
            let shown = |filter: &TagFilter| {
                Fields::default()
                    .maybe("tagKey", &filter.tag_key)
                    .maybe("tagValues", &filter.tag_values)
                    .value()
            };
            filters.iter().map(shown).collect::<Vec<_>>()
        });
        Fields::default()
            .maybe("resourceShareArns", &input.resource_share_arns)
            .maybe("resourceShareStatus", input.resource_share_status)
            .maybe("resourceOwner", input.resource_owner)
            .maybe("name", &input.name)
            .maybe("tagFilters", filters)
            .maybe("permissionArn", &input.permission_arn)
            .maybe("permissionVersion", input.permission_version)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}

fn passes(
    input: &GetResourceSharesRequest,
    share: &ShareRecord,
    permission: Option<&Permission>,
) -> bool {
    let status = input.resource_share_status;
    // A share is active as long as it is there.
    status.is_none_or(|status| status == ResourceShareStatus::Active)
        && input.name.as_ref().is_none_or(|name| *name == share.name)
        && permission.is_none_or(|known| {
            let mut used = share.permissions.values();
            used.any(|name| name == known.name)
        })
}

/// The tags of which a share must have one: keys with the values that pass, or `None` if all do.
struct WantedTags<'f>(BTreeMap<&'f str, Option<BTreeSet<&'f str>>>);

impl<'f> WantedTags<'f> {
    fn of(filters: &'f [TagFilter]) -> Self {
        let mut wanted: BTreeMap<&str, Option<BTreeSet<&str>>> = BTreeMap::new();
        for filter in filters {
            let Some(key) = key_of(filter) else { continue };
            let values = filter.tag_values.as_deref().unwrap_or_default();
            let known = wanted.entry(key).or_insert_with(|| Some(BTreeSet::new()));
            if values.is_empty() {
                *known = None;
            } else if let Some(known) = known {
                known.extend(values.iter().map(String::as_str));
            }
        }
        Self(wanted)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `share` has one of them.
    fn are_had_by(&self, share: &ShareRecord) -> bool {
        share.tags.iter().any(|(key, value)| {
            let wanted = self.0.get(key.as_str());
            wanted.is_some_and(|values| match values {
                Some(values) => values.contains(value.as_str()),
                None => true,
            })
        })
    }
}

/// The key that a filter is about; it cannot be empty.
fn key_of(filter: &TagFilter) -> Option<&str> {
    filter.tag_key.as_deref().filter(|key| !key.is_empty())
}
