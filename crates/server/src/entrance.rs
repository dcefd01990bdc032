//! The addresses of the configuration: bound first, listened on when there is something to say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::config::Config;
use crate::front::{Door, Front};
use crate::listener::Listener;
use crate::observability;
use crate::patience::Times;
use crate::tls::{self, Tls};

/// Connections that the listener for passphrases serves at a time.
const UNSEAL_CONNECTIONS: usize = 16;

/// The main address, bound.
pub(crate) struct Entrance {
    /// Where clients reach it.
    pub address: SocketAddr,
    socket: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
}

/// A running listener.
pub(crate) struct Listening {
    close: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Entrance {
    /// Reads the certificate and binds the main address and that of the metrics.
    pub(crate) async fn bind(config: &Config) -> anyhow::Result<Self> {
        let tls = config.tls.as_ref().map(Tls::read).transpose()?;
        let tls = tls.map(Arc::new);
        tls::follow_hangups(tls.clone()).context("handling SIGHUP failed")?;
        let socket = bound(config.listen).await?;
        let address = address_of(&socket)?;
        if let Some(listen) = config.metrics_listen {
            observability::serve_metrics(listen)?;
        }
        Ok(Self {
            address,
            socket: Some(socket),
            tls,
        })
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Begins to answer with `front`, which takes passphrases here too unless `unseal_listen` is
    /// configured.
    pub(crate) fn listen(
        &mut self,
        config: &Config,
        front: &Arc<Front>,
    ) -> anyhow::Result<Listening> {
        let socket = self.socket.take().context("listening already")?;
        let door = front.door(true, config.unseal_listen.is_none());
        Ok(Listening::begin(self.listener(config, socket), door))
    }

    /// Begins to take passphrases for `front` on `unseal_listen` alone, if that is configured.
    pub(crate) async fn listen_for_passphrases(
        &self,
        config: &Config,
        front: &Arc<Front>,
    ) -> anyhow::Result<Option<Listening>> {
        let Some(listen) = config.unseal_listen else {
            warn_if_readable(self.address, self.scheme());
            return Ok(None);
        };
        let socket = bound(listen).await?;
        let address = address_of(&socket)?;
        info!(%address, "passphrases are taken here alone");
        warn_if_readable(address, self.scheme());
        let mut listener = self.listener(config, socket);
        listener.connections = UNSEAL_CONNECTIONS;
        Ok(Some(Listening::begin(listener, front.door(false, true))))
    }

    fn listener(&self, config: &Config, socket: TcpListener) -> Listener {
        Listener {
            socket,
            tls: self.tls.clone(),
            connections: config.limits.connections,
            times: Times {
                head: Duration::from_secs(config.limits.header_seconds),
                idle: Duration::from_secs(config.limits.idle_seconds),
                write: Duration::from_secs(config.limits.write_seconds),
            },
            shutdown_timeout: Duration::from_secs(config.limits.shutdown_seconds),
        }
    }
}

impl Listening {
    fn begin(listener: Listener, door: Door) -> Self {
        let (close, closed) = watch::channel(false);
        let task = tokio::spawn(listener.serve(door, closed));
        Self { close, task }
    }

    /// Takes no more connections; requests that have begun may end.
    pub(crate) fn close(&self) {
        self.close.send_replace(true);
    }

    /// Closes it and waits for its end.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.close();
        self.task.await.context("a listener failed")
    }
}

async fn bound(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen} failed"))
}

fn address_of(socket: &TcpListener) -> anyhow::Result<SocketAddr> {
    socket
        .local_addr()
        .context("the listening address is unknown")
}

fn warn_if_readable(address: SocketAddr, scheme: &str) {
    if scheme == "http" && !address.ip().is_loopback() {
        warn!(%address, "a passphrase sent here travels in clear: configure TLS");
    }
}
