//! Changes the seal of a running server: another seal, or another root key.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crypto::SystemEntropy;
use crypto::secret::SecretBytes;
use operator::{KeepSeal, SealKind, SealRefused, SealState};
use store::View;
use types::AccountId;

use crate::config::SealConfig;
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
    /// Held from reading the seal to writing it.
    turn: Mutex<()>,
}

impl Keeper {
    /// Keeps the seal of `data`, of which the caller has the lock; `seal` says how it is opened
    /// if that needs no secret.
    pub(crate) fn new(data: PathBuf, seal: SealConfig) -> Self {
        let turn = Mutex::new(());
        Self { data, seal, turn }
    }

    fn change(
        &self,
        current: Option<&str>,
        change: impl FnOnce(&Seal, &Wrapping) -> Result<Seal, SealError>,
    ) -> Result<SealState, SealRefused> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
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
