//! The accept loop: bounded connections, timeouts, TLS, graceful shutdown.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use audit::TlsDetails;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::front::Door;
use crate::gate::Gate;
use crate::http_service::Peer;
use crate::patience::{AtWork, Times};
use crate::tls::Tls;

/// Bytes that a request's head may have; more is refused before a request is seen.
const HEAD_BYTES: usize = 64 * 1024;

/// How long a refused connection may take to close.
const FAREWELL: Duration = Duration::from_secs(2);

/// Bytes of a refused connection that are read and thrown away.
const UNREAD: usize = 1 << 20;

/// One listener.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The bound socket.
    pub socket: TcpListener,
    /// TLS, if configured.
    pub tls: Option<Arc<Tls>>,
    /// Connections served at a time.
    pub connections: usize,
    /// How long clients may take.
    pub times: Times,
    /// How long open requests get at shutdown.
    pub shutdown_timeout: Duration,
}

impl Listener {
    /// Serves until `stop` changes, then lets open requests finish.
    pub(crate) async fn serve(self, door: Door, mut stop: watch::Receiver<bool>) {
        let room = Arc::new(Semaphore::new(self.connections));
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _changed = stop.changed() => break,
                Some(_ended) = open.join_next(), if !open.is_empty() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                        metrics::counter!("strongroom_connections_refused_total").increment(1);
                        continue;
                    };
                    let connection = Connection {
                        door: door.clone(),
                        tls: self.tls.clone(),
                        times: self.times,
                        stop: stop.clone(),
                    };
                    open.spawn(async move {
                        connection.serve(stream, peer).await;
                        drop(permit);
                    });
                }
                Err(failed) => pause_after(&failed).await,
            }
        }
        drop(self.socket);
        info!(open = open.len(), "shutting down: open requests may finish");
        let drained = async { while open.join_next().await.is_some() {} };
        if tokio::time::timeout(self.shutdown_timeout, drained)
            .await
            .is_err()
        {
            warn!("some requests did not finish in time and were cut off");
        }
    }
}

/// Out of file descriptors or the like: the loop must not spin.
async fn pause_after(failed: &io::Error) {
    warn!(error = %failed, "accepting a connection failed");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

struct Connection {
    door: Door,
    tls: Option<Arc<Tls>>,
    times: Times,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, address: SocketAddr) {
        // Small answers must not wait for more.
        if let Err(failed) = stream.set_nodelay(true) {
            debug!(error = %failed, "TCP_NODELAY refused");
        }
        match self.tls.clone() {
            None => self.http(stream, Peer { address, tls: None }).await,
            Some(tls) => {
                let accepted = tls.acceptor().accept(stream);
                match tokio::time::timeout(self.times.head, accepted).await {
                    Ok(Ok(stream)) => {
                        let tls = Some(details(stream.get_ref().1));
                        self.http(stream, Peer { address, tls }).await;
                    }
                    Ok(Err(failed)) => debug!(peer = %address, error = %failed, "TLS refused"),
                    Err(_elapsed) => debug!(peer = %address, "TLS handshake timed out"),
                }
            }
        }
    }

    async fn http(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send, peer: Peer) {
        let at_work = AtWork::default();
        let mut gate = Gate::new(stream, self.times, at_work.clone());
        let shared = Arc::new((self.door, peer, at_work));
        let mut http = http1::Builder::new();
        // Without `pipeline_flush`: it keeps refusals from being sent while bytes are unread.
        // The gate knows when a head is late.
        http.header_read_timeout(None).max_buf_size(HEAD_BYTES);
        let ended = {
            let shared = Arc::clone(&shared);
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move {
                    let (door, peer, at_work) = &*shared;
                    let _working = at_work.begin();
                    door.answer(peer, request).await
                }
            });
            let mut connection = pin!(http.serve_connection(TokioIo::new(&mut gate), service));
            let mut stop = self.stop;
            let ended = tokio::select! {
                ended = connection.as_mut() => Some(ended),
                _changed = stop.changed() => None,
            };
            if let Some(ended) = ended {
                ended
            } else {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        log_end(ended);
        let (door, peer, _) = &*shared;
        let farewell = async {
            if let Some(refused) = gate.refused() {
                refuse(gate.inner(), &door.unreadable(peer, refused)).await?;
            }
            gate.inner().shutdown().await
        };
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(failed)) => debug!(error = %failed, "the connection was not closed in order"),
            Err(_elapsed) => debug!("the client did not let the connection close"),
        }
    }
}

/// Answers a head that was not read as a request, and reads what the client is still
/// sending, within bounds: closing at once could take the answer away from it.
async fn refuse(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    answer: &[u8],
) -> io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let mut unread = [0; 4096];
    for _ in 0..UNREAD / unread.len() {
        if stream.read(&mut unread).await? == 0 {
            break;
        }
    }
    Ok(())
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(failed) = ended {
        debug!(error = %failed, "connection ended");
    }
}

fn details(tls: &rustls::ServerConnection) -> TlsDetails {
    let version = tls.protocol_version().map(|version| match version {
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    });
    let suite = tls
        .negotiated_cipher_suite()
        .map(|suite| format!("{:?}", suite.suite()));
    TlsDetails {
        tls_version: version,
        cipher_suite: suite,
        client_provided_host_header: tls.server_name().map(str::to_owned),
    }
}
