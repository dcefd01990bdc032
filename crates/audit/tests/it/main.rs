//! The history in a store on disk.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

extern crate strongroom_audit as audit;

mod verify;
