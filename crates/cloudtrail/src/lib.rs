//! CloudTrail: the event history. There are no trails, digests or deliveries.

mod error;
mod ops;
mod token;

pub use audit::{Lookups, PER_SECOND};
pub use error::Error;
pub use ops::LookupEvents;

/// Adds CloudTrail's operations.
pub fn register(registry: &mut impl pipeline::Registry) {
    registry.add::<LookupEvents>();
}
