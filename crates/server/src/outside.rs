//! What custom key stores may connect to: the tokens and the proxies that the configuration
//! names, for the accounts that it names, and nothing else.

mod certificate;
mod client;
mod identity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::OutsideConfig;

use client::Client;

/// A file that the configuration names cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutsideError {
    /// A trust anchor cannot be read.
    #[error("reading the trust anchor `{path}` failed")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A trust anchor is none.
    #[error("`{path}` must hold one certificate, as PEM")]
    TrustAnchor {
        /// The file.
        path: PathBuf,
    },
    /// The authorities of a proxy cannot be used.
    #[error("the authorities that vouch for `{endpoint}` cannot be used: {reason}")]
    Authorities {
        /// The proxy.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// What this server shows to a proxy cannot be used.
    #[error("the client certificate for `{endpoint}` cannot be used: {reason}")]
    Identity {
        /// The proxy.
        endpoint: String,
        /// Why.
        reason: String,
    },
}

/// Reads the files of `config`. Nothing is connected to, and no module is loaded. Keys on tokens
/// belong to the line of commits `lineage`, and to no copy of it that was restored.
pub(crate) fn load(config: &OutsideConfig, lineage: &str) -> Result<kms::Outside, OutsideError> {
    let clusters = config.tokens.iter().map(|token| {
        Ok(kms::Cluster {
            id: token.cluster.clone(),
            account: token.account,
            region: token.region.clone(),
            trust_anchor: trust_anchor(&token.trust_anchor)?,
            token: token::Settings {
                owner: Some(lineage.to_owned()),
                ..token.settings.clone()
            },
        })
    });
    let clusters = clusters.collect::<Result<_, OutsideError>>()?;
    let proxies = config.proxies.iter().map(|proxy| kms::Proxy {
        endpoint: proxy.endpoint.clone(),
        account: proxy.account,
        health_period: proxy.health_period,
    });
    let client = Client::new(&config.proxies)?;
    Ok(kms::Outside::new(
        clusters,
        proxies.collect(),
        Arc::new(client),
    ))
}

fn trust_anchor(path: &Path) -> Result<Vec<u8>, OutsideError> {
    let text = std::fs::read_to_string(path).map_err(|source| OutsideError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    kms::trust_anchor_of(&text).ok_or_else(|| OutsideError::TrustAnchor {
        path: path.to_path_buf(),
    })
}
