//! The key ring: encrypts and decrypts under KMS keys, with unwrapped materials in a cache
//! that time and every change of the key empty.

mod cache;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crypto::{KeyPair, PairSpec, SecretBytes};
use store::{Batch, Key, Revision, Snapshot, View};
use types::{Clock, Entropy, KeyId, Monotonic, Region, Service};

use self::cache::{Cache, Place};
use crate::beside::{Beside, Owner};
use crate::ciphertext::{Form, Header, associated_data};
use crate::context::EncryptionContext;
use crate::last_usage::LastUsage;
use crate::material::{self, Unwrapped};
use crate::records::{
    KeyRecord, KeyRow, KeySpec, MATERIALS, MaterialId, OWNED_KEYS, SHRED_GENERATIONS, revision_in,
};
use crate::shred::{ShredError, ShredKeys};
use crate::specs::Family;
use crate::usage::UsageCounts;
use crate::{Error, new_key};

/// How long an unwrapped material is kept unless told otherwise.
const LIFETIME: Duration = Duration::from_mins(5);

/// Encrypts and decrypts under KMS keys. A shared part of the server.
///
/// Unwrapped materials wipe themselves and are kept for a bounded time. An entry serves one
/// version of the key's row only: whatever disables, deletes or re-policies the key makes a
/// new version, and with it the entry useless. [`Keyring::sweep`] wipes such entries.
#[derive(Debug)]
pub struct Keyring {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    shred: Arc<ShredKeys>,
    usage: LastUsage,
    beside: Beside,
    counts: UsageCounts,
    lifetime: Duration,
    cache: Cache,
}

impl Keyring {
    /// A key ring that keeps unwrapped materials for five minutes.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, shred: Arc<ShredKeys>) -> Self {
        Self {
            clock,
            entropy,
            shred,
            usage: LastUsage::default(),
            beside: Beside::default(),
            counts: UsageCounts::default(),
            lifetime: LIFETIME,
            cache: Cache::default(),
        }
    }

    /// When keys were last used.
    pub fn usage(&self) -> &LastUsage {
        &self.usage
    }

    /// How often keys were used.
    pub(crate) fn counts(&self) -> &UsageCounts {
        &self.counts
    }

    /// What wraps the material of keys.
    pub(crate) fn shred(&self) -> &Arc<ShredKeys> {
        &self.shred
    }

    /// The file of shred keys, and what `cut` returns, which is taken while no shred key is made
    /// or destroyed: a cut of the store so goes with the file.
    ///
    /// Fails if the file cannot be read.
    pub fn with_shred_file<T>(&self, cut: impl FnOnce() -> T) -> Result<(Vec<u8>, T), ShredError> {
        self.shred.copied(cut)
    }

    /// Fails if a shred key is missing that wraps a material of `snapshot`, or that an account
    /// wraps what it makes next with. The file of shred keys is then not the one that belongs to
    /// the store: a key could not be used, and might only be noticed when it is needed.
    ///
    /// The shred keys of single materials that no row names are then abandoned: maintenance
    /// overwrites them. To be called before anybody can import.
    pub fn check(&self, snapshot: &Snapshot) -> Result<(), ShredError> {
        let all = Key::of(&[]);
        let current = snapshot.scan(&SHRED_GENERATIONS, &all);
        let current = current.map(|(row, generations)| (row, generations.record.current));
        let materials = snapshot.scan(&MATERIALS, &all);
        let materials = materials.map(|(row, material)| (row, material.record.generation));
        let mut named = BTreeSet::new();
        for (row, number) in current.chain(materials) {
            let account = row.text_parts().into_iter().next().unwrap_or_default();
            let name = account.parse().ok().map(|account| (account, number));
            match name.filter(|(account, number)| self.shred.get(*account, *number).is_some()) {
                Some(name) => named.insert(name),
                None => return Err(self.shred.missing(account)),
            };
        }
        self.shred.abandon_others(&named);
        Ok(())
    }

    /// Keeps unwrapped materials for `lifetime`; zero keeps none.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Wipes the materials whose time is over, or whose key `snapshot` shows changed or gone.
    /// Maintenance calls it every few seconds.
    pub fn sweep(&self, snapshot: &Snapshot) {
        let now = self.clock.monotonic();
        self.cache.sweep(now, |row| revision_in(snapshot, row));
    }

    /// Encrypts under the AWS owned key of `service`, for what belongs to no customer key.
    /// Not a KMS call: it is neither authorized nor recorded.
    ///
    /// Fails if [`Self::ensure_owned_key`] has not made the key.
    pub fn encrypt_owned(
        &self,
        view: &View,
        service: Service,
        region: &Region,
        context: &EncryptionContext,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        self.encrypt(view, &owned_key(view, service, region)?, context, plaintext)
    }

    /// Decrypts what [`Self::encrypt_owned`] made.
    ///
    /// Fails with `InvalidCiphertextException` if `blob` or `context` is not what that was.
    pub fn decrypt_owned(
        &self,
        view: &View,
        service: Service,
        region: &Region,
        context: &EncryptionContext,
        blob: &[u8],
    ) -> Result<SecretBytes, Error> {
        let key = owned_key(view, service, region)?;
        Ok(self.decrypt(view, &key, context, blob)?.0)
    }

    /// The change that makes the AWS owned key of `service` in `region`; `None` if there is
    /// one. If another commit makes it first, the batch conflicts and need not be repeated.
    ///
    /// Fails if the file of shred keys cannot be written.
    pub fn ensure_owned_key(
        &self,
        view: &View,
        service: Service,
        region: &Region,
    ) -> Result<Option<Batch>, Error> {
        if view.get(&OWNED_KEYS, &owned_row(service, region)).is_some() {
            return Ok(None);
        }
        let (shred, entropy) = (&self.shred, &*self.entropy);
        new_key::owned(view, shred, entropy, service, region, self.clock.now()).map(Some)
    }

    /// Encrypts under the current material of `key`. The caller has checked the key's state.
    pub(crate) fn encrypt(
        &self,
        view: &View,
        key: &KeyRow,
        context: &EncryptionContext,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let current = self.current(view, key)?;
        encrypt_with(&*self.entropy, (&key.record, &current), context, plaintext)
    }

    /// Decrypts `blob` under the material of `key` that it names, and says which that was.
    ///
    /// Fails with `InvalidCiphertextException` for a blob of another key, an unknown
    /// material, altered bytes or another context.
    pub(crate) fn decrypt(
        &self,
        view: &View,
        key: &KeyRow,
        context: &EncryptionContext,
        blob: &[u8],
    ) -> Result<(SecretBytes, MaterialId), Error> {
        let (header, bytes, sealed) =
            Header::split(blob).map_err(|_malformed| Error::InvalidCiphertext)?;
        let of_key = header.account == key.record.account && header.key == key.record.id;
        if !of_key || header.form != Form::Own {
            return Err(Error::InvalidCiphertext);
        }
        let found = self.material(view, key, header.material)?;
        let Some(Unwrapped::Symmetric(opening)) = found.as_deref() else {
            return Err(Error::InvalidCiphertext);
        };
        let plaintext = opening
            .open(&associated_data(bytes, context)?, sealed)
            .map_err(|_silent| Error::InvalidCiphertext)?;
        Ok((plaintext, header.material))
    }

    /// The current material of `key`, ready for use. The caller has checked the key's state.
    pub(crate) fn current(&self, view: &View, key: &KeyRow) -> Result<Arc<Unwrapped>, Error> {
        let material = key.record.material.ok_or_else(no_material)?;
        self.material(view, key, material)?.ok_or_else(no_material)
    }

    /// What `compute` makes of the current key pair of `key`, whose state has been checked. Where
    /// the pair is slow that is done beside the requests, as is reading it from its stored form.
    ///
    /// Fails with `ThrottlingException` if too many wait for the like.
    pub(crate) async fn with_pair<T: Send + 'static>(
        &self,
        (view, owner): (&View, Owner),
        key: &KeyRow,
        compute: impl FnOnce(&KeyPair, &dyn Entropy) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let material = key.record.material.ok_or_else(no_material)?;
        let now = self.clock.monotonic();
        let place = (key.record.row_key(), material);
        let cached = self.cache.get(&place, key.revision, now);
        let entropy = Arc::clone(&self.entropy);
        let on = move |unwrapped: &Unwrapped| match unwrapped {
            Unwrapped::Pair(pair) => Ok(compute(pair, &*entropy)),
            Unwrapped::Symmetric(_) | Unwrapped::Mac(_) => {
                Err(Error::broken("the material of a key is no key pair"))
            }
        };
        if !key.record.spec.family().is_slow() {
            return on(&*self.current(view, key)?);
        }
        if let Some(unwrapped) = cached {
            return self.beside.compute(owner, move || on(&unwrapped)).await?;
        }
        let record = Arc::clone(&key.record);
        let wrapped = material::opened(view, &self.shred, &record, material)?;
        let wrapped = wrapped.ok_or_else(no_material)?;
        let work = move || -> Result<(T, Arc<Unwrapped>), Error> {
            let unwrapped = material::ready(&record, &wrapped).map(Arc::new)?;
            let done = on(&unwrapped)?;
            Ok((done, unwrapped))
        };
        let (done, unwrapped) = self.beside.compute(owner, work).await??;
        self.keep(place, key.revision, now, &unwrapped);
        Ok(done)
    }

    /// Does `work`, which computes with a slow key that is none of KMS, beside the requests.
    ///
    /// Fails with `ThrottlingException` if too many wait for the like.
    pub(crate) async fn beside<T: Send + 'static>(
        &self,
        owner: Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.beside.compute(owner, work).await
    }

    /// Draws material for a new key. What takes long is done beside the requests.
    ///
    /// Fails with `ThrottlingException` if too many wait for the like.
    pub(crate) async fn draw(&self, owner: Owner, spec: KeySpec) -> Result<SecretBytes, Error> {
        let make = move |entropy: &dyn Entropy| material::generate(entropy, spec);
        self.made(owner, make, spec.family()).await
    }

    /// Makes a key pair that belongs to no key. What takes long is done beside the requests.
    ///
    /// Fails with `ThrottlingException` if too many wait for the like.
    pub(crate) async fn draw_pair(&self, owner: Owner, spec: PairSpec) -> Result<KeyPair, Error> {
        let make = move |entropy: &dyn Entropy| KeyPair::generate(entropy, spec);
        self.made(owner, make, Family::Pair(spec)).await
    }

    async fn made<T: Send + 'static>(
        &self,
        owner: Owner,
        make: impl FnOnce(&dyn Entropy) -> T + Send + 'static,
        family: Family,
    ) -> Result<T, Error> {
        let entropy = Arc::clone(&self.entropy);
        let make = move || make(&*entropy);
        if family.searches_primes() {
            self.beside.make(owner, make).await
        } else if family.is_slow() {
            self.beside.compute(owner, make).await
        } else {
            Ok(make())
        }
    }

    /// The unwrapped material, from the cache if this very version of the key put it there.
    fn material(
        &self,
        view: &View,
        key: &KeyRow,
        material: MaterialId,
    ) -> Result<Option<Arc<Unwrapped>>, Error> {
        let now = self.clock.monotonic();
        let place = (key.record.row_key(), material);
        if let Some(unwrapped) = self.cache.get(&place, key.revision, now) {
            return Ok(Some(unwrapped));
        }
        let Some(unwrapped) =
            material::load(view, &self.shred, &key.record, material)?.map(Arc::new)
        else {
            return Ok(None);
        };
        self.keep(place, key.revision, now, &unwrapped);
        Ok(Some(unwrapped))
    }

    fn keep(&self, place: Place, revision: Revision, now: Monotonic, key: &Arc<Unwrapped>) {
        if self.lifetime.is_zero() {
            return;
        }
        let until = Monotonic(now.0.saturating_add(self.lifetime));
        self.cache.put(place, revision, until, key);
    }
}

/// Encrypts under the symmetric `material`, which is the current one of `key`.
pub(crate) fn encrypt_with(
    entropy: &dyn Entropy,
    (key, material): (&KeyRecord, &Unwrapped),
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let Unwrapped::Symmetric(sealing) = material else {
        return Err(Error::broken("not a symmetric key"));
    };
    let header = Header {
        form: Form::Own,
        account: key.account,
        key: key.id.clone(),
        material: key.material.ok_or_else(no_material)?,
    }
    .encode()
    .map_err(|_malformed| Error::broken("a key id does not fit the ciphertext's header"))?;
    let mut blob = header.to_vec();
    let aad = associated_data(&header, context)?;
    blob.extend_from_slice(&sealing.seal(entropy, &aad, plaintext));
    Ok(blob)
}

fn no_material() -> Error {
    Error::broken("an enabled key has no material")
}

/// The row key of the AWS owned key of `service` in `region`.
pub(crate) fn owned_row(service: Service, region: &Region) -> Key {
    Key::of(&[region.as_str(), service.action_prefix()])
}

fn owned_key(view: &View, service: Service, region: &Region) -> Result<KeyRow, Error> {
    let missing = || Error::broken("the service's AWS owned key does not exist");
    let id: KeyId = view
        .get(&OWNED_KEYS, &owned_row(service, region))
        .ok_or_else(missing)?
        .record
        .id
        .clone();
    KeyRow::load(view, new_key::owner_account()?, region, &id).ok_or_else(missing)
}

#[cfg(test)]
mod tests;
