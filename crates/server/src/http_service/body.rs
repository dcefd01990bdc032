//! Reading the bodies of requests: within bounds, in time, and within the memory of all bodies.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{Semaphore, SemaphorePermit};
use types::ErrorKind;
use wire::{Protocol, Refusal};

use crate::config::Limits;

/// What part of the memory of callers' bodies strangers have for theirs, beside it.
const STRANGERS_PART: usize = 16;

/// The memory of bodies, and the time to send one.
#[derive(Debug)]
pub(super) struct Bodies {
    callers: Semaphore,
    strangers: Semaphore,
    patience: Duration,
}

/// Who sends a body, as far as its head tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Whoever claims to be signed with an access key that exists.
    Caller,
    /// Anybody else: whoever signs with no key, or with one that nobody has.
    Stranger,
}

/// A body, and its room in the memory of all bodies.
pub(super) type Held<'b> = (Bytes, Vec<SemaphorePermit<'b>>);

impl Bodies {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            callers: Semaphore::new(limits.body_memory),
            strangers: Semaphore::new(limits.body_memory / STRANGERS_PART),
            patience: Duration::from_secs(limits.body_seconds),
        }
    }

    /// Reads a body of at most `limit` bytes.
    ///
    /// Memory is taken as bytes arrive, never for what a head merely announces, and a body that
    /// finds none left is refused rather than queued. What strangers hold is taken from nobody
    /// else.
    pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(
        &self,
        mut body: B,
        limit: usize,
        sender: Sender,
    ) -> Result<Held<'_>, BodyRefused> {
        if body.is_end_stream() {
            return Ok((Bytes::new(), Vec::new()));
        }
        let room = match sender {
            Sender::Caller => &self.callers,
            Sender::Stranger => &self.strangers,
        };
        let read = async {
            let mut memory = Vec::new();
            let mut bytes = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_source| BodyRefused::Broken)?;
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                if bytes.len() + data.len() > limit {
                    return Err(BodyRefused::TooLarge);
                }
                let wanted = u32::try_from(data.len()).unwrap_or(u32::MAX);
                let permit = room.try_acquire_many(wanted);
                memory.push(permit.map_err(|_none_left| BodyRefused::NoMemory)?);
                bytes.extend_from_slice(&data);
            }
            Ok((bytes.freeze(), memory))
        };
        let timeout = tokio::time::timeout(self.patience, read);
        timeout.await.unwrap_or(Err(BodyRefused::Slow))
    }
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyRefused {
    TooLarge,
    NoMemory,
    Slow,
    Broken,
}

impl BodyRefused {
    pub(super) fn refusal(self, limit: usize, protocol: Protocol) -> Refusal {
        match self {
            Self::TooLarge => wire::Error::TooLarge { limit }.refusal(protocol, None),
            Self::Broken => {
                wire::Error::Head("the request body could not be read").refusal(protocol, None)
            }
            Self::NoMemory => Refusal {
                kind: ErrorKind::Unavailable,
                code: "ServiceUnavailable".into(),
                message: "the server holds too many request bodies; try again later".to_owned(),
                status: Some(503),
                reason: None,
            },
            Self::Slow => Refusal {
                kind: ErrorKind::Validation,
                code: "RequestTimeout".into(),
                message: "the request body did not arrive in time".to_owned(),
                status: Some(408),
                reason: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    fn bodies() -> Bodies {
        Bodies::new(&Limits {
            body_memory: 16_000,
            ..Limits::default()
        })
    }

    fn body(length: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![7; length]))
    }

    #[tokio::test]
    async fn strangers_who_hold_all_their_memory_take_none_of_the_callers() {
        let bodies = bodies();
        let held = bodies.read(body(1_000), 2_000, Sender::Stranger).await;
        assert_eq!(held.as_ref().unwrap().0.len(), 1_000);
        let refused = bodies.read(body(1), 2_000, Sender::Stranger).await;
        assert_eq!(refused.unwrap_err(), BodyRefused::NoMemory);
        let whole = bodies.read(body(16_000), 16_000, Sender::Caller).await;
        assert_eq!(whole.unwrap().0.len(), 16_000);
        drop(held);
        let again = bodies.read(body(1_000), 2_000, Sender::Stranger).await;
        assert!(again.is_ok());
    }

    #[tokio::test]
    async fn callers_who_hold_all_their_memory_leave_strangers_theirs() {
        let bodies = bodies();
        let held = bodies.read(body(16_000), 16_000, Sender::Caller).await;
        let refused = bodies.read(body(1), 2_000, Sender::Caller).await;
        assert_eq!(refused.unwrap_err(), BodyRefused::NoMemory);
        let stranger = bodies.read(body(1_000), 2_000, Sender::Stranger).await;
        assert!(stranger.is_ok());
        drop(held);
    }

    #[tokio::test]
    async fn what_is_longer_than_allowed_is_refused() {
        let bodies = bodies();
        let refused = bodies.read(body(11), 10, Sender::Caller).await;
        assert_eq!(refused.unwrap_err(), BodyRefused::TooLarge);
    }
}
