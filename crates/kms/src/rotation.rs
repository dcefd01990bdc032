//! Rotation: new material for a key, under the same id.

use store::{Batch, View};
use types::{Entropy, Timestamp};

use crate::records::{KeyRecord, KeySpec, MaterialEntry, MaterialId, RotationKind};
use crate::shred::ShredKeys;
use crate::{Error, material, multi_region};

/// Rotations that one key gets on demand.
pub(crate) const MOST_ON_DEMAND: usize = 25;

/// Adds to `batch` that `key` encrypts under new material from now on, as do all of its
/// replicas; what the old ones encrypted still decrypts.
pub(crate) fn rotate(
    view: &View,
    shred: &ShredKeys,
    entropy: &dyn Entropy,
    key: &KeyRecord,
    (kind, at): (RotationKind, Timestamp),
    batch: &mut Batch,
) -> Result<(), Error> {
    let fresh = material::generate(entropy, key.spec);
    let id = material::material_id(&key.id, &fresh);
    let mut rotated = key.clone();
    rotated.material = Some(id);
    rotated.materials.push(MaterialEntry {
        id,
        made: at,
        by: Some(kind),
    });
    if kind == RotationKind::Automatic {
        rotated.rotation = key.rotation.map(|schedule| schedule.after(at));
    }
    material::store(view, shred, entropy, &rotated, (id, &fresh), batch)?;
    for replica in multi_region::related(view, key) {
        material::store(view, shred, entropy, &replica.record, (id, &fresh), batch)?;
    }
    multi_region::replace(view, (entropy, at), key, rotated, batch)
}

/// Adds to `batch` that `key`, with all of its replicas, encrypts from now on under the imported
/// material `id`, which has waited for it in each of them.
pub(crate) fn to_imported(
    view: &View,
    (entropy, at): (&dyn Entropy, Timestamp),
    key: &KeyRecord,
    id: MaterialId,
    batch: &mut Batch,
) -> Result<(), Error> {
    let mut rotated = key.clone();
    rotated.associate(id);
    rotated.material = Some(id);
    rotated.materials.push(MaterialEntry {
        id,
        made: at,
        by: Some(RotationKind::OnDemand),
    });
    multi_region::replace(view, (entropy, at), key, rotated, batch)
}

/// Fails with `UnsupportedOperationException` for a key that is never rotated by itself
/// because it does not encrypt symmetrically.
pub(crate) fn check_spec(key: &KeyRecord) -> Result<(), Error> {
    if key.spec == KeySpec::SymmetricDefault {
        Ok(())
    } else {
        Err(Error::NotRotatable)
    }
}

/// How often `key` was rotated on demand.
pub(crate) fn on_demand(key: &KeyRecord) -> usize {
    let materials = key.materials.iter();
    materials
        .filter(|material| material.by == Some(RotationKind::OnDemand))
        .count()
}
