//! Reading the bodies of requests: within bounds, in time, and within the memory of all bodies.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use types::{ErrorKind, network};
use wire::{Protocol, Refusal};
use zeroize::Zeroize as _;

use crate::config::Limits;

/// What part of the memory of callers' bodies strangers have for theirs, beside it; those who
/// send a form without a signature, which may be the exempt one, have as much again.
const STRANGERS_PART: usize = 16;

/// What part of that one network may hold at a time.
const NETWORKS_PART: usize = 8;

/// The memory of bodies, and the time to send one.
#[derive(Debug)]
pub(super) struct Bodies {
    callers: Semaphore,
    strangers: Pool,
    unsigned: Pool,
    patience: Duration,
    /// Whether bodies are read at all.
    stopped: watch::Sender<bool>,
}

/// Memory that no network may take alone.
#[derive(Debug)]
struct Pool {
    room: Semaphore,
    /// The most bytes of one network.
    most: usize,
    /// What each network holds.
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// Who sends a body, as far as its head tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Whoever claims to be signed with an access key that exists.
    Caller,
    /// Whoever signs with an access key that nobody has, at this address.
    Stranger(IpAddr),
    /// Whoever does not sign, at this address: it may be the one call that needs no signature.
    Unsigned(IpAddr),
}

/// A body, and its room in the memory of all bodies.
pub(super) type Held<'b> = (Bytes, Room<'b>);

/// Room for a body, which grows while it arrives and is given back when it is dropped.
///
/// One for each body and not for each part of it: senders decide how small the parts are.
#[derive(Debug)]
pub(super) struct Room<'b> {
    memory: &'b Semaphore,
    permit: Option<SemaphorePermit<'b>>,
    /// The share of the sender's network, and how much of it this is.
    share: Option<(&'b Pool, IpAddr, usize)>,
}

impl Room<'_> {
    /// Takes room for `bytes` more; false if there is none, or the sender's network has its share.
    fn grow(&mut self, bytes: usize) -> bool {
        let count = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(more) = self.memory.try_acquire_many(count) else {
            return false;
        };
        if let Some((pool, network, held)) = &mut self.share {
            if !pool.take(*network, bytes) {
                return false;
            }
            *held += bytes;
        }
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        true
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some((pool, network, bytes)) = self.share {
            pool.give_back(network, bytes);
        }
    }
}

impl Pool {
    fn new(bytes: usize) -> Self {
        Self {
            room: Semaphore::new(bytes),
            most: bytes / NETWORKS_PART,
            held: Mutex::default(),
        }
    }

    /// No room yet, for a body of `peer`.
    fn begin(&self, peer: IpAddr) -> Room<'_> {
        Room {
            memory: &self.room,
            permit: None,
            share: Some((self, network(peer), 0)),
        }
    }

    /// Takes `bytes` from the share of `network`, if it has not got all of it.
    fn take(&self, network: IpAddr, bytes: usize) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_network = held.get(&network).copied().unwrap_or_default();
        let within = of_network.saturating_add(bytes) <= self.most;
        if within && bytes > 0 {
            held.insert(network, of_network + bytes);
        }
        within
    }

    fn give_back(&self, network: IpAddr, bytes: usize) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_network) = held.get_mut(&network) {
            *of_network = of_network.saturating_sub(bytes);
            if *of_network == 0 {
                held.remove(&network);
            }
        }
    }
}

/// Wipes a body that nobody else holds; says whether it did.
pub(super) fn wipe(body: Bytes) -> bool {
    let Ok(mut bytes) = body.try_into_mut() else {
        return false;
    };
    bytes.as_mut().zeroize();
    true
}

impl Bodies {
    pub(super) fn new(limits: &Limits) -> Self {
        let strangers = limits.body_memory / STRANGERS_PART;
        Self {
            callers: Semaphore::new(limits.body_memory),
            strangers: Pool::new(strangers),
            unsigned: Pool::new(strangers),
            patience: Duration::from_secs(limits.body_seconds),
            stopped: watch::Sender::new(false),
        }
    }

    /// Reads no body to its end any more that has not arrived: whoever sends one slowly is not
    /// waited for.
    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Reads a body of at most `limit` bytes.
    ///
    /// Memory is taken as bytes arrive, never for what a head merely announces, and a body that
    /// finds none left is refused rather than queued. What strangers hold is taken from nobody
    /// else, and no network of theirs holds more than its share.
    pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(
        &self,
        mut body: B,
        limit: usize,
        sender: Sender,
    ) -> Result<Held<'_>, BodyRefused> {
        let mut room = self.begin(sender);
        if body.is_end_stream() {
            return Ok((Bytes::new(), room));
        }
        let read = async {
            let mut bytes = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_source| BodyRefused::Broken)?;
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                if bytes.len() + data.len() > limit {
                    return Err(BodyRefused::TooLarge);
                }
                if !room.grow(data.len()) {
                    return Err(BodyRefused::NoMemory);
                }
                bytes.extend_from_slice(&data);
            }
            Ok((bytes.freeze(), room))
        };
        let timeout = tokio::time::timeout(self.patience, read);
        let mut stopped = self.stopped.subscribe();
        tokio::select! {
            // What is there already is read.
            biased;
            read = timeout => read.unwrap_or(Err(BodyRefused::Slow)),
            _stopped = stopped.wait_for(|stopped| *stopped) => Err(BodyRefused::Stopped),
        }
    }

    /// No room yet, for a body of `sender`.
    fn begin(&self, sender: Sender) -> Room<'_> {
        match sender {
            Sender::Caller => Room {
                memory: &self.callers,
                permit: None,
                share: None,
            },
            Sender::Stranger(peer) => self.strangers.begin(peer),
            Sender::Unsigned(peer) => self.unsigned.begin(peer),
        }
    }
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyRefused {
    TooLarge,
    NoMemory,
    Slow,
    Broken,
    Stopped,
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
            Self::Stopped => Refusal {
                kind: ErrorKind::Unavailable,
                code: "ServiceUnavailable".into(),
                message: "the server is sealed: an operator has to unseal it first".to_owned(),
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
    use std::convert::Infallible;
    use std::net::Ipv4Addr;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::Frame;

    use super::*;

    /// Of 128,000 bytes strangers have 8,000, and each network 1,000 of them.
    fn bodies() -> Bodies {
        Bodies::new(&Limits {
            body_memory: 128_000,
            ..Limits::default()
        })
    }

    fn body(length: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![7; length]))
    }

    fn peer(host: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, host).into()
    }

    #[test]
    fn a_body_is_wiped_unless_somebody_else_still_reads_it() {
        let mut read = BytesMut::new();
        read.extend_from_slice(b"a secret");
        let body = read.freeze();
        let shared = body.clone();
        assert!(!wipe(body));
        assert_eq!(shared.as_ref(), b"a secret");
        assert!(wipe(shared));
    }

    #[tokio::test]
    async fn strangers_who_hold_all_their_memory_take_none_of_the_callers() {
        let bodies = bodies();
        let mut held = Vec::new();
        for host in 0..8 {
            let sender = Sender::Stranger(peer(host));
            held.push(bodies.read(body(1_000), 2_000, sender).await.unwrap());
        }
        let refused = bodies.read(body(1), 2_000, Sender::Stranger(peer(9))).await;
        assert_eq!(refused.unwrap_err(), BodyRefused::NoMemory);
        let whole = bodies.read(body(128_000), 128_000, Sender::Caller).await;
        assert_eq!(whole.unwrap().0.len(), 128_000);
        let unsigned = bodies.read(body(1_000), 2_000, Sender::Unsigned(peer(0)));
        assert!(unsigned.await.is_ok());
        drop(held);
        let again = bodies.read(body(1_000), 2_000, Sender::Stranger(peer(9)));
        assert!(again.await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for_once_reading_has_stopped() {
        let bodies = bodies();
        let mut reading = std::pin::pin!(bodies.read(Never, 1_000, Sender::Caller));
        let begun = std::future::poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
        assert!(begun.is_pending());
        bodies.stop();
        assert_eq!(reading.await.unwrap_err(), BodyRefused::Stopped);
        // One that is there is read all the same.
        assert!(bodies.read(body(10), 1_000, Sender::Caller).await.is_ok());
    }

    /// The parts of a body that never come.
    struct Never;

    impl Body for Never {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn one_network_takes_its_share_only() {
        let bodies = bodies();
        for sender in [Sender::Stranger, Sender::Unsigned] {
            let held = bodies.read(body(1_000), 2_000, sender(peer(1))).await;
            let refused = bodies.read(body(1), 2_000, sender(peer(1))).await;
            assert_eq!(refused.unwrap_err(), BodyRefused::NoMemory);
            assert!(
                bodies
                    .read(body(1_000), 2_000, sender(peer(2)))
                    .await
                    .is_ok()
            );
            drop(held);
            assert!(
                bodies
                    .read(body(1_000), 2_000, sender(peer(1)))
                    .await
                    .is_ok()
            );
        }
        assert!(bodies.strangers.held.lock().unwrap().is_empty());
        assert!(bodies.unsigned.held.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn callers_who_hold_all_their_memory_leave_strangers_theirs() {
        let bodies = bodies();
        let held = bodies.read(body(128_000), 128_000, Sender::Caller).await;
        let refused = bodies.read(body(1), 2_000, Sender::Caller).await;
        assert_eq!(refused.unwrap_err(), BodyRefused::NoMemory);
        let stranger = bodies
            .read(body(1_000), 2_000, Sender::Stranger(peer(1)))
            .await;
        assert!(stranger.is_ok());
        drop(held);
    }

    /// A body that arrives one byte at a time.
    struct Trickle(usize);

    impl Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.0 == 0 {
                return Poll::Ready(None);
            }
            self.0 -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"7")))))
        }
    }

    #[tokio::test]
    async fn a_body_in_small_pieces_takes_no_more_memory_than_one_in_a_piece() {
        let bodies = bodies();
        for sender in [Sender::Caller, Sender::Stranger(peer(1))] {
            let (bytes, room) = bodies.read(Trickle(1_000), 2_000, sender).await.unwrap();
            // One entry, however many pieces there were: what it says is the body's length.
            let permits = room.permit.as_ref().map(SemaphorePermit::num_permits);
            assert_eq!((bytes.len(), permits), (1_000, Some(1_000)));
            assert!(size_of_val(&room) <= 96);
        }
        let whole = bodies.read(Trickle(64 * 1024), 128_000, Sender::Caller);
        let (bytes, room) = whole.await.unwrap();
        assert_eq!(bytes.len(), 64 * 1024);
        assert_eq!(bodies.callers.available_permits(), 128_000 - 64 * 1024);
        drop(room);
        assert_eq!(bodies.callers.available_permits(), 128_000);
    }

    #[tokio::test]
    async fn a_network_that_has_its_share_takes_nothing_from_others() {
        let bodies = bodies();
        let sender = Sender::Stranger(peer(1));
        let refused = bodies.read(Trickle(1_001), 2_000, sender).await;
        assert_eq!(refused.unwrap_err(), BodyRefused::NoMemory);
        assert_eq!(bodies.strangers.room.available_permits(), 8_000);
        assert!(bodies.strangers.held.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_is_longer_than_allowed_is_refused() {
        let bodies = bodies();
        let refused = bodies.read(body(11), 10, Sender::Caller).await;
        assert_eq!(refused.unwrap_err(), BodyRefused::TooLarge);
    }
}
