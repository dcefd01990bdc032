//! The seal: how the root key is wrapped on disk, and how it is opened at start.
//!
//! `seal.json` in the data directory holds the root key, sealed by what the operator chose: a
//! key file, a passphrase (Argon2id), a KMS elsewhere, or a PKCS#11 token. None of these is in
//! the data directory: a stolen directory or backup opens nothing. A passphrase is read from a
//! file, or handed in by an operator while the server waits sealed. The root key wraps the data
//! key, from which every key of the data is derived: either can be replaced in one write of the
//! file.

pub(crate) mod kms;
pub(crate) mod settings;
pub(crate) mod token;
pub(crate) mod wrapping;

use std::fs;
use std::path::{Path, PathBuf};

use crypto::committing::CommittingKey;
use crypto::kdf::derive_key;
use crypto::mac::HmacSha256Key;
use crypto::secret::{Key32, SecretBytes};
use serde::{Deserialize, Serialize};
use types::Entropy;

use self::wrapping::{Kind, Wrapping};
use crate::config::SealConfig;
use crate::file::{self, FileError};

/// The sealed root key's file name in the data directory.
const FILE: &str = "seal.json";

/// What the sealed data key is bound to.
const DATA_PURPOSE: &[u8] = b"strongroom data key v1";

/// What the key of the file's MAC is derived for.
const MAC_LABEL: &str = "server/seal-file";

/// The format of the file.
const VERSION: u16 = 3;

/// The seal cannot be made or opened; the server refuses to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key file is not 64 hexadecimal digits, or all zero.
    #[error("`{path}` is not a key file: it must hold 64 hexadecimal digits, not all zero")]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// Others may read a file that holds a secret.
    #[error("`{path}` can be read by others: its mode must be 0600")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase is empty.
    #[error("`{path}` holds no passphrase in its first line")]
    NoPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// `seal.json` is damaged, or from a newer release.
    #[error("`{path}` is damaged or from a newer release")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The directory was sealed with the other kind of seal.
    #[error(
        "the data directory is sealed with a {sealed_by}, but the configuration names a {configured}"
    )]
    OtherKind {
        /// What it was sealed with.
        sealed_by: &'static str,
        /// What the configuration says.
        configured: &'static str,
    },
    /// The key or passphrase is not the one that sealed this directory.
    #[error("the {kind} does not open the seal of this data directory")]
    Wrong {
        /// Key file or passphrase.
        kind: &'static str,
    },
    /// The passphrase cannot seal a directory.
    #[error(
        "a passphrase that seals a directory has 8 to 1024 bytes of UTF-8 without control \
         characters, and does not begin like a share"
    )]
    Unfit,
    /// The seal cannot be written as JSON.
    #[error("the seal cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// The passphrase could not be stretched.
    #[error("deriving a key from the passphrase failed")]
    Derive,
    /// What opens the seal has to be given, and was not; or it needs nothing, and was.
    #[error("a {kind} is opened by {what}")]
    Secret {
        /// The seal.
        kind: &'static str,
        /// What it takes.
        what: &'static str,
    },
    /// The KMS elsewhere did not seal or open the root key.
    #[error("the KMS at {endpoint} did not {action} the root key")]
    Kms {
        /// The KMS.
        endpoint: String,
        /// `seal` or `open`.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The token did not seal or open the root key.
    #[error("{slot} did not {action} the root key")]
    Token {
        /// The token.
        slot: String,
        /// `seal` or `open`.
        action: &'static str,
        /// Why.
        #[source]
        source: ::token::Error,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealFile {
    version: u16,
    seal: Kind,
    /// Whether the first account has been committed: from then on a store must be there.
    initialised: bool,
    /// Which line of commits the store is: random, and another one after each restore.
    lineage: String,
    /// How often the root key was replaced.
    root_key_generation: u64,
    /// The root key, sealed by what the operator has; hexadecimal.
    sealed_root_key: String,
    /// The data key, sealed by the root key; hexadecimal.
    sealed_data_key: String,
    /// HMAC-SHA-256 of all of the above under a key derived from the data key; hexadecimal. Who
    /// can write the file and does not have the seal changes nothing in it unseen.
    mac: String,
}

impl SealFile {
    /// With the MAC that `data_key` gives it.
    fn authenticated(mut self, data_key: &Key32) -> Result<Self, SealError> {
        self.mac = hex::encode(mac_key(data_key).tag(&self.covered()?));
        Ok(self)
    }

    fn is_genuine(&self, data_key: &Key32) -> bool {
        let mac = hex::decode(&self.mac).ok();
        let mac = mac.and_then(|mac| <[u8; 32]>::try_from(mac).ok());
        let covered = self.covered().ok();
        mac.zip(covered)
            .is_some_and(|(mac, covered)| mac_key(data_key).verify(&covered, &mac))
    }

    /// What the MAC covers: the file without it, as JSON without spaces.
    fn covered(&self) -> Result<Vec<u8>, SealError> {
        let mut rest = self.clone();
        rest.mac = String::new();
        serde_json::to_vec(&rest).map_err(SealError::Encode)
    }
}

fn mac_key(data_key: &Key32) -> HmacSha256Key {
    HmacSha256Key::new(derive_key(data_key, MAC_LABEL, b"").expose())
}

/// What opening a seal came to.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The data key.
    Data(Key32),
    /// It is sealed with a passphrase that nobody has given yet.
    NeedsPassphrase,
}

/// A seal as it was read, of a data directory or of a backup.
#[derive(Debug)]
pub(crate) struct Seal {
    file: SealFile,
    path: PathBuf,
}

/// Whether `data` has been initialised.
pub(crate) fn exists(data: &Path) -> bool {
    data.join(FILE).exists()
}

/// Makes a new root key and data key, seals them as `seal` says, and writes the seal into `data`.
/// Returns the data key.
///
/// A missing key file is created with mode 0600; an existing one is used. Blocks while a KMS or
/// token is asked.
pub(crate) fn create(
    data: &Path,
    seal: &SealConfig,
    entropy: &dyn Entropy,
) -> Result<Key32, SealError> {
    let (kind, wrapping) = Wrapping::made(seal, entropy)?;
    let (root, data_key) = (Key32::generate(entropy), Key32::generate(entropy));
    let file = SealFile {
        version: VERSION,
        sealed_root_key: wrapping.seal(&root, entropy)?,
        seal: kind,
        initialised: false,
        lineage: lineage(entropy),
        root_key_generation: 0,
        sealed_data_key: sealed_data_key(&root, &data_key, entropy),
        mac: String::new(),
    };
    write(data, &file.authenticated(&data_key)?)?;
    Ok(data_key)
}

fn lineage(entropy: &dyn Entropy) -> String {
    let mut id = [0; 16];
    entropy.fill(&mut id);
    hex::encode(id)
}

fn sealed_data_key(root: &Key32, data_key: &Key32, entropy: &dyn Entropy) -> String {
    let key = CommittingKey::new(root);
    hex::encode(key.seal(entropy, DATA_PURPOSE, data_key.expose()))
}

/// Whether the directory has held a first account: a store that is missing is then a loss,
/// not a fresh start. Whoever opens the seal learns whether this is true.
pub(crate) fn is_initialised(data: &Path) -> Result<bool, SealError> {
    Seal::read(data).map(|seal| seal.is_initialised())
}

/// Notes that the first account is committed.
pub(crate) fn note_initialised(data: &Path, data_key: &Key32) -> Result<(), SealError> {
    let mut file = Seal::read(data)?.genuine(data_key)?.file;
    file.initialised = true;
    write(data, &file.authenticated(data_key)?)
}

fn write(data: &Path, file: &SealFile) -> Result<(), SealError> {
    let path = data.join(FILE);
    let text = serde_json::to_vec_pretty(file).map_err(SealError::Encode)?;
    Ok(file::write_durably(&path, &text)?)
}

/// The content of the seal's file in `data`, for a backup.
pub(crate) fn content(data: &Path) -> Result<Vec<u8>, FileError> {
    let path = data.join(FILE);
    fs::read(&path).map_err(file::failed("reading", &path))
}

/// Opens the data key of `data` with what `seal` names.
pub(crate) fn open(data: &Path, seal: &SealConfig) -> Result<Opened, SealError> {
    Seal::read(data)?.open(seal)
}

/// Opens the data key of `data`, which is sealed with a passphrase; see
/// [`Seal::open_with_passphrase`].
pub(crate) fn open_with_passphrase(
    data: &Path,
    passphrase: &SecretBytes,
) -> Result<Key32, SealError> {
    Seal::read(data)?.open_with_passphrase(passphrase)
}

impl Seal {
    /// The seal of a data directory.
    pub(crate) fn read(data: &Path) -> Result<Self, SealError> {
        Self::parse(&content(data)?, data.join(FILE))
    }

    /// The seal in `content`, which came from `path`.
    pub(crate) fn parse(content: &[u8], path: PathBuf) -> Result<Self, SealError> {
        match serde_json::from_slice::<SealFile>(content) {
            Ok(file) if file.version == VERSION => Ok(Self { file, path }),
            Ok(_) | Err(_) => Err(SealError::Damaged { path }),
        }
    }

    /// Writes it as the seal of `data`, a directory that has none.
    pub(crate) fn create_in(&self, data: &Path) -> Result<(), SealError> {
        write(data, &self.file)
    }

    /// Opens the data key with what `seal` names. Blocks while a KMS or token is asked.
    pub(crate) fn open(&self, seal: &SealConfig) -> Result<Opened, SealError> {
        if self.waits_for_a_passphrase(seal) {
            return Ok(Opened::NeedsPassphrase);
        }
        let wrapping = Wrapping::configured(&self.file.seal, seal)?;
        self.data_key(&wrapping).map(Opened::Data)
    }

    /// Whether a server that is started with `seal` waits for a passphrase.
    pub(crate) fn waits_for_a_passphrase(&self, seal: &SealConfig) -> bool {
        let is_unnamed = matches!(seal, SealConfig::Unnamed { .. });
        is_unnamed && matches!(self.file.seal, Kind::Passphrase(_))
    }

    /// Opens the data key, which is sealed with a passphrase.
    ///
    /// Takes about a second and 256 MiB: call it off the async threads. Fails with
    /// [`SealError::Wrong`] if it is another passphrase.
    pub(crate) fn open_with_passphrase(
        &self,
        passphrase: &SecretBytes,
    ) -> Result<Key32, SealError> {
        let Kind::Passphrase(stretching) = &self.file.seal else {
            return Err(SealError::OtherKind {
                sealed_by: self.kind(),
                configured: "passphrase",
            });
        };
        let key = stretching.stretch(passphrase)?;
        self.data_key(&Wrapping::Key(key.ok_or_else(|| self.damaged())?))
    }

    /// Which line of commits the store of this directory is.
    pub(crate) fn lineage(&self) -> &str {
        &self.file.lineage
    }

    /// The seal of a directory that goes on from a backup: another line of commits.
    pub(crate) fn with_new_lineage(
        mut self,
        data_key: &Key32,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealError> {
        self.file.lineage = lineage(entropy);
        self.file = self.file.authenticated(data_key)?;
        Ok(self)
    }

    /// This seal, unless somebody without `data_key` has changed it.
    pub(crate) fn genuine(self, data_key: &Key32) -> Result<Self, SealError> {
        if self.file.is_genuine(data_key) {
            Ok(self)
        } else {
            Err(self.damaged())
        }
    }

    /// Whether the directory has held a first account.
    pub(crate) fn is_initialised(&self) -> bool {
        self.file.initialised
    }

    /// The kind of seal, in words.
    pub(crate) fn kind(&self) -> &'static str {
        self.file.seal.name()
    }

    /// Whether somebody else has the last word about it: the holder of a KMS key or a token.
    pub(crate) fn is_elsewhere(&self) -> bool {
        match self.file.seal {
            Kind::Kms(_) | Kind::Token(_) => true,
            Kind::KeyFile | Kind::Passphrase(_) => false,
        }
    }

    /// How often the root key was replaced.
    pub(crate) fn generation(&self) -> u64 {
        self.file.root_key_generation
    }

    /// What opens this seal: `secret`, the content of a key file or a passphrase, or for a KMS or
    /// a token, which need none, what `seal` says of them.
    ///
    /// Fails with [`SealError::Secret`] if a secret is missing or not needed.
    pub(crate) fn wrapping(
        &self,
        secret: Option<&SecretBytes>,
        seal: &SealConfig,
    ) -> Result<Wrapping, SealError> {
        let kind = &self.file.seal;
        let expected = |what| SealError::Secret {
            kind: kind.name(),
            what,
        };
        match (kind, secret) {
            (Kind::KeyFile, Some(secret)) => {
                let key = wrapping::parse_key(secret.expose());
                key.map(Wrapping::Key).ok_or_else(|| self.wrong())
            }
            (Kind::Passphrase(stretching), Some(secret)) => {
                let key = stretching.stretch(secret)?;
                key.map(Wrapping::Key).ok_or_else(|| self.damaged())
            }
            (Kind::KeyFile | Kind::Passphrase(_), None) => Err(expected(
                "its content or the passphrase, which has to be given",
            )),
            (Kind::Kms(_) | Kind::Token(_), None) => Wrapping::configured(kind, seal),
            (Kind::Kms(_) | Kind::Token(_), Some(_)) => Err(expected(
                "what the configuration says, and nothing is to be given",
            )),
        }
    }

    /// What opens this seal, as `seal` says.
    pub(crate) fn wrapping_configured(&self, seal: &SealConfig) -> Result<Wrapping, SealError> {
        Wrapping::configured(&self.file.seal, seal)
    }

    /// The same root key under another seal: of `kind`, which `new` opens.
    ///
    /// Fails with [`SealError::Wrong`] unless `current` opens this one.
    pub(crate) fn rewrapped(
        &self,
        current: &Wrapping,
        (kind, new): (Kind, &Wrapping),
        entropy: &dyn Entropy,
    ) -> Result<Self, SealError> {
        let root = self.root_key(current)?;
        let mut file = self.file.clone();
        file.seal = kind;
        file.sealed_root_key = new.seal(&root, entropy)?;
        self.checked(file, new, &self.under(&root)?)
    }

    /// The same seal with a new root key: the one before opens nothing in it.
    ///
    /// Fails with [`SealError::Wrong`] unless `current` opens this one.
    pub(crate) fn with_new_root(
        &self,
        current: &Wrapping,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealError> {
        let data_key = self.data_key(current)?;
        let root = Key32::generate(entropy);
        let mut file = self.file.clone();
        file.root_key_generation = file.root_key_generation.saturating_add(1);
        file.sealed_root_key = current.seal(&root, entropy)?;
        file.sealed_data_key = sealed_data_key(&root, &data_key, entropy);
        self.checked(file, current, &data_key)
    }

    /// Puts it in the place of the seal of `data`, in one step: after a crash there is one of
    /// the two, and either is whole.
    pub(crate) fn replace_in(&self, data: &Path) -> Result<(), SealError> {
        write(data, &self.file)
    }

    /// The seal that `file` makes, if `wrapping` opens `data_key` in it.
    fn checked(
        &self,
        file: SealFile,
        wrapping: &Wrapping,
        data_key: &Key32,
    ) -> Result<Self, SealError> {
        let path = self.path.clone();
        let file = file.authenticated(data_key)?;
        let seal = Self { file, path };
        if seal.data_key(wrapping)?.ct_eq(data_key) {
            Ok(seal)
        } else {
            Err(seal.damaged())
        }
    }

    fn data_key(&self, wrapping: &Wrapping) -> Result<Key32, SealError> {
        self.under(&self.root_key(wrapping)?)
    }

    fn root_key(&self, wrapping: &Wrapping) -> Result<Key32, SealError> {
        let sealed = hex::decode(&self.file.sealed_root_key).map_err(|_source| self.damaged())?;
        let root = wrapping.open(&sealed)?;
        root.ok_or_else(|| self.wrong())
    }

    /// The data key that `root` seals.
    fn under(&self, root: &Key32) -> Result<Key32, SealError> {
        let damaged = || self.damaged();
        let sealed = hex::decode(&self.file.sealed_data_key).map_err(|_source| damaged())?;
        let opened = CommittingKey::new(root).open(DATA_PURPOSE, &sealed);
        let opened = opened.map_err(|_source| damaged())?;
        let data_key = Key32::try_from(opened.expose()).map_err(|_source| damaged())?;
        if !self.file.is_genuine(&data_key) {
            return Err(damaged());
        }
        Ok(data_key)
    }

    fn wrong(&self) -> SealError {
        SealError::Wrong { kind: self.kind() }
    }

    fn damaged(&self) -> SealError {
        SealError::Damaged {
            path: self.path.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
