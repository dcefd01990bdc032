//! `strongroom seal`: another seal, another root key, shares of the passphrase.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use crypto::SystemEntropy;
use crypto::secret::{Key32, SecretBytes};
use crypto::shares;
use serde_json::{Value, json};
use store::Batch;
use zeroize::{Zeroize, Zeroizing};

use crate::cli::{
    ClientArgs, CurrentSealArgs, DirectoryArgs, MoveSealArgs, RewrapArgs, RotateRootArgs,
    SealCommand, SealNowArgs, SplitArgs,
};
use crate::client::{self, number, print, text};
use crate::config::{DirectoryConfig, SealConfig};
use crate::directory::{DataDirectory, Start};
use crate::offline::Offline;
use crate::seal::wrapping::{Wrapping, read_key_file, read_passphrase_file};
use crate::seal::{self, Seal};
use crate::signed::{self, OWN};
use crate::unseal_client::Target;
use crate::{file, passphrase};

/// How long a command waits for the server: two passphrases take some seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the subcommand.
pub fn run(command: &SealCommand) -> anyhow::Result<()> {
    match command {
        SealCommand::Now(args) => now(args),
        SealCommand::Rewrap(args) => rewrap(args),
        SealCommand::RotateRoot(args) => rotate(args),
        SealCommand::Move(args) => move_to(args),
        SealCommand::Split(args) => split(args),
    }
}

fn now(args: &SealNowArgs) -> anyhow::Result<()> {
    call(&args.client, "SealServer", &json!({}))?;
    print("sealed: `strongroom unseal` opens the server again\n")
}

fn rewrap(args: &RewrapArgs) -> anyhow::Result<()> {
    let (kind, new) = match (&args.new_key_file, &args.new_passphrase_file) {
        (Some(path), None) => ("key-file", new_key(path)?),
        (None, Some(path)) => ("passphrase", line_of(path)?),
        _ => bail!("name the new seal: --new-key-file or --new-passphrase-file"),
    };
    let mut input = json!({ "NewKind": kind, "New": *new });
    add_current(&args.current, &mut input)?;
    let answer = call(&args.current.client, "RewrapSeal", &input);
    wipe(&mut input);
    let answer = answer?;
    print(&format!(
        "sealed with a {}: name it when the server is started again\n",
        text(&answer, "Kind")
    ))
}

fn rotate(args: &RotateRootArgs) -> anyhow::Result<()> {
    let mut input = json!({});
    // A seal that the server opens by itself needs nothing to be given.
    if !args.no_secret {
        add_current(&args.current, &mut input)?;
    }
    let answer = call(&args.current.client, "RotateRootKey", &input);
    wipe(&mut input);
    let answer = answer?;
    print(&format!(
        "the root key was replaced, for the {}. time\n",
        number(&answer, "RootKeyGeneration")
    ))
}

/// Prints shares of the passphrase that seals a directory, one a line, once the history of the
/// directory, which nobody serves meanwhile, says that they were made.
fn split(args: &SplitArgs) -> anyhow::Result<()> {
    let config = DirectoryConfig::of(&args.directory)?;
    let (directory, passphrase) = match DataDirectory::open(&config)? {
        Start::Open(directory) => match &config.seal {
            SealConfig::PassphraseFile(path) => (directory, read_passphrase_file(path)?),
            _ => bail!("the directory is not sealed with a passphrase: there is nothing to split"),
        },
        Start::Sealed(sealed) => {
            let passphrase = passphrase::read()?;
            // Shares of another passphrase would be found to be so when they are needed.
            let data_key = seal::open_with_passphrase(sealed.path(), &passphrase)?;
            (sealed.open(data_key), passphrase)
        }
    };
    let shares = shares::split(
        passphrase.expose(),
        args.threshold,
        args.shares,
        &SystemEntropy,
    )?;
    let offline = Offline::of(directory)?;
    let details = json!({ "shares": args.shares, "threshold": args.threshold });
    offline.record("SplitPassphrase", details, Batch::default())?;
    offline.store.close();
    let mut lines = Zeroizing::new(String::new());
    for share in &shares {
        lines.reserve(4096);
        lines.push_str(&share.to_text());
        lines.push('\n');
    }
    print(&lines)
}

fn call(args: &ClientArgs, operation: &str, input: &Value) -> anyhow::Result<Value> {
    // Fails if the secrets would travel in clear.
    Target::of(&args.endpoint)?;
    client::answer(PATIENCE, signed::call(args, OWN, operation, input))
}

/// Adds what opens the seal now: of a file, or a passphrase that is asked for.
fn add_current(args: &CurrentSealArgs, input: &mut Value) -> anyhow::Result<()> {
    let current = match (&args.key_file, &args.passphrase_file) {
        (Some(path), _) => read(path)?,
        (None, Some(path)) => line_of(path)?,
        (None, None) => utf8(&passphrase::read()?)?,
    };
    if let Some(input) = input.as_object_mut() {
        input.insert("Current".to_owned(), current.as_str().into());
    }
    Ok(())
}

/// Puts the root key of a directory that is not served under the seal that a configuration names.
fn move_to(args: &MoveSealArgs) -> anyhow::Result<()> {
    let wanted = DirectoryConfig::of(&DirectoryArgs {
        data: args.directory.data.clone(),
        config: Some(args.to.clone()),
        key_file: None,
        passphrase_file: None,
    })?;
    let config = DirectoryConfig::of(&args.directory)?;
    let (directory, passphrase) = match DataDirectory::open(&config)? {
        Start::Open(directory) => (directory, None),
        Start::Sealed(sealed) => {
            let passphrase = passphrase::read()?;
            let data_key = seal::open_with_passphrase(sealed.path(), &passphrase)?;
            (sealed.open(data_key), Some(passphrase))
        }
    };
    let offline = Offline::of(directory)?;
    let seal = Seal::read(&config.data)?;
    let current = match &passphrase {
        None => seal.wrapping_configured(&config.seal)?,
        Some(passphrase) => seal.wrapping(Some(passphrase), &config.seal)?,
    };
    let entropy = &*offline.entropy;
    let (kind, new) = Wrapping::made(&wanted.seal, entropy)?;
    let moved = seal.rewrapped(&current, (kind, &new), entropy)?;
    let details = || json!({ "from": seal.kind(), "kind": moved.kind() });
    offline.record("StartMoveSeal", details(), Batch::default())?;
    moved.replace_in(&config.data)?;
    offline.record("EndMoveSeal", details(), Batch::default())?;
    offline.store.close();
    print(&format!(
        "sealed with a {}: name it when the server is started again\n",
        moved.kind()
    ))
}

/// Wipes the secrets of a request that was sent.
fn wipe(input: &mut Value) {
    for member in ["Current", "New"] {
        if let Some(Value::String(text)) = input.get_mut(member) {
            text.zeroize();
        }
    }
}

/// The content of a key file, which is made if it is missing.
fn new_key(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    if !path.exists() {
        let key = Key32::generate(&SystemEntropy);
        let mut text = Zeroizing::new(String::with_capacity(72));
        text.push_str(&Zeroizing::new(hex::encode(key.expose())));
        text.push('\n');
        file::create_durably(path, text.as_bytes())?;
    }
    // With the checks that a start makes.
    drop(read_key_file(path)?);
    read(path)
}

fn line_of(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    utf8(&read_passphrase_file(path)?)
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let failed = || format!("reading `{}` failed", path.display());
    let mut text = Zeroizing::new(String::with_capacity(8192));
    let file = fs::File::open(path).with_context(failed)?;
    file.take(4096)
        .read_to_string(&mut text)
        .with_context(failed)?;
    Ok(text)
}

fn utf8(secret: &SecretBytes) -> anyhow::Result<Zeroizing<String>> {
    let text = std::str::from_utf8(secret.expose());
    let text = text.context("the passphrase must be UTF-8")?;
    Ok(Zeroizing::new(text.to_owned()))
}
