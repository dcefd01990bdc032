//! Makes backups: of the running server, and of a directory that nobody serves.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crypto::digest::Sha256;
use crypto::lock::LockedKey32;
use crypto::secret::Key32;
use operator::{Made, MakeBackup, Refused};
use store::embedded::Cut;
use store::{EmbeddedStore, Snapshot, Store, View};
use types::{AccountId, Clock, Entropy, Timestamp};

use crate::backup::{About, BackupError, Sealed, Writer};
use crate::backup_place;
use crate::file::{self, FileError};
use crate::seal::{self, Seal, SealError};

/// What makes backups of a running server.
pub(crate) struct Maker {
    /// The configured place.
    pub directory: Option<PathBuf>,
    /// The data directory, whose seal goes into each backup.
    pub data: PathBuf,
    /// What the keys of backups are derived from.
    pub key: LockedKey32,
    /// The store. The services own it; what outlives them makes no backup.
    pub store: Weak<EmbeddedStore>,
    /// The KMS keys, whose shred keys go into each backup.
    pub keyring: Arc<kms::Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where nonces come from.
    pub entropy: Arc<dyn Entropy>,
    /// Whether one is being made.
    pub running: AtomicBool,
}

/// A backup cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    /// The backup cannot be written, or the store not read.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The file of shred keys cannot be read.
    #[error(transparent)]
    Shred(#[from] kms::ShredError),
    /// The seal cannot be read.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A file cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store did not publish what it had made durable.
    #[error("the store does not go on")]
    Stuck,
    /// There is a file of this name.
    #[error("`{path}` exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

/// All that a backup is made of.
pub(crate) struct Parts {
    /// `seal.json`.
    pub seal: Vec<u8>,
    /// The file of shred keys.
    pub shred: Vec<u8>,
    /// The store, at the moment of the shred keys.
    pub cut: Cut,
    /// Metadata of that commit or a later one.
    pub snapshot: Arc<Snapshot>,
    /// The time.
    pub now: Timestamp,
}

impl Parts {
    /// Takes the cut and what goes with it.
    pub(crate) fn of(
        store: &EmbeddedStore,
        keyring: &kms::Keyring,
        data: &Path,
        now: Timestamp,
    ) -> Result<Self, MakeError> {
        let (shred, cut) = keyring.with_shred_file(|| store.cut())?;
        let cut = cut.map_err(BackupError::from)?;
        let snapshot = published(store, cut.revision())?;
        Ok(Self {
            seal: seal::content(data)?,
            shred,
            cut,
            snapshot,
            now,
        })
    }

    /// Writes the backup to `path`, which must not exist; it is whole, or not there.
    ///
    /// What was written is read back, all of it, before it gets its name.
    pub(crate) fn write(
        self,
        path: &Path,
        key: &Key32,
        entropy: &dyn Entropy,
    ) -> Result<Made, MakeError> {
        let lineage = self.lineage(path)?;
        let partial = partial(path, &lineage, entropy);
        let written = self.write_partial(&partial, key, entropy);
        let named = written.and_then(|made| {
            let read = read_back(&partial, key)?;
            if read != made {
                return Err(BackupError::NotABackup.into());
            }
            // A link, unlike a rename, never takes another file's place.
            fs::hard_link(&partial, path).map_err(|source| {
                if source.kind() == io::ErrorKind::AlreadyExists {
                    let path = path.to_path_buf();
                    MakeError::Exists { path }
                } else {
                    file::failed("naming", path)(source).into()
                }
            })?;
            Ok(made)
        });
        // What is left of a failure is of no use.
        let removed = fs::remove_file(&partial).map_err(file::failed("removing", &partial));
        let (revision, bytes, digest) = named?;
        removed?;
        file::sync_directory_of(path)?;
        Ok(Made {
            path: path.display().to_string(),
            revision,
            bytes,
            sha256: hex::encode(digest),
        })
    }

    /// Which line of commits it is a backup of.
    fn lineage(&self, path: &Path) -> Result<String, SealError> {
        let seal = Seal::parse(&self.seal, path.to_path_buf())?;
        Ok(seal.lineage().to_owned())
    }

    fn write_partial(
        &self,
        path: &Path,
        key: &Key32,
        entropy: &dyn Entropy,
    ) -> Result<(u64, u64, [u8; 32]), MakeError> {
        let failed = file::failed("writing", path);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let revision = self.cut.revision();
        let about = About {
            revision,
            made: self.now.to_iso8601(),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            lineage: self.lineage(path)?,
        };
        let mut writer = Writer::begin(file, (&self.seal, key), &about, entropy)?;
        writer.deleted(&kms::deleted_keys(&self.snapshot))?;
        writer.shred(&self.shred)?;
        self.cut
            .items::<BackupError>(|keyspace, key, value| writer.item(keyspace, key, value))?;
        let (bytes, digest, file): (_, _, File) = writer.end()?;
        file.sync_all().map_err(failed)?;
        Ok((revision, bytes, digest))
    }
}

/// Where a backup of `lineage` is written until it is whole: a name that no backup has.
fn partial(path: &Path, lineage: &str, entropy: &dyn Entropy) -> PathBuf {
    let mut suffix = [0; 8];
    entropy.fill(&mut suffix);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let suffix = hex::encode(suffix);
    path.with_file_name(format!(".{name}.{suffix}{}", ending(lineage)))
}

/// How the names of such files of `lineage` end: another deployment may use the same place.
fn ending(lineage: &str) -> String {
    format!(".{lineage}{PARTIAL}")
}

/// How the names of such files end.
const PARTIAL: &str = ".partial";

/// Removes what backups of a server that was killed have left in `directory`, of this `lineage`.
fn sweep(directory: &Path, lineage: &str) -> Result<(), FileError> {
    let ending = ending(lineage);
    let failed = file::failed("reading", directory);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(&ending) {
            let path = entry.path();
            fs::remove_file(&path).map_err(file::failed("removing", &path))?;
        }
    }
    Ok(())
}

/// Commit, size and digest of the backup at `path`, all of it read and verified.
fn read_back(path: &Path, key: &Key32) -> Result<(u64, u64, [u8; 32]), MakeError> {
    let mut reader = Sealed::open(path)?.unsealed(key)?;
    while reader.item()?.is_some() {}
    let (length, digest) = digest(path)?;
    Ok((reader.about().revision, length, digest))
}

/// Size and SHA-256 of the file at `path`.
pub(crate) fn digest(path: &Path) -> Result<(u64, [u8; 32]), FileError> {
    let failed = file::failed("reading", path);
    let mut file = File::open(path).map_err(failed)?;
    let (mut digest, mut length) = (Sha256::new(), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut piece).map_err(failed)?;
        if read == 0 {
            return Ok((length, digest.finish()));
        }
        digest.update(piece.get(..read).unwrap_or_default());
        length += u64::try_from(read).unwrap_or(0);
    }
}

/// The metadata as of `revision` or later: a commit is published soon after a cut can see it.
fn published(store: &EmbeddedStore, revision: u64) -> Result<Arc<Snapshot>, MakeError> {
    const STEP: Duration = Duration::from_millis(2);
    const STEPS: u32 = 5000;
    for _ in 0..STEPS {
        let snapshot = store.snapshot();
        if snapshot.revision() >= revision {
            return Ok(snapshot);
        }
        std::thread::sleep(STEP);
    }
    Err(MakeError::Stuck)
}

impl MakeBackup for Maker {
    fn owner(&self, view: &View) -> Option<AccountId> {
        iam::first_account(view)
    }

    fn make(&self, name: &str) -> Result<Made, Refused> {
        let Some(directory) = &self.directory else {
            return Err(Refused::NoDirectory);
        };
        let path = directory.join(name);
        let Some(store) = self.store.upgrade() else {
            return Err(Refused::Failed("the store is closed".into()));
        };
        if self.running.swap(true, Ordering::AcqRel) {
            return Err(Refused::Running);
        }
        let _running = Running(&self.running);
        if let Err(error) = backup_place::usable(directory) {
            tracing::warn!(directory = %directory.display(), %error, "backups cannot be written");
            return Err(Refused::Unusable);
        }
        if path.exists() {
            return Err(Refused::Exists);
        }
        let room =
            has_room(directory, &self.data).map_err(|failed| Refused::Failed(Box::new(failed)))?;
        if !room {
            return Err(Refused::NoRoom);
        }
        let made = Seal::read(&self.data)
            .map_err(MakeError::from)
            .and_then(|seal| Ok(sweep(directory, seal.lineage())?))
            .and_then(|()| Parts::of(&store, &self.keyring, &self.data, self.clock.now()))
            .and_then(|parts| parts.write(&path, self.key.key(), &*self.entropy));
        made.map_err(|failed| match failed {
            MakeError::Exists { .. } => Refused::Exists,
            failed => Refused::Failed(Box::new(failed)),
        })
    }
}

/// One that is being made, however that ends.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What stays free of a large disk.
const MOST_SPARE: u64 = 1 << 30;

/// Whether a backup of `data` fits into `directory`, and a twentieth of that disk, or a gibibyte,
/// stays free: a store on the same disk has to go on.
fn has_room(directory: &Path, data: &Path) -> Result<bool, FileError> {
    let disk = rustix::fs::statvfs(directory).map_err(io::Error::from);
    let disk = disk.map_err(file::failed("looking at", directory))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let spare = (disk.f_blocks.saturating_mul(disk.f_frsize) / 20).min(MOST_SPARE);
    let needed = size_of(data).map_err(file::failed("looking at", data))?;
    Ok(free > needed.saturating_add(spare))
}

/// Bytes of all files in `directory`, those that go away meanwhile left out.
fn size_of(directory: &Path) -> io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(about) = entry.metadata() else {
            continue;
        };
        size += if about.is_dir() {
            size_of(&entry.path()).unwrap_or(0)
        } else {
            about.len()
        };
    }
    Ok(size)
}

impl std::fmt::Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maker")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;

    use super::*;

    #[test]
    fn what_another_deployment_is_writing_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let [own, other] = ["aa", "bb"]
            .map(|lineage| partial(&dir.path().join("nightly"), lineage, &SystemEntropy));
        for file in [&own, &other, &dir.path().join("nightly")] {
            fs::write(file, "x").unwrap();
        }
        sweep(dir.path(), "aa").unwrap();
        assert!(!own.exists() && other.exists());
        assert!(dir.path().join("nightly").exists());
    }

    #[test]
    fn one_that_ends_in_a_panic_is_not_running_any_more() {
        let running = AtomicBool::new(true);
        let ended = std::panic::catch_unwind(|| {
            let _running = Running(&running);
            panic!("a bug");
        });
        assert!(ended.is_err() && !running.load(Ordering::Acquire));
    }

    #[test]
    fn a_backup_leaves_room_on_the_disk() {
        let (place, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(has_room(place.path(), data.path()).unwrap());
        // Larger than any disk, and no byte of it written.
        let file = File::create(data.path().join("large")).unwrap();
        file.set_len(1 << 43).unwrap();
        assert!(!has_room(place.path(), data.path()).unwrap());
        assert_eq!(size_of(data.path()).unwrap(), 1 << 43);
    }
}
