//! `UpdateRecord`: changes some features of one record.

use std::borrow::Cow;

use online::{CellKey, EventTime, GroupNumber, Header, Payload, PayloadWriter, Record, Rule};
use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::{FeatureValue, UpdateRecordRequest};
use types::Service;

use crate::actions::{DECRYPT, PUT_RECORD};
use crate::answer::{Written, unknown_feature};
use crate::data_keys::{DataKeys, Keys};
use crate::input::Shared;
use crate::name::Found;
use crate::put::{NewVersion, check_target_stores, event_time_of, identifier_of, stage, value_of};
use crate::records::{GroupRecord, Storage};
use crate::ttl::Ttl;
use crate::values::{FeatureType, RECORD_BYTES};
use crate::{Error, Runtime, RuntimeError, event};

/// Changes the features that are sent, and leaves the others as they are, at once: of two
/// updates at the same time none undoes the other.
///
/// The group's storage type must be `Standard_V2`. An event time is sent as one of the
/// features; without one the record keeps its own. The identifier cannot be changed. What is
/// not sent keeps its time to live. Fails with `ResourceNotFound` if the group does not exist
/// or the record does not, was deleted or has expired; with `ConflictException` if the event
/// time is earlier than the stored one; with `ValidationError` for what breaks a rule of the
/// group; with `AccessForbidden` if the group's key cannot be used.
#[derive(Debug)]
pub struct UpdateRecord;

const MOST_FEATURES: usize = 100;

impl Operation for UpdateRecord {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "UpdateRecord";
    const ACTIONS: &'static [&'static Action] = &[&PUT_RECORD, &DECRYPT];
    const KIND: Kind = Kind::DataWrite;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = Shared<UpdateRecordRequest>;
    type Output = Written;
    type Target = Found;
    type Error = RuntimeError;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), RuntimeError> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        let names = input.features.iter();
        let names = names.map(|feature| feature.feature_name.clone());
        let keys = KeySet::default()
            .one("sagemaker:isupdaterecord", "true")
            .many("sagemaker:updatablefeatures", names.collect());
        let mut needs = Needs::one(super::shared_need(&PUT_RECORD, &found).with(keys));
        if let Some(need) = super::key_need(&found) {
            needs.push(need);
        }
        super::former_needs(&found, &mut needs);
        Ok((needs, found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Written>, RuntimeError> {
        let group = permit.target().group(&input.feature_group_name)?;
        check(group, &input)?;
        let text = &input.record_identifier_value_as_string;
        let identifier = identifier_of(group, text)?;
        let changes = Changes::of(group, &identifier, &input.features)?;
        let ttl = input
            .ttl_duration
            .as_ref()
            .map(Ttl::of_record)
            .transpose()?;
        if ttl.is_some() && changes.event_time.is_none() {
            return Err(
                Error::validation("TtlDuration needs an event time among the Features.").into(),
            );
        }
        let access = DataKeys::check(ctx, group).await?;
        let runtime: &Runtime = ctx.part()?;
        let mut keys = Keys::reading(ctx, runtime, permit.conditions());
        let index = keys.index(group, &access).await?;
        let key = CellKey::new(GroupNumber(group.number), &index, &identifier);
        let cell = runtime.cells.get(&key).await?;
        let cell = cell.filter(|cell| cell.header().is_visible(ctx.time()));
        let cell = cell.ok_or_else(|| Error::RecordNotFound {
            group: group.name.clone(),
        })?;
        let stored = *cell.header();
        let data_key = keys.data(group, &access, stored.data_key).await?;
        let opened = cell.open(&data_key, &key)?;
        let record = opened.record()?;
        if record.identifier() != identifier.as_bytes() {
            return Err(Error::broken("a cell holds another record than its key says").into());
        }
        let event_time = changes.later_than(&stored)?;
        let version = NewVersion {
            identifier: &identifier,
            event_time,
            payload: Some(changes.merged(group, &record, &identifier)?),
            deleted: false,
            expires_at: match ttl {
                Some(ttl) => Some(event_time.saturating_add(ttl.duration())),
                None => stored.expires_at,
            },
            rule: Rule::IfVersion(Some(stored.version)),
        };
        let batch = stage(ctx, runtime, &mut keys, (group, &access), version).await?;
        // Whoever has written the record meanwhile: the changes are merged into that.
        Ok(Reply::write(Written::new(keys.into_fresh()), batch).or_again())
    }

    fn event(input: &Self::Input, _output: Option<&Written>) -> EventDetail {
        event::of_record_call(&input.feature_group_name)
    }
}

fn check(group: &GroupRecord, input: &UpdateRecordRequest) -> Result<(), Error> {
    if group.online.storage != Storage::StandardV2 {
        return Err(Error::validation(
            "UpdateRecord needs an online store of type Standard_V2.",
        ));
    }
    if input.features.len() > MOST_FEATURES {
        return Err(Error::validation(format!(
            "{} features are sent; at most {MOST_FEATURES} are allowed.",
            input.features.len()
        )));
    }
    check_target_stores(input.target_stores.as_deref())
}

/// What is to change.
struct Changes<'a> {
    /// By place in the definitions, in the order they were sent.
    values: Vec<(usize, &'a str)>,
    event_time: Option<EventTime>,
}

impl<'a> Changes<'a> {
    /// Checks the features: defined, each once, with a value of its type; the identifier
    /// only as it is.
    fn of(
        group: &GroupRecord,
        identifier: &str,
        features: &'a [FeatureValue],
    ) -> Result<Self, Error> {
        let schema = &group.schema;
        let mut values: Vec<(usize, &'a str)> = Vec::with_capacity(features.len());
        let mut event_time = None;
        for feature in features {
            let name = &feature.feature_name;
            let index = schema.find(name, 0).ok_or_else(|| unknown_feature(name))?;
            let kind = schema
                .feature(index)
                .map_or(FeatureType::String, |known| known.kind);
            let value = value_of(feature, kind)?;
            if values.iter().any(|(known, _)| *known == index) {
                return Err(Error::validation(format!(
                    "FeatureName `{name}` appears more than once in the record."
                )));
            }
            if index == schema.event_time() {
                event_time = Some(event_time_of(group, value)?);
            }
            let same = || identifier_of(group, value).is_ok_and(|sent| *sent == *identifier);
            if index == schema.identifier() && !same() {
                return Err(Error::validation(format!(
                    "FeatureName `{name}` identifies the record and cannot be changed."
                )));
            }
            values.push((index, value));
        }
        Ok(Self { values, event_time })
    }

    /// The event time of the new version.
    ///
    /// Fails with `ConflictException` if it is earlier than the stored one.
    fn later_than(&self, stored: &Header) -> Result<EventTime, Error> {
        let before = stored.version.event_time;
        match self.event_time {
            Some(sent) if sent < before => Err(Error::StaleUpdate),
            Some(sent) => Ok(sent),
            None => Ok(before),
        }
    }

    /// The record with the changes: what it had, where it stood, and behind that what is new.
    fn merged(
        &self,
        group: &GroupRecord,
        record: &Record<'_>,
        identifier: &str,
    ) -> Result<Payload, Error> {
        let schema = &group.schema;
        let mut features: Vec<(usize, Cow<'_, str>)> = Vec::new();
        for feature in record.features() {
            let feature = feature?;
            let value = std::str::from_utf8(feature.value)
                .map_err(|source| Error::internal("a value is no text", source))?;
            features.push((feature.index, Cow::Borrowed(value)));
        }
        for (index, value) in &self.values {
            match features.iter_mut().find(|(known, _)| known == index) {
                Some((_, old)) => *old = Cow::Borrowed(value),
                None => features.push((*index, Cow::Borrowed(value))),
            }
        }
        let length = |index: usize| {
            schema
                .feature(index)
                .map_or(0, |feature| feature.name.len())
        };
        let size = features
            .iter()
            .map(|(index, value)| length(*index) + value.len());
        let size: usize = size.sum();
        if size > RECORD_BYTES {
            return Err(Error::validation(format!(
                "the record would have {size} bytes; at most {RECORD_BYTES} are allowed."
            )));
        }
        let mut payload = PayloadWriter::new(identifier, size);
        for (index, value) in features {
            if index == schema.identifier() && value == identifier {
                payload.identifier_feature(index);
            } else {
                payload.feature(index, &value);
            }
        }
        Ok(payload.finish())
    }
}
