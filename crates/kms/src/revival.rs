//! Keys that were deleted, and stay so when an old backup is restored.

use std::collections::BTreeSet;

use pipeline::Services;
use store::{Batch, Key, Snapshot, View};
use types::Arn;

use crate::Error;
use crate::maintenance::{commit, discarded_shred_keys, maintain, remove};
use crate::records::{DELETED, DESTRUCTIONS, KEYS, KeyManager, KeyRow};

/// The keys that were ever deleted, by ARN.
pub fn deleted_keys(snapshot: &Snapshot) -> BTreeSet<Arn> {
    let all = Key::of(&[]);
    let rows = snapshot.scan(&DELETED, &all);
    rows.map(|(_, row)| row.record.arn.clone()).collect()
}

/// Whether there are keys that someone may have deleted since: customer managed ones.
pub fn has_customer_keys(snapshot: &Snapshot) -> bool {
    let all = Key::of(&[]);
    let mut rows = snapshot.scan(&KEYS, &all);
    rows.any(|(_, row)| !row.record.owned && row.record.manager == KeyManager::Customer)
}

/// Deletes those of `keys` that are there, whatever their state, and destroys their material.
///
/// For a restored backup that nobody is served from yet. Each key leaves the record of its end
/// like any deleted key. Returns those that were there; when this returns, nothing that is left
/// opens their ciphertexts. Fails if the store or the file of shred keys cannot be written.
pub async fn delete_now(services: &Services, keys: &BTreeSet<Arn>) -> Result<Vec<Arn>, Error> {
    let now = services.clock().now();
    let mut found = Vec::new();
    for arn in keys {
        let view = View::recording(services.store().snapshot());
        let Some(key) = KeyRow::at(&view, arn) else {
            continue;
        };
        let mut batch = Batch::default();
        remove(&view, &key.record, now, &mut batch);
        batch.require_all(view.reads());
        commit(services, batch).await?;
        found.push(arn.clone());
    }
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
    Ok(found)
}
