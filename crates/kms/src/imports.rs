//! Imported material: what a key of origin `EXTERNAL` knows of it, and its end.

use std::time::Duration;

use pipeline::Services;
use serde::{Deserialize, Serialize};
use shapes::kms::{ExpirationModelType, ImportState};
use store::{Batch, Key, Lane, Read, Record, Table};
use types::{AccountId, KeyId, Region, Timestamp};

use crate::records::{
    KEYS, KeyOrigin, KeyRecord, KeyState, MATERIALS, MaterialEntry, MaterialId, key_row,
    material_row,
};
use crate::{Error, service_events};

/// Materials that expire, by the time of their end.
pub(crate) static IMPORT_ENDS: Table<ImportEnd> = Table::without_history("kms_import_ends");

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
}

impl Record for ImportEnd {
    const VERSION: u16 = 1;
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
    /// What the key knows of its imported material.
    pub(crate) fn imported(&self) -> Option<&ImportedMaterial> {
        self.imports.first()
    }

    /// Whether the key waits for material, as one of origin `EXTERNAL` may.
    pub(crate) fn lacks_material(&self) -> bool {
        self.origin == KeyOrigin::External && !self.imported().is_some_and(|import| import.present)
    }

    /// Whether imported material of this key has come to its end by `now`, carried out or not.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        let mut ends = self.imports.iter().filter_map(|import| import.valid_to);
        ends.any(|end| end <= now)
    }

    /// This key with `import`, ready for use if it only waited for it. Adds to `batch` what
    /// the end of the material changes.
    pub(crate) fn with_import(
        &self,
        import: ImportedMaterial,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Self {
        self.forget_ends(batch);
        let mut materials = self.materials.clone();
        if self.material.is_none() {
            materials.push(MaterialEntry {
                id: import.id,
                made: now,
                by: None,
            });
        }
        if let Some(at) = import.valid_to {
            let end = ImportEnd {
                account: self.account,
                region: self.region.clone(),
                key: self.id.clone(),
                material: import.id,
                at,
            };
            batch.put(&IMPORT_ENDS, end_row(self, import.id, at), end);
        }
        let state = match self.state {
            KeyState::PendingImport => KeyState::Enabled,
            other => other,
        };
        Self {
            state,
            material: Some(import.id),
            materials,
            imports: vec![import],
            ..self.clone()
        }
    }

    /// This key after its imported material is gone; adds the destruction to `batch`.
    pub(crate) fn without_import(&self, batch: &mut Batch) -> Self {
        self.forget_ends(batch);
        for import in &self.imports {
            batch.delete(&MATERIALS, material_row(self, import.id));
        }
        let gone = |import: &ImportedMaterial| ImportedMaterial {
            present: false,
            valid_to: None,
            ..import.clone()
        };
        let state = match self.state {
            waiting @ (KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => waiting,
            _ => KeyState::PendingImport,
        };
        Self {
            state,
            imports: self.imports.iter().map(gone).collect(),
            ..self.clone()
        }
    }

    fn forget_ends(&self, batch: &mut Batch) {
        for import in &self.imports {
            if let Some(at) = import.valid_to {
                batch.delete(&IMPORT_ENDS, end_row(self, import.id, at));
            }
        }
    }
}

/// Destroys the imported materials whose time is over, and records it.
///
/// The server calls it every second or so; whatever is left, the next call finds. A key
/// refuses work from the end on, whether or not this has run.
pub async fn expire(services: &Services) -> Result<(), Error> {
    let snapshot = services.store().snapshot();
    let now = services.clock().now();
    let all = Key::of(&[]);
    let ends = snapshot.scan(&IMPORT_ENDS, &all).take(STEP);
    for (row, end) in ends.take_while(|(_, end)| end.record.at <= now) {
        let mut batch = Batch::new(Lane::Metadata);
        let end = &end.record;
        let place = key_row(end.account, &end.region, &end.key);
        let key = snapshot.get_shared(&KEYS, &place);
        batch.require(Read::Row {
            table: &KEYS,
            key: place.clone(),
            revision: snapshot.row_revision(&KEYS, &place),
        });
        if let Some(key) = key.filter(|key| key.has_expired(now)) {
            let gone = key.without_import(&mut batch);
            let (entropy, at) = (services.entropy(), (gone.account, &gone.region));
            let mut event = service_events::of_key(entropy, &gone.arn, at, EXPIRED, now);
            event.service_event_details = Some(serde_json::json!({ "keyId": gone.id }));
            service_events::append(&mut batch, at, now, &event)?;
            gone.replace(&key, &mut batch);
        } else {
            batch.delete(&IMPORT_ENDS, row.clone());
        }
        // A conflict is tried again a second later.
        if let Err(failed) = services.store().commit(batch).await
            && !matches!(failed, store::CommitError::Conflict)
        {
            return Err(Error::internal(
                "expired material could not be destroyed",
                failed,
            ));
        }
    }
    Ok(())
}
