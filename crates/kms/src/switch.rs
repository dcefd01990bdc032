//! Switching keys on and off.

use store::Batch;

use crate::records::{KeyRecord, KeyRow, KeyState};
use crate::{Error, state};

/// The change that brings `key` into `state`, `Enabled` or `Disabled`; empty if it is there.
///
/// Fails with `KMSInvalidStateException` if the key's state forbids it.
pub(crate) fn to(operation: &str, key: &KeyRow, state: KeyState) -> Result<Batch, Error> {
    state::check(&key.record, operation)?;
    let mut batch = Batch::default();
    if key.record.state != state {
        let record = KeyRecord {
            state,
            ..KeyRecord::clone(&key.record)
        };
        record.replace(&key.record, &mut batch);
    }
    Ok(batch)
}
