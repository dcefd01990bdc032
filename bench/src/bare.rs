//! The baseline: hyper that answers every request with the same bytes.
//!
//! INVARIANT: allocator (`main`), runtime and connection settings are those of the server
//! (`crates/server/src/serve.rs` and `listener.rs`); a change there is repeated here.

use std::convert::Infallible;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

const HEAD_BYTES: usize = 64 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer to give to everybody; it lives as long as the process.
#[derive(Debug, Clone, Copy)]
struct Fixed {
    headers: &'static HeaderMap,
    body: &'static [u8],
}

/// Serves the answer in the file `answer` until killed, and prints the address.
pub(crate) fn run(answer: &Path) -> anyhow::Result<()> {
    let answer = read(answer)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let socket = TcpListener::bind("127.0.0.1:0").await?;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", socket.local_addr()?)?;
            out.flush()?;
            drop(out);
            let accepting = tokio::spawn(async move {
                while let Ok((stream, _peer)) = socket.accept().await {
                    tokio::spawn(serve(stream, answer));
                }
            });
            accepting.await.context("accepting failed")
        })
}

/// Takes a captured answer apart; hyper writes `date` and `content-length` itself.
fn read(answer: &Path) -> anyhow::Result<Fixed> {
    let text = std::fs::read_to_string(answer)?;
    let (head, body) = text.split_once("\r\n\r\n").context("no end of the head")?;
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(':').context("a header without colon")?;
        let name: HeaderName = name.parse()?;
        if name != http::header::DATE && name != http::header::CONTENT_LENGTH {
            headers.insert(name, HeaderValue::from_str(value.trim())?);
        }
    }
    Ok(Fixed {
        headers: Box::leak(Box::new(headers)),
        body: Vec::leak(body.as_bytes().to_vec()),
    })
}

async fn serve(stream: TcpStream, answer: Fixed) {
    // Without it the baseline is slower; the server sets it too.
    let _set = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BYTES);
    let served = http.serve_connection(
        TokioIo::new(stream),
        service_fn(move |request| reply(request, answer)),
    );
    // The client closes when it has measured enough.
    let _closed = served.await;
}

async fn reply(
    request: Request<Incoming>,
    answer: Fixed,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while !body.is_end_stream() {
        if !matches!(body.frame().await, Some(Ok(_))) {
            break;
        }
    }
    let mut response = Response::new(Full::new(Bytes::from_static(answer.body)));
    *response.headers_mut() = answer.headers.clone();
    Ok(response)
}
