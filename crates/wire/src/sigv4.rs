//! Signature Version 4: reading, canonicalising and verifying.
//!
//! [`Unverified::from_request`] reads a signature from exactly one place and refuses what is
//! ambiguous or covers too little; [`Verifier::verify`] compares it in constant time. Only
//! `AWS4-HMAC-SHA256` exists here: there is no unsigned or streaming payload and no switch
//! that turns verification off. Texts and codes are in [`AuthError`].

mod canonical;
mod date;
mod error;
mod keys;
mod payload;
mod presigned;
mod scope;
mod unverified;
mod verifier;

pub use error::AuthError;
pub use keys::SecretAccessKey;
pub use payload::PayloadHash;
pub use scope::Scope;
pub use unverified::{Place, Unverified, is_for_s3};
pub use verifier::{DEFAULT_SKEW, Verified, Verifier};

#[cfg(test)]
mod tests;
