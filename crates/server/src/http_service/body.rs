//! Reading the bodies of requests: within bounds, in time, and within the memory of all bodies.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{Semaphore, SemaphorePermit};
use types::ErrorKind;
use wire::{Protocol, Refusal};

use crate::config::Limits;
use crate::pace::network;

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
pub(super) type Held<'b> = (Bytes, Vec<Room<'b>>);

/// Room for a part of a body, which is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room<'b> {
    _permit: SemaphorePermit<'b>,
    share: Option<(&'b Pool, IpAddr, usize)>,
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

    /// Room for `bytes` of `peer`, if there is some and its network has not got its share.
    fn take(&self, peer: IpAddr, bytes: usize) -> Option<Room<'_>> {
        let network = network(peer);
        let permit = permit(&self.room, bytes)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_network = held.entry(network).or_default();
        if *of_network + bytes > self.most {
            if *of_network == 0 {
                held.remove(&network);
            }
            return None;
        }
        *of_network += bytes;
        Some(Room {
            _permit: permit,
            share: Some((self, network, bytes)),
        })
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

fn permit(room: &Semaphore, bytes: usize) -> Option<SemaphorePermit<'_>> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    room.try_acquire_many(bytes).ok()
}

impl Bodies {
    pub(super) fn new(limits: &Limits) -> Self {
        let strangers = limits.body_memory / STRANGERS_PART;
        Self {
            callers: Semaphore::new(limits.body_memory),
            strangers: Pool::new(strangers),
            unsigned: Pool::new(strangers),
            patience: Duration::from_secs(limits.body_seconds),
        }
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
        if body.is_end_stream() {
            return Ok((Bytes::new(), Vec::new()));
        }
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
                let room = self.room(sender, data.len());
                memory.push(room.ok_or(BodyRefused::NoMemory)?);
                bytes.extend_from_slice(&data);
            }
            Ok((bytes.freeze(), memory))
        };
        let timeout = tokio::time::timeout(self.patience, read);
        timeout.await.unwrap_or(Err(BodyRefused::Slow))
    }

    fn room(&self, sender: Sender, bytes: usize) -> Option<Room<'_>> {
        match sender {
            Sender::Caller => Some(Room {
                _permit: permit(&self.callers, bytes)?,
                share: None,
            }),
            Sender::Stranger(peer) => self.strangers.take(peer, bytes),
            Sender::Unsigned(peer) => self.unsigned.take(peer, bytes),
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
    use std::net::Ipv4Addr;

    use http_body_util::Full;

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

    #[tokio::test]
    async fn what_is_longer_than_allowed_is_refused() {
        let bodies = bodies();
        let refused = bodies.read(body(11), 10, Sender::Caller).await;
        assert_eq!(refused.unwrap_err(), BodyRefused::TooLarge);
    }
}
