//! `RekeyFeatureGroup`: moves a group to another KMS key. Our own: AWS has no such call.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::{Value, json};
use shapes::strongroom::{RekeyFeatureGroupInput, RekeyFeatureGroupOutput};
use store::{Batch, Lane};
use types::{Arn, Service};

use crate::actions::{
    CREATE_GRANT, DECRYPT, DESCRIBE_KEY, ENCRYPT, GENERATE_DATA_KEY, LIST_ALIASES, LIST_GRANTS,
    RE_ENCRYPT_FROM, RE_ENCRYPT_TO, REKEY_FEATURE_GROUP, RETIRE_GRANT,
};
use crate::chosen_key::ChosenKey;
use crate::data_keys::{MOST_FORMER, unwrap_for};
use crate::event::Fields;
use crate::key_records::{GROUP_KEYS, GroupKeys, RENEWALS, Renewal, WrappedKey};
use crate::name::Found;
use crate::records::{FormerKey, GROUPS, GroupRecord, OnlineStore, Storage, number_row};
use crate::renewal::next_data_key;
use crate::wrapping::Wrapping;
use crate::{Error, Runtime, grant};

/// How many data keys a group has at most when it is moved. Those that something waits under for
/// the offline store are wrapped anew with each move.
const MOST_DATA_KEYS: usize = 256;

/// Puts a group under another KMS key of a customer, or under the AWS owned key, while it is read
/// and written.
///
/// The caller needs on the new key what `CreateFeatureGroup` needs, and `kms:Decrypt` on every key
/// that records of the group are under. When the answer comes the group is under the new key, for
/// every caller and everything that is written; in the background the records that were there are
/// sealed anew, through the group's grants, and then older data keys and the grant on the old key
/// are retired; the data keys of what waits for the offline store come under the new key instead.
/// Until a record has moved, reading it needs the old key too. Fails with `ResourceNotFound` if there
/// is no such group, and with `ValidationException` if it has no online store, which alone is under
/// that key, or one of type `InMemory`, which has none unless the operator allows it, if it is under
/// this key, if it is still on its way from eight others, if what waits for its offline store is under
/// hundreds of data keys, or if the new key cannot be used.
#[derive(Debug)]
pub struct RekeyFeatureGroup;

/// The group, and the key that it is to be under.
#[derive(Debug)]
pub struct Rekeyed {
    found: Found,
    key: Option<ChosenKey>,
}

impl Operation for RekeyFeatureGroup {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "RekeyFeatureGroup";
    const ACTIONS: &'static [&'static Action] = &[
        &REKEY_FEATURE_GROUP,
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
    type Input = RekeyFeatureGroupInput;
    type Output = RekeyFeatureGroupOutput;
    type Target = Rekeyed;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Rekeyed), Error> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let key = match (&input.kms_key_id, input.aws_owned_key) {
            (Some(text), None | Some(false)) => Some(ChosenKey::find(ctx, account, text)?),
            (None, Some(true)) => None,
            _ => {
                return Err(Error::validation(
                    "either KmsKeyId or AwsOwnedKey must be given.",
                ));
            }
        };
        // The same key as for `CreateFeatureGroup`, so that one statement rules both.
        let keys = KeySet::default().maybe(
            "sagemaker:featuregrouponlinestorekmskey",
            key.as_ref().map(|key| key.arn.as_str()),
        );
        let mut needs = Needs::one(super::group_need(&REKEY_FEATURE_GROUP, &found).with(keys));
        if let Some(group) = &found.group {
            for need in needs_of_keys(ctx, group, key.as_ref())? {
                needs.push(need);
            }
        }
        Ok((needs, Rekeyed { found, key }))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Rekeyed { found, key } = permit.into_target();
        let group = found.group(&input.feature_group_name)?;
        group.ready()?;
        let online = group.check_online()?;
        if group.former.len() >= MOST_FORMER {
            return Err(Error::validation(format!(
                "the feature group is still on its way from {MOST_FORMER} other keys."
            )));
        }
        if group.keys(ctx.view())?.data_keys.len() >= MOST_DATA_KEYS {
            return Err(Error::validation(format!(
                "the records of the feature group that wait for the offline store are under \
                 {MOST_DATA_KEYS} data keys."
            )));
        }
        let in_memory = online.storage == Storage::InMemory;
        if key.is_some() && in_memory && !ctx.part::<Runtime>()?.extensions.in_memory_cmk {
            return Err(Error::validation(
                "an online store of type InMemory cannot have a customer managed key.",
            ));
        }
        let key = match key {
            Some(key) => Some(key.checked(ctx).await?),
            None => None,
        };
        if key == online.key {
            return Err(Error::validation(
                "the feature group is under this key already.",
            ));
        }
        let kms_key_arn = key.as_ref().map(ToString::to_string);
        let batch = moved(ctx, group, online, key).await?;
        let output = RekeyFeatureGroupOutput {
            feature_group_arn: group.arn.to_string(),
            kms_key_arn,
        };
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let detail = Fields::default()
            .maybe("featureGroupName", &input.feature_group_name)
            .maybe("kmsKeyId", &input.kms_key_id)
            .maybe("awsOwnedKey", input.aws_owned_key)
            .request();
        let response = output.map_or(Value::Null, |output| {
            json!({
                "featureGroupArn": output.feature_group_arn,
                "kmsKeyArn": output.kms_key_arn,
            })
        });
        EventDetail { response, ..detail }
    }
}

/// What the caller needs on the new key, and on every key that records are under: moving them is
/// reading them. A former key that is gone protects nothing any more.
fn needs_of_keys(
    ctx: &Ctx,
    group: &GroupRecord,
    key: Option<&ChosenKey>,
) -> Result<Vec<Need>, Error> {
    let of = (group.name.as_str(), &group.arn, group.id.as_str());
    let mut needs = match key {
        Some(key) => key.needs(ctx, of)?,
        None => Vec::new(),
    };
    let current = group.kms_key();
    for key in group.kms_keys() {
        let gone = kms::key_revision(ctx.view().snapshot(), key).is_none();
        if current == Some(key) || !gone {
            needs.push(super::decrypt_need(group, key));
        }
    }
    Ok(needs)
}

/// The change that puts `group`, which has this online store, under `key`, all of it on the
/// caller's behalf.
async fn moved(
    ctx: &Ctx,
    group: &GroupRecord,
    online: &OnlineStore,
    key: Option<Arn>,
) -> Result<Batch, Error> {
    let old = online.key.as_ref();
    let keys = group.keys(ctx.view())?;
    let index_key = unwrap_for(ctx, group, old, &keys.index_key).await?;
    let wrapping = Wrapping {
        key: key.as_ref(),
        ..Wrapping::of(group)
    };
    let index_key = wrapping.wrap(ctx, &index_key).await?;
    let (number, wrapped) = (next_data_key(group)?, wrapping.new_key(ctx).await?);
    let mut data_keys = keys.data_keys.clone();
    data_keys.push(WrappedKey { number, wrapped });
    let keys = GroupKeys {
        data_keys,
        index_key,
    };
    let mut changed = group.to_change();
    changed.former.push(FormerKey {
        key: old.cloned(),
        last: group.data_key,
    });
    changed.begin_data_key(number, ctx.time());
    changed.grant = match &key {
        Some(key) => {
            let of = (group.name.as_str(), &group.arn, group.id.as_str());
            Some(grant::create(ctx, key, of).await?)
        }
        None => None,
    };
    changed.online = Some(OnlineStore {
        key,
        ..online.clone()
    });
    let place = number_row(group.number);
    let mut batch = Batch::new(Lane::Metadata);
    batch.put(&GROUPS, changed.row(), changed);
    batch.put(&GROUP_KEYS, place.clone(), keys);
    let renewal = Renewal::begun(group.arn.clone(), number, ctx.time());
    batch.put(&RENEWALS, place, renewal);
    Ok(batch)
}
