//! The operations of CloudTrail.

mod lookup_events;

pub use lookup_events::LookupEvents;
