//! TLS for the listener: rustls with aws-lc, from PEM files that SIGHUP reads anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

use crate::config::TlsConfig;

/// The certificate and key in use, for all connections that begin from now on.
pub(crate) struct Tls {
    config: TlsConfig,
    current: ArcSwap<ServerConfig>,
}

/// The certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file is not PEM of the expected kind.
    #[error("reading `{path}` failed")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// Certificate and key do not fit.
    #[error("the TLS certificate and key cannot be used")]
    Unusable {
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

impl Tls {
    /// Reads the files of `config`.
    pub(crate) fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        Ok(Self {
            config: config.clone(),
            current: ArcSwap::from_pointee(server_config(config)?),
        })
    }

    /// What accepts the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Reads the files anew. If they cannot be used, nothing changes.
    fn renew(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(server_config(&self.config)?));
        Ok(())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({:?})", self.config)
    }
}

/// Reads the certificate anew at each SIGHUP, which without TLS does nothing. Connections that
/// are open keep theirs.
pub(crate) fn follow_hangups(tls: Option<Arc<Tls>>) -> std::io::Result<()> {
    let hangups = signal(SignalKind::hangup())?;
    tokio::spawn(renew_at_each(hangups, tls));
    Ok(())
}

async fn renew_at_each(mut hangups: Signal, tls: Option<Arc<Tls>>) {
    while hangups.recv().await.is_some() {
        match tls.as_ref().map(|tls| tls.renew()) {
            Some(Ok(())) => info!("the TLS certificate was read anew"),
            Some(Err(refused)) => {
                let error = format!("{:#}", anyhow::Error::from(refused));
                error!(%error, "the new TLS certificate cannot be used; the old one stays");
            }
            None => info!("SIGHUP: there is no TLS certificate to read anew"),
        }
    }
}

fn server_config(config: &TlsConfig) -> Result<ServerConfig, TlsError> {
    let pem = |path: &Path| {
        let path = path.to_path_buf();
        move |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&config.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem(&config.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(pem(&config.key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Unusable { source })?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|source| TlsError::Unusable { source })?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}
