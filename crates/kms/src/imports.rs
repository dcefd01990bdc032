//! Imported material: what a key of origin `EXTERNAL` knows of it, and its end.

use std::time::Duration;

use pipeline::Services;
use serde::{Deserialize, Serialize};
use shapes::kms::{ExpirationModelType, ImportState};
use store::{Batch, CommitError, Key, Lane, Record, Table, View};
use types::{AccountId, Arn, KeyId, Region, Timestamp};

use crate::records::{
    KEYS, KeyOrigin, KeyRecord, KeyState, MATERIALS, MaterialEntry, MaterialId, key_arn, key_row,
    material_row,
};
use crate::round::{Round, Undone};
use crate::{Error, Keyring, material, service_events};

/// Materials that expire, by the time of their end.
pub(crate) static IMPORT_ENDS: Table<ImportEnd> = Table::without_history("kms_import_ends");

/// Imported materials that belonged to a key, were deleted or have expired, and were not imported
/// again: what a restored backup must not bring back. [account, region, key, material].
pub(crate) static DELETED_MATERIAL: Table<DeletedMaterial> =
    Table::without_history("kms_deleted_material");

/// How many materials one call of [`expire`] destroys.
const STEP: usize = 256;

/// The event of a destruction that nobody called for.
const EXPIRED: &str = "DeleteExpiredKeyMaterial";

/// The longest life of imported material that has an end.
pub(crate) const MOST_LIFE: Duration = Duration::from_hours(365 * 24);

/// One imported material of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImportedMaterial {
    /// Its id. A key keeps it when the material is gone: only the same may be imported again.
    pub id: MaterialId,
    /// Whether it is here.
    pub present: bool,
    /// When it is destroyed, if ever.
    pub valid_to: Option<Timestamp>,
    /// What its importer said of it.
    pub description: Option<String>,
    /// Whether it waits for a rotation. Until then it does not belong to the key: it can go
    /// without any trouble, and leaves nothing behind.
    #[serde(default)]
    pub pending: bool,
}

impl ImportedMaterial {
    /// Whether it is here, as callers see it.
    pub(crate) fn state(&self) -> ImportState {
        if self.present {
            ImportState::Imported
        } else {
            ImportState::PendingImport
        }
    }

    /// Whether it has an end, if it is here.
    pub(crate) fn expiration_model(&self) -> Option<ExpirationModelType> {
        let model = match self.valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        };
        self.present.then_some(model)
    }

    /// The same, as one who has yet to be given it knows it.
    pub(crate) fn absent(&self) -> Self {
        Self {
            present: false,
            valid_to: None,
            ..self.clone()
        }
    }

    /// Whether it has come to its end by `now`, destroyed or not.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.valid_to.is_some_and(|end| end <= now)
    }
}

/// That a material is gone, though its key is not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeletedMaterial {
    /// The ARN of the key.
    pub arn: Arn,
    /// When the key was made.
    pub created: Timestamp,
    /// The material.
    pub material: MaterialId,
}

impl Record for DeletedMaterial {
    const VERSION: u16 = 1;
}

/// When a material ends; the row's key begins with that time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImportEnd {
    /// The account of the key.
    pub account: AccountId,
    /// The region of the key.
    pub region: Region,
    /// The key.
    pub key: KeyId,
    /// The material.
    pub material: MaterialId,
    /// Its end.
    pub at: Timestamp,
    /// Whether the material has no row any more; its shred key must be gone, too, before the end
    /// is recorded.
    #[serde(default)]
    pub gone: bool,
    /// That shred key, once the material has no row.
    #[serde(default)]
    pub shred_key: Option<u64>,
}

impl Record for ImportEnd {
    const VERSION: u16 = 1;
}

impl ImportEnd {
    fn arn(&self) -> Arn {
        key_arn(self.account, &self.region, &self.key)
    }
}

fn end_row(key: &KeyRecord, material: MaterialId, at: Timestamp) -> Key {
    let seconds = u64::try_from(at.seconds()).unwrap_or(0);
    let material = material.to_string();
    Key::of(&[
        &format!("{seconds:020}"),
        key.account.as_str(),
        key.region.as_str(),
        key.id.as_str(),
        &material,
    ])
}

impl KeyRecord {
    /// What the key knows of one imported material.
    pub(crate) fn import(&self, id: MaterialId) -> Option<&ImportedMaterial> {
        self.imports.iter().find(|import| import.id == id)
    }

    /// The imported material that waits for a rotation.
    pub(crate) fn pending_import(&self) -> Option<&ImportedMaterial> {
        self.imports.iter().find(|import| import.pending)
    }

    /// Has the imported material `id` belong to the key for good.
    pub(crate) fn associate(&mut self, id: MaterialId) {
        for import in self.imports.iter_mut().filter(|import| import.id == id) {
            import.pending = false;
        }
    }

    /// The imported materials that belong to the key for good.
    pub(crate) fn own_imports(&self) -> impl Iterator<Item = &ImportedMaterial> {
        self.imports.iter().filter(|import| !import.pending)
    }

    /// Whether the key waits for material, as one of origin `EXTERNAL` may: for its first, or for
    /// any that belongs to it.
    pub(crate) fn lacks_material(&self) -> bool {
        self.origin == KeyOrigin::External
            && (self.material.is_none() || self.own_imports().any(|import| !import.present))
    }

    /// The state at `now`: a key waits for its imported material from the end of that on, whether
    /// or not it has been destroyed already.
    pub(crate) fn state_at(&self, now: Timestamp) -> KeyState {
        let ended = || self.own_imports().any(|import| import.has_ended(now));
        match self.state {
            state if loses_material(state) && ended() => KeyState::PendingImport,
            state => state,
        }
    }

    /// This key with `import`, which it may know already, ready for use if it only waited for
    /// it. Adds to `batch` what the end of the material changes.
    pub(crate) fn with_import(
        &self,
        import: ImportedMaterial,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Self {
        self.forget_end(import.id, batch);
        batch.delete(&DELETED_MATERIAL, material_row(self, import.id));
        if let Some(at) = import.valid_to {
            let end = ImportEnd {
                account: self.account,
                region: self.region.clone(),
                key: self.id.clone(),
                material: import.id,
                at,
                gone: false,
                shred_key: None,
            };
            batch.put(&IMPORT_ENDS, end_row(self, import.id, at), end);
        }
        let mut key = self.clone();
        if key.material.is_none() {
            key.material = Some(import.id);
            key.materials.push(MaterialEntry {
                id: import.id,
                made: now,
                by: None,
            });
        }
        match key.imports.iter_mut().find(|known| known.id == import.id) {
            Some(known) => *known = import,
            None => key.imports.push(import),
        }
        if key.state == KeyState::PendingImport && !key.lacks_material() {
            key.state = KeyState::Enabled;
        }
        key
    }

    /// This key after one of its imported materials is gone; adds to `batch` that it is. What
    /// only waits for a rotation is forgotten; where related keys wait for it too, it stays known.
    pub(crate) fn without_import(&self, id: MaterialId, batch: &mut Batch) -> Self {
        self.forget_end(id, batch);
        batch.delete(&MATERIALS, material_row(self, id));
        // What only waits for a rotation is imported and deleted as often as anybody likes: its end
        // is not remembered, and a restored backup forgets all of it.
        if self.import(id).is_some_and(|import| !import.pending) {
            let gone = DeletedMaterial {
                arn: self.arn.clone(),
                created: self.created,
                material: id,
            };
            batch.put(&DELETED_MATERIAL, material_row(self, id), gone);
        }
        let mut key = self.clone();
        if key.siblings.is_none() {
            key.imports
                .retain(|import| import.id != id || !import.pending);
        }
        for import in key.imports.iter_mut().filter(|import| import.id == id) {
            *import = import.absent();
        }
        if key.lacks_material() && loses_material(key.state) {
            key.state = KeyState::PendingImport;
        }
        key
    }

    fn forget_end(&self, id: MaterialId, batch: &mut Batch) {
        if let Some(at) = self.import(id).and_then(|import| import.valid_to) {
            batch.delete(&IMPORT_ENDS, end_row(self, id, at));
        }
    }
}

/// Whether a key in this state waits for its material once that is gone. A key that is being deleted
/// or made goes on as it is.
fn loses_material(state: KeyState) -> bool {
    matches!(
        state,
        KeyState::Enabled | KeyState::Disabled | KeyState::Updating
    )
}

/// Destroys the imported materials whose time is over, and records it, one after the other: the
/// row, then the shred key that wrapped it, then the event. Each step can be repeated.
///
/// The server calls it every second or so; whatever is left, the next call finds. A key
/// refuses work from the end on, whether or not this has run. Returns what could not be done;
/// that holds up nothing else.
pub async fn expire(services: &Services) -> Vec<Undone> {
    let snapshot = services.store().snapshot();
    let now = services.settled_time();
    let all = Key::of(&[]);
    let ends = snapshot.scan(&IMPORT_ENDS, &all);
    let mut round = Round::of(STEP);
    for (row, end) in ends.take_while(|(_, end)| end.record.at <= now) {
        let outcome = carry_out(services, row, end.record, now).await;
        round.note(outcome, || end.record.arn().to_string());
        if round.is_over() {
            break;
        }
    }
    round.undone()
}

/// The end of one material; what lost to another commit is found again.
async fn carry_out(
    services: &Services,
    row: &Key,
    end: &ImportEnd,
    now: Timestamp,
) -> Result<(), Error> {
    let mut end = end.clone();
    if !end.gone {
        let view = View::recording(services.store().snapshot());
        let mut batch = Batch::new(Lane::Revocation);
        let taken = take_row(&view, row, &end, now, &mut batch);
        batch.require_all(view.reads());
        let batch = batch.on_account_of(Some(end.account));
        match (commit(services, batch).await?, taken) {
            (true, Some(taken)) => end = taken,
            (true, None) | (false, _) => return Ok(()),
        }
    }
    let keyring = services.part::<Keyring>()?;
    if let Some(own) = end.shred_key {
        let destroyed = keyring.shred().destroy(end.account, own);
        destroyed.map_err(material::unwritable)?;
    }
    let view = View::recording(services.store().snapshot());
    if view.get(&IMPORT_ENDS, row).is_none() {
        return Ok(());
    }
    let mut batch = Batch::new(Lane::Revocation);
    batch.delete(&IMPORT_ENDS, row.clone());
    let (entropy, at) = (services.entropy(), (end.account, &end.region));
    let mut event = service_events::of_key(entropy, &end.arn(), at, EXPIRED, now);
    event.service_event_details = Some(serde_json::json!({ "keyId": end.key }));
    service_events::append(&mut batch, at, now, &event)?;
    batch.require_all(view.reads());
    let batch = batch.on_account_of(Some(end.account));
    commit(services, batch).await.map(drop)
}

/// Takes the material's row away, and returns what is to be done then. `None` if there is nothing
/// to end any more; then the row of the end goes.
fn take_row(
    view: &View,
    row: &Key,
    end: &ImportEnd,
    now: Timestamp,
    batch: &mut Batch,
) -> Option<ImportEnd> {
    let place = key_row(end.account, &end.region, &end.key);
    let key = view.get_shared(&KEYS, &place);
    let key = key.filter(|key| {
        let import = key.import(end.material);
        import.is_some_and(|import| import.present && import.has_ended(now))
    });
    let Some(key) = key else {
        batch.delete(&IMPORT_ENDS, row.clone());
        return None;
    };
    let gone = ImportEnd {
        gone: true,
        shred_key: material::own_shred_key(view, &key, end.material),
        ..end.clone()
    };
    key.without_import(end.material, batch).replace(&key, batch);
    batch.put(&IMPORT_ENDS, row.clone(), gone.clone());
    Some(gone)
}

/// Whether the batch was committed; false if it lost to another commit.
async fn commit(services: &Services, batch: Batch) -> Result<bool, Error> {
    match services.store().commit(batch).await {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict) => Ok(false),
        Err(failed) => Err(Error::internal(
            "expired material could not be destroyed",
            failed,
        )),
    }
}
