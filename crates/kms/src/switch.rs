//! Switching keys on and off.

use store::Batch;

use crate::records::{KeyRow, KeyState};
use crate::{Error, state};

/// The change that brings `key` into `state`, `Enabled` or `Disabled`; empty if it is there.
///
/// Fails with `KMSInvalidStateException` if the key's state forbids it.
pub(crate) fn to(operation: &str, key: &KeyRow, state: KeyState) -> Result<Batch, Error> {
    state::check(&key.record, operation)?;
    if key.record.state == state {
        return Ok(Batch::default());
    }
    Ok(key.record.changed(|key| key.state = state))
}
