//! What is stored of feature groups: their records, the counter of their numbers, and the
//! deleted ones whose cells are still to be removed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use store::{AnyTable, Key, KeyBuilder, Record, Table};
use types::{AccountId, Arn, Region, Timestamp};

use crate::schema::Schema;
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
    let mut tables: Vec<&'static dyn AnyTable> = vec![&GROUPS, &NUMBERS, &PURGES];
    tables.extend(online::tables());
    tables
}

/// A feature group.
///
/// Data keys and index key are kept as KMS wrapped them, under the group's key or, if it has
/// none, under the AWS owned key of SageMaker. Both are bound to the group's ARN and id.
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
    /// The online store.
    pub online: OnlineStore,
    /// The role that an offline store would use.
    pub role_arn: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// The status.
    pub status: Status,
    /// When the group was created.
    pub created: Timestamp,
    /// The keys that seal records, oldest first.
    pub data_keys: Vec<WrappedKey>,
    /// The key that hides identifiers.
    pub index_key: Wrapped,
    /// The id of the grant on the online store's key that the service's own work goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// When `UpdateFeatureGroup` changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
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

/// The kind of online store. Both behave alike here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Storage {
    /// `Standard`.
    Standard,
    /// `Standard_V2`.
    #[serde(rename = "Standard_V2")]
    StandardV2,
}

/// Where a group is in its life. A deleted group has no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// In use.
    Created,
}

/// A data key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    /// Its number, from 1; cells name it.
    pub number: u32,
    /// The wrapped key.
    pub wrapped: Wrapped,
}

/// A key as KMS wrapped it; stored as base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Wrapped(pub Vec<u8>);

impl Record for GroupRecord {
    const VERSION: u16 = 1;

    fn loaded(&mut self) {
        self.schema = Schema::of(self);
    }
}

impl GroupRecord {
    /// The key of this record's row.
    pub fn row(&self) -> Key {
        group_row(
            self.account.as_str(),
            self.region.as_str(),
            &self.name.to_lowercase(),
        )
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
            role_arn: self.role_arn.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            status: self.status,
            created: self.created,
            data_keys: self.data_keys.clone(),
            index_key: self.index_key.clone(),
            grant: self.grant.clone(),
            updated: self.updated,
            schema: Schema::default(),
        }
    }

    /// The data key that seals what is written now.
    pub(crate) fn current_data_key(&self) -> Option<&WrappedKey> {
        self.data_keys.last()
    }
}

/// The row key of a group; `name` is in lower case.
pub(crate) fn group_row(account: &str, region: &str, name: &str) -> Key {
    Key::of(&[account, region, name])
}

/// The prefix of an account's groups in a region.
pub(crate) fn groups_of(account: AccountId, region: &Region) -> Key {
    Key::of(&[account.as_str(), region.as_str()])
}

/// The ARN of the group with this name.
pub(crate) fn group_arn(account: AccountId, region: &Region, name: &str) -> Arn {
    let resource = format!("feature-group/{}", name.to_lowercase());
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
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PurgeRecord {
    pub(crate) number: u64,
}

impl Record for PurgeRecord {
    const VERSION: u16 = 1;
}

impl PurgeRecord {
    pub(crate) fn row(self) -> Key {
        KeyBuilder::default().number(self.number).build()
    }
}

impl TryFrom<String> for Wrapped {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .map(Self)
    }
}

impl From<Wrapped> for String {
    fn from(wrapped: Wrapped) -> Self {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(wrapped.0)
    }
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapped({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
