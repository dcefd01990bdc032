//! The servers under test: strongroom's real binary, and bare hyper.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::client::{Answer, Client};
use crate::process::Process;
use crate::sign::Credentials;

/// Quotas that a measurement would run into; everything else is as it is by default.
const CONFIG: &str = "\
[limits]
calls_per_second = 100000
account_metadata_bytes = 1099511627776
account_log_bytes = 1099511627776
feature_groups = 20000
[feature_store]
parallel_creations = 1000
read_units_per_record = 10000000
write_units_per_record = 10000000
calls_per_second = 1000000000
batch_gets_per_second = 1000000000
";

/// A running strongroom and its administrator.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The server's process.
    pub process: Process,
    /// Calls as its administrator.
    pub administrator: Client,
}

impl Subject {
    /// Starts `binary` on `directory`, as an operator would; ready when it says so.
    pub(crate) fn start(binary: &Path, directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let log = File::options()
            .append(true)
            .create(true)
            .open(directory.join("server.log"))?;
        let config = directory.join("strongroom.toml");
        std::fs::write(&config, CONFIG)?;
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .arg("--config")
            .arg(config)
            .arg("--data")
            .arg(directory.join("data"))
            .args(["--listen", "127.0.0.1:0", "--account", "111122223333"])
            // What is measured is the server, and not how soon it throttles.
            .args(["--kms-request-quota-factor", "10000"])
            .stderr(log);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("STRONGROOM_") || text.starts_with("AWS_") {
                command.env_remove(&name);
            }
        }
        let mut process = Process::start(&mut command)?;
        let ready = read_exports(&mut process).with_context(|| {
            let log = std::fs::read_to_string(directory.join("server.log"));
            format!("the server did not start: {}", log.unwrap_or_default())
        });
        let (address, credentials) = ready?;
        let administrator = Client {
            address,
            credentials: read_credentials(&credentials)?,
        };
        Ok(Self {
            process,
            administrator,
        })
    }

    /// The server's address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.administrator.address
    }
}

fn read_exports(process: &mut Process) -> anyhow::Result<(SocketAddr, PathBuf)> {
    let mut address = None;
    loop {
        let line = process.line()?;
        if let Some(url) = line.strip_prefix("export AWS_ENDPOINT_URL=http://") {
            address = Some(url.parse()?);
        } else if let Some(path) = line.strip_prefix("export AWS_SHARED_CREDENTIALS_FILE=") {
            ensure!(!path.starts_with('\''), "the path needs quoting");
            let address = address.context("no address was announced")?;
            return Ok((address, PathBuf::from(path)));
        }
    }
}

fn read_credentials(path: &Path) -> anyhow::Result<Credentials> {
    let text = std::fs::read_to_string(path)?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='))
            .map(|value| value.trim().to_owned())
            .with_context(|| format!("no {name} in the credentials"))
    };
    Ok(Credentials {
        id: field("aws_access_key_id")?,
        secret: field("aws_secret_access_key")?,
    })
}

/// A running bare hyper.
#[derive(Debug)]
pub(crate) struct Bare {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Bare {
    /// Starts this program as a server that gives `answer`; `directory` holds the answer.
    pub(crate) fn start(directory: &Path, answer: &Answer) -> anyhow::Result<Self> {
        let file = directory.join("answer");
        std::fs::write(&file, format!("{}{}", answer.head, answer.body))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").arg(&file);
        let mut process = Process::start(&mut command)?;
        let address = process.line()?.parse()?;
        Ok(Self { process, address })
    }
}
