//! What the tests of the services share: a running deployment whose operations are called by
//! their names, through the pipeline, with a clock that stands until it is moved.
//!
//! A crate's own test world decides what runs in it (tables, sources, parts), hands the result
//! to [`Deployment`], and adds what is its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test code: what fails here fails the test"
)]

mod deployment;
mod disk;
mod entropy;
mod operations;
mod softhsm;
pub mod xks;

pub use deployment::{Deployment, context, context_of, records, view};
pub use disk::TestDisk;
pub use entropy::Seeded;
pub use operations::{Operations, Outcome, Refused, Running};
pub use softhsm::SoftHsm;
