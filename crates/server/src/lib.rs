//! Strongroom's server: configuration, seal, listener, composition.
//!
//! Layer 3: the only crate beside `wire` that knows HTTP, and the only one that reads
//! configuration. `main` parses the command line and calls in here.

/// Keeps the process out of core dumps and away from tracers, as far as the system allows; returns
/// what it refused.
pub fn harden() -> Vec<crypto::lock::NotHardened> {
    crypto::lock::harden_process()
}

/// How long a process that ends waits for its tokens.
const TOKENS: std::time::Duration = std::time::Duration::from_secs(5);

/// Waits for what is still done on PKCS#11 tokens, five seconds at most: a thread that is in a module
/// while the process ends may crash it, and with it the exit status.
pub fn settle() {
    let _in_time = token::settle(TOKENS);
}

pub mod account;
mod allowance;
pub mod audit_log;
mod backup;
pub mod backup_commands;
mod backup_maker;
mod backup_place;
mod bootstrap;
pub mod buckets;
pub mod cli;
mod client;
mod compose;
pub mod config;
mod credentials;
mod directory;
pub mod docs;
pub mod doctor;
mod entrance;
mod exempt;
pub mod explain;
mod file;
mod framing;
mod front;
#[doc(hidden)]
pub mod fuzzing {
    //! Doors for fuzz targets; no part of the interface.
    pub use crate::backup::fuzzing::read as backup;
}
mod gate;
mod http_service;
mod issuers;
mod listener;
mod logging;
mod maintenance;
mod memory;
mod observability;
mod offline;
mod outside;
mod pace;
mod passphrase;
mod patience;
pub mod policy_check;
pub mod recover;
mod refusals;
pub mod rekey;
pub mod reset;
pub mod restore;
pub mod router;
mod seal;
pub mod seal_commands;
mod seal_keeper;
pub mod serve;
mod signed;
mod tls;
mod unread;
mod unseal;
pub mod unseal_client;
pub mod usage;
