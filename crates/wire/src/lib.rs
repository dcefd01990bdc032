//! AWS's wire protocols: signatures, envelopes, inputs, answers and errors.

mod escape;
mod protocol;
mod refusal;
pub mod sigv4;

pub use protocol::Protocol;
pub use refusal::Refusal;
