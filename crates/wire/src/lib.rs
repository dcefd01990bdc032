//! AWS's wire protocols: signatures, envelopes, inputs, answers and errors.
//!
//! The server passes each request through here in this order:
//!
//! 1. [`Limits::check`] refuses a head that no client of AWS sends and says how long a body
//!    may be;
//! 2. [`sigv4::Unverified::from_request`] reads the signature and its scope;
//! 3. [`Envelope::from_request`] finds service and operation, both of which must agree with
//!    the scope;
//! 4. [`sigv4::Verifier::verify`] verifies the signature over the whole body;
//! 5. [`Envelope::call`] reads the input as a tree, from which `shapes` reads the request;
//! 6. [`ReplyTo`] writes the output or the error.
//!
//! Nothing here does I/O, knows hyper, or decides who may do what.

mod decode;
mod encode;
mod envelope;
mod error;
mod escape;
mod limits;
mod refusal;
pub mod sigv4;

pub use decode::Call;
pub use encode::ReplyTo;
pub use envelope::{Envelope, addressed, protocol_of};
pub use error::Error;
pub use limits::{BodyRule, Limits};
pub use refusal::Refusal;
pub use shapes::Protocol;
