//! What waits after a restore: no key is removed and nothing is destroyed on a token before
//! whoever restored says so.
//!
//! A backup knows of deletions that were taken back since, and of keys on tokens that another
//! server may go on using. Both can only be told by people, so a restored directory carries out
//! neither until it is released.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use store::{Batch, Key, Record, Snapshot, Table};
use types::{Arn, Timestamp};

use crate::key_stores::{Backing, TOKEN_CLAIMS, TOKEN_KEYS, TokenKey, token_key_row};
use crate::records::{KEY_DATES, KEYS, KeyRecord, KeyState, dated};

/// Keys on tokens that are claimed in one commit.
const CLAIMS_AT_ONCE: usize = 1000;

/// Whether deletions are on hold: one row, or none.
pub(crate) static HOLD: Table<Hold> = Table::without_history("kms_hold");

/// Since when.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// The time of the restore.
    pub since: Timestamp,
}

impl Record for Hold {
    const VERSION: u16 = 1;
}

/// What is carried out as soon as a restored directory is released and served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// Keys whose waiting period has ended.
    pub keys: BTreeSet<Arn>,
    /// Keys on tokens that no KMS key stands for.
    pub on_tokens: usize,
}

/// Adds to `batch` that deletions wait, from `now` on.
pub fn hold(batch: &mut Batch, now: Timestamp) {
    batch.put(&HOLD, row(), Hold { since: now });
}

/// Adds to `batch` that nothing waits any more.
pub fn release(batch: &mut Batch) {
    batch.delete(&HOLD, row());
}

/// The changes, each small enough for one commit, by which the keys on tokens that `snapshot` knows
/// of are claimed for this deployment when it is served: whoever it was copied from can use them
/// no more. Also says how many there are.
pub fn claim_token_keys(snapshot: &Snapshot, now: Timestamp) -> (usize, Vec<Batch>) {
    let all = Key::of(&[]);
    let keys = snapshot.scan(&KEYS, &all).filter_map(|(_, row)| {
        let (key, held) = (row.record, row.record.held.as_ref()?);
        let Backing::Token { label } = &held.backing else {
            return None;
        };
        Some(token_key_row(key.account, &key.region, &held.store, label))
    });
    let leftovers = snapshot.scan(&TOKEN_KEYS, &all).map(|(row, _)| row.clone());
    let rows: BTreeSet<Key> = keys.chain(leftovers).collect();
    let rows: Vec<&Key> = rows.iter().collect();
    let batches = rows.chunks(CLAIMS_AT_ONCE).map(|rows| {
        let mut batch = Batch::default();
        for row in rows {
            batch.put(&TOKEN_CLAIMS, (*row).clone(), TokenKey { since: now });
        }
        batch
    });
    (rows.len(), batches.collect())
}

/// Since when deletions wait; `None` if they do not.
pub fn held_since(snapshot: &Snapshot) -> Option<Timestamp> {
    snapshot.get(&HOLD, &row()).map(|row| row.record.since)
}

/// What would be carried out at `now` if nothing waited.
pub fn held(snapshot: &Snapshot, now: Timestamp) -> Held {
    let all = Key::of(&[]);
    let dates = snapshot.scan(&KEY_DATES, &all);
    let keys = dates.filter_map(|(row, _)| ending(snapshot, row));
    let lapsed = keys.filter(|key| key.due().is_some_and(|at| at <= now));
    Held {
        keys: lapsed.map(|key| key.arn.clone()).collect(),
        on_tokens: snapshot.scan(&TOKEN_KEYS, &all).count(),
    }
}

/// The key of a row of what is due, if that is its deletion.
pub(crate) fn ending<'a>(snapshot: &'a Snapshot, row: &Key) -> Option<&'a KeyRecord> {
    let (_, key) = dated(row)?;
    let key = snapshot.get(&KEYS, &key)?.record;
    (key.state == KeyState::PendingDeletion).then_some(key)
}

fn row() -> Key {
    Key::of(&["hold"])
}
