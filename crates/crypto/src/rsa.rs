//! RSA: OAEP, PSS and PKCS#1 v1.5 signatures.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair, RsaParameters, RsaSignatureEncoding,
    UnparsedPublicKey,
};

use crate::signing::{Hash, Message, Scheme};
use crate::{Error, OpenError, SecretBytes, must};

/// The size of a modulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Bits2048,
    Bits3072,
    Bits4096,
}

impl Size {
    fn key_size(self) -> KeySize {
        match self {
            Self::Bits2048 => KeySize::Rsa2048,
            Self::Bits3072 => KeySize::Rsa3072,
            Self::Bits4096 => KeySize::Rsa4096,
        }
    }
}

/// The hash of RSAES-OAEP, which is that of its MGF1 too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OaepHash {
    /// SHA-1, which OAEP does not need to resist collisions.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl OaepHash {
    fn algorithm(self) -> &'static OaepAlgorithm {
        match self {
            Self::Sha1 => &OAEP_SHA1_MGF1SHA1,
            Self::Sha256 => &OAEP_SHA256_MGF1SHA256,
        }
    }
}

/// Encrypts under the public key `spki` (`SubjectPublicKeyInfo` in DER), with an empty label.
///
/// Fails with [`Error::NotAPublicKey`] if that is not an RSA key, and with [`Error::Unfit`]
/// if the plaintext is too long for it.
pub fn encrypt_oaep(spki: &[u8], hash: OaepHash, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let key = PublicEncryptingKey::from_der(spki).map_err(|_opaque| Error::NotAPublicKey)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_opaque| Error::NotAPublicKey)?;
    let mut ciphertext = vec![0; key.ciphertext_size()];
    let encrypted = key.encrypt(hash.algorithm(), plaintext, &mut ciphertext, None);
    let length = encrypted
        .map_err(|_opaque| Error::Unfit {
            what: "the plaintext is too long for the key",
        })?
        .len();
    ciphertext.truncate(length);
    Ok(ciphertext)
}

/// An RSA pair.
pub(crate) struct Rsa {
    signing: RsaKeyPair,
    decrypting: OaepPrivateDecryptingKey,
}

impl Rsa {
    pub(crate) fn generate(size: Size) -> Self {
        let key = PrivateDecryptingKey::generate(size.key_size());
        let key = must::succeed(key, "RSA key generation");
        let pkcs8: Result<Pkcs8V1Der<'_>, _> = key.as_der();
        let pkcs8 = SecretBytes::from(must::succeed(pkcs8, "RSA key encoding").as_ref().to_vec());
        must::succeed(Self::from_pkcs8(size, pkcs8.expose()), "new RSA key")
    }

    pub(crate) fn from_pkcs8(size: Size, pkcs8: &[u8]) -> Result<Self, Error> {
        let signing = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_reason| Error::NotAKeyPair)?;
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_reason| Error::NotAKeyPair)?;
        if key.key_size_bits() != size.key_size().len() * 8 {
            return Err(Error::NotAKeyPair);
        }
        let decrypting =
            OaepPrivateDecryptingKey::new(key).map_err(|_opaque| Error::NotAKeyPair)?;
        let pair = Self {
            signing,
            decrypting,
        };
        // What is quick to check has been; whether the primes are prime has not. A signature
        // shows it: computing modulo something else gives one that does not verify.
        let scheme = Scheme::RsaPkcs1(Hash::Sha256);
        let signature = pair.sign(scheme, Message::Raw(b""))?;
        if pair.verify(scheme, Message::Raw(b""), &signature)? {
            Ok(pair)
        } else {
            Err(Error::NotAKeyPair)
        }
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let pkcs8: Result<Pkcs8V1Der<'_>, _> = self.signing.as_der();
        let pkcs8 = must::succeed(pkcs8, "RSA key encoding");
        SecretBytes::from(pkcs8.as_ref().to_vec())
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        let spki: Result<PublicKeyX509Der<'_>, _> = self.signing.public_key().as_der();
        must::succeed(spki, "RSA public key encoding")
            .as_ref()
            .to_vec()
    }

    pub(crate) fn decrypt_oaep(
        &self,
        hash: OaepHash,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, OpenError> {
        let mut plaintext = vec![0; self.decrypting.min_output_size()];
        let opened = self
            .decrypting
            .decrypt(hash.algorithm(), ciphertext, &mut plaintext, None);
        match opened.map(|opened| opened.len()) {
            Ok(length) => {
                // What is cut off lies within the capacity, which is wiped too.
                plaintext.truncate(length);
                Ok(SecretBytes::from(plaintext))
            }
            Err(_opaque) => {
                drop(SecretBytes::from(plaintext));
                Err(OpenError)
            }
        }
    }

    pub(crate) fn sign(&self, scheme: Scheme, message: Message<'_>) -> Result<Vec<u8>, Error> {
        let (encoding, _, hash) = parameters(scheme)?;
        let mut signature = vec![0; self.signing.public_modulus_len()];
        let signed = match message {
            Message::Raw(message) => {
                self.signing
                    .sign(encoding, &SystemRandom::new(), message, &mut signature)
            }
            Message::Digest(bytes) => {
                self.signing
                    .sign_digest(encoding, &hash.import(bytes)?, &mut signature)
            }
            Message::Mu(_) => return Err(NO_MU),
        };
        // A key that somebody made up may fail, which must not end the process.
        signed.map_err(|_opaque| Error::NotAKeyPair)?;
        Ok(signature)
    }

    pub(crate) fn verify(
        &self,
        scheme: Scheme,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<bool, Error> {
        verify(
            self.signing.public_key().as_ref(),
            scheme,
            message,
            signature,
        )
    }
}

/// Whether `signature` is one of `message` under the public key `key` in DER.
pub(crate) fn verify(
    key: &[u8],
    scheme: Scheme,
    message: Message<'_>,
    signature: &[u8],
) -> Result<bool, Error> {
    let (_, parameters, hash) = parameters(scheme)?;
    let key = UnparsedPublicKey::new(parameters, key);
    Ok(match message {
        Message::Raw(message) => key.verify(message, signature).is_ok(),
        Message::Digest(bytes) => key.verify_digest(&hash.import(bytes)?, signature).is_ok(),
        Message::Mu(_) => return Err(NO_MU),
    })
}

const NO_MU: Error = Error::Unfit {
    what: "RSA signs no mu",
};

type Parameters = (&'static RsaSignatureEncoding, &'static RsaParameters, Hash);

fn parameters(scheme: Scheme) -> Result<Parameters, Error> {
    Ok(match scheme {
        Scheme::RsaPss(hash @ Hash::Sha256) => (&RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256, hash),
        Scheme::RsaPss(hash @ Hash::Sha384) => (&RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384, hash),
        Scheme::RsaPss(hash @ Hash::Sha512) => (&RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512, hash),
        Scheme::RsaPkcs1(hash @ Hash::Sha256) => {
            (&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256, hash)
        }
        Scheme::RsaPkcs1(hash @ Hash::Sha384) => {
            (&RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384, hash)
        }
        Scheme::RsaPkcs1(hash @ Hash::Sha512) => {
            (&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512, hash)
        }
        Scheme::Ecdsa | Scheme::Ed25519 | Scheme::Ed25519ph | Scheme::MlDsa => {
            return Err(Error::Unfit {
                what: "not a scheme of RSA",
            });
        }
    })
}

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
