//! Switching keys on and off.

use store::Batch;

use crate::Error;
use crate::records::{KEYS, KeyRecord, KeyRow, KeyState};
use crate::state::{self, Guarded};

/// The change that brings `key` into `state`, `Enabled` or `Disabled`; empty if it is there.
///
/// Fails with `KMSInvalidStateException` if the key's state forbids it.
pub(crate) fn to(key: &KeyRow, state: KeyState) -> Result<Batch, Error> {
    state::check(&key.record, Guarded::Switch)?;
    let mut batch = Batch::default();
    if key.record.state != state {
        let record = KeyRecord {
            state,
            ..KeyRecord::clone(&key.record)
        };
        batch.put(&KEYS, record.row_key(), record);
    }
    Ok(batch)
}
