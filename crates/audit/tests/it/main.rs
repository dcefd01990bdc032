//! The history in a store on disk.
#![expect(clippy::unwrap_used, reason = "test code")]

extern crate strongroom_audit as audit;

mod verify;
