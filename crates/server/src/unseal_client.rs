//! `strongroom unseal`: gives a sealed server its passphrase, or a share of it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use crypto::secret::SecretBytes;
use crypto::shares;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use crate::cli::UnsealArgs;
use crate::{client, passphrase};

/// How long connecting, deriving the key and opening the store may take together.
const PATIENCE: Duration = Duration::from_mins(5);

/// Bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;

/// Asks for the passphrase and sends it; succeeds when the server has opened its store.
pub fn run(args: &UnsealArgs) -> anyhow::Result<()> {
    let target = Target::of(&args.endpoint)?;
    let passphrase = passphrase::read()?;
    let body = body(&passphrase)?;
    let request = target.unseal(body)?;
    let sent = target.send(&args.authorities.ca_file, request);
    let (status, answer) = client::answer(PATIENCE, sent)?;
    if status != StatusCode::OK {
        let message = serde_json::from_slice::<serde_json::Value>(&answer)
            .ok()
            .and_then(|answer| Some(answer.get("Message")?.as_str()?.to_owned()));
        let reason = message.unwrap_or_else(|| format!("status {status}"));
        bail!("the server stays sealed: {reason}");
    }
    client::print(&told(&answer))
}

/// What the server's answer means.
fn told(answer: &[u8]) -> String {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let number = |name: &str| answer.get(name).and_then(serde_json::Value::as_u64);
    match (number("Given"), number("Needed")) {
        (Some(given), Some(needed)) => {
            let mut text = format!("still sealed: {given} of {needed} shares given\n");
            if let Some(sets @ 2..) = number("Sets") {
                let _infallible = writeln!(
                    text,
                    "shares of {sets} different sets were given: only those of one set go together"
                );
            }
            text
        }
        _ => "unsealed\n".to_owned(),
    }
}

/// The body of the request: a passphrase, or a share, which tells itself apart. Fails if it is
/// not UTF-8.
fn body(passphrase: &SecretBytes) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    enum Body<'a> {
        Passphrase(&'a str),
        Share(&'a str),
    }
    let passphrase = std::str::from_utf8(passphrase.expose());
    let passphrase = passphrase.context("the passphrase must be UTF-8")?;
    // Large enough that it is never moved and left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(8 * passphrase::LONGEST));
    let body = if passphrase.starts_with(shares::PREFIX) {
        Body::Share(passphrase)
    } else {
        Body::Passphrase(passphrase)
    };
    serde_json::to_writer(&mut *text, &body).context("encoding failed")?;
    Ok(text)
}

/// A server that is called.
#[derive(Debug, PartialEq)]
pub(crate) struct Target {
    is_tls: bool,
    host: String,
    port: u16,
}

impl Target {
    /// The server at `endpoint`. Fails if the passphrase would travel in clear.
    pub(crate) fn of(endpoint: &Uri) -> anyhow::Result<Self> {
        let target = Self::parse(endpoint)?;
        let host = target.host.as_str();
        let is_here = host == "localhost"
            || host
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if !target.is_tls && !is_here {
            bail!(
                "what opens a seal would travel in clear to `{host}`: use https, or the machine itself"
            );
        }
        Ok(target)
    }

    /// The server at `endpoint`, whatever is sent there. Fails if it is no address.
    pub(crate) fn parse(endpoint: &Uri) -> anyhow::Result<Self> {
        let host = endpoint.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_tls = match endpoint.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => bail!("the endpoint `{endpoint}` must begin with http:// or https://"),
        };
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port: endpoint.port_u16().unwrap_or_else(|| default_port(is_tls)),
        })
    }

    /// The `Host` header: without the port that the scheme says anyway.
    pub(crate) fn host(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == default_port(self.is_tls) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    fn unseal(&self, body: Zeroizing<Vec<u8>>) -> anyhow::Result<Request<Full<Bytes>>> {
        Request::post("/unseal")
            .header(http::header::HOST, self.host())
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from_owner(body)))
            .context("the endpoint cannot be addressed")
    }

    /// Sends `request`; the answer has at most 64 KiB.
    pub(crate) async fn send(
        &self,
        ca_file: &Path,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let place = (self.host.as_str(), self.port);
        let stream = TcpStream::connect(place)
            .await
            .with_context(|| format!("connecting to {}:{} failed", self.host, self.port))?;
        if !self.is_tls {
            return self.exchange(stream, request).await;
        }
        let name = ServerName::try_from(self.host.clone());
        let name = name.context("the endpoint's host is not a name that certificates have")?;
        let stream = connector(ca_file)?.connect(name, stream).await;
        let stream = stream.context("the TLS handshake failed")?;
        self.exchange(stream, request).await
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .context("the server does not speak HTTP")?;
        let connection = tokio::spawn(connection);
        let answer: Response<_> = sender
            .send_request(request)
            .await
            .context("the server did not answer")?;
        let status = answer.status();
        let answer = Limited::new(answer.into_body(), ANSWER).collect().await;
        connection.abort();
        match answer {
            Ok(answer) => Ok((status, answer.to_bytes())),
            Err(_cut_off) => bail!("the answer was cut off"),
        }
    }
}

fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

/// Connects to servers whose certificates an authority of `ca_file` has signed.
pub(crate) fn connector(ca_file: &Path) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let reading = || format!("reading `{}` failed", ca_file.display());
    for certificate in CertificateDer::pem_file_iter(ca_file).with_context(reading)? {
        roots
            .add(certificate.with_context(reading)?)
            .with_context(reading)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be used")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(endpoint: &str) -> anyhow::Result<Target> {
        Target::of(&endpoint.parse().unwrap())
    }

    #[test]
    fn a_passphrase_leaves_this_machine_over_tls_only() {
        for endpoint in ["http://127.0.0.1:1", "http://localhost", "http://[::1]:1"] {
            assert!(target(endpoint).is_ok(), "{endpoint}");
        }
        assert!(target("https://features.example").is_ok());
        for endpoint in [
            "http://features.example",
            "http://10.0.0.1:4700",
            "ftp://localhost",
            "/x",
        ] {
            assert!(target(endpoint).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn ports_follow_the_scheme_unless_given() {
        assert_eq!(target("https://a.example").unwrap().port, 443);
        assert_eq!(target("http://[::1]:4700").unwrap().port, 4700);
        assert_eq!(target("http://[::1]:4700").unwrap().host, "::1");
    }
}
