//! Shred keys: what wraps key material, in a file that is overwritten.
//!
//! The store never forgets at once what was written to it: old values stay in its files until
//! they are merged. What wraps key material is therefore kept beside it, in slots of one disk
//! sector each. Destroying a shred key overwrites its slot and waits for the disk, and with it
//! everything that it ever wrapped is lost, in the store, its journals and copies of both.
//!
//! There are three kinds, told apart by their numbers:
//!
//! - an account's, numbered from 1: wraps all material that was made here. To destroy one key of
//!   the account, what is to stay is wrapped under the next number first ([`crate::maintain`]);
//! - one of its own for each imported material, with a random number: that material ends alone,
//!   and at once;
//! - one for the import tokens that end on one day, numbered by it, of the account that holds AWS
//!   owned keys: with it end the private keys that they carry.
//!
//! ```text
//! slot      512 bytes; free while it is all zero, or begins with `srgone` 00 01
//! 8 bytes   `srshrd` 00 01
//! 133 bytes committing AEAD under a key derived from the data key; associated data: a label
//!           and the slot's number. It holds account (12 digits), generation (8 bytes,
//!           big-endian) and shred key (32 bytes).
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crypto::kdf::derive_key;
use crypto::{CommittingKey, Key32};
use store::Key;
use tokio::runtime::{Handle, RuntimeFlavor};
use types::{AccountId, Entropy};
use zeroize::Zeroizing;

const SLOT: usize = 512;
const MAGIC: [u8; 8] = *b"srshrd\0\x01";
/// Begins a slot whose key was destroyed; behind it is noise.
const GONE: [u8; 8] = *b"srgone\0\x01";
const SEALED: usize = 12 + 8 + 32 + crypto::committing::OVERHEAD;
const LABEL: &[u8] = b"strongroom/kms/shred-slot/v1";

/// The bit of the numbers of shred keys that wrap one imported material each.
const OWN: u64 = 1 << 63;
/// The bit of the numbers of shred keys that seal import tokens; the rest is the day.
const TOKENS: u64 = 1 << 62;

/// Which shred key: an account's, and its number.
pub(crate) type Name = (AccountId, u64);

/// Whether a shred key of this number wraps one material only.
pub(crate) fn is_own(number: u64) -> bool {
    number & OWN != 0
}

/// The number of the shred key for import tokens that end on `day`, counted from 1970.
pub(crate) fn of_tokens(day: u32) -> u64 {
    TOKENS | u64::from(day)
}

/// The shred keys of all accounts, in a file of their own.
pub struct ShredKeys {
    path: PathBuf,
    sealing: CommittingKey,
    entropy: Arc<dyn Entropy>,
    /// Where each key is, and the key. Whoever needs one waits for no disk.
    ///
    /// INVARIANT: changed only with `state` locked, after the file is.
    keys: RwLock<BTreeMap<Name, (u64, Arc<CommittingKey>)>>,
    /// Locked while the file is written.
    state: Mutex<State>,
    /// The keys of single materials that perhaps never were stored, with the row that was to be.
    abandoned: Mutex<BTreeMap<Name, Option<Key>>>,
}

struct State {
    file: File,
    /// The slots that hold no key.
    free: BTreeSet<u64>,
    /// The number of slots in the file.
    slots: u64,
}

/// A new shred key for one material, which is abandoned unless the material is stored.
pub(crate) struct Reserved {
    shred: Arc<ShredKeys>,
    name: Name,
    row: Key,
    kept: bool,
}

impl Reserved {
    /// The number of the key.
    pub(crate) fn number(&self) -> u64 {
        self.name.1
    }

    /// Says that the material is stored.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.kept {
            let mut abandoned = self.shred.lock_abandoned();
            abandoned.insert(self.name, Some(self.row.clone()));
        }
    }
}

/// The file of shred keys cannot be used; the server refuses to start.
#[derive(Debug, thiserror::Error)]
pub enum ShredError {
    /// The file system failed.
    #[error("`{path}` cannot be read or written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An account has keys, and no shred key.
    #[error("`{path}` has no key for account {account}: it belongs to another state of the store")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The account.
        account: String,
    },
    /// A slot is neither free nor one of this deployment's.
    #[error("slot {slot} of `{path}` is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which slot, from 0.
        slot: u64,
    },
}

impl ShredKeys {
    /// Opens the file at `path`, which is made if it is missing.
    ///
    /// Fails if a slot does not open under `data_key`: a damaged slot is never taken for a free one.
    pub fn open(
        path: impl Into<PathBuf>,
        data_key: &Key32,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ShredError> {
        let path = path.into();
        let failed = |source| ShredError::Io {
            path: path.clone(),
            source,
        };
        let file = open(&path).map_err(failed)?;
        let sealing = CommittingKey::new(&derive_key(data_key, "kms/shred-keys", b""));
        let slots = file
            .metadata()
            .map_err(failed)?
            .len()
            .div_ceil(length(SLOT));
        let (mut keys, mut free) = (BTreeMap::new(), BTreeSet::new());
        for slot in 0..slots {
            let mut bytes = Zeroizing::new([0; SLOT]);
            let at = slot.saturating_mul(length(SLOT));
            // A file that ends within its last slot was cut there before anything was used.
            if file.read_at(&mut *bytes, at).map_err(failed)? < SLOT
                || bytes.iter().all(|byte| *byte == 0)
                || bytes.starts_with(&GONE)
            {
                free.insert(slot);
                continue;
            }
            let (name, key) = read(&sealing, slot, &bytes).ok_or_else(|| ShredError::Damaged {
                path: path.clone(),
                slot,
            })?;
            keys.insert(name, (slot, Arc::new(CommittingKey::new(&key))));
        }
        let state = Mutex::new(State { file, free, slots });
        Ok(Self {
            path,
            sealing,
            entropy,
            keys: RwLock::new(keys),
            state,
            abandoned: Mutex::default(),
        })
    }

    /// The shred key of an account, unless it was destroyed.
    pub(crate) fn get(&self, account: AccountId, generation: u64) -> Option<Arc<CommittingKey>> {
        let keys = self.keys();
        let (_, key) = keys.get(&(account, generation))?;
        Some(Arc::clone(key))
    }

    /// The numbers of an account's shred keys, of every kind.
    pub(crate) fn numbers(&self, account: AccountId) -> Vec<u64> {
        let keys = self.keys();
        let of_account = keys.range((account, 0)..=(account, u64::MAX));
        of_account.map(|((_, number), _)| *number).collect()
    }

    /// A new shred key for the material that is to be stored in `row`, on the disk.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        account: AccountId,
        row: Key,
    ) -> Result<(Reserved, Arc<CommittingKey>), ShredError> {
        let mut random = [0; 8];
        self.entropy.fill(&mut random);
        let name = (account, OWN | u64::from_be_bytes(random));
        let key = self.create(name.0, name.1)?;
        let reserved = Reserved {
            shred: Arc::clone(self),
            name,
            row,
            kept: false,
        };
        Ok((reserved, key))
    }

    /// Abandons the keys of single materials that `named` does not have: their call ended with
    /// the server that it was made to.
    pub(crate) fn abandon_others(&self, named: &BTreeSet<Name>) {
        let mut abandoned = self.lock_abandoned();
        let keys = self.keys();
        let own = keys.keys().filter(|(_, number)| is_own(*number));
        let others: Vec<Name> = own.filter(|name| !named.contains(name)).copied().collect();
        let others = others.into_iter().map(|name| (name, None));
        abandoned.extend(others);
    }

    /// The abandoned keys, and the row that each was for unless it is known that none names it.
    pub(crate) fn abandoned(&self) -> Vec<(Name, Option<Key>)> {
        let abandoned = self.lock_abandoned();
        let abandoned = abandoned.iter();
        abandoned.map(|(name, row)| (*name, row.clone())).collect()
    }

    /// Says that it is settled what becomes of these.
    pub(crate) fn settle(&self, names: &[Name]) {
        let mut abandoned = self.lock_abandoned();
        abandoned.retain(|name, _| !names.contains(name));
    }

    /// The shred key of an account, which is made, and on the disk, if there is none.
    pub(crate) fn create(
        &self,
        account: AccountId,
        generation: u64,
    ) -> Result<Arc<CommittingKey>, ShredError> {
        match self.get(account, generation) {
            Some(key) => Ok(key),
            None => waiting(|| self.make(account, generation)),
        }
    }

    fn make(&self, account: AccountId, generation: u64) -> Result<Arc<CommittingKey>, ShredError> {
        let mut state = self.lock();
        if let Some(key) = self.get(account, generation) {
            return Ok(key);
        }
        let slot = state.free.first().copied().unwrap_or(state.slots);
        let key = Key32::generate(&*self.entropy);
        let bytes = self.slot(slot, (account, generation), &key);
        self.write(&state.file, slot, &*bytes)?;
        let key = Arc::new(CommittingKey::new(&key));
        state.free.remove(&slot);
        state.slots = state.slots.max(slot.saturating_add(1));
        self.keys_mut()
            .insert((account, generation), (slot, Arc::clone(&key)));
        Ok(key)
    }

    /// The file as it is, and what `then` returns; no shred key is made or destroyed meanwhile.
    pub(crate) fn copied<T>(&self, then: impl FnOnce() -> T) -> Result<(Vec<u8>, T), ShredError> {
        let state = self.lock();
        let read = || {
            let size = usize::try_from(state.file.metadata()?.len());
            let mut bytes = vec![0; size.map_err(io::Error::other)?];
            state.file.read_exact_at(&mut bytes, 0)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|source| ShredError::Io {
            path: self.path.clone(),
            source,
        })?;
        Ok((bytes, then()))
    }

    /// Overwrites a shred key; on the disk when this returns. Nothing to do if it is gone.
    pub(crate) fn destroy(&self, account: AccountId, generation: u64) -> Result<(), ShredError> {
        if self.get(account, generation).is_none() {
            return Ok(());
        }
        waiting(|| self.overwrite(account, generation))
    }

    fn overwrite(&self, account: AccountId, generation: u64) -> Result<(), ShredError> {
        let mut state = self.lock();
        let slot = self
            .keys()
            .get(&(account, generation))
            .map(|(slot, _)| *slot);
        let Some(slot) = slot else {
            return Ok(());
        };
        // Noise: a disk that compresses or deduplicates must write it.
        let mut noise = [0; SLOT];
        self.entropy.fill(&mut noise);
        for (byte, value) in noise.iter_mut().zip(GONE) {
            *byte = value;
        }
        self.write(&state.file, slot, &noise)?;
        self.keys_mut().remove(&(account, generation));
        state.free.insert(slot);
        Ok(())
    }

    /// Overwrites the keys of import tokens that ended before `today`.
    pub(crate) fn end_tokens(&self, holder: AccountId, today: u32) -> Result<(), ShredError> {
        let past = (holder, of_tokens(0))..(holder, of_tokens(today));
        let ended: Vec<Name> = {
            let keys = self.keys();
            keys.range(past).map(|(name, _)| *name).collect()
        };
        ended
            .into_iter()
            .try_for_each(|(account, number)| self.destroy(account, number))
    }

    pub(crate) fn missing(&self, account: String) -> ShredError {
        ShredError::Missing {
            path: self.path.clone(),
            account,
        }
    }

    fn write(&self, file: &File, slot: u64, bytes: &[u8]) -> Result<(), ShredError> {
        let at = slot.saturating_mul(length(SLOT));
        let written = file.write_all_at(bytes, at).and_then(|()| file.sync_all());
        written.map_err(|source| ShredError::Io {
            path: self.path.clone(),
            source,
        })
    }

    fn slot(&self, slot: u64, name: Name, key: &Key32) -> Zeroizing<[u8; SLOT]> {
        let (account, generation) = name;
        let mut plain = Zeroizing::new(Vec::with_capacity(52));
        plain.extend_from_slice(account.as_str().as_bytes());
        plain.extend_from_slice(&generation.to_be_bytes());
        plain.extend_from_slice(key.expose());
        let sealed = self.sealing.seal(&*self.entropy, &bound_to(slot), &plain);
        let mut bytes = Zeroizing::new([0; SLOT]);
        let content = MAGIC.iter().chain(&sealed);
        for (byte, value) in bytes.iter_mut().zip(content) {
            *byte = *value;
        }
        bytes
    }

    fn keys(&self) -> RwLockReadGuard<'_, BTreeMap<Name, (u64, Arc<CommittingKey>)>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Name, (u64, Arc<CommittingKey>)>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_abandoned(&self) -> MutexGuard<'_, BTreeMap<Name, Option<Key>>> {
        let abandoned = self.abandoned.lock();
        abandoned.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ShredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShredKeys({})", self.path.display())
    }
}

/// Does `work`, which waits for the disk, so that other requests do not wait with it: what else
/// this thread had to do is given to another.
fn waiting<T>(work: impl FnOnce() -> T) -> T {
    let runtime = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match runtime {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Opens no symbolic link, which only somebody else can have put there.
const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(path)?;
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(file)
}

fn read(sealing: &CommittingKey, slot: u64, bytes: &[u8; SLOT]) -> Option<(Name, Key32)> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let plain = sealing.open(&bound_to(slot), rest.get(..SEALED)?).ok()?;
    let (account, rest) = plain.expose().split_at_checked(12)?;
    let (generation, key) = rest.split_first_chunk()?;
    let account = std::str::from_utf8(account).ok()?.parse().ok()?;
    let key = Key32::try_from(key).ok()?;
    Some(((account, u64::from_be_bytes(*generation)), key))
}

fn bound_to(slot: u64) -> Vec<u8> {
    [LABEL, &slot.to_be_bytes()].concat()
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;
    use tempfile::TempDir;

    use super::*;
    use crate::testing::account;

    fn opened(directory: &TempDir, data_key: &Key32) -> Result<ShredKeys, ShredError> {
        let path = directory.path().join("shred.keys");
        ShredKeys::open(path, data_key, Arc::new(SystemEntropy))
    }

    fn sealed_by(keys: &ShredKeys, generation: u64) -> Vec<u8> {
        let key = keys.create(account(), generation).unwrap();
        key.seal(&SystemEntropy, b"", b"material")
    }

    #[test]
    fn keys_are_there_after_a_restart_until_they_are_destroyed() {
        let (directory, data_key) = (TempDir::new().unwrap(), Key32::generate(&SystemEntropy));
        let keys = opened(&directory, &data_key).unwrap();
        let (one, two) = (sealed_by(&keys, 1), sealed_by(&keys, 2));
        drop(keys);
        let keys = opened(&directory, &data_key).unwrap();
        let opens = |keys: &ShredKeys, generation, sealed: &[u8]| {
            let key = keys.get(account(), generation)?;
            key.open(b"", sealed)
                .ok()
                .map(|plain| plain.expose().to_vec())
        };
        assert_eq!(
            opens(&keys, 1, &one).as_deref(),
            Some(b"material".as_slice())
        );
        keys.destroy(account(), 1).unwrap();
        keys.destroy(account(), 1).unwrap();
        assert_eq!(opens(&keys, 1, &one), None);
        drop(keys);
        let keys = opened(&directory, &data_key).unwrap();
        assert_eq!(opens(&keys, 1, &one), None);
        assert_eq!(
            opens(&keys, 2, &two).as_deref(),
            Some(b"material".as_slice())
        );
        // Its name can be taken again, for another key.
        keys.create(account(), 1).unwrap();
        assert_eq!(opens(&keys, 1, &one), None);
    }

    #[test]
    fn a_destroyed_key_is_nowhere_in_the_file() {
        let (directory, data_key) = (TempDir::new().unwrap(), Key32::generate(&SystemEntropy));
        let keys = opened(&directory, &data_key).unwrap();
        keys.create(account(), 1).unwrap();
        let path = directory.path().join("shred.keys");
        let before = std::fs::read(&path).unwrap();
        keys.destroy(account(), 1).unwrap();
        let after = std::fs::read(&path).unwrap();
        assert_eq!(after.len(), before.len());
        for part in before[..141].windows(8) {
            assert!(!after.windows(8).any(|found| found == part));
        }
    }

    #[test]
    fn who_needs_a_key_does_not_wait_for_the_disk() {
        let (directory, data_key) = (TempDir::new().unwrap(), Key32::generate(&SystemEntropy));
        let keys = opened(&directory, &data_key).unwrap();
        keys.create(account(), 1).unwrap();
        let found = keys.copied(|| {
            // Locked, as while something is written: this would wait for ever.
            assert!(keys.state.try_lock().is_err());
            keys.get(account(), 1).is_some() && keys.numbers(account()) == [1]
        });
        assert!(found.unwrap().1);
    }

    #[test]
    fn who_writes_a_key_holds_up_no_other_request() {
        let (directory, data_key) = (TempDir::new().unwrap(), Key32::generate(&SystemEntropy));
        let keys = Arc::new(opened(&directory, &data_key).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let (held, until) = (keys.lock(), Arc::clone(&keys));
        let writes = runtime.spawn(async move { until.create(account(), 1).map(drop) });
        // There is one thread for requests, and the task above waits for the file on it.
        let (answer, answered) = std::sync::mpsc::channel();
        runtime.spawn(async move { answer.send(()).unwrap() });
        let patience = std::time::Duration::from_mins(1);
        answered.recv_timeout(patience).unwrap();
        drop(held);
        runtime.block_on(writes).unwrap().unwrap();
    }

    #[test]
    fn slots_are_used_again() {
        let (directory, data_key) = (TempDir::new().unwrap(), Key32::generate(&SystemEntropy));
        let keys = opened(&directory, &data_key).unwrap();
        for generation in 1..10 {
            keys.create(account(), generation).unwrap();
            keys.destroy(account(), generation.saturating_sub(1))
                .unwrap();
        }
        let length = std::fs::metadata(directory.path().join("shred.keys"))
            .unwrap()
            .len();
        assert_eq!(length, 2 * 512);
    }

    #[test]
    fn what_a_link_points_to_is_not_taken_for_the_file() {
        let (directory, root) = (TempDir::new().unwrap(), Key32::generate(&SystemEntropy));
        let other = directory.path().join("other");
        std::fs::write(&other, "").unwrap();
        std::os::unix::fs::symlink(&other, directory.path().join("shred.keys")).unwrap();
        let refused = opened(&directory, &root);
        assert!(matches!(refused, Err(ShredError::Io { .. })));
    }

    #[test]
    fn damaged_moved_and_foreign_slots_are_refused() {
        let (directory, data_key) = (TempDir::new().unwrap(), Key32::generate(&SystemEntropy));
        let keys = opened(&directory, &data_key).unwrap();
        keys.create(account(), 1).unwrap();
        keys.create(account(), 2).unwrap();
        drop(keys);
        let path = directory.path().join("shred.keys");
        let good = std::fs::read(&path).unwrap();
        for at in [0, 8, 60, 140] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).unwrap();
            let refused = opened(&directory, &data_key);
            assert!(
                matches!(refused, Err(ShredError::Damaged { slot: 0, .. })),
                "{at}"
            );
        }
        let moved = [&good[512..], &good[..512]].concat();
        std::fs::write(&path, moved).unwrap();
        assert!(opened(&directory, &data_key).is_err());
        std::fs::write(&path, &good).unwrap();
        assert!(opened(&directory, &Key32::generate(&SystemEntropy)).is_err());
        assert!(opened(&directory, &data_key).is_ok());
    }
}
