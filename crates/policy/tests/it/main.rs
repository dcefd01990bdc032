//! The evaluator from outside: worked decisions, and agreement with a naive evaluator.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "test code"
)]

mod case;
mod decisions;
mod explain;
mod failures;
mod federated;
mod hostile;
mod naive;
mod random;
mod reach;
mod web_identities;
