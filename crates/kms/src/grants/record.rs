//! Grants as they are stored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use store::{Batch, Key, Record, Snapshot, Table, View};
use types::{AccountId, KeyId, Region, Timestamp};

use super::constraints::Constraints;
use super::index;
use super::party::Party;
use crate::Error;
use crate::records::{KeyRecord, text_enum};

/// Grants, by key, and as [`index`] finds them.
pub(crate) static GRANTS: Table<GrantRecord> =
    Table::with_history("kms_grants").listed_by(index::entries);
/// The grants that have a name, by key and name: rows without content.
pub(crate) static GRANT_NAMES: Table<Pointer> = Table::with_history("kms_grant_names");
/// The grants that have a retiring principal, by that: rows without content.
pub(crate) static RETIRABLE_GRANTS: Table<Pointer> = Table::with_history("kms_retirable_grants");

/// How many grants keys have, in a row for each first digit of a grant's id: in one row they would
/// have to be made one after the other.
pub(crate) static GRANT_COUNTS: Table<GrantCount> = Table::without_history("kms_grant_counts");

/// A part of the number of a key's grants.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct GrantCount {
    /// Of those whose ids begin with the row's digit.
    pub grants: usize,
}

impl Record for GrantCount {
    const VERSION: u16 = 1;
}

/// How many grants `key` has. The read is not recorded: of two that are made at once neither
/// knows of the other.
pub(crate) fn number_of(snapshot: &Snapshot, key: &KeyRecord) -> usize {
    let parts = key.row_key();
    let parts = snapshot.scan(&GRANT_COUNTS, &parts);
    parts.map(|(_, part)| part.record.grants).sum()
}

text_enum! {
    /// What a grant can allow.
    pub(crate) GrantedOperation {
        /// `kms:Decrypt`.
        Decrypt = "Decrypt",
        /// `kms:Encrypt`.
        Encrypt = "Encrypt",
        /// `kms:GenerateDataKey`.
        GenerateDataKey = "GenerateDataKey",
        /// `kms:GenerateDataKeyWithoutPlaintext`.
        GenerateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext",
        /// `kms:ReEncryptFrom`.
        ReEncryptFrom = "ReEncryptFrom",
        /// `kms:ReEncryptTo`.
        ReEncryptTo = "ReEncryptTo",
        /// `kms:Sign`.
        Sign = "Sign",
        /// `kms:Verify`.
        Verify = "Verify",
        /// `kms:GetPublicKey`.
        GetPublicKey = "GetPublicKey",
        /// `kms:CreateGrant`, within this grant.
        CreateGrant = "CreateGrant",
        /// `kms:RetireGrant` of this grant.
        RetireGrant = "RetireGrant",
        /// `kms:DescribeKey`.
        DescribeKey = "DescribeKey",
        /// `kms:GenerateDataKeyPair`.
        GenerateDataKeyPair = "GenerateDataKeyPair",
        /// `kms:GenerateDataKeyPairWithoutPlaintext`.
        GenerateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext",
        /// `kms:GenerateMac`.
        GenerateMac = "GenerateMac",
        /// `kms:VerifyMac`.
        VerifyMac = "VerifyMac",
        /// `kms:DeriveSharedSecret`.
        DeriveSharedSecret = "DeriveSharedSecret",
        /// `kms:Encapsulate`.
        Encapsulate = "Encapsulate",
        /// `kms:Decapsulate`.
        Decapsulate = "Decapsulate",
    }
}

impl GrantedOperation {
    /// What a request of the action `kms:<operation>` needs a grant for, if grants can give it.
    pub(crate) fn of_action(operation: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|known| known.as_str() == operation)
    }

    /// Whether its requests have an encryption context, so that constraints on that count.
    pub(crate) fn has_context(self) -> bool {
        match self {
            Self::Decrypt
            | Self::Encrypt
            | Self::GenerateDataKey
            | Self::GenerateDataKeyWithoutPlaintext
            | Self::GenerateDataKeyPair
            | Self::GenerateDataKeyPairWithoutPlaintext
            | Self::ReEncryptFrom
            | Self::ReEncryptTo => true,
            Self::Sign
            | Self::Verify
            | Self::GetPublicKey
            | Self::CreateGrant
            | Self::RetireGrant
            | Self::DescribeKey
            | Self::GenerateMac
            | Self::VerifyMac
            | Self::DeriveSharedSecret
            | Self::Encapsulate
            | Self::Decapsulate => false,
        }
    }

    /// Whether grants of it are looked for by their constraint on the context: where requests have
    /// one, and where a grant has to be within another.
    pub(crate) fn is_in_places(self) -> bool {
        self.has_context() || self == Self::CreateGrant
    }

    /// A number with one bit of its own.
    pub(crate) fn bit(self) -> u32 {
        let place = Self::ALL.iter().position(|known| *known == self);
        place.map_or(0, |place| 1 << place)
    }
}

/// What a caller chose of a grant: two grants of a key with the same name that agree in all of
/// this are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// The name; none names a grant in any call.
    pub name: Option<String>,
    /// Who may use the key.
    pub grantee: Party,
    /// Who may retire the grant.
    pub retiring: Option<Party>,
    /// What the grantee may do.
    pub operations: BTreeSet<GrantedOperation>,
    /// How requests must look.
    pub constraints: Constraints,
    /// The account of the principal that made the grant.
    pub issuing_account: AccountId,
}

/// A grant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GrantRecord {
    /// 64 hex digits.
    pub id: String,
    /// The account that holds the key.
    pub account: AccountId,
    /// The key's region.
    pub region: Region,
    /// The key.
    pub key: KeyId,
    /// When the grant was made.
    pub created: Timestamp,
    /// What its maker chose.
    pub terms: Terms,
    /// Where the index has it, since that depends on what else was there.
    pub place: String,
}

impl Record for GrantRecord {
    const VERSION: u16 = 1;
}

/// Says that there is a grant; the row's key names it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Pointer {}

impl Record for Pointer {
    const VERSION: u16 = 1;
}

impl GrantRecord {
    /// The grant `id` of `key`.
    ///
    /// Fails with `NotFoundException` if there is none, and with `InvalidGrantIdException` if
    /// `id` is none.
    pub(crate) fn load<'a>(view: &'a View, key: &KeyRecord, id: &str) -> Result<&'a Self, Error> {
        if !is_id(id) {
            return Err(Error::InvalidGrantId);
        }
        let row = grant_row(key, id);
        view.get(&GRANTS, &row)
            .map(|row| row.record)
            .ok_or_else(|| Error::GrantNotFound { id: id.to_owned() })
    }

    /// Adds the grant, which is new, to `batch`, with the rows by which it is found and its part
    /// in the number of grants.
    pub(crate) fn store(&self, view: &View, batch: &mut Batch) {
        self.count(1, view, batch);
        self.list(batch);
    }

    /// Counts `more` grants of the same part as this one.
    pub(crate) fn count(&self, more: usize, view: &View, batch: &mut Batch) {
        let part = self.count_row();
        let grants = view.get(&GRANT_COUNTS, &part);
        let grants = grants
            .map_or(0, |row| row.record.grants)
            .saturating_add(more);
        batch.put(&GRANT_COUNTS, part, GrantCount { grants });
    }

    /// Adds the grant to `batch`, with the rows by which it is found.
    pub(crate) fn list(&self, batch: &mut Batch) {
        if let Some(row) = self.name_row() {
            batch.put(&GRANT_NAMES, row, Pointer {});
        }
        if let Some(row) = self.retirable_row() {
            batch.put(&RETIRABLE_GRANTS, row, Pointer {});
        }
        batch.put(&GRANTS, self.row_key(), self.clone());
    }

    /// Removes all that [`Self::store`] adds.
    pub(crate) fn delete(&self, view: &View, batch: &mut Batch) {
        let part = self.count_row();
        let grants = view.get(&GRANT_COUNTS, &part).map(|row| row.record.grants);
        match grants.map(|grants| grants.saturating_sub(1)) {
            None => {}
            Some(0) => batch.delete(&GRANT_COUNTS, part),
            Some(grants) => batch.put(&GRANT_COUNTS, part, GrantCount { grants }),
        }
        self.unlist(batch);
    }

    /// Removes all that [`Self::list`] adds. Of a key that is gone no grants are counted.
    pub(crate) fn unlist(&self, batch: &mut Batch) {
        if let Some(row) = self.name_row() {
            batch.delete(&GRANT_NAMES, row);
        }
        if let Some(row) = self.retirable_row() {
            batch.delete(&RETIRABLE_GRANTS, row);
        }
        batch.delete(&GRANTS, self.row_key());
    }

    /// Whether it allows `operation`, within its constraints.
    pub(crate) fn allows(&self, operation: GrantedOperation) -> bool {
        self.terms.operations.contains(&operation)
    }

    /// The grants of `key` with this name.
    pub(crate) fn with_name<'a>(view: &'a View, key: &KeyRecord, name: &str) -> Vec<&'a Self> {
        let prefix = Key::of(&[
            key.account.as_str(),
            key.region.as_str(),
            key.id.as_str(),
            name,
        ]);
        let ids: Vec<String> = view
            .scan(&GRANT_NAMES, &prefix, None)
            .filter_map(|(row, _)| row.text_parts().pop())
            .collect();
        let ids = ids.iter();
        ids.filter_map(|id| Some(view.get(&GRANTS, &grant_row(key, id))?.record))
            .collect()
    }

    fn count_row(&self) -> Key {
        let (account, region) = (self.account.as_str(), self.region.as_str());
        let digit = self.id.get(..1).unwrap_or_default();
        Key::of(&[account, region, self.key.as_str(), digit])
    }

    fn row_key(&self) -> Key {
        let (account, region) = (self.account.as_str(), self.region.as_str());
        Key::of(&[account, region, self.key.as_str(), &self.id])
    }

    fn name_row(&self) -> Option<Key> {
        let name = self.terms.name.as_deref()?;
        let (account, region) = (self.account.as_str(), self.region.as_str());
        Some(Key::of(&[
            account,
            region,
            self.key.as_str(),
            name,
            &self.id,
        ]))
    }

    fn retirable_row(&self) -> Option<Key> {
        let party = self.terms.retiring.as_ref()?;
        let (account, region) = (self.account.as_str(), self.region.as_str());
        let key = self.key.as_str();
        Some(Key::of(&[party.key(), region, account, key, &self.id]))
    }
}

/// The row key of the grant `id` of `key`.
pub(crate) fn grant_row(key: &KeyRecord, id: &str) -> Key {
    Key::of(&[
        key.account.as_str(),
        key.region.as_str(),
        key.id.as_str(),
        id,
    ])
}

/// The grant that a row of [`RETIRABLE_GRANTS`] stands for.
pub(crate) fn retirable<'a>(snapshot: &'a Snapshot, row: &Key) -> Option<&'a GrantRecord> {
    let parts = row.text_parts();
    let [_, region, account, key, id] = parts.as_slice() else {
        return None;
    };
    let row = Key::of(&[account, region, key, id]);
    Some(snapshot.get(&GRANTS, &row)?.record)
}

/// Whether this has the form of a grant's id.
pub(crate) fn is_id(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(hex)
}
