//! The command line: the subcommands and their flags.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use types::AccountId;

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
    /// Needs the directory's lock and its seal, and says what the next start carries out.
    #[command(after_help = "EXAMPLE:\n  strongroom resume --data ./restored --key-file ./data.key")]
    Resume(DirectoryArgs),
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
    /// answered with, and that the audit log shows as `requestID`.
    #[command(
        after_help = "EXAMPLES:\n  strongroom explain 4f9c4c5e-6f0e-4b6e-9d34-6d0c2a3f8a11\n  \
        strongroom explain --at request --json 4f9c4c5e-6f0e-4b6e-9d34-6d0c2a3f8a11"
    )]
    Explain(ExplainArgs),
    /// Report how often KMS keys were used in a month, by whom and for what, and what that costs.
    ///
    /// A signed call of the running server; needs `strongroom:GetKeyUsage`. Costs are by the
    /// prices in the server's configuration.
    #[command(
        after_help = "EXAMPLES:\n  strongroom usage\n  strongroom usage --month 2026-11 --json"
    )]
    Usage(UsageArgs),
    /// Look at the feature groups under customers' keys and those with an offline store, and say
    /// what helps where something is wrong: a grant that was revoked, a key that cannot be used, a
    /// bucket that cannot be written.
    ///
    /// Asks a running server, signed with the credentials of the environment or with those
    /// that the server wrote into its data directory.
    #[command(
        after_help = "EXIT STATUS:\n  0  background work goes on for every group, and every offline store can be written\n  \
        1  not so, or the server could not be asked\n\n\
        EXAMPLE:\n  strongroom doctor --data ./data"
    )]
    Doctor(DoctorArgs),
    /// Move a feature group to another KMS key while it is read and written, or see how far that
    /// has come.
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
    #[command(after_help = "EXAMPLE:\n  strongroom credentials reset --data ./data")]
    Reset(DirectoryArgs),
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Create an account and print its id.
    ///
    /// The administrators of the management account get in by assuming its role.
    #[command(
        after_help = "EXAMPLES:\n  strongroom account create --data ./data \\\n    \
        --name research --email research@example.com"
    )]
    Create {
        /// The server and the credentials.
        #[command(flatten)]
        client: ClientArgs,
        /// The account's name.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The address of its root user; every account has another one.
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// The name of its first role [default: `OrganizationAccountAccessRole`].
        #[arg(long, value_name = "NAME")]
        role_name: Option<String>,
    },
    /// Print the accounts: id, status, name and address, separated by tabs.
    List {
        /// The server and the credentials.
        #[command(flatten)]
        client: ClientArgs,
    },
}

/// What to do with buckets.
#[derive(Debug, Subcommand)]
pub enum BucketCommand {
    /// Create a bucket in a region, and print its ARN.
    #[command(after_help = "EXAMPLE:\n  strongroom bucket create --data ./data my-sagemaker-store")]
    Create {
        /// Where.
        #[command(flatten)]
        args: BucketArgs,
        /// The bucket's name, unlike that of any other bucket.
        #[arg(value_name = "BUCKET")]
        name: String,
    },
    /// Delete a bucket.
    Delete {
        /// Where.
        #[command(flatten)]
        args: BucketArgs,
        /// The bucket's name.
        #[arg(value_name = "BUCKET")]
        name: String,
    },
    /// Print the buckets of the account: name, region and time of creation, separated by tabs.
    List {
        /// Where.
        #[command(flatten)]
        args: BucketArgs,
    },
    /// Print a bucket's policy, or set it.
    Policy {
        /// Where.
        #[command(flatten)]
        args: BucketArgs,
        /// The bucket's name.
        #[arg(value_name = "BUCKET")]
        name: String,
        /// The file with the policy that it is to have; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
    },
    /// Print a bucket's default encryption, or set it.
    Encryption {
        /// Where.
        #[command(flatten)]
        args: BucketArgs,
        /// The bucket's name.
        #[arg(value_name = "BUCKET")]
        name: String,
        /// The encryption that it is to have: `AES256` or `aws:kms`.
        #[arg(long, value_name = "ALGORITHM")]
        algorithm: Option<String>,
        /// With `aws:kms` the key: id, ARN, alias or alias ARN.
        #[arg(long, value_name = "KEY", requires = "algorithm")]
        key: Option<String>,
        /// Let the bucket's objects share a data key.
        #[arg(long, requires = "algorithm")]
        bucket_key: bool,
    },
}

/// What every subcommand of `strongroom bucket` takes.
#[derive(Debug, Args)]
pub struct BucketArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
    /// The bucket's region.
    #[arg(
        long,
        value_name = "NAME",
        env = "AWS_REGION",
        default_value = "us-east-1"
    )]
    pub region: types::Region,
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say what is wrong with policy documents, and what is hardly meant.
    ///
    /// Errors are what would be refused when the policy is stored. Warnings are what is accepted
    /// and probably wrong: statements that never matter, names that no request has, principals
    /// and rights that are wider than they look. Notes name what AWS has and this release does
    /// not, so that it has no effect here. Each comes with line, column, and a code in brackets
    /// that stays the same; the codes are in docs/policy-check.md.
    #[command(after_help = "EXIT STATUS:\n  \
        0  nothing, or notes only\n  \
        1  errors or warnings\n  \
        2  a file could not be read, or the command line is wrong\n\n\
        EXAMPLES:\n  strongroom policy check policy.json\n  \
        strongroom policy check --kind scp --json policies/*.json\n  \
        aws kms get-key-policy --key-id KEY --query Policy --output text \\\n    \
        | strongroom policy check --kind key -")]
    Check(PolicyCheckArgs),
}

/// Flags of `strongroom policy check`.
#[derive(Debug, Args)]
pub struct PolicyCheckArgs {
    /// The documents; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// What the policies are attached to [default: what each looks like].
    #[arg(long, value_enum)]
    pub kind: Option<PolicyKind>,
    /// Print one JSON array, with an object for each document.
    #[arg(long)]
    pub json: bool,
}

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PolicyKind {
    /// A user, group or role, inline or managed.
    Identity,
    /// A resource other than a key, a bucket for instance.
    Resource,
    /// A KMS key.
    Key,
    /// A role: who may assume it.
    Trust,
    /// A user or role: the most that it may do.
    Boundary,
    /// A session, when it is made.
    Session,
    /// The organization: a service control policy.
    Scp,
    /// The organization: a resource control policy.
    Rcp,
}

/// Which server to call, and as whom.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// The server.
    #[arg(
        long,
        value_name = "URL",
        env = "AWS_ENDPOINT_URL",
        default_value = "http://127.0.0.1:4700"
    )]
    pub endpoint: http::Uri,
    /// The server's data directory, whose `credentials` file is used if the environment has
    /// no credentials.
    #[arg(long, value_name = "DIR", env = "STRONGROOM_DATA")]
    pub data: Option<PathBuf>,
    /// The certificates (PEM) that the server's certificate must come from.
    #[arg(
        long,
        value_name = "FILE",
        env = "STRONGROOM_CA_FILE",
        default_value = "/etc/ssl/certs/ca-certificates.crt"
    )]
    pub ca_file: PathBuf,
}

/// Flags of `strongroom explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
    /// The request's id.
    #[arg(value_name = "REQUEST-ID")]
    pub request: String,
    /// Whose policies decide: `now`, `request` (those that decided it then), or a time such as
    /// 2026-03-01T12:00:00Z.
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub at: String,
    /// A time on the day of the request, if it is long past.
    #[arg(long, value_name = "TIME")]
    pub near: Option<String>,
    /// The region whose history has the request; IAM's is that of `us-east-1`.
    #[arg(
        long,
        value_name = "NAME",
        env = "AWS_REGION",
        default_value = "us-east-1"
    )]
    pub region: types::Region,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `strongroom doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
    /// The region of the groups.
    #[arg(
        long,
        value_name = "NAME",
        env = "AWS_REGION",
        default_value = "us-east-1"
    )]
    pub region: types::Region,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `strongroom rekey`.
#[derive(Debug, Args)]
pub struct RekeyArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
    /// The feature group, by name or ARN.
    #[arg(value_name = "GROUP")]
    pub group: String,
    /// What to do.
    #[command(flatten)]
    pub to: RekeyTo,
    /// Wait until the last record has moved, and show how far that has come.
    #[arg(long, conflicts_with = "status")]
    pub wait: bool,
    /// The region of the group.
    #[arg(
        long,
        value_name = "NAME",
        env = "AWS_REGION",
        default_value = "us-east-1"
    )]
    pub region: types::Region,
    /// Print the answers as JSON, a line each.
    #[arg(long)]
    pub json: bool,
}

/// Where `strongroom rekey` moves a group, or that it only looks.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RekeyTo {
    /// The new key: id, ARN, alias or alias ARN.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Move the group to the AWS owned key, which no policy of a customer protects.
    #[arg(long)]
    pub aws_owned_key: bool,
    /// Show which keys the group is under and how far moving and renewing have come.
    #[arg(long)]
    pub status: bool,
}

/// Flags of `strongroom usage`.
#[derive(Debug, Args)]
pub struct UsageArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
    /// The month, as 2026-11 [default: the current one].
    #[arg(long, value_name = "MONTH")]
    pub month: Option<String>,
    /// Only the key with this ARN.
    #[arg(long, value_name = "ARN")]
    pub key: Option<String>,
    /// The region of the keys.
    #[arg(
        long,
        value_name = "NAME",
        env = "AWS_REGION",
        default_value = "us-east-1"
    )]
    pub region: types::Region,
    /// Print the answer as JSON, a line for each page.
    #[arg(long)]
    pub json: bool,
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

/// Where the data is and how its root key is unsealed.
#[derive(Debug, Args)]
pub struct DirectoryArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "STRONGROOM_DATA")]
    pub data: Option<PathBuf>,
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "STRONGROOM_CONFIG")]
    pub config: Option<PathBuf>,
    /// The file with the key that seals the root key; outside the data directory
    /// [default: the data directory's name with `.key` appended].
    #[arg(long, value_name = "FILE", env = "STRONGROOM_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// A file whose first line is the passphrase that seals the root key, instead of a key
    /// file.
    #[arg(
        long,
        value_name = "FILE",
        env = "STRONGROOM_PASSPHRASE_FILE",
        conflicts_with = "key_file"
    )]
    pub passphrase_file: Option<PathBuf>,
}

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

/// What to do with the seal.
#[derive(Debug, Subcommand)]
pub enum SealCommand {
    /// Seal a running server: it forgets every key, and waits for `strongroom unseal`.
    ///
    /// A signed call; needs no secret. Refused by a server that opens its seal by itself.
    #[command(after_help = "EXAMPLE:\n  strongroom seal now --data ./data")]
    Now(SealNowArgs),
    /// Put the root key of a running server under another key file or passphrase.
    ///
    /// Calls the server, which goes on serving, with what opens its seal now. A key file that
    /// is missing is made. What opened the seal before does not open it any more.
    #[command(after_help = "EXAMPLES:\n  \
        strongroom seal rewrap --data ./data --key-file ./data.key --new-passphrase-file ./phrase\n  \
        strongroom seal rewrap --data ./data --new-key-file /media/usb/root.key < phrase")]
    Rewrap(RewrapArgs),
    /// Replace the root key of a running server, which goes on serving.
    ///
    /// Needs what opens the seal, which stays. The root key before opens nothing any more.
    #[command(
        after_help = "EXAMPLE:\n  strongroom seal rotate-root --data ./data --key-file ./data.key"
    )]
    RotateRoot(RotateRootArgs),
    /// Put the root key of a data directory that is not served under the seal that another
    /// configuration names: a key file, a passphrase, a KMS elsewhere or a PKCS#11 token.
    ///
    /// Needs the directory's lock, and its seal as the flags or --config name it. The audit log
    /// tells of it.
    #[command(after_help = "EXAMPLE:\n  \
        strongroom seal move --data ./data --key-file ./data.key --to ./with-kms.toml")]
    Move(MoveSealArgs),
    /// Print shares of the passphrase that seals a data directory, one a line.
    ///
    /// The passphrase is asked for on the terminal, or read from the first line of standard
    /// input, unless --passphrase-file names it. Whoever gives enough of the shares to
    /// `strongroom unseal` opens the server; fewer say nothing of the passphrase.
    #[command(after_help = "EXAMPLE:\n  \
        strongroom seal split --data ./data --shares 5 --threshold 3")]
    Split(SplitArgs),
}

/// Flags of `strongroom seal now`.
#[derive(Debug, Args)]
pub struct SealNowArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Which server, and what opens its seal now.
#[derive(Debug, Args)]
pub struct CurrentSealArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
    /// The key file that opens the seal now [default: a passphrase is asked for].
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// A file whose first line is the passphrase that opens the seal now.
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    pub passphrase_file: Option<PathBuf>,
}

/// Flags of `strongroom seal move`.
#[derive(Debug, Args)]
pub struct MoveSealArgs {
    /// The data directory and the seal that it has.
    #[command(flatten)]
    pub directory: DirectoryArgs,
    /// The configuration whose `seal` is the new one.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Flags of `strongroom seal rewrap`.
#[derive(Debug, Args)]
pub struct RewrapArgs {
    /// The server and its seal.
    #[command(flatten)]
    pub current: CurrentSealArgs,
    /// The key file that is to open the seal; made if it is missing.
    #[arg(long, value_name = "FILE")]
    pub new_key_file: Option<PathBuf>,
    /// A file whose first line is the passphrase that is to open the seal.
    #[arg(long, value_name = "FILE", conflicts_with = "new_key_file")]
    pub new_passphrase_file: Option<PathBuf>,
}

/// Flags of `strongroom seal rotate-root`.
#[derive(Debug, Args)]
pub struct RotateRootArgs {
    /// The server and its seal.
    #[command(flatten)]
    pub current: CurrentSealArgs,
    /// The server opens its seal by itself: a KMS or a token.
    #[arg(long, conflicts_with_all = ["key_file", "passphrase_file"])]
    pub no_secret: bool,
}

/// Flags of `strongroom seal split`.
#[derive(Debug, Args)]
pub struct SplitArgs {
    /// The data directory, and the passphrase that seals it.
    #[command(flatten)]
    pub directory: DirectoryArgs,
    /// How many shares to make, at most 255.
    #[arg(long, value_name = "N")]
    pub shares: u8,
    /// How many of them are needed, at least 2.
    #[arg(long, value_name = "T")]
    pub threshold: u8,
}

/// Flags of `strongroom unseal`.
#[derive(Debug, Args)]
pub struct UnsealArgs {
    /// Where the server takes passphrases; plain HTTP only on this machine.
    #[arg(
        long,
        value_name = "URL",
        env = "STRONGROOM_ENDPOINT",
        default_value = "http://127.0.0.1:4700"
    )]
    pub endpoint: http::Uri,
    /// The certificates (PEM) that the server's certificate must come from.
    #[arg(
        long,
        value_name = "FILE",
        env = "STRONGROOM_CA_FILE",
        default_value = "/etc/ssl/certs/ca-certificates.crt"
    )]
    pub ca_file: PathBuf,
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
