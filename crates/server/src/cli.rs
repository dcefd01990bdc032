//! The command line: the subcommands and their flags.

mod backup;
mod common;
mod insight;
mod policy;
mod resources;
mod seal;
mod serve;

use clap::{Parser, Subcommand};

pub use self::backup::{BackupCommand, BackupFileArgs, CreateBackupArgs, RestoreArgs, ResumeArgs};
pub use self::common::{AskArgs, AuthorityArgs, ClientArgs, DirectoryArgs, RegionalArgs};
pub use self::insight::{DoctorArgs, ExplainArgs, RekeyArgs, RekeyTo, UsageArgs};
pub use self::policy::{PolicyCheckArgs, PolicyCommand, PolicyKind};
pub use self::resources::{AccountCommand, BucketCommand};
pub use self::seal::{
    CurrentSealArgs, MoveSealArgs, RewrapArgs, RotateRootArgs, SealCommand, SealNowArgs, SplitArgs,
    UnsealArgs,
};
pub use self::serve::{AuditCommand, CredentialsCommand, RecoverArgs, ResetArgs, ServeArgs};

/// A feature store that speaks the API of Amazon SageMaker Feature Store, with KMS, IAM and
/// CloudTrail behind it.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, about, arg_required_else_help = true)]
#[command(
    after_help = "Settings come from flags, then STRONGROOM_* variables, then the \
    --config file, then defaults: the first that says something counts."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server. An empty data directory is initialised first.
    #[command(after_help = "EXAMPLES:\n  strongroom serve --data ./data\n  \
        strongroom serve --data /var/lib/strongroom --listen 0.0.0.0:4700 \
        --config /etc/strongroom.toml")]
    Serve(ServeArgs),
    /// Show what a damaged data directory has lost, and accept the loss if told to.
    ///
    /// `serve` refuses a directory whose last acknowledged changes are missing: an older
    /// state may bring back a right that was taken away.
    Recover(RecoverArgs),
    /// Make backups, check them, and list the deleted keys that they know of.
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Restore a backup to a new data directory.
    ///
    /// Needs the seal that the backup was made with; the new directory has the same. Every byte
    /// of the backup is verified. Keys that the lists of --deletions name are deleted again.
    #[command(
        after_help = "EXAMPLE:\n  strongroom backup deletions --data ./data newest.backup > gone\n  \
        strongroom restore --data ./restored --key-file ./data.key \\\n    \
        --deletions gone older.backup"
    )]
    Restore(RestoreArgs),
    /// Let a restored data directory delete KMS keys again.
    ///
    /// After a restore no KMS key is removed, and none on a token destroyed, until this says so:
    /// a deletion may have been cancelled since the backup, and another server may use the token.
    /// Nor are keys on tokens used: they belong to the directory that the backup is of, until the
    /// server that is started after this claims them.
    /// Needs the directory's lock and its seal, and says what the next start carries out.
    #[command(after_help = "EXAMPLE:\n  strongroom resume --data ./restored --key-file ./data.key")]
    Resume(ResumeArgs),
    /// Check the audit log of a data directory that is not served.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Get in again when the administrator's credentials are lost.
    #[command(subcommand)]
    Credentials(CredentialsCommand),
    /// Change the seal and the root key, and split the passphrase into shares.
    #[command(subcommand)]
    Seal(SealCommand),
    /// Give a sealed server its passphrase, or a share of it.
    ///
    /// A server whose data directory is sealed with a passphrase starts sealed if it is
    /// given none. The passphrase or share is asked for on the terminal, or read from the first
    /// line of standard input. Shares are given one at a time, in any order, by whoever has
    /// them; the server says how many are still needed.
    #[command(after_help = "EXAMPLES:\n  strongroom unseal\n  \
        strongroom unseal --endpoint https://features.example:4700 < passphrase")]
    Unseal(UnsealArgs),
    /// Create and list the accounts of the organization.
    ///
    /// Calls a running server, signed with the credentials of the environment or with those
    /// that the server wrote into its data directory.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Set up the buckets that the offline stores of feature groups are in.
    ///
    /// Calls a running server, signed with the credentials of the environment or with those
    /// that the server wrote into its data directory. The rights are those of S3:
    /// `s3:CreateBucket`, `s3:PutBucketPolicy` and so on.
    #[command(subcommand)]
    Bucket(BucketCommand),
    /// Check policy documents, without a server.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Explain why a recorded request was allowed or denied, and what would allow it.
    ///
    /// Asks a running server, signed with the credentials of the environment or with those
    /// that the server wrote into its data directory. The id is the one that the caller was
    /// answered with, and that the audit log shows as `requestID`. The region is that whose
    /// history has it; calls of IAM and STS are in that of `us-east-1`.
    #[command(
        after_help = "EXAMPLES:\n  strongroom explain 4f9c4c5e-6f0e-4b6e-9d34-6d0c2a3f8a11\n  \
        strongroom explain --at request --json 4f9c4c5e-6f0e-4b6e-9d34-6d0c2a3f8a11"
    )]
    Explain(ExplainArgs),
    /// Report how KMS keys were used in a month, and what that costs.
    ///
    /// Says how often, by whom and for what.
    ///
    /// A signed call of the running server; needs `strongroom:GetKeyUsage`. Costs are by the
    /// prices in the server's configuration.
    #[command(
        after_help = "EXAMPLES:\n  strongroom usage\n  strongroom usage --month 2026-11 --json"
    )]
    Usage(UsageArgs),
    /// Say which feature groups are not in order, and what helps.
    ///
    /// Looks at those under customers' keys and those with an offline store: a grant may have been
    /// revoked, a key or a bucket may not be usable any more.
    ///
    /// Asks a running server, signed with the credentials of the environment or with those
    /// that the server wrote into its data directory.
    #[command(
        after_help = "EXIT STATUS:\n  0  background work goes on for every group, and every offline store can be written\n  \
        1  not so, or the server could not be asked\n\n\
        EXAMPLE:\n  strongroom doctor --data ./data"
    )]
    Doctor(DoctorArgs),
    /// Move a feature group to another KMS key.
    ///
    /// It is read and written meanwhile; `--status` says how far that has come.
    ///
    /// Asks a running server, signed with the credentials of the environment or with those
    /// that the server wrote into its data directory. Needs `strongroom:RekeyFeatureGroup`, on the
    /// new key what `CreateFeatureGroup` needs, and `kms:Decrypt` on the old; for `--status`
    /// `strongroom:DescribeFeatureGroupKeys`.
    #[command(
        after_help = "EXAMPLES:\n  strongroom rekey orders --key alias/orders-2027 --wait\n  \
        strongroom rekey orders --status"
    )]
    Rekey(RekeyArgs),
    /// Print a generated page of the documentation.
    #[command(hide = true)]
    Docs {
        /// Which page.
        #[arg(value_enum)]
        page: DocsPage,
    },
}

/// The generated pages.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum DocsPage {
    /// Which operations exist, and which of AWS's are missing.
    Compatibility,
    /// The actions that each operation needs.
    Permissions,
    /// The settings, their variables and defaults.
    Configuration,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_stable_flags_of_serve_are_understood() {
        let cli = Cli::try_parse_from([
            "strongroom",
            "serve",
            "--data",
            "d",
            "--listen",
            "127.0.0.1:0",
            "--config",
            "c",
            "--account",
            "111122223333",
        ])
        .unwrap();
        let Command::Serve(args) = cli.command else {
            panic!("not serve")
        };
        assert_eq!(args.account.unwrap().as_str(), "111122223333");
        assert_eq!(args.listen.unwrap().port(), 0);
    }
}
