//! Key material: made, wrapped under the account's shred key, unwrapped.
//!
//! Material is the key itself for symmetric and HMAC keys, and the private key as PKCS#8 for
//! pairs. A wrapped material is sealed with `crypto::committing` under a shred key;
//! associated data are a label and the material's row key, so that it opens in its own row
//! only.

use std::sync::Arc;

use crypto::kdf::{derive_key, derive_key_of};
use crypto::{CommittingKey, Key32, KeyPair, MacKey, SecretBytes};
use pipeline::Ctx;
use store::{Batch, Key, Read, Snapshot, View};
use types::{AccountId, Entropy, KeyId};

use crate::Error;
use crate::records::{
    DISCARDED, KeyRecord, KeySpec, MATERIALS, MaterialId, MaterialRecord, SHRED_GENERATIONS,
    ShredGenerations, discarded_row, material_row, shred_row,
};
use crate::shred::{self, ShredError, ShredKeys};
use crate::specs::Family;

/// Draws material for a new key of `spec`. RSA takes long.
pub(crate) fn generate(entropy: &dyn Entropy, spec: KeySpec) -> SecretBytes {
    match spec.family() {
        Family::Symmetric => SecretBytes::generate(entropy, 32),
        Family::Mac(algorithm) => SecretBytes::generate(entropy, algorithm.tag_len()),
        Family::Pair(pair) => KeyPair::generate(entropy, pair).to_pkcs8(),
    }
}

/// The id of a material: tells materials apart, depends on the key id, reveals nothing.
pub(crate) fn material_id(key: &KeyId, material: &SecretBytes) -> MaterialId {
    let id = derive_key_of(material, "kms/material-id", key.as_str().as_bytes());
    MaterialId(*id.expose())
}

/// A material that is ready for use.
#[derive(Debug)]
pub(crate) enum Unwrapped {
    /// Encrypts and decrypts. The key is bound to the key id: keys that were given the same
    /// material cannot read each other's ciphertexts.
    Symmetric(CommittingKey),
    /// Authenticates messages.
    Mac(MacKey),
    /// A private key with its public key.
    Pair(KeyPair),
}

impl Unwrapped {
    /// Prepares `material` of the key `id`.
    ///
    /// Fails if it is not what the spec calls for.
    pub(crate) fn new(id: &KeyId, spec: KeySpec, material: &SecretBytes) -> Result<Self, Unfit> {
        match spec.family() {
            Family::Symmetric => {
                let material = Key32::try_from(material.expose()).map_err(|_length| Unfit)?;
                let id = id.as_str().as_bytes();
                let key = derive_key(&material, "kms/symmetric-default", id);
                Ok(Self::Symmetric(CommittingKey::new(&key)))
            }
            Family::Mac(algorithm) if material.expose().len() == algorithm.tag_len() => {
                Ok(Self::Mac(MacKey::new(algorithm, material)))
            }
            Family::Mac(_) => Err(Unfit),
            Family::Pair(pair) => KeyPair::from_pkcs8(pair, material.expose())
                .map(Self::Pair)
                .map_err(|_not_one| Unfit),
        }
    }
}

/// `material` from outside as it is stored, and its id: a private key in the encoding that it
/// has here, however it was written.
///
/// The id of a pair is made of its public key: of RSA there are several private keys that do the
/// same, and whoever brings one that goes with the same public key brings the same key.
///
/// Fails if it is not what the spec calls for.
pub(crate) fn canonical(
    id: &KeyId,
    spec: KeySpec,
    material: SecretBytes,
) -> Result<(MaterialId, SecretBytes), Unfit> {
    match Unwrapped::new(id, spec, &material)? {
        Unwrapped::Symmetric(_) | Unwrapped::Mac(_) => Ok((material_id(id, &material), material)),
        Unwrapped::Pair(pair) => {
            let public = SecretBytes::from(pair.public_key());
            Ok((material_id(id, &public), pair.to_pkcs8()))
        }
    }
}

/// Bytes are not material of the spec that they are meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key material does not go with the key spec")]
pub(crate) struct Unfit;

/// Adds the row of one material of `key`, and that the account has a shred key if it is the
/// account's first, to `batch`.
pub(crate) fn store(
    view: &View,
    shred: &ShredKeys,
    entropy: &dyn Entropy,
    key: &KeyRecord,
    (id, material): (MaterialId, &SecretBytes),
    batch: &mut Batch,
) -> Result<(), Error> {
    let row = material_row(key, id);
    let (generation, wrapping) = current(view, shred, key.account, batch)?;
    put(entropy, row, (generation, &wrapping), material, batch);
    Ok(())
}

/// Adds the row of one imported material of `key` to `batch`, wrapped under a shred key of its own:
/// the one that it has, if it is there already, so that whoever destroys that destroys every
/// wrapping that the material ever had.
pub(crate) fn store_imported(
    ctx: &Ctx,
    shred: &Arc<ShredKeys>,
    key: &KeyRecord,
    (id, material): (MaterialId, &SecretBytes),
    batch: &mut Batch,
) -> Result<(), Error> {
    let row = material_row(key, id);
    if let Some(number) = own_shred_key(ctx.view(), key, id) {
        let wrapping = shred.get(key.account, number).ok_or_else(missing)?;
        put(ctx.entropy(), row, (number, &wrapping), material, batch);
        return Ok(());
    }
    let (reserved, wrapping) = shred
        .reserve(key.account, row.clone())
        .map_err(unwritable)?;
    let number = reserved.number();
    // Once maintenance has taken the key for abandoned nothing is stored under it.
    batch.require(Read::Row {
        table: &DISCARDED,
        key: discarded_row(key.account, number),
        revision: None,
    });
    ctx.afterwards(move || reserved.keep());
    put(ctx.entropy(), row, (number, &wrapping), material, batch);
    Ok(())
}

fn put(
    entropy: &dyn Entropy,
    row: Key,
    (generation, wrapping): (u64, &CommittingKey),
    material: &SecretBytes,
    batch: &mut Batch,
) {
    let wrapped = wrapping.seal(entropy, &wrapping_data(row.as_bytes()), material.expose());
    let record = MaterialRecord {
        wrapped,
        generation,
    };
    batch.put(&MATERIALS, row, record);
}

/// The material `id` of `key`, ready for use; `None` if it is not there.
///
/// Fails if its row was tampered with.
pub(crate) fn load(
    view: &View,
    shred: &ShredKeys,
    key: &KeyRecord,
    id: MaterialId,
) -> Result<Option<Unwrapped>, Error> {
    let material = opened(view, shred, key, id)?;
    material.map(|material| ready(key, &material)).transpose()
}

/// The material `id` of `key` in its stored form; `None` if it is not there.
///
/// Fails if its row was tampered with.
pub(crate) fn opened(
    view: &View,
    shred: &ShredKeys,
    key: &KeyRecord,
    id: MaterialId,
) -> Result<Option<SecretBytes>, Error> {
    let row = material_row(key, id);
    let stored = view.get(&MATERIALS, &row);
    stored
        .map(|stored| unwrapped(shred, key.account, &row, stored.record))
        .transpose()
}

/// `material` of `key` ready for use, from its stored form.
pub(crate) fn ready(key: &KeyRecord, material: &SecretBytes) -> Result<Unwrapped, Error> {
    Unwrapped::new(&key.id, key.spec, material)
        .map_err(|source| Error::internal("key material cannot be used", source))
}

/// The shred key that wraps the material `id` of `key` only, if that is here and has one.
pub(crate) fn own_shred_key(view: &View, key: &KeyRecord, id: MaterialId) -> Option<u64> {
    let stored = view.get(&MATERIALS, &material_row(key, id))?;
    Some(stored.record.generation).filter(|number| shred::is_own(*number))
}

/// The shred keys that each wrap one material of `key` only.
pub(crate) fn own_shred_keys(snapshot: &Snapshot, key: &KeyRecord) -> Vec<u64> {
    let materials = key.row_key();
    let materials = snapshot.scan(&MATERIALS, &materials);
    let numbers = materials.map(|(_, material)| material.record.generation);
    numbers.filter(|number| shred::is_own(*number)).collect()
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
