//! Keys and imported materials that were deleted, and stay so when an old backup is restored.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use pipeline::Services;
use store::{Batch, Key, Snapshot, View};
use types::{Arn, Timestamp};

use crate::grants::record::Pointer;
use crate::imports::DELETED_MATERIAL;
use crate::maintenance::{commit, discarded_shred_keys, maintain, remove};
use crate::records::{
    DELETED, DESTRUCTIONS, DISCARDED, KEYS, KeyManager, KeyRecord, KeyRow, MaterialId,
    discarded_row,
};
use crate::{Error, material};

/// A key that was deleted: its ARN, and when it was made. A replica may be made again under the
/// ARN of one that was deleted; that is another key. Or one imported material of a key.
///
/// As text `ARN seconds.nanoseconds`, and behind it the id of the material if it is one;
/// without the time, whichever key has the ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeletedKey {
    arn: Arn,
    created: Option<(i64, u32)>,
    material: Option<MaterialId>,
}

/// The text is no deleted key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of a KMS key, and when it was made")]
pub struct NotADeletedKey;

impl fmt::Display for DeletedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.created {
            Some((seconds, nanos)) => write!(f, "{} {seconds}.{nanos}", self.arn)?,
            None => write!(f, "{}", self.arn)?,
        }
        self.material.map_or(Ok(()), |id| write!(f, " {id}"))
    }
}

impl FromStr for DeletedKey {
    type Err = NotADeletedKey;

    fn from_str(text: &str) -> Result<Self, NotADeletedKey> {
        let (arn, rest) = match text.split_once(' ') {
            None => (text, None),
            Some((arn, rest)) => (arn, Some(rest)),
        };
        let (created, material) = match rest.map(|rest| rest.split_once(' ')) {
            Some(Some((created, material))) => (Some(created), Some(material)),
            Some(None) => (rest, None),
            None => (None, None),
        };
        let material = material.map(id_of).transpose()?;
        let created = match created {
            None => None,
            Some(created) => {
                let (seconds, nanos) = created.split_once('.').ok_or(NotADeletedKey)?;
                let seconds = seconds.parse().map_err(|_source| NotADeletedKey)?;
                let nanos = nanos.parse().map_err(|_source| NotADeletedKey)?;
                Some((seconds, nanos))
            }
        };
        let arn: Arn = arn.parse().map_err(|_source| NotADeletedKey)?;
        arn.resource_of("key").ok_or(NotADeletedKey)?;
        Ok(Self {
            arn,
            created,
            material,
        })
    }
}

/// The material that 64 hexadecimal digits name.
fn id_of(text: &str) -> Result<MaterialId, NotADeletedKey> {
    let mut id = [0; 32];
    hex::decode_to_slice(text, &mut id).map_err(|_source| NotADeletedKey)?;
    Ok(MaterialId(id))
}

/// The keys that were ever deleted, and the imported materials that are.
pub fn deleted_keys(snapshot: &Snapshot) -> BTreeSet<DeletedKey> {
    let all = Key::of(&[]);
    let keys = snapshot.scan(&DELETED, &all);
    let keys = keys.map(|(_, row)| DeletedKey {
        arn: row.record.arn.clone(),
        created: Some(incarnation(row.record.created)),
        material: None,
    });
    let materials = snapshot.scan(&DELETED_MATERIAL, &all);
    let materials = materials.map(|(_, row)| DeletedKey {
        arn: row.record.arn.clone(),
        created: Some(incarnation(row.record.created)),
        material: Some(row.record.material),
    });
    keys.chain(materials).collect()
}

fn incarnation(created: Timestamp) -> (i64, u32) {
    (created.seconds(), created.nanos())
}

/// Whether there are keys that someone may have deleted since: customer managed ones.
pub fn has_customer_keys(snapshot: &Snapshot) -> bool {
    let all = Key::of(&[]);
    let mut rows = snapshot.scan(&KEYS, &all);
    rows.any(|(_, row)| !row.record.owned && row.record.manager == KeyManager::Customer)
}

/// Adds to `batch` that an imported material is gone; false if it is not there.
fn remove_material(view: &View, key: &KeyRecord, id: MaterialId, batch: &mut Batch) -> bool {
    if !key.import(id).is_some_and(|import| import.present) {
        return false;
    }
    discard(view, key, id, batch);
    key.without_import(id, batch).replace(key, batch);
    true
}

/// Destroys all imported material that waits for a rotation, and has its keys forget it: whether it
/// was deleted since is on no list. It can be imported again.
///
/// For a restored backup that nobody is served from yet. Returns the keys and materials, in words.
/// Fails as [`delete_now`] does.
pub async fn forget_waiting(services: &Services) -> Result<Vec<String>, Error> {
    let all = Key::of(&[]);
    let snapshot = services.store().snapshot();
    let rows = snapshot.scan(&KEYS, &all);
    let waiting = rows.filter(|(_, row)| row.record.pending_import().is_some());
    let mut found = Vec::new();
    for row in waiting.map(|(row, _)| row) {
        let view = View::recording(services.store().snapshot());
        let key = view.get_shared(&KEYS, row);
        let Some((key, import)) = key
            .as_ref()
            .and_then(|key| Some((key, key.pending_import()?)))
        else {
            continue;
        };
        let mut batch = Batch::default();
        if import.present {
            discard(&view, key, import.id, &mut batch);
        }
        let mut changed = key.without_import(import.id, &mut batch);
        changed.imports.retain(|import| !import.pending);
        changed.replace(key, &mut batch);
        batch.require_all(view.reads());
        commit(services, None, batch).await?;
        found.push(format!("{} (imported material {})", key.arn, import.id));
    }
    finish(services).await?;
    Ok(found)
}

/// Adds to `batch` that the shred key of the material, if it has one, is to be overwritten.
fn discard(view: &View, key: &KeyRecord, id: MaterialId, batch: &mut Batch) {
    if let Some(number) = material::own_shred_key(view, key, id) {
        let row = discarded_row(key.account, number);
        batch.put(&DISCARDED, row, Pointer {});
    }
}

/// Deletes those of `keys` that are there, whatever their state, and destroys their material; of
/// the others that name one, that material alone.
///
/// For a restored backup that nobody is served from yet. Each key leaves the record of its end
/// like any deleted key. Returns those that were there, in words; when this returns, nothing that is left
/// opens their ciphertexts. Fails if the store or the file of shred keys cannot be written.
pub async fn delete_now(
    services: &Services,
    keys: &BTreeSet<DeletedKey>,
) -> Result<Vec<String>, Error> {
    let now = services.clock().now();
    let mut found = Vec::new();
    for gone in keys {
        let DeletedKey { arn, created, .. } = gone;
        let view = View::recording(services.store().snapshot());
        let key = KeyRow::at(&view, arn);
        let key = key.filter(|key| {
            let of = incarnation(key.record.created);
            created.is_none_or(|created| created == of)
        });
        let Some(key) = key else {
            continue;
        };
        let mut batch = Batch::default();
        let said = match gone.material {
            None => {
                remove(&view, &key.record, now, &mut batch);
                arn.to_string()
            }
            Some(material) if remove_material(&view, &key.record, material, &mut batch) => {
                format!("{arn} (imported material {material})")
            }
            Some(_) => continue,
        };
        batch.require_all(view.reads());
        commit(services, None, batch).await?;
        found.push(said);
    }
    finish(services).await?;
    Ok(found)
}

/// Goes on until no material is left of what was removed.
async fn finish(services: &Services) -> Result<(), Error> {
    let is_left = || {
        let (snapshot, all) = (services.store().snapshot(), Key::of(&[]));
        let mut destructions = snapshot.scan(&DESTRUCTIONS, &all);
        // The shred keys of imported material end by themselves.
        destructions.next().is_some() || !discarded_shred_keys(services).is_empty()
    };
    while is_left() {
        if let Some(undone) = maintain(services).await.into_iter().next() {
            return Err(undone.source);
        }
    }
    Ok(())
}
