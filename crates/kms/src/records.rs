//! What KMS stores: its tables, and by the modules below keys, their materials, what is left of
//! both, and where in the tables they are.
//!
//! Metadata keeps its history; material does not, because deletion must destroy it. Every type here is a stored form of its own, with a version, and never a wire shape.

mod ends;
mod key;
mod material;
mod rows;
mod words;

use serde::{Deserialize, Serialize};
use store::{AnyTable, Record, Table};
use types::{KeyId, Timestamp};

pub(crate) use ends::{Deleted, Destruction};
pub(crate) use key::{KeyRecord, KeyRow, revision_in, row_at};
pub(crate) use material::{
    MaterialEntry, MaterialId, MaterialRecord, RotationKind, RotationSchedule, ShredGenerations,
    USUAL_DAYS, period,
};
pub(crate) use rows::{
    alias_arn, alias_name_row, alias_row, dated, discarded, discarded_row, key_arn, key_row,
    material_row, region_prefix, shred_row,
};
pub(crate) use words::text_enum;
pub use words::{KeyManager, KeyOrigin, KeySpec, KeyState, KeyUsage};

use crate::grants::index::GRANT_INDEX;
use crate::grants::record::{GRANT_COUNTS, GRANT_NAMES, GRANTS, Pointer, RETIRABLE_GRANTS};
use crate::hold::HOLD;
use crate::imports::{DELETED_MATERIAL, IMPORT_ENDS};
use crate::key_stores::{KEY_STORES, PROXY_KEYS, STORE_SECRETS, TOKEN_CLAIMS, TOKEN_KEYS};
use crate::last_usage::KEY_USAGE;
use crate::usage::KEY_USES;

/// Keys: metadata and key policy. Customer managed ones are counted, by account and region, and those
/// in custom key stores are listed by these.
pub(crate) static KEYS: Table<KeyRecord> = Table::with_history("kms_keys")
    .counted_by(KeyRecord::counted_in)
    .listed_by(KeyRecord::listed_in);
/// Wrapped key material, one row for each material of a key.
pub(crate) static MATERIALS: Table<MaterialRecord> = Table::without_history("kms_material");
/// Which of each account's shred keys wraps what is made now; the keys are not in the store.
pub(crate) static SHRED_GENERATIONS: Table<ShredGenerations> =
    Table::without_history("kms_shred_generations");
/// Shred keys of single materials that are gone, until they are overwritten: rows without content.
pub(crate) static DISCARDED: Table<Pointer> = Table::without_history("kms_discarded_shred_keys");
/// When something is due for a key that nobody calls for: rows without content, by time.
pub(crate) static KEY_DATES: Table<Pointer> = Table::without_history("kms_key_dates");
/// Keys that are gone, until nothing of their material is left.
pub(crate) static DESTRUCTIONS: Table<Destruction> = Table::with_history("kms_destructions");
/// Keys that were deleted, for ever: what a restored backup must not bring back.
pub(crate) static DELETED: Table<Deleted> = Table::without_history("kms_deleted");
/// Aliases by name.
pub(crate) static ALIASES: Table<AliasRecord> = Table::with_history("kms_aliases");
/// The names of each key's aliases: rows without content, found by their prefix.
pub(crate) static ALIAS_NAMES: Table<AliasName> = Table::with_history("kms_alias_names");
/// AWS owned keys by service.
pub(crate) static OWNED_KEYS: Table<OwnedKeyRecord> = Table::with_history("kms_owned_keys");

/// Every table of KMS, for the store that is opened over them.
pub fn tables() -> [&'static dyn AnyTable; 25] {
    [
        &KEYS,
        &MATERIALS,
        &SHRED_GENERATIONS,
        &DISCARDED,
        &KEY_DATES,
        &DESTRUCTIONS,
        &DELETED,
        &KEY_USAGE,
        &KEY_USES,
        &ALIASES,
        &ALIAS_NAMES,
        &OWNED_KEYS,
        &GRANTS,
        &GRANT_INDEX,
        &GRANT_NAMES,
        &GRANT_COUNTS,
        &RETIRABLE_GRANTS,
        &IMPORT_ENDS,
        &KEY_STORES,
        &STORE_SECRETS,
        &PROXY_KEYS,
        &TOKEN_KEYS,
        &TOKEN_CLAIMS,
        &HOLD,
        &DELETED_MATERIAL,
    ]
}

/// An alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    /// `alias/…`.
    pub name: String,
    /// The key that it stands for.
    pub target: KeyId,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last pointed at another key.
    pub updated: Timestamp,
}

impl Record for AliasRecord {
    const VERSION: u16 = 1;
}

/// Says that a key has an alias; the row's key holds the name.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct AliasName {}

impl Record for AliasName {
    const VERSION: u16 = 1;
}

/// Which key a service uses for what belongs to no customer key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OwnedKeyRecord {
    /// The key, in the account of AWS owned keys.
    pub id: KeyId,
}

impl Record for OwnedKeyRecord {
    const VERSION: u16 = 1;
}
