//! TLS with the proxies of external key stores: whom this server trusts, and what it shows.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsConnector;

use super::OutsideError;
use crate::config::ProxyConfig;
use crate::seal::wrapping::refuse_exposed;

/// Connects to `proxy`, for which an authority of its `ca_file` has to vouch and no other, and
/// shows it the client certificate of the configuration, if there is one.
///
/// Fails if a file cannot be used, or if others may read the private key.
pub(super) fn connector(proxy: &ProxyConfig) -> Result<TlsConnector, OutsideError> {
    let failed = |reason: String| OutsideError::Authorities {
        endpoint: proxy.endpoint.clone(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&proxy.ca_file).map_err(failed)? {
        let added = roots.add(certificate);
        added.map_err(|source| failed(source.to_string()))?;
    }
    if roots.is_empty() {
        let file = proxy.ca_file.display();
        return Err(failed(format!("`{file}` holds no certificate")));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| failed(source.to_string()))?
        .with_root_certificates(roots);
    let Some(identity) = &proxy.client else {
        let config = config.with_no_client_auth();
        return Ok(TlsConnector::from(Arc::new(config)));
    };
    let failed = |reason: String| OutsideError::Identity {
        endpoint: proxy.endpoint.clone(),
        reason,
    };
    let chain = certificates(&identity.certificate).map_err(failed)?;
    let key = private_key(&identity.key).map_err(failed)?;
    let config = config
        .with_client_auth_cert(chain, key)
        .map_err(|source| failed(source.to_string()))?;
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| format!("reading `{}` failed: {source}", path.display()))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let failed =
        |source: &dyn std::fmt::Display| format!("reading `{}` failed: {source}", path.display());
    let file = File::open(path).map_err(|source| failed(&source))?;
    refuse_exposed(&file, || path.to_path_buf()).map_err(|refused| refused.to_string())?;
    PrivateKeyDer::from_pem_reader(file).map_err(|source| failed(&source))
}
