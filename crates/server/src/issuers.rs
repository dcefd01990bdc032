//! The keys of identity providers: read from files and fetched from addresses that the
//! configuration names, and from nowhere else.
//!
//! A file is looked at for every token, so another key in it counts at once. A fetched set is
//! kept for five minutes; a token with another key has it fetched anew, but not before ten
//! seconds are over, whoever asks.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use iam::{KeySet, KeySetSource, LoadedKeys, NoKeys};
use tracing::{info, warn};
use types::{Clock, Monotonic};

use crate::config::{IssuerConfig, KeysFrom};
use crate::unseal_client::{self, Target};

/// How long a fetched key set counts.
const FRESH: Duration = Duration::from_mins(5);

/// The least time between two attempts to fetch the keys of an issuer.
const APART: Duration = Duration::from_secs(10);

/// How long connecting and the whole answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the longest file that is read.
const LONGEST: u64 = 64 * 1024;

/// The issuers of the configuration.
#[derive(Debug)]
pub(crate) struct Issuers {
    known: Vec<Arc<Issuer>>,
    clock: Arc<dyn Clock>,
    /// When a token named another one.
    unknown: Seldom,
}

#[derive(Debug)]
struct Issuer {
    /// Host and path.
    url: String,
    keys: Keys,
    /// When its file could not be used.
    unreadable: Seldom,
}

/// When something was last said that strangers can have said at any rate.
#[derive(Debug, Default)]
struct Seldom(Mutex<Option<Monotonic>>);

impl Seldom {
    /// Whether it may be said at `now`: not again before ten seconds are over.
    fn admit(&self, now: Monotonic) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = last.is_none_or(|last| now.0.saturating_sub(last.0) >= APART);
        if admitted {
            *last = Some(now);
        }
        admitted
    }
}

#[derive(Debug)]
enum Keys {
    File(KeyFile),
    Address(Arc<KeyAddress>),
}

impl Issuers {
    /// The issuers of `config`.
    ///
    /// Fails if a file cannot be read or is not what it must be; nothing is fetched.
    pub(crate) fn load(config: &[IssuerConfig], clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let issuers = config.iter().map(|issuer| {
            let keys = match &issuer.keys {
                KeysFrom::File(path) => Keys::File(KeyFile::new(path)?),
                KeysFrom::Address { url, ca_file } => {
                    let address = KeyAddress::new(url, ca_file, Arc::clone(clock));
                    Keys::Address(Arc::new(address?))
                }
            };
            let url = issuer.url.clone();
            let unreadable = Seldom::default();
            Ok(Arc::new(Issuer {
                url,
                keys,
                unreadable,
            }))
        });
        Ok(Self {
            known: issuers.collect::<anyhow::Result<_>>()?,
            clock: Arc::clone(clock),
            unknown: Seldom::default(),
        })
    }
}

impl KeySetSource for Issuers {
    fn keys<'a>(&'a self, issuer: &'a str, lacking: Option<Arc<KeySet>>) -> LoadedKeys<'a> {
        Box::pin(async move {
            let now = self.clock.monotonic();
            let Some(issuer) = self.known.iter().find(|known| known.url == issuer) else {
                if self.unknown.admit(now) {
                    warn!(
                        issuer,
                        "the configuration does not say where the issuer's keys are"
                    );
                }
                return Err(NoKeys::Unconfigured);
            };
            match &issuer.keys {
                Keys::File(_) => {
                    let issuer = Arc::clone(issuer);
                    let read = tokio::task::spawn_blocking(move || issuer.read(now)).await;
                    read.unwrap_or(Err(NoKeys::Unavailable))
                }
                Keys::Address(address) => address.keys(&issuer.url, lacking.as_ref()).await,
            }
        })
    }
}

impl Issuer {
    /// The keys in the issuer's file, as it is now.
    fn read(&self, now: Monotonic) -> Result<Arc<KeySet>, NoKeys> {
        let Keys::File(file) = &self.keys else {
            return Err(NoKeys::Unavailable);
        };
        file.keys().map_err(|failed| {
            if self.unreadable.admit(now) {
                let (issuer, reason) = (&self.url, format!("{failed:#}"));
                warn!(issuer, reason, "the issuer's keys could not be read");
            }
            NoKeys::Unavailable
        })
    }
}

/// A key set in a file.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    read: Mutex<(Stamp, Arc<KeySet>)>,
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            place: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl KeyFile {
    fn new(path: &Path) -> anyhow::Result<Self> {
        let read = Mutex::new(read(path)?);
        let path = path.to_path_buf();
        Ok(Self { path, read })
    }

    /// The keys in the file as it is now. A file that cannot be used has none: what was taken
    /// out of it must not go on counting.
    fn keys(&self) -> anyhow::Result<Arc<KeySet>> {
        let (known, keys) = self
            .read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let metadata = std::fs::metadata(&self.path);
        let metadata = metadata.with_context(|| reading(&self.path))?;
        if Stamp::of(&metadata) == known {
            return Ok(keys);
        }
        let newer = read(&self.path)?;
        let keys = Arc::clone(&newer.1);
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = newer;
        info!(path = %self.path.display(), "the issuer's keys were read anew");
        Ok(keys)
    }
}

fn reading(path: &Path) -> String {
    format!("reading the key set `{}` failed", path.display())
}

fn read(path: &Path) -> anyhow::Result<(Stamp, Arc<KeySet>)> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).with_context(|| reading(path))?;
    let metadata = file.metadata().with_context(|| reading(path))?;
    ensure!(metadata.is_file(), "`{}` is no file", path.display());
    let mut text = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut text);
    read.with_context(|| reading(path))?;
    let keys = KeySet::parse(&text).with_context(|| reading(path))?;
    Ok((Stamp::of(&metadata), Arc::new(keys)))
}

/// A key set that is fetched.
#[derive(Debug)]
struct KeyAddress {
    server: Target,
    /// Path and query.
    path: String,
    ca_file: PathBuf,
    clock: Arc<dyn Clock>,
    fetched: Mutex<Fetched>,
    /// Held while somebody fetches: those that need what is found wait.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Fetched {
    keys: Option<(Arc<KeySet>, Monotonic)>,
    tried: Option<Monotonic>,
}

impl Fetched {
    /// The keys, if they still count.
    fn fresh(&self, now: Monotonic) -> Option<Arc<KeySet>> {
        let known = self.keys.as_ref();
        let known = known.filter(|(_, at)| since(*at, now) < FRESH);
        known.map(|(keys, _)| Arc::clone(keys))
    }
}

fn since(at: Monotonic, now: Monotonic) -> Duration {
    now.0.saturating_sub(at.0)
}

impl KeyAddress {
    fn new(url: &Uri, ca_file: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        unseal_client::connector(ca_file)?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            server: Target::parse(url)?,
            path: path.to_owned(),
            ca_file: ca_file.to_path_buf(),
            clock,
            fetched: Mutex::default(),
            fetching: Arc::default(),
        })
    }

    /// The keys, fetched anew if those that are known are old or `lacking`. One request fetches
    /// at a time; others wait for what it finds, but not those whom the known keys suffice.
    async fn keys(
        self: &Arc<Self>,
        issuer: &str,
        lacking: Option<&Arc<KeySet>>,
    ) -> Result<Arc<KeySet>, NoKeys> {
        let busy = self.fetching.try_lock().is_err();
        if let Some(known) = self.known(lacking, busy) {
            return known;
        }
        let turn = Arc::clone(&self.fetching).lock_owned().await;
        // What somebody fetched meanwhile may do.
        if let Some(known) = self.known(lacking, false) {
            return known;
        }
        let (address, issuer) = (Arc::clone(self), issuer.to_owned());
        // On its own: a caller that goes away does not take the keys from all others.
        let fetch = tokio::spawn(async move {
            let _turn = turn;
            address.fetch_and_keep(&issuer).await
        });
        fetch.await.unwrap_or(Err(NoKeys::Unavailable))
    }

    /// Fetches the keys and keeps them for others.
    async fn fetch_and_keep(&self, issuer: &str) -> Result<Arc<KeySet>, NoKeys> {
        let now = self.clock.monotonic();
        self.fetched().tried = Some(now);
        let found = self.fetch().await;
        let mut fetched = self.fetched();
        match found {
            Ok(keys) => {
                let keys = Arc::new(keys);
                fetched.keys = Some((Arc::clone(&keys), now));
                Ok(keys)
            }
            Err(failed) => {
                let reason = format!("{failed:#}");
                warn!(issuer, reason, "the issuer's keys could not be fetched");
                fetched.fresh(now).ok_or(NoKeys::Unavailable)
            }
        }
    }

    /// What can be said without fetching: that the known keys suffice, or that it is too soon to
    /// look for others; while somebody is `busy` fetching, what that finds is waited for.
    fn known(
        &self,
        lacking: Option<&Arc<KeySet>>,
        busy: bool,
    ) -> Option<Result<Arc<KeySet>, NoKeys>> {
        let now = self.clock.monotonic();
        let fetched = self.fetched();
        let known = fetched.fresh(now);
        let suffices = known.as_ref().is_some_and(|known| {
            let lacks = |lacking: &Arc<KeySet>| Arc::ptr_eq(known, lacking);
            !lacking.is_some_and(lacks)
        });
        let too_soon = fetched.tried.is_some_and(|at| since(at, now) < APART);
        (suffices || (too_soon && !busy)).then(|| known.ok_or(NoKeys::Unavailable))
    }

    fn fetched(&self) -> MutexGuard<'_, Fetched> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self) -> anyhow::Result<KeySet> {
        let request = Request::get(&self.path)
            .header(http::header::HOST, self.server.host())
            .header(http::header::ACCEPT, "application/json")
            .body(Full::new(Bytes::new()))
            .context("the address cannot be asked for")?;
        let answer = self.server.send(&self.ca_file, request);
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let (status, body) = answer.context("the server did not answer in time")??;
        // A redirection too is no answer: only what the configuration names is asked.
        if status != StatusCode::OK {
            bail!("the server answered with status {status}");
        }
        KeySet::parse(&body).context("the server's answer cannot be used")
    }
}

#[cfg(test)]
mod tests;
