//! The embedded store as a whole: conformance, a model, crashes, damage and faults.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

extern crate strongroom_store as store;

mod canary;
mod common;
mod concurrency;
mod conformance;
mod crash;
mod cuts;
mod damage;
mod disk;
mod embedded;
mod faults;
mod fixtures;
mod logs;
mod model;
mod pruning;
mod recovery;
mod tampering;
