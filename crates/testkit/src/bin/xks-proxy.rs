//! A test proxy of the external key store API, over TLS, on a port of its own.
//!
//! usage: xks-proxy MODULE TOKEN PIN KEY[,KEY…] CERTIFICATE PRIVATE-KEY BEHAVIOUR LOG
//!
//! Prints the port that it listens on, and ends when its standard input does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: what fails here fails the test"
)]

use std::convert::Infallible;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use testkit::xks::{Keys, Proxy, Request};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, label, pin, keys, certificate, key, behaviour, log] = arguments.as_slice() else {
        panic!("usage: xks-proxy MODULE TOKEN PIN KEYS CERTIFICATE PRIVATE-KEY BEHAVIOUR LOG");
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
        .block_on(serve(&proxy, &acceptor(certificate, key)));
}

fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let chain = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(proxy: &Arc<Proxy>, acceptor: &TlsAcceptor) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    loop {
        let (stream, _peer) = listener.accept().await.unwrap();
        let (proxy, acceptor) = (Arc::clone(proxy), acceptor.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let answer = service_fn(|request| answer(Arc::clone(&proxy), request));
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            let _ended = served.await;
        });
    }
}

async fn answer(
    proxy: Arc<Proxy>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
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
    };
    let answer = proxy.answer(&request);
    tokio::time::sleep(answer.wait).await;
    let mut response = hyper::Response::builder().status(answer.status);
    if let Some(location) = answer.location {
        response = response.header("location", location);
    }
    Ok(response.body(Full::new(Bytes::from(answer.body))).unwrap())
}
