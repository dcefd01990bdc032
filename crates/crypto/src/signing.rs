//! Signatures: which scheme goes with which key pair and which form of message.

use aws_lc_rs::digest::{self, Digest};
use types::Entropy;

use crate::key_pair::Inner;
use crate::{Error, KeyPair};

/// A hash function of a signature scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    pub(crate) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// The length of a digest.
    pub fn digest_len(self) -> usize {
        self.algorithm().output_len()
    }

    /// A digest that the caller computed.
    pub(crate) fn import(self, bytes: &[u8]) -> Result<Digest, Error> {
        Digest::import_less_safe(bytes, self.algorithm()).map_err(|_opaque| Error::Unfit {
            what: "the digest has not the length of the scheme's hash",
        })
    }
}

/// A signature scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RSASSA-PSS with a salt as long as the hash, and the hash in MGF1.
    RsaPss(Hash),
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// ECDSA with the hash that belongs to the curve; signatures in DER.
    Ecdsa,
    /// Ed25519.
    Ed25519,
    /// Ed25519ph with an empty context.
    Ed25519ph,
    /// ML-DSA with an empty context, hedged.
    MlDsa,
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// The message.
    Raw(&'a [u8]),
    /// Its digest, for RSA and ECDSA.
    Digest(&'a [u8]),
    /// Its representative mu, for ML-DSA.
    Mu(&'a [u8; 64]),
}

const UNFIT: Error = Error::Unfit {
    what: "the signature scheme, the key and the form of the message do not go together",
};

impl KeyPair {
    /// Signs `message`.
    ///
    /// What a scheme draws at random comes from its library, except the hedging of ML-DSA
    /// over a mu, which comes from `entropy`. Fails with [`Error::Unfit`] if scheme, key and
    /// message do not go together.
    pub fn sign(
        &self,
        entropy: &dyn Entropy,
        scheme: Scheme,
        message: Message<'_>,
    ) -> Result<Vec<u8>, Error> {
        match (&self.0, scheme, message) {
            (Inner::Rsa(pair), Scheme::RsaPss(_) | Scheme::RsaPkcs1(_), message) => {
                pair.sign(scheme, message)
            }
            (Inner::Ecc(pair), Scheme::Ecdsa, message) => pair.sign(message),
            (Inner::Ed25519(pair), Scheme::Ed25519, Message::Raw(message)) => {
                Ok(pair.sign(message))
            }
            (Inner::Ed25519(pair), Scheme::Ed25519ph, Message::Raw(message)) => {
                Ok(pair.sign_prehashed(message))
            }
            (Inner::MlDsa(pair), Scheme::MlDsa, Message::Raw(message)) => Ok(pair.sign(message)),
            (Inner::MlDsa(pair), Scheme::MlDsa, Message::Mu(mu)) => Ok(pair.sign_mu(entropy, mu)),
            _ => Err(UNFIT),
        }
    }

    /// Whether `signature` is one of `message` under the public key.
    ///
    /// Fails with [`Error::Unfit`] if scheme, key and message do not go together.
    pub fn verify(
        &self,
        scheme: Scheme,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<bool, Error> {
        match (&self.0, scheme, message) {
            (Inner::Rsa(pair), Scheme::RsaPss(_) | Scheme::RsaPkcs1(_), message) => {
                pair.verify(scheme, message, signature)
            }
            (Inner::Ecc(pair), Scheme::Ecdsa, message) => pair.verify(message, signature),
            (Inner::Ed25519(pair), Scheme::Ed25519, Message::Raw(message)) => {
                Ok(pair.verify(message, signature))
            }
            (Inner::Ed25519(pair), Scheme::Ed25519ph, Message::Raw(message)) => {
                Ok(pair.verify_prehashed(message, signature))
            }
            (Inner::MlDsa(pair), Scheme::MlDsa, Message::Raw(message)) => {
                Ok(pair.verify(message, signature))
            }
            (Inner::MlDsa(pair), Scheme::MlDsa, Message::Mu(mu)) => {
                Ok(pair.verify_mu(mu, signature))
            }
            _ => Err(UNFIT),
        }
    }
}

#[cfg(test)]
mod tests;
