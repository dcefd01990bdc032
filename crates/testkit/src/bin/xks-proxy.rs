//! A test proxy of the external key store API, over TLS, on a port of its own.
//!
//! usage: xks-proxy MODULE TOKEN PIN KEY[,KEY…] CERTIFICATE PRIVATE-KEY BEHAVIOUR LOG [CLIENT-CA]
//!
//! With CLIENT-CA it speaks only to clients with a certificate of that authority.
//! Prints the port that it listens on, and ends when its standard input does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: what fails here fails the test"
)]

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use testkit::xks::{Keys, Proxy, Request};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [
        module,
        label,
        pin,
        keys,
        certificate,
        key,
        behaviour,
        log,
        client_ca @ ..,
    ] = arguments.as_slice()
    else {
        panic!("usage: xks-proxy MODULE TOKEN PIN KEYS CERTIFICATE KEY BEHAVIOUR LOG [CLIENT-CA]");
    };
    let ids: Vec<String> = keys.split(',').map(str::to_owned).collect();
    let keys = Keys::open(&PathBuf::from(module), label, pin, &ids);
    let proxy = Arc::new(Proxy::new(behaviour.into(), keys, Some(log.into())));
    std::thread::spawn(|| {
        let _ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(serve(
            &proxy,
            &acceptor(certificate, key, client_ca.first()),
        ));
}

fn acceptor(certificate: &str, key: &str, client_ca: Option<&String>) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let chain = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match client_ca {
        Some(authority) => config.with_client_cert_verifier(verifier(authority, provider)),
        None => config.with_no_client_auth(),
    };
    let config = config.with_single_cert(chain, key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn verifier(authority: &str, provider: Arc<CryptoProvider>) -> Arc<dyn ClientCertVerifier> {
    let mut roots = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority).unwrap();
    roots.add(authority).unwrap();
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap()
}

async fn serve(proxy: &Arc<Proxy>, acceptor: &TlsAcceptor) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for connection in 1.. {
        let (stream, _peer) = listener.accept().await.unwrap();
        let (proxy, acceptor) = (Arc::clone(proxy), acceptor.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let before = AtomicU64::new(0);
            let answer = service_fn(|request| {
                let place = (connection, before.fetch_add(1, Ordering::Relaxed));
                answer(Arc::clone(&proxy), request, place)
            });
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            let _ended = served.await;
        });
    }
}

async fn answer(
    proxy: Arc<Proxy>,
    request: hyper::Request<Incoming>,
    (connection, before): (u64, u64),
) -> Result<hyper::Response<Full<Bytes>>, std::io::Error> {
    let path = request.uri().path().to_owned();
    let headers = request.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let request = Request {
        path,
        headers,
        body: body.to_vec(),
        connection,
        before,
    };
    let answer = proxy.answer(&request);
    if answer.hang_up {
        // The connection ends without an answer.
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    tokio::time::sleep(answer.wait).await;
    let mut response = hyper::Response::builder().status(answer.status);
    if let Some(location) = answer.location {
        response = response.header("location", location);
    }
    Ok(response.body(Full::new(Bytes::from(answer.body))).unwrap())
}
