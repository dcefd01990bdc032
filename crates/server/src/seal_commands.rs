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
use zeroize::Zeroizing;

use crate::cli::{ClientArgs, CurrentSealArgs, RewrapArgs, RotateRootArgs, SealCommand, SplitArgs};
use crate::config::DirectoryConfig;
use crate::restore::print;
use crate::seal::{self, Seal};
use crate::signed::{self, Api, GLOBAL};
use crate::unseal_client::Target;
use crate::{file, passphrase};

/// How long a command waits for the server: two passphrases take some seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the subcommand.
pub fn run(command: &SealCommand) -> anyhow::Result<()> {
    match command {
        SealCommand::Rewrap(args) => rewrap(args),
        SealCommand::RotateRoot(args) => rotate(args),
        SealCommand::Split(args) => split(args),
    }
}

fn rewrap(args: &RewrapArgs) -> anyhow::Result<()> {
    let (kind, new) = match (&args.new_key_file, &args.new_passphrase_file) {
        (Some(path), None) => ("key-file", new_key(path)?),
        (None, Some(path)) => ("passphrase", line_of(path)?),
        _ => bail!("name the new seal: --new-key-file or --new-passphrase-file"),
    };
    let current = current(&args.current)?;
    let input = json!({ "Current": *current, "NewKind": kind, "New": *new });
    let answer = call(&args.current.client, "RewrapSeal", &input)?;
    print(&format!(
        "sealed with a {}: name it when the server is started again\n",
        answer
            .get("Kind")
            .and_then(Value::as_str)
            .unwrap_or_default()
    ))
}

fn rotate(args: &RotateRootArgs) -> anyhow::Result<()> {
    let current = current(&args.current)?;
    let input = json!({ "Current": *current });
    let answer = call(&args.current.client, "RotateRootKey", &input)?;
    let generation = answer.get("RootKeyGeneration").and_then(Value::as_u64);
    print(&format!(
        "the root key was replaced, for the {}. time\n",
        generation.unwrap_or_default()
    ))
}

/// Prints shares of the passphrase that seals a directory, one a line.
fn split(args: &SplitArgs) -> anyhow::Result<()> {
    let config = DirectoryConfig::of(&args.directory)?;
    let seal = Seal::read(&config.data)?;
    let passphrase = match &args.directory.passphrase_file {
        Some(path) => SecretBytes::from(line_of(path)?.as_bytes().to_vec()),
        None => passphrase::read()?,
    };
    // Shares of another passphrase would be found to be so when they are needed.
    drop(seal.open_with_passphrase(&passphrase)?);
    let shares = shares::split(
        passphrase.expose(),
        args.threshold,
        args.shares,
        &SystemEntropy,
    )?;
    let mut text = Zeroizing::new(String::new());
    for share in &shares {
        text.reserve(4096);
        text.push_str(&share.to_text());
        text.push('\n');
    }
    print(&text)
}

fn call(client: &ClientArgs, operation: &str, input: &Value) -> anyhow::Result<Value> {
    // Fails if the secrets would travel in clear.
    Target::of(&client.endpoint)?;
    let api = Api {
        service: "strongroom",
        target: "Strongroom",
        region: GLOBAL,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    runtime.block_on(async {
        let asked = signed::call(client, api, operation, input);
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        answer.context("the server did not answer in time")?
    })
}

/// What opens the seal now: of a file, or a passphrase that is asked for.
fn current(args: &CurrentSealArgs) -> anyhow::Result<Zeroizing<String>> {
    match (&args.key_file, &args.passphrase_file) {
        (Some(path), _) => read(path),
        (None, Some(path)) => line_of(path),
        (None, None) => utf8(&passphrase::read()?),
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
    drop(seal::read_key_file(path)?);
    read(path)
}

fn line_of(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = read(path)?;
    let line = passphrase::first_line(text.as_bytes());
    let path = path.display();
    utf8(&line.with_context(|| format!("`{path}` holds no passphrase in its first line"))?)
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
