//! Key pairs of every kind: made, stored as PKCS#8, shown as `SubjectPublicKeyInfo`.
//!
//! A pair holds its private key in the memory of the library that computes with it, which
//! wipes what it frees. What leaves a pair as bytes is a [`SecretBytes`].

use std::fmt;

use types::Entropy;

use crate::ecc::{Curve, Ecc};
use crate::ed25519::Ed25519;
use crate::ml_dsa::{self, MlDsa};
use crate::ml_kem::{self, MlKem};
use crate::rsa::{self, Rsa};
use crate::{Error, OpenError, SecretBytes, wipe};

/// What kind of key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PairSpec {
    /// RSA with a modulus of 2048 bits.
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    Rsa3072,
    /// RSA with a modulus of 4096 bits.
    Rsa4096,
    /// NIST's curve P-256.
    P256,
    /// NIST's curve P-384.
    P384,
    /// NIST's curve P-521.
    P521,
    /// SECG's curve secp256k1.
    P256k1,
    /// Ed25519.
    Ed25519,
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
    /// ML-KEM-512.
    MlKem512,
    /// ML-KEM-768.
    MlKem768,
    /// ML-KEM-1024.
    MlKem1024,
}

/// How a spec is computed with.
enum Family {
    Rsa(rsa::Size),
    Ecc(Curve),
    Ed25519,
    MlDsa(ml_dsa::Set),
    MlKem(ml_kem::Set),
}

impl PairSpec {
    fn family(self) -> Family {
        match self {
            Self::Rsa2048 => Family::Rsa(rsa::Size::Bits2048),
            Self::Rsa3072 => Family::Rsa(rsa::Size::Bits3072),
            Self::Rsa4096 => Family::Rsa(rsa::Size::Bits4096),
            Self::P256 => Family::Ecc(Curve::P256),
            Self::P384 => Family::Ecc(Curve::P384),
            Self::P521 => Family::Ecc(Curve::P521),
            Self::P256k1 => Family::Ecc(Curve::P256k1),
            Self::Ed25519 => Family::Ed25519,
            Self::MlDsa44 => Family::MlDsa(ml_dsa::Set::MlDsa44),
            Self::MlDsa65 => Family::MlDsa(ml_dsa::Set::MlDsa65),
            Self::MlDsa87 => Family::MlDsa(ml_dsa::Set::MlDsa87),
            Self::MlKem512 => Family::MlKem(ml_kem::Set::MlKem512),
            Self::MlKem768 => Family::MlKem(ml_kem::Set::MlKem768),
            Self::MlKem1024 => Family::MlKem(ml_kem::Set::MlKem1024),
        }
    }
}

/// A private key with its public key.
pub struct KeyPair(pub(crate) Inner);

pub(crate) enum Inner {
    Rsa(Box<Rsa>),
    Ecc(Box<Ecc>),
    Ed25519(Box<Ed25519>),
    MlDsa(Box<MlDsa>),
    MlKem(Box<MlKem>),
}

impl KeyPair {
    /// Makes a new pair.
    ///
    /// The seeds of Ed25519, ML-DSA and ML-KEM are drawn from `entropy`. RSA primes and the
    /// scalars of elliptic curves are searched for by aws-lc-rs with its own generator, which
    /// the kernel seeds. RSA takes long: up to seconds for 4096 bits.
    pub fn generate(entropy: &dyn Entropy, spec: PairSpec) -> Self {
        wipe::stack_after(|| {
            Self(match spec.family() {
                Family::Rsa(size) => Inner::Rsa(Box::new(Rsa::generate(size))),
                Family::Ecc(curve) => Inner::Ecc(Box::new(Ecc::generate(curve))),
                Family::Ed25519 => Inner::Ed25519(Box::new(Ed25519::generate(entropy))),
                Family::MlDsa(set) => Inner::MlDsa(Box::new(MlDsa::generate(entropy, set))),
                Family::MlKem(set) => Inner::MlKem(Box::new(MlKem::generate(entropy, set))),
            })
        })
    }

    /// Reads a pair of this kind from PKCS#8, unencrypted.
    ///
    /// Fails with [`Error::NotAKeyPair`] if the bytes are anything else, or if the private
    /// and the public part contradict each other.
    pub fn from_pkcs8(spec: PairSpec, pkcs8: &[u8]) -> Result<Self, Error> {
        wipe::stack_after(|| {
            Ok(Self(match spec.family() {
                Family::Rsa(size) => Inner::Rsa(Box::new(Rsa::from_pkcs8(size, pkcs8)?)),
                Family::Ecc(curve) => Inner::Ecc(Box::new(Ecc::from_pkcs8(curve, pkcs8)?)),
                Family::Ed25519 => Inner::Ed25519(Box::new(Ed25519::from_pkcs8(pkcs8)?)),
                Family::MlDsa(set) => Inner::MlDsa(Box::new(MlDsa::from_pkcs8(set, pkcs8)?)),
                Family::MlKem(set) => Inner::MlKem(Box::new(MlKem::from_pkcs8(set, pkcs8)?)),
            }))
        })
    }

    /// The private key as PKCS#8 in DER; ML-DSA and ML-KEM keys in the form of their seeds.
    pub fn to_pkcs8(&self) -> SecretBytes {
        match &self.0 {
            Inner::Rsa(pair) => pair.to_pkcs8(),
            Inner::Ecc(pair) => pair.to_pkcs8(),
            Inner::Ed25519(pair) => pair.to_pkcs8(),
            Inner::MlDsa(pair) => pair.to_pkcs8(),
            Inner::MlKem(pair) => pair.to_pkcs8(),
        }
    }

    /// The public key as `SubjectPublicKeyInfo` in DER.
    pub fn public_key(&self) -> Vec<u8> {
        match &self.0 {
            Inner::Rsa(pair) => pair.public_key(),
            Inner::Ecc(pair) => pair.public_key(),
            Inner::Ed25519(pair) => pair.public_key(),
            Inner::MlDsa(pair) => pair.public_key(),
            Inner::MlKem(pair) => pair.public_key(),
        }
    }

    /// Encrypts under the public key with RSAES-OAEP and an empty label.
    ///
    /// Fails with [`Error::Unfit`] unless this is an RSA pair and `plaintext` not too long.
    pub fn encrypt_oaep(&self, hash: rsa::OaepHash, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Inner::Rsa(pair) => rsa::encrypt_oaep(&pair.public_key(), hash, plaintext),
            Inner::Ecc(_) | Inner::Ed25519(_) | Inner::MlDsa(_) | Inner::MlKem(_) => {
                Err(Error::Unfit {
                    what: "only RSA encrypts with OAEP",
                })
            }
        }
    }

    /// Decrypts what was encrypted with RSAES-OAEP and an empty label.
    pub fn decrypt_oaep(
        &self,
        hash: rsa::OaepHash,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, OpenError> {
        match &self.0 {
            Inner::Rsa(pair) => pair.decrypt_oaep(hash, ciphertext),
            Inner::Ecc(_) | Inner::Ed25519(_) | Inner::MlDsa(_) | Inner::MlKem(_) => Err(OpenError),
        }
    }

    /// The shared secret of ECDH, the x coordinate of the common point, with the public key
    /// `peer` (`SubjectPublicKeyInfo` in DER).
    ///
    /// Fails with [`Error::NotAPublicKey`] unless `peer` is a valid point of the same curve,
    /// and with [`Error::Unfit`] if this pair is none of P-256, P-384 and P-521.
    pub fn agree(&self, peer: &[u8]) -> Result<SecretBytes, Error> {
        match &self.0 {
            Inner::Ecc(pair) => pair.agree(peer),
            Inner::Rsa(_) | Inner::Ed25519(_) | Inner::MlDsa(_) | Inner::MlKem(_) => {
                Err(Error::Unfit {
                    what: "the key cannot agree on a secret",
                })
            }
        }
    }

    /// A new shared secret and its ciphertext for the holder of the private key (ML-KEM).
    ///
    /// Fails with [`Error::Unfit`] for other pairs.
    pub fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes), Error> {
        match &self.0 {
            Inner::MlKem(pair) => Ok(pair.encapsulate()),
            Inner::Rsa(_) | Inner::Ecc(_) | Inner::Ed25519(_) | Inner::MlDsa(_) => {
                Err(Error::Unfit {
                    what: "the key cannot encapsulate",
                })
            }
        }
    }

    /// The shared secret in `ciphertext` (ML-KEM).
    ///
    /// Fails if the length is wrong; a wrong ciphertext of the right length gives a secret
    /// that nobody else has (implicit rejection).
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, OpenError> {
        match &self.0 {
            Inner::MlKem(pair) => pair.decapsulate(ciphertext),
            Inner::Rsa(_) | Inner::Ecc(_) | Inner::Ed25519(_) | Inner::MlDsa(_) => Err(OpenError),
        }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(***)")
    }
}

#[cfg(test)]
mod tests;
