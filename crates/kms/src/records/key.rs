//! A KMS key: what is stored of it, and how it is read and changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Batch, Key, KeyBuilder, Record, Revision, Snapshot, View};
use types::{AccountId, Arn, KeyId, Region, Timestamp};

use super::{
    KEY_DATES, KEYS, KeyManager, KeyOrigin, KeySpec, KeyState, KeyUsage, MaterialEntry, MaterialId,
    RotationSchedule, key_row, region_prefix,
};
use crate::grants::record::Pointer;
use crate::imports::ImportedMaterial;
use crate::key_policy::KeyPolicy;
use crate::key_stores::{self, Held, Seen};
use crate::multi_region::Siblings;

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

    fn memory(&self) -> usize {
        self.policy.document().memory()
    }
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

    /// The account and region in which the key counts against the quota, as customer managed keys do.
    pub(super) fn counted_in(&self) -> Option<Key> {
        (self.manager == KeyManager::Customer).then(|| region_prefix(self.account, &self.region))
    }

    /// The entry by which a key in a custom key store is found.
    pub(super) fn listed_in(&self) -> Vec<Key> {
        let held = self.held.as_ref();
        let store = held.map(|held| key_stores::keys_in(self.account, &self.region, &held.store));
        let id = Key::of(&[self.id.as_str()]);
        let entry = |store: Key| Key::from_encoded(&[store.as_bytes(), id.as_bytes()].concat());
        store.map(entry).into_iter().collect()
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

    /// Whether callers know this key by `arn`.
    pub(crate) fn is_at(&self, arn: &Arn) -> bool {
        !self.owned && self.arn == *arn
    }

    /// The key of this record's row.
    pub(crate) fn row_key(&self) -> Key {
        key_row(self.account, &self.region, &self.id)
    }
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
        let row = Self::in_row(view, &row_at(arn)?)?;
        row.record.is_at(arn).then_some(row)
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
        let (record, revision) = view.get_row_shared(&KEYS, row)?;
        let (record, of_store) = key_stores::seen_with(view, record);
        let revision = of_store.map_or(revision, |of_store| revision.max(of_store));
        Some(Self { record, revision })
    }
}

/// The row of the key at `arn`, if it is the ARN of a key.
pub(crate) fn row_at(arn: &Arn) -> Option<Key> {
    let id = arn.resource_of("key")?;
    Some(Key::of(&[arn.account_text(), arn.region(), id]))
}

/// The commit that wrote the key in this row as it is now, or the custom key store that holds it.
pub(crate) fn revision_in(snapshot: &Snapshot, row: &Key) -> Option<Revision> {
    let key = snapshot.get(&KEYS, row)?;
    let of_store = key_stores::store_revision(snapshot, key.record);
    Some(of_store.map_or(key.revision, |of_store| key.revision.max(of_store)))
}
