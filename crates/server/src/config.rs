//! The configuration: one file, environment and flags merged by one precedence.
//!
//! Flags win over `STRONGROOM_*` variables (both through `cli`), those over the file, that
//! over defaults. A file that is wrong is refused with the line and the reason.

mod backup;
mod directory;
mod feature_store;
mod issuers;
mod kms;
mod limits;
mod outside;
mod reference;
mod regions;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use types::{AccountId, Region};

pub use self::backup::BackupPlace;
pub use self::directory::{DirectoryConfig, KmsSeal, SealConfig, TokenSeal};
pub use self::issuers::{IssuerConfig, KeysFrom};
pub use self::kms::QuotaConfig;
pub use self::limits::Limits;
pub use self::outside::OutsideConfig;
pub use self::reference::REFERENCE;

use self::backup::BackupFile;
use self::directory::{SealFile, read};
use self::feature_store::{ExtensionsFile, FeatureStoreFile};
use self::issuers::{IssuerFile, issuers};
use self::kms::KmsFile;
pub(crate) use self::outside::ProxyConfig;
use self::outside::{KeyStoreProxyFile, OutsideFile, TokenFile};
use self::regions::is_of_partition;
use crate::cli::ServeArgs;
use crate::logging;

/// The default address.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4700);

/// The settings of a running server.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The data directory and its seal.
    pub directory: DirectoryConfig,
    /// The address that answers for all services.
    pub listen: SocketAddr,
    /// The address that alone takes passphrases, on a server that starts sealed.
    pub unseal_listen: Option<SocketAddr>,
    /// The address of the Prometheus endpoint, which needs no signature; off by default.
    pub metrics_listen: Option<SocketAddr>,
    /// The id of the first account on an empty directory.
    pub account: Option<AccountId>,
    /// The regions answered for; the first is the default.
    pub regions: Vec<Region>,
    /// TLS certificate and key.
    pub tls: Option<TlsConfig>,
    /// Where backups of the running server are written.
    pub backup: Option<BackupPlace>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The identity providers whose tokens can be verified.
    pub issuers: Vec<IssuerConfig>,
    /// What custom key stores may connect to.
    pub outside: OutsideConfig,
    /// What is logged.
    pub log_filter: String,
    /// Whether logs are JSON lines.
    pub log_json: bool,
    /// Bounds on what clients may use.
    pub limits: Limits,
    /// How often KMS may be called.
    pub quotas: QuotaConfig,
    /// How many keys, aliases and grants there may be.
    pub resource_quotas: ::kms::ResourceQuotas,
    /// What KMS keys and calls cost.
    pub prices: ::kms::Prices,
    /// How many feature groups, features and provisioned units an account may have.
    pub feature_store: featurestore::Quotas,
    /// What the feature store allows beyond AWS's rules.
    pub extensions: featurestore::Extensions,
}

/// TLS certificate chain and private key, both PEM.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// A configuration that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("reading the configuration file `{path}` failed")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file says something that is not understood.
    #[error("{path}:{line}: {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A setting is missing that has no default.
    #[error(
        "no data directory: give --data DIR, set STRONGROOM_DATA, or set `data` in the configuration file"
    )]
    NoData,
    /// AWS has no region of this form in its partition `aws`.
    #[error("`{region}` is not a region of the partition aws, such as us-east-1")]
    Region {
        /// What was given.
        region: Region,
    },
    /// An issuer of identities cannot be used.
    #[error("{reason}")]
    Issuer {
        /// What is wrong with it.
        reason: String,
    },
    /// A seal cannot be used.
    #[error("{reason}")]
    Seal {
        /// What is wrong with it.
        reason: String,
    },
    /// A quota of the feature store, or a request quota or a price of KMS, is wrong.
    #[error("{reason}")]
    Quotas {
        /// What is wrong with it.
        reason: String,
    },
    /// A token or an external key store proxy cannot be used.
    #[error("{reason}")]
    Outside {
        /// What is wrong with it.
        reason: String,
    },
    /// What opens the seal lies where a stolen data directory would take it along.
    #[error("the {what} `{path}` is inside the data directory: it must be elsewhere")]
    SecretInsideData {
        /// What it is.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
    },
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    unseal_listen: Option<SocketAddr>,
    account: Option<AccountId>,
    regions: Option<toml::Spanned<Vec<Region>>>,
    #[serde(default)]
    seal: SealFile,
    tls: Option<TlsConfig>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    log: LogFile,
    #[serde(default)]
    metrics: MetricsFile,
    #[serde(default)]
    backup: BackupFile,
    #[serde(default)]
    proxy: ProxyFile,
    #[serde(default)]
    issuers: Vec<toml::Spanned<IssuerFile>>,
    #[serde(default)]
    kms: KmsFile,
    #[serde(default)]
    feature_store: FeatureStoreFile,
    #[serde(default)]
    extensions: ExtensionsFile,
    #[serde(default)]
    tokens: Vec<toml::Spanned<TokenFile>>,
    #[serde(default)]
    external_key_stores: Vec<toml::Spanned<KeyStoreProxyFile>>,
}

impl File {
    fn outside(&self) -> OutsideFile<'_> {
        OutsideFile {
            tokens: &self.tokens,
            proxies: &self.external_key_stores,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogFile {
    filter: Option<toml::Spanned<String>>,
    #[serde(default)]
    json: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsFile {
    listen: Option<SocketAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProxyFile {
    #[serde(default)]
    trusted: Vec<IpAddr>,
}

impl Config {
    /// The settings of `strongroom serve`: of its arguments, and where they say nothing of the file.
    ///
    /// Fails if the file cannot be read, and for what no server could work with.
    pub fn of_serve(args: &ServeArgs) -> Result<Self, ConfigError> {
        let (file, directory) = read(&args.directory)?;
        let outside = outside::read(&file.outside())
            .map_err(|(_, reason)| ConfigError::Outside { reason })?;
        let regions = if args.regions.is_empty() {
            file.regions
                .map(toml::Spanned::into_inner)
                .unwrap_or_default()
        } else {
            args.regions.clone()
        };
        let regions = if regions.is_empty() {
            vec![Region::global()]
        } else {
            regions
        };
        if let Some(region) = regions.iter().find(|region| !is_of_partition(region)) {
            let region = region.clone();
            return Err(ConfigError::Region { region });
        }
        Ok(Self {
            directory,
            listen: args.listen.or(file.listen).unwrap_or(LISTEN),
            unseal_listen: file.unseal_listen,
            metrics_listen: file.metrics.listen,
            account: args.account.or(file.account),
            regions,
            tls: file.tls,
            backup: file.backup.place,
            trusted_proxies: file.proxy.trusted,
            issuers: issuers(&file.issuers)
                .map_err(|(_, reason)| ConfigError::Issuer { reason })?,
            outside,
            log_filter: args
                .log
                .clone()
                .or_else(|| file.log.filter.map(toml::Spanned::into_inner))
                .unwrap_or_else(|| "info".to_owned()),
            log_json: file.log.json,
            limits: Limits {
                calls_per_second: (args.calls_per_second).unwrap_or(file.limits.calls_per_second),
                ..file.limits
            },
            quotas: (file.kms)
                .quotas(args.kms_request_quota_factor)
                .map_err(|(_, reason)| ConfigError::Quotas { reason })?,
            resource_quotas: (file.kms)
                .resource_quotas()
                .map_err(|(_, reason)| ConfigError::Quotas { reason })?,
            prices: (file.kms.prices)
                .read()
                .map_err(|(_, reason)| ConfigError::Quotas { reason })?,
            feature_store: (file.feature_store)
                .read()
                .map_err(|(_, reason)| ConfigError::Quotas { reason })?,
            extensions: file.extensions.read(),
        })
    }
}

fn read_file(path: &Path) -> Result<File, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    parse(&path.display().to_string(), &text)
}

/// Where a setting that the file has stands in it.
fn setting_at(text: &str, name: &str) -> usize {
    let is_key = |at: usize| {
        let behind = text.get(at + name.len()..).unwrap_or_default();
        let behind = behind.trim_start_matches('"');
        behind.trim_start().starts_with('=')
    };
    let mut found = text.match_indices(name).map(|(at, _)| at);
    found.find(|at| is_key(*at)).unwrap_or(0)
}

fn parse(path: &str, text: &str) -> Result<File, ConfigError> {
    let line_of = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
    let invalid = |at: usize, reason: String| ConfigError::Invalid {
        path: path.to_owned(),
        line: line_of(at),
        reason,
    };
    let mut file: File = toml::from_str(text).map_err(|error| {
        invalid(
            error.span().map_or(0, |span| span.start),
            error.message().replace('\n', " "),
        )
    })?;
    if let Some(regions) = &file.regions
        && regions.get_ref().is_empty()
    {
        return Err(invalid(
            regions.span().start,
            "`regions` names no region".to_owned(),
        ));
    }
    if let Some(regions) = &file.regions
        && let Some(region) = regions.get_ref().iter().find(|it| !is_of_partition(it))
    {
        let region = region.clone();
        let reason = ConfigError::Region { region }.to_string();
        return Err(invalid(regions.span().start, reason));
    }
    file.limits
        .check()
        .map_err(|(name, reason)| invalid(setting_at(text, name), reason))?;
    if let Some(filter) = &file.log.filter {
        logging::filter(filter.get_ref())
            .map_err(|refused| invalid(filter.span().start, refused.to_string()))?;
    }
    file.feature_store
        .read()
        .map_err(|(name, reason)| invalid(setting_at(text, name), reason))?;
    issuers(&file.issuers).map_err(|(at, reason)| invalid(at, reason))?;
    outside::read(&file.outside()).map_err(|(at, reason)| invalid(at, reason))?;
    file.seal
        .read()
        .map_err(|(at, reason)| invalid(at, reason))?;
    file.kms
        .quotas(None)
        .map_err(|(name, reason)| invalid(setting_at(text, &name), reason))?;
    file.kms
        .resource_quotas()
        .map_err(|(name, reason)| invalid(setting_at(text, name), reason))?;
    file.kms
        .prices
        .read()
        .map_err(|(name, reason)| invalid(setting_at(text, name), reason))?;
    file.backup.place = file.backup.directory.take().map(|directory| {
        let line = line_of(directory.span().start);
        BackupPlace::new(directory.into_inner(), path, line)
    });
    Ok(file)
}

#[cfg(test)]
mod tests;
