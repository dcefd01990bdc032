//! What wraps the root key: a key that the operator has, a KMS elsewhere, or a token.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crypto::committing::CommittingKey;
use crypto::password::{self, Params};
use crypto::secret::{Key32, SecretBytes};
use serde::{Deserialize, Serialize};
use types::Entropy;
use zeroize::Zeroizing;

use super::SealError;
use super::kms::{KmsKey, RemoteKms};
use super::token::{RootToken, TokenKey};
use crate::config::SealConfig;
use crate::file::{self, FileError};
use crate::passphrase;

/// What the sealed root key is bound to.
pub(super) const PURPOSE: &[u8] = b"strongroom root key v1";

/// The kind of a seal, and what has to be known to open it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Kind {
    /// A key file.
    KeyFile,
    /// A passphrase.
    Passphrase(Stretching),
    /// A key of a KMS elsewhere.
    Kms(KmsKey),
    /// A key on a PKCS#11 token.
    Token(TokenKey),
}

/// How a passphrase becomes a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stretching {
    salt: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// What seals and opens a root key.
#[derive(Debug)]
pub(crate) enum Wrapping {
    /// A key, from a key file or of a passphrase.
    Key(Key32),
    /// A KMS elsewhere.
    Kms(RemoteKms),
    /// A PKCS#11 token.
    Token(RootToken),
}

impl Kind {
    /// The kind in words.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::KeyFile => "key file",
            Self::Passphrase(_) => "passphrase",
            Self::Kms(_) => "key of another KMS",
            Self::Token(_) => "PKCS#11 token",
        }
    }
}

impl SealConfig {
    fn name(&self) -> &'static str {
        match self {
            Self::KeyFile(_) | Self::Unnamed { .. } => "key file",
            Self::PassphraseFile(_) => "passphrase",
            Self::Kms(_) => "key of another KMS",
            Self::Token(_) => "PKCS#11 token",
        }
    }
}

impl Stretching {
    /// A new salt, with the parameters of this release.
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut salt = [0_u8; 16];
        entropy.fill(&mut salt);
        let params = Params::default();
        Self {
            salt: hex::encode(salt),
            memory_kib: params.memory_kib,
            passes: params.passes,
            lanes: params.lanes,
        }
    }

    /// The key that `passphrase` gives; `None` if the salt is damaged.
    pub(crate) fn stretch(&self, passphrase: &SecretBytes) -> Result<Option<Key32>, SealError> {
        let salt = hex::decode(&self.salt).ok();
        let Some(salt) = salt.and_then(|salt| <[u8; 16]>::try_from(salt).ok()) else {
            return Ok(None);
        };
        let params = Params {
            memory_kib: self.memory_kib,
            passes: self.passes,
            lanes: self.lanes,
        };
        let key = password::derive(passphrase, &salt, params);
        key.map(Some).map_err(|_source| SealError::Derive)
    }
}

impl Wrapping {
    /// A new seal as `seal` says. A missing key file is created, and a missing key of a token.
    pub(crate) fn made(
        seal: &SealConfig,
        entropy: &dyn Entropy,
    ) -> Result<(Kind, Self), SealError> {
        Ok(match seal {
            SealConfig::KeyFile(path) | SealConfig::Unnamed { key_file: path } => {
                if !path.exists() {
                    create_key_file(path, entropy)?;
                }
                (Kind::KeyFile, Self::Key(read_key_file(path)?))
            }
            SealConfig::PassphraseFile(path) => {
                let passphrase = read_passphrase_file(path)?;
                Self::of_passphrase(&passphrase, entropy)?
            }
            SealConfig::Kms(settings) => {
                let key = settings.key();
                let remote = RemoteKms::new(settings, &key);
                (Kind::Kms(key), Self::Kms(remote))
            }
            SealConfig::Token(settings) => {
                let key = settings.key();
                let token = RootToken::new(settings, &key)?;
                token.make_key()?;
                (Kind::Token(key), Self::Token(token))
            }
        })
    }

    /// A new seal that `passphrase` opens.
    pub(crate) fn of_passphrase(
        passphrase: &SecretBytes,
        entropy: &dyn Entropy,
    ) -> Result<(Kind, Self), SealError> {
        if !passphrase::may_seal(passphrase.expose()) {
            return Err(SealError::Unfit);
        }
        let stretching = Stretching::new(entropy);
        let key = stretching.stretch(passphrase)?.ok_or(SealError::Derive)?;
        Ok((Kind::Passphrase(stretching), Self::Key(key)))
    }

    /// What opens a seal of `kind`, as `seal` says.
    ///
    /// Fails with [`SealError::OtherKind`] if that names another kind.
    pub(crate) fn configured(kind: &Kind, seal: &SealConfig) -> Result<Self, SealError> {
        match (kind, seal) {
            (Kind::KeyFile, SealConfig::KeyFile(path) | SealConfig::Unnamed { key_file: path }) => {
                read_key_file(path).map(Self::Key)
            }
            (Kind::Passphrase(stretching), SealConfig::PassphraseFile(path)) => {
                let key = stretching.stretch(&read_passphrase_file(path)?)?;
                key.map(Self::Key).ok_or(SealError::Derive)
            }
            (Kind::Kms(key), SealConfig::Kms(settings)) => {
                Ok(Self::Kms(RemoteKms::new(settings, key)))
            }
            (Kind::Token(key), SealConfig::Token(settings)) => {
                RootToken::new(settings, key).map(Self::Token)
            }
            (kind, seal) => Err(SealError::OtherKind {
                sealed_by: kind.name(),
                configured: seal.name(),
            }),
        }
    }

    /// The sealed form of `root`, hexadecimal.
    pub(super) fn seal(&self, root: &Key32, entropy: &dyn Entropy) -> Result<String, SealError> {
        let sealed = match self {
            Self::Key(key) => CommittingKey::new(key).seal(entropy, PURPOSE, root.expose()),
            Self::Kms(kms) => kms.seal(root)?,
            Self::Token(token) => token.seal(root)?,
        };
        Ok(hex::encode(sealed))
    }

    /// The root key in `sealed`; `None` if that is sealed by something else.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Option<Key32>, SealError> {
        let opened = match self {
            Self::Key(key) => CommittingKey::new(key).open(PURPOSE, sealed).ok(),
            Self::Kms(kms) => kms.open(sealed)?,
            Self::Token(token) => token.open(sealed)?,
        };
        Ok(opened.and_then(|key| Key32::try_from(key.expose()).ok()))
    }
}

fn create_key_file(path: &Path, entropy: &dyn Entropy) -> Result<(), FileError> {
    let key = Key32::generate(entropy);
    let mut text = Zeroizing::new(hex::encode(key.expose()));
    text.push('\n');
    file::create_durably(path, text.as_bytes())
}

/// The key in the key file at `path`.
///
/// Fails if it holds none, or if others may read it.
pub(crate) fn read_key_file(path: &Path) -> Result<Key32, SealError> {
    let failed = file::failed("reading", path);
    let at = || path.to_path_buf();
    let file = File::open(path).map_err(failed)?;
    refuse_exposed(&file, at)?;
    let mut text = Zeroizing::new(Vec::with_capacity(2048));
    file.take(1024).read_to_end(&mut text).map_err(failed)?;
    parse_key(&text).ok_or_else(|| SealError::NotAKey { path: at() })
}

/// Fails if others may read `file`.
pub(crate) fn refuse_exposed(file: &File, path: impl Fn() -> PathBuf) -> Result<(), SealError> {
    let metadata = file.metadata().map_err(file::failed("reading", &path()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(SealError::Exposed { path: path() });
    }
    Ok(())
}

/// The key that 64 hexadecimal digits, in the content of a key file, say; not all zero.
pub(crate) fn parse_key(content: &[u8]) -> Option<Key32> {
    let bytes = Zeroizing::new(hex::decode(content.trim_ascii()).ok()?);
    let key = Key32::try_from(bytes.as_slice()).ok()?;
    (!key.is_all_zero()).then_some(key)
}

/// The passphrase in the first line of the file at `path`.
///
/// Fails if there is none, or if others may read it.
pub(crate) fn read_passphrase_file(path: &Path) -> Result<SecretBytes, SealError> {
    let failed = file::failed("reading", path);
    let file = File::open(path).map_err(failed)?;
    refuse_exposed(&file, || path.to_path_buf())?;
    // With room for all that is read: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(8192));
    file.take(4096).read_to_end(&mut text).map_err(failed)?;
    passphrase::first_line(&text).ok_or_else(|| SealError::NoPassphrase {
        path: path.to_path_buf(),
    })
}
