//! The memory of answers that clients have not read yet.
//!
//! Answers of up to 16 KiB are bounded by the number of connections. Larger ones take their
//! bytes from one budget and give them back when the last byte has left. What a call that has
//! changed something answers takes what is left and is never refused: it has happened, and such
//! answers say little more than their callers sent.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use types::{ErrorKind, RequestId};
use wire::{Refusal, ReplyTo};

/// Bytes of an answer that need no room in the budget.
const SMALL: usize = 16 * 1024;

/// The budget.
#[derive(Debug)]
pub(crate) struct Unread(Arc<Semaphore>);

/// An answer and its room, which it gives back when it is dropped.
struct Held {
    body: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Unread {
    /// A budget of `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// The answer, holding what room there is for it.
    pub(crate) fn hold_committed(&self, response: Response<Bytes>) -> Response<Bytes> {
        let length = response.body().len();
        if length <= SMALL {
            return response;
        }
        let wanted = length.min(self.0.available_permits());
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        match Arc::clone(&self.0).try_acquire_many_owned(wanted) {
            Ok(room) => response.map(|body| Bytes::from_owner(Held { body, _room: room })),
            Err(_others_were_faster) => response,
        }
    }

    /// The answer, holding its room; a refusal if others that nobody reads leave none.
    pub(crate) fn hold(
        &self,
        response: Response<Bytes>,
        parts: &Parts,
        id: RequestId,
    ) -> Response<Bytes> {
        let length = response.body().len();
        if length <= SMALL {
            return response;
        }
        let wanted = u32::try_from(length).unwrap_or(u32::MAX);
        match Arc::clone(&self.0).try_acquire_many_owned(wanted) {
            Ok(room) => response.map(|body| Bytes::from_owner(Held { body, _room: room })),
            Err(_none_left) => {
                metrics::counter!("strongroom_unread_refused_total").increment(1);
                ReplyTo::unknown(None, wire::protocol_of(parts), id).error(&Refusal {
                    kind: ErrorKind::Unavailable,
                    code: "ServiceUnavailable".into(),
                    message: "too many answers wait for clients to read them; try again later"
                        .to_owned(),
                    status: Some(503),
                    reason: None,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;
    use http::{Request, StatusCode};

    use super::*;

    fn hold(unread: &Unread, length: usize) -> Response<Bytes> {
        let request = Request::post("/BatchGetRecord").body(()).unwrap();
        let answer = Response::new(Bytes::from(vec![7; length]));
        let (parts, ()) = request.into_parts();
        unread.hold(answer, &parts, RequestId::generate(&SystemEntropy))
    }

    #[test]
    fn answers_that_nobody_reads_are_bounded_and_give_their_room_back() {
        let unread = Unread::new(100_000);
        let first = hold(&unread, 60_000);
        assert_eq!(first.body().len(), 60_000);
        let second = hold(&unread, 60_000);
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(second.headers()["x-amzn-errortype"], "ServiceUnavailable");
        drop(first);
        assert_eq!(hold(&unread, 60_000).status(), StatusCode::OK);
    }

    #[test]
    fn what_a_call_has_changed_is_told_whatever_nobody_reads() {
        let unread = Unread::new(100_000);
        let first = hold(&unread, 60_000);
        let answer = || Response::new(Bytes::from(vec![7; 60_000]));
        let second = unread.hold_committed(answer());
        assert_eq!(
            (second.status(), second.body().len()),
            (StatusCode::OK, 60_000)
        );
        // It has taken what there was, and gives that back.
        assert_eq!(
            hold(&unread, 20_000).status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(unread.hold_committed(answer()).status(), StatusCode::OK);
        drop((first, second));
        assert_eq!(hold(&unread, 100_000).status(), StatusCode::OK);
    }

    #[test]
    fn small_answers_need_no_room() {
        assert_eq!(hold(&Unread::new(0), SMALL).status(), StatusCode::OK);
    }
}
