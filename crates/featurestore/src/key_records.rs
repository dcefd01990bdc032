//! What is stored of the keys of groups: wrapped, by number of the group, and without history, so
//! that a key that is retired, or whose group is deleted, is gone.

use std::fmt;

use serde::{Deserialize, Serialize};
use store::{Record, Table};
use types::{Arn, Timestamp};

/// The keys of groups.
pub(crate) static GROUP_KEYS: Table<GroupKeys> = Table::without_history("feature_group_keys");

/// The groups whose records are being sealed anew, and how far that has come.
pub(crate) static RENEWALS: Table<Renewal> = Table::without_history("feature_group_renewals");

/// How many records data keys have sealed.
pub(crate) static KEY_USES: Table<KeyUses> = Table::without_history("feature_group_key_uses");

/// The keys of a group, as KMS wrapped them: under the KMS key that the group was under when
/// they were made, or, if it had none, under the AWS owned key of SageMaker. All are bound to the
/// group's ARN and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupKeys {
    /// The keys that seal records, oldest first.
    pub data_keys: Vec<WrappedKey>,
    /// The key that hides identifiers, always under the KMS key that the group is under now.
    pub index_key: Wrapped,
}

impl Record for GroupKeys {
    const VERSION: u16 = 1;
}

impl GroupKeys {
    /// The data key of this number.
    pub(crate) fn data_key(&self, number: u32) -> Option<&Wrapped> {
        let found = self.data_keys.iter().find(|key| key.number == number);
        found.map(|key| &key.wrapped)
    }
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

/// The records of a group on their way from under older data keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    /// The group.
    pub(crate) arn: Arn,
    /// The number of the data key that they are to be under.
    pub(crate) target: u32,
    /// When it began.
    pub(crate) began: Timestamp,
    /// The cell behind which it goes on, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// How many records were sealed anew.
    pub(crate) moved: u64,
    /// How many could not be, in the round under way or the last one: they were tampered with, or
    /// the KMS key is gone that they were under.
    #[serde(default)]
    pub(crate) lost: u64,
    /// When it begins again at the first record, since some could not be sealed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again: Option<Timestamp>,
}

impl Record for Renewal {
    const VERSION: u16 = 1;
}

impl Renewal {
    /// One that begins now, for the data key of this number.
    pub(crate) fn begun(arn: Arn, target: u32, now: Timestamp) -> Self {
        Self {
            arn,
            target,
            began: now,
            after: None,
            moved: 0,
            lost: 0,
            again: None,
        }
    }
}

/// How many records the newest data key of a group has sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyUses {
    /// The number of the data key.
    pub(crate) data_key: u32,
    /// How often it was used, up to the last minute or so.
    pub(crate) sealed: u64,
}

impl Record for KeyUses {
    const VERSION: u16 = 1;
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
