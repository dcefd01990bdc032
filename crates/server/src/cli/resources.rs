//! `strongroom account` and `strongroom bucket`: what is made before feature groups are.

use std::path::PathBuf;

use clap::Subcommand;

use super::{ClientArgs, RegionalArgs};

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
        at: RegionalArgs,
        /// The bucket's name, unlike that of any other bucket.
        #[arg(value_name = "BUCKET")]
        name: String,
    },
    /// Delete a bucket.
    Delete {
        /// Where.
        #[command(flatten)]
        at: RegionalArgs,
        /// The bucket's name.
        #[arg(value_name = "BUCKET")]
        name: String,
    },
    /// Print the buckets of the account: name, region and time of creation, separated by tabs.
    List {
        /// Where.
        #[command(flatten)]
        at: RegionalArgs,
    },
    /// Print a bucket's policy, or set it.
    Policy {
        /// Where.
        #[command(flatten)]
        at: RegionalArgs,
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
        at: RegionalArgs,
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
