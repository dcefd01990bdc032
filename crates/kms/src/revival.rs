//! Keys that were deleted, and stay so when an old backup is restored.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use pipeline::Services;
use store::{Batch, Key, Snapshot, View};
use types::{Arn, Timestamp};

use crate::Error;
use crate::maintenance::{commit, discarded_shred_keys, maintain, remove};
use crate::records::{DELETED, DESTRUCTIONS, KEYS, KeyManager, KeyRow};

/// A key that was deleted: its ARN, and when it was made. A replica may be made again under the
/// ARN of one that was deleted; that is another key.
///
/// As text `ARN seconds.nanoseconds`; without the time, whichever key has the ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeletedKey {
    arn: Arn,
    created: Option<(i64, u32)>,
}

/// The text is no deleted key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of a KMS key, and when it was made")]
pub struct NotADeletedKey;

impl fmt::Display for DeletedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.created {
            Some((seconds, nanos)) => write!(f, "{} {seconds}.{nanos}", self.arn),
            None => write!(f, "{}", self.arn),
        }
    }
}

impl FromStr for DeletedKey {
    type Err = NotADeletedKey;

    fn from_str(text: &str) -> Result<Self, NotADeletedKey> {
        let (arn, created) = match text.split_once(' ') {
            None => (text, None),
            Some((arn, created)) => {
                let (seconds, nanos) = created.split_once('.').ok_or(NotADeletedKey)?;
                let seconds = seconds.parse().map_err(|_source| NotADeletedKey)?;
                let nanos = nanos.parse().map_err(|_source| NotADeletedKey)?;
                (arn, Some((seconds, nanos)))
            }
        };
        let arn: Arn = arn.parse().map_err(|_source| NotADeletedKey)?;
        arn.resource_of("key").ok_or(NotADeletedKey)?;
        Ok(Self { arn, created })
    }
}

/// The keys that were ever deleted.
pub fn deleted_keys(snapshot: &Snapshot) -> BTreeSet<DeletedKey> {
    let all = Key::of(&[]);
    let rows = snapshot.scan(&DELETED, &all);
    rows.map(|(_, row)| DeletedKey {
        arn: row.record.arn.clone(),
        created: Some(incarnation(row.record.created)),
    })
    .collect()
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

/// Deletes those of `keys` that are there, whatever their state, and destroys their material.
///
/// For a restored backup that nobody is served from yet. Each key leaves the record of its end
/// like any deleted key. Returns those that were there; when this returns, nothing that is left
/// opens their ciphertexts. Fails if the store or the file of shred keys cannot be written.
pub async fn delete_now(
    services: &Services,
    keys: &BTreeSet<DeletedKey>,
) -> Result<Vec<Arn>, Error> {
    let now = services.clock().now();
    let mut found = Vec::new();
    for DeletedKey { arn, created } in keys {
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
