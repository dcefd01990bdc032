//! What keeps the seal: the server, which alone knows its file.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use store::View;
use types::AccountId;

/// The kinds of seal that a root key can be put under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealKind {
    /// A key file.
    KeyFile,
    /// A passphrase.
    Passphrase,
}

/// The seal as it is after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealState {
    /// What opens it, in words.
    pub kind: &'static str,
    /// How often the root key was replaced.
    pub generation: u64,
}

/// Why the seal stays as it is.
#[derive(Debug)]
pub enum SealRefused {
    /// What was given does not open the seal.
    Wrong,
    /// What opens the seal is missing, or the seal needs nothing to be given.
    Secret,
    /// What is to open it from now on cannot be used.
    Unusable,
    /// Whoever holds the KMS key or the token has the last word about the seal.
    Elsewhere,
    /// Reading or writing failed.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// A turn at the seal: nobody else has one until it is dropped.
pub trait SealTurn: Send {
    /// Says whether what was given opened the seal. Whoever keeps being wrong waits ever longer
    /// for the next turn; who says nothing waits as before.
    fn tried(&mut self, was_wrong: bool);
}

/// Changes the seal of the deployment that it belongs to. Every change is one step: after a
/// crash the seal is the old one or the new one.
///
/// `current` is the content of the key file or the passphrase; a seal that the server opens by
/// itself, a KMS or a token, takes none.
pub trait KeepSeal: fmt::Debug + Send + Sync {
    /// The account that the deployment belongs to: its first; `None` before there is one.
    fn owner(&self, view: &View) -> Option<AccountId>;

    /// A turn for `who`, which whoever calls one of the others has. Fails with how long to wait
    /// if somebody else has the turn, or if `who` was wrong a short time ago.
    fn turn(&self, who: &str) -> Result<Box<dyn SealTurn>, Duration>;

    /// Puts the root key under another seal. Blocks; a passphrase takes about a second.
    ///
    /// Fails with [`SealRefused::Elsewhere`] if a KMS elsewhere or a token has it now: what the
    /// server opens by itself would else be anybody's who may call this.
    fn rewrap(
        &self,
        current: Option<&str>,
        kind: SealKind,
        new: &str,
    ) -> Result<SealState, SealRefused>;

    /// Whether the server, once it is sealed, waits for a passphrase, also when it is started
    /// anew.
    fn waits_for_a_passphrase(&self) -> Result<bool, Box<dyn std::error::Error + Send + Sync>>;

    /// Has the server sealed. It goes on with what has begun, and tells nobody when it is done.
    fn seal(&self);

    /// Makes a new root key, which takes the place of the one before.
    fn rotate(&self, current: Option<&str>) -> Result<SealState, SealRefused>;
}

/// The part of the server that keeps the seal.
#[derive(Debug, Clone)]
pub struct Seals(pub Arc<dyn KeepSeal>);
