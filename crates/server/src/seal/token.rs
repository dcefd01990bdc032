//! A PKCS#11 token as the seal: the key that wraps the root key never leaves it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use crypto::SystemEntropy;
use crypto::secret::{Key32, SecretBytes};
use serde::{Deserialize, Serialize};
use token::{Settings, Slot, Token};
use zeroize::Zeroizing;

use super::SealError;
use super::settings::TokenSeal;
use super::wrapping::{PURPOSE, refuse_exposed};
use crate::{file, passphrase};

/// The key that a seal is under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenKey {
    /// The key's label.
    pub(super) label: String,
}

/// A token, and the key on it.
pub(crate) struct RootToken {
    token: Token,
    label: String,
}

impl RootToken {
    /// The token that `settings` name, for a seal under `key`.
    ///
    /// Fails if the PIN cannot be read. The token is not asked yet.
    pub(super) fn new(settings: &TokenSeal, key: &TokenKey) -> Result<Self, SealError> {
        let slot = Slot::Label(settings.token.clone());
        let mut wanted = Settings::new(settings.module.clone(), slot);
        wanted.timeout = Duration::from_secs(settings.timeout_seconds);
        wanted.sessions = 1;
        let named = wanted.slot.to_string();
        let pin = pin(&settings.pin_file)?;
        let token = Token::open(wanted, pin).map_err(|source| SealError::Token {
            slot: named,
            action: "open",
            source,
        })?;
        let label = key.label.clone();
        Ok(Self { token, label })
    }

    /// Makes the key on the token, unless it is there.
    pub(super) fn make_key(&self) -> Result<(), SealError> {
        let label = self.label.clone();
        let made = self
            .token
            .run_blocking(move |session| session.make_key(&label));
        made.map_err(|source| self.failed("seal", source))
    }

    /// `root` as the token's key seals it.
    pub(super) fn seal(&self, root: &Key32) -> Result<Vec<u8>, SealError> {
        let (label, root) = (self.label.clone(), root.clone());
        let sealed = self.token.run_blocking(move |session| {
            session.seal(&label, &SystemEntropy, PURPOSE, root.expose())
        });
        sealed.map_err(|source| self.failed("seal", source))
    }

    /// What the token's key opens in `sealed`; `None` if another key sealed it.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Option<SecretBytes>, SealError> {
        let (label, sealed) = (self.label.clone(), sealed.to_vec());
        let opened = self
            .token
            .run_blocking(move |session| session.open(&label, PURPOSE, &sealed));
        match opened {
            Ok(key) => Ok(Some(key)),
            Err(token::Error::Sealed(_)) => Ok(None),
            Err(source) => Err(self.failed("open", source)),
        }
    }

    fn failed(&self, action: &'static str, source: token::Error) -> SealError {
        SealError::Token {
            slot: self.token.settings().slot.to_string(),
            action,
            source,
        }
    }
}

impl std::fmt::Debug for RootToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootToken")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// The PIN in the first line of the file at `path`, which others may not read.
fn pin(path: &Path) -> Result<SecretBytes, SealError> {
    let failed = file::failed("reading", path);
    let file = File::open(path).map_err(failed)?;
    refuse_exposed(&file, || path.to_path_buf())?;
    let mut text = Zeroizing::new(Vec::with_capacity(2048));
    file.take(1024).read_to_end(&mut text).map_err(failed)?;
    passphrase::first_line(&text).ok_or_else(|| SealError::NoPassphrase {
        path: path.to_path_buf(),
    })
}
