//! `POST /unseal`: takes the passphrase of a sealed server.
//!
//! The body is `{"Passphrase": "…"}`. A passphrase is held in wiping memory, never logged,
//! and tried no faster than [`Pace`] allows. The right one opens the store; the answer comes
//! when it is open.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crypto::secret::{Key32, SecretBytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use types::{Clock, ErrorKind};
use wire::Refusal;
use zeroize::{Zeroize, Zeroizing};

use crate::pace::Pace;
use crate::passphrase;
use crate::seal::{self, SealError};

/// Bytes that a body may have: a passphrase, escaped, and its name.
const BODY: usize = 8 * 1024;

/// The root key that the right passphrase gave.
#[derive(Debug)]
pub(crate) struct Unsealed {
    /// The root key.
    pub root: Key32,
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
    found: mpsc::Sender<Unsealed>,
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
    /// The seal, or what it opened, cannot be used.
    Broken,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(borrow)]
    passphrase: Cow<'a, str>,
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
            found,
        };
        Self {
            attempts: Arc::new(attempts),
            body_timeout,
        }
    }

    /// Tries the passphrase in `body`, which came from `peer`. Returns when the store is open.
    pub(crate) async fn attempt(&self, peer: IpAddr, body: Incoming) -> Result<(), StillSealed> {
        let passphrase = tokio::time::timeout(self.body_timeout, read(body))
            .await
            .map_err(|_elapsed| StillSealed::Slow)??;
        let begun = self
            .attempts
            .pace()
            .begin(peer, self.attempts.clock.monotonic());
        begun.map_err(StillSealed::TooSoon)?;
        // From here on without the client, which may go away: what has begun also ends.
        let attempts = Arc::clone(&self.attempts);
        let tried = tokio::task::spawn_blocking(move || attempts.run(peer, &passphrase)).await;
        let opened = tried.map_err(|failed| broken(&failed))??;
        opened.await.map_err(|_not_opened| StillSealed::Broken)
    }
}

impl Attempts {
    /// Tries `passphrase`; the right one is sent on, and the answer tells when the store is open.
    fn run(
        &self,
        peer: IpAddr,
        passphrase: &SecretBytes,
    ) -> Result<oneshot::Receiver<()>, StillSealed> {
        let tried = seal::open_with_passphrase(&self.data, passphrase);
        let was_wrong = matches!(tried, Err(SealError::Wrong { .. }));
        self.pace().end(peer, self.clock.monotonic(), was_wrong);
        let root = tried.map_err(|failed| match failed {
            SealError::Wrong { .. } => StillSealed::Wrong,
            failed => broken(&failed),
        })?;
        let (told, opened) = oneshot::channel();
        let unsealed = Unsealed { root, opened: told };
        // Another attempt was right before this one, and the store is being opened.
        let sent = self.found.try_send(unsealed);
        sent.map_err(|_taken| StillSealed::TooSoon(Duration::from_secs(1)))?;
        Ok(opened)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn broken(failed: &(dyn std::error::Error + 'static)) -> StillSealed {
    tracing::error!(error = failed, "the seal could not be opened");
    StillSealed::Broken
}

async fn read(mut body: Incoming) -> Result<SecretBytes, StillSealed> {
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

fn parse(body: &[u8]) -> Result<SecretBytes, StillSealed> {
    let body: Body<'_> = serde_json::from_slice(body).map_err(|_unquoted| {
        StillSealed::Unreadable("the body must be {\"Passphrase\": \"…\"} and nothing else")
    })?;
    let passphrase = SecretBytes::from(body.passphrase.as_bytes().to_vec());
    if let Cow::Owned(mut unescaped) = body.passphrase {
        unescaped.zeroize();
    }
    match passphrase.expose().len() {
        0 => Err(StillSealed::Unreadable("the passphrase is empty")),
        1..=passphrase::LONGEST => Ok(passphrase),
        _ => Err(StillSealed::Unreadable(
            "a passphrase has at most 1024 bytes",
        )),
    }
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
            Self::Unreadable(_) | Self::Slow | Self::Wrong | Self::Broken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Option<&[u8]>) {
        let read = parse(body.as_bytes()).ok();
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
    fn a_refusal_says_in_whole_seconds_when_to_try_again() {
        let refused = StillSealed::TooSoon(Duration::from_millis(1001));
        assert_eq!(refused.retry_after(), Some(2));
        assert!(refused.refusal().message.ends_with("in 2 s"));
    }
}
