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
use crate::front::Front;
use crate::listener::Listener;
use crate::observability;
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

/// The running listeners.
pub(crate) struct Listening {
    main: JoinHandle<()>,
    unseal: Option<(watch::Sender<bool>, JoinHandle<()>)>,
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

    /// Begins to answer with `front`, until `stopped` changes.
    ///
    /// A front that takes passphrases takes them on `unseal_listen` alone, if configured.
    pub(crate) async fn listen(
        &mut self,
        config: &Config,
        front: &Arc<Front>,
        stopped: &watch::Receiver<bool>,
    ) -> anyhow::Result<Listening> {
        let apart = config.unseal_listen.filter(|_| front.takes_passphrases());
        let mut unseal = None;
        if let Some(listen) = apart {
            let socket = bound(listen).await?;
            let address = address_of(&socket)?;
            info!(%address, "passphrases are taken here alone");
            warn_if_readable(address, self.scheme());
            let (close, closed) = watch::channel(false);
            let mut listener = self.listener(config, socket);
            listener.connections = UNSEAL_CONNECTIONS;
            let door = front.door(false, true);
            unseal = Some((close, tokio::spawn(listener.serve(door, closed))));
        } else if front.takes_passphrases() {
            warn_if_readable(self.address, self.scheme());
        }
        let socket = self.socket.take().context("listening already")?;
        let door = front.door(true, unseal.is_none());
        let main = self.listener(config, socket).serve(door, stopped.clone());
        Ok(Listening {
            main: tokio::spawn(main),
            unseal,
        })
    }

    fn listener(&self, config: &Config, socket: TcpListener) -> Listener {
        Listener {
            socket,
            tls: self.tls.clone(),
            connections: config.limits.connections,
            header_timeout: Duration::from_secs(config.limits.header_seconds),
            write_timeout: Duration::from_secs(config.limits.write_seconds),
            shutdown_timeout: Duration::from_secs(config.limits.shutdown_seconds),
        }
    }
}

impl Listening {
    /// Closes the listener for passphrases, if there is one: the server is open.
    pub(crate) fn no_more_passphrases(&mut self) {
        if let Some((close, _)) = &self.unseal {
            close.send_replace(true);
        }
    }

    /// Waits for the listeners, which have been told to stop.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.no_more_passphrases();
        if let Some((_, listener)) = self.unseal {
            listener.await.context("the unseal listener failed")?;
        }
        self.main.await.context("the listener failed")
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
