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

    /// When a call last came to its end on it.
    pub(super) fn used(&self) -> Instant {
        self.used
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

    /// Closes the connections that nothing was sent on since `time`; those that others have used
    /// meanwhile work.
    pub(super) fn drop_idle_since(&self, time: Instant) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|connection| connection.used > time);
    }

    fn next(&self) -> Option<Connection> {
        let now = Instant::now();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|connection| connection.may_be_used(now));
        kept.pop()
    }
}

#[cfg(test)]
mod tests {
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A connection, and its other end.
    async fn connected(listener: &TcpListener) -> (Connection, TcpStream) {
        let stream = TcpStream::connect(listener.local_addr().unwrap());
        let (stream, other) = tokio::join!(stream, listener.accept());
        let handshake = http1::handshake(TokioIo::new(stream.unwrap())).await;
        let (sender, connection) = handshake.unwrap();
        let connection = Connection::new(sender, tokio::spawn(connection));
        (connection, other.unwrap().0)
    }

    /// Until the clock shows another time.
    fn later() {
        let now = Instant::now();
        while Instant::now() == now {}
    }

    #[tokio::test]
    async fn what_others_have_used_meanwhile_outlives_one_that_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Pool::default();
        let mut ends = Vec::new();
        for _ in 0..3 {
            let (connection, end) = connected(&listener).await;
            later();
            pool.keep(connection);
            ends.push(end);
        }
        // The newest one is taken, and gets no answer; another came to its end meanwhile.
        let silent = pool.take().await.unwrap();
        let busy = pool.take().await.unwrap();
        later();
        pool.keep(busy);
        let newest = pool.0.lock().unwrap().last().map(Connection::used);
        pool.drop_idle_since(silent.used());
        let left: Vec<Instant> = pool
            .0
            .lock()
            .unwrap()
            .iter()
            .map(Connection::used)
            .collect();
        assert_eq!(left, Vec::from_iter(newest));
        drop((silent, ends));
    }
}
