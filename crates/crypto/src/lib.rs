//! The only code that calls cryptographic primitives.
//!
//! Layer 0. The primitives come from `aws-lc-rs`, Argon2id from `argon2`, and from `RustCrypto`
//! and dalek what the former lacks: Ed25519ph, ML-DSA over an external mu, ML-KEM keys from
//! their seeds. Everything, and what is composed of it here (XAES-256-GCM, the committing
//! format), is proven against published vectors.
//! Nothing here does I/O except [`SystemEntropy`] and [`lock`], which ask the kernel.
//!
//! A primitive that fails although its inputs were checked means exhausted memory or a
//! broken library: the process aborts rather than go on with undefined keys or bytes.

pub mod aead;
pub mod committing;
pub mod digest;
mod ecc;
mod ed25519;
mod entropy;
mod error;
mod gcm;
pub mod jws;
pub mod kdf;
pub mod key_pair;
pub mod key_wrap;
pub mod lock;
pub mod mac;
mod ml_dsa;
mod ml_kem;
mod must;
pub mod password;
#[cfg(test)]
mod published;
#[cfg(test)]
mod residue;
pub mod rsa;
pub mod secret;
pub mod shares;
pub mod signing;
#[cfg(test)]
mod vectors;
mod wipe;

pub use aead::XaesKey;
pub use committing::CommittingKey;
pub use entropy::SystemEntropy;
pub use error::{Error, OpenError};
pub use jws::{Curve, SignatureAlgorithm, VerifyingKey};
pub use key_pair::{KeyPair, PairSpec};
pub use mac::{HmacSha256Key, MacAlgorithm, MacKey, ct_eq};
pub use secret::{Key32, SecretBytes};
