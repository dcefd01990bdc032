//! `DescribeFeatureGroup`: everything about one group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::Value;
use shapes::sagemaker::{
    DescribeFeatureGroupRequest, DescribeFeatureGroupResponse, FeatureGroupStatus,
    LastUpdateStatus, LastUpdateStatusValue, OnlineStoreConfig, OnlineStoreSecurityConfig,
    StorageType,
};
use types::Service;

use crate::actions::DESCRIBE_FEATURE_GROUP;
use crate::answer::JsonBody;
use crate::event::Fields;
use crate::name::Found;
use crate::offline::{self, OfflineStore};
use crate::paging::List;
use crate::pending::Update;
use crate::records::{GroupRecord, OnlineStore, Status, Storage};
use crate::ttl::Ttl;
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
        let list = List::of(group.account, &group.region, &(Self::NAME, group.number));
        let after: usize = match &input.next_token {
            Some(token) => list.read(token)?,
            None => 0,
        };
        let account = ctx.account();
        let stopped = ctx.part::<Runtime>()?.upkeep.reason(group);
        // What it says of the owner's keys is for the owner.
        let stopped = stopped.filter(|_| account == Some(group.account));
        let mut described = describe(group, stopped.as_deref());
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
            .with("featureGroupName", &input.feature_group_name)
            .with("nextToken", &input.next_token)
            .request()
    }
}

/// How the last update has ended, if there was one.
pub(crate) fn last_update(group: &GroupRecord) -> Option<LastUpdateStatus> {
    let (status, failure_reason) = match (&group.update, group.updated) {
        (Some(Update::Pending(_)), _) => (LastUpdateStatusValue::InProgress, None),
        (Some(Update::Failed(why)), _) => (LastUpdateStatusValue::Failed, Some(why.clone())),
        (None, Some(_at)) => (LastUpdateStatusValue::Successful, None),
        (None, None) => return None,
    };
    Some(LastUpdateStatus {
        status,
        failure_reason,
    })
}

/// The most characters that a `FailureReason` has.
pub(crate) const MOST_REASON: usize = 1024;

/// The group without its definitions; `stopped` is why background work for it is stopped, if it is.
fn describe(group: &GroupRecord, stopped: Option<&str>) -> DescribeFeatureGroupResponse {
    DescribeFeatureGroupResponse {
        feature_group_arn: group.arn.to_string(),
        feature_group_name: group.name.clone(),
        record_identifier_feature_name: group.identifier.clone(),
        event_time_feature_name: group.event_time.clone(),
        feature_definitions: Vec::new(),
        creation_time: group.created,
        last_modified_time: Some(group.updated.unwrap_or(group.created)),
        online_store_config: group.has_online().then(|| online_store(&group.online)),
        offline_store_config: group.offline.as_ref().map(OfflineStore::config),
        throughput_config: Some(group.throughput.shape(group.has_online())),
        role_arn: group.role_arn.clone(),
        feature_group_status: Some(status(group)),
        offline_store_status: None,
        last_update_status: last_update(group),
        failure_reason: failure(group, stopped),
        description: group.description.clone(),
        next_token: String::new(),
        online_store_total_size_bytes: None,
    }
}

/// Why the group could not be made or deleted, or else why its store is not maintained.
pub(crate) fn failure(group: &GroupRecord, stopped: Option<&str>) -> Option<String> {
    let failed = group.failure.clone();
    failed.or_else(|| stopped.map(failure_reason))
}

/// In at most 1,024 characters.
fn failure_reason(stopped: &str) -> String {
    let text = format!("the online store is not maintained: {stopped}");
    text.chars().take(MOST_REASON).collect()
}

/// The status as AWS shows it.
pub(crate) fn status(group: &GroupRecord) -> FeatureGroupStatus {
    match group.status {
        Status::Creating => FeatureGroupStatus::Creating,
        Status::Created => FeatureGroupStatus::Created,
        Status::CreateFailed => FeatureGroupStatus::CreateFailed,
        Status::Deleting => FeatureGroupStatus::Deleting,
        Status::DeleteFailed => FeatureGroupStatus::DeleteFailed,
    }
}

/// The online store as AWS shows it.
pub(super) fn online_store(online: &OnlineStore) -> OnlineStoreConfig {
    OnlineStoreConfig {
        security_config: online.key.as_ref().map(|key| OnlineStoreSecurityConfig {
            kms_key_id: Some(key.to_string()),
        }),
        enable_online_store: Some(true),
        ttl_duration: online.ttl.map(Ttl::shape),
        storage_type: Some(storage(online.storage)),
    }
}

/// The storage type as AWS shows it.
pub(crate) fn storage(storage: Storage) -> StorageType {
    match storage {
        Storage::Standard => StorageType::Standard,
        Storage::StandardV2 => StorageType::StandardV2,
        Storage::InMemory => StorageType::InMemory,
    }
}
