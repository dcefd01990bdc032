//! Multi-Region keys: one key in several regions, with one id and the same material.
//!
//! Every key of a set is a row of its own, with its own policy, tags, aliases, grants,
//! description and state, and with the material wrapped for that row alone. What they share
//! (where the others are, the materials, the rotation) is changed in all rows by one commit,
//! so that no region ever sees half of it.

use std::collections::BTreeSet;

use audit::EventType;
use pipeline::{Ctx, Failure};
use serde::{Deserialize, Serialize};
use shapes::kms::{MultiRegionConfiguration, MultiRegionKey, MultiRegionKeyType};
use store::{Batch, View};
use types::{Entropy, Region, Timestamp};

use crate::imports::ImportedMaterial;
use crate::records::{
    DESTRUCTIONS, KeyRecord, KeyRow, KeyState, MaterialId, key_arn, key_row, period,
};
use crate::shred::ShredKeys;
use crate::{Error, material, service_events};

/// The regions that the deployment answers for. A shared part of the server.
#[derive(Debug, Clone)]
pub struct Regions(pub Vec<Region>);

/// Where the keys of a set are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Siblings {
    /// The region of the primary key.
    pub primary: Region,
    /// The regions of the replicas.
    pub replicas: BTreeSet<Region>,
}

impl Siblings {
    /// A new set of the primary only.
    pub(crate) fn of(primary: &Region) -> Self {
        Self {
            primary: primary.clone(),
            replicas: BTreeSet::new(),
        }
    }

    /// The set with a replica in `region`, too.
    pub(crate) fn with(&self, region: &Region) -> Self {
        let mut more = self.clone();
        more.replicas.insert(region.clone());
        more
    }

    /// The set when the key in `region` is gone. If that was the primary, the first replica
    /// leads: a set without a primary could never be rotated or replicated again.
    fn without(&self, region: &Region) -> Self {
        let mut less = self.clone();
        if less.primary != *region {
            less.replicas.remove(region);
        } else if let Some(next) = less.replicas.pop_first() {
            less.primary = next;
        }
        less
    }

    /// The set whose primary is the replica in `region`, and whose primary is a replica.
    pub(crate) fn led_from(&self, region: &Region) -> Self {
        Self {
            primary: region.clone(),
            ..self.with(&self.primary).without(region)
        }
    }

    fn regions(&self) -> impl Iterator<Item = &Region> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }
}

impl KeyRecord {
    /// Whether this is `PRIMARY` or `REPLICA`; `None` for a key of one region.
    pub(crate) fn key_type(&self) -> Option<MultiRegionKeyType> {
        let siblings = self.siblings.as_ref()?;
        Some(if siblings.primary == self.region {
            MultiRegionKeyType::Primary
        } else {
            MultiRegionKeyType::Replica
        })
    }

    /// Whether this is a replica of a key in another region.
    pub(crate) fn is_replica(&self) -> bool {
        self.key_type() == Some(MultiRegionKeyType::Replica)
    }

    /// Whether this is a primary with replicas, in whatever state they are.
    pub(crate) fn has_replicas(&self) -> bool {
        !self.is_replica()
            && (self.siblings.as_ref()).is_some_and(|siblings| !siblings.replicas.is_empty())
    }

    /// The set as metadata show it.
    pub(crate) fn multi_region_configuration(&self) -> Option<MultiRegionConfiguration> {
        let siblings = self.siblings.as_ref()?;
        let key = |region: &Region| MultiRegionKey {
            arn: Some(key_arn(self.account, region, &self.id).to_string()),
            region: Some(region.to_string()),
        };
        Some(MultiRegionConfiguration {
            multi_region_key_type: self.key_type(),
            primary_key: Some(key(&siblings.primary)),
            replica_keys: Some(siblings.replicas.iter().map(key).collect()),
        })
    }

    /// The set of a key that is its primary.
    ///
    /// Fails with `UnsupportedOperationException` for every other key.
    pub(crate) fn primary_of(&self) -> Result<&Siblings, Error> {
        let siblings = self.siblings.as_ref().filter(|_| !self.is_replica());
        siblings.ok_or_else(|| self.not_primary())
    }

    /// Fails with `UnsupportedOperationException` for a replica: what related keys share is
    /// changed at their primary.
    pub(crate) fn check_not_replica(&self) -> Result<(), Error> {
        if self.is_replica() {
            return Err(self.not_primary());
        }
        Ok(())
    }

    fn not_primary(&self) -> Error {
        Error::NotPrimary {
            arn: self.arn.clone(),
        }
    }

    /// The state in which a key leaves `Creating` or `Updating`. Only a usable key can be
    /// replicated or change its role.
    pub(crate) fn settled_state(&self) -> KeyState {
        if self.lacks_material() {
            KeyState::PendingImport
        } else {
            KeyState::Enabled
        }
    }
}

/// The other keys of the set of `key`.
pub(crate) fn related(view: &View, key: &KeyRecord) -> Vec<KeyRow> {
    let regions = key.siblings.iter().flat_map(Siblings::regions);
    let others = regions.filter(|region| **region != key.region);
    others
        .filter_map(|region| KeyRow::load(view, key.account, region, &key.id))
        .collect()
}

/// Adds to `batch` that `old` is `new` from now on, and that its related keys share what
/// related keys share, with a record in each of their regions.
///
/// Fails if an audit record cannot be made.
pub(crate) fn replace(
    view: &View,
    (entropy, at): (&dyn Entropy, Timestamp),
    old: &KeyRecord,
    new: KeyRecord,
    batch: &mut Batch,
) -> Result<(), Error> {
    let others = related(view, old);
    for other in &others {
        let mut record = KeyRecord {
            material: new.material,
            materials: new.materials.clone(),
            rotation: new.rotation,
            ..KeyRecord::clone(&other.record)
        };
        if let Some(id) = new.material {
            record.associate(id);
        }
        record_synchronized(entropy, at, &record, batch)?;
        record.replace(&other.record, batch);
    }
    if !others.is_empty() {
        record_synchronized(entropy, at, &new, batch)?;
    }
    new.replace(old, batch);
    Ok(())
}

/// Adds to `batch` that the replicas of `primary` know of the new material that was imported for
/// it, and wait for theirs.
pub(crate) fn announce(
    view: &View,
    primary: &KeyRecord,
    import: &ImportedMaterial,
    batch: &mut Batch,
) {
    for replica in related(view, primary) {
        let mut record = KeyRecord::clone(&replica.record);
        record.imports.push(import.absent());
        record.replace(&replica.record, batch);
    }
}

/// Whether the imported material `id` that waits for a rotation of `key` is in every region of the
/// set, and lasts beyond `now`.
pub(crate) fn is_everywhere(view: &View, key: &KeyRecord, id: MaterialId, now: Timestamp) -> bool {
    let waits = |key: &KeyRecord| {
        let import = key.import(id);
        import.is_some_and(|import| import.present && !import.has_ended(now))
    };
    waits(key) && related(view, key).iter().all(|other| waits(&other.record))
}

/// Adds the record that KMS brought `key` and its related keys into line, in the region of
/// `key`. It names the primary, and the key in the answer, as AWS's
/// `SynchronizeMultiRegionKey` events do.
fn record_synchronized(
    entropy: &dyn Entropy,
    at: Timestamp,
    key: &KeyRecord,
    batch: &mut Batch,
) -> Result<(), Error> {
    let (account, region) = (key.account, &key.region);
    let primary = key.siblings.as_ref().map(|siblings| &siblings.primary);
    let primary = key_arn(account, primary.unwrap_or(region), &key.id);
    let mut record = service_events::of_key(entropy, &primary, (account, region), SYNCHRONIZED, at);
    record.event_type = EventType::AwsApiCall;
    record.response_elements = serde_json::json!({ "keyId": key.arn });
    service_events::append(batch, (account, region), at, &record)
}

/// Adds to `batch` that all keys of the set of `key` know `siblings` from now on. Those in
/// `updating` are so until the maintenance task has seen them.
pub(crate) fn tell(
    view: &View,
    key: &KeyRecord,
    siblings: &Siblings,
    updating: &[&Region],
    batch: &mut Batch,
) {
    for region in siblings.regions() {
        let Some(row) = KeyRow::load(view, key.account, region, &key.id) else {
            continue;
        };
        let mut record = KeyRecord {
            siblings: Some(siblings.clone()),
            ..KeyRecord::clone(&row.record)
        };
        if updating.contains(&region) {
            record.state = KeyState::Updating;
        }
        record.replace(&row.record, batch);
    }
}

/// Adds to `batch` that the set of `gone` goes on without it, led by another key if it was the
/// primary (only a restored backup can lose that: elsewhere a primary ends last). A primary that
/// waited for its last replica's end now waits for its own.
pub(crate) fn leave(view: &View, gone: &KeyRecord, now: Timestamp, batch: &mut Batch) {
    let Some(siblings) = &gone.siblings else {
        return;
    };
    let left = siblings.without(&gone.region);
    for other in related(view, gone) {
        let mut record = KeyRecord {
            siblings: Some(left.clone()),
            ..KeyRecord::clone(&other.record)
        };
        if record.state == KeyState::PendingReplicaDeletion && !record.has_replicas() {
            let days = record.window.take().unwrap_or_default();
            record.state = KeyState::PendingDeletion;
            record.deletion = Some(now.saturating_add(period(days)));
        }
        record.replace(&other.record, batch);
    }
}

/// A region that a caller names for a key of a set.
///
/// Fails with `ValidationException` if the deployment does not answer for it.
pub(crate) fn region(ctx: &Ctx, text: &str) -> Result<Region, Error> {
    let Regions(all) = ctx.part::<Regions>()?;
    let found = all.iter().find(|region| region.as_str() == text);
    found.cloned().ok_or_else(|| {
        Error::Validation(format!("the region {text} is not one of this deployment").into())
    })
}

/// Fails with `AlreadyExistsException` if there is a key of this id in `region`, and with
/// `KMSInvalidStateException` while what is left of a deleted one is being destroyed.
pub(crate) fn check_vacant(view: &View, primary: &KeyRecord, region: &Region) -> Result<(), Error> {
    let row = key_row(primary.account, region, &primary.id);
    let arn = key_arn(primary.account, region, &primary.id);
    if KeyRow::in_row(view, &row).is_some() {
        return Err(Error::ReplicaExists { arn });
    }
    if view.get(&DESTRUCTIONS, &row).is_some() {
        let state = KeyState::PendingDeletion;
        return Err(Error::State { arn, state });
    }
    Ok(())
}

/// The change that gives the replica `new` every material of `primary`, wrapped for it alone.
///
/// A key of origin `EXTERNAL` waits for an import of the same material in its own region.
pub(crate) fn copy_materials(
    view: &View,
    (shred, entropy): (&ShredKeys, &dyn Entropy),
    primary: &KeyRecord,
    new: &KeyRecord,
    batch: &mut Batch,
) -> Result<(), Error> {
    if new.lacks_material() {
        return Ok(());
    }
    for entry in &primary.materials {
        let bytes = material::opened(view, shred, primary, entry.id)?
            .ok_or_else(|| Error::broken("a material of an enabled key is missing"))?;
        material::store(view, shred, entropy, new, (entry.id, &bytes), batch)?;
    }
    Ok(())
}

/// What a call that KMS made in another region on the caller's behalf failed with.
pub(crate) fn failed_elsewhere(failure: Failure) -> Error {
    if failure.denial.is_some() {
        return Error::Denied(failure.message);
    }
    let Some(source) = failure.source else {
        return Error::broken("a call in another region failed");
    };
    match source.downcast::<Error>() {
        Ok(error) => *error,
        Err(source) => Error::internal("a call in another region failed", source),
    }
}

/// The event of KMS bringing related keys into line.
const SYNCHRONIZED: &str = "SynchronizeMultiRegionKey";
