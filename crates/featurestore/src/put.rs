//! From a record on the wire to a sealed cell.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use online::{
    CellKey, EventTime, GroupNumber, Header, Payload, PayloadWriter, Rule, SealedCell, Version,
    Write,
};
use pipeline::Ctx;
use shapes::featurestore_runtime::{FeatureValue, TargetStore};
use store::{Batch, Lane};

use crate::answer::unknown_feature;
use crate::data_keys::{Access, Keys};
use crate::records::GroupRecord;
use crate::values::{FeatureType, IDENTIFIER_BYTES, RECORD_BYTES};
use crate::{Error, Runtime};

/// A record that follows every rule of its group.
#[derive(Debug)]
pub(crate) struct Accepted<'a> {
    pub(crate) identifier: Cow<'a, str>,
    pub(crate) event_time: EventTime,
    pub(crate) payload: Payload,
}

/// Checks a record and lays it out.
///
/// Every feature must be defined, appear once and have a value of its type; identifier and
/// event time must be there. What is not sent is null.
pub(crate) fn accept<'a>(
    group: &GroupRecord,
    record: &'a [FeatureValue],
) -> Result<Accepted<'a>, Error> {
    let schema = &group.schema;
    let mut seen = vec![false; schema.len()];
    let mut features: Vec<(usize, &'a str)> = Vec::with_capacity(record.len());
    let mut size = 0_usize;
    for feature in record {
        let name = &feature.feature_name;
        let guess = features.last().map_or(0, |(index, _)| index + 1);
        let index = schema
            .find(name, guess)
            .ok_or_else(|| unknown_feature(name))?;
        let kind = schema
            .feature(index)
            .map_or(FeatureType::String, |feature| feature.kind);
        let value = value_of(feature, kind)?;
        match seen.get_mut(index) {
            Some(slot) if !*slot => *slot = true,
            _ => {
                return Err(Error::validation(format!(
                    "FeatureName `{name}` appears more than once in the record."
                )));
            }
        }
        size = size.saturating_add(name.len()).saturating_add(value.len());
        features.push((index, value));
    }
    if size > RECORD_BYTES {
        return Err(Error::validation(format!(
            "the record has {size} bytes; at most {RECORD_BYTES} are allowed."
        )));
    }
    let identifier = identifier_of(
        group,
        required(group, &features, schema.identifier(), "record identifier")?,
    )?;
    let event_time = event_time_of(
        group,
        required(group, &features, schema.event_time(), "event time")?,
    )?;
    let mut payload = PayloadWriter::new(&identifier, size);
    for (index, value) in features {
        if index == schema.identifier() && value == identifier {
            payload.identifier_feature(index);
        } else {
            payload.feature(index, value);
        }
    }
    Ok(Accepted {
        identifier,
        event_time,
        payload: payload.finish(),
    })
}

/// What a soft delete leaves: identifier and event time, all else null.
pub(crate) fn tombstone(group: &GroupRecord, identifier: &str, event_time: &str) -> Payload {
    let schema = &group.schema;
    let mut payload = PayloadWriter::new(identifier, event_time.len());
    payload.identifier_feature(schema.identifier());
    if schema.event_time() != schema.identifier() {
        payload.feature(schema.event_time(), event_time);
    }
    payload.finish()
}

/// The value of a feature of type `kind`.
pub(crate) fn value_of(feature: &FeatureValue, kind: FeatureType) -> Result<&str, Error> {
    let name = &feature.feature_name;
    if feature.value_as_string_list.is_some() {
        return Err(Error::validation(format!(
            "FeatureName `{name}` is not a collection: ValueAsStringList is not allowed."
        )));
    }
    let value = feature.value_as_string.as_deref().ok_or_else(|| {
        Error::validation(format!(
            "FeatureName `{name}` has no value; leave the feature out to set it to null."
        ))
    })?;
    if kind.admits(value) {
        Ok(value)
    } else {
        Err(Error::validation(format!(
            "the value of FeatureName `{name}` is not of type {kind}."
        )))
    }
}

fn required<'a>(
    group: &GroupRecord,
    features: &[(usize, &'a str)],
    index: usize,
    what: &str,
) -> Result<&'a str, Error> {
    let found = features.iter().find(|(place, _)| *place == index);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let name = group
            .schema
            .feature(index)
            .map_or("", |feature| &feature.name);
        Error::validation(format!(
            "the record has no value for its {what} feature `{name}`."
        ))
    })
}

/// The identifier that `text` is in this group.
pub(crate) fn identifier_of<'a>(group: &GroupRecord, text: &'a str) -> Result<Cow<'a, str>, Error> {
    let kind = kind_at(group, group.schema.identifier());
    kind.identifier(text).ok_or_else(|| {
        Error::validation(format!(
            "a record identifier of this feature group is of type {kind} and has 1 to \
             {IDENTIFIER_BYTES} bytes."
        ))
    })
}

/// The event time that `text` is in this group.
pub(crate) fn event_time_of(group: &GroupRecord, text: &str) -> Result<EventTime, Error> {
    let kind = kind_at(group, group.schema.event_time());
    kind.event_time(text).map_err(|_source| {
        Error::validation(match kind {
            FeatureType::Fractional => {
                "the event time must be a number of seconds since 1970-01-01T00:00:00Z, at most \
                 to the nanosecond, in the years 0000 to 9999."
            }
            FeatureType::String | FeatureType::Integral => {
                "the event time must have the form yyyy-MM-dd'T'HH:mm:ssZ, \
                 yyyy-MM-dd'T'HH:mm:ss.SSSZ or yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSSZ, in UTC."
            }
        })
    })
}

fn kind_at(group: &GroupRecord, index: usize) -> FeatureType {
    group
        .schema
        .feature(index)
        .map_or(FeatureType::Integral, |feature| feature.kind)
}

/// Checks that the group has every store that the caller names.
pub(crate) fn check_target_stores(stores: Option<&[TargetStore]>) -> Result<(), Error> {
    match stores {
        None | Some([TargetStore::OnlineStore]) => Ok(()),
        Some([first, second]) if first == second => {
            Err(Error::validation("TargetStores names a store twice."))
        }
        Some(_) => Err(Error::validation("the feature group has no OfflineStore.")),
    }
}

/// A version of a record that is about to be written.
#[derive(Debug)]
pub(crate) struct NewVersion<'a> {
    pub(crate) identifier: &'a str,
    pub(crate) event_time: EventTime,
    /// What is stored; nothing for a hard delete.
    pub(crate) payload: Option<Payload>,
    /// Whether the payload is a tombstone.
    pub(crate) deleted: bool,
    pub(crate) expires_at: Option<EventTime>,
    pub(crate) rule: Rule,
}

/// The change that writes `version`, sealed under the group's current data key, which
/// `access` lets be used.
pub(crate) async fn stage(
    ctx: &Ctx,
    runtime: &Runtime,
    keys: &mut Keys<'_>,
    (group, access): (&GroupRecord, &Access),
    version: NewVersion<'_>,
) -> Result<Batch, Error> {
    let index = keys.index(group, access).await?;
    let key = CellKey::new(GroupNumber(group.number), &index, version.identifier);
    let number = Version {
        event_time: version.event_time,
        sequence: runtime.cells.next_sequence()?,
    };
    let cell = match &version.payload {
        None => None,
        Some(payload) => {
            let data_key = keys.data(group, access, group.data_key).await?;
            group.schema.sealed.fetch_add(1, Ordering::Relaxed);
            let header = Header {
                data_key: group.data_key,
                version: number,
                expires_at: version.expires_at,
                deleted: version.deleted,
            };
            Some(SealedCell::seal(
                ctx.entropy(),
                &data_key,
                &key,
                header,
                payload,
            )?)
        }
    };
    let mut batch = Batch::new(Lane::Data);
    let write = Write {
        key,
        version: number,
        cell,
        rule: version.rule,
        now: ctx.time(),
    };
    runtime.cells.stage(&mut batch, write);
    Ok(batch)
}

#[cfg(test)]
mod tests;
