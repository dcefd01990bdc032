//! Calls external key store proxies: HTTP/1.1 over TLS, signed with SigV4 for the service
//! `kms-xks-proxy`, within a bounded time.
//!
//! Only addresses of the configuration are connected to, and redirections are not followed. The
//! time of a call counts from the search for a connection to the last byte of the answer.
//! Connections are kept for the next calls ([`Pool`]); one that its proxy has closed meanwhile
//! costs a new one, within the same time. A call over such a connection that gets no answer in time
//! ends those that were idle for as long as it was: what is between may have forgotten them without a
//! word, and the next call connects. What is asked has no effect at the proxy that a second request of
//! the same content would add to.

mod pool;

use std::error::Error as _;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use crypto::digest::sha256;
use crypto::mac::HmacSha256Key;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kms::{NoAnswer, ProxyCall, ProxyClient, Sent};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use types::Timestamp;
use zeroize::Zeroizing;

use self::pool::{Connection, Pool};
use super::OutsideError;
use super::{certificate, identity};
use crate::config::ProxyConfig;

/// Bytes of the longest answer: 4,300 of plaintext as base64, and the rest.
const ANSWER: usize = 64 * 1024;

/// The headers that are signed, as the published API has it for HTTP/1.1.
const SIGNED: &str = "host;x-amz-date";

/// The proxies that may be called.
pub(super) struct Client {
    proxies: Vec<Reachable>,
}

struct Reachable {
    endpoint: String,
    /// The name in its certificate, and in `Host`.
    host: String,
    address: (String, u16),
    connector: TlsConnector,
    timeout: Duration,
    pool: Pool,
    /// When the certificate ends that it showed last.
    certificate_end: Mutex<Option<Timestamp>>,
}

impl Client {
    /// Fails if the authorities of a proxy, or what this server shows it, cannot be read.
    pub(super) fn new(config: &[ProxyConfig]) -> Result<Self, OutsideError> {
        let proxies = config.iter().map(|proxy| {
            Ok(Reachable {
                endpoint: proxy.endpoint.clone(),
                host: proxy.endpoint.trim_start_matches("https://").to_owned(),
                address: proxy.address.clone(),
                connector: identity::connector(proxy)?,
                timeout: proxy.timeout,
                pool: Pool::default(),
                certificate_end: Mutex::default(),
            })
        });
        let proxies = proxies.collect::<Result<_, OutsideError>>()?;
        Ok(Self { proxies })
    }

    fn at(&self, endpoint: &str) -> Option<&Reachable> {
        let mut proxies = self.proxies.iter();
        proxies.find(|known| known.endpoint == endpoint)
    }
}

impl ProxyClient for Client {
    fn post(&self, call: ProxyCall) -> Sent<'_> {
        Box::pin(async move {
            let proxy = self.at(&call.endpoint).ok_or(NoAnswer::NotAllowed)?;
            proxy.send(call).await
        })
    }

    fn certificate_end(&self, endpoint: &str) -> Option<Timestamp> {
        *self.at(endpoint)?.shown()
    }
}

impl Reachable {
    fn shown(&self) -> MutexGuard<'_, Option<Timestamp>> {
        let end = self.certificate_end.lock();
        end.unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the call on a connection that was kept, or on a new one.
    async fn send(&self, call: ProxyCall) -> Result<(u16, Zeroizing<Vec<u8>>), NoAnswer> {
        let end = Instant::now() + self.timeout;
        let request = self.signed(call)?;
        let kept = timeout_at(end, self.pool.take()).await;
        if let Some(kept) = kept.map_err(|_elapsed| NoAnswer::TimedOut)? {
            let idle_since = kept.used();
            match timeout_at(end, self.exchange(kept, request.clone())).await {
                // Its proxy may have closed it while nobody looked.
                Ok(Err(NoAnswer::Unreachable)) => {}
                Ok(other) => return other,
                Err(_elapsed) => {
                    self.pool.drop_idle_since(idle_since);
                    return Err(NoAnswer::TimedOut);
                }
            }
        }
        // One that was just made tells nothing of those that are kept.
        let answer = timeout_at(end, async {
            let connection = self.connect().await?;
            self.exchange(connection, request).await
        });
        answer.await.map_err(|_elapsed| NoAnswer::TimedOut)?
    }

    async fn connect(&self) -> Result<Connection, NoAnswer> {
        let address = (self.address.0.as_str(), self.address.1);
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|_source| NoAnswer::Unreachable)?;
        // A call is one small packet each way.
        let set = stream.set_nodelay(true);
        set.map_err(|_source| NoAnswer::Unreachable)?;
        let name = ServerName::try_from(self.host.clone()).map_err(|_source| NoAnswer::Tls)?;
        let stream = self.connector.connect(name, stream).await;
        let stream = stream.map_err(|_source| NoAnswer::Tls)?;
        let chain = stream.get_ref().1.peer_certificates();
        let own = chain.and_then(<[CertificateDer<'_>]>::first);
        *self.shown() = own.and_then(|own| certificate::end_of(own));
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|failed| no_answer(&failed))?;
        Ok(Connection::new(sender, tokio::spawn(connection)))
    }

    /// Sends the request, reads its answer, and keeps the connection if that came to its end.
    async fn exchange(
        &self,
        mut connection: Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), NoAnswer> {
        let answer = connection.sender().send_request(request).await;
        let answer = answer.map_err(|failed| no_answer(&failed))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER).collect().await;
        let body = body.map_err(|_cut_off| NoAnswer::Malformed)?.to_bytes();
        self.pool.keep(connection);
        Ok((status, Zeroizing::new(body.to_vec())))
    }

    fn signed(&self, call: ProxyCall) -> Result<Request<Full<Bytes>>, NoAnswer> {
        let date = call.at.to_basic_iso8601();
        let authorization = self.authorization(&call, &date);
        Request::post(call.path)
            .header(http::header::HOST, &self.host)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header("x-amz-date", date)
            .header(http::header::AUTHORIZATION, authorization)
            .body(Full::new(Bytes::from_owner(call.body)))
            .map_err(|_source| NoAnswer::Malformed)
    }

    fn authorization(&self, call: &ProxyCall, date: &str) -> String {
        let day = date.get(..8).unwrap_or_default();
        let (host, path, id) = (&self.host, &call.path, &call.access_key_id);
        let scope = format!("{day}/{}/kms-xks-proxy/aws4_request", call.region);
        let payload = hex::encode(sha256(&call.body));
        let canonical =
            format!("POST\n{path}\n\nhost:{host}\nx-amz-date:{date}\n\n{SIGNED}\n{payload}");
        let digest = hex::encode(sha256(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
        let seed = Zeroizing::new([b"AWS4", call.secret.expose()].concat());
        let mut key = HmacSha256Key::new(&seed);
        for part in [day, call.region.as_str(), "kms-xks-proxy", "aws4_request"] {
            let derived = Zeroizing::new(key.tag(part.as_bytes()));
            key = HmacSha256Key::new(derived.as_slice());
        }
        let signature = hex::encode(key.tag(to_sign.as_bytes()));
        format!(
            "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={SIGNED}, \
             Signature={signature}"
        )
    }
}

/// What a failure to get an answer means. A proxy that does not accept our certificate says so
/// only after the handshake, from our side.
fn no_answer(failed: &hyper::Error) -> NoAnswer {
    if failed.is_parse() {
        return NoAnswer::Malformed;
    }
    let mut cause = failed.source();
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) {
            return NoAnswer::Tls;
        }
        cause = error.source();
    }
    NoAnswer::Unreachable
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoints = self.proxies.iter().map(|proxy| &proxy.endpoint);
        f.debug_list().entries(endpoints).finish()
    }
}
