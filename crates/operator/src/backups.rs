//! What makes backups: the server, which alone knows its files.

use std::fmt;
use std::sync::Arc;

use store::View;
use types::AccountId;

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The file.
    pub path: String,
    /// The newest commit in it.
    pub revision: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// Why there is no backup.
#[derive(Debug)]
pub enum Refused {
    /// The configuration names no place.
    NoDirectory,
    /// The place is not there, or cannot be written to.
    Unusable,
    /// There is one of this name.
    Exists,
    /// Another is being made.
    Running,
    /// The disk that it would be on has less room than the data takes.
    NoRoom,
    /// Reading or writing failed.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// Makes backups of the deployment that it belongs to.
pub trait MakeBackup: fmt::Debug + Send + Sync {
    /// The account that the deployment belongs to: its first; `None` before there is one.
    fn owner(&self, view: &View) -> Option<AccountId>;

    /// Makes the backup `name`, which is a plain file name. Blocks until it is on the disk.
    fn make(&self, name: &str) -> Result<Made, Refused>;
}

/// The part of the server that makes backups.
#[derive(Debug, Clone)]
pub struct Backups(pub Arc<dyn MakeBackup>);
