//! Our own service, `strongroom`: what AWS has no operation for.
//!
//! Layer 2a. Its operations take the way of all others: signed, decided by policies (actions
//! `strongroom:*`), recorded. JSON 1.1, `X-Amz-Target: Strongroom.<Operation>`; the shapes are
//! written by hand, in [`shapes::strongroom`].

mod error;
mod ops;
mod words;

pub use error::Error;

use pipeline::Registry;

/// Adds every operation of the service.
pub fn register(registry: &mut impl Registry) {
    registry.add::<ops::explain_request::ExplainRequest>();
}
