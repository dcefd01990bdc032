//! Changes the seal of a running server: another seal, or another root key.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crypto::SystemEntropy;
use crypto::secret::SecretBytes;
use operator::{KeepSeal, SealKind, SealRefused, SealState, SealTurn};
use store::View;
use tokio::sync::Notify;
use types::{AccountId, Clock};

use crate::config::SealConfig;
use crate::pace::Pace;
use crate::passphrase;
use crate::seal::wrapping::{Kind, Wrapping, parse_key};
use crate::seal::{Seal, SealError};

/// Keeps the seal of a data directory.
///
/// It holds no key: what changes the seal opens it anew with what the caller has.
#[derive(Debug)]
pub(crate) struct Keeper {
    data: PathBuf,
    /// What opens a seal that needs no secret.
    seal: SealConfig,
    clock: Arc<dyn Clock>,
    /// Who has changed it, or tried to.
    pace: Arc<Mutex<Pace<String>>>,
    /// Told when the server is to be sealed.
    sealing: Arc<Notify>,
}

/// The turn of one caller, from reading the seal to writing it.
struct Turn {
    pace: Arc<Mutex<Pace<String>>>,
    clock: Arc<dyn Clock>,
    who: String,
    was_wrong: Option<bool>,
}

impl SealTurn for Turn {
    fn tried(&mut self, was_wrong: bool) {
        self.was_wrong = Some(was_wrong);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        match self.was_wrong {
            Some(was_wrong) => pace.end(&self.who, self.clock.monotonic(), was_wrong),
            None => pace.release(),
        }
    }
}

impl Keeper {
    /// Keeps the seal of `data`, of which the caller has the lock; `seal` says how it is opened
    /// if that needs no secret, and `sealing` is told when the server is to be sealed.
    pub(crate) fn new(
        data: PathBuf,
        seal: SealConfig,
        clock: Arc<dyn Clock>,
        sealing: Arc<Notify>,
    ) -> Self {
        let pace = Arc::new(Mutex::new(Pace::new(Duration::ZERO)));
        Self {
            data,
            seal,
            clock,
            pace,
            sealing,
        }
    }

    /// Puts what `change` makes of the seal in its place. The caller has the turn.
    fn change(
        &self,
        current: Option<&str>,
        change: impl FnOnce(&Seal, &Wrapping) -> Result<Seal, SealError>,
    ) -> Result<SealState, SealRefused> {
        let seal = Seal::read(&self.data).map_err(failed)?;
        let current = current.map(secret);
        let changed = seal
            .wrapping(current.as_ref(), &self.seal)
            .and_then(|current| change(&seal, &current));
        let changed = changed.map_err(|refused| match refused {
            SealError::Wrong { .. } => SealRefused::Wrong,
            SealError::Secret { .. } => SealRefused::Secret,
            other => failed(other),
        })?;
        changed.replace_in(&self.data).map_err(failed)?;
        let (kind, generation) = (changed.kind(), changed.generation());
        tracing::info!(kind, generation, "the seal was changed");
        Ok(SealState { kind, generation })
    }
}

fn failed(error: SealError) -> SealRefused {
    SealRefused::Failed(Box::new(error))
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes().to_vec())
}

impl KeepSeal for Keeper {
    fn owner(&self, view: &View) -> Option<AccountId> {
        iam::first_account(view)
    }

    fn turn(&self, who: &str) -> Result<Box<dyn SealTurn>, Duration> {
        let who = who.to_owned();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.begin(&who, self.clock.monotonic())?;
        Ok(Box::new(Turn {
            pace: Arc::clone(&self.pace),
            clock: Arc::clone(&self.clock),
            who,
            was_wrong: None,
        }))
    }

    fn waits_for_a_passphrase(&self) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let seal = Seal::read(&self.data)?;
        Ok(seal.waits_for_a_passphrase(&self.seal))
    }

    fn seal(&self) {
        self.sealing.notify_one();
    }

    fn rewrap(
        &self,
        current: Option<&str>,
        kind: SealKind,
        new: &str,
    ) -> Result<SealState, SealRefused> {
        let key = match kind {
            SealKind::KeyFile => Some(parse_key(new.as_bytes()).ok_or(SealRefused::Unusable)?),
            SealKind::Passphrase if passphrase::may_seal(new.as_bytes()) => None,
            SealKind::Passphrase => return Err(SealRefused::Unusable),
        };
        // Without a secret of the caller's there would be the right alone.
        if Seal::read(&self.data).map_err(failed)?.is_elsewhere() {
            return Err(SealRefused::Elsewhere);
        }
        self.change(current, |seal, current| {
            let (kind, new) = match key {
                Some(key) => (Kind::KeyFile, Wrapping::Key(key)),
                None => Wrapping::of_passphrase(&secret(new), &SystemEntropy)?,
            };
            seal.rewrapped(current, (kind, &new), &SystemEntropy)
        })
    }

    fn rotate(&self, current: Option<&str>) -> Result<SealState, SealRefused> {
        self.change(current, |seal, current| {
            seal.with_new_root(current, &SystemEntropy)
        })
    }
}

#[cfg(test)]
mod tests;
