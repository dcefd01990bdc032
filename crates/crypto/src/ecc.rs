//! Elliptic curves in short Weierstrass form: ECDSA and ECDH.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey};
use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
    ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, KeyPair as _, UnparsedPublicKey,
};

use crate::signing::{Hash, Message};
use crate::{Error, SecretBytes, must};

/// A curve, with the hash that ECDSA uses on it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
    P256k1,
}

impl Curve {
    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
            Self::P256k1 => &ECDSA_P256K1_SHA256_ASN1_SIGNING,
        }
    }

    fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1,
            Self::P384 => &ECDSA_P384_SHA384_ASN1,
            Self::P521 => &ECDSA_P521_SHA512_ASN1,
            Self::P256k1 => &ECDSA_P256K1_SHA256_ASN1,
        }
    }

    fn hash(self) -> Hash {
        match self {
            Self::P256 | Self::P256k1 => Hash::Sha256,
            Self::P384 => Hash::Sha384,
            Self::P521 => Hash::Sha512,
        }
    }

    fn agreement(self) -> Result<&'static agreement::Algorithm, Error> {
        match self {
            Self::P256 => Ok(&ECDH_P256),
            Self::P384 => Ok(&ECDH_P384),
            Self::P521 => Ok(&ECDH_P521),
            Self::P256k1 => Err(Error::Unfit {
                what: "secp256k1 keys only sign",
            }),
        }
    }
}

/// A pair on a curve.
pub(crate) struct Ecc {
    curve: Curve,
    pair: EcdsaKeyPair,
}

impl Ecc {
    pub(crate) fn generate(curve: Curve) -> Self {
        let pair = EcdsaKeyPair::generate(curve.signing());
        let pair = must::succeed(pair, "elliptic curve key generation");
        Self { curve, pair }
    }

    /// Reads a pair that may be written without its public key, or with it as a compressed point.
    /// The library would write it so again: it is made anew of its numbers, so that the same key
    /// has the same encoding here whoever wrote it.
    pub(crate) fn from_pkcs8(curve: Curve, pkcs8: &[u8]) -> Result<Self, Error> {
        let algorithm = curve.signing();
        let read = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8);
        let read = read.map_err(|_reason| Error::NotAKeyPair)?;
        let scalar = must::succeed(read.private_key().as_be_bytes(), "elliptic curve scalar");
        let (scalar, point) = (scalar.as_ref(), read.public_key().as_ref());
        let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, point);
        let pair = pair.map_err(|_reason| Error::NotAKeyPair)?;
        Ok(Self { curve, pair })
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let pkcs8 = must::succeed(self.pair.to_pkcs8v1(), "elliptic curve key encoding");
        SecretBytes::from(pkcs8.as_ref().to_vec())
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        let spki: Result<PublicKeyX509Der<'_>, _> = self.pair.public_key().as_der();
        must::succeed(spki, "elliptic curve public key encoding")
            .as_ref()
            .to_vec()
    }

    pub(crate) fn sign(&self, message: Message<'_>) -> Result<Vec<u8>, Error> {
        let signed = match message {
            Message::Raw(message) => self.pair.sign(&SystemRandom::new(), message),
            Message::Digest(bytes) => self.pair.sign_digest(&self.curve.hash().import(bytes)?),
            Message::Mu(_) => return Err(NO_MU),
        };
        Ok(must::succeed(signed, "ECDSA signature").as_ref().to_vec())
    }

    pub(crate) fn verify(&self, message: Message<'_>, signature: &[u8]) -> Result<bool, Error> {
        verify(
            self.curve,
            self.pair.public_key().as_ref(),
            message,
            signature,
        )
    }

    pub(crate) fn agree(&self, peer: &[u8]) -> Result<SecretBytes, Error> {
        let algorithm = self.curve.agreement()?;
        let own = PrivateKey::from_private_key_der(algorithm, self.to_pkcs8().expose());
        let own = must::succeed(own, "elliptic curve key for ECDH");
        agree_with(&own, peer)
    }
}

/// The shared secret with `peer`, which must be written as our own key would be: with the
/// curve by its name and the point uncompressed. Parameters that a peer spells out are not
/// looked at.
fn agree_with(own: &PrivateKey, peer: &[u8]) -> Result<SecretBytes, Error> {
    let public = must::succeed(own.compute_public_key(), "elliptic curve public key");
    let spki: Result<PublicKeyX509Der<'_>, _> = public.as_der();
    let spki = must::succeed(spki, "elliptic curve public key encoding");
    let head = spki.as_ref().len().saturating_sub(public.as_ref().len());
    let head = spki.as_ref().get(..head);
    if peer.len() != spki.as_ref().len() || head != peer.get(..head.map_or(0, <[u8]>::len)) {
        return Err(Error::NotAPublicKey);
    }
    let peer = agreement::UnparsedPublicKey::new(own.algorithm(), peer);
    agreement::agree(own, peer, Error::NotAPublicKey, |secret| {
        Ok(SecretBytes::from(secret.to_vec()))
    })
}

/// Whether `signature` is one of `message` under the public key `key`, a point or
/// `SubjectPublicKeyInfo`.
pub(crate) fn verify(
    curve: Curve,
    key: &[u8],
    message: Message<'_>,
    signature: &[u8],
) -> Result<bool, Error> {
    let key = UnparsedPublicKey::new(curve.verification(), key);
    Ok(match message {
        Message::Raw(message) => key.verify(message, signature).is_ok(),
        Message::Digest(bytes) => {
            let digest = curve.hash().import(bytes)?;
            key.verify_digest(&digest, signature).is_ok()
        }
        Message::Mu(_) => return Err(NO_MU),
    })
}

const NO_MU: Error = Error::Unfit {
    what: "ECDSA signs no mu",
};

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
