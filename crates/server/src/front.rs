//! What answers on a listener: the exempt routes always, calls once the store is open.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tracing::{error, info, warn};
use types::{Entropy, ErrorKind, RequestId, SystemClock};
use wire::{Protocol, Refusal, ReplyTo};

use crate::exempt::{self, Exempt};
use crate::gate::HeadRefused;
use crate::http_service::{HttpService, Peer, closing};
use crate::refusals::Refusals;
use crate::unseal::{Progress, Unsealer};

/// The server's state, which its listeners share.
#[derive(Debug)]
pub(crate) struct Front {
    entropy: Arc<dyn Entropy>,
    refusals: Refusals,
    /// On a server that is sealed, or was.
    unsealer: ArcSwapOption<Unsealer>,
    /// On one that is open.
    open: ArcSwapOption<HttpService>,
}

/// What one listener answers.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    front: Arc<Front>,
    calls: bool,
    unseals: bool,
}

impl Front {
    /// A front that answers no calls yet.
    pub(crate) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            entropy,
            refusals: Refusals::new(Arc::new(SystemClock::new())),
            unsealer: ArcSwapOption::empty(),
            open: ArcSwapOption::empty(),
        }
    }

    /// From now on `unsealer` tries passphrases, until the front is open.
    pub(crate) fn take_passphrases(&self, unsealer: Unsealer) {
        self.unsealer.store(Some(Arc::new(unsealer)));
    }

    /// From now on calls are answered by `service`.
    pub(crate) fn open(&self, service: HttpService) {
        self.open.store(Some(Arc::new(service)));
    }

    /// From now on calls are refused. Returns what answered them, which those that have begun
    /// still hold.
    pub(crate) fn seal(&self) -> Option<Arc<HttpService>> {
        let open = self.open.swap(None);
        if let Some(open) = &open {
            open.stop_reading();
        }
        open
    }

    /// The door of a listener that answers calls if `calls`, and takes passphrases if `unseals`.
    pub(crate) fn door(self: &Arc<Self>, calls: bool, unseals: bool) -> Door {
        Door {
            front: Arc::clone(self),
            calls,
            unseals,
        }
    }
}

impl Door {
    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub(crate) async fn answer(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let id = RequestId::generate(&*self.front.entropy);
        let (parts, body) = request.into_parts();
        let exempt = exempt::find(&parts.method, parts.uri.path());
        let open = self.front.open.load_full();
        let unsealer = self.front.unsealer.load_full();
        let unsealer = unsealer.filter(|_| self.unseals);
        let response = match (exempt, open.as_deref()) {
            // Calls are checked by the service, which knows their protocols.
            (Some(_), _) if let Err(error) = wire::Limits::default().check(&parts) => {
                closing(ReplyTo::unknown(None, Protocol::RestJson, id).refuse(&error))
            }
            (Some(Exempt::Live), _) => plain(StatusCode::OK, "ok\n"),
            (Some(Exempt::Ready), open) => ready(open),
            (Some(Exempt::Unseal), open) if let Some(unsealer) = &unsealer => {
                // Once open there is nothing to try a passphrase on.
                let unsealer = Some(&**unsealer).filter(|_| open.is_none());
                Box::pin(unseal(unsealer, peer, body, id)).await
            }
            (_, Some(service)) if self.calls => {
                let call = pin!(service.call(peer, &parts, body, id));
                caught(call, &parts, id).await
            }
            (_, Some(_)) => elsewhere(&parts, id),
            (_, None) => self.sealed(peer, &parts, id),
        };
        Ok(response.map(Full::new))
    }

    /// The bytes that answer a head which was refused. Nobody knows its protocol: JSON is what
    /// most clients read.
    pub(crate) fn unreadable(&self, peer: &Peer, refused: HeadRefused) -> Vec<u8> {
        let id = RequestId::generate(&*self.front.entropy);
        let serialization = "SerializationException";
        let (status, code, message) = match refused {
            HeadRefused::Late => (408, "RequestTimeout", "the request did not arrive in time"),
            HeadRefused::Ambiguous(reason) => (400, serialization, reason),
            HeadRefused::Unreadable(status) => {
                let message = match status {
                    414 => "the path and query string are too long",
                    431 => "the headers are too many or too long",
                    _ => "the request is not HTTP/1.1",
                };
                (status, serialization, message)
            }
        };
        let refusals = &self.front.refusals;
        refusals.note(Some(peer.address.ip()), code, id);
        let refusal = Refusal {
            kind: ErrorKind::Validation,
            code: code.into(),
            message: message.to_owned(),
            status: Some(status),
            reason: None,
        };
        let answer = ReplyTo::unknown(None, Protocol::Json, id).error(&refusal);
        let reason = answer.status().canonical_reason().unwrap_or_default();
        let mut text = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
        for (name, value) in answer.headers() {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        let body = answer.body();
        let rest = format!(
            "connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        text.extend_from_slice(rest.as_bytes());
        text.extend_from_slice(body);
        text
    }

    /// What every call of a sealed server gets.
    fn sealed(&self, peer: &Peer, parts: &Parts, id: RequestId) -> Response<Bytes> {
        let refusal = Refusal {
            kind: ErrorKind::Unavailable,
            code: "ServiceUnavailable".into(),
            message: "the server is sealed: an operator has to unseal it first".to_owned(),
            status: Some(503),
            reason: None,
        };
        let refusals = &self.front.refusals;
        refusals.note(Some(peer.address.ip()), &refusal.code, id);
        closing(ReplyTo::unknown(None, wire::protocol_of(parts), id).error(&refusal))
    }
}

/// Has `unsealer` try what is in `body`; without one the server is open.
async fn unseal(
    unsealer: Option<&Unsealer>,
    peer: &Peer,
    body: Incoming,
    id: RequestId,
) -> Response<Bytes> {
    let reply = ReplyTo::unknown(None, Protocol::RestJson, id);
    let Some(unsealer) = unsealer else {
        return closing(reply.written(Bytes::from_static(b"{\"Sealed\":false}")));
    };
    let from = peer.address.ip();
    match unsealer.attempt(from, body).await {
        Ok(Progress::Open) => {
            info!(peer = %peer.address, request = %id, "unsealed");
            closing(reply.written(Bytes::from_static(b"{\"Sealed\":false}")))
        }
        Ok(Progress::Collecting {
            given,
            needed,
            sets,
        }) => {
            info!(peer = %peer.address, request = %id, given, needed, "a share was given");
            let text = format!(
                "{{\"Sealed\":true,\"Given\":{given},\"Needed\":{needed},\"Sets\":{sets}}}"
            );
            closing(reply.written(Bytes::from(text)))
        }
        Err(still) => {
            let refusal = still.refusal();
            metrics::counter!("strongroom_unseal_refused_total", "code" => refusal.code.to_string())
                .increment(1);
            warn!(peer = %peer.address, request = %id, code = %refusal.code, "still sealed");
            let mut response = closing(reply.error(&refusal));
            if let Some(seconds) = still.retry_after() {
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

/// The answer of `call`, or an internal failure if it panics: a bug then costs one request and
/// not the connection.
async fn caught(
    mut call: Pin<&mut impl Future<Output = Response<Bytes>>>,
    parts: &Parts,
    id: RequestId,
) -> Response<Bytes> {
    let answer =
        poll_fn(
            |cx| match std::panic::catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
                Ok(poll) => poll.map(Some),
                Err(_panic) => Poll::Ready(None),
            },
        )
        .await;
    answer.unwrap_or_else(|| {
        // The panic hook has written where.
        error!(request = %id, "the request panicked");
        let failed = wire::Error::Answer("the request panicked".to_owned());
        closing(ReplyTo::unknown(None, wire::protocol_of(parts), id).refuse(&failed))
    })
}

/// Whether calls would be answered.
fn ready(open: Option<&HttpService>) -> Response<Bytes> {
    match open {
        Some(service) if service.is_writable() => plain(StatusCode::OK, "ok\n"),
        Some(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "read-only\n"),
        None => plain(StatusCode::SERVICE_UNAVAILABLE, "sealed\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}

/// What a call gets on a listener that takes none.
fn elsewhere(parts: &Parts, id: RequestId) -> Response<Bytes> {
    let operation = String::new();
    let error = wire::Error::UnknownOperation { operation };
    closing(ReplyTo::unknown(None, wire::protocol_of(parts), id).refuse(&error))
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;

    use super::*;

    async fn answer_of(call: impl Future<Output = Response<Bytes>>) -> Response<Bytes> {
        let request = Request::get("/FeatureGroup/x").body(()).unwrap();
        let (parts, ()) = request.into_parts();
        caught(pin!(call), &parts, RequestId::generate(&SystemEntropy)).await
    }

    #[tokio::test]
    async fn a_panic_is_answered_as_an_internal_failure_in_the_callers_protocol() {
        let answer = answer_of(async { panic!("secret details") }).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["x-amzn-errortype"], "InternalFailure");
        assert!(!String::from_utf8_lossy(answer.body()).contains("secret"));
    }

    #[tokio::test]
    async fn an_answer_without_a_panic_is_left_alone() {
        let answer = answer_of(async { plain(StatusCode::OK, "fine") }).await;
        assert_eq!(answer.body().as_ref(), b"fine");
    }
}
