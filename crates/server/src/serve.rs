//! `strongroom serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use crypto::SystemEntropy;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};
use types::{AccountId, Clock, Region, SystemClock};

use crate::cli::ServeArgs;
use crate::compose::Deployment;
use crate::config::{Config, SealConfig};
use crate::directory::{DataDirectory, SealedDirectory, Start};
use crate::entrance::{Entrance, Listening};
use crate::front::Front;
use crate::http_service::HttpService;
use crate::issuers::Issuers;
use crate::seal::{self, Seal};
use crate::unseal::{Unsealed, Unsealer};
use crate::{backup_place, bootstrap, compose, logging, maintenance};

/// Runs the server until SIGTERM or SIGINT.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::of_serve(args)?;
    logging::start(&config.log_filter, config.log_json)?;
    for refused in crypto::lock::harden_process() {
        warn!(reason = %refused, "the process could not be hardened completely");
    }
    if let Some(backup) = &config.backup
        && !seal::exists(&config.directory.data)
    {
        backup.check()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    let ended = runtime.block_on(serve(&config));
    end(runtime, Duration::from_secs(config.limits.shutdown_seconds));
    ended
}

/// How long what has begun may go on when all is to end: it ends by itself, and gets some seconds,
/// whatever a shutdown gives it.
fn patience(config: &Config) -> Duration {
    Duration::from_secs(config.limits.shutdown_seconds.max(5))
}

/// Ends the runtime once the store is closed. What still waits for a disk that does not answer, the
/// place of a backup for example, does not keep the process.
fn end(runtime: Runtime, patience: Duration) {
    runtime.shutdown_timeout(patience);
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    // Installed before anything is announced: whoever reads the export lines may stop us.
    let signals = Signals::install()?;
    // What is wrong with addresses, certificates and keys is known before anything is made.
    let entrance = Entrance::bind(config).await?;
    let place = config.backup.as_ref();
    let watching = place.map(|place| tokio::spawn(backup_place::watch(place.directory.clone())));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let issuers = Arc::new(Issuers::load(&config.issuers, &clock)?);
    let start = DataDirectory::open_or_create(&config.directory, &SystemEntropy)?;
    let mut server = Server {
        config,
        signals,
        entrance,
        issuers,
        front: Arc::new(Front::new(Arc::new(SystemEntropy))),
        main: None,
        side: None,
        is_announced: false,
    };
    let open = Box::pin(server.run(start)).await;
    if let Some(watching) = watching {
        watching.abort();
    }
    server.end().await?;
    if let Some(open) = open? {
        open.close(patience(config)).await?;
    }
    info!("stopped");
    Ok(())
}

/// The server, sealed or open.
struct Server<'a> {
    config: &'a Config,
    signals: Signals,
    entrance: Entrance,
    issuers: Arc<Issuers>,
    front: Arc<Front>,
    /// The listener for calls.
    main: Option<Listening>,
    /// That for passphrases alone.
    side: Option<Listening>,
    is_announced: bool,
}

impl Server<'_> {
    /// Serves until a signal; returns what is open then. Fails if it cannot be opened, or not be
    /// sealed: the process is to end.
    async fn run(&mut self, mut start: Start) -> anyhow::Result<Option<Open>> {
        loop {
            let (directory, told) = match start {
                Start::Open(directory) => (directory, None),
                Start::Sealed(sealed) => match self.unsealed(sealed).await? {
                    Some((directory, told)) => (directory, Some(told)),
                    None => return Ok(None),
                },
            };
            let open =
                Box::pin(Open::new(self.config, directory, Arc::clone(&self.issuers))).await?;
            self.front.open(open.service(self.config));
            if let Some(told) = told {
                // The client may be gone; the server is open all the same.
                let _told = told.send(());
            }
            if let Some(side) = &self.side {
                side.close();
            }
            self.listen()?;
            self.announce(&open)?;
            tokio::select! {
                () = self.signals.wait() => return Ok(Some(open)),
                () = open.sealing.notified() => {}
            }
            let sealed = self.sealed(open).await?;
            still_waits(sealed.path(), &self.config.directory.seal)?;
            start = Start::Sealed(sealed);
        }
    }

    fn listen(&mut self) -> anyhow::Result<()> {
        if self.main.is_none() {
            self.main = Some(self.entrance.listen(self.config, &self.front)?);
        }
        Ok(())
    }

    /// The directory, once somebody has given what opens it, and who is to be told when it is
    /// open; `None` if a signal comes first.
    async fn unsealed(
        &mut self,
        sealed: SealedDirectory,
    ) -> anyhow::Result<Option<(DataDirectory, oneshot::Sender<()>)>> {
        let (found, mut right) = mpsc::channel(1);
        self.front.take_passphrases(Unsealer::new(
            sealed.path().to_path_buf(),
            Arc::new(SystemClock::new()),
            Duration::from_secs(self.config.limits.body_seconds),
            found,
        ));
        self.listen()?;
        // Its address is free again once the one before has ended.
        if let Some(side) = self.side.take() {
            side.end().await?;
        }
        let side = self
            .entrance
            .listen_for_passphrases(self.config, &self.front);
        self.side = side.await?;
        let address = self.entrance.address;
        info!(%address, "sealed: waiting for `strongroom unseal`");
        let found = tokio::select! {
            found = right.recv() => found,
            () = self.signals.wait() => None,
        };
        Ok(found.map(|Unsealed { data_key, opened }| (sealed.open(data_key), opened)))
    }

    /// Seals what is open: calls are refused, those that have begun end, and with them every key.
    ///
    /// Fails if some do not end in time, for they hold keys: the process has to end instead.
    async fn sealed(&self, open: Open) -> anyhow::Result<SealedDirectory> {
        info!("sealing: open requests may finish");
        let calls = self.front.seal();
        let sealed = tokio::time::timeout(patience(self.config), open.sealed(calls)).await;
        sealed.context("not everything ended in time: the server stops instead of being sealed")?
    }

    /// Says once where the server is.
    fn announce(&mut self, open: &Open) -> anyhow::Result<()> {
        let (address, directory) = (self.entrance.address, &open.directory);
        info!(%address, account = %open.home, fresh = directory.is_fresh(), "ready");
        if std::mem::replace(&mut self.is_announced, true) {
            return Ok(());
        }
        let scheme = self.entrance.scheme();
        announce(scheme, address, &directory.credentials(), &open.region)
    }

    /// Ends the listeners.
    async fn end(&mut self) -> anyhow::Result<()> {
        let listeners = [self.side.take(), self.main.take()];
        for listening in listeners.into_iter().flatten() {
            listening.end().await?;
        }
        Ok(())
    }
}

/// The opened deployment.
struct Open {
    directory: DataDirectory,
    deployment: Deployment,
    home: AccountId,
    region: Region,
    /// Told when somebody wants the server sealed.
    sealing: Arc<Notify>,
    upkeep: JoinHandle<()>,
    /// Ends the upkeep.
    end: watch::Sender<bool>,
}

impl Open {
    /// Opens the store, makes what a first start makes, and starts the upkeep.
    async fn new(
        config: &Config,
        directory: DataDirectory,
        issuers: Arc<Issuers>,
    ) -> anyhow::Result<Self> {
        let region = config.regions.first().cloned();
        let region = region.context("no region is configured")?;
        let sealing = Arc::new(Notify::new());
        let deployment = Box::pin(compose::deployment(
            &directory,
            config,
            issuers,
            Arc::clone(&sealing),
        ))
        .await?;
        let services = &deployment.services;
        let home = bootstrap::first_account(services, &directory, config.account, &region).await?;
        if let Some(since) = kms::held_since(&services.store().snapshot()) {
            let since = since.to_iso8601();
            warn!(
                since,
                "deletions of KMS keys are on hold: see `strongroom resume`"
            );
        }
        let (end, ended) = watch::channel(false);
        let kept = config.limits.history();
        let upkeep = tokio::spawn(maintenance::run(Arc::clone(services), kept, ended));
        Ok(Self {
            directory,
            deployment,
            home,
            region,
            sealing,
            upkeep,
            end,
        })
    }

    fn service(&self, config: &Config) -> HttpService {
        HttpService::new(config, Arc::clone(&self.deployment.services), self.home)
    }

    /// Closes it, whether or not the upkeep comes to its end within `patience`.
    async fn close(self, patience: Duration) -> anyhow::Result<()> {
        self.end.send_replace(true);
        // It ends within a second or so, unless a disk does not answer.
        match tokio::time::timeout(patience, self.upkeep).await {
            Ok(ended) => ended.context("the maintenance task failed")?,
            Err(_late) => warn!("the store closes before maintenance is through"),
        }
        self.deployment.engine.close();
        Ok(())
    }

    /// Closes it and drops all that holds a key, when the requests that `calls` still answers have
    /// ended.
    async fn sealed(self, calls: Option<Arc<HttpService>>) -> anyhow::Result<SealedDirectory> {
        if let Some(calls) = calls {
            dropped(calls).await;
        }
        self.end.send_replace(true);
        self.upkeep.await.context("the maintenance task failed")?;
        let Deployment { services, engine } = self.deployment;
        dropped(services).await;
        engine.close();
        dropped(engine).await;
        Ok(self.directory.sealed())
    }
}

/// Fails unless the directory `data`, which was just sealed, waits for a passphrase: somebody may
/// have changed its seal between the call that asked for this and its end. Nobody could then open
/// it, or everybody: it is for a new start to find out.
fn still_waits(data: &Path, seal: &SealConfig) -> anyhow::Result<()> {
    if Seal::read(data)?.waits_for_a_passphrase(seal) {
        return Ok(());
    }
    bail!("the seal was changed while the server was sealed: it stops, for no passphrase opens it");
}

/// Drops what is held, when nobody else holds it any more.
async fn dropped<T>(mut held: Arc<T>) {
    const STEP: Duration = Duration::from_millis(5);
    loop {
        match Arc::try_unwrap(held) {
            Ok(last) => return drop(last),
            Err(shared) => held = shared,
        }
        tokio::time::sleep(STEP).await;
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
    fn a_server_whose_seal_was_changed_meanwhile_does_not_wait_for_a_passphrase() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let key_file = directory.path().join("data.key");
        let unnamed = SealConfig::Unnamed {
            key_file: key_file.clone(),
        };
        let passphrase = directory.path().join("passphrase");
        crate::file::create_durably(&passphrase, b"correct horse\n").unwrap();
        let sealed = SealConfig::PassphraseFile(passphrase);
        drop(seal::create(&data, &sealed, &SystemEntropy).unwrap());
        still_waits(&data, &unnamed).unwrap();
        // As a `RewrapSeal` that was committed after `SealServer` leaves it.
        std::fs::remove_file(data.join("seal.json")).unwrap();
        let rewrapped = SealConfig::KeyFile(key_file);
        drop(seal::create(&data, &rewrapped, &SystemEntropy).unwrap());
        still_waits(&data, &unnamed).unwrap_err();
    }

    #[test]
    fn a_backup_whose_place_hangs_does_not_keep_the_process() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let (answer, never) = std::sync::mpsc::channel::<()>();
        let (began, begins) = std::sync::mpsc::channel();
        runtime.spawn_blocking(move || {
            began.send(()).unwrap();
            never.recv()
        });
        begins.recv_timeout(Duration::from_mins(1)).unwrap();
        // To drop the runtime would wait for ever.
        end(runtime, Duration::from_millis(1));
        drop(answer);
    }

    #[test]
    fn paths_are_quoted_for_the_shell_when_they_need_it() {
        assert_eq!(
            shell_quoted("/srv/data/credentials"),
            "/srv/data/credentials"
        );
        assert_eq!(shell_quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
