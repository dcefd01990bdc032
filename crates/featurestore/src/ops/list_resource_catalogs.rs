//! `ListResourceCatalogs`: the catalogs of feature groups that an account may look into.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde::{Deserialize, Serialize};
use shapes::sagemaker::{
    ListResourceCatalogsRequest, ListResourceCatalogsResponse, ResourceCatalog,
    ResourceCatalogSortOrder,
};
use types::{Arn, Service, Timestamp};

use crate::Error;
use crate::actions::LIST_RESOURCE_CATALOGS;
use crate::event::Fields;
use crate::paging::List;
use crate::source::CATALOG;

/// Returns a page of the catalogs in the region: the account's own, which is there from the
/// beginning and made with the account, and those of accounts that share theirs with somebody in
/// it. A thousand at most, as at AWS.
///
/// Sorted by creation time, ascending, unless told otherwise; ARNs decide between equals. A page
/// has ten catalogs unless told otherwise, and a token is good for the same list only. To be
/// listed gives no right: what a caller may find in a catalog, `Search` decides.
#[derive(Debug)]
pub struct ListResourceCatalogs;

const PAGE: usize = 10;

/// How many catalogs are listed in all.
const MOST: usize = 1000;

impl Operation for ListResourceCatalogs {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "ListResourceCatalogs";
    const ACTIONS: &'static [&'static Action] = &[&LIST_RESOURCE_CATALOGS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListResourceCatalogsRequest;
    type Output = ListResourceCatalogsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&LIST_RESOURCE_CATALOGS)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let parameters = Self::event(&input, None).request;
        let asked = List::of((account, ctx.region()), Self::NAME, parameters);
        let token = input.next_token.as_deref();
        let after: Option<Place> = token.map(|token| asked.read(token)).transpose()?;
        let own = Arn::new("sagemaker", Some(ctx.region()), Some(account), CATALOG);
        let caller = (account, ctx.region());
        let others = ram::shared_with(ctx.view(), caller, "sagemaker", "sagemaker-catalog").await;
        let all = std::iter::once(own).chain(others).take(MOST);
        let mut found: Vec<Place> = all
            .filter_map(|arn| Place::of(ctx, arn))
            .filter(|place| passes(&input, place))
            .collect();
        let descending = input.sort_order == Some(ResourceCatalogSortOrder::Descending);
        if let Some(after) = &after {
            found.retain(|place| {
                if descending {
                    place < after
                } else {
                    place > after
                }
            });
        }
        found.sort();
        if descending {
            found.reverse();
        }
        let mut page = found;
        let size = (input.max_results).and_then(|size| usize::try_from(size).ok());
        let size = size.unwrap_or(PAGE);
        let more = page.len() > size;
        page.truncate(size);
        let last = page.last().filter(|_| more);
        Ok(Reply::read(ListResourceCatalogsResponse {
            next_token: last.map(|place| asked.token(place)).transpose()?,
            resource_catalogs: Some(page.iter().map(shape).collect()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let time = |at: Option<Timestamp>| at.map(audit::timestamp_text);
        Fields::default()
            .maybe("nameContains", &input.name_contains)
            .maybe("creationTimeAfter", time(input.creation_time_after))
            .maybe("creationTimeBefore", time(input.creation_time_before))
            .maybe("sortOrder", input.sort_order)
            .maybe("sortBy", input.sort_by)
            .maybe("maxResults", input.max_results)
            .maybe("nextToken", &input.next_token)
            .request()
    }
}

/// A catalog, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place {
    created: Timestamp,
    arn: Arn,
}

impl Place {
    /// The catalog at `arn`; `None` if there is no such account any more.
    fn of(ctx: &Ctx, arn: Arn) -> Option<Self> {
        let created = iam::account_made(ctx.view(), arn.account()?)?;
        Some(Self { created, arn })
    }

    fn name(&self) -> &str {
        self.arn
            .resource_of("sagemaker-catalog")
            .unwrap_or_default()
    }
}

fn passes(input: &ListResourceCatalogsRequest, place: &Place) -> bool {
    (input.name_contains.as_ref()).is_none_or(|part| place.name().contains(part))
        && (input.creation_time_after).is_none_or(|after| place.created > after)
        && (input.creation_time_before).is_none_or(|before| place.created < before)
}

fn shape(place: &Place) -> ResourceCatalog {
    ResourceCatalog {
        resource_catalog_name: place.name().to_owned(),
        description: "All feature groups of the account in the region".to_owned(),
        creation_time: place.created,
        resource_catalog_arn: place.arn.to_string(),
    }
}
