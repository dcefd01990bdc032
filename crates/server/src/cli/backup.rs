//! `strongroom backup` and `strongroom restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ClientArgs, DirectoryArgs};

/// What to do with backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Make a backup of a running server, in the directory that its configuration names.
    ///
    /// Calls the server, signed with the credentials of the environment or with those that it
    /// wrote into its data directory. Prints commit, size, SHA-256 and place.
    #[command(after_help = "EXAMPLE:\n  strongroom backup create 2026-11-27.backup")]
    Create(CreateBackupArgs),
    /// Make a backup of a data directory that is not served.
    ///
    /// Needs the directory's lock and its seal.
    #[command(after_help = "EXAMPLE:\n  strongroom backup offline --data ./data ./today.backup")]
    Offline(BackupFileArgs),
    /// Read all of a backup and say whether it is whole. Needs its seal.
    #[command(
        after_help = "EXAMPLE:\n  strongroom backup verify --key-file ./data.key --data ./none today.backup"
    )]
    Verify(BackupFileArgs),
    /// Print the KMS keys that had been deleted when a backup was made. Needs its seal.
    ///
    /// The list is what `strongroom restore --deletions` takes.
    Deletions(BackupFileArgs),
}

/// Flags of `strongroom backup create`.
#[derive(Debug, Args)]
pub struct CreateBackupArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
    /// How long to wait for the server, which answers when the backup is on the disk. A server
    /// that has begun goes on.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub timeout_seconds: u64,
    /// The name of the file: letters, digits, `.`, `_` and `-`.
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// A backup's file, and the data directory and seal that go with it.
#[derive(Debug, Args)]
pub struct BackupFileArgs {
    /// The data directory and its seal. To read a backup only the seal counts; the data
    /// directory need not exist, but names the default key file.
    #[command(flatten)]
    pub directory: DirectoryArgs,
    /// The backup.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Flags of `strongroom restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The new data directory, which must be empty or not exist, and the backup's seal.
    #[command(flatten)]
    pub directory: DirectoryArgs,
    /// A list of KMS keys that were deleted, as `strongroom backup deletions` prints it; may be
    /// given several times.
    #[arg(long, value_name = "FILE")]
    pub deletions: Vec<PathBuf>,
    /// Accept that KMS keys which were deleted since the backup, and which no list names, are
    /// back.
    #[arg(long)]
    pub accept_revival: bool,
    /// The backup.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Flags of `strongroom resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The restored data directory, and its seal.
    #[command(flatten)]
    pub directory: DirectoryArgs,
    /// Claim the keys on tokens although nothing waits: of a directory that a release made which did
    /// not write on them whose they are, or whose keys another one has claimed.
    #[arg(long)]
    pub claim_token_keys: bool,
}
