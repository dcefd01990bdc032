//! The load generator: one thread, one epoll, keep-alive connections, one request in flight on
//! each. It reads no more of an answer than its status and length.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::clock::tick;
use crate::histogram::Histogram;
use crate::numbers::{float, nanos};
use crate::requests::Requests;

/// Answers may be this long.
const RECEIVE: usize = 512 * 1024;

/// An answer that takes longer is a failure of the run.
const PATIENCE: Duration = Duration::from_secs(20);

/// When a run ends: whichever comes first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    /// After so long.
    pub time: Duration,
    /// After so many answers.
    pub answers: u64,
}

impl Until {
    /// After `span`.
    pub(crate) fn span(time: Duration) -> Self {
        Self {
            time,
            answers: u64::MAX,
        }
    }

    /// After `answers`, or a minute for each 50,000 of them.
    pub(crate) fn answers(answers: u64) -> Self {
        Self {
            time: Duration::from_secs(60 + answers / 800),
            answers,
        }
    }
}

/// What a run measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Answers with status 200.
    pub answers: u64,
    /// Other answers.
    pub refused: u64,
    /// From the first request to the last answer.
    pub time: Duration,
    /// Of each answer.
    pub latency: Histogram,
}

impl Measured {
    /// Answers a second.
    pub(crate) fn throughput(&self) -> f64 {
        float(self.answers) * 1e9 / float(nanos(self.time).max(1))
    }
}

/// Open connections to one server.
#[derive(Debug)]
pub(crate) struct Load {
    poll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
    received: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    sent_at: Duration,
    status_ok: bool,
    awaiting: Awaiting,
}

/// What a connection has yet to receive.
#[derive(Debug)]
enum Awaiting {
    /// No request is open.
    Nothing,
    /// A head, of which these bytes have arrived.
    Head(Vec<u8>),
    /// So many bytes of a body.
    Body(usize),
}

impl Load {
    /// Connects `connections` times.
    pub(crate) fn connect(address: SocketAddr, connections: usize) -> anyhow::Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut open = Vec::with_capacity(connections);
        for number in 0..connections {
            let stream = TcpStream::connect(address)
                .with_context(|| format!("connecting to {address} failed"))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let number = u64::try_from(number)?;
            epoll::add(
                &poll,
                &stream,
                epoll::EventData::new_u64(number),
                epoll::EventFlags::IN,
            )?;
            open.push(Connection {
                stream,
                request: Vec::new(),
                sent_at: Duration::ZERO,
                status_ok: false,
                awaiting: Awaiting::Nothing,
            });
        }
        Ok(Self {
            poll,
            connections: open,
            received: vec![0; RECEIVE],
        })
    }

    /// Sends `requests` in turn on all connections until `until`, then awaits what is open.
    pub(crate) fn run(&mut self, requests: &Requests, until: Until) -> anyhow::Result<Measured> {
        ensure!(requests.len() > 0, "there is nothing to send");
        let mut measured = Measured::default();
        let started = tick();
        let mut waiting = 0;
        let mut sent = 0;
        for connection in &mut self.connections {
            if sent >= until.answers {
                break;
            }
            connection.request = requests.buffer();
            connection.send(requests, tick())?;
            sent += 1;
            waiting += 1;
        }
        let mut events = Vec::with_capacity(self.connections.len());
        let patience = Timespec {
            tv_sec: i64::try_from(PATIENCE.as_secs())?,
            tv_nsec: 0,
        };
        while waiting > 0 {
            events.clear();
            epoll::wait(&self.poll, spare_capacity(&mut events), Some(&patience))?;
            ensure!(!events.is_empty(), "no answer within {PATIENCE:?}");
            for event in &events {
                let number = usize::try_from(event.data.u64())?;
                let connection = self.connections.get_mut(number).context("no connection")?;
                if !connection.receive(&mut self.received)? {
                    continue;
                }
                let now = tick();
                measured
                    .latency
                    .record(now.saturating_sub(connection.sent_at));
                if connection.status_ok {
                    measured.answers += 1;
                } else {
                    measured.refused += 1;
                }
                if sent < until.answers && now.saturating_sub(started) < until.time {
                    connection.send(requests, now)?;
                    sent += 1;
                } else {
                    waiting -= 1;
                }
            }
        }
        measured.time = tick().saturating_sub(started);
        Ok(measured)
    }
}

impl Connection {
    fn send(&mut self, requests: &Requests, now: Duration) -> anyhow::Result<()> {
        requests.write_next(&mut self.request);
        self.sent_at = now;
        self.awaiting = Awaiting::Head(Vec::new());
        let mut rest = self.request.as_slice();
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => bail!("the connection was closed"),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                // Requests are far smaller than the socket's buffer: this does not last.
                Err(failed) if failed.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(failed) => return Err(failed).context("sending failed"),
            }
        }
        Ok(())
    }

    /// Takes what has arrived; true if that completes the answer.
    fn receive(&mut self, received: &mut [u8]) -> anyhow::Result<bool> {
        let length = match self.stream.read(received) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(length) => length,
            Err(failed) if failed.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(failed) => return Err(failed).context("receiving failed"),
        };
        let bytes = received.get(..length).unwrap_or_default();
        self.awaiting = match std::mem::replace(&mut self.awaiting, Awaiting::Nothing) {
            Awaiting::Nothing => bail!("an answer to nothing"),
            Awaiting::Body(missing) => body_after(missing, length)?,
            Awaiting::Head(earlier) if earlier.is_empty() => self.take_head(bytes)?,
            Awaiting::Head(mut earlier) => {
                earlier.extend_from_slice(bytes);
                self.take_head(&earlier)?
            }
        };
        Ok(matches!(self.awaiting, Awaiting::Nothing))
    }

    /// Reads a head and what follows it.
    fn take_head(&mut self, bytes: &[u8]) -> anyhow::Result<Awaiting> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            return Ok(Awaiting::Head(bytes.to_vec()));
        };
        let (head, rest) = bytes.split_at(end + 4);
        self.status_ok = head.get(9..12) == Some(b"200");
        let length = content_length(head).context("an answer without content-length")?;
        body_after(length, rest.len())
    }
}

fn body_after(missing: usize, arrived: usize) -> anyhow::Result<Awaiting> {
    match missing.checked_sub(arrived) {
        Some(0) => Ok(Awaiting::Nothing),
        Some(missing) => Ok(Awaiting::Body(missing)),
        None => bail!("more than one answer"),
    }
}

/// The value of `content-length`, whatever its case.
pub(crate) fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    for at in memchr::memchr_iter(b'\n', head) {
        let line = head.get(at + 1..)?;
        let (name, value) = line.split_at_checked(NAME.len())?;
        if name.eq_ignore_ascii_case(NAME) {
            let digits = value.trim_ascii_start();
            let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
            return std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok();
        }
    }
    None
}
