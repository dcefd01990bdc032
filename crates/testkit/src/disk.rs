//! A disk that has as much room as a test says.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use store::embedded::{Disk, DiskSpace, MarkFile, SystemDisk};

/// The room of a disk in bytes, as a test says.
#[derive(Debug)]
pub struct TestDisk(AtomicU64);

impl TestDisk {
    /// All that such a disk has, in bytes.
    pub const TOTAL: u64 = 1 << 40;

    /// An empty one.
    pub fn new() -> Self {
        Self(AtomicU64::new(Self::TOTAL))
    }

    /// Has so many bytes free from now on.
    pub fn leave(&self, free: u64) {
        self.0.store(free, Ordering::SeqCst);
    }
}

impl Default for TestDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk for TestDisk {
    fn open_mark(&self, path: &Path) -> io::Result<Box<dyn MarkFile>> {
        SystemDisk.open_mark(path)
    }

    fn space(&self, _path: &Path) -> io::Result<DiskSpace> {
        let (free, total) = (self.0.load(Ordering::SeqCst), Self::TOTAL);
        Ok(DiskSpace { free, total })
    }
}
