//! Key material: made, wrapped under the account's shred key, unwrapped.
//!
//! A wrapped material is sealed with `crypto::committing` under the shred key; associated
//! data are a label and the material's row key, so that it opens in its own row only.

use crypto::kdf::derive_key;
use crypto::{CommittingKey, Key32};
use store::{Batch, Read, View};
use types::{AccountId, Entropy, KeyId, Timestamp};

use crate::Error;
use crate::records::{
    KeyRecord, MATERIALS, MaterialId, MaterialRecord, SHRED_KEYS, ShredKeyRecord, material_row,
    shred_row,
};

/// The id of a material: tells materials apart, depends on the key id, reveals nothing.
pub(crate) fn material_id(key: &KeyId, material: &Key32) -> MaterialId {
    MaterialId(*derive_key(material, "kms/material-id", key.as_str().as_bytes()).expose())
}

/// The key that encrypts under a material. Bound to the key id: keys that were given the
/// same material cannot read each other's ciphertexts.
fn sealing_key(key: &KeyId, material: &Key32) -> CommittingKey {
    CommittingKey::new(&derive_key(
        material,
        "kms/symmetric-default",
        key.as_str().as_bytes(),
    ))
}

/// Adds the row of a key's current material, and of the account's shred key if it is the
/// account's first, to `batch`.
pub(crate) fn store(
    view: &View,
    entropy: &dyn Entropy,
    key: &KeyRecord,
    material: &Key32,
    at: Timestamp,
    batch: &mut Batch,
) {
    let row = material_row(key, key.material);
    let shred = shred_key(view, entropy, key.account, batch);
    let wrapped = shred.seal(entropy, &wrapping_data(row.as_bytes()), material.expose());
    batch.put(
        &MATERIALS,
        row,
        MaterialRecord {
            wrapped,
            created: at,
        },
    );
}

/// The key that encrypts under `material` of `key`.
///
/// Fails if the material is not there, or its row was tampered with.
pub(crate) fn load(
    view: &View,
    key: &KeyRecord,
    material: MaterialId,
) -> Result<Option<CommittingKey>, Error> {
    let row = material_row(key, material);
    let Some(stored) = view.get(&MATERIALS, &row) else {
        return Ok(None);
    };
    let shred = view
        .get(&SHRED_KEYS, &shred_row(key.account))
        .ok_or_else(|| Error::broken("an account with key material has no shred key"))?;
    let opened = CommittingKey::new(&shred.record.key)
        .open(&wrapping_data(row.as_bytes()), &stored.record.wrapped)
        .map_err(|source| Error::internal("wrapped key material does not open", source))?;
    let secret = Key32::try_from(opened.expose())
        .map_err(|source| Error::internal("key material has the wrong length", source))?;
    Ok(Some(sealing_key(&key.id, &secret)))
}

fn shred_key(
    view: &View,
    entropy: &dyn Entropy,
    account: AccountId,
    batch: &mut Batch,
) -> CommittingKey {
    let row = shred_row(account);
    let found = view.get(&SHRED_KEYS, &row);
    let revision = found.as_ref().map(|found| found.revision);
    // Whoever creates keys without recording reads still must not wrap under a key that
    // another commit has replaced.
    batch.require(Read::Row {
        table: &SHRED_KEYS,
        key: row.clone(),
        revision,
    });
    if let Some(found) = found {
        return CommittingKey::new(&found.record.key);
    }
    let key = Key32::generate(entropy);
    let committing = CommittingKey::new(&key);
    batch.put(&SHRED_KEYS, row, ShredKeyRecord { generation: 1, key });
    committing
}

fn wrapping_data(row: &[u8]) -> Vec<u8> {
    [b"strongroom/kms/wrapped-material/v1".as_slice(), row].concat()
}
