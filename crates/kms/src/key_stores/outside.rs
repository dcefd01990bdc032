//! What the operator lets the deployment connect to, and the tokens that are open.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::Revision;
use token::Token;
use types::{AccountId, Region, Timestamp};

use super::record::{KeyStoreId, StoreKind};
use super::secret::StoreSecret;
use super::tokens::cluster_failure;
use super::watch::Health;
use super::xks::ProxyClient;
use super::{KeyStoreError, StoreRow};
use crate::Error;

/// A token that key stores of one account and region may use.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The name that callers know it by: `cluster-` and 11 to 16 characters.
    pub id: String,
    /// The account that it belongs to.
    pub account: AccountId,
    /// Its region.
    pub region: Region,
    /// The certificate by which callers show that they mean this token, in DER.
    pub trust_anchor: Vec<u8>,
    /// The token.
    pub token: token::Settings,
}

/// A proxy that key stores of one account may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `https://` and a host, as callers name it.
    pub endpoint: String,
    /// The account whose key stores may use it.
    pub account: AccountId,
    /// How often it is asked for its health while a store is connected to it.
    pub health_period: Duration,
}

/// What the configuration allows, and the tokens that are open. A shared part of the server.
#[derive(Debug)]
pub struct Outside {
    clusters: Vec<Cluster>,
    proxies: Vec<Proxy>,
    client: Arc<dyn ProxyClient>,
    open: Mutex<HashMap<KeyStoreId, Opened>>,
    /// One thread for each token that was looked at without a PIN, however often that is.
    probes: Mutex<HashMap<String, Arc<Token>>>,
    health: Health,
}

/// A token as it was opened for one version of a store's row.
#[derive(Debug)]
struct Opened {
    revision: Revision,
    token: Arc<Token>,
}

impl Outside {
    /// Allows these tokens and proxies, which are called through `client`, and no others.
    pub fn new(clusters: Vec<Cluster>, proxies: Vec<Proxy>, client: Arc<dyn ProxyClient>) -> Self {
        Self {
            clusters,
            proxies,
            client,
            open: Mutex::default(),
            probes: Mutex::default(),
            health: Health::default(),
        }
    }

    /// The token of this name, if the account may use it in the region.
    pub(crate) fn cluster(
        &self,
        id: &str,
        account: AccountId,
        region: &Region,
    ) -> Result<&Cluster, KeyStoreError> {
        let mut clusters = self.clusters.iter();
        clusters
            .find(|known| known.id == id && known.account == account && known.region == *region)
            .ok_or(KeyStoreError::ClusterNotFound)
    }

    /// Fails with `CloudHsmClusterNotActiveException` or
    /// `CloudHsmClusterInvalidConfigurationException` unless the token is there and can do what
    /// key stores need.
    pub(crate) async fn probe(&self, cluster: &Cluster) -> Result<(), Error> {
        let probe = self.probe_of(cluster).map_err(cluster_failure)?;
        let probed = probe.probe().await;
        Ok(probed.map_err(cluster_failure)?)
    }

    fn probe_of(&self, cluster: &Cluster) -> Result<Arc<Token>, token::Error> {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(probe) = probes.get(&cluster.id) {
            return Ok(Arc::clone(probe));
        }
        let settings = token::Settings {
            sessions: 1,
            ..cluster.token.clone()
        };
        let probe = Arc::new(Token::open(
            settings,
            crypto::SecretBytes::from(Vec::new()),
        )?);
        probes.insert(cluster.id.clone(), Arc::clone(&probe));
        Ok(probe)
    }

    /// Fails unless the account may use the proxy at `endpoint`.
    pub(crate) fn check_proxy(
        &self,
        endpoint: &str,
        account: AccountId,
    ) -> Result<(), KeyStoreError> {
        let mut proxies = self.proxies.iter();
        let allowed = proxies.any(|known| known.endpoint == endpoint && known.account == account);
        allowed.then_some(()).ok_or(KeyStoreError::ProxyNotAllowed)
    }

    /// What is known of the proxies' health.
    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// How often the proxy of a store is asked for its health.
    pub(super) fn health_period(&self, kind: &StoreKind) -> Duration {
        let StoreKind::Proxy { endpoint, .. } = kind else {
            return Duration::MAX;
        };
        let mut proxies = self.proxies.iter();
        let known = proxies.find(|known| known.endpoint == *endpoint);
        // What the configuration does not allow is not asked: that is noted as often.
        known.map_or(UNKNOWN, |known| known.health_period)
    }

    /// When the certificate ends that the proxy of a store showed last.
    pub(super) fn certificate_end(&self, kind: &StoreKind) -> Option<Timestamp> {
        match kind {
            StoreKind::Token { .. } => None,
            StoreKind::Proxy { endpoint, .. } => self.client.certificate_end(endpoint),
        }
    }

    /// What calls proxies.
    pub(crate) fn client(&self) -> &dyn ProxyClient {
        &*self.client
    }

    /// The token of a store, opened with its credential as this version of the store's row has
    /// it. Nothing is asked of the token yet.
    ///
    /// Fails if the configuration does not name the token any more.
    pub(crate) fn token(
        &self,
        store: &StoreRow,
        cluster: &str,
        secret: &StoreSecret,
    ) -> Result<Arc<Token>, Error> {
        let record = &store.record;
        let cluster = self.cluster(cluster, record.account, &record.region)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = open.get(&record.id)
            && opened.revision >= store.revision
        {
            return Ok(Arc::clone(&opened.token));
        }
        let pin = crypto::SecretBytes::clone(&secret.secret.0);
        let token = Token::open(cluster.token.clone(), pin)
            .map(Arc::new)
            .map_err(|failed| Error::internal("a token's threads cannot be started", failed))?;
        let opened = Opened {
            revision: store.revision,
            token: Arc::clone(&token),
        };
        open.insert(record.id.clone(), opened);
        Ok(token)
    }

    /// Closes the tokens of all stores but these.
    pub(crate) fn keep_only(&self, stores: &HashSet<KeyStoreId>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|store, _| stores.contains(store));
    }

    /// Closes the token of a store.
    pub(crate) fn close(&self, store: &KeyStoreId) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(store);
    }
}

/// How often a store is looked at whose proxy the configuration does not allow any more.
const UNKNOWN: Duration = Duration::from_mins(1);
