//! The settings `[[tokens]]` and `[[external_key_stores]]`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use types::{AccountId, Region};

/// What custom key stores may connect to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutsideConfig {
    /// Tokens.
    pub(crate) tokens: Vec<TokenConfig>,
    /// Proxies of external key managers.
    pub(crate) proxies: Vec<ProxyConfig>,
}

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TokenConfig {
    /// What callers call it.
    pub(crate) cluster: String,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// The region that it counts for.
    pub(crate) region: Region,
    /// The certificate by which callers show that they mean it.
    pub(crate) trust_anchor: PathBuf,
    /// The token itself.
    pub(crate) settings: token::Settings,
}

/// A proxy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProxyConfig {
    /// `https://` and a host.
    pub(crate) endpoint: String,
    /// Whose key stores may use it.
    pub(crate) account: AccountId,
    /// Where it is: host and port.
    pub(crate) address: (String, u16),
    /// The authorities that may vouch for it.
    pub(crate) ca_file: PathBuf,
    /// What this server shows to it.
    pub(crate) client: Option<ClientIdentity>,
    /// How long a call may take.
    pub(crate) timeout: Duration,
    /// How often it is asked for its health while a key store is connected to it.
    pub(crate) health_period: Duration,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClientIdentity {
    /// The certificate, and those between it and its authority.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// The tables as they are written.
#[derive(Debug, Default)]
pub(super) struct OutsideFile<'a> {
    pub(crate) tokens: &'a [toml::Spanned<TokenFile>],
    pub(crate) proxies: &'a [toml::Spanned<KeyStoreProxyFile>],
}

/// One `[[tokens]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenFile {
    cluster: String,
    account: AccountId,
    region: Region,
    module: PathBuf,
    label: Option<String>,
    slot: Option<u64>,
    trust_anchor: PathBuf,
    sessions: Option<usize>,
    timeout_ms: Option<u64>,
}

/// One `[[external_key_stores]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyStoreProxyFile {
    endpoint: String,
    account: AccountId,
    address: Option<String>,
    ca_file: PathBuf,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    timeout_ms: Option<u64>,
    health_seconds: Option<u64>,
}

/// How often a proxy is asked for its health, unless told otherwise.
const HEALTH_SECONDS: u64 = 60;

/// How long a call of a proxy may take, as at AWS.
const PROXY_TIMEOUT: u64 = 250;

/// What the tables say, or the place of one that is wrong and what is wrong with it.
pub(super) fn read(file: &OutsideFile<'_>) -> Result<OutsideConfig, (usize, String)> {
    let mut config = OutsideConfig::default();
    for written in file.tokens {
        let at = |reason| (written.span().start, reason);
        let token = written.get_ref().read().map_err(at)?;
        let mut known = config.tokens.iter();
        if known.any(|known| known.cluster == token.cluster) {
            return Err(at(format!(
                "the token `{}` is there already",
                token.cluster
            )));
        }
        config.tokens.push(token);
    }
    for written in file.proxies {
        let at = |reason| (written.span().start, reason);
        let proxy = written.get_ref().read().map_err(at)?;
        let mut known = config.proxies.iter();
        if known.any(|known| known.endpoint == proxy.endpoint && known.account == proxy.account) {
            let (endpoint, account) = (&proxy.endpoint, proxy.account);
            return Err(at(format!(
                "the proxy `{endpoint}` is there already for the account {account}"
            )));
        }
        let mut known = config.proxies.iter();
        if known.any(|known| known.endpoint == proxy.endpoint && !known.is_at(&proxy)) {
            let endpoint = &proxy.endpoint;
            return Err(at(format!("the proxy `{endpoint}` is elsewhere already")));
        }
        config.proxies.push(proxy);
    }
    Ok(config)
}

impl TokenFile {
    fn read(&self) -> Result<TokenConfig, String> {
        let cluster = &self.cluster;
        if !is_cluster(cluster) {
            return Err(format!(
                "`{cluster}` is no name of a cluster: `cluster-` and 11 to 16 letters and digits \
                 from 2 to 7"
            ));
        }
        let slot = match (&self.label, self.slot) {
            (Some(label), None) => token::Slot::Label(label.clone()),
            (None, Some(slot)) => token::Slot::Number(slot),
            _ => return Err(format!("the token `{cluster}` needs `label` or `slot`")),
        };
        let usual = token::Settings::new(self.module.clone(), slot);
        let sessions = self.sessions.unwrap_or(usual.sessions);
        if !(1..=64).contains(&sessions) {
            return Err("`sessions` must be between 1 and 64".to_owned());
        }
        let timeout = match self.timeout_ms {
            Some(given) => timeout(given)?,
            None => usual.timeout,
        };
        Ok(TokenConfig {
            cluster: cluster.clone(),
            account: self.account,
            region: self.region.clone(),
            trust_anchor: self.trust_anchor.clone(),
            settings: token::Settings {
                sessions,
                timeout,
                ..usual
            },
        })
    }
}

impl KeyStoreProxyFile {
    fn read(&self) -> Result<ProxyConfig, String> {
        let endpoint = &self.endpoint;
        let no_endpoint =
            || format!("`{endpoint}` is no endpoint: https:// and the name of a host");
        let host = endpoint.strip_prefix("https://").ok_or_else(no_endpoint)?;
        if !is_host(host) {
            return Err(no_endpoint());
        }
        let address = match &self.address {
            Some(address) => address_of(address)
                .ok_or_else(|| format!("`{address}` is no address: a host, a colon and a port"))?,
            None => (host.to_owned(), 443),
        };
        let client = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => Some(ClientIdentity {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            (None, None) => None,
            _ => {
                return Err("`client_certificate` and `client_key` are needed together".to_owned());
            }
        };
        let health = self.health_seconds.unwrap_or(HEALTH_SECONDS);
        if !(1..=3600).contains(&health) {
            return Err("`health_seconds` must be between 1 and 3600".to_owned());
        }
        Ok(ProxyConfig {
            endpoint: endpoint.clone(),
            account: self.account,
            address,
            ca_file: self.ca_file.clone(),
            client,
            timeout: timeout(self.timeout_ms.unwrap_or(PROXY_TIMEOUT))?,
            health_period: Duration::from_secs(health),
        })
    }
}

impl ProxyConfig {
    /// Whether another account's entry means the same server.
    fn is_at(&self, other: &Self) -> bool {
        let server = |config: &Self| {
            let (address, ca_file) = (config.address.clone(), config.ca_file.clone());
            let times = (config.timeout, config.health_period);
            (address, ca_file, config.client.clone(), times)
        };
        server(self) == server(other)
    }
}

fn timeout(milliseconds: u64) -> Result<Duration, String> {
    if (10..=60_000).contains(&milliseconds) {
        Ok(Duration::from_millis(milliseconds))
    } else {
        Err("`timeout_ms` must be between 10 and 60000".to_owned())
    }
}

/// Whether AWS's model takes the name of a cluster.
fn is_cluster(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphabetic() || matches!(c, '2'..='7');
    name.strip_prefix("cluster-")
        .is_some_and(|rest| (11..=16).contains(&rest.len()) && rest.chars().all(fits))
}

/// Whether AWS's model takes the host of an endpoint.
fn is_host(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    !host.is_empty() && host.len() <= 120 && host.chars().all(fits)
}

fn address_of(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        tokens: Vec<toml::Spanned<TokenFile>>,
        #[serde(default)]
        external_key_stores: Vec<toml::Spanned<KeyStoreProxyFile>>,
    }

    fn parse(text: &str) -> Result<OutsideConfig, String> {
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let file = OutsideFile {
            tokens: &file.tokens,
            proxies: &file.external_key_stores,
        };
        read(&file).map_err(|(_, reason)| reason)
    }

    fn token(more: &str) -> String {
        format!(
            "[[tokens]]\naccount = \"111122223333\"\nregion = \"us-east-1\"\nmodule = \"/m.so\"\n\
             trust_anchor = \"/t.crt\"\n{more}\n"
        )
    }

    fn proxy(more: &str) -> String {
        format!("[[external_key_stores]]\naccount = \"111122223333\"\nca_file = \"/ca\"\n{more}\n")
    }

    const NAME: &str = "cluster = \"cluster-abcdefghij2\"";
    const ENDPOINT: &str = "endpoint = \"https://xks.example.com\"";

    #[test]
    fn a_token_is_named_by_its_label_or_its_slot() {
        let config = parse(&token(&format!("{NAME}\nlabel = \"hsm\""))).unwrap();
        assert_eq!(
            config.tokens[0].settings.slot,
            token::Slot::Label("hsm".to_owned())
        );
        assert_eq!(config.tokens[0].settings.timeout, Duration::from_secs(5));
        let config = parse(&token(&format!("{NAME}\nslot = 3\ntimeout_ms = 100"))).unwrap();
        assert_eq!(config.tokens[0].settings.slot, token::Slot::Number(3));
        assert_eq!(
            config.tokens[0].settings.timeout,
            Duration::from_millis(100)
        );
        for wrong in [
            token(NAME),
            token(&format!("{NAME}\nlabel = \"hsm\"\nslot = 3")),
            token("cluster = \"cluster-abc\"\nslot = 3"),
            token("cluster = \"cluster-abcdefghij1\"\nslot = 3"),
            token(&format!("{NAME}\nslot = 3\nsessions = 0")),
            token(&format!("{NAME}\nslot = 3\ntimeout_ms = 0")),
            token(&format!("{NAME}\nslot = 3")).repeat(2),
        ] {
            parse(&wrong).unwrap_err();
        }
    }

    #[test]
    fn a_proxy_is_at_its_name_unless_told_otherwise() {
        let config = parse(&proxy(ENDPOINT)).unwrap();
        let found = &config.proxies[0];
        assert_eq!(found.address, ("xks.example.com".to_owned(), 443));
        assert_eq!(found.timeout, Duration::from_millis(250));
        let config = parse(&proxy(&format!("{ENDPOINT}\naddress = \"[::1]:8443\""))).unwrap();
        assert_eq!(config.proxies[0].address, ("::1".to_owned(), 8443));
        for wrong in [
            "endpoint = \"http://xks.example.com\"",
            "endpoint = \"https://xks.example.com:8443\"",
            "endpoint = \"https://u@xks.example.com\"",
            "endpoint = \"https://\"",
            "endpoint = \"https://xks.example.com/path\"",
        ] {
            parse(&proxy(wrong)).unwrap_err();
        }
        for address in ["10.0.0.1", ":443", "10.0.0.1:0", "10.0.0.1:x"] {
            parse(&proxy(&format!("{ENDPOINT}\naddress = \"{address}\""))).unwrap_err();
        }
        parse(&proxy(ENDPOINT).repeat(2)).unwrap_err();
    }

    #[test]
    fn a_client_certificate_comes_with_its_key() {
        let both = "client_certificate = \"/c\"\nclient_key = \"/k\"";
        let config = parse(&proxy(&format!("{ENDPOINT}\n{both}"))).unwrap();
        let client = config.proxies[0].client.clone().unwrap();
        assert_eq!((client.certificate, client.key), ("/c".into(), "/k".into()));
        assert_eq!(config.proxies[0].health_period, Duration::from_mins(1));
        for wrong in [
            "client_certificate = \"/c\"",
            "client_key = \"/k\"",
            "health_seconds = 0",
            "health_seconds = 3601",
        ] {
            parse(&proxy(&format!("{ENDPOINT}\n{wrong}"))).unwrap_err();
        }
        // The same server in the name of another account has to be shown the same.
        let other = proxy(ENDPOINT).replace("111122223333", "444455556666");
        parse(&format!("{}{other}", proxy(&format!("{ENDPOINT}\n{both}")))).unwrap_err();
        parse(&format!("{}{other}", proxy(ENDPOINT))).unwrap();
    }
}
