//! Key material: made, wrapped under the account's shred key, unwrapped.
//!
//! A wrapped material is sealed with `crypto::committing` under a shred key; associated
//! data are a label and the material's row key, so that it opens in its own row only.

use std::sync::Arc;

use crypto::kdf::derive_key;
use crypto::{CommittingKey, Key32, SecretBytes};
use store::{Batch, Key, Read, View};
use types::{AccountId, Entropy, KeyId};

use crate::Error;
use crate::records::{
    KeyRecord, MATERIALS, MaterialId, MaterialRecord, SHRED_GENERATIONS, ShredGenerations,
    material_row, shred_row,
};
use crate::shred::{ShredError, ShredKeys};

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

/// Adds the row of a key's current material, and that the account has a shred key if it is the
/// account's first, to `batch`.
pub(crate) fn store(
    view: &View,
    shred: &ShredKeys,
    entropy: &dyn Entropy,
    key: &KeyRecord,
    material: &Key32,
    batch: &mut Batch,
) -> Result<(), Error> {
    let row = material_row(key, key.material);
    let (generation, wrapping) = current(view, shred, key.account, batch)?;
    let wrapped = wrapping.seal(entropy, &wrapping_data(row.as_bytes()), material.expose());
    batch.put(
        &MATERIALS,
        row,
        MaterialRecord {
            wrapped,
            generation,
        },
    );
    Ok(())
}

/// The key that encrypts under `material` of `key`.
///
/// Fails if the material is not there, or its row was tampered with.
pub(crate) fn load(
    view: &View,
    shred: &ShredKeys,
    key: &KeyRecord,
    material: MaterialId,
) -> Result<Option<CommittingKey>, Error> {
    let row = material_row(key, material);
    let Some(stored) = view.get(&MATERIALS, &row) else {
        return Ok(None);
    };
    let opened = unwrapped(shred, key.account, &row, stored.record)?;
    let secret = Key32::try_from(opened.expose())
        .map_err(|source| Error::internal("key material has the wrong length", source))?;
    Ok(Some(sealing_key(&key.id, &secret)))
}

/// The same material under the shred key `generation` of its account.
pub(crate) fn rewrapped(
    shred: &ShredKeys,
    entropy: &dyn Entropy,
    account: AccountId,
    row: &Key,
    stored: &MaterialRecord,
    generation: u64,
) -> Result<MaterialRecord, Error> {
    let opened = unwrapped(shred, account, row, stored)?;
    let wrapping = shred.get(account, generation).ok_or_else(missing)?;
    let wrapped = wrapping.seal(entropy, &wrapping_data(row.as_bytes()), opened.expose());
    Ok(MaterialRecord {
        wrapped,
        generation,
    })
}

fn unwrapped(
    shred: &ShredKeys,
    account: AccountId,
    row: &Key,
    stored: &MaterialRecord,
) -> Result<SecretBytes, Error> {
    let wrapping = shred.get(account, stored.generation).ok_or_else(missing)?;
    wrapping
        .open(&wrapping_data(row.as_bytes()), &stored.wrapped)
        .map_err(|source| Error::internal("wrapped key material does not open", source))
}

/// The shred key that wraps what an account makes now.
fn current(
    view: &View,
    shred: &ShredKeys,
    account: AccountId,
    batch: &mut Batch,
) -> Result<(u64, Arc<CommittingKey>), Error> {
    let row = shred_row(account);
    let found = view.get(&SHRED_GENERATIONS, &row);
    let revision = found.as_ref().map(|found| found.revision);
    // Whoever creates keys without recording reads still must not wrap under a key that
    // another commit has replaced.
    batch.require(Read::Row {
        table: &SHRED_GENERATIONS,
        key: row.clone(),
        revision,
    });
    if let Some(found) = found {
        let generation = found.record.current;
        let key = shred.get(account, generation).ok_or_else(missing)?;
        return Ok((generation, key));
    }
    let first = ShredGenerations {
        current: 1,
        retiring: None,
    };
    let key = shred.create(account, first.current).map_err(unwritable)?;
    batch.put(&SHRED_GENERATIONS, row, first);
    Ok((1, key))
}

pub(crate) fn unwritable(source: ShredError) -> Error {
    Error::internal("the file of shred keys cannot be written", source)
}

fn missing() -> Error {
    Error::broken("an account with key material has no shred key")
}

fn wrapping_data(row: &[u8]) -> Vec<u8> {
    [b"strongroom/kms/wrapped-material/v1".as_slice(), row].concat()
}
