//! What stands between the HTTP library and the socket.
//!
//! What the library does not do: its own refusals of heads that are not HTTP have no body, so
//! they are held back here and answered by the listener; it accepts heads that two readers may
//! understand differently, so those are refused here; it waits for ever for a client that does
//! not read, so that a write has a deadline here; and it gives an idle connection no other time
//! than a head, so that reading has its deadlines here too.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::framing::Framing;
use crate::patience::{AtWork, Patience, Times};

/// Bytes that a client must read within the write timeout to get it anew.
const PROGRESS: usize = 1 << 20;

/// The library's own refusals: status lines of answers that have nothing but these headers.
const REFUSALS: [(u16, &[u8]); 3] = [
    (400, b"HTTP/1.1 400 Bad Request\r\n"),
    (414, b"HTTP/1.1 414 URI Too Long\r\n"),
    (431, b"HTTP/1.1 431 Request Header Fields Too Large\r\n"),
];
const HEADERS: &[u8] = b"connection: close\r\ncontent-length: 0\r\ndate: ";
const DATE_AND_END: usize = 29 + 4;

/// Why a head is refused before anybody sees a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadRefused {
    /// The library cannot read it, and answers with this status.
    Unreadable(u16),
    /// Two readers may understand it differently.
    Ambiguous(&'static str),
    /// It did not arrive in time.
    Late,
}

/// A stream with deadlines that keeps the library's bare refusals.
#[derive(Debug)]
pub(crate) struct Gate<S> {
    inner: S,
    times: Times,
    patience: Patience,
    stalled: Option<Pin<Box<Sleep>>>,
    written: usize,
    framing: Framing,
    refused: Option<HeadRefused>,
}

impl<S> Gate<S> {
    /// A gate before `inner`, whose client has `times` except while a request is `at_work`.
    pub(crate) fn new(inner: S, times: Times, at_work: AtWork) -> Self {
        Self {
            inner,
            times,
            patience: Patience::new(times, at_work),
            stalled: None,
            written: 0,
            framing: Framing::default(),
            refused: None,
        }
    }

    /// The stream.
    pub(crate) fn inner(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The refusal that was held back, if there was one: it is to be answered.
    pub(crate) fn refused(&self) -> Option<HeadRefused> {
        self.refused
    }

    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Pending => self.stall(cx).map(Err),
            Poll::Ready(Ok(written)) => {
                self.patience.answered();
                self.written += written;
                if written == offered || self.written >= PROGRESS {
                    self.progressed();
                }
                Poll::Ready(Ok(written))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }

    fn progressed(&mut self) {
        self.stalled = None;
        self.written = 0;
    }

    /// Pending until the client has had its time, then the error that ends the connection.
    fn stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let timeout = self.times.write;
        let sleep = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(sleep.as_mut().poll(cx));
        metrics::counter!("strongroom_slow_readers_total").increment(1);
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read its answer",
        ))
    }

    /// Pending until the client, of whom nothing more has arrived, has had its time; then the
    /// error that ends the connection.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let (in_head, reads) = (self.framing.is_in_head(), self.stalled.is_some());
        ready!(self.patience.poll(in_head, reads, cx));
        if in_head {
            self.refused = Some(HeadRefused::Late);
        }
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client sends no request",
        ))
    }
}

/// Where a refusal of the library begins, if `bytes` end with one, and its status.
fn refusal_at(bytes: &[u8]) -> Option<(usize, u16)> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    REFUSALS.iter().find_map(|(status, line)| {
        let start = bytes
            .len()
            .checked_sub(line.len() + HEADERS.len() + DATE_AND_END)?;
        let rest = bytes.get(start..)?.strip_prefix(*line)?;
        rest.starts_with(HEADERS).then_some((start, *status))
    })
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(read) => read?,
            Poll::Pending => return self.wait(cx).map(Err),
        }
        let arrived = buf.filled().get(before..).unwrap_or_default();
        if let Err(ambiguous) = self.framing.follow(arrived) {
            self.refused = Some(HeadRefused::Ambiguous(ambiguous));
            buf.set_filled(before);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, ambiguous)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let buf = match refusal_at(buf) {
            Some((0, status)) => {
                self.refused = Some(HeadRefused::Unreadable(status));
                return Poll::Ready(Ok(buf.len()));
            }
            // Answers before it go first.
            Some((start, _)) => buf.get(..start).unwrap_or_default(),
            None => buf,
        };
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.after_write(cx, buf.len(), outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = bufs.iter().filter(|buf| !buf.is_empty());
        let ends_refused = filled
            .next_back()
            .is_some_and(|buf| refusal_at(buf).is_some());
        if ends_refused {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            return self.poll_write(cx, first.map_or(&[], |buf| &**buf));
        }
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.after_write(cx, offered, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_flush(cx) {
            Poll::Pending => self.stall(cx).map(Err),
            Poll::Ready(flushed) => {
                self.progressed();
                Poll::Ready(flushed)
            }
        }
    }

    /// Only flushes: the listener may have more to say, and closes.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const TIMES: Times = Times {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(1),
        write: Duration::from_secs(5),
    };

    const BARE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
        date: Tue, 24 Nov 2026 02:12:02 GMT\r\n\r\n";
    const OURS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\
        content-length: 0\r\ndate: Tue, 24 Nov 2026 02:12:02 GMT\r\n\r\n";

    async fn check(writes: &[&[u8]], expected: &[u8], refused: Option<HeadRefused>) {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut gate = Gate::new(near, TIMES, AtWork::default());
        for bytes in writes {
            gate.write_all(bytes).await.unwrap();
        }
        assert_eq!(gate.refused(), refused);
        drop(gate);
        let mut passed = Vec::new();
        far.read_to_end(&mut passed).await.unwrap();
        assert_eq!(passed, expected);
    }

    #[tokio::test]
    async fn a_bare_refusal_is_held_back() {
        check(&[BARE], b"", Some(HeadRefused::Unreadable(400))).await;
    }

    #[tokio::test]
    async fn an_answer_before_a_bare_refusal_passes() {
        check(
            &[&[OURS, BARE].concat()],
            OURS,
            Some(HeadRefused::Unreadable(400)),
        )
        .await;
    }

    #[tokio::test]
    async fn our_own_answers_pass() {
        check(&[OURS, b"{}"], &[OURS, b"{}"].concat(), None).await;
    }

    #[tokio::test]
    async fn nothing_of_an_ambiguous_head_passes() {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut gate = Gate::new(near, TIMES, AtWork::default());
        far.write_all(b"GET / HTTP/1.1\r\nHost: x\n\r\n")
            .await
            .unwrap();
        let mut passed = Vec::new();
        let failed = gate.read_buf(&mut passed).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::InvalidData);
        assert!(passed.is_empty());
        let refused = gate.refused().unwrap();
        assert!(matches!(refused, HeadRefused::Ambiguous(reason) if reason.contains("CR LF")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up() {
        let (near, _far) = tokio::io::duplex(64);
        let mut gate = Gate::new(near, TIMES, AtWork::default());
        let failed = gate.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_byte_now_and_then_is_given_up_too() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut gate = Gate::new(near, TIMES, AtWork::default());
        let drip = tokio::spawn(async move {
            let mut byte = [0];
            while far.read_exact(&mut byte).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let failed = gate.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        drop(gate);
        drip.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_refused_and_a_client_without_one_is_not() {
        for (sent, refused) in [
            (&b"GET / HT"[..], Some(HeadRefused::Late)),
            (b"GET / HTTP/1.1\r\n", Some(HeadRefused::Late)),
            (b"", None),
            (b"\r\n\r", None),
        ] {
            let (near, mut far) = tokio::io::duplex(4096);
            let mut gate = Gate::new(near, TIMES, AtWork::default());
            far.write_all(sent).await.unwrap();
            let mut arrived = Vec::new();
            let failed = gate.read_to_end(&mut arrived).await.unwrap_err();
            assert_eq!((failed.kind(), &*arrived), (io::ErrorKind::TimedOut, sent));
            assert_eq!(gate.refused(), refused, "{sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_still_reads_its_answer_is_not_idle() {
        let times = Times {
            idle: Duration::from_secs(1),
            write: Duration::from_mins(2),
            ..TIMES
        };
        let (near, mut far) = tokio::io::duplex(64);
        let (mut reading, mut writing) =
            tokio::io::split(Gate::new(near, times, AtWork::default()));
        let idle = tokio::spawn(async move { reading.read_u8().await });
        let answer = tokio::spawn(async move { writing.write_all(&[0; 1024]).await });
        let mut read = [0; 64];
        for _ in 0..16 {
            tokio::time::sleep(Duration::from_secs(4)).await;
            far.read_exact(&mut read).await.unwrap();
        }
        answer.await.unwrap().unwrap();
        let over = idle.await.unwrap().unwrap_err();
        assert_eq!(over.kind(), io::ErrorKind::TimedOut);
    }
}
