//! Connections to one proxy that wait for the next call.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Connections that are kept at most. Calls beyond these connect, and their connections end.
const MOST: usize = 32;

/// How long a connection is kept without a call: less than servers, and firewalls on the way that say
/// nothing when they forget one, commonly keep it.
const IDLE: Duration = Duration::from_secs(10);

/// How long a connection is used at all: then its certificate is looked at again, and its name.
const AGE: Duration = Duration::from_mins(5);

/// A connection with a proxy. Dropping it closes it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<Result<(), hyper::Error>>,
    opened: Instant,
    used: Instant,
}

/// The connections that are kept, those used last at the end.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Connection>>);

impl Connection {
    /// A connection that was just opened, and the task that drives it.
    pub(super) fn new(
        sender: SendRequest<Full<Bytes>>,
        task: JoinHandle<Result<(), hyper::Error>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            sender,
            task,
            opened: now,
            used: now,
        }
    }

    /// What sends requests, one at a time.
    pub(super) fn sender(&mut self) -> &mut SendRequest<Full<Bytes>> {
        &mut self.sender
    }

    fn may_be_used(&self, now: Instant) -> bool {
        let (idle, age) = (now - self.used, now - self.opened);
        idle < IDLE && age < AGE && !self.sender.is_closed()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pool {
    /// A connection that is ready for a request, if one is there.
    pub(super) async fn take(&self) -> Option<Connection> {
        loop {
            let mut connection = self.next()?;
            if connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn keep(&self, mut connection: Connection) {
        let now = Instant::now();
        connection.used = now;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST && connection.may_be_used(now) {
            kept.push(connection);
        }
    }

    /// Closes all connections that are kept.
    pub(super) fn clear(&self) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clear();
    }

    fn next(&self) -> Option<Connection> {
        let now = Instant::now();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|connection| connection.may_be_used(now));
        kept.pop()
    }
}
