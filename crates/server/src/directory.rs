//! The data directory: exclusive lock, seal, first initialisation.
//!
//! A directory whose passphrase nobody has given yet is locked but not opened: see
//! [`SealedDirectory`].

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crypto::lock::LockedKey32;
use crypto::secret::Key32;
use types::{Entropy, Timestamp};

use crate::config::{DirectoryConfig, SealConfig};
use crate::file::{self, FileError};
use crate::seal::{self, Opened, SealError};

/// The store's directory in the data directory.
const STORE: &str = "store";

/// The file in the store's directory that says how far it has come.
const MARK: &str = "commit.mark";

/// The locked file's name in the data directory.
const LOCK: &str = "lock";

/// A locked, unsealed data directory. The lock lasts as long as the value.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    data_key: LockedKey32,
    fresh: bool,
    lock: Arc<DirectoryLock>,
}

/// An empty directory that is being restored, locked until the value is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    lock: Arc<DirectoryLock>,
    made: bool,
}

/// The locked file of a data directory.
#[derive(Debug)]
struct DirectoryLock(File);

impl Drop for DirectoryLock {
    /// Gives the lock back. Closing the file does not while a process that was just started
    /// here still shares it: between its fork and its exec it holds all that is open.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "giving back the data directory's lock failed");
        }
    }
}

/// A locked data directory that waits for its passphrase.
#[derive(Debug)]
pub(crate) struct SealedDirectory {
    path: PathBuf,
    lock: Arc<DirectoryLock>,
}

/// A directory at start.
#[derive(Debug)]
pub(crate) enum Start {
    /// Its seal is open.
    Open(DataDirectory),
    /// Its seal waits for a passphrase.
    Sealed(SealedDirectory),
}

/// The directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// It cannot be made or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process holds the lock.
    #[error("the data directory `{path}` is in use by another strongroom")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Everybody may put files into it and take them out.
    #[error(
        "everybody on this host can write the data directory `{path}`: run `chmod 700` on it, or \
             give a directory below it"
    )]
    Open {
        /// The directory.
        path: PathBuf,
    },
    /// The directory has files in it but no seal.
    #[error("`{path}` is neither empty nor a strongroom data directory")]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// The store that the directory held is not there.
    #[error(
        "`{path}` is missing, but this data directory has held a deployment: restore it from a \
         backup, or start over in an empty directory"
    )]
    StoreMissing {
        /// Where the store was.
        path: PathBuf,
    },
    /// There is something in the way.
    #[error("`{path}` is not empty: a backup is restored to a new directory only")]
    Filled {
        /// The directory.
        path: PathBuf,
    },
    /// There is nothing to work on.
    #[error("`{path}` is not a strongroom data directory")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The seal does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl DataDirectory {
    /// Opens the directory, and initialises it if it is empty or missing.
    pub(crate) fn open_or_create(
        config: &DirectoryConfig,
        entropy: &dyn Entropy,
    ) -> Result<Start, DirectoryError> {
        let path = &config.data;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(file::failed("creating", path))?;
        let lock = lock(path)?;
        if seal::exists(path) {
            return start(config, lock);
        }
        refuse_foreign(path)?;
        let data_key = seal::create(path, &config.seal, entropy)?;
        match &config.seal {
            SealConfig::KeyFile(key) | SealConfig::Unnamed { key_file: key } => tracing::info!(
                key_file = %key.display(),
                "sealed with a key file: whoever has the data directory but not this file can \
                 read nothing; keep a copy of it elsewhere, without it the data is lost"
            ),
            SealConfig::PassphraseFile(_) => tracing::info!(
                "sealed with a passphrase: whoever has the data directory but not the passphrase \
                 can read nothing; without it the data is lost"
            ),
            SealConfig::Kms(settings) => tracing::info!(
                endpoint = %settings.endpoint, key = %settings.key,
                "sealed with a key of another KMS: without that key the data is lost"
            ),
            SealConfig::Token(settings) => tracing::info!(
                token = %settings.token, key = %settings.key,
                "sealed with a key of a PKCS#11 token: without that key the data is lost"
            ),
        }
        let path = path.clone();
        Ok(Start::Open(Self::new(path, data_key, true, lock)))
    }

    /// Opens an existing directory.
    pub(crate) fn open(config: &DirectoryConfig) -> Result<Start, DirectoryError> {
        let path = &config.data;
        if !seal::exists(path) {
            return Err(DirectoryError::Missing { path: path.clone() });
        }
        let lock = lock(path)?;
        unseal(config, lock)
    }

    /// A directory that is being restored: it has no seal yet, so that nothing serves it.
    pub(crate) fn restoring(claim: &Claim, data_key: Key32) -> Self {
        let lock = Arc::clone(&claim.lock);
        Self::locked(claim.path.clone(), data_key, false, lock)
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn new(path: PathBuf, data_key: Key32, fresh: bool, lock: DirectoryLock) -> Self {
        Self::locked(path, data_key, fresh, Arc::new(lock))
    }

    fn locked(path: PathBuf, data_key: Key32, fresh: bool, lock: Arc<DirectoryLock>) -> Self {
        let data_key = LockedKey32::new(data_key);
        if let Some(refusal) = data_key.refusal() {
            tracing::warn!(reason = %refusal, "the data key's memory could not be locked");
        }
        Self {
            path,
            data_key,
            fresh,
            lock,
        }
    }

    /// Whether the first account has been committed.
    pub(crate) fn is_initialised(&self) -> Result<bool, SealError> {
        let seal = seal::Seal::read(&self.path)?.genuine(self.data_key())?;
        Ok(seal.is_initialised())
    }

    /// Which line of commits the store is: another one after each restore.
    pub(crate) fn lineage(&self) -> Result<String, SealError> {
        let seal = seal::Seal::read(&self.path)?.genuine(self.data_key())?;
        Ok(seal.lineage().to_owned())
    }

    /// Notes that the first account has been committed.
    pub(crate) fn note_initialised(&self) -> Result<(), SealError> {
        seal::note_initialised(&self.path, self.data_key())
    }

    /// Fails if the store that the directory held is not there: opening would make another.
    pub(crate) fn check_store(&self) -> Result<(), DirectoryError> {
        check_store(&self.path)
    }

    /// The directory without its data key, which is wiped. It stays locked.
    pub(crate) fn sealed(self) -> SealedDirectory {
        let Self { path, lock, .. } = self;
        SealedDirectory { path, lock }
    }

    /// The data key: the root of every key that is derived for the data.
    pub(crate) fn data_key(&self) -> &Key32 {
        self.data_key.key()
    }

    /// Whether this start initialised it.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Where the store keeps its files.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// When the store was last written, by the time of its mark's file; `None` of a new one.
    pub(crate) fn last_written(&self) -> Option<Timestamp> {
        let mark = fs::metadata(self.store().join(MARK)).ok()?;
        let since = mark.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let seconds = i64::try_from(since.as_secs()).ok()?;
        Some(Timestamp::new(seconds, since.subsec_nanos()))
    }

    /// Where what wraps key material is kept.
    pub(crate) fn shred(&self) -> PathBuf {
        self.path.join("shred.keys")
    }

    /// Where the first administrator's access key is written.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.path.join("credentials")
    }
}

impl Claim {
    /// Makes the directory `path`, or takes it if it is empty, and locks it.
    ///
    /// Fails, and leaves everything as it is, if there is anything in it or if another process
    /// has it.
    pub(crate) fn of(path: &Path) -> Result<Self, DirectoryError> {
        let made = !path.exists();
        if !made {
            refuse_filled(path, &[])?;
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(file::failed("creating", path))?;
        let lock = Arc::new(lock(path)?);
        // Again under the lock: from here on nobody else fills it.
        refuse_filled(path, &[LOCK])?;
        Ok(Self {
            path: path.to_path_buf(),
            lock,
            made,
        })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what a restore that failed has left, which nothing else can have made.
    pub(crate) fn clear(self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name() == LOCK {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_file(self.path.join(LOCK))?;
        if self.made {
            fs::remove_dir(&self.path)?;
        }
        Ok(())
    }
}

/// Fails if there is anything but `known` in the directory.
fn refuse_filled(path: &Path, known: &[&str]) -> Result<(), DirectoryError> {
    let failed = file::failed("reading", path);
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !known.iter().any(|known| name == *known) {
            let path = path.to_path_buf();
            return Err(DirectoryError::Filled { path });
        }
    }
    Ok(())
}

impl SealedDirectory {
    /// The data directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory, opened with the data key that its passphrase has given.
    pub(crate) fn open(self, data_key: Key32) -> DataDirectory {
        DataDirectory::locked(self.path, data_key, false, self.lock)
    }
}

/// Opens the seal of a directory that is to be served.
fn start(config: &DirectoryConfig, lock: DirectoryLock) -> Result<Start, DirectoryError> {
    if seal::is_initialised(&config.data)? {
        check_store(&config.data)?;
    }
    unseal(config, lock)
}

fn check_store(data: &Path) -> Result<(), DirectoryError> {
    let path = data.join(STORE);
    if path.join(MARK).exists() {
        Ok(())
    } else {
        Err(DirectoryError::StoreMissing { path })
    }
}

fn unseal(config: &DirectoryConfig, lock: DirectoryLock) -> Result<Start, DirectoryError> {
    let path = config.data.clone();
    Ok(match seal::open(&path, &config.seal)? {
        Opened::Data(data_key) => Start::Open(DataDirectory::new(path, data_key, false, lock)),
        Opened::NeedsPassphrase => {
            let lock = Arc::new(lock);
            Start::Sealed(SealedDirectory { path, lock })
        }
    })
}

fn lock(path: &Path) -> Result<DirectoryLock, DirectoryError> {
    refuse_open(path)?;
    let name = path.join(LOCK);
    let failed = file::failed("locking", &name);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(file::NO_LINK)
        .open(&name)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(DirectoryLock(file)),
        Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse {
            path: path.to_path_buf(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source).into()),
    }
}

/// Fails if everybody can write the directory: they could put something beside each of its files. A
/// group that can is only told of, since volumes are handed out like that.
fn refuse_open(path: &Path) -> Result<(), DirectoryError> {
    let found = fs::metadata(path).map_err(file::failed("reading", path))?;
    let mode = found.permissions().mode();
    if mode & 0o002 != 0 {
        return Err(DirectoryError::Open {
            path: path.to_path_buf(),
        });
    }
    if mode & 0o020 != 0 {
        tracing::warn!(path = %path.display(), "a group of this host can write the data directory");
    }
    Ok(())
}

fn refuse_foreign(path: &Path) -> Result<(), DirectoryError> {
    let failed = file::failed("reading", path);
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // What a start leaves that was cut off before the seal was written.
        if name != "lock" && name != "seal.json.new" {
            return Err(DirectoryError::Foreign {
                path: path.to_path_buf(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;

    use super::*;

    fn config(dir: &Path) -> DirectoryConfig {
        DirectoryConfig {
            data: dir.join("data"),
            seal: SealConfig::KeyFile(dir.join("data.key")),
        }
    }

    fn opened(config: &DirectoryConfig) -> DataDirectory {
        match DataDirectory::open_or_create(config, &SystemEntropy).unwrap() {
            Start::Open(directory) => directory,
            Start::Sealed(_) => panic!("a passphrase is asked for"),
        }
    }

    #[test]
    fn a_lock_is_given_back_though_another_process_still_shares_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        let refused = lock(dir.path()).map(drop);
        assert!(matches!(refused, Err(DirectoryError::InUse { .. })));
        // What a fork leaves in the child until it executes something else.
        let shared = held.0.try_clone().unwrap();
        drop(held);
        lock(dir.path()).unwrap();
        drop(shared);
    }

    #[test]
    fn a_directory_that_everybody_can_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        drop(opened(&config));
        let allow = |mode| fs::set_permissions(&config.data, fs::Permissions::from_mode(mode));
        for mode in [0o777, 0o1777, 0o702] {
            allow(mode).unwrap();
            let refused = DataDirectory::open_or_create(&config, &SystemEntropy);
            assert!(matches!(refused, Err(DirectoryError::Open { .. })));
        }
        allow(0o770).unwrap();
        drop(opened(&config));
        let lock = config.data.join("lock");
        fs::remove_file(&lock).unwrap();
        std::os::unix::fs::symlink(config.data.join("seal.json"), &lock).unwrap();
        let refused = DataDirectory::open_or_create(&config, &SystemEntropy);
        assert!(matches!(refused, Err(DirectoryError::File(_))));
    }

    #[test]
    fn an_empty_directory_is_initialised_once() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let first = opened(&config);
        assert!(first.is_fresh());
        let data_key = first.data_key().clone();
        drop(first);
        let second = opened(&config);
        assert!(!second.is_fresh());
        assert_eq!(second.data_key().expose(), data_key.expose());
    }

    #[test]
    fn a_store_that_disappeared_is_not_a_fresh_start() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let first = opened(&config);
        first.note_initialised().unwrap();
        drop(first);
        let second = DataDirectory::open_or_create(&config, &SystemEntropy);
        assert!(matches!(second, Err(DirectoryError::StoreMissing { .. })));
    }

    #[test]
    fn whoever_can_write_the_seal_s_file_makes_no_fresh_start_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let first = opened(&config);
        first.note_initialised().unwrap();
        assert!(first.is_initialised().unwrap());
        drop(first);
        let path = config.data.join("seal.json");
        let good = fs::read_to_string(&path).unwrap();
        let lineage = seal::Seal::read(&config.data).unwrap().lineage().to_owned();
        let zeros = "0".repeat(32);
        for (from, to) in [
            ("\"initialised\": true", "\"initialised\": false"),
            (lineage.as_str(), zeros.as_str()),
            ("\"root_key_generation\": 0", "\"root_key_generation\": 7"),
        ] {
            assert!(good.contains(from));
            fs::write(&path, good.replace(from, to)).unwrap();
            let refused = DataDirectory::open(&config).map(drop);
            let damaged = DirectoryError::Seal(SealError::Damaged { path: path.clone() });
            assert_eq!(refused.unwrap_err().to_string(), damaged.to_string());
        }
        fs::write(&path, &good).unwrap();
        assert!(DataDirectory::open(&config).is_ok());
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let _first = opened(&config);
        let second = DataDirectory::open_or_create(&config, &SystemEntropy);
        assert!(matches!(second, Err(DirectoryError::InUse { .. })));
    }

    #[test]
    fn a_claim_takes_nothing_that_is_another_s() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let served = opened(&config);
        assert!(Claim::of(&config.data).is_err());
        drop(served);
        assert!(matches!(
            Claim::of(&config.data),
            Err(DirectoryError::Filled { .. })
        ));
        assert!(seal::exists(&config.data));
        let new = dir.path().join("new");
        let claim = Claim::of(&new).unwrap();
        // Neither a second restore nor a server comes between.
        assert!(Claim::of(&new).is_err());
        let other = DirectoryConfig {
            data: new.clone(),
            seal: config.seal,
        };
        let refused = DataDirectory::open_or_create(&other, &SystemEntropy);
        assert!(matches!(refused, Err(DirectoryError::InUse { .. })));
        fs::write(new.join("shred.keys"), "x").unwrap();
        claim.clear().unwrap();
        assert!(!new.exists());
    }

    #[test]
    fn a_directory_with_other_files_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        fs::create_dir(&config.data).unwrap();
        fs::write(config.data.join("precious.txt"), "x").unwrap();
        let refused = DataDirectory::open_or_create(&config, &SystemEntropy);
        assert!(matches!(refused, Err(DirectoryError::Foreign { .. })));
    }

    #[test]
    fn commands_for_existing_directories_do_not_make_one() {
        let dir = tempfile::tempdir().unwrap();
        let refused = DataDirectory::open(&config(dir.path()));
        assert!(matches!(refused, Err(DirectoryError::Missing { .. })));
        assert!(!dir.path().join("data").exists());
    }
}
