//! What the operations on records of several groups share: the errors in their answers, and what
//! their audit records show.

use pipeline::EventDetail;
use serde_json::json;
use types::ServiceError as _;

use crate::{Error, RuntimeError};

/// The most characters of an `ErrorMessage`.
const MOST_MESSAGE: usize = 2048;

/// The `ErrorCode` and the `ErrorMessage` of what failed in a batch; what is our own failure goes to
/// the log, as `what`.
pub(crate) fn told(error: &RuntimeError, what: &'static str) -> (String, String) {
    if matches!(error.0, Error::Internal { .. } | Error::Online(_)) {
        tracing::error!(error = ?error.0, "{what}");
    }
    let message = error.public_message();
    let message = message.chars().take(MOST_MESSAGE).collect();
    (error.code().into_owned(), message)
}

/// The detail of a batch: its groups, and nothing of the records.
pub(crate) fn in_event<'a>(groups: impl Iterator<Item = &'a String>) -> EventDetail {
    let groups: Vec<&String> = groups.collect();
    EventDetail {
        request: json!({ "featureGroupNames": groups }),
        ..EventDetail::default()
    }
}
