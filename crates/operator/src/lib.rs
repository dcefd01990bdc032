//! Our own service, `strongroom`: what AWS has no operation for.
//!
//! Layer 2a. Its operations take the way of all others: signed, decided by policies (actions
//! `strongroom:*`), recorded. JSON 1.1, `X-Amz-Target: Strongroom.<Operation>`; the shapes are
//! written by hand, in [`shapes::strongroom`].

mod backups;
mod error;
mod intent;
mod ops;
mod seals;
mod words;

pub use backups::{Backups, Made, MakeBackup, Refused};
pub use error::Error;
pub use ops::explain_request::Explanations;
pub use seals::{KeepSeal, SealKind, SealRefused, SealState, SealTurn, Seals};

use pipeline::Registry;

/// Adds every operation of the service.
pub fn register(registry: &mut impl Registry) {
    registry.add::<ops::create_backup::CreateBackup>();
    registry.add::<ops::explain_request::ExplainRequest>();
    registry.add::<ops::rewrap_seal::RewrapSeal>();
    registry.add::<ops::rotate_root_key::RotateRootKey>();
    registry.add::<ops::seal_server::SealServer>();
}
