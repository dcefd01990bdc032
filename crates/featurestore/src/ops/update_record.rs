//! `UpdateRecord`: changes some features of one record.

use online::{EventTime, Header, Payload, PayloadWriter, Record, Rule, Value};
use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::{FeatureValue, UpdateRecordRequest};
use types::Service;

use crate::actions::{DECRYPT, PUT_RECORD};
use crate::answer::NoBody;
use crate::calls::Counted;
use crate::data_keys::Keys;
use crate::input::SharedRequest;
use crate::meter::Side;
use crate::name::Found;
use crate::opened::Opened;
use crate::put::{NewVersion, Stores, check_size, event_time_of, identifier_of, sent, sent_twice};
use crate::records::GroupRecord;
use crate::sent::Sent;
use crate::ttl::Ttl;
use crate::{Error, Runtime, RuntimeError, event};

/// Changes the features that are sent, and leaves the others as they are, at once: of two
/// updates at the same time none undoes the other. The offline store gets the whole record.
///
/// The group's storage type must be `Standard_V2` or `InMemory`. An event time is sent as one of
/// the features; without one the record keeps its own. The identifier cannot be changed. What is
/// not sent keeps its time to live. Fails with `ResourceNotFound` if the group does not exist or
/// the record does not, was deleted or has expired; with `ConflictException` if the event time is
/// earlier than the stored one; with `ValidationError` for what breaks a rule of the group; with
/// `AccessForbidden` if the group's key cannot be used; with `ThrottlingException` beyond the
/// group's provisioned throughput, of which it takes what the whole record does.
#[derive(Debug)]
pub struct UpdateRecord;

const MOST_FEATURES: usize = 100;

impl Operation for UpdateRecord {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "UpdateRecord";
    const ACTIONS: &'static [&'static Action] = &[&PUT_RECORD, &DECRYPT];
    const KIND: Kind = Kind::DataWrite;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = SharedRequest<UpdateRecordRequest>;
    type Output = NoBody;
    type Target = Found;
    type Error = RuntimeError;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), RuntimeError> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        let names = input.features.iter();
        let names = names.map(|feature| feature.feature_name.clone());
        let keys = KeySet::default()
            .one("sagemaker:isupdaterecord", "true")
            .many("sagemaker:updatablefeatures", names.collect());
        let need = super::shared_need(&PUT_RECORD, &found).with(keys);
        let mut needs = super::with_key_need(need, &found);
        super::former_needs(&found, &mut needs);
        Ok((needs, found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<NoBody>, RuntimeError> {
        let runtime: &Runtime = ctx.part()?;
        runtime.calls.admit(ctx, Counted::UpdateRecord)?;
        let group = permit.target().group(&input.feature_group_name)?;
        let stores = check(group, &input)?;
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
        let meters = &runtime.meters;
        meters.admit(ctx, group, (Side::Write, Self::NAME), 0)?;
        let mut keys = Keys::reading(ctx, runtime, permit.conditions());
        let mut opened = Opened::new(ctx, runtime, &mut keys, group).await?;
        let key = opened.place(&identifier).await?;
        let cell = opened.visible(&key).await?;
        let cell = cell.ok_or_else(|| Error::RecordNotFound {
            group: group.name.clone(),
        })?;
        let there = *cell.header();
        let before = opened.open_record(cell, &key, &identifier).await?;
        let event_time = changes.later_than(&there)?;
        let merged = changes.merged(group, &before.record()?, &identifier)?;
        let version = NewVersion {
            identifier: &identifier,
            event_time,
            stores,
            payload: &merged,
            removed: false,
            deleted: false,
            expires_at: match ttl {
                Some(ttl) => Some(event_time.saturating_add(ttl.duration())),
                // The record lives on for as long as it was to live.
                None => there
                    .expires_at
                    .map(|end| event_time.saturating_add(end.since(there.version.event_time))),
            },
            rule: Rule::IfVersion(Some(there.version)),
        };
        let batch = opened.stage(version).await?;
        runtime.outbox.count(ctx, &batch);
        meters.write(ctx, group, merged.size()).follows(ctx);
        // Whoever has written the record meanwhile: the changes are merged into that.
        Ok(Reply::write(NoBody::new(keys.into_fresh()), batch).or_again())
    }

    fn event(input: &Self::Input, _output: Option<&NoBody>) -> EventDetail {
        event::of_record_call(&input.feature_group_name)
    }
}

fn check(group: &GroupRecord, input: &UpdateRecordRequest) -> Result<Stores, Error> {
    if !group.check_online()?.storage.takes_updates() {
        return Err(Error::validation(
            "UpdateRecord needs an online store of type Standard_V2 or InMemory.",
        ));
    }
    if input.features.len() > MOST_FEATURES {
        return Err(Error::validation(format!(
            "{} features are sent; at most {MOST_FEATURES} are allowed.",
            input.features.len()
        )));
    }
    let stores = Stores::of(group, input.target_stores.as_deref())?;
    if !stores.online {
        return Err(Error::validation(
            "the TargetStores of UpdateRecord must have the OnlineStore.",
        ));
    }
    Ok(stores)
}

/// What is to change.
struct Changes<'a> {
    /// By place in the definitions, in the order they were sent.
    values: Vec<(usize, Sent<'a>)>,
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
        let mut values: Vec<(usize, Sent<'a>)> = Vec::with_capacity(features.len());
        let mut event_time = None;
        for feature in features {
            let (index, value) = sent(group, feature, 0)?;
            if values.iter().any(|(known, _)| *known == index) {
                return Err(sent_twice(feature));
            }
            if index == schema.event_time() {
                let text = value.text().unwrap_or_default();
                event_time = Some(event_time_of(group, text)?);
            }
            if index == schema.identifier() && !is_same(group, identifier, value) {
                return Err(Error::validation(format!(
                    "FeatureName `{}` identifies the record and cannot be changed.",
                    feature.feature_name
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
        let mut features: Vec<(usize, Merged<'_>)> = Vec::new();
        for feature in record.features() {
            let feature = feature?;
            features.push((feature.index, Merged::Stored(feature.value)));
        }
        for (index, value) in &self.values {
            match features.iter_mut().find(|(known, _)| known == index) {
                Some((_, old)) => *old = Merged::Sent(*value),
                None => features.push((*index, Merged::Sent(*value))),
            }
        }
        let name = |index: usize| {
            schema
                .feature(index)
                .map_or(0, |feature| feature.name.len())
        };
        let mut size = 0_usize;
        for (index, value) in &features {
            size = size.saturating_add(name(*index) + value.size()?);
        }
        check_size(size)?;
        let mut payload = schema.writer(identifier, size);
        for (index, value) in features {
            if index == schema.identifier() && value.is_text(identifier) {
                payload.identifier_feature(index);
            } else {
                value.put(&mut payload, index)?;
            }
        }
        Ok(payload.finish())
    }
}

/// Whether `value` is another text for the identifier that the record has.
fn is_same(group: &GroupRecord, identifier: &str, value: Sent<'_>) -> bool {
    let text = value.text().unwrap_or_default();
    identifier_of(group, text).is_ok_and(|sent| *sent == *identifier)
}

/// A value of the new version.
enum Merged<'a> {
    /// The record had it.
    Stored(Value<'a>),
    /// The request has it.
    Sent(Sent<'a>),
}

impl Merged<'_> {
    /// The same as of [`Sent::size`].
    fn size(&self) -> Result<usize, Error> {
        match self {
            Self::Stored(Value::Text(text)) => Ok(text.len()),
            Self::Stored(Value::List(elements)) => {
                let mut size = 0;
                for element in elements.clone() {
                    size += element?.len() + 1;
                }
                Ok(size)
            }
            Self::Sent(sent) => Ok(sent.size()),
        }
    }

    fn is_text(&self, text: &str) -> bool {
        match self {
            Self::Stored(value) => *value == Value::Text(text.as_bytes()),
            Self::Sent(sent) => *sent == Sent::Text(text),
        }
    }

    /// Writes it as the value of the feature at `index`.
    fn put(self, payload: &mut PayloadWriter, index: usize) -> Result<(), Error> {
        match self {
            Self::Stored(Value::Text(text)) => payload.feature(index, text_of(text)?),
            Self::Stored(Value::List(elements)) => {
                let mut texts = Vec::new();
                for element in elements {
                    texts.push(text_of(element?)?);
                }
                payload.list(index, texts.iter().copied())?;
            }
            Self::Sent(sent) => sent.put(payload, index)?,
        }
        Ok(())
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|source| Error::internal("a value is no text", source))
}
