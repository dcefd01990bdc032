//! Flags that several subcommands take: which data directory, which server.

use std::path::PathBuf;

use clap::Args;

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
