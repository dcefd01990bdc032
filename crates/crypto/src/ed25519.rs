//! Ed25519, and Ed25519ph, which aws-lc-rs lacks.

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use ed25519_dalek::{Digest as _, Sha512, Signature, SigningKey, VerifyingKey};
use types::Entropy;

use crate::{Error, Key32, SecretBytes, must, wipe};

/// An Ed25519 pair.
pub(crate) struct Ed25519 {
    seed: Key32,
    pair: Ed25519KeyPair,
}

impl Ed25519 {
    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        let seed = Key32::generate(entropy);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose());
        let pair = must::succeed(pair, "Ed25519 key from a seed");
        Self { seed, pair }
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_reason| Error::NotAKeyPair)?;
        let seed = must::succeed(pair.seed(), "seed of an Ed25519 key");
        let seed = must::succeed(seed.as_be_bytes(), "seed of an Ed25519 key");
        let seed = Key32::try_from(seed.as_ref())?;
        Ok(Self { seed, pair })
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let pkcs8 = must::succeed(self.pair.to_pkcs8v1(), "Ed25519 key encoding");
        SecretBytes::from(pkcs8.as_ref().to_vec())
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        let spki: Result<PublicKeyX509Der<'_>, _> = self.pair.public_key().as_der();
        must::succeed(spki, "Ed25519 public key encoding")
            .as_ref()
            .to_vec()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        must::succeed(self.pair.try_sign(message), "Ed25519 signature")
            .as_ref()
            .to_vec()
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.pair.public_key().as_ref());
        key.verify(message, signature).is_ok()
    }

    /// Signs with Ed25519ph: SHA-512 of `message` is what the scheme is given.
    pub(crate) fn sign_prehashed(&self, message: &[u8]) -> Vec<u8> {
        wipe::stack_after(|| {
            let key = SigningKey::from_bytes(self.seed.expose());
            let signed = key.sign_prehashed(Sha512::new_with_prefix(message), None);
            must::succeed(signed, "Ed25519ph signature")
                .to_bytes()
                .to_vec()
        })
    }

    pub(crate) fn verify_prehashed(&self, message: &[u8], signature: &[u8]) -> bool {
        verify_prehashed(self.pair.public_key().as_ref(), message, signature)
    }
}

fn verify_prehashed(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = <[u8; 32]>::try_from(key)
        .ok()
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    let signature = Signature::from_slice(signature).ok();
    let hash = Sha512::new_with_prefix(message);
    key.zip(signature)
        .is_some_and(|(key, signature)| key.verify_prehashed_strict(hash, None, &signature).is_ok())
}

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
