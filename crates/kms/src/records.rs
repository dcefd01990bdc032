//! What KMS stores: keys, their materials, aliases and the index of owned keys.
//!
//! Metadata keeps its history; material does not, because deletion must destroy it. Every type here is a stored form of its own, with a version, and never a wire shape.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use store::{AnyTable, Batch, Key, KeyBuilder, Record, Revision, Snapshot, Table, View};
use types::{AccountId, Arn, KeyId, Region, Timestamp};

use crate::grants::index::GRANT_INDEX;
use crate::grants::record::{GRANT_COUNTS, GRANT_NAMES, GRANTS, Pointer, RETIRABLE_GRANTS};
use crate::imports::{IMPORT_ENDS, ImportedMaterial};
use crate::key_policy::KeyPolicy;
use crate::key_stores::{self, Held, KEY_STORES, PROXY_KEYS, STORE_SECRETS, Seen, TOKEN_KEYS};
use crate::last_usage::KEY_USAGE;
use crate::multi_region::Siblings;
use crate::stored;
use crate::usage::KEY_USES;

/// Keys: metadata and key policy.
pub(crate) static KEYS: Table<KeyRecord> = Table::with_history("kms_keys");
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
pub fn tables() -> [&'static dyn AnyTable; 22] {
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
    ]
}

/// A closed enumeration that is stored and shown as AWS's text.
macro_rules! text_enum {
    (
        $(#[$doc:meta])*
        $vis:vis $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            serde::Deserialize,
        )]
        $vis enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value.
            $vis const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value as AWS writes it.
            $vis fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use text_enum;

text_enum! {
    /// The state of a key.
    pub KeyState {
        /// Usable.
        Enabled = "Enabled",
        /// Switched off by its owner.
        Disabled = "Disabled",
        /// Waits for its end.
        PendingDeletion = "PendingDeletion",
        /// A multi-Region primary that waits for its replicas' end.
        PendingReplicaDeletion = "PendingReplicaDeletion",
        /// Has no material.
        PendingImport = "PendingImport",
        /// Its key store is disconnected.
        Unavailable = "Unavailable",
        /// A replica in the making.
        Creating = "Creating",
        /// Its primary Region is being changed.
        Updating = "Updating",
    }
}

impl KeyState {
    /// The state as AWS's messages say it: `<key> is pending deletion.`
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::PendingDeletion => "pending deletion",
            Self::PendingReplicaDeletion => "pending replica deletion",
            Self::PendingImport => "pending import",
            Self::Unavailable => "unavailable",
            Self::Creating => "creating",
            Self::Updating => "updating",
        }
    }
}

text_enum! {
    /// What kind of material a key has.
    pub KeySpec {
        /// 256 bits for AES-256-GCM.
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        /// 224 bits for HMAC-SHA-224.
        Hmac224 = "HMAC_224",
        /// 256 bits for HMAC-SHA-256.
        Hmac256 = "HMAC_256",
        /// 384 bits for HMAC-SHA-384.
        Hmac384 = "HMAC_384",
        /// 512 bits for HMAC-SHA-512.
        Hmac512 = "HMAC_512",
        /// RSA with 2048 bits.
        Rsa2048 = "RSA_2048",
        /// RSA with 3072 bits.
        Rsa3072 = "RSA_3072",
        /// RSA with 4096 bits.
        Rsa4096 = "RSA_4096",
        /// NIST P-256.
        EccNistP256 = "ECC_NIST_P256",
        /// NIST P-384.
        EccNistP384 = "ECC_NIST_P384",
        /// NIST P-521.
        EccNistP521 = "ECC_NIST_P521",
        /// SECG secp256k1.
        EccSecgP256k1 = "ECC_SECG_P256K1",
        /// Ed25519.
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        /// ML-DSA-44.
        MlDsa44 = "ML_DSA_44",
        /// ML-DSA-65.
        MlDsa65 = "ML_DSA_65",
        /// ML-DSA-87.
        MlDsa87 = "ML_DSA_87",
        /// ML-KEM-512.
        MlKem512 = "ML_KEM_512",
        /// ML-KEM-768.
        MlKem768 = "ML_KEM_768",
        /// ML-KEM-1024.
        MlKem1024 = "ML_KEM_1024",
    }
}

text_enum! {
    /// What a key is for.
    pub KeyUsage {
        /// Encryption and decryption.
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        /// Signatures.
        SignVerify = "SIGN_VERIFY",
        /// Message authentication codes.
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        /// Agreement on a shared secret.
        KeyAgreement = "KEY_AGREEMENT",
        /// Encapsulation of a shared secret.
        EncapsulateDecapsulate = "ENCAPSULATE_DECAPSULATE",
    }
}

text_enum! {
    /// Where a key's material comes from.
    pub KeyOrigin {
        /// Made here.
        AwsKms = "AWS_KMS",
        /// Imported by the key's owner.
        External = "EXTERNAL",
        /// Made on a token that its owner controls, and kept there.
        AwsCloudhsm = "AWS_CLOUDHSM",
        /// Held by an external key manager, beside material that was made here.
        ExternalKeyStore = "EXTERNAL_KEY_STORE",
    }
}

text_enum! {
    /// Who manages a key.
    pub KeyManager {
        /// A service, for the account that holds the key.
        Aws = "AWS",
        /// The account that holds the key.
        Customer = "CUSTOMER",
    }
}

/// The id of one key material: 32 bytes, derived from key id and material, shown as 64 hex
/// digits. It does not reveal the material.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct MaterialId(#[serde(with = "stored::hex32")] pub [u8; 32]);

impl fmt::Display for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A KMS key without its material.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    /// The id.
    pub id: KeyId,
    /// The account that holds the key.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The key's ARN.
    pub arn: Arn,
    /// The description.
    pub description: String,
    /// The state.
    pub state: KeyState,
    /// The kind of material.
    pub spec: KeySpec,
    /// What the key is for.
    pub usage: KeyUsage,
    /// Where the material comes from.
    pub origin: KeyOrigin,
    /// Who manages the key.
    pub manager: KeyManager,
    /// Whether this is an AWS owned key: used by one service, invisible to every caller.
    pub owned: bool,
    /// When the key was made.
    pub created: Timestamp,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// The key policy.
    pub policy: KeyPolicy,
    /// The material that encrypts; none before the first import.
    pub material: Option<MaterialId>,
    /// Every material, from the first to the one that encrypts. What was imported and waits for a
    /// rotation is not among them.
    pub materials: Vec<MaterialEntry>,
    /// When the key is rotated, if that was asked for.
    pub rotation: Option<RotationSchedule>,
    /// When the key ends, while it is being deleted.
    pub deletion: Option<Timestamp>,
    /// What was imported, for keys of origin `EXTERNAL`.
    #[serde(default)]
    pub imports: Vec<ImportedMaterial>,
    /// The set that a multi-Region key belongs to.
    #[serde(default)]
    pub siblings: Option<Siblings>,
    /// Days from the end of the last replica to the end of a primary that waits for it.
    #[serde(default)]
    pub window: Option<u16>,
    /// The custom key store that holds the key, and what the key is there.
    #[serde(default)]
    pub held: Option<Held>,
    /// What the snapshot that the key was read in says of that store.
    ///
    /// INVARIANT: that a store is not connected is seen in its own record, and never stored in
    /// those of its keys.
    #[serde(skip)]
    pub seen: Option<Seen>,
}

impl Record for KeyRecord {
    const VERSION: u16 = 2;
}

/// What made a key's material after its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RotationKind {
    /// The time had come.
    Automatic,
    /// `RotateKeyOnDemand`.
    OnDemand,
}

/// One material of a key, as its metadata knows it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct MaterialEntry {
    /// Which.
    pub id: MaterialId,
    /// When it was made.
    pub made: Timestamp,
    /// The kind of rotation that made it; `None` for the first.
    pub by: Option<RotationKind>,
}

/// When a key is rotated.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RotationSchedule {
    /// Days between rotations.
    pub days: u16,
    /// The next time.
    pub next: Timestamp,
}

/// Days between rotations unless told otherwise.
pub(crate) const USUAL_DAYS: u16 = 365;

impl RotationSchedule {
    /// A schedule of rotations every so many days from `now` on.
    pub(crate) fn every(days: u16, now: Timestamp) -> Self {
        Self {
            days,
            next: now.saturating_add(period(days)),
        }
    }

    /// That of a new key: AWS managed keys are rotated every year.
    pub(crate) fn of_new(manager: KeyManager, owned: bool, now: Timestamp) -> Option<Self> {
        (manager == KeyManager::Aws && !owned).then(|| Self::every(USUAL_DAYS, now))
    }

    /// The schedule once the rotation that was due has been carried out at `now`.
    pub(crate) fn after(self, now: Timestamp) -> Self {
        let next = self.next.saturating_add(period(self.days));
        if next > now {
            Self { next, ..self }
        } else {
            Self::every(self.days, now)
        }
    }
}

/// So many days.
pub(crate) fn period(days: u16) -> Duration {
    Duration::from_secs(u64::from(days).saturating_mul(86_400))
}

impl KeyRecord {
    /// Adds to `batch` that this key is new.
    pub(crate) fn insert(mut self, batch: &mut Batch) {
        if let Some(seen) = self.seen.take()
            && self.state == KeyState::Unavailable
        {
            self.state = seen.beneath;
        }
        if let Some(row) = self.date_row() {
            batch.put(&KEY_DATES, row, Pointer {});
        }
        batch.put(&KEYS, self.row_key(), self);
    }

    /// Adds to `batch` that the key `old` is like this from now on.
    pub(crate) fn replace(self, old: &Self, batch: &mut Batch) {
        debug_assert_eq!(self.id, old.id, "another key");
        old.undate(batch);
        self.insert(batch);
    }

    /// That this key is as `change` leaves it from now on.
    pub(crate) fn changed(&self, change: impl FnOnce(&mut Self)) -> Batch {
        let mut record = self.clone();
        change(&mut record);
        let mut batch = Batch::default();
        record.replace(self, &mut batch);
        batch
    }

    /// Adds to `batch` that there is no such key any more.
    pub(crate) fn remove(&self, batch: &mut Batch) {
        self.undate(batch);
        batch.delete(&KEYS, self.row_key());
    }

    /// When something is due that nobody calls for: the end of a key that is being deleted, the
    /// rotation of one that is enabled, or, at once, the end of a state that is none to stay in.
    /// Replicas are rotated with their primary.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self.state {
            KeyState::PendingDeletion => self.deletion,
            KeyState::Enabled if self.is_replica() => None,
            KeyState::Enabled => self.rotation.map(|schedule| schedule.next),
            KeyState::Creating | KeyState::Updating => Some(self.created),
            KeyState::Disabled
            | KeyState::PendingReplicaDeletion
            | KeyState::PendingImport
            | KeyState::Unavailable => None,
        }
    }

    fn undate(&self, batch: &mut Batch) {
        if let Some(row) = self.date_row() {
            batch.delete(&KEY_DATES, row);
        }
    }

    /// The row that says when the key is due, in whole seconds: the first that is not before.
    pub(crate) fn date_row(&self) -> Option<Key> {
        let due = self.due()?;
        let begun = i64::from(due.nanos() > 0);
        let seconds = u64::try_from(due.seconds().saturating_add(begun)).unwrap_or(0);
        let parts = [
            self.account.as_str(),
            self.region.as_str(),
            self.id.as_str(),
        ];
        let row = KeyBuilder::default().number(seconds);
        let row = parts
            .iter()
            .fold(row, |row, part| row.part(part.as_bytes()));
        Some(row.build())
    }

    /// The id of the material that encrypts, as callers see it: AWS shows none for keys in custom
    /// key stores.
    pub(crate) fn shown_material(&self) -> Option<MaterialId> {
        self.material.filter(|_| self.held.is_none())
    }

    /// Whether this is a multi-Region key, which its id tells.
    pub(crate) fn is_multi_region(&self) -> bool {
        self.id.as_str().starts_with("mrk-")
    }

    /// The key of this record's row.
    pub(crate) fn row_key(&self) -> Key {
        key_row(self.account, &self.region, &self.id)
    }
}

/// One wrapped material of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MaterialRecord {
    /// The material, sealed under a shred key of the account, or of its own if it was imported.
    #[serde(with = "stored::base64_bytes")]
    pub wrapped: Vec<u8>,
    /// Which shred key that is.
    pub generation: u64,
}

impl Record for MaterialRecord {
    const VERSION: u16 = 2;
}

/// Which shred keys of an account are in use. Destroying one destroys all that it wraps.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ShredGenerations {
    /// The one that wraps what is made now, from 1.
    pub current: u64,
    /// The one before, while what must outlive it is wrapped anew.
    pub retiring: Option<u64>,
}

impl Record for ShredGenerations {
    const VERSION: u16 = 1;
}

/// A key that was deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Destruction {
    /// The account that held it.
    pub account: AccountId,
    /// Its region.
    pub region: Region,
    /// Its id.
    pub key: KeyId,
    /// The newest shred key that ever wrapped a material of it.
    pub generation: u64,
    /// When it was deleted.
    pub deleted: Timestamp,
    /// The shred keys that wrapped one material of it each.
    #[serde(default)]
    pub own: Vec<u64>,
    /// The custom key store that held it, and what it was there.
    #[serde(default)]
    pub held: Option<Held>,
    /// The cluster that the store was on, if it was a token.
    #[serde(default)]
    pub cluster: Option<String>,
}

impl Record for Destruction {
    const VERSION: u16 = 1;
}

/// That a key was deleted, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deleted {
    /// Its ARN.
    pub arn: Arn,
    /// When it was made: a replica may be made again under its ARN.
    pub created: Timestamp,
    /// When it was deleted.
    pub at: Timestamp,
}

impl Record for Deleted {
    const VERSION: u16 = 1;
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

/// The row key of a key.
pub(crate) fn key_row(account: AccountId, region: &Region, id: &KeyId) -> Key {
    Key::of(&[account.as_str(), region.as_str(), id.as_str()])
}

/// The prefix of an account's keys or aliases in one region.
pub(crate) fn region_prefix(account: AccountId, region: &Region) -> Key {
    Key::of(&[account.as_str(), region.as_str()])
}

/// The row key of one material.
pub(crate) fn material_row(key: &KeyRecord, material: MaterialId) -> Key {
    let material = material.to_string();
    Key::of(&[
        key.account.as_str(),
        key.region.as_str(),
        key.id.as_str(),
        &material,
    ])
}

/// The row key of the key that a row of [`KEY_DATES`] is for, and the second that it is due.
pub(crate) fn dated(row: &Key) -> Option<(u64, Key)> {
    let parts = row.parts();
    let [seconds, account, region, id] = parts.as_slice() else {
        return None;
    };
    let seconds = u64::from_be_bytes(seconds.as_slice().try_into().ok()?);
    let parts = [account, region, id];
    let row = parts
        .iter()
        .fold(KeyBuilder::default(), |row, part| row.part(part));
    Some((seconds, row.build()))
}

/// The row key of the shred keys of an account.
pub(crate) fn shred_row(account: AccountId) -> Key {
    Key::of(&[account.as_str()])
}

/// The row key of a discarded shred key.
pub(crate) fn discarded_row(account: AccountId, number: u64) -> Key {
    let row = KeyBuilder::default().part(account.as_str().as_bytes());
    row.number(number).build()
}

/// The shred key that a row of [`DISCARDED`] is about.
pub(crate) fn discarded(row: &Key) -> Option<(AccountId, u64)> {
    let parts = row.parts();
    let [account, number] = parts.as_slice() else {
        return None;
    };
    let account = std::str::from_utf8(account).ok()?.parse().ok()?;
    let number = number.as_slice().try_into().ok()?;
    Some((account, u64::from_be_bytes(number)))
}

/// The row key of an alias.
pub(crate) fn alias_row(account: AccountId, region: &Region, name: &str) -> Key {
    Key::of(&[account.as_str(), region.as_str(), name])
}

/// The row key that says that `id` has the alias `name`.
pub(crate) fn alias_name_row(account: AccountId, region: &Region, id: &KeyId, name: &str) -> Key {
    Key::of(&[account.as_str(), region.as_str(), id.as_str(), name])
}

/// The ARN of a key.
pub(crate) fn key_arn(account: AccountId, region: &Region, id: &KeyId) -> Arn {
    Arn::new("kms", Some(region), Some(account), &format!("key/{id}"))
}

/// The ARN of an alias; `name` begins with `alias/`.
pub(crate) fn alias_arn(account: AccountId, region: &Region, name: &str) -> Arn {
    Arn::new("kms", Some(region), Some(account), name)
}

/// A key as one snapshot shows it.
#[derive(Debug, Clone)]
pub(crate) struct KeyRow {
    /// The record.
    pub record: Arc<KeyRecord>,
    /// The commit that wrote this version of it.
    pub revision: Revision,
}

impl KeyRow {
    /// The key with this id, whoever owns it.
    pub(crate) fn load(
        view: &View,
        account: AccountId,
        region: &Region,
        id: &KeyId,
    ) -> Option<Self> {
        Self::in_row(view, &key_row(account, region, id))
    }

    /// The key at `arn`, if it is the ARN of a key that callers can know of.
    pub(crate) fn at(view: &View, arn: &Arn) -> Option<Self> {
        let id = arn.resource_of("key")?;
        let row = Self::in_row(view, &Key::of(&[arn.account_text(), arn.region(), id]))?;
        (!row.record.owned && row.record.arn == *arn).then_some(row)
    }

    /// The key as requests see it at `now`: without its imported material from the end of that
    /// on, whether or not the server has destroyed it already.
    pub(crate) fn seen_at(self, now: Timestamp) -> Self {
        let expired = self.record.state_at(now);
        if expired == self.record.state {
            return self;
        }
        let record = KeyRecord {
            state: expired,
            ..KeyRecord::clone(&self.record)
        };
        Self {
            record: Arc::new(record),
            ..self
        }
    }

    /// The key in this row, whoever owns it.
    pub(crate) fn in_row(view: &View, row: &Key) -> Option<Self> {
        let record = view.get_shared(&KEYS, row)?;
        let revision = view.snapshot().row_revision(&KEYS, row)?;
        let (record, of_store) = key_stores::seen_with(view, record);
        let revision = of_store.map_or(revision, |of_store| revision.max(of_store));
        Some(Self { record, revision })
    }
}

/// The commit that wrote the key in this row as it is now, or the custom key store that holds it.
pub(crate) fn revision_in(snapshot: &Snapshot, row: &Key) -> Option<Revision> {
    let key = snapshot.get(&KEYS, row)?;
    let of_store = key_stores::store_revision(snapshot, key.record);
    Some(of_store.map_or(key.revision, |of_store| key.revision.max(of_store)))
}
