//! An external key store proxy of the published API, whose keys are on a PKCS#11 token.
//!
//! What it does is in a file that is read for every request, so that a test can make it fail, be
//! slow, or lie. The binary `xks-proxy` puts TLS in front of it.

mod answers;
mod behaviour;
mod keys;
mod signature;

pub use answers::{Answer, Proxy, Request};
pub use behaviour::{Behaviour, Mode};
pub use keys::Keys;
