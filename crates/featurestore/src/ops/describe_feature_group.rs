//! `DescribeFeatureGroup`: everything about one group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::{Value, json};
use shapes::sagemaker::{DescribeFeatureGroupRequest, DescribeFeatureGroupResponse};
use types::Service;

use crate::actions::DESCRIBE_FEATURE_GROUP;
use crate::answer::JsonBody;
use crate::event::Fields;
use crate::name::Found;
use crate::offline::{self, OfflineStore};
use crate::paging::List;
use crate::records::GroupRecord;
use crate::shape::{self, Reasons};
use crate::{Error, Runtime, features};

/// Returns the description of the group with this name or ARN.
///
/// `FailureReason` says why creating or deleting the group has failed, or why the service cannot
/// maintain the online store, if it cannot: the grant on its key was revoked, or the key cannot be
/// used. `OfflineStoreStatus` is that of now: `Blocked`, with the reason, if the role could not
/// write. Accounts that the group is shared with get neither reason: both tell of the owner's
/// roles, keys and policies.
///
/// `OnlineStoreTotalSizeBytes` is there of stores of type `InMemory`, as they were measured last,
/// about ten minutes ago.
///
/// A page has 2,500 definitions, which are all of them unless the operator allows more.
/// Fails with `ResourceNotFound` if there is no such group, and with `ValidationException` for a
/// token of another group.
#[derive(Debug)]
pub struct DescribeFeatureGroup;

/// How many definitions a page has.
const PAGE: usize = 2500;

impl Operation for DescribeFeatureGroup {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "DescribeFeatureGroup";
    const ACTIONS: &'static [&'static Action] = &[&DESCRIBE_FEATURE_GROUP];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeFeatureGroupRequest;
    type Output = JsonBody;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        Ok((
            Needs::one(super::shared_need(&DESCRIBE_FEATURE_GROUP, &found)),
            found,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<JsonBody>, Error> {
        let group = permit.target().group(&input.feature_group_name)?;
        let of = (group.account, &group.region);
        // Bound to the number: a new group of the same name is another list.
        let list = List::of(of, Self::NAME, json!({ "group": group.number }));
        let after: usize = match &input.next_token {
            Some(token) => list.read(token)?,
            None => 0,
        };
        let account = ctx.account();
        let mut described = describe(group, &Reasons::of(ctx.part()?, group, account));
        let size = ctx.part::<Runtime>()?.sizes.of(group);
        described.online_store_total_size_bytes = size.and_then(|size| i64::try_from(size).ok());
        described.offline_store_status = offline::status(ctx.services(), group, account);
        let definitions = group.definitions.iter().skip(after);
        described.feature_definitions = definitions.take(PAGE).map(features::definition).collect();
        let end = after.saturating_add(PAGE);
        let is_last = end >= group.definitions.len();
        if !is_last {
            described.next_token = list.token(&end)?;
        }
        let mut body = serde_json::to_value(described)
            .map_err(|source| Error::internal("a feature group cannot be described", source))?;
        // AWS's model requires the member, AWS leaves it out on the last page.
        if let Value::Object(members) = &mut body
            && is_last
        {
            members.remove("NextToken");
        }
        let mut answer = JsonBody::default();
        answer.value(&body)?;
        Ok(Reply::read(answer))
    }

    fn event(input: &Self::Input, _output: Option<&JsonBody>) -> EventDetail {
        Fields::default()
            .maybe("featureGroupName", &input.feature_group_name)
            .maybe("nextToken", &input.next_token)
            .request()
    }
}

/// The group without its definitions, with the `reasons` that the caller may know.
fn describe(group: &GroupRecord, reasons: &Reasons) -> DescribeFeatureGroupResponse {
    DescribeFeatureGroupResponse {
        feature_group_arn: group.arn.to_string(),
        feature_group_name: group.name.clone(),
        record_identifier_feature_name: group.identifier.clone(),
        event_time_feature_name: group.event_time.clone(),
        feature_definitions: Vec::new(),
        creation_time: group.created,
        last_modified_time: Some(group.updated.unwrap_or(group.created)),
        online_store_config: group.online.as_ref().map(shape::online_store),
        offline_store_config: group.offline.as_ref().map(OfflineStore::config),
        throughput_config: Some(group.throughput.shape(group.online.is_some())),
        role_arn: group.role_arn.clone(),
        feature_group_status: Some(shape::status(group)),
        offline_store_status: None,
        last_update_status: shape::last_update(group, reasons),
        failure_reason: shape::failure(group, reasons),
        description: group.description.clone(),
        next_token: String::new(),
        online_store_total_size_bytes: None,
    }
}
