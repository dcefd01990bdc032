//! `strongroom seal` and `strongroom unseal`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{AuthorityArgs, ClientArgs, DirectoryArgs};

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
    /// Put the root key of a data directory that is not served under another seal.
    ///
    /// Another configuration names it: a key file, a passphrase, a KMS elsewhere or a PKCS#11
    /// token. Needs the directory's lock, and its seal as the flags or --config name it. The audit log
    /// tells of it.
    #[command(after_help = "EXAMPLE:\n  \
        strongroom seal move --data ./data --key-file ./data.key --to ./with-kms.toml")]
    Move(MoveSealArgs),
    /// Print shares of the passphrase that seals a data directory, one a line.
    ///
    /// The passphrase is asked for on the terminal, or read from the first line of standard
    /// input, unless --passphrase-file names it. Whoever gives enough of the shares to
    /// `strongroom unseal` opens the server; fewer say nothing of the passphrase. Needs the
    /// directory's lock; the audit log tells of it.
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
    /// Who vouches for the server.
    #[command(flatten)]
    pub authorities: AuthorityArgs,
}
