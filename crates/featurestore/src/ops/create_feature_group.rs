//! `CreateFeatureGroup`: a new group.

mod offline;
mod rules;

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::json;
use shapes::sagemaker::{CreateFeatureGroupRequest, CreateFeatureGroupResponse};
use store::{Batch, Key, Lane};
use types::{AccountId, Arn, Service};

use self::offline::ChosenOffline;
use crate::actions::{
    ADD_TAGS, CREATE_FEATURE_GROUP, CREATE_GRANT, DECRYPT, DESCRIBE_KEY, ENCRYPT,
    GENERATE_DATA_KEY, LIST_ALIASES, LIST_GRANTS, PASS_ROLE, RE_ENCRYPT_FROM, RE_ENCRYPT_TO,
    RETIRE_GRANT,
};
use crate::chosen_key::ChosenKey;
use crate::event::{self, Fields};
use crate::key_records::{GROUP_KEYS, GroupKeys, WrappedKey};
use crate::offline::OfflineStore;
use crate::records::{
    GROUPS, GroupRecord, NUMBERS, NextNumber, OnlineStore, Status, group_arn, group_row, groups_of,
    number_row,
};
use crate::schema::{Schema, encryption_context};
use crate::throughput::Throughput;
use crate::wrapping::Wrapping;
use crate::{Error, Quotas, Runtime, features, grant, lifecycle, tags, throughput};

/// The number of a group's first data key.
const FIRST_DATA_KEY: u32 = 1;

/// Creates a feature group. What can be checked is checked at once; the group is `Creating`
/// until the service has found, as itself, that it may use the key, which the answer waits for.
///
/// With `SecurityConfig.KmsKeyId` the group's data keys are made under that key by SageMaker on the
/// caller's behalf, and a grant on it for what SageMaker does later of itself. So the caller needs
/// on the key, through SageMaker, whatever SageMaker may ever do with it: nine actions, and
/// `kms:ListAliases` if the key is named by an alias. The key must be an enabled symmetric key of
/// this region. Nothing is left behind by a call that fails. A `RoleArn` needs `iam:PassRole`, and
/// has to be a role that SageMaker may assume. With `OfflineStoreConfig` that role must be able to
/// write to the bucket, and to have S3 make data keys under the key of the offline store, by
/// default the AWS managed key of S3. Fails with `ResourceInUse` if the name is taken in any case
/// of its letters, with `ResourceLimitExceeded`, and with `ValidationException` for what breaks a
/// rule.
#[derive(Debug)]
pub struct CreateFeatureGroup;

/// The group that is to be.
#[derive(Debug)]
pub struct NewGroup {
    account: AccountId,
    arn: Arn,
    name: String,
    id: String,
    key: Option<ChosenKey>,
    offline: Option<ChosenOffline>,
    /// The role that the caller passes to SageMaker.
    role: Option<Arn>,
}

impl Operation for CreateFeatureGroup {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "CreateFeatureGroup";
    const ACTIONS: &'static [&'static Action] = &[
        &CREATE_FEATURE_GROUP,
        &ADD_TAGS,
        &PASS_ROLE,
        &DESCRIBE_KEY,
        &GENERATE_DATA_KEY,
        &CREATE_GRANT,
        &ENCRYPT,
        &DECRYPT,
        &RE_ENCRYPT_FROM,
        &RE_ENCRYPT_TO,
        &RETIRE_GRANT,
        &LIST_GRANTS,
        &LIST_ALIASES,
    ];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateFeatureGroupRequest;
    type Output = CreateFeatureGroupResponse;
    type Target = NewGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NewGroup), Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let group = NewGroup {
            account,
            arn: group_arn(account, ctx.region(), &input.feature_group_name),
            name: input.feature_group_name.clone(),
            id: random_id(ctx),
            key: key_text(input)
                .map(|text| ChosenKey::find(ctx, account, text))
                .transpose()?,
            offline: (input.offline_store_config.as_ref())
                .map(|config| ChosenOffline::find(ctx, account, config))
                .transpose()?,
            role: input.role_arn.as_deref().map(role_at).transpose()?,
        };
        Ok((needs(ctx, input, &group)?, group))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut new = permit.into_target();
        let (online, throughput) = checked(ctx, &new, &input)?;
        let key = match new.key.take() {
            Some(key) => Some(key.checked(ctx).await?),
            None => None,
        };
        let online = under(online, key.as_ref())?;
        let keys = first_keys(ctx, &new, key.as_ref()).await?;
        // As late as may be: S3 may make its managed key, which is not there if the call fails,
        // though the history would show a data key made under it.
        let offline = match (new.offline.take(), &new.role) {
            (Some(offline), Some(role)) => {
                let of = (&new.arn, new.name.as_str());
                offline.checked(ctx, of, role, &input).await?
            }
            _ => None,
        };
        let grant = match &key {
            Some(key) => {
                let of = (new.name.as_str(), &new.arn, new.id.as_str());
                Some(grant::create(ctx, key, of).await?)
            }
            None => None,
        };
        let next = ctx.view().get(&NUMBERS, &NextNumber::row());
        let number = next.map_or(1, |row| row.record.next);
        let output = CreateFeatureGroupResponse {
            feature_group_arn: new.arn.to_string(),
        };
        let row = row_of(ctx, &new);
        let made = Made {
            number,
            online,
            offline,
            throughput,
            grant,
        };
        let group = record_of(ctx, new, input, made)?;
        let mut batch = Batch::new(Lane::Metadata);
        batch.put(&GROUP_KEYS, number_row(number), keys);
        batch.put(&NUMBERS, NextNumber::row(), NextNumber { next: number + 1 });
        batch.put(&GROUPS, row, group);
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
            .maybe(
                "recordIdentifierFeatureName",
                &input.record_identifier_feature_name,
            )
            .maybe("eventTimeFeatureName", &input.event_time_feature_name)
            .maybe("featureDefinitions", &input.feature_definitions)
            .maybe("onlineStoreConfig", &input.online_store_config)
            .maybe("offlineStoreConfig", &input.offline_store_config)
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
            .maybe("roleArn", &input.role_arn)
            .maybe("description", &input.description)
            .maybe("tags", &input.tags)
            .request();
        EventDetail {
            response: output.map_or(
                serde_json::Value::Null,
                |output| json!({ "featureGroupArn": output.feature_group_arn }),
            ),
            ..detail
        }
    }
}

/// Checks what is asked for as far as nothing is made for it; returns the online store, without its
/// key, and the throughput.
///
/// Fails if a rule is broken, the name is taken, a quota is used up, or SageMaker may not assume the
/// role.
fn checked(
    ctx: &Ctx,
    new: &NewGroup,
    input: &CreateFeatureGroupRequest,
) -> Result<(Option<OnlineStore>, Throughput), Error> {
    let runtime: &Runtime = ctx.part()?;
    let online = rules::check(input, runtime)?;
    let storage = online.as_ref().map(|online| online.storage);
    let throughput = Throughput::of_new(input.throughput_config.as_ref(), storage)?;
    if ctx.view().get(&GROUPS, &row_of(ctx, new)).is_some() {
        return Err(Error::GroupExists {
            name: new.name.clone(),
        });
    }
    check_quotas(ctx, new.account, &runtime.quotas)?;
    let named = (new.account, new.name.as_str());
    throughput::check_quotas(ctx, &runtime.quotas, named, throughput)?;
    if let Some(role) = &new.role
        && !pipeline::service_may_assume(ctx, role, CreateFeatureGroup::SERVICE, &new.arn)?
    {
        return Err(role_refused(role));
    }
    Ok((online, throughput))
}

/// Where the group is kept.
fn row_of(ctx: &Ctx, new: &NewGroup) -> Key {
    group_row(new.account.as_str(), ctx.region().as_str(), &new.name)
}

/// Checks that the account may have one more group in the region, and be creating one more.
fn check_quotas(ctx: &Ctx, account: AccountId, quotas: &Quotas) -> Result<(), Error> {
    let groups = groups_of(account, ctx.region());
    let (mut others, mut creating) = (0, 0);
    for (_, row) in ctx.view().scan(&GROUPS, &groups, None) {
        others += 1;
        creating += usize::from(row.record.status == Status::Creating);
    }
    let workflows = "Maximum number of feature group creation workflows executing in parallel";
    for (name, used, limit) in [
        (workflows, creating, quotas.creations),
        ("Maximum number of feature groups", others, quotas.groups),
    ] {
        if used >= limit {
            let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
            return Err(Error::Quota {
                name: name.into(),
                unit: "FeatureGroups",
                limit: number(limit),
                used: number(used),
                asked: 1,
            });
        }
    }
    Ok(())
}

/// The online store under `key`.
///
/// Fails with a broken rule if there is a key and no store that tells of it: what is wrapped under it
/// could not be unwrapped any more.
fn under(online: Option<OnlineStore>, key: Option<&Arn>) -> Result<Option<OnlineStore>, Error> {
    if online.is_none() && key.is_some() {
        return Err(Error::broken("a group has a KMS key and no online store"));
    }
    let key = key.cloned();
    Ok(online.map(|online| OnlineStore { key, ..online }))
}

/// The group's first data key and its index key, wrapped under `key`.
async fn first_keys(ctx: &Ctx, new: &NewGroup, key: Option<&Arn>) -> Result<GroupKeys, Error> {
    let context = encryption_context(new.arn.as_str(), &new.id);
    let wrapping = Wrapping {
        region: ctx.region(),
        key,
        context: &context,
    };
    let data_key = wrapping.new_key(ctx).await?;
    let index_key = wrapping.new_key(ctx).await?;
    Ok(GroupKeys {
        data_keys: vec![WrappedKey {
            number: FIRST_DATA_KEY,
            wrapped: data_key,
        }],
        index_key,
    })
}

/// What was checked and made for a group, and is kept in its record.
struct Made {
    number: u64,
    online: Option<OnlineStore>,
    offline: Option<OfflineStore>,
    throughput: Throughput,
    grant: Option<String>,
}

/// The record of a group that is being created.
fn record_of(
    ctx: &Ctx,
    new: NewGroup,
    input: CreateFeatureGroupRequest,
    made: Made,
) -> Result<GroupRecord, Error> {
    Ok(GroupRecord {
        account: new.account,
        region: ctx.region().clone(),
        arn: new.arn,
        number: made.number,
        id: new.id,
        definitions: features::definitions(&input.feature_definitions)?,
        identifier: input.record_identifier_feature_name,
        event_time: input.event_time_feature_name,
        name: new.name,
        online: made.online,
        offline: made.offline,
        role_arn: input.role_arn,
        description: input.description,
        tags: tags::checked(input.tags.as_deref().unwrap_or_default())?,
        status: Status::Creating,
        created: ctx.time(),
        data_key: FIRST_DATA_KEY,
        data_key_made: ctx.time(),
        former: Vec::new(),
        keys: None,
        grant: made.grant,
        failure: None,
        updated: None,
        update: None,
        throughput: made.throughput,
        schema: Schema::default(),
    })
}

/// The key that the caller chose, as text; an empty one is refused later.
fn key_text(input: &CreateFeatureGroupRequest) -> Option<&str> {
    let config = input
        .online_store_config
        .as_ref()?
        .security_config
        .as_ref()?;
    config.kms_key_id.as_deref().filter(|text| !text.is_empty())
}

fn role_refused(role: &Arn) -> Error {
    Error::validation(format!(
        "The execution role ARN \"{role}\" is invalid. Please ensure that the role exists and \
         that its trust relationship policy allows the action \"sts:AssumeRole\" for the service \
         principal \"{}\".",
        Service::SageMaker.principal()
    ))
}

fn role_at(text: &str) -> Result<Arn, Error> {
    text.parse()
        .map_err(|_source| Error::validation("RoleArn is not an ARN."))
}

fn needs(ctx: &Ctx, input: &CreateFeatureGroupRequest, group: &NewGroup) -> Result<Needs, Error> {
    let tags = tags::checked(input.tags.as_deref().unwrap_or_default())?;
    let tag_keys = KeySet::default().requested_tags(&tags);
    let keys = condition_keys(input, group).and(tag_keys.clone());
    let mut needs = Needs::one(Need::on(&CREATE_FEATURE_GROUP, group.arn.clone()).with(keys));
    if !tags.is_empty() {
        let action = tag_keys.one("sagemaker:taggingaction", CreateFeatureGroup::NAME);
        needs.push(Need::on(&ADD_TAGS, group.arn.clone()).with(action));
    }
    if let Some(role) = &group.role {
        let to = KeySet::default()
            .one("iam:passedtoservice", Service::SageMaker.principal())
            .one("iam:associatedresourcearn", group.arn.as_str());
        needs.push(Need::on(&PASS_ROLE, role.clone()).with(to));
    }
    if let Some(key) = &group.key {
        let of = (group.name.as_str(), &group.arn, group.id.as_str());
        for need in key.needs(ctx, of)? {
            needs.push(need);
        }
    }
    Ok(needs)
}

/// The condition keys of the request. The key is the one that was found, whatever the caller
/// wrote for it: a policy that names a key by its ARN must not be evaded by an alias.
fn condition_keys(input: &CreateFeatureGroupRequest, group: &NewGroup) -> KeySet {
    let online = input.online_store_config.as_ref();
    let enabled = online
        .and_then(|online| online.enable_online_store)
        .unwrap_or(false);
    let keys = KeySet::default()
        .one(
            "sagemaker:featuregroupenableonlinestore",
            enabled.to_string(),
        )
        .maybe(
            "sagemaker:featuregrouponlinestorekmskey",
            group.key.as_ref().map(|key| key.arn.as_str()),
        );
    match (&group.offline, &input.offline_store_config) {
        (Some(offline), Some(config)) => keys.and(offline.condition_keys(config)),
        _ => keys,
    }
}

fn random_id(ctx: &Ctx) -> String {
    let mut bytes = [0_u8; 16];
    ctx.entropy().fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Storage;

    #[test]
    fn a_key_goes_with_an_online_store_or_the_group_is_not_made() {
        let key: Arn = "arn:aws:kms:us-east-1:111122223333:key/k".parse().unwrap();
        let online = |key| OnlineStore {
            ttl: None,
            key,
            storage: Storage::Standard,
        };
        let stored = under(Some(online(None)), Some(&key)).unwrap();
        assert_eq!(stored, Some(online(Some(key.clone()))));
        assert_eq!(under(Some(online(None)), None).unwrap(), Some(online(None)));
        assert_eq!(under(None, None).unwrap(), None);
        assert!(matches!(
            under(None, Some(&key)),
            Err(Error::Internal { .. })
        ));
    }
}
