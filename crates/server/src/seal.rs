//! The seal: how the root key is wrapped on disk, and how it is opened at start.
//!
//! `seal.json` in the data directory holds the root key, sealed by a key-encryption key that
//! comes from a key file or from a passphrase (Argon2id). Neither is in the data directory:
//! a stolen directory or backup opens nothing. A passphrase is read from a file, or handed
//! in by an operator while the server waits sealed. The root key wraps the data key, from which
//! every key of the data is derived: either can be replaced in one write of the file.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crypto::committing::CommittingKey;
use crypto::password::{self, Params};
use crypto::secret::{Key32, SecretBytes};
use serde::{Deserialize, Serialize};
use types::Entropy;
use zeroize::Zeroizing;

use crate::config::SealConfig;
use crate::file::{self, FileError};
use crate::passphrase;

/// The sealed root key's file name in the data directory.
const FILE: &str = "seal.json";

/// What the sealed root key is bound to.
const PURPOSE: &[u8] = b"strongroom root key v1";

/// What the sealed data key is bound to.
const DATA_PURPOSE: &[u8] = b"strongroom data key v1";

/// The format of the file.
const VERSION: u16 = 2;

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
    /// Others may read the key file.
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
    /// The passphrase could not be stretched.
    #[error("deriving a key from the passphrase failed")]
    Derive,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealFile {
    version: u16,
    seal: Kind,
    /// Whether the first account has been committed: from then on a store must be there.
    initialised: bool,
    /// How often the root key was replaced.
    root_key_generation: u64,
    /// The root key, sealed by what the operator has; hexadecimal.
    sealed_root_key: String,
    /// The data key, sealed by the root key; hexadecimal.
    sealed_data_key: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Kind {
    KeyFile,
    Passphrase {
        salt: String,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::KeyFile => "key file",
            Self::Passphrase { .. } => "passphrase",
        }
    }
}

impl SealConfig {
    fn name(&self) -> &'static str {
        match self {
            Self::KeyFile(_) | Self::Unnamed { .. } => "key file",
            Self::PassphraseFile(_) => "passphrase",
        }
    }
}

/// What opening a seal came to.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The data key.
    Data(Key32),
    /// It is sealed with a passphrase that nobody has given yet.
    NeedsPassphrase,
}

/// What is to open a seal from now on.
#[derive(Debug)]
pub(crate) enum NewSeal {
    /// The content of a key file.
    KeyFile(SecretBytes),
    /// A passphrase.
    Passphrase(SecretBytes),
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
/// A missing key file is created with mode 0600; an existing one is used.
pub(crate) fn create(
    data: &Path,
    seal: &SealConfig,
    entropy: &dyn Entropy,
) -> Result<Key32, SealError> {
    let (kind, wrapping) = match seal {
        SealConfig::KeyFile(path) | SealConfig::Unnamed { key_file: path } => {
            if !path.exists() {
                create_key_file(path, entropy)?;
            }
            (Kind::KeyFile, read_key_file(path)?)
        }
        SealConfig::PassphraseFile(path) => passphrase_kind(&read_passphrase_file(path)?, entropy)?,
    };
    let (root, data_key) = (Key32::generate(entropy), Key32::generate(entropy));
    let file = SealFile {
        version: VERSION,
        seal: kind,
        initialised: false,
        root_key_generation: 0,
        sealed_root_key: hex::encode(sealed(&wrapping, PURPOSE, &root, entropy)),
        sealed_data_key: hex::encode(sealed(&root, DATA_PURPOSE, &data_key, entropy)),
    };
    write(data, &file)?;
    Ok(data_key)
}

/// A new salt for `passphrase`, and what it gives.
fn passphrase_kind(
    passphrase: &SecretBytes,
    entropy: &dyn Entropy,
) -> Result<(Kind, Key32), SealError> {
    let mut salt = [0_u8; 16];
    entropy.fill(&mut salt);
    let params = Params::default();
    let key = stretch(passphrase, &salt, params)?;
    let kind = Kind::Passphrase {
        salt: hex::encode(salt),
        memory_kib: params.memory_kib,
        passes: params.passes,
        lanes: params.lanes,
    };
    Ok((kind, key))
}

fn sealed(by: &Key32, purpose: &[u8], key: &Key32, entropy: &dyn Entropy) -> Vec<u8> {
    CommittingKey::new(by).seal(entropy, purpose, key.expose())
}

/// Whether the directory has held a first account: a store that is missing is then a loss,
/// not a fresh start.
pub(crate) fn is_initialised(data: &Path) -> Result<bool, SealError> {
    Seal::read(data).map(|seal| seal.file.initialised)
}

/// Notes that the first account is committed.
pub(crate) fn note_initialised(data: &Path) -> Result<(), SealError> {
    let mut file = Seal::read(data)?.file;
    file.initialised = true;
    write(data, &file)
}

fn write(data: &Path, file: &SealFile) -> Result<(), SealError> {
    let path = data.join(FILE);
    let text = serde_json::to_vec_pretty(file)
        .map_err(|_source| SealError::Damaged { path: path.clone() })?;
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

    /// Opens the data key with what `seal` names.
    pub(crate) fn open(&self, seal: &SealConfig) -> Result<Opened, SealError> {
        match (&self.file.seal, seal) {
            (Kind::KeyFile, SealConfig::KeyFile(path) | SealConfig::Unnamed { key_file: path }) => {
                self.data_key(&read_key_file(path)?).map(Opened::Data)
            }
            (Kind::Passphrase { .. }, SealConfig::PassphraseFile(path)) => {
                let passphrase = read_passphrase_file(path)?;
                self.open_with_passphrase(&passphrase).map(Opened::Data)
            }
            (Kind::Passphrase { .. }, SealConfig::Unnamed { .. }) => Ok(Opened::NeedsPassphrase),
            (kind, seal) => Err(SealError::OtherKind {
                sealed_by: kind.name(),
                configured: seal.name(),
            }),
        }
    }

    /// Opens the data key, which is sealed with a passphrase.
    ///
    /// Takes about a second and 256 MiB: call it off the async threads. Fails with
    /// [`SealError::Wrong`] if it is another passphrase.
    pub(crate) fn open_with_passphrase(
        &self,
        passphrase: &SecretBytes,
    ) -> Result<Key32, SealError> {
        self.data_key(&self.stretched(passphrase)?)
    }

    /// The kind of seal.
    pub(crate) fn kind(&self) -> &'static str {
        self.file.seal.name()
    }

    /// How often the root key was replaced.
    pub(crate) fn generation(&self) -> u64 {
        self.file.root_key_generation
    }

    /// The same root key under another seal, which `new` opens.
    ///
    /// Fails with [`SealError::Wrong`] unless `current` opens this one.
    pub(crate) fn rewrapped(
        &self,
        current: &SecretBytes,
        new: &NewSeal,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealError> {
        let root = self.root_key(&self.wrapping(current)?)?;
        let (seal, wrapping) = match new {
            NewSeal::KeyFile(text) => (Kind::KeyFile, self.key_in(text)?),
            NewSeal::Passphrase(passphrase) => passphrase_kind(passphrase, entropy)?,
        };
        let mut file = self.file.clone();
        file.seal = seal;
        file.sealed_root_key = hex::encode(sealed(&wrapping, PURPOSE, &root, entropy));
        self.checked(file, &wrapping, &self.under(&root)?)
    }

    /// The same seal with a new root key: the one before opens nothing in it.
    ///
    /// Fails with [`SealError::Wrong`] unless `current` opens this one.
    pub(crate) fn with_new_root(
        &self,
        current: &SecretBytes,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealError> {
        let wrapping = self.wrapping(current)?;
        let data_key = self.data_key(&wrapping)?;
        let root = Key32::generate(entropy);
        let mut file = self.file.clone();
        file.root_key_generation = file.root_key_generation.saturating_add(1);
        file.sealed_root_key = hex::encode(sealed(&wrapping, PURPOSE, &root, entropy));
        file.sealed_data_key = hex::encode(sealed(&root, DATA_PURPOSE, &data_key, entropy));
        self.checked(file, &wrapping, &data_key)
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
        wrapping: &Key32,
        data_key: &Key32,
    ) -> Result<Self, SealError> {
        let path = self.path.clone();
        let seal = Self { file, path };
        if seal.data_key(wrapping)?.ct_eq(data_key) {
            Ok(seal)
        } else {
            Err(seal.damaged())
        }
    }

    /// What `secret`, the content of a key file or a passphrase, gives for this seal.
    fn wrapping(&self, secret: &SecretBytes) -> Result<Key32, SealError> {
        match &self.file.seal {
            Kind::KeyFile => self.key_in(secret),
            Kind::Passphrase { .. } => self.stretched(secret),
        }
    }

    /// Whether `content` is what a key file holds.
    pub(crate) fn is_key(content: &[u8]) -> bool {
        parse_key(content).is_some()
    }

    /// The key in the content of a key file.
    fn key_in(&self, text: &SecretBytes) -> Result<Key32, SealError> {
        parse_key(text.expose()).ok_or_else(|| SealError::NotAKey {
            path: self.path.clone(),
        })
    }

    fn stretched(&self, passphrase: &SecretBytes) -> Result<Key32, SealError> {
        let Kind::Passphrase {
            salt,
            memory_kib,
            passes,
            lanes,
        } = &self.file.seal
        else {
            return Err(SealError::OtherKind {
                sealed_by: self.file.seal.name(),
                configured: "passphrase",
            });
        };
        let salt = hex::decode(salt).ok().and_then(|salt| salt.try_into().ok());
        let salt = salt.ok_or_else(|| self.damaged())?;
        let params = Params {
            memory_kib: *memory_kib,
            passes: *passes,
            lanes: *lanes,
        };
        stretch(passphrase, &salt, params)
    }

    /// The data key, of which `wrapping` seals the root key.
    fn data_key(&self, wrapping: &Key32) -> Result<Key32, SealError> {
        self.under(&self.root_key(wrapping)?)
    }

    fn root_key(&self, wrapping: &Key32) -> Result<Key32, SealError> {
        let root = self.opened(wrapping, PURPOSE, &self.file.sealed_root_key)?;
        root.ok_or_else(|| SealError::Wrong {
            kind: self.file.seal.name(),
        })
    }

    /// The data key that `root` seals.
    fn under(&self, root: &Key32) -> Result<Key32, SealError> {
        let data_key = self.opened(root, DATA_PURPOSE, &self.file.sealed_data_key)?;
        data_key.ok_or_else(|| self.damaged())
    }

    /// The key that `by` seals in `text`; `None` if another key does.
    fn opened(&self, by: &Key32, purpose: &[u8], text: &str) -> Result<Option<Key32>, SealError> {
        let sealed = hex::decode(text).map_err(|_source| self.damaged())?;
        let Ok(key) = CommittingKey::new(by).open(purpose, &sealed) else {
            return Ok(None);
        };
        let key = Key32::try_from(key.expose()).map_err(|_source| self.damaged())?;
        Ok(Some(key))
    }

    fn damaged(&self) -> SealError {
        SealError::Damaged {
            path: self.path.clone(),
        }
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
    let not_a_key = || SealError::NotAKey {
        path: path.to_path_buf(),
    };
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(SealError::Exposed {
            path: path.to_path_buf(),
        });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(2048));
    Read::by_ref(&mut file)
        .take(1024)
        .read_to_end(&mut text)
        .map_err(failed)?;
    parse_key(&text).ok_or_else(not_a_key)
}

/// The key that 64 hexadecimal digits, in the content of a key file, say; not all zero.
fn parse_key(content: &[u8]) -> Option<Key32> {
    let bytes = Zeroizing::new(hex::decode(content.trim_ascii()).ok()?);
    let key = Key32::try_from(bytes.as_slice()).ok()?;
    (!key.is_all_zero()).then_some(key)
}

fn read_passphrase_file(path: &Path) -> Result<SecretBytes, SealError> {
    let text = Zeroizing::new(fs::read(path).map_err(file::failed("reading", path))?);
    passphrase::first_line(&text).ok_or_else(|| SealError::NoPassphrase {
        path: path.to_path_buf(),
    })
}

fn stretch(passphrase: &SecretBytes, salt: &[u8; 16], params: Params) -> Result<Key32, SealError> {
    password::derive(passphrase, salt, params).map_err(|_source| SealError::Derive)
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;

    use super::*;

    fn key_file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    fn root_of(data: &Path, seal: &SealConfig) -> Result<Key32, SealError> {
        match open(data, seal)? {
            Opened::Data(key) => Ok(key),
            Opened::NeedsPassphrase => panic!("a passphrase is asked for"),
        }
    }

    fn check_refused(text: &str) {
        let (_dir, path) = key_file(text, 0o600);
        let data = tempfile::tempdir().unwrap();
        let refused = create(data.path(), &SealConfig::KeyFile(path), &SystemEntropy);
        assert!(matches!(refused, Err(SealError::NotAKey { .. })), "{text}");
        assert!(!exists(data.path()));
    }

    #[test]
    fn an_empty_key_file_is_refused() {
        check_refused("");
    }

    #[test]
    fn a_short_key_is_refused() {
        check_refused(&"ab".repeat(31));
    }

    #[test]
    fn an_all_zero_key_is_refused() {
        check_refused(&"00".repeat(32));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let (_dir, path) = key_file(&"ab".repeat(32), 0o644);
        let data = tempfile::tempdir().unwrap();
        let refused = create(data.path(), &SealConfig::KeyFile(path), &SystemEntropy);
        assert!(matches!(refused, Err(SealError::Exposed { .. })));
    }

    #[test]
    fn the_root_key_opens_again_with_the_same_key_file() {
        let data = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let seal = SealConfig::KeyFile(other.path().join("key"));
        let root = create(data.path(), &seal, &SystemEntropy).unwrap();
        assert_eq!(root_of(data.path(), &seal).unwrap().expose(), root.expose());
        let mode = fs::metadata(other.path().join("key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn another_key_or_another_kind_of_seal_does_not_open() {
        let data = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let seal = SealConfig::KeyFile(other.path().join("key"));
        create(data.path(), &seal, &SystemEntropy).unwrap();
        let (_dir, wrong) = key_file(&"ab".repeat(32), 0o600);
        assert!(matches!(
            open(data.path(), &SealConfig::KeyFile(wrong.clone())),
            Err(SealError::Wrong { .. })
        ));
        assert!(matches!(
            open(data.path(), &SealConfig::PassphraseFile(wrong)),
            Err(SealError::OtherKind { .. })
        ));
    }

    #[test]
    fn the_root_key_opens_again_with_the_same_passphrase_only() {
        let data = tempfile::tempdir().unwrap();
        let (dir, path) = key_file("correct horse\nsecond line\n", 0o600);
        let seal = SealConfig::PassphraseFile(path);
        let root = create(data.path(), &seal, &SystemEntropy).unwrap();
        assert_eq!(root_of(data.path(), &seal).unwrap().expose(), root.expose());
        let unnamed = SealConfig::Unnamed {
            key_file: dir.path().join("none"),
        };
        assert!(matches!(
            open(data.path(), &unnamed),
            Ok(Opened::NeedsPassphrase)
        ));
        let typed = SecretBytes::from(b"correct horse".to_vec());
        let typed = open_with_passphrase(data.path(), &typed).unwrap();
        assert_eq!(typed.expose(), root.expose());
        fs::write(dir.path().join("key"), "wrong horse").unwrap();
        assert!(matches!(
            open(data.path(), &seal),
            Err(SealError::Wrong { .. })
        ));
    }

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::from(text.as_bytes().to_vec())
    }

    #[test]
    fn a_rewrapped_seal_opens_with_the_new_secret_alone() {
        let (first, second) = ("ab".repeat(32), "cd".repeat(32) + "\n");
        let (_dir, path) = key_file(&first, 0o600);
        let data = tempfile::tempdir().unwrap();
        let key = create(
            data.path(),
            &SealConfig::KeyFile(path.clone()),
            &SystemEntropy,
        )
        .unwrap();
        let seal = Seal::read(data.path()).unwrap();
        let new = NewSeal::KeyFile(secret(&second));
        let wrong = seal.rewrapped(&secret(&second), &new, &SystemEntropy);
        assert!(matches!(wrong, Err(SealError::Wrong { .. })));
        let none = seal.rewrapped(&secret("x"), &new, &SystemEntropy);
        assert!(matches!(none, Err(SealError::NotAKey { .. })));
        let changed = seal
            .rewrapped(&secret(&first), &new, &SystemEntropy)
            .unwrap();
        changed.replace_in(data.path()).unwrap();
        let refused = root_of(data.path(), &SealConfig::KeyFile(path.clone()));
        assert!(matches!(refused, Err(SealError::Wrong { .. })));
        fs::write(&path, &second).unwrap();
        let opened = root_of(data.path(), &SealConfig::KeyFile(path)).unwrap();
        assert_eq!(opened.expose(), key.expose());
        // To a passphrase, and back.
        let phrase = NewSeal::Passphrase(secret("correct horse"));
        let changed = changed
            .rewrapped(&secret(&second), &phrase, &SystemEntropy)
            .unwrap();
        let opened = changed
            .open_with_passphrase(&secret("correct horse"))
            .unwrap();
        assert_eq!(opened.expose(), key.expose());
        let back = changed
            .rewrapped(&secret("correct horse"), &new, &SystemEntropy)
            .unwrap();
        assert_eq!(back.kind(), "key file");
    }

    #[test]
    fn the_root_key_before_opens_nothing_after_a_rotation() {
        let text = "ab".repeat(32);
        let (_dir, path) = key_file(&text, 0o600);
        let data = tempfile::tempdir().unwrap();
        let key = create(data.path(), &SealConfig::KeyFile(path), &SystemEntropy).unwrap();
        let seal = Seal::read(data.path()).unwrap();
        let wrapping = seal.wrapping(&secret(&text)).unwrap();
        let old = seal.root_key(&wrapping).unwrap();
        let rotated = seal.with_new_root(&secret(&text), &SystemEntropy).unwrap();
        assert_eq!((seal.generation(), rotated.generation()), (0, 1));
        assert_eq!(rotated.data_key(&wrapping).unwrap().expose(), key.expose());
        assert!(!rotated.root_key(&wrapping).unwrap().ct_eq(&old));
        assert!(seal.under(&old).is_ok());
        assert!(matches!(
            rotated.under(&old),
            Err(SealError::Damaged { .. })
        ));
    }

    #[test]
    fn what_a_change_that_was_cut_off_leaves_is_in_nobodys_way() {
        let text = "ab".repeat(32);
        let (_dir, path) = key_file(&text, 0o600);
        let config = SealConfig::KeyFile(path);
        let data = tempfile::tempdir().unwrap();
        let key = create(data.path(), &config, &SystemEntropy).unwrap();
        let new = data.path().join("seal.json.new");
        let rotated = |seal: Seal| seal.with_new_root(&secret(&text), &SystemEntropy).unwrap();
        let whole = serde_json::to_vec(&rotated(Seal::read(data.path()).unwrap()).file).unwrap();
        // At every length of the new file, and with the new one in its place.
        for length in (0..whole.len()).step_by(37) {
            fs::write(&new, &whole[..length]).unwrap();
            assert_eq!(
                root_of(data.path(), &config).unwrap().expose(),
                key.expose()
            );
        }
        rotated(Seal::read(data.path()).unwrap())
            .replace_in(data.path())
            .unwrap();
        assert!(!new.exists());
        assert_eq!(
            root_of(data.path(), &config).unwrap().expose(),
            key.expose()
        );
    }

    #[test]
    fn a_damaged_seal_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let seal = SealConfig::KeyFile(other.path().join("key"));
        create(data.path(), &seal, &SystemEntropy).unwrap();
        fs::write(data.path().join(FILE), "{}").unwrap();
        assert!(matches!(
            open(data.path(), &seal),
            Err(SealError::Damaged { .. })
        ));
    }
}
