//! Changes the seal of a running server: another seal, or another root key.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crypto::SystemEntropy;
use crypto::secret::SecretBytes;
use operator::{KeepSeal, SealKind, SealRefused, SealState};
use store::View;
use types::AccountId;

use crate::passphrase;
use crate::seal::{NewSeal, Seal, SealError};

/// Keeps the seal of a data directory.
///
/// It holds no key: what changes the seal opens it anew with what the caller has.
#[derive(Debug)]
pub(crate) struct Keeper {
    data: PathBuf,
    /// Held from reading the seal to writing it.
    turn: Mutex<()>,
}

impl Keeper {
    /// Keeps the seal of `data`, of which the caller has the lock.
    pub(crate) fn new(data: PathBuf) -> Self {
        let turn = Mutex::new(());
        Self { data, turn }
    }

    fn change(
        &self,
        change: impl FnOnce(&Seal) -> Result<Seal, SealError>,
    ) -> Result<SealState, SealRefused> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let seal = Seal::read(&self.data).map_err(failed)?;
        let changed = change(&seal).map_err(|refused| match refused {
            // A key file's content that is none does not open the seal either.
            SealError::Wrong { .. } | SealError::NotAKey { .. } => SealRefused::Wrong,
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

    fn rewrap(&self, current: &str, kind: SealKind, new: &str) -> Result<SealState, SealRefused> {
        let new = match kind {
            SealKind::KeyFile if Seal::is_key(new.as_bytes()) => NewSeal::KeyFile(secret(new)),
            // What a passphrase file could not hold could not be given again.
            SealKind::Passphrase
                if passphrase::first_line(new.as_bytes())
                    .is_some_and(|line| line.expose() == new.as_bytes()) =>
            {
                NewSeal::Passphrase(secret(new))
            }
            SealKind::KeyFile | SealKind::Passphrase => return Err(SealRefused::Unusable),
        };
        self.change(|seal| seal.rewrapped(&secret(current), &new, &SystemEntropy))
    }

    fn rotate(&self, current: &str) -> Result<SealState, SealRefused> {
        self.change(|seal| seal.with_new_root(&secret(current), &SystemEntropy))
    }
}
