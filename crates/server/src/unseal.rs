//! `POST /unseal`: takes the passphrase of a sealed server, or the shares of it.
//!
//! The body is `{"Passphrase": "…"}` or `{"Share": "…"}`. Both are held in wiping memory, never
//! logged, and taken no faster than [`Pace`] allows. The right passphrase opens the store; the
//! answer comes when it is open. Shares are collected until there are enough of one set.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crypto::secret::{Key32, SecretBytes};
use crypto::shares::{self, Share, ShareError};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use types::{Clock, ErrorKind, Monotonic, network};
use wire::Refusal;
use zeroize::{Zeroize, Zeroizing};

use crate::pace::Pace;
use crate::passphrase;
use crate::seal::{self, SealError};

/// Bytes that a body may have: a passphrase, escaped, and its name.
const BODY: usize = 8 * 1024;

/// The data key that the right passphrase gave.
#[derive(Debug)]
pub(crate) struct Unsealed {
    /// The data key.
    pub data_key: Key32,
    /// Told when the store is open; dropped if it does not open.
    pub opened: oneshot::Sender<()>,
}

/// Tries passphrases on a sealed directory.
#[derive(Debug)]
pub(crate) struct Unsealer {
    attempts: Arc<Attempts>,
    body_timeout: Duration,
}

#[derive(Debug)]
struct Attempts {
    data: PathBuf,
    clock: Arc<dyn Clock>,
    pace: Mutex<Pace>,
    shares: Mutex<Collections>,
    found: mpsc::Sender<Unsealed>,
}

/// What one call brings.
enum Given {
    /// All that is needed.
    Passphrase(SecretBytes),
    /// One share of it.
    Share(Share),
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The store is open.
    Open,
    /// More shares are needed.
    Collecting {
        /// How many there are.
        given: usize,
        /// How many it takes.
        needed: usize,
        /// Of how many sets shares were given.
        sets: usize,
    },
}

/// Why a server stays sealed.
#[derive(Debug)]
pub(crate) enum StillSealed {
    /// The body is no passphrase.
    Unreadable(&'static str),
    /// The body did not come in time.
    Slow,
    /// Too many attempts.
    TooSoon(Duration),
    /// It is another passphrase.
    Wrong,
    /// The share is of no use.
    Share(ShareError),
    /// The seal, or what it opened, cannot be used.
    Broken,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(borrow)]
    passphrase: Option<Cow<'a, str>>,
    #[serde(borrow)]
    share: Option<Cow<'a, str>>,
}

impl Unsealer {
    /// Tries passphrases on the directory `data`, and sends what opens it to `found`.
    pub(crate) fn new(
        data: PathBuf,
        clock: Arc<dyn Clock>,
        body_timeout: Duration,
        found: mpsc::Sender<Unsealed>,
    ) -> Self {
        let attempts = Attempts {
            data,
            clock,
            pace: Mutex::default(),
            shares: Mutex::default(),
            found,
        };
        Self {
            attempts: Arc::new(attempts),
            body_timeout,
        }
    }

    /// Tries what is in `body`, which came from `peer`. Returns when the store is open, or when
    /// more shares are needed.
    pub(crate) async fn attempt(
        &self,
        peer: IpAddr,
        body: Incoming,
    ) -> Result<Progress, StillSealed> {
        let given = tokio::time::timeout(self.body_timeout, read(body))
            .await
            .map_err(|_elapsed| StillSealed::Slow)??;
        let peer = network(peer);
        let begun = self
            .attempts
            .pace()
            .begin(&peer, self.attempts.clock.monotonic());
        begun.map_err(StillSealed::TooSoon)?;
        // From here on without the client, which may go away: what has begun also ends.
        let attempts = Arc::clone(&self.attempts);
        let tried = tokio::task::spawn_blocking(move || {
            let _turn = Turn(&attempts);
            attempts.take(peer, given)
        });
        let tried = tried.await;
        match tried.map_err(|failed| broken(&failed))?? {
            Taken::Collected(progress) => {
                // Whether or not another share follows.
                let attempts = Arc::downgrade(&self.attempts);
                tokio::spawn(async move {
                    tokio::time::sleep(PATIENCE + Duration::from_secs(1)).await;
                    if let Some(attempts) = attempts.upgrade() {
                        attempts.shares().forget_stale(attempts.clock.monotonic());
                    }
                });
                Ok(progress)
            }
            Taken::Opening(opened) => {
                opened.await.map_err(|_not_opened| StillSealed::Broken)?;
                Ok(Progress::Open)
            }
        }
    }
}

/// The turn of one attempt, which a panic ends too: else nobody would ever have another.
struct Turn<'a>(&'a Attempts);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.pace().release();
        }
    }
}

/// What became of what was given.
enum Taken {
    /// It was put to the other shares.
    Collected(Progress),
    /// It is right; the answer tells when the store is open.
    Opening(oneshot::Receiver<()>),
}

/// The shares that were given so far, set by set: one that a stranger makes up is in nobody's way,
/// and one who makes up many is in his own.
#[derive(Debug, Default)]
struct Collections(Vec<Collection>);

/// The shares of one set, the newest last.
#[derive(Debug)]
struct Collection {
    shares: Vec<Share>,
    last: Monotonic,
    /// The network that gave its first share.
    from: IpAddr,
}

/// How long shares are kept when no other of their set follows.
const PATIENCE: Duration = Duration::from_mins(15);

/// Sets at a time; beyond it one of the network that began the most is forgotten.
const SETS: usize = 64;

impl Collections {
    /// Whether `from` has begun a set that waits for others, and `share` begins another one.
    fn begins_another(&self, share: &Share, from: IpAddr) -> bool {
        let is_of = |set: &Collection| set.shares.first().is_some_and(|it| share.goes_with(it));
        !self.0.iter().any(is_of) && self.0.iter().any(|set| set.from == from)
    }

    /// Makes room for another set. Of the network that began the most, the set of the fewest
    /// shares goes that waits longest: who makes sets up pushes out his own.
    fn make_room(&mut self) {
        let of = |from: IpAddr| self.0.iter().filter(|set| set.from == from).count();
        let sets = self.0.iter().enumerate();
        let least = sets.min_by_key(|(_, set)| (Reverse(of(set.from)), set.shares.len(), set.last));
        if let Some(least) = least.map(|(place, _)| place) {
            self.0.swap_remove(least);
        }
    }

    /// Adds `share`, which the network `from` gave. Returns the passphrase once there are enough
    /// of its set; they are then forgotten, whether or not they gave one.
    fn add(&mut self, share: Share, from: IpAddr, now: Monotonic) -> Result<Collected, ShareError> {
        self.forget_stale(now);
        let same = |set: &&mut Collection| {
            let first = set.shares.first();
            first.is_some_and(|first| share.goes_with(first))
        };
        let needed = usize::from(share.threshold());
        let number = share.number();
        if let Some(set) = self.0.iter_mut().find(same) {
            if set.shares.iter().any(|given| given.number() == number) {
                return Err(ShareError::Twice { number });
            }
            set.shares.push(share);
            set.last = now;
        } else {
            if self.0.len() >= SETS {
                self.make_room();
            }
            let shares = vec![share];
            self.0.push(Collection {
                shares,
                last: now,
                from,
            });
        }
        let sets = self.0.len();
        let full = self
            .0
            .iter()
            .position(|set| set.shares.len() >= needed_of(set));
        if let Some(full) = full {
            return shares::combine(&self.0.swap_remove(full).shares).map(Collected::Passphrase);
        }
        let newest = self.0.iter().find(|set| {
            set.last == now
                && set
                    .shares
                    .last()
                    .is_some_and(|last| last.number() == number)
        });
        let given = newest.map_or(1, |set| set.shares.len());
        Ok(Collected::Waiting(Progress::Collecting {
            given,
            needed,
            sets,
        }))
    }

    fn forget_stale(&mut self, now: Monotonic) {
        self.0
            .retain(|set| now.0.saturating_sub(set.last.0) <= PATIENCE);
    }
}

fn needed_of(set: &Collection) -> usize {
    set.shares
        .first()
        .map_or(usize::MAX, |share| usize::from(share.threshold()))
}

/// What a share came to.
enum Collected {
    Waiting(Progress),
    Passphrase(SecretBytes),
}

impl Attempts {
    /// Takes what `peer` gave, whose attempt has begun and is ended here.
    fn take(&self, peer: IpAddr, given: Given) -> Result<Taken, StillSealed> {
        let now = self.clock.monotonic();
        let mut begins_another = false;
        let (collected, is_shared) = match given {
            Given::Passphrase(passphrase) => (Ok(Collected::Passphrase(passphrase)), false),
            Given::Share(share) => {
                let mut shares = self.shares();
                begins_another = shares.begins_another(&share, peer);
                (shares.add(share, peer, now), true)
            }
        };
        match collected {
            Ok(Collected::Passphrase(passphrase)) => {
                let opening = self.run(peer, &passphrase).map_err(|still| match still {
                    StillSealed::Wrong if is_shared => StillSealed::Share(ShareError::Unfit),
                    still => still,
                })?;
                Ok(Taken::Opening(opening))
            }
            Ok(Collected::Waiting(progress)) => {
                // A keeper has shares of one set. Who begins one after the other takes the turns
                // of others, and waits as if it were wrong.
                if begins_another {
                    self.pace().end(&peer, now, true);
                } else {
                    self.pace().release();
                }
                Ok(Taken::Collected(progress))
            }
            Err(refused) => {
                if refused == ShareError::Unfit {
                    self.pace().end(&peer, self.clock.monotonic(), true);
                } else {
                    self.pace().release();
                }
                Err(StillSealed::Share(refused))
            }
        }
    }

    /// Tries `passphrase`; the right one is sent on, and the answer tells when the store is open.
    fn run(
        &self,
        peer: IpAddr,
        passphrase: &SecretBytes,
    ) -> Result<oneshot::Receiver<()>, StillSealed> {
        let tried = seal::open_with_passphrase(&self.data, passphrase);
        let now = self.clock.monotonic();
        match &tried {
            Ok(_) => {
                self.pace().end(&peer, now, false);
                self.shares().0.clear();
            }
            Err(SealError::Wrong { .. }) => self.pace().end(&peer, now, true),
            Err(_) => self.pace().release(),
        }
        let data_key = tried.map_err(|failed| match failed {
            SealError::Wrong { .. } => StillSealed::Wrong,
            failed => broken(&failed),
        })?;
        let (told, opened) = oneshot::channel();
        let unsealed = Unsealed {
            data_key,
            opened: told,
        };
        // Another attempt was right before this one, and the store is being opened.
        let sent = self.found.try_send(unsealed);
        sent.map_err(|_taken| StillSealed::TooSoon(Duration::from_secs(1)))?;
        Ok(opened)
    }

    fn shares(&self) -> MutexGuard<'_, Collections> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn broken(failed: &(dyn std::error::Error + 'static)) -> StillSealed {
    tracing::error!(error = failed, "the seal could not be opened");
    StillSealed::Broken
}

async fn read(mut body: Incoming) -> Result<Given, StillSealed> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BODY));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_cut_off| StillSealed::Unreadable("the body is incomplete"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > BODY {
            return Err(StillSealed::Unreadable("the body is too long"));
        }
        bytes.extend_from_slice(&data);
    }
    parse(&bytes)
}

fn parse(body: &[u8]) -> Result<Given, StillSealed> {
    const FORM: &str =
        "the body must be {\"Passphrase\": \"…\"} or {\"Share\": \"…\"} and nothing else";
    let body: Body<'_> =
        serde_json::from_slice(body).map_err(|_unquoted| StillSealed::Unreadable(FORM))?;
    match (body.passphrase, body.share) {
        (Some(text), None) => {
            let passphrase = wiped(text, |text| SecretBytes::from(text.as_bytes().to_vec()));
            match passphrase.expose().len() {
                0 => Err(StillSealed::Unreadable("the passphrase is empty")),
                1..=passphrase::LONGEST => Ok(Given::Passphrase(passphrase)),
                _ => Err(StillSealed::Unreadable(
                    "a passphrase has at most 1024 bytes",
                )),
            }
        }
        (None, Some(text)) => wiped(text, Share::parse)
            .map(Given::Share)
            .map_err(StillSealed::Share),
        (Some(_), Some(_)) | (None, None) => Err(StillSealed::Unreadable(FORM)),
    }
}

/// What `read` makes of `text`, which is wiped if it is a copy.
fn wiped<T>(text: Cow<'_, str>, read: impl FnOnce(&str) -> T) -> T {
    let made = read(&text);
    if let Cow::Owned(mut unescaped) = text {
        unescaped.zeroize();
    }
    made
}

impl StillSealed {
    /// What the caller is told.
    pub(crate) fn refusal(&self) -> Refusal {
        let (kind, code, status, message) = match self {
            Self::Unreadable(why) => (
                ErrorKind::Validation,
                "ValidationException",
                400,
                (*why).to_owned(),
            ),
            Self::Slow => (
                ErrorKind::Validation,
                "RequestTimeout",
                408,
                "the request body did not arrive in time".to_owned(),
            ),
            Self::TooSoon(_) => (
                ErrorKind::Throttled,
                "ThrottlingException",
                429,
                format!(
                    "too many attempts to unseal: try again in {} s",
                    self.retry_after().unwrap_or(1)
                ),
            ),
            Self::Wrong => (
                ErrorKind::Denied,
                "AccessDeniedException",
                403,
                "the passphrase does not open the seal of this server".to_owned(),
            ),
            Self::Share(refused) => (
                ErrorKind::Validation,
                "InvalidShareException",
                400,
                match refused {
                    ShareError::Unfit => "the shares together do not open the seal of this \
                        server: one of them is not of this set, or the passphrase was changed \
                        since; all have to be given again"
                        .to_owned(),
                    refused => refused.to_string(),
                },
            ),
            Self::Broken => (
                ErrorKind::Internal,
                "InternalFailure",
                500,
                "the server could not be opened: its log says why".to_owned(),
            ),
        };
        Refusal {
            kind,
            code: code.into(),
            message,
            status: Some(status),
            reason: None,
        }
    }

    /// Whole seconds after which another attempt may be made.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooSoon(wait) => Some(wait.as_millis().div_ceil(1000).try_into().unwrap_or(1)),
            Self::Unreadable(_) | Self::Slow | Self::Wrong | Self::Share(_) | Self::Broken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Option<&[u8]>) {
        let read = match parse(body.as_bytes()) {
            Ok(Given::Passphrase(passphrase)) => Some(passphrase),
            _ => None,
        };
        assert_eq!(read.as_ref().map(SecretBytes::expose), expected, "{body}");
    }

    #[test]
    fn a_passphrase_is_read_from_json_with_its_escapes() {
        check(r#"{"Passphrase": "correct horse"}"#, Some(b"correct horse"));
        check(r#"{"Passphrase": "a\"bé"}"#, Some("a\"bé".as_bytes()));
    }

    #[test]
    fn anything_but_one_passphrase_is_refused() {
        check("", None);
        check("correct horse", None);
        check(r#"{"Passphrase": ""}"#, None);
        check(r#"{"Passphrase": "a", "Passphrase": "b"}"#, None);
        check(r#"{"Passphrase": "a", "More": 1}"#, None);
        check(
            &format!(r#"{{"Passphrase": "{}"}}"#, "a".repeat(1025)),
            None,
        );
    }

    #[test]
    fn an_attempt_that_panics_leaves_the_others_their_turn() {
        let (found, _opener) = mpsc::channel(1);
        let clock = Arc::new(types::ManualClock::new(types::Timestamp::EPOCH));
        let unsealer = Unsealer::new(PathBuf::new(), clock, Duration::from_secs(1), found);
        let attempts = &unsealer.attempts;
        let begin = |minute| attempts.pace().begin(&from(1), at(minute)).is_ok();
        assert!(begin(0));
        assert!(!begin(1), "one at a time");
        let tried = std::panic::AssertUnwindSafe(|| {
            let _turn = Turn(attempts);
            panic!("another bug");
        });
        assert!(std::panic::catch_unwind(tried).is_err());
        assert!(begin(2));
    }

    fn split() -> Vec<Share> {
        shares::split(b"correct horse", 2, 3, &crypto::SystemEntropy).unwrap()
    }

    fn from(host: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(host).into()
    }

    fn at(minutes: u64) -> Monotonic {
        Monotonic(Duration::from_mins(minutes))
    }

    fn waits(added: &Result<Collected, ShareError>) -> Option<(usize, usize, usize)> {
        match added {
            Ok(Collected::Waiting(Progress::Collecting {
                given,
                needed,
                sets,
            })) => Some((*given, *needed, *sets)),
            _ => None,
        }
    }

    #[test]
    fn shares_are_collected_set_by_set_until_there_are_enough() {
        let (set, other, mut collections) = (split(), split(), Collections::default());
        let here = from(1);
        assert_eq!(
            waits(&collections.add(set[2].clone(), here, at(0))),
            Some((1, 2, 1))
        );
        let twice = collections.add(set[2].clone(), here, at(1)).map(drop);
        assert_eq!(twice, Err(ShareError::Twice { number: 3 }));
        assert_eq!(
            waits(&collections.add(other[0].clone(), here, at(1))),
            Some((1, 2, 2))
        );
        let Ok(Collected::Passphrase(passphrase)) = collections.add(set[0].clone(), from(2), at(2))
        else {
            panic!("no passphrase");
        };
        assert_eq!(passphrase.expose(), b"correct horse");
        assert_eq!(collections.0.len(), 1);
    }

    #[test]
    fn shares_that_nobody_completes_are_forgotten() {
        let (set, mut collections) = (split(), Collections::default());
        assert!(waits(&collections.add(set[0].clone(), from(1), at(0))).is_some());
        collections.forget_stale(at(15));
        assert_eq!(collections.0.len(), 1);
        collections.forget_stale(at(16));
        assert!(collections.0.is_empty());
    }

    #[test]
    fn who_makes_sets_up_pushes_out_his_own() {
        let (set, mut collections) = (split(), Collections::default());
        let (keeper, stranger) = (from(1), from(2));
        let given = collections.add(set[0].clone(), keeper, at(0));
        assert!(waits(&given).is_some());
        for second in 1..=300 {
            let now = Monotonic(Duration::from_secs(second));
            let made_up = split()[0].clone();
            assert_eq!(collections.begins_another(&made_up, stranger), second > 1);
            assert!(waits(&collections.add(made_up, stranger, now)).is_some());
        }
        assert_eq!(collections.0.len(), SETS);
        // A second keeper, who begins none.
        assert!(!collections.begins_another(&set[1], stranger));
        let opened = collections.add(set[1].clone(), from(3), at(6));
        assert!(matches!(opened, Ok(Collected::Passphrase(_))));
    }

    #[test]
    fn a_set_with_more_shares_stays_where_every_stranger_has_one() {
        let set = shares::split(b"correct horse", 3, 3, &crypto::SystemEntropy).unwrap();
        let mut collections = Collections::default();
        for share in &set[..2] {
            let given = collections.add(share.clone(), from(1), at(0));
            assert!(waits(&given).is_some());
        }
        for host in 2..200 {
            let made_up = split()[0].clone();
            assert!(waits(&collections.add(made_up, from(host), at(1))).is_some());
        }
        assert_eq!(collections.0.len(), SETS);
        let opened = collections.add(set[2].clone(), from(1), at(2));
        assert!(matches!(opened, Ok(Collected::Passphrase(_))));
    }

    #[test]
    fn a_share_is_read_from_json() {
        let share = split()[1].to_text();
        let body = format!(r#"{{"Share": "{}"}}"#, *share);
        let read = parse(body.as_bytes());
        assert!(matches!(read, Ok(Given::Share(share)) if share.number() == 2));
        let mistyped = parse(br#"{"Share": "srshare1-00"}"#);
        assert!(matches!(
            mistyped,
            Err(StillSealed::Share(ShareError::Mistyped))
        ));
        let both = format!(r#"{{"Share": "{}", "Passphrase": "x"}}"#, *share);
        assert!(matches!(
            parse(both.as_bytes()),
            Err(StillSealed::Unreadable(_))
        ));
    }

    #[test]
    fn a_refusal_says_in_whole_seconds_when_to_try_again() {
        let refused = StillSealed::TooSoon(Duration::from_millis(1001));
        assert_eq!(refused.retry_after(), Some(2));
        assert!(refused.refusal().message.ends_with("in 2 s"));
    }
}
