//! The seal: how the root key is wrapped on disk, and how it is opened at start.
//!
//! `seal.json` in the data directory holds the root key, sealed by a key-encryption key that
//! comes from a key file or from a passphrase (Argon2id). Neither is in the data directory:
//! a stolen directory or backup opens nothing. A passphrase is read from a file, or handed
//! in by an operator while the server waits sealed.

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

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealFile {
    version: u16,
    seal: Kind,
    /// Whether the first account has been committed: from then on a store must be there.
    initialised: bool,
    /// The sealed root key, hexadecimal.
    sealed_root_key: String,
}

#[derive(Debug, Serialize, Deserialize)]
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
    /// The root key.
    Root(Key32),
    /// It is sealed with a passphrase that nobody has given yet.
    NeedsPassphrase,
}

/// Whether `data` has been initialised.
pub(crate) fn exists(data: &Path) -> bool {
    data.join(FILE).exists()
}

/// Makes a new root key, seals it as `seal` says, and writes the seal into `data`.
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
        SealConfig::PassphraseFile(path) => {
            let mut salt = [0_u8; 16];
            entropy.fill(&mut salt);
            let params = Params::default();
            let key = stretch(&read_passphrase_file(path)?, &salt, params)?;
            let kind = Kind::Passphrase {
                salt: hex::encode(salt),
                memory_kib: params.memory_kib,
                passes: params.passes,
                lanes: params.lanes,
            };
            (kind, key)
        }
    };
    let root = Key32::generate(entropy);
    let sealed = CommittingKey::new(&wrapping).seal(entropy, PURPOSE, root.expose());
    let file = SealFile {
        version: 1,
        seal: kind,
        initialised: false,
        sealed_root_key: hex::encode(sealed),
    };
    write(data, &file)?;
    Ok(root)
}

/// Whether the directory has held a first account: a store that is missing is then a loss,
/// not a fresh start.
pub(crate) fn is_initialised(data: &Path) -> Result<bool, SealError> {
    read(data).map(|file| file.initialised)
}

/// Notes that the first account is committed.
pub(crate) fn note_initialised(data: &Path) -> Result<(), SealError> {
    let mut file = read(data)?;
    file.initialised = true;
    write(data, &file)
}

fn read(data: &Path) -> Result<SealFile, SealError> {
    let path = data.join(FILE);
    let text = fs::read(&path).map_err(file::failed("reading", &path))?;
    match serde_json::from_slice::<SealFile>(&text) {
        Ok(file) if file.version == 1 => Ok(file),
        Ok(_) | Err(_) => Err(SealError::Damaged { path }),
    }
}

fn write(data: &Path, file: &SealFile) -> Result<(), SealError> {
    let path = data.join(FILE);
    let text = serde_json::to_vec_pretty(file)
        .map_err(|_source| SealError::Damaged { path: path.clone() })?;
    Ok(file::write_durably(&path, &text)?)
}

/// Opens the root key of `data` with what `seal` names.
pub(crate) fn open(data: &Path, seal: &SealConfig) -> Result<Opened, SealError> {
    let file = read(data)?;
    match (&file.seal, seal) {
        (Kind::KeyFile, SealConfig::KeyFile(path) | SealConfig::Unnamed { key_file: path }) => {
            unwrap(data, &file, &read_key_file(path)?).map(Opened::Root)
        }
        (Kind::Passphrase { .. }, SealConfig::PassphraseFile(path)) => {
            let passphrase = read_passphrase_file(path)?;
            open_with_passphrase(data, &passphrase).map(Opened::Root)
        }
        (Kind::Passphrase { .. }, SealConfig::Unnamed { .. }) => Ok(Opened::NeedsPassphrase),
        (kind, seal) => Err(SealError::OtherKind {
            sealed_by: kind.name(),
            configured: seal.name(),
        }),
    }
}

/// Opens the root key of `data`, which is sealed with a passphrase.
///
/// Takes about a second and 256 MiB: call it off the async threads. Fails with
/// [`SealError::Wrong`] if it is another passphrase.
pub(crate) fn open_with_passphrase(
    data: &Path,
    passphrase: &SecretBytes,
) -> Result<Key32, SealError> {
    let file = read(data)?;
    let Kind::Passphrase {
        salt,
        memory_kib,
        passes,
        lanes,
    } = &file.seal
    else {
        return Err(SealError::OtherKind {
            sealed_by: file.seal.name(),
            configured: "passphrase",
        });
    };
    let salt = hex::decode(salt).ok().and_then(|salt| salt.try_into().ok());
    let salt = salt.ok_or_else(|| damaged(data))?;
    let params = Params {
        memory_kib: *memory_kib,
        passes: *passes,
        lanes: *lanes,
    };
    unwrap(data, &file, &stretch(passphrase, &salt, params)?)
}

fn unwrap(data: &Path, file: &SealFile, wrapping: &Key32) -> Result<Key32, SealError> {
    let sealed = hex::decode(&file.sealed_root_key).map_err(|_source| damaged(data))?;
    let root = CommittingKey::new(wrapping)
        .open(PURPOSE, &sealed)
        .map_err(|_source| SealError::Wrong {
            kind: file.seal.name(),
        })?;
    Key32::try_from(root.expose()).map_err(|_source| damaged(data))
}

fn damaged(data: &Path) -> SealError {
    SealError::Damaged {
        path: data.join(FILE),
    }
}

fn create_key_file(path: &Path, entropy: &dyn Entropy) -> Result<(), FileError> {
    let key = Key32::generate(entropy);
    let mut text = Zeroizing::new(hex::encode(key.expose()));
    text.push('\n');
    file::create_durably(path, text.as_bytes())
}

fn read_key_file(path: &Path) -> Result<Key32, SealError> {
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
    let mut text = Zeroizing::new(String::new());
    Read::by_ref(&mut file)
        .take(1024)
        .read_to_string(&mut text)
        .map_err(|_source| not_a_key())?;
    let bytes = Zeroizing::new(hex::decode(text.trim()).map_err(|_source| not_a_key())?);
    let key = Key32::try_from(bytes.as_slice()).map_err(|_source| not_a_key())?;
    if key.is_all_zero() {
        Err(not_a_key())
    } else {
        Ok(key)
    }
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
            Opened::Root(root) => Ok(root),
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
