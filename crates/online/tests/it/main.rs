//! The online store through its public face.
#![expect(clippy::unwrap_used, reason = "test code")]

mod cached;
mod cells;
mod engine;
mod memory;
mod model;
mod tampering;
mod world;
