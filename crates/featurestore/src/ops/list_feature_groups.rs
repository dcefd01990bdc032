//! `ListFeatureGroups`: the groups of an account in a region.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde::{Deserialize, Serialize};
use shapes::sagemaker::{
    FeatureGroupSortBy, FeatureGroupSortOrder, FeatureGroupSummary, ListFeatureGroupsRequest,
    ListFeatureGroupsResponse, OfflineStoreStatus, OfflineStoreStatusValue,
};
use types::{Service, Timestamp};

use crate::actions::LIST_FEATURE_GROUPS;
use crate::event::Fields;
use crate::paging::List;
use crate::records::{GROUPS, GroupRecord, groups_of};
use crate::{Error, offline, shape};

/// Returns a page of the groups that pass the filters, sorted.
///
/// Sorts by creation time, ascending, unless told otherwise; names decide between equals. A
/// page has ten groups unless told otherwise. A token belongs to the filters and the order that
/// it was given for. The status of an offline store is that of now, and a page looks at a thousand
/// of them at most: with a filter for it a page may be short, or empty, though more follow. Sorted
/// by it, groups without come first, and what changes between two pages may be missed; more than a
/// thousand offline stores are refused.
#[derive(Debug)]
pub struct ListFeatureGroups;

const PAGE: usize = 10;

/// How many offline stores one page looks at.
const MOST_STATUSES: usize = 1000;

impl Operation for ListFeatureGroups {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "ListFeatureGroups";
    const ACTIONS: &'static [&'static Action] = &[&LIST_FEATURE_GROUPS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListFeatureGroupsRequest;
    type Output = ListFeatureGroupsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&LIST_FEATURE_GROUPS)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let order = Order::of(&input);
        let parameters = Self::event(&input, None).request;
        let asked = List::of((account, ctx.region()), Self::NAME, parameters);
        let token = input.next_token.as_deref();
        let after: Option<Place> = token.map(|token| asked.read(token)).transpose()?;
        let prefix = groups_of(account, ctx.region());
        let groups = ctx
            .view()
            .scan(&GROUPS, &prefix, None)
            .map(|(_, row)| row.record);
        let groups: Vec<&GroupRecord> = groups.filter(|group| passes(&input, group)).collect();
        let mut found: Vec<(Place, &GroupRecord)> = Vec::with_capacity(groups.len());
        let mut statuses = Statuses::default();
        for group in groups {
            let status = match order.by {
                FeatureGroupSortBy::OfflineStoreStatus => statuses.of(ctx, group).await,
                _ => None,
            };
            if statuses.looks > MOST_STATUSES {
                return Err(Error::validation(format!(
                    "more than {MOST_STATUSES} offline stores cannot be sorted by their status."
                )));
            }
            let place = order.place(group, status.as_ref());
            if (after.as_ref()).is_none_or(|after| order.is_behind(&place, after)) {
                found.push((place, group));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        if order.descending {
            found.reverse();
        }
        let size = input
            .max_results
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(PAGE);
        let (summaries, last) = page(ctx, found, input.offline_store_status_equals, size).await;
        Ok(Reply::read(ListFeatureGroupsResponse {
            next_token: last.map(|place| asked.token(&place)).transpose()?,
            feature_group_summaries: summaries,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let time = |at: Option<Timestamp>| at.map(audit::timestamp_text);
        Fields::default()
            .maybe("nameContains", &input.name_contains)
            .maybe(
                "featureGroupStatusEquals",
                input.feature_group_status_equals,
            )
            .maybe(
                "offlineStoreStatusEquals",
                input.offline_store_status_equals,
            )
            .maybe("creationTimeAfter", time(input.creation_time_after))
            .maybe("creationTimeBefore", time(input.creation_time_before))
            .maybe("sortOrder", input.sort_order)
            .maybe("sortBy", input.sort_by)
            .maybe("maxResults", input.max_results)
            .maybe("nextToken", &input.next_token)
            .request()
    }
}

/// The first so many of `found` whose offline store has the status that is `wanted`, and where
/// that ended if there are more to look at.
async fn page(
    ctx: &Ctx,
    found: Vec<(Place, &GroupRecord)>,
    wanted: Option<OfflineStoreStatusValue>,
    size: usize,
) -> (Vec<FeatureGroupSummary>, Option<Place>) {
    let (mut summaries, mut last) = (Vec::new(), None);
    let (mut statuses, mut rest) = (Statuses::default(), found.into_iter().peekable());
    while summaries.len() < size && statuses.looks < MOST_STATUSES {
        let Some((place, group)) = rest.next() else {
            break;
        };
        last = Some(place);
        let status = statuses.of(ctx, group).await;
        let there = status.as_ref().map(|status| status.status);
        if wanted.is_none_or(|wanted| there == Some(wanted)) {
            summaries.push(summary(group, status));
        }
    }
    (summaries, last.filter(|_| rest.peek().is_some()))
}

/// How many statuses of offline stores were looked at.
#[derive(Default)]
struct Statuses {
    looks: usize,
}

impl Statuses {
    /// The status of the group's offline store, if it has one. Others get their turn in between.
    async fn of(&mut self, ctx: &Ctx, group: &GroupRecord) -> Option<OfflineStoreStatus> {
        group.offline.as_ref()?;
        self.looks += 1;
        if self.looks.is_multiple_of(offline::STATUSES_AT_ONCE) {
            pipeline::yield_once().await;
        }
        offline::status(ctx.services(), group, ctx.account())
    }
}

fn passes(input: &ListFeatureGroupsRequest, group: &GroupRecord) -> bool {
    input
        .name_contains
        .as_ref()
        .is_none_or(|part| group.name.contains(part))
        && input
            .feature_group_status_equals
            .is_none_or(|status| status == shape::status(group))
        && input
            .creation_time_after
            .is_none_or(|after| group.created > after)
        && input
            .creation_time_before
            .is_none_or(|before| group.created < before)
        && (input.offline_store_status_equals.is_none() || group.offline.is_some())
}

fn summary(group: &GroupRecord, status: Option<OfflineStoreStatus>) -> FeatureGroupSummary {
    FeatureGroupSummary {
        feature_group_name: group.name.clone(),
        feature_group_arn: group.arn.to_string(),
        creation_time: group.created,
        feature_group_status: Some(shape::status(group)),
        offline_store_status: status,
    }
}

/// The order of a list.
struct Order {
    by: FeatureGroupSortBy,
    descending: bool,
}

/// Where a group stands in the order: what is sorted by, then the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place {
    created: Option<Timestamp>,
    status: Option<String>,
    name: String,
}

impl Order {
    fn of(input: &ListFeatureGroupsRequest) -> Self {
        Self {
            by: input.sort_by.unwrap_or(FeatureGroupSortBy::CreationTime),
            descending: input.sort_order == Some(FeatureGroupSortOrder::Descending),
        }
    }

    /// `offline` is the status of the offline store, if that is what is sorted by.
    fn place(&self, group: &GroupRecord, offline: Option<&OfflineStoreStatus>) -> Place {
        Place {
            created: (self.by == FeatureGroupSortBy::CreationTime).then_some(group.created),
            status: match self.by {
                FeatureGroupSortBy::FeatureGroupStatus => Some(shape::status(group).to_string()),
                FeatureGroupSortBy::OfflineStoreStatus => {
                    offline.map(|offline| offline.status.to_string())
                }
                FeatureGroupSortBy::Name | FeatureGroupSortBy::CreationTime => None,
            },
            name: group.name.clone(),
        }
    }

    fn is_behind(&self, place: &Place, after: &Place) -> bool {
        if self.descending {
            place < after
        } else {
            place > after
        }
    }
}
