//! The file system for what the store writes itself: `commit.mark`, and the free space.
//!
//! The engine's own files are not written through this; see `docs/adr/0001`.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// How much room a file system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this process may still write.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// A file system; handed in, so that tests can make it fail.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens the mark file at `path`, creating it if it is missing, and locks it.
    ///
    /// Fails with [`io::ErrorKind::WouldBlock`] if another process holds the lock.
    fn open_mark(&self, path: &Path) -> io::Result<Box<dyn MarkFile>>;

    /// The room on the file system of `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// The open mark file.
pub trait MarkFile: fmt::Debug + Send + Sync {
    /// The whole contents.
    fn read(&self) -> io::Result<Vec<u8>>;

    /// Overwrites `bytes` at `offset`.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything written is on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// Opens no symbolic link: of the files that are changed in place none is one, unless somebody who can
/// write the directory has put it there, for whoever runs this to change what it points to.
pub(super) const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn open_mark(&self, path: &Path) -> io::Result<Box<dyn MarkFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(NO_LINK)
            .open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::from(io::ErrorKind::WouldBlock),
            TryLockError::Error(error) => error,
        })?;
        Ok(Box::new(SystemMark(file)))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(Space {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }
}

/// The locked file.
#[derive(Debug)]
struct SystemMark(File);

impl Drop for SystemMark {
    /// Gives the lock back. Closing the file does not while a process that was just started
    /// here still shares it: between its fork and its exec it holds all that is open.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "giving back the lock of commit.mark failed");
        }
    }
}

impl MarkFile for SystemMark {
    fn read(&self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.0.metadata()?.len()).unwrap_or(usize::MAX);
        // A mark is two small slots; a file that grew beyond them is not one.
        let mut bytes = vec![0; length.min(64 * 1024)];
        self.0.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Makes the entries of `directory` durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_locked_until_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("commit.mark");
        let mark = SystemDisk.open_mark(&path).unwrap();
        let kind = SystemDisk.open_mark(&path).map(drop).map_err(|e| e.kind());
        assert_eq!(kind, Err(io::ErrorKind::WouldBlock));
        drop(mark);
        SystemDisk.open_mark(&path).unwrap();
    }

    #[test]
    fn a_dropped_mark_is_free_though_another_process_still_shares_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("commit.mark");
        let file = File::create(&path).unwrap();
        file.lock().unwrap();
        // What a fork leaves in the child until it executes something else.
        let shared = file.try_clone().unwrap();
        drop(SystemMark(file));
        SystemDisk.open_mark(&path).unwrap();
        drop(shared);
    }
}
