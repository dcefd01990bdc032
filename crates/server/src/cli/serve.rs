//! `strongroom serve`, and what is done with a data directory that is not served.

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use types::AccountId;

use super::DirectoryArgs;

/// Flags of `strongroom serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The data directory and its seal.
    #[command(flatten)]
    pub directory: DirectoryArgs,
    /// The address to listen on [default: 127.0.0.1:4700].
    #[arg(long, value_name = "ADDR:PORT", env = "STRONGROOM_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The first account's id, on an empty data directory [default: a random one].
    #[arg(long, value_name = "ID", env = "STRONGROOM_ACCOUNT")]
    pub account: Option<AccountId>,
    /// A region to answer for; may be given several times [default: us-east-1].
    #[arg(
        long = "region",
        value_name = "NAME",
        env = "STRONGROOM_REGIONS",
        value_delimiter = ','
    )]
    pub regions: Vec<types::Region>,
    /// What to log, as `level` or `target=level,…` [default: info].
    #[arg(long, value_name = "FILTER", env = "STRONGROOM_LOG")]
    pub log: Option<String>,
    /// Raise every request quota of KMS so many times [default: 1].
    #[arg(long, value_name = "N", env = "STRONGROOM_KMS_REQUEST_QUOTA_FACTOR")]
    pub kms_request_quota_factor: Option<u32>,
    /// Let each principal make so many management calls a second of services other than KMS
    /// [default: 200].
    #[arg(
        long,
        value_name = "N",
        env = "STRONGROOM_CALLS_PER_SECOND",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub calls_per_second: Option<u32>,
}

/// Flags of `strongroom recover`.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// The data directory and its seal.
    #[command(flatten)]
    pub directory: DirectoryArgs,
    /// Accept that what is missing is lost, so that `serve` starts again.
    #[arg(long)]
    pub accept_loss: bool,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that every record of the last 90 days is there as it was written.
    ///
    /// Needs the directory's lock and its seal. Prints a line for each day, and exits with 1
    /// if a record is missing or was edited, moved, exchanged or added, or if the store misses
    /// what it has acknowledged. Changes no record.
    #[command(after_help = "EXAMPLE:\n  strongroom audit verify --data ./data")]
    Verify(DirectoryArgs),
}

/// What to do with credentials.
#[derive(Debug, Subcommand)]
pub enum CredentialsCommand {
    /// Give the first account's user Administrator a new access key.
    ///
    /// Needs the directory's lock and its seal. The user's other access keys are deleted. The
    /// new one is written to `credentials` in the data directory, over what is there. A user
    /// that is gone is made again, and the policy `AdministratorAccess` attached if it is not.
    /// The audit log tells of it.
    ///
    /// With `--root` the root user of that account gets the new key instead, and its other keys are
    /// deleted: for when a policy keeps Administrator from working, which none does with it. Take
    /// that policy away, then delete the root user's key.
    #[command(
        after_help = "EXAMPLES:\n  strongroom credentials reset --data ./data\n  strongroom credentials reset --root --data ./data"
    )]
    Reset(ResetArgs),
}

/// Whose credentials to reset.
#[derive(Debug, Args)]
pub struct ResetArgs {
    #[command(flatten)]
    pub directory: DirectoryArgs,
    /// Give the root user a new key, and not Administrator.
    #[arg(long)]
    pub root: bool,
}
