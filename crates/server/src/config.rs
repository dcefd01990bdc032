//! The configuration: one file, environment and flags merged by one precedence.
//!
//! Flags win over `STRONGROOM_*` variables (both through `cli`), those over the file, that
//! over defaults. A file that is wrong is refused with the line and the reason.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::Uri;
use serde::Deserialize;
use types::{AccountId, Region};

use crate::cli::{DirectoryArgs, ServeArgs};
use crate::logging;

/// The reference page of all settings; `docs/configuration.md` is made from it.
pub const REFERENCE: &str = "\
Settings come from flags, then environment variables, then the file given by `--config`, then
defaults: the first that says something counts. The file is TOML; an unknown setting or a wrong
value is refused with its line.

| File | Flag | Variable | Default | Meaning |
|---|---|---|---|---|
| `data` | `--data DIR` | `STRONGROOM_DATA` | none | the data directory |
| | `--config FILE` | `STRONGROOM_CONFIG` | none | this file |
| `listen` | `--listen ADDR:PORT` | `STRONGROOM_LISTEN` | `127.0.0.1:4700` | the address that answers for all services |
| `account` | `--account ID` | `STRONGROOM_ACCOUNT` | a random one | the first account, on an empty directory |
| `regions` | `--region NAME` (repeatable) | `STRONGROOM_REGIONS` (commas) | `[\"us-east-1\"]` | the regions answered for |
| `seal.key_file` | `--key-file FILE` | `STRONGROOM_KEY_FILE` | the data directory's name and `.key` | the key that seals the root key; outside the data directory, mode 0600 |
| `seal.passphrase_file` | `--passphrase-file FILE` | `STRONGROOM_PASSPHRASE_FILE` | none | a file whose first line is the passphrase that seals the root key instead |
| `unseal_listen` | | | the main address | an address that alone takes `POST /unseal`, on a server that starts sealed |
| `tls.certificate`, `tls.key` | | | none | PEM files; with them the listener speaks TLS only |
| `issuers.url` | | | none | one `[[issuers]]` for each identity provider whose tokens `AssumeRoleWithWebIdentity` may verify: its issuer, as the tokens and the OpenID Connect provider in IAM have it |
| `issuers.keys_file` | | | none | a file with the issuer's public keys, a JSON web key set; looked at for every token, so that changes count at once |
| `issuers.keys_url` | | | none | or an `https` address that serves them; fetched when they are needed, kept for five minutes, never more than once in ten seconds |
| `issuers.ca_file` | | | none | PEM certificates of the authorities that may vouch for the server at `issuers.keys_url` |
| `proxy.trusted` | | | `[]` | addresses of proxies whose `X-Forwarded-For` is believed |
| `metrics.listen` | | | off | address of the Prometheus endpoint; it needs no signature, keep it private |
| `log.filter` | `--log FILTER` | `STRONGROOM_LOG` | `info` | a level, or `target=level,…` |
| `log.json` | | | `false` | JSON lines instead of text |
| `limits.connections` | | | 4096 | connections open at a time |
| `limits.header_seconds` | | | 10 | time for a request's head |
| `limits.body_seconds` | | | 30 | time for a request's body |
| `limits.write_seconds` | | | 30 | time that a client has to read each MiB of its answer |
| `limits.body_memory` | | | 67108864 | bytes of bodies held at a time, over all connections |
| `limits.response_memory` | | | 268435456 | bytes of answers above 16 KiB that clients have not read yet, over all connections |
| `limits.cache_memory` | | | an eighth of the memory | bytes of sealed records kept in memory for reading, taken as they are read; where its control group allows the process less than the machine has, the eighth is of that |
| `limits.lookups_per_second` | | | 2 | calls of `LookupEvents` that each account may make in a region; 2 is AWS's rate |
| `limits.shutdown_seconds` | | | 10 | time that open requests get at shutdown |
| `limits.clock_skew_seconds` | | | 300 | difference of clocks that signatures may have |
| `limits.unsigned_calls` | | | 20 | calls of `AssumeRoleWithWebIdentity` that an address may make a second, and five times as many at once; one that is refused counts ten times |
";

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
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The identity providers whose tokens can be verified.
    pub issuers: Vec<IssuerConfig>,
    /// What is logged.
    pub log_filter: String,
    /// Whether logs are JSON lines.
    pub log_json: bool,
    /// Bounds on what clients may use.
    pub limits: Limits,
}

/// Where the data is and what seals its root key.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryConfig {
    /// The data directory.
    pub data: PathBuf,
    /// The seal.
    pub seal: SealConfig,
}

/// What seals the root key.
#[derive(Debug, Clone, PartialEq)]
pub enum SealConfig {
    /// A key file outside the data directory.
    KeyFile(PathBuf),
    /// A passphrase, read from the first line of a file.
    PassphraseFile(PathBuf),
    /// Nothing is configured: the default key file for a new directory and for one that was
    /// sealed with it; a directory that was sealed with a passphrase waits for an operator.
    Unnamed {
        /// The default key file.
        key_file: PathBuf,
    },
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

/// An identity provider, and where its keys are.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerConfig {
    /// The issuer without `https://`: host and path.
    pub url: String,
    /// Where its keys are.
    pub keys: KeysFrom,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, PartialEq)]
pub enum KeysFrom {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Address {
        /// The address; `https` only.
        url: Uri,
        /// The authorities that may vouch for it.
        ca_file: PathBuf,
    },
}

/// Bounds on what clients may use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections open at a time.
    pub connections: usize,
    /// Seconds that a client may take to send a request's head.
    pub header_seconds: u64,
    /// Seconds that a client may take to send a request's body.
    pub body_seconds: u64,
    /// Seconds that a client may take to read each MiB of its answer.
    pub write_seconds: u64,
    /// Bytes of request bodies held in memory at a time, over all connections.
    pub body_memory: usize,
    /// Bytes of large answers that clients have not read yet, over all connections.
    pub response_memory: usize,
    /// Bytes of sealed records kept in memory for reading; `None` is a share of what there is.
    pub cache_memory: Option<usize>,
    /// Calls of `LookupEvents` a second, for each account and region.
    pub lookups_per_second: u32,
    /// Seconds that open requests get to finish at shutdown.
    pub shutdown_seconds: u64,
    /// Seconds by which a signature's time may differ from the server's.
    pub clock_skew_seconds: u64,
    /// Calls without a signature that an address may make a second.
    pub unsigned_calls: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            header_seconds: 10,
            body_seconds: 30,
            write_seconds: 30,
            body_memory: 64 << 20,
            response_memory: 256 << 20,
            cache_memory: None,
            lookups_per_second: cloudtrail::PER_SECOND,
            shutdown_seconds: 10,
            clock_skew_seconds: 300,
            unsigned_calls: 20,
        }
    }
}

impl Limits {
    /// Refuses what no server could work with.
    fn check(&self) -> Result<(), (&'static str, String)> {
        let within = |name: &'static str, value: usize, least: usize, most: usize| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                let reason = format!("`limits.{name}` must be between {least} and {most}");
                Err((name, reason))
            }
        };
        let seconds = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        within("connections", self.connections, 1, 1_000_000)?;
        within("body_memory", self.body_memory, 16 << 20, 1 << 40)?;
        within("response_memory", self.response_memory, 64 << 20, 1 << 40)?;
        let cache = self.cache_memory.unwrap_or_default();
        within("cache_memory", cache, 0, 1 << 40)?;
        let lookups = usize::try_from(self.lookups_per_second).unwrap_or(usize::MAX);
        within("lookups_per_second", lookups, 1, 1000)?;
        let calls = usize::try_from(self.unsigned_calls).unwrap_or(usize::MAX);
        within("unsigned_calls", calls, 1, 1_000_000)?;
        within("header_seconds", seconds(self.header_seconds), 1, 3600)?;
        within("body_seconds", seconds(self.body_seconds), 1, 3600)?;
        within("write_seconds", seconds(self.write_seconds), 1, 3600)?;
        within("shutdown_seconds", seconds(self.shutdown_seconds), 0, 3600)?;
        within(
            "clock_skew_seconds",
            seconds(self.clock_skew_seconds),
            1,
            3600,
        )
    }
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
    /// The key file lies where a stolen data directory would take it along.
    #[error("the key file `{path}` is inside the data directory: it must be elsewhere")]
    KeyInsideData {
        /// The key file.
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
    proxy: ProxyFile,
    #[serde(default)]
    issuers: Vec<toml::Spanned<IssuerFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerFile {
    url: String,
    keys_file: Option<PathBuf>,
    keys_url: Option<String>,
    ca_file: Option<PathBuf>,
}

impl IssuerFile {
    /// What the settings say of the issuer, or what is wrong with them.
    fn read(&self) -> Result<IssuerConfig, String> {
        let url = iam::host_and_path(&self.url).map_err(|_no_issuer| {
            let url = &self.url;
            format!("`{url}` is no issuer: https://, a host, and perhaps a path")
        })?;
        let keys = match (&self.keys_file, &self.keys_url, &self.ca_file) {
            (Some(file), None, None) => KeysFrom::File(file.clone()),
            (None, Some(address), Some(ca_file)) => KeysFrom::Address {
                url: address_of_keys(address)?,
                ca_file: ca_file.clone(),
            },
            _ => {
                let url = &self.url;
                return Err(format!(
                    "the issuer `{url}` needs `keys_file`, or `keys_url` and `ca_file`"
                ));
            }
        };
        let url = url.to_owned();
        Ok(IssuerConfig { url, keys })
    }
}

/// The address of a key set: `https`, with a host, and without a user.
fn address_of_keys(text: &str) -> Result<Uri, String> {
    let address = text.parse::<Uri>().ok().filter(|uri| {
        let user = uri.authority().is_none_or(|it| it.as_str().contains('@'));
        uri.scheme_str() == Some("https") && !user
    });
    address.ok_or_else(|| format!("`{text}` is no https:// address of a key set"))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealFile {
    key_file: Option<PathBuf>,
    passphrase_file: Option<toml::Spanned<PathBuf>>,
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
    /// The settings of `strongroom serve`.
    pub fn of_serve(args: &ServeArgs) -> Result<Self, ConfigError> {
        let (file, directory) = read(&args.directory)?;
        let regions = if args.regions.is_empty() {
            file.regions
                .map(toml::Spanned::into_inner)
                .unwrap_or_default()
        } else {
            args.regions.clone()
        };
        let regions = if regions.is_empty() {
            "us-east-1".parse().into_iter().collect()
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
            trusted_proxies: file.proxy.trusted,
            issuers: issuers(&file.issuers)
                .map_err(|(_, reason)| ConfigError::Issuer { reason })?,
            log_filter: args
                .log
                .clone()
                .or_else(|| file.log.filter.map(toml::Spanned::into_inner))
                .unwrap_or_else(|| "info".to_owned()),
            log_json: file.log.json,
            limits: file.limits,
        })
    }
}

impl DirectoryConfig {
    /// The settings of commands that work on a directory without serving it.
    pub fn of(args: &DirectoryArgs) -> Result<Self, ConfigError> {
        read(args).map(|(_, directory)| directory)
    }
}

fn read(args: &DirectoryArgs) -> Result<(File, DirectoryConfig), ConfigError> {
    let file = match &args.config {
        Some(path) => read_file(path)?,
        None => File::default(),
    };
    let data = args
        .data
        .clone()
        .or_else(|| file.data.clone())
        .ok_or(ConfigError::NoData)?;
    let data = std::path::absolute(&data).map_err(|source| ConfigError::Read {
        path: data.clone(),
        source,
    })?;
    let passphrase = file
        .seal
        .passphrase_file
        .as_ref()
        .map(|path| path.get_ref().clone());
    let seal = match (
        &args.key_file,
        &args.passphrase_file,
        passphrase,
        &file.seal.key_file,
    ) {
        (Some(path), _, _, _) | (None, None, None, Some(path)) => SealConfig::KeyFile(path.clone()),
        (None, Some(path), _, _) => SealConfig::PassphraseFile(path.clone()),
        (None, None, Some(path), _) => SealConfig::PassphraseFile(path),
        (None, None, None, None) => SealConfig::Unnamed {
            key_file: beside(&data),
        },
    };
    if let SealConfig::KeyFile(path) = &seal {
        refuse_inside(&data, path)?;
    }
    Ok((file, DirectoryConfig { data, seal }))
}

/// Whether `region` has the form of the names in the partition `aws`: an area that it covers,
/// a place and a number.
fn is_of_partition(region: &Region) -> bool {
    const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];
    let mut parts = region.as_str().split('-');
    let (area, place, number) = (parts.next(), parts.next(), parts.next());
    let is_place = |place: &str| !place.is_empty() && place.bytes().all(|b| b.is_ascii_lowercase());
    let is_number = |number: &str| number.parse::<u8>().is_ok_and(|n| n > 0);
    area.is_some_and(|area| AREAS.contains(&area))
        && place.is_some_and(is_place)
        && number.is_some_and(is_number)
        && parts.next().is_none()
}

/// The default key file: beside the data directory, with `.key` appended to its name.
fn beside(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_os_string();
    name.push(".key");
    data.with_file_name(name)
}

fn refuse_inside(data: &Path, key: &Path) -> Result<(), ConfigError> {
    let parent = std::path::absolute(key)
        .ok()
        .and_then(|path| path.parent().map(Path::to_path_buf));
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    match parent {
        Some(parent) if real(&parent).starts_with(real(data)) => Err(ConfigError::KeyInsideData {
            path: key.to_path_buf(),
        }),
        _ => Ok(()),
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
        behind.trim_start().starts_with('=')
    };
    let mut found = text.match_indices(name).map(|(at, _)| at);
    found.find(|at| is_key(*at)).unwrap_or(0)
}

fn parse(path: &str, text: &str) -> Result<File, ConfigError> {
    let invalid = |at: usize, reason: String| ConfigError::Invalid {
        path: path.to_owned(),
        line: text.get(..at).unwrap_or(text).matches('\n').count() + 1,
        reason,
    };
    let file: File = toml::from_str(text).map_err(|error| {
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
    issuers(&file.issuers).map_err(|(at, reason)| invalid(at, reason))?;
    if let (Some(passphrase), Some(_)) = (&file.seal.passphrase_file, &file.seal.key_file) {
        let reason = "`seal` has both `key_file` and `passphrase_file`: choose one".to_owned();
        return Err(invalid(passphrase.span().start, reason));
    }
    Ok(file)
}

/// The issuers of the file, or the place of one that is wrong and what is wrong with it.
fn issuers(file: &[toml::Spanned<IssuerFile>]) -> Result<Vec<IssuerConfig>, (usize, String)> {
    let mut issuers: Vec<IssuerConfig> = Vec::new();
    for issuer in file {
        let at = issuer.span().start;
        let read = issuer.get_ref().read().map_err(|reason| (at, reason))?;
        if issuers.iter().any(|known| known.url == read.url) {
            let reason = format!("the issuer `https://{}` is there already", read.url);
            return Err((at, reason));
        }
        issuers.push(read);
    }
    Ok(issuers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse("c.toml", text).unwrap_err().to_string()
    }

    fn args(data: &str, key: Option<&str>) -> DirectoryArgs {
        DirectoryArgs {
            data: Some(data.into()),
            config: None,
            key_file: key.map(Into::into),
            passphrase_file: None,
        }
    }

    #[test]
    fn unknown_settings_are_refused_with_their_line() {
        let text = refusal("listen = \"127.0.0.1:1\"\n\nlisten_adress = \"x\"\n");
        assert!(
            text.starts_with("c.toml:3: unknown field `listen_adress`"),
            "{text}"
        );
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused_with_their_line() {
        let text = refusal("regions = [\"us-east-1\"]\nlisten = \"nowhere\"\n");
        assert!(text.starts_with("c.toml:2: "), "{text}");
        let text = refusal("\nregions = []\n");
        assert_eq!(text, "c.toml:2: `regions` names no region");
    }

    #[test]
    fn limits_that_no_server_could_work_with_are_refused() {
        let reason = "`limits.connections` must be between 1 and 1000000";
        for (text, line) in [
            ("[limits]\nconnections = 0\n", 2),
            (
                "# connections\n\nlimits = { body_seconds = 1, connections=0 }\n",
                3,
            ),
            ("log.json = true\nlimits.connections = 2000000\n", 2),
        ] {
            assert!(
                refusal(text).ends_with(&format!(":{line}: {reason}")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_log_filter_that_is_none_is_refused_with_its_line() {
        let text = refusal("[log]\nfilter = \"==\"\n");
        assert!(text.contains(":2: `==` is not a log filter"), "{text}");
    }

    #[test]
    fn regions_are_those_of_the_partition() {
        for region in [
            "us-east-1",
            "eu-central-2",
            "ap-southeast-7",
            "mx-central-1",
        ] {
            assert!(is_of_partition(&region.parse().unwrap()), "{region}");
        }
        for region in [
            "us-gov-west-1",
            "cn-north-1",
            "us-east",
            "us-east-1a",
            "local",
            "us--1",
            "us-east-0",
        ] {
            assert!(!is_of_partition(&region.parse().unwrap()), "{region}");
        }
        let text = refusal("\nregions = [\"us-east-1\", \"mars-1\"]\n");
        assert!(
            text.starts_with("c.toml:2: `mars-1` is not a region"),
            "{text}"
        );
    }

    /// A file with one issuer of these settings.
    fn issuer(url: &str, settings: &str) -> String {
        format!("\n[[issuers]]\nurl = \"{url}\"\n{settings}\n")
    }

    #[test]
    fn issuers_have_keys_in_a_file_or_at_an_address_that_a_certificate_vouches_for() {
        let one = issuer("https://a.example.com/x", "keys_file = \"k\"");
        let address = "keys_url = \"https://10.0.0.1:6443/k?v=1\"\nca_file = \"ca\"";
        let two = issuer("https://b.example.com", address);
        let file = parse("c.toml", &format!("{one}{two}")).unwrap();
        let issuers = issuers(&file.issuers).unwrap();
        assert_eq!(issuers[0].url, "a.example.com/x");
        assert_eq!(issuers[0].keys, KeysFrom::File("k".into()));
        let KeysFrom::Address { url, ca_file } = &issuers[1].keys else {
            panic!("{issuers:?}");
        };
        assert_eq!(url, "https://10.0.0.1:6443/k?v=1");
        assert_eq!(ca_file, Path::new("ca"));
        let text = refusal(&format!("{one}{one}"));
        let expected = "c.toml:6: the issuer `https://a.example.com/x` is there already";
        assert_eq!(text, expected);
    }

    #[test]
    fn issuers_whose_keys_cannot_be_trusted_are_refused() {
        for settings in [
            "",
            "keys_url = \"https://a.example.com/k\"",
            "ca_file = \"ca\"",
            "keys_file = \"k\"\nca_file = \"ca\"",
            "keys_file = \"k\"\nkeys_url = \"https://a.example.com/k\"\nca_file = \"ca\"",
            "keys_url = \"http://a.example.com/k\"\nca_file = \"ca\"",
            "keys_url = \"https://u:p@a.example.com/k\"\nca_file = \"ca\"",
            "keys_url = \"/k\"\nca_file = \"ca\"",
        ] {
            let text = refusal(&issuer("https://a.example.com", settings));
            assert!(text.starts_with("c.toml:2: "), "{text}");
        }
        let text = refusal(&issuer("http://a.example.com", "keys_file = \"k\""));
        let expected = "c.toml:2: `http://a.example.com` is no issuer: https://, a host, and \
                        perhaps a path";
        assert_eq!(text, expected);
    }

    #[test]
    fn two_seals_are_refused() {
        let text = refusal("[seal]\nkey_file = \"a\"\npassphrase_file = \"b\"\n");
        assert!(text.starts_with("c.toml:3: `seal` has both"), "{text}");
    }

    #[test]
    fn the_key_file_is_beside_the_data_directory_by_default() {
        let directory = DirectoryConfig::of(&args("/srv/strongroom", None)).unwrap();
        assert_eq!(
            directory.seal,
            SealConfig::Unnamed {
                key_file: "/srv/strongroom.key".into()
            }
        );
    }

    #[test]
    fn a_key_file_inside_the_data_directory_is_refused() {
        let refused = DirectoryConfig::of(&args("/srv/strongroom", Some("/srv/strongroom/sub/k")));
        assert!(matches!(refused, Err(ConfigError::KeyInsideData { .. })));
    }

    #[test]
    fn without_a_data_directory_nothing_starts() {
        let args = DirectoryArgs {
            data: None,
            config: None,
            key_file: None,
            passphrase_file: None,
        };
        assert!(matches!(
            DirectoryConfig::of(&args),
            Err(ConfigError::NoData)
        ));
    }

    /// The settings that a table of the file may have, as its reader lists them.
    fn settings_of(table: &str) -> Vec<String> {
        let text = match table {
            "" => "no_such_setting = 1".to_owned(),
            "issuers" => "[[issuers]]\nno_such_setting = 1".to_owned(),
            table => format!("[{table}]\nno_such_setting = 1"),
        };
        let refused = refusal(&text);
        let expected = refused.split_once("expected").unwrap().1;
        expected
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|name| match table {
                "" => name.to_owned(),
                _ => format!("{table}.{name}"),
            })
            .collect()
    }

    #[test]
    fn every_setting_of_the_file_is_in_the_reference() {
        const TABLES: [&str; 7] = [
            "seal", "tls", "limits", "log", "metrics", "proxy", "issuers",
        ];
        let mut settings = settings_of("");
        settings.retain(|name| !TABLES.contains(&name.as_str()));
        settings.extend(TABLES.into_iter().flat_map(settings_of));
        let mut documented: Vec<String> = REFERENCE
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
            .flat_map(|names| names.split('`').map(str::to_owned).collect::<Vec<_>>())
            .filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
            .collect();
        settings.sort();
        documented.sort();
        assert_eq!(settings, documented);
    }

    #[test]
    fn every_flag_and_variable_of_serve_is_in_the_reference() {
        use clap::CommandFactory;
        let cli = crate::cli::Cli::command();
        let serve = cli.find_subcommand("serve").unwrap();
        for flag in serve.get_arguments() {
            let long = flag.get_long().unwrap();
            assert!(REFERENCE.contains(&format!("`--{long} ")), "--{long}");
            let variable = flag.get_env().unwrap().to_str().unwrap();
            assert!(REFERENCE.contains(&format!("`{variable}`")), "{variable}");
        }
    }

    #[test]
    fn the_limits_have_the_defaults_of_the_reference() {
        // `Limits { connections: 4096, … }`
        let debug = format!("{:?}", Limits::default());
        let fields = debug
            .split_once('{')
            .unwrap()
            .1
            .trim_end_matches([' ', '}']);
        for field in fields.split(", ") {
            let (name, value) = field.trim().split_once(": ").unwrap();
            let row = format!("| `limits.{name}` | | | {value} |");
            assert!(REFERENCE.contains(&row), "{row}");
        }
    }
}
