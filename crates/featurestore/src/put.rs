//! From a record on the wire to the version of it that is to be stored.

use std::borrow::Cow;

use online::{EventTime, Payload, Rule};
use shapes::featurestore_runtime::{FeatureValue, TargetStore};

use crate::Error;
use crate::answer::unknown_feature;
use crate::records::GroupRecord;
use crate::sent::Sent;
use crate::ttl::Ttl;
use crate::values::{FeatureType, IDENTIFIER_BYTES, RECORD_BYTES};

/// A record that follows every rule of its group.
#[derive(Debug)]
pub(crate) struct Accepted<'a> {
    pub(crate) identifier: Cow<'a, str>,
    pub(crate) event_time: EventTime,
    pub(crate) payload: Payload,
}

impl Accepted<'_> {
    /// The version of the record that a put stores in `stores`, which lives for `ttl`.
    pub(crate) fn version(&self, stores: Stores, ttl: Option<Ttl>) -> NewVersion<'_> {
        NewVersion {
            identifier: &self.identifier,
            event_time: self.event_time,
            stores,
            payload: &self.payload,
            removed: false,
            deleted: false,
            expires_at: ttl.map(|ttl| self.event_time.saturating_add(ttl.duration())),
            rule: Rule::Put,
        }
    }
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
    let mut features: Vec<(usize, Sent<'a>)> = Vec::with_capacity(record.len());
    let mut size = 0_usize;
    for feature in record {
        let guess = features.last().map_or(0, |(index, _)| index + 1);
        let (index, value) = sent(group, feature, guess)?;
        match seen.get_mut(index) {
            Some(slot) if !*slot => *slot = true,
            _ => return Err(sent_twice(feature)),
        }
        let name = feature.feature_name.len();
        size = size.saturating_add(name).saturating_add(value.size());
        features.push((index, value));
    }
    check_size(size)?;
    let identifier = identifier_of(
        group,
        required(group, &features, schema.identifier(), "record identifier")?,
    )?;
    let event_time = event_time_of(
        group,
        required(group, &features, schema.event_time(), "event time")?,
    )?;
    let mut payload = schema.writer(&identifier, size);
    for (index, value) in features {
        if index == schema.identifier() && value == Sent::Text(&identifier) {
            payload.identifier_feature(index);
        } else {
            value.put(&mut payload, index)?;
        }
    }
    Ok(Accepted {
        identifier,
        event_time,
        payload: payload.finish(),
    })
}

/// The place of the feature that `value` is of, and its value; tries `guess` first.
pub(crate) fn sent<'a>(
    group: &GroupRecord,
    value: &'a FeatureValue,
    guess: usize,
) -> Result<(usize, Sent<'a>), Error> {
    let name = &value.feature_name;
    let unknown = || unknown_feature(name);
    let index = group.schema.find(name, guess).ok_or_else(unknown)?;
    let known = group.schema.feature(index).ok_or_else(unknown)?;
    Ok((index, Sent::of(value, known)?))
}

/// The record has two values for one feature.
pub(crate) fn sent_twice(value: &FeatureValue) -> Error {
    Error::validation(format!(
        "FeatureName `{}` appears more than once in the record.",
        value.feature_name
    ))
}

/// Checks the size of a record: the bytes of all names and values.
pub(crate) fn check_size(size: usize) -> Result<(), Error> {
    if size <= RECORD_BYTES {
        return Ok(());
    }
    Err(Error::validation(format!(
        "the record has {size} bytes; at most {RECORD_BYTES} are allowed."
    )))
}

/// What a soft delete leaves: identifier and event time, all else null.
pub(crate) fn tombstone(group: &GroupRecord, identifier: &str, event_time: &str) -> Payload {
    let schema = &group.schema;
    let mut payload = schema.writer(identifier, event_time.len());
    payload.identifier_feature(schema.identifier());
    if schema.event_time() != schema.identifier() {
        payload.feature(schema.event_time(), event_time);
    }
    payload.finish()
}

fn required<'a>(
    group: &GroupRecord,
    features: &[(usize, Sent<'a>)],
    index: usize,
    what: &str,
) -> Result<&'a str, Error> {
    let found = features.iter().find(|(place, _)| *place == index);
    found.and_then(|(_, value)| value.text()).ok_or_else(|| {
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

/// The stores that a call writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stores {
    pub(crate) online: bool,
    pub(crate) offline: bool,
}

impl Stores {
    /// The stores of `group` that the caller names, all of them unless told otherwise.
    ///
    /// Fails with a broken rule for a store that is named twice or that the group has not.
    pub(crate) fn of(group: &GroupRecord, named: Option<&[TargetStore]>) -> Result<Self, Error> {
        let there = Self {
            online: group.online.is_some(),
            offline: group.offline.is_some(),
        };
        let Some(named) = named else {
            return Ok(there);
        };
        if let [first, second] = named
            && first == second
        {
            return Err(Error::validation("TargetStores names a store twice."));
        }
        let wanted = Self {
            online: named.contains(&TargetStore::OnlineStore),
            offline: named.contains(&TargetStore::OfflineStore),
        };
        if wanted.online {
            group.check_online()?;
        }
        if wanted.offline && !there.offline {
            return Err(Error::validation("the feature group has no OfflineStore."));
        }
        Ok(wanted)
    }
}

/// A version of a record that is about to be written.
#[derive(Debug)]
pub(crate) struct NewVersion<'a> {
    pub(crate) identifier: &'a str,
    pub(crate) event_time: EventTime,
    /// Where it goes.
    pub(crate) stores: Stores,
    /// What is stored; of a hard delete the marker that the offline store gets.
    pub(crate) payload: &'a Payload,
    /// Whether nothing stays online: a hard delete.
    pub(crate) removed: bool,
    /// Whether the payload is a tombstone.
    pub(crate) deleted: bool,
    pub(crate) expires_at: Option<EventTime>,
    pub(crate) rule: Rule,
}

#[cfg(test)]
mod tests;
