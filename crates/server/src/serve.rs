//! `strongroom serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crypto::SystemEntropy;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};
use types::{AccountId, Clock, Entropy, Region, SystemClock};

use crate::cli::ServeArgs;
use crate::compose::Deployment;
use crate::config::Config;
use crate::directory::{DataDirectory, SealedDirectory, Start};
use crate::entrance::Entrance;
use crate::front::Front;
use crate::http_service::HttpService;
use crate::issuers::Issuers;
use crate::unseal::{Unsealed, Unsealer};
use crate::{bootstrap, compose, logging, maintenance};

/// Runs the server until SIGTERM or SIGINT.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::of_serve(args)?;
    logging::start(&config.log_filter, config.log_json)?;
    for refused in crypto::lock::harden_process() {
        warn!(reason = %refused, "the process could not be hardened completely");
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?
        .block_on(serve(&config))
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    // Installed before anything is announced: whoever reads the export lines may stop us.
    let mut signals = Signals::install()?;
    // What is wrong with addresses, certificates and keys is known before anything is made.
    let mut entrance = Entrance::bind(config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let issuers = Arc::new(Issuers::load(&config.issuers, &clock)?);
    let address = entrance.address;
    let (stop, stopped) = watch::channel(false);
    let (directory, front, waiting) = match open_directory(config)? {
        Start::Open(directory) => (directory, Arc::new(Front::new(entropy(), None)), None),
        Start::Sealed(sealed) => {
            let (front, mut unsealed) = sealed_front(config, &sealed);
            let listening = entrance.listen(config, &front, &stopped).await?;
            info!(%address, "sealed: waiting for `strongroom unseal`");
            let found = tokio::select! {
                found = unsealed.recv() => found,
                () = signals.wait() => None,
            };
            let Some(Unsealed { root, opened }) = found else {
                stop.send_replace(true);
                return listening.end().await;
            };
            (sealed.open(root), front, Some((listening, opened)))
        }
    };
    let open = Open::new(config, &directory, issuers, &stopped).await;
    let (open, listening) = match (open, waiting) {
        (Ok(open), None) => {
            front.open(open.service(config));
            (open, entrance.listen(config, &front, &stopped).await?)
        }
        (Ok(open), Some((mut listening, opened))) => {
            front.open(open.service(config));
            // The client may be gone; the server is open all the same.
            let _told = opened.send(());
            listening.no_more_passphrases();
            (open, listening)
        }
        (Err(failed), None) => return Err(failed),
        (Err(failed), Some((listening, opened))) => {
            drop(opened);
            stop.send_replace(true);
            listening.end().await?;
            return Err(failed);
        }
    };
    info!(%address, account = %open.home, fresh = directory.is_fresh(), "ready");
    announce(
        entrance.scheme(),
        address,
        &directory.credentials(),
        &open.region,
    )?;
    signals.wait().await;
    stop.send_replace(true);
    listening.end().await?;
    open.close().await?;
    info!("stopped");
    Ok(())
}

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

/// The data directory, locked and unsealed as far as the configuration can.
fn open_directory(config: &Config) -> anyhow::Result<Start> {
    Ok(DataDirectory::open_or_create(
        &config.directory,
        &SystemEntropy,
    )?)
}

/// What answers while the directory is sealed, and where its root key will come from.
fn sealed_front(
    config: &Config,
    sealed: &SealedDirectory,
) -> (Arc<Front>, mpsc::Receiver<Unsealed>) {
    let (found, roots) = mpsc::channel(1);
    let unsealer = Unsealer::new(
        sealed.path().to_path_buf(),
        Arc::new(SystemClock::new()),
        Duration::from_secs(config.limits.body_seconds),
        found,
    );
    (Arc::new(Front::new(entropy(), Some(unsealer))), roots)
}

/// The opened deployment.
struct Open {
    deployment: Deployment,
    home: AccountId,
    region: Region,
    upkeep: JoinHandle<()>,
}

impl Open {
    /// Opens the store, makes what a first start makes, and starts the upkeep.
    async fn new(
        config: &Config,
        directory: &DataDirectory,
        issuers: Arc<Issuers>,
        stopped: &watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let region = config.regions.first().cloned();
        let region = region.context("no region is configured")?;
        let deployment = compose::deployment(directory, config, issuers).await?;
        let services = &deployment.services;
        let home = bootstrap::first_account(services, directory, config.account, &region).await?;
        let upkeep = tokio::spawn(maintenance::run(Arc::clone(services), stopped.clone()));
        Ok(Self {
            deployment,
            home,
            region,
            upkeep,
        })
    }

    fn service(&self, config: &Config) -> HttpService {
        HttpService::new(config, Arc::clone(&self.deployment.services), self.home)
    }

    async fn close(self) -> anyhow::Result<()> {
        self.upkeep.await.context("the maintenance task failed")?;
        self.deployment.engine.close();
        Ok(())
    }
}

/// Prints the lines that make `aws` and boto3 work; scripts rely on them.
fn announce(
    scheme: &str,
    address: SocketAddr,
    credentials: &Path,
    region: &Region,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "export AWS_ENDPOINT_URL={scheme}://{address}")
        .and_then(|()| {
            let path = shell_quoted(&credentials.display().to_string());
            writeln!(out, "export AWS_SHARED_CREDENTIALS_FILE={path}")
        })
        .and_then(|()| writeln!(out, "export AWS_DEFAULT_REGION={region}"))
        .and_then(|()| out.flush())
        .context("writing to standard output failed")
}

/// A word for a shell: as it is if harmless, else in single quotes.
fn shell_quoted(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The signals that end the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn install() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("handling SIGTERM failed")?,
            interrupt: signal(SignalKind::interrupt()).context("handling SIGINT failed")?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _received = self.terminate.recv() => {}
            _received = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_the_shell_when_they_need_it() {
        assert_eq!(
            shell_quoted("/srv/data/credentials"),
            "/srv/data/credentials"
        );
        assert_eq!(shell_quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
