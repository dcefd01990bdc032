//! What is stored of feature groups: their records, the counter of their numbers, and the
//! deleted ones whose cells are still to be removed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shapes::sagemaker::FeatureParameter;
use store::{AnyTable, Key, KeyBuilder, Record, RecordError, Table, View};
use types::{AccountId, Arn, PARTITION, Region, Timestamp};

use crate::Error;
use crate::collections::Collection;
use crate::drains::DRAINS;
use crate::key_records::{GROUP_KEYS, GroupKeys, KEY_USES, RENEWALS};
use crate::offline::OfflineStore;
use crate::outbox::SUMS;
use crate::pending::Update;
use crate::schema::Schema;
use crate::throughput::Throughput;
use crate::ttl::Ttl;
use crate::values::FeatureType;

/// Feature groups by account, region and lower-cased name.
pub(crate) static GROUPS: Table<GroupRecord> = Table::with_history("feature_groups");

/// The number of the next group: one row.
pub(crate) static NUMBERS: Table<NextNumber> = Table::without_history("feature_group_numbers");

/// Deleted groups whose cells may still be there, by number.
pub(crate) static PURGES: Table<PurgeRecord> = Table::without_history("feature_group_purges");

/// Every table that this crate needs, those of the online store included.
pub fn tables() -> Vec<&'static dyn AnyTable> {
    let mut tables: Vec<&'static dyn AnyTable> = vec![
        &GROUPS,
        &NUMBERS,
        &PURGES,
        &GROUP_KEYS,
        &RENEWALS,
        &KEY_USES,
        &DRAINS,
        &SUMS,
    ];
    tables.extend(online::tables());
    tables
}

/// A feature group.
///
/// Its data keys and its index key are in `GROUP_KEYS`, so that no history keeps them.
#[derive(Debug, Serialize, Deserialize)]
pub struct GroupRecord {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The name as it was given.
    pub name: String,
    /// The ARN, which carries the name in lower case, as at AWS.
    pub arn: Arn,
    /// The number that the group's cells are found by; never used again.
    pub number: u64,
    /// A random id of this very group: another one of the same name has another id.
    pub id: String,
    /// The features, in the order of their definition. Only ever appended to.
    pub definitions: Vec<Definition>,
    /// The feature that identifies records.
    pub identifier: String,
    /// The feature that orders the versions of a record.
    pub event_time: String,
    /// The online store, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<OnlineStore>,
    /// The offline store, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<OfflineStore>,
    /// The role that was passed, which writes the offline store.
    pub role_arn: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// The status.
    pub status: Status,
    /// When the group was created.
    pub created: Timestamp,
    /// The number of the data key that seals what is written now; the highest of all.
    pub data_key: u32,
    /// When that was made.
    pub data_key_made: Timestamp,
    /// The KMS keys that older data keys are still under, oldest first, while the group moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerKey>,
    /// The group's keys as version 1 had them, until they change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<GroupKeys>,
    /// The id of the grant on the online store's key that the service's own work goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Why creating or deleting it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When `UpdateFeatureGroup` changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Its last update, if that is still to be done or has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    /// How many request units a second it may use.
    #[serde(default, skip_serializing_if = "Throughput::is_default")]
    pub throughput: Throughput,
    /// What is computed from the rest when the record is loaded.
    #[serde(skip)]
    pub(crate) schema: Schema,
}

/// A feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: FeatureType,
    /// Of which kind of collection, if it has several values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<Collection>,
    /// When it was added, if it was not there from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Timestamp>,
    /// When what is said of it was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    /// What it is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

impl Definition {
    /// When the feature came to be.
    pub(crate) fn created(&self, group: &GroupRecord) -> Timestamp {
        self.added.unwrap_or(group.created)
    }

    /// When the feature, or what is said of it, was changed last.
    pub(crate) fn modified(&self, group: &GroupRecord) -> Timestamp {
        self.changed.unwrap_or_else(|| self.created(group))
    }

    /// What is said of it, as AWS shows it.
    pub(crate) fn parameters(&self) -> Vec<FeatureParameter> {
        let parameter = |(key, value): (&String, &String)| FeatureParameter {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        self.parameters.iter().map(parameter).collect()
    }
}

/// A KMS key that a group moves away from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerKey {
    /// The key; none is the AWS owned key.
    pub key: Option<Arn>,
    /// The highest number of the data keys that are under it.
    pub last: u32,
}

/// The online store of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineStore {
    /// How long records live unless they say otherwise.
    pub ttl: Option<Ttl>,
    /// The customer's key; without one an AWS owned key protects the group.
    pub key: Option<Arn>,
    /// What was asked for.
    pub storage: Storage,
}

/// The kind of online store. All keep their records in the same cells; what a group may have
/// and do depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Storage {
    /// `Standard`.
    Standard,
    /// `Standard_V2`.
    #[serde(rename = "Standard_V2")]
    StandardV2,
    /// `InMemory`.
    InMemory,
}

impl Storage {
    /// Whether `UpdateRecord` may change records.
    pub(crate) fn takes_updates(self) -> bool {
        match self {
            Self::Standard => false,
            Self::StandardV2 | Self::InMemory => true,
        }
    }
}

/// Where a group is in its life, as at AWS. When it is gone it has no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Its keys and its grant are made; the service has not found yet that it can use them.
    Creating,
    /// In use.
    Created,
    /// The service cannot use its key: nothing but its name is left.
    CreateFailed,
    /// Nothing reads or writes it any more; its keys, its grant and its records are being removed.
    Deleting,
    /// The same, and removing them has failed; it is tried again.
    DeleteFailed,
}

impl Record for GroupRecord {
    const VERSION: u16 = 3;

    /// Version 1 had the group's keys in the group's row; versions 1 and 2 an online store of every
    /// group, and told in the offline store that there was none. Such a one was under no key of the
    /// customer's: the group's keys could not be unwrapped any more if it were forgotten.
    fn upgrade(version: u16, mut stored: Value) -> Result<Self, RecordError> {
        if !(1..=2).contains(&version) {
            return Err(RecordError::UnknownVersion { version });
        }
        if let Value::Object(fields) = &mut stored {
            let offline = fields.get("offline");
            if offline.and_then(|offline| offline.get("only")) == Some(&Value::Bool(true)) {
                let online = fields.remove("online").unwrap_or_default();
                if online.get("key").is_some_and(|key| !key.is_null()) {
                    let what = "a group without an online store has its KMS key";
                    let source = serde_json::Error::custom(what);
                    return Err(RecordError::Unreadable { source });
                }
            }
            if version > 1 {
                return read(stored);
            }
            let keys = fields.remove("data_keys").unwrap_or_default();
            let last = keys.as_array().and_then(|keys| keys.last());
            let last = last
                .and_then(|key| key.get("number"))
                .cloned()
                .unwrap_or_default();
            let index = fields.remove("index_key").unwrap_or_default();
            let made = fields.get("created").cloned().unwrap_or_default();
            fields.insert("data_key".to_owned(), last);
            fields.insert("data_key_made".to_owned(), made);
            fields.insert(
                "keys".to_owned(),
                json!({ "data_keys": keys, "index_key": index }),
            );
        }
        read(stored)
    }

    fn loaded(&mut self) {
        self.schema = Schema::of(self);
    }
}

fn read(stored: Value) -> Result<GroupRecord, RecordError> {
    serde_json::from_value(stored).map_err(|source| RecordError::Unreadable { source })
}

impl GroupRecord {
    /// The type of the online store, if there is one.
    pub(crate) fn storage(&self) -> Option<Storage> {
        self.online.as_ref().map(|online| online.storage)
    }

    /// How long records live unless they say otherwise, if they do not live for ever.
    pub(crate) fn ttl(&self) -> Option<Ttl> {
        self.online.as_ref()?.ttl
    }

    /// The customer's key that the group is under; without one, and without an online store, it is
    /// an AWS owned key.
    pub(crate) fn kms_key(&self) -> Option<&Arn> {
        self.online.as_ref()?.key.as_ref()
    }

    /// The online store.
    ///
    /// Fails with a broken rule if the group has none.
    pub(crate) fn check_online(&self) -> Result<&OnlineStore, Error> {
        self.online.as_ref().ok_or_else(no_online)
    }

    /// The key of this record's row.
    pub fn row(&self) -> Key {
        group_row(self.account.as_str(), self.region.as_str(), &self.name)
    }

    /// A copy to be changed and stored.
    pub(crate) fn to_change(&self) -> Self {
        Self {
            account: self.account,
            region: self.region.clone(),
            name: self.name.clone(),
            arn: self.arn.clone(),
            number: self.number,
            id: self.id.clone(),
            definitions: self.definitions.clone(),
            identifier: self.identifier.clone(),
            event_time: self.event_time.clone(),
            online: self.online.clone(),
            offline: self.offline.clone(),
            role_arn: self.role_arn.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            status: self.status,
            created: self.created,
            data_key: self.data_key,
            data_key_made: self.data_key_made,
            former: self.former.clone(),
            keys: self.keys.clone(),
            grant: self.grant.clone(),
            failure: self.failure.clone(),
            updated: self.updated,
            update: self.update.clone(),
            throughput: self.throughput,
            schema: Schema::counting(&self.schema.sealed),
        }
    }

    /// Fails with the group's state if it is on its way out: what is said of it then would be lost.
    pub(crate) fn stays(&self) -> Result<(), Error> {
        match self.status {
            Status::Creating | Status::Created | Status::CreateFailed => Ok(()),
            Status::Deleting | Status::DeleteFailed => self.ready(),
        }
    }

    /// Fails with the group's state unless it can be used.
    pub(crate) fn ready(&self) -> Result<(), Error> {
        let state = match self.status {
            Status::Created => return Ok(()),
            Status::Creating => "is still being created",
            Status::CreateFailed => "could not be created",
            Status::Deleting | Status::DeleteFailed => "is being deleted",
        };
        Err(Error::validation(format!(
            "the feature group {} {state}.",
            self.name
        )))
    }

    /// The group's wrapped keys.
    ///
    /// Fails if they are not there: a group without them is damaged.
    pub(crate) fn keys<'a>(&'a self, view: &'a View) -> Result<&'a GroupKeys, Error> {
        if let Some(keys) = &self.keys {
            return Ok(keys);
        }
        let row = view.get(&GROUP_KEYS, &number_row(self.number));
        row.map(|row| row.record)
            .ok_or_else(|| Error::broken("a group has no keys"))
    }

    /// Makes the data key of this number, made at `now`, the one that seals; the group's keys are
    /// stored apart from it.
    pub(crate) fn begin_data_key(&mut self, number: u32, now: Timestamp) {
        self.data_key = number;
        self.data_key_made = now;
        self.keys = None;
        self.schema.sealed = Arc::default();
    }

    /// Which of [`Self::former`] the data key of this number is under; `None` is the key of the
    /// online store.
    pub(crate) fn former_of(&self, number: u32) -> Option<usize> {
        self.former.iter().position(|former| number <= former.last)
    }

    /// Every KMS key of a customer that the group's keys are under, the current one first.
    pub(crate) fn kms_keys(&self) -> impl Iterator<Item = &Arn> {
        let former = self.former.iter().filter_map(|former| former.key.as_ref());
        let current = self.kms_key();
        current
            .into_iter()
            .chain(former.filter(move |key| Some(*key) != current))
    }
}

/// What is refused to a group that has an offline store only.
pub(crate) fn no_online() -> Error {
    Error::validation("the feature group has no OnlineStore.")
}

/// The row key of what is kept for the group of this number.
pub(crate) fn number_row(number: u64) -> Key {
    KeyBuilder::default().number(number).build()
}

/// The name of a group as rows and ARNs have it, where all its letters are small: names are unique
/// without regard to case. AWS lets them have letters and digits of ASCII, `-` and `_` only.
pub(crate) fn folded(name: &str) -> Cow<'_, str> {
    if name.contains(|letter: char| letter.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The row key of the group of this name, in whatever case.
pub(crate) fn group_row(account: &str, region: &str, name: &str) -> Key {
    Key::of(&[account, region, &folded(name)])
}

/// The row key of the group at `arn`, in whatever case that has its name; `None` if it is not the
/// ARN of a group.
pub(crate) fn row_at(arn: &Arn) -> Option<Key> {
    Some(group_row(arn.account_text(), arn.region(), name_in(arn)?))
}

/// The ARN of the group that a caller calls `arn`, with its name in lower case; `None` if that is
/// not the ARN of a group.
///
/// INVARIANT: policies are asked about this one, and resource shares are kept under it: whoever
/// writes the name in another case is decided about as everybody else.
pub(crate) fn canonical(arn: Arn) -> Option<Arn> {
    let name = match folded(name_in(&arn)?) {
        Cow::Borrowed(_as_it_is) => return Some(arn),
        Cow::Owned(name) => name,
    };
    let (region, account) = (arn.region(), arn.account_text());
    let text = format!("arn:{PARTITION}:sagemaker:{region}:{account}:feature-group/{name}");
    text.parse().ok()
}

/// The name in the ARN of a group of this partition.
fn name_in(arn: &Arn) -> Option<&str> {
    let ours = arn.partition() == PARTITION && arn.service() == "sagemaker";
    arn.resource_of("feature-group").filter(|_| ours)
}

/// The prefix of an account's groups in a region.
pub(crate) fn groups_of(account: AccountId, region: &Region) -> Key {
    Key::of(&[account.as_str(), region.as_str()])
}

/// The ARN of the group of this name, in whatever case.
pub(crate) fn group_arn(account: AccountId, region: &Region, name: &str) -> Arn {
    let resource = format!("feature-group/{}", folded(name));
    Arn::new("sagemaker", Some(region), Some(account), &resource)
}

/// The number of the group that is created next.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct NextNumber {
    pub(crate) next: u64,
}

impl Record for NextNumber {
    const VERSION: u16 = 1;
}

impl NextNumber {
    pub(crate) fn row() -> Key {
        Key::of(&["next"])
    }
}

/// A deleted group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PurgeRecord {
    pub(crate) number: u64,
    /// Its ARN, under which its own record stays until its cells are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arn: Option<Arn>,
}

impl Record for PurgeRecord {
    const VERSION: u16 = 1;
}

impl PurgeRecord {
    pub(crate) fn row(&self) -> Key {
        number_row(self.number)
    }
}

#[cfg(test)]
mod tests;
