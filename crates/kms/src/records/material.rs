//! Materials: their ids, what is stored of them, what a key's metadata knows of them, and when
//! the next one is due.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use store::Record;
use types::Timestamp;

use super::KeyManager;
use crate::stored;

/// The id of one key material: 32 bytes, derived from key id and material, shown as 64 hex
/// digits. It does not reveal the material.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct MaterialId(#[serde(with = "stored::hex32")] pub [u8; 32]);

impl fmt::Display for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What made a key's material after its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RotationKind {
    /// The time had come.
    Automatic,
    /// `RotateKeyOnDemand`.
    OnDemand,
}

/// One material of a key, as its metadata knows it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct MaterialEntry {
    /// Which.
    pub id: MaterialId,
    /// When it was made.
    pub made: Timestamp,
    /// The kind of rotation that made it; `None` for the first.
    pub by: Option<RotationKind>,
}

/// When a key is rotated.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RotationSchedule {
    /// Days between rotations.
    pub days: u16,
    /// The next time.
    pub next: Timestamp,
}

/// Days between rotations unless told otherwise.
pub(crate) const USUAL_DAYS: u16 = 365;

impl RotationSchedule {
    /// A schedule of rotations every so many days from `now` on.
    pub(crate) fn every(days: u16, now: Timestamp) -> Self {
        Self {
            days,
            next: now.saturating_add(period(days)),
        }
    }

    /// That of a new key: AWS managed keys are rotated every year.
    pub(crate) fn of_new(manager: KeyManager, owned: bool, now: Timestamp) -> Option<Self> {
        (manager == KeyManager::Aws && !owned).then(|| Self::every(USUAL_DAYS, now))
    }

    /// The schedule once the rotation that was due has been carried out at `now`.
    pub(crate) fn after(self, now: Timestamp) -> Self {
        let next = self.next.saturating_add(period(self.days));
        if next > now {
            Self { next, ..self }
        } else {
            Self::every(self.days, now)
        }
    }
}

/// So many days.
pub(crate) fn period(days: u16) -> Duration {
    Duration::from_secs(u64::from(days).saturating_mul(86_400))
}

/// One wrapped material of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MaterialRecord {
    /// The material, sealed under a shred key of the account, or of its own if it was imported.
    #[serde(with = "stored::base64_bytes")]
    pub wrapped: Vec<u8>,
    /// Which shred key that is.
    pub generation: u64,
}

impl Record for MaterialRecord {
    const VERSION: u16 = 2;
}

/// Which shred keys of an account are in use. Destroying one destroys all that it wraps.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ShredGenerations {
    /// The one that wraps what is made now, from 1.
    pub current: u64,
    /// The one before, while what must outlive it is wrapped anew.
    pub retiring: Option<u64>,
}

impl Record for ShredGenerations {
    const VERSION: u16 = 1;
}
