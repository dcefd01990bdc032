//! Secrets and the signing keys derived from them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crypto::digest::Sha256;
use crypto::mac::HmacSha256Key;
use crypto::secret::SecretBytes;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use zeroize::Zeroizing;

use super::scope::{Scope, TERMINATOR};

/// The secret half of an access key.
///
/// Keep the value rather than making it anew for every request: it carries the fingerprint
/// that finds its signing keys in the cache.
#[derive(Clone)]
pub struct SecretAccessKey {
    /// `AWS4` and the secret, from which all signing keys derive.
    seed: Arc<SecretBytes>,
    fingerprint: [u8; 32],
}

impl SecretAccessKey {
    /// Takes the secret's bytes.
    pub fn new(secret: &[u8]) -> Self {
        // Secrets are random and 40 characters long: their hash cannot be inverted.
        let mut hash = Sha256::new();
        hash.update(FINGERPRINT);
        hash.update(secret);
        let mut seed = Vec::with_capacity(SEED.len() + secret.len());
        seed.extend_from_slice(SEED);
        seed.extend_from_slice(secret);
        Self {
            fingerprint: hash.finish(),
            seed: Arc::new(SecretBytes::from(seed)),
        }
    }

    fn signing_key(&self, scope: &Scope<'_>) -> HmacSha256Key {
        let mut key = HmacSha256Key::new(self.seed.expose());
        for part in [scope.day(), scope.region(), scope.service(), TERMINATOR] {
            let derived = Zeroizing::new(key.tag(part.as_bytes()));
            key = HmacSha256Key::new(derived.as_slice());
        }
        key
    }
}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretAccessKey(***)")
    }
}

/// Signing keys by secret, day, region and service, bounded in number.
///
/// A signing key is a function of exactly these four, and the secret is part of the entry's
/// name as a fingerprint: another secret under the same access key id cannot meet the old
/// entry, and needs no invalidation.
pub(super) struct SigningKeyCache(Cache<Entry, Arc<HmacSha256Key>>);

impl SigningKeyCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// The signing key of `secret` for `scope`.
    pub(super) fn get(&self, secret: &SecretAccessKey, scope: &Scope<'_>) -> Arc<HmacSha256Key> {
        let entry = EntryRef {
            fingerprint: &secret.fingerprint,
            day: scope.day(),
            region: scope.region(),
            service: scope.service(),
        };
        if let Some(key) = self.0.get(&entry) {
            return key;
        }
        let key = Arc::new(secret.signing_key(scope));
        self.0.insert(entry.to_owned(), Arc::clone(&key));
        key
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for SigningKeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeyCache({})", self.0.len())
    }
}

#[derive(PartialEq, Eq)]
struct Entry {
    fingerprint: [u8; 32],
    day: Box<str>,
    region: Box<str>,
    service: Box<str>,
}

#[derive(PartialEq, Eq, Hash)]
struct EntryRef<'a> {
    fingerprint: &'a [u8; 32],
    day: &'a str,
    region: &'a str,
    service: &'a str,
}

impl Entry {
    fn borrowed(&self) -> EntryRef<'_> {
        EntryRef {
            fingerprint: &self.fingerprint,
            day: &self.day,
            region: &self.region,
            service: &self.service,
        }
    }
}

impl EntryRef<'_> {
    fn to_owned(&self) -> Entry {
        Entry {
            fingerprint: *self.fingerprint,
            day: self.day.into(),
            region: self.region.into(),
            service: self.service.into(),
        }
    }
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Equivalent<Entry> for EntryRef<'_> {
    fn equivalent(&self, entry: &Entry) -> bool {
        *self == entry.borrowed()
    }
}

const SEED: &[u8] = b"AWS4";
const FINGERPRINT: &[u8] = b"strongroom signing key cache\0";
