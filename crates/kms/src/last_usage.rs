//! When keys were last used, and for what: kept in memory, written down now and then.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::{Ctx, KeySet};
use serde::{Deserialize, Serialize};
use shapes::kms::KeyLastUsageData;
use store::{Batch, Key, Record, Snapshot, Table, View};
use types::Timestamp;

use crate::identifiers::KeyTarget;
use crate::prices::Class;
use crate::records::{KEYS, KeyRecord, KeyRow};
use crate::usage::Done;
use crate::{Error, Keyring};

/// The last use of each key.
pub(crate) static KEY_USAGE: Table<Usage> = Table::without_history("kms_key_usage");

/// One successful cryptographic call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// The operation.
    pub operation: String,
    /// When it was called.
    pub at: Timestamp,
    /// The id of its record in the history of the account that holds the key.
    pub event: String,
    /// The id of the request.
    pub request: String,
}

impl Record for Usage {
    const VERSION: u16 = 1;
}

/// The last use of every key that was used since it was last written down.
///
/// Maintenance commits [`LastUsage::flush`] once a minute and at the end. A crash loses at most
/// that minute.
#[derive(Default)]
pub struct LastUsage(Mutex<HashMap<Key, Usage>>);

impl Usage {
    /// What `ctx` does with `key`.
    fn of(ctx: &Ctx, key: &KeyRecord, operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            at: ctx.time(),
            event: ctx.event_id(key.account).to_string(),
            request: ctx.id().to_string(),
        }
    }
}

impl LastUsage {
    /// Notes that a call has succeeded with the key at `row`.
    fn note(&self, row: Key, usage: Usage) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = noted.get(&row).is_none_or(|known| known.at <= usage.at);
        if newer {
            noted.insert(row, usage);
        }
    }

    /// The last use of `key`.
    pub(crate) fn of(&self, view: &View, key: &KeyRecord) -> Option<Usage> {
        let row = key.row_key();
        let written = view.get(&KEY_USAGE, &row).map(|row| row.record.clone());
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = noted.get(&row).cloned();
        written
            .into_iter()
            .chain(noted)
            .max_by_key(|usage| usage.at)
    }

    /// What is to be written down, compared with `snapshot`; `None` if that is nothing.
    ///
    /// Forgets what is written already and keys that are gone. If the commit fails, the next
    /// flush brings the same again.
    pub fn flush(&self, snapshot: &Snapshot) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.retain(|row, usage| {
            let written = snapshot.get(&KEY_USAGE, row);
            let exists = snapshot.row_revision(&KEYS, row).is_some();
            exists && written.is_none_or(|written| written.record != usage)
        });
        for (row, usage) in noted.iter().take(MOST_ROWS) {
            batch.put(&KEY_USAGE, row.clone(), usage.clone());
        }
        (!batch.is_empty()).then_some(batch)
    }
}

/// Notes and counts that `operation` has succeeded with `key`: once its record is durable, so that
/// a call counts once which is decided anew, and none that failed to commit.
pub(crate) fn note(ctx: &Ctx, key: &KeyRow, operation: &'static str) -> Result<(), Error> {
    note_as(ctx, key, operation, Class::of(&key.record))
}

/// The same for a call whose cost is not that of its key.
pub(crate) fn note_as(
    ctx: &Ctx,
    key: &KeyRow,
    operation: &'static str,
    class: Class,
) -> Result<(), Error> {
    let key = &key.record;
    if key.owned {
        return Ok(());
    }
    ctx.part::<Keyring>()?;
    ctx.when_recorded(used(ctx, key, operation, class));
    Ok(())
}

/// The same for a key that this very call makes: noted once it is there.
pub(crate) fn note_when_made(ctx: &Ctx, key: &KeyRecord, operation: &'static str) {
    ctx.afterwards(used(ctx, key, operation, Class::of(key)));
}

/// What notes and counts a use.
fn used(
    ctx: &Ctx,
    key: &KeyRecord,
    operation: &'static str,
    class: Class,
) -> impl FnOnce() + Send + use<> {
    let (row, usage) = (key.row_key(), Usage::of(ctx, key, operation));
    let done = Done::of(ctx, key, operation, class);
    let services = Arc::clone(ctx.services());
    move || {
        if let Ok(keyring) = services.part::<Keyring>() {
            keyring.usage().note(row, usage);
            keyring.counts().count(done);
        }
    }
}

/// Counts that `operation` has succeeded with `key`, of which it is no use.
pub(crate) fn count(
    ctx: &Ctx,
    key: &KeyRow,
    operation: &'static str,
    class: Class,
) -> Result<(), Error> {
    if key.record.owned {
        return Ok(());
    }
    ctx.part::<Keyring>()?;
    let done = Done::of(ctx, &key.record, operation, class);
    let services = Arc::clone(ctx.services());
    ctx.when_recorded(move || {
        if let Ok(keyring) = services.part::<Keyring>() {
            keyring.counts().count(done);
        }
    });
    Ok(())
}

/// Rows of one flush; the next has the others.
const MOST_ROWS: usize = 4096;

/// The condition key of operations that end the use of a key.
pub(crate) fn condition_keys(ctx: &Ctx, target: &KeyTarget) -> Result<KeySet, Error> {
    let keys = KeySet::default();
    let Ok(key) = target.key() else {
        return Ok(keys);
    };
    let usage = ctx.part::<Keyring>()?.usage().of(ctx.view(), &key.record);
    let days = days_without(usage.as_ref(), &key.record, ctx.time());
    Ok(keys.one("kms:trailingdayswithoutkeyusage", days.to_string()))
}

/// How long ago `key` was last used, or made if it never was, in whole days:
/// `kms:TrailingDaysWithoutKeyUsage`.
fn days_without(usage: Option<&Usage>, key: &KeyRecord, now: Timestamp) -> u64 {
    let last = usage.map_or(key.created, |usage| usage.at.max(key.created));
    now.since(last).as_secs() / 86_400
}

/// The use as callers see it.
pub(crate) fn shown(usage: &Usage) -> KeyLastUsageData {
    KeyLastUsageData {
        operation: usage.operation.parse().ok(),
        timestamp: Some(usage.at),
        cloud_trail_event_id: Some(usage.event.clone()),
        kms_request_id: Some(usage.request.clone()),
    }
}

impl fmt::Debug for LastUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "LastUsage({})", noted.len())
    }
}
