//! Encoded authorization messages: why a call was denied, for whoever may know.
//!
//! The caller gets the sealed text and cannot read it. It opens for the caller's own account
//! and for a day.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::XaesKey;
use crypto::kdf::derive_key;
use crypto::secret::Key32;
use pipeline::Denial;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::{AccountId, Entropy, Timestamp};

/// The use of the data key that messages are sealed under; never changes.
const LABEL: &str = "iam/authorization-messages";

/// How long a message opens.
const LIFE: Duration = Duration::from_hours(24);

/// Bytes of what is sealed. All messages are equally long, so that their length does not tell
/// what they say: whether a resource exists, for instance.
const SIZE: usize = 3000;

/// Seals and opens authorization messages. A shared part of the deployment.
pub struct AuthorizationMessages {
    key: XaesKey,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Message {
    made: Timestamp,
    said: Value,
}

impl AuthorizationMessages {
    /// Messages of the deployment with this data key.
    pub fn new(data_key: &Key32) -> Self {
        Self {
            key: XaesKey::new(&derive_key(data_key, LABEL, &[])),
        }
    }

    /// The message of a denial, for the account of whom was denied; `None` for services that
    /// act for themselves.
    ///
    /// What decided is left out where the message would be too long.
    pub fn seal(&self, entropy: &dyn Entropy, now: Timestamp, denial: &Denial) -> Option<String> {
        let account = denial.principal().account()?;
        let mut said = json!({
            "allowed": false,
            "explicitDeny": denial.is_explicit(),
            "context": {
                "principal": {
                    "id": denial.principal().user_id(),
                    "arn": denial.principal().display_name(),
                },
                "action": denial.action,
                "resource": denial.resource,
            },
        });
        let short = padded(now, &said);
        let long = denial.decided_by().and_then(|decided| {
            said.as_object_mut()?
                .insert("decidedBy".to_owned(), decided.clone());
            padded(now, &said)
        });
        let message = long.or(short)?;
        let sealed = self
            .key
            .seal(entropy, account.as_str().as_bytes(), &message);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What a message says; `None` if it was not made here for `account`, or too long ago.
    pub(crate) fn open(&self, account: AccountId, now: Timestamp, text: &str) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = self.key.open(account.as_str().as_bytes(), &sealed).ok()?;
        let message: Message = serde_json::from_slice(opened.expose()).ok()?;
        let current = message.made.saturating_add(LIFE) > now;
        current.then(|| message.said.to_string())
    }
}

/// What is sealed, at its full length; `None` if it is longer.
fn padded(made: Timestamp, said: &Value) -> Option<Vec<u8>> {
    let said = said.clone();
    let mut message = serde_json::to_vec(&Message { made, said }).ok()?;
    // Spaces behind it mean nothing.
    let fits = message.len() <= SIZE;
    message.resize(SIZE, b' ');
    fits.then_some(message)
}

impl fmt::Debug for AuthorizationMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationMessages(..)")
    }
}
