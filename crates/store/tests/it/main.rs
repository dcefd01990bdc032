//! The embedded store as a whole: conformance, a model, crashes, damage and faults.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

extern crate strongroom_store as store;

mod common;
mod conformance;
mod embedded;
