//! The token crate against `SoftHSM`.
#![expect(clippy::unwrap_used, reason = "test code")]

mod keys;
mod patience;
mod sessions;

use std::time::Duration;

use crypto::SecretBytes;
use strongroom_token::{Settings, Slot, Token};
use testkit::SoftHsm;

/// The label of the token that most tests use, and its PIN.
const TOKEN: &str = "first token";
const PIN: &str = "kmsuser-pin-1";

fn settings(hsm: &SoftHsm) -> Settings {
    Settings {
        sessions: 2,
        timeout: Duration::from_secs(20),
        ..Settings::new(hsm.module(), Slot::Label(TOKEN.to_owned()))
    }
}

fn pin(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes().to_vec())
}

/// A new token, opened with its PIN.
fn token(hsm: &SoftHsm) -> Token {
    hsm.make_token(TOKEN, PIN);
    Token::open(settings(hsm), pin(PIN)).unwrap()
}
