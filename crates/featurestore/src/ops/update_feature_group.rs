//! `UpdateFeatureGroup`: more features, another time to live, the newer storage type, or another
//! throughput.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::{Value, json};
use shapes::sagemaker::{
    FeatureDefinition, OnlineStoreConfigUpdate, StorageType, ThroughputConfigUpdate,
    UpdateFeatureGroupRequest, UpdateFeatureGroupResponse,
};
use store::{Batch, Lane};
use types::{Service, Timestamp};

use crate::actions::UPDATE_FEATURE_GROUP;
use crate::event::{self, Fields};
use crate::features::{self, Known};
use crate::name::Found;
use crate::pending::{PendingUpdate, Update};
use crate::records::{GROUPS, GroupRecord, Storage, no_online};
use crate::ttl::Ttl;
use crate::{Error, Runtime, lifecycle, throughput};

/// Changes one thing of a feature group; records that are there stay as they are.
///
/// Features can be added, 2,500 in all unless the operator says otherwise, and never changed or
/// removed. The time to live of records to come can be changed, or ended by a `TtlDuration` without
/// members. The storage type can go from `Standard` to `Standard_V2`, and not back. Provisioned
/// throughput can be changed, given up, once in 24 hours, and begun. What breaks no rule is made by
/// the service in its own name, which the answer waits for: `LastUpdateStatus` is `InProgress`
/// until then, and `Failed` where the service may not maintain the online store. Fails with
/// `ResourceNotFound` if there is no such group, with `ResourceLimitExceeded` beyond the number of
/// features and of provisioned units, and with `ValidationException` for no change or several, for
/// what breaks a rule, unless the group is `Created`, and while another update is in progress.
#[derive(Debug)]
pub struct UpdateFeatureGroup;

impl Operation for UpdateFeatureGroup {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "UpdateFeatureGroup";
    const ACTIONS: &'static [&'static Action] = &[&UPDATE_FEATURE_GROUP];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdateFeatureGroupRequest;
    type Output = UpdateFeatureGroupResponse;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        let need = super::shared_need(&UPDATE_FEATURE_GROUP, &found);
        Ok((Needs::one(need), found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().group(&input.feature_group_name)?;
        group.ready()?;
        if matches!(group.update, Some(Update::Pending(_))) {
            return Err(Error::validation(format!(
                "the feature group {} is still being updated.",
                group.name
            )));
        }
        let mut changed = group.to_change();
        let asked = (
            &input.feature_additions,
            &input.online_store_config,
            &input.throughput_config,
        );
        match asked {
            (Some(features), None, None) => {
                let limit = ctx.part::<Runtime>()?.quotas.features;
                add_features(&mut changed, (features, limit), ctx.time())?;
            }
            (None, Some(online), None) => change_store(&mut changed, online)?,
            (None, None, Some(throughput)) => change_throughput(ctx, &mut changed, throughput)?,
            _ => {
                return Err(Error::validation(
                    "exactly one of FeatureAdditions, OnlineStoreConfig and ThroughputConfig must \
                     be given.",
                ));
            }
        }
        let pending = PendingUpdate::between(group, &changed);
        let mut changed = group.to_change();
        changed.update = Some(Update::Pending(pending));
        changed.updated = Some(ctx.time());
        let output = UpdateFeatureGroupResponse {
            feature_group_arn: group.arn.to_string(),
        };
        let mut batch = Batch::new(Lane::Metadata);
        batch.put(&GROUPS, changed.row(), changed);
        Ok(Reply::write(output, batch))
    }

    async fn follow(ctx: &Ctx, _input: &Self::Input, output: &Self::Output) {
        if let Ok(arn) = output.feature_group_arn.parse() {
            Box::pin(lifecycle::follow(ctx.services(), &arn)).await;
        }
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let detail = Fields::default()
            .maybe("featureGroupName", &input.feature_group_name)
            .maybe("featureAdditions", &input.feature_additions)
            .maybe(
                "onlineStoreConfig",
                input.online_store_config.as_ref().map(in_event),
            )
            .maybe(
                "throughputConfig",
                input.throughput_config.as_ref().map(|asked| {
                    event::throughput(
                        asked.throughput_mode,
                        asked.provisioned_read_capacity_units,
                        asked.provisioned_write_capacity_units,
                    )
                }),
            )
            .request();
        let arn = output.map(|output| &output.feature_group_arn);
        EventDetail {
            response: arn.map_or(Value::Null, |arn| json!({ "featureGroupArn": arn })),
            ..detail
        }
    }
}

fn in_event(asked: &OnlineStoreConfigUpdate) -> Value {
    json!({ "ttlDuration": asked.ttl_duration, "storageType": asked.storage_type })
}

fn add_features(
    group: &mut GroupRecord,
    (features, limit): (&[FeatureDefinition], usize),
    now: Timestamp,
) -> Result<(), Error> {
    let mut known = Known::of(group.storage(), &group.definitions);
    known.add(features)?;
    if known.len() > limit {
        return Err(Error::FeatureLimit { limit });
    }
    let mut added = features::definitions(features)?;
    for feature in &mut added {
        feature.added = Some(now);
    }
    group.definitions.extend(added);
    Ok(())
}

fn change_throughput(
    ctx: &Ctx,
    group: &mut GroupRecord,
    asked: &ThroughputConfigUpdate,
) -> Result<(), Error> {
    let throughput = group
        .throughput
        .changed(asked, group.storage(), ctx.time())?;
    let named = (group.account, &*group.name);
    throughput::check_quotas(ctx, &ctx.part::<Runtime>()?.quotas, named, throughput)?;
    group.throughput = throughput;
    Ok(())
}

fn change_store(group: &mut GroupRecord, asked: &OnlineStoreConfigUpdate) -> Result<(), Error> {
    let online = group.online.as_mut().ok_or_else(no_online)?;
    if asked.ttl_duration.is_none() && asked.storage_type.is_none() {
        return Err(Error::validation(
            "OnlineStoreConfig needs a TtlDuration or a StorageType.",
        ));
    }
    if let Some(ttl) = &asked.ttl_duration {
        let ended = ttl.unit.is_none() && ttl.value.is_none();
        online.ttl = if ended {
            None
        } else {
            Some(Ttl::of_group(ttl)?)
        };
    }
    match (asked.storage_type, online.storage) {
        (None, _) | (Some(StorageType::Standard), Storage::Standard) => Ok(()),
        (Some(StorageType::StandardV2), _) if group.throughput.provisioned.is_some() => {
            Err(Error::validation(
                "an online store with the ThroughputMode Provisioned must be of type Standard.",
            ))
        }
        (Some(StorageType::StandardV2), Storage::Standard | Storage::StandardV2) => {
            online.storage = Storage::StandardV2;
            Ok(())
        }
        (Some(StorageType::Standard), Storage::StandardV2) => Err(Error::validation(
            "a StorageType of Standard_V2 cannot be changed back to Standard.",
        )),
        (Some(_), Storage::InMemory) => Err(Error::validation(
            "the StorageType InMemory of a feature group cannot be changed.",
        )),
        (Some(StorageType::InMemory), Storage::Standard | Storage::StandardV2) => Err(
            Error::validation("the StorageType of a feature group cannot be changed to InMemory."),
        ),
    }
}
