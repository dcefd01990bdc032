//! `strongroom serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crypto::SystemEntropy;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};
use types::Region;

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::directory::DataDirectory;
use crate::http_service::HttpService;
use crate::listener::{Listener, TlsAcceptorBox};
use crate::{bootstrap, compose, logging, maintenance, observability, tls};

/// Runs the server until SIGTERM or SIGINT.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::of_serve(args)?;
    logging::start(&config.log_filter, config.log_json)?;
    for refused in crypto::lock::harden_process() {
        warn!(reason = %refused, "the process could not be hardened completely");
    }
    let directory = DataDirectory::open_or_create(&config.directory, &SystemEntropy)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?
        .block_on(serve(&config, &directory))
}

async fn serve(config: &Config, directory: &DataDirectory) -> anyhow::Result<()> {
    // Installed before anything is announced: whoever reads the export lines may stop us.
    let signals = Signals::install()?;
    let (stop, stopped) = watch::channel(false);
    let region = config
        .regions
        .first()
        .cloned()
        .context("no region is configured")?;
    let deployment = compose::deployment(directory, &config.regions).await?;
    let credentials = directory.credentials();
    let home =
        bootstrap::first_account(&deployment.services, directory, config.account, &region).await?;

    let tls = config
        .tls
        .as_ref()
        .map(tls::acceptor)
        .transpose()?
        .map(TlsAcceptorBox);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let socket = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening on {} failed", config.listen))?;
    let address = socket
        .local_addr()
        .context("the listening address is unknown")?;
    if let Some(listen) = config.metrics_listen {
        observability::serve_metrics(listen)?;
    }

    let service = Arc::new(HttpService::new(
        config,
        Arc::clone(&deployment.services),
        home,
    ));
    let listener = Listener {
        socket,
        tls,
        connections: config.limits.connections,
        header_timeout: Duration::from_secs(config.limits.header_seconds),
        shutdown_timeout: Duration::from_secs(config.limits.shutdown_seconds),
    };
    let upkeep = tokio::spawn(maintenance::run(
        Arc::clone(&deployment.services),
        home,
        region.clone(),
        stopped.clone(),
    ));
    let serving = tokio::spawn(listener.serve(service, stopped));
    info!(%address, account = %home, fresh = directory.is_fresh(), "ready");
    announce(scheme, address, &credentials, &region)?;

    signals.wait().await;
    stop.send_replace(true);
    serving.await.context("the listener failed")?;
    upkeep.await.context("the maintenance task failed")?;
    deployment.engine.close();
    info!("stopped");
    Ok(())
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

    async fn wait(mut self) {
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
