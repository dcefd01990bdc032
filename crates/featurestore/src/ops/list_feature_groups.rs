//! `ListFeatureGroups`: the groups of an account in a region.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde::{Deserialize, Serialize};
use shapes::sagemaker::{
    FeatureGroupSortBy, FeatureGroupSortOrder, FeatureGroupSummary, ListFeatureGroupsRequest,
    ListFeatureGroupsResponse,
};
use types::{Service, Timestamp};

use crate::actions::LIST_FEATURE_GROUPS;
use crate::event::Fields;
use crate::paging::List;
use crate::records::{GROUPS, GroupRecord, groups_of};
use crate::{Error, offline};

/// Returns a page of the groups that pass the filters, sorted.
///
/// Sorts by creation time, ascending, unless told otherwise; names decide between equals. A
/// page has ten groups unless told otherwise. A token belongs to the filters and the order that
/// it was given for. The status of an offline store is that of now.
#[derive(Debug)]
pub struct ListFeatureGroups;

const PAGE: usize = 10;

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
        let asked = List::of(account, ctx.region(), &without_page(&input));
        let token = input.next_token.as_deref();
        let after: Option<Place> = token.map(|token| asked.read(token)).transpose()?;
        let prefix = groups_of(account, ctx.region());
        let groups = ctx
            .view()
            .scan(&GROUPS, &prefix, None)
            .map(|(_, row)| row.record);
        let mut found: Vec<(Place, &GroupRecord)> = groups
            .filter(|group| passes(ctx, &input, group))
            .map(|group| (order.place(group), group))
            .filter(|(place, _)| {
                after
                    .as_ref()
                    .is_none_or(|after| order.is_behind(place, after))
            })
            .collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        if order.descending {
            found.reverse();
        }
        let size = input
            .max_results
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(PAGE);
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| more);
        Ok(Reply::read(ListFeatureGroupsResponse {
            next_token: last.map(|(place, _)| asked.token(place)).transpose()?,
            feature_group_summaries: found.iter().map(|(_, group)| summary(ctx, group)).collect(),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let time = |at: Option<Timestamp>| at.map(audit::timestamp_text);
        Fields::default()
            .with("nameContains", &input.name_contains)
            .with(
                "featureGroupStatusEquals",
                input.feature_group_status_equals,
            )
            .with(
                "offlineStoreStatusEquals",
                input.offline_store_status_equals,
            )
            .with("creationTimeAfter", time(input.creation_time_after))
            .with("creationTimeBefore", time(input.creation_time_before))
            .with("sortOrder", input.sort_order)
            .with("sortBy", input.sort_by)
            .with("maxResults", input.max_results)
            .with("nextToken", &input.next_token)
            .request()
    }
}

/// The request without what differs between the pages of one list.
fn without_page(input: &ListFeatureGroupsRequest) -> ListFeatureGroupsRequest {
    ListFeatureGroupsRequest {
        next_token: None,
        max_results: None,
        ..input.clone()
    }
}

fn passes(ctx: &Ctx, input: &ListFeatureGroupsRequest, group: &GroupRecord) -> bool {
    input
        .name_contains
        .as_ref()
        .is_none_or(|part| group.name.contains(part))
        && input
            .feature_group_status_equals
            .is_none_or(|status| status == super::describe_feature_group::status(group))
        && input
            .creation_time_after
            .is_none_or(|after| group.created > after)
        && input
            .creation_time_before
            .is_none_or(|before| group.created < before)
        && input.offline_store_status_equals.is_none_or(|wanted| {
            let status = offline::status(ctx.services(), group);
            status.is_some_and(|status| status.status == wanted)
        })
}

fn summary(ctx: &Ctx, group: &GroupRecord) -> FeatureGroupSummary {
    FeatureGroupSummary {
        feature_group_name: group.name.clone(),
        feature_group_arn: group.arn.to_string(),
        creation_time: group.created,
        feature_group_status: Some(super::describe_feature_group::status(group)),
        offline_store_status: offline::status(ctx.services(), group),
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

    fn place(&self, group: &GroupRecord) -> Place {
        Place {
            created: (self.by == FeatureGroupSortBy::CreationTime).then_some(group.created),
            // The status of an offline store changes by itself: pages could not follow it.
            status: (self.by == FeatureGroupSortBy::FeatureGroupStatus)
                .then(|| super::describe_feature_group::status(group).to_string()),
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
