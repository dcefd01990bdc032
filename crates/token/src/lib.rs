//! Keys on a PKCS#11 token: found or made by their label, used on the token, never read from it.
//!
//! Layer 0, and the only crate that calls PKCS#11. A [`Token`] is one token behind one module,
//! logged in to with a PIN. Modules block, so every call runs on one of a few threads that belong
//! to the token and has a deadline: a token that hangs costs its callers their time-out and the
//! server nothing else. A session that was lost, with the token or by its doing, is opened anew
//! by the next call. A process that ends waits for its threads with [`settle`].
//!
//! ```no_run
//! # use strongroom_token as token;
//! # fn main() -> Result<(), token::Error> {
//! # use std::{path::PathBuf, time::Duration};
//! # let (entropy, pin) = (crypto::SystemEntropy, crypto::SecretBytes::from(b"1234".to_vec()));
//! let slot = token::Slot::Label("hsm".to_owned());
//! let settings = token::Settings::new(PathBuf::from("/usr/lib/pkcs11.so"), slot);
//! let token = token::Token::open(settings, pin)?;
//! let sealed = token.run_blocking(move |session| {
//!     session.make_key("root")?;
//!     session.seal("root", &entropy, b"associated data", b"plaintext")
//! })?;
//! # Ok(()) }
//! ```
//!
//! What a key does on the token is one thing: it derives message keys from random values, with
//! the mechanism `CKM_AES_CMAC` in the counter mode of SP 800-108. The key itself can neither
//! encrypt nor decrypt nor wrap, so nobody gets more out of the token than that. A message is
//! sealed here, under its own message key, with `crypto::committing`; no number of messages wears
//! a key of the token out.
//!
//! Several deployments may use one token, and a copy of one its keys: a key belongs to the owner
//! that stands in its `CKA_ID` ([`Settings::owner`]), and to nobody else until that is changed.

mod error;
mod module;
mod session;
mod settings;
mod settle;
mod workers;

pub use error::Error;
pub use session::Session;
pub use settings::{Settings, Slot};
pub use settle::settle;
pub use workers::Token;
