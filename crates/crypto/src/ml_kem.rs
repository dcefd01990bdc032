//! ML-KEM (FIPS 203). Keys live as their 64-byte seeds, which aws-lc-rs does not take: ML-KEM
//! of `RustCrypto` expands them, and aws-lc-rs does the rest.

use aws_lc_rs::kem::{
    Algorithm, Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024,
};
use ml_kem::{DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024, KeyExport as _};
use types::Entropy;
use zeroize::Zeroizing;

use crate::{Error, OpenError, SecretBytes, must, wipe};

/// The decapsulation key and the encapsulation key as FIPS 203 encodes them.
macro_rules! expand {
    ($key:ty, $seed:expr) => {{
        let key = <$key>::from_seed((*$seed).into());
        let public = key.encapsulation_key().to_bytes().to_vec();
        let private = Zeroizing::new(expanded(&key));
        (SecretBytes::from(private.to_vec()), public)
    }};
}

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    MlKem512,
    MlKem768,
    MlKem1024,
}

impl Set {
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::MlKem512 => &ML_KEM_512,
            Self::MlKem768 => &ML_KEM_768,
            Self::MlKem1024 => &ML_KEM_1024,
        }
    }

    /// The last byte of the object identifier 2.16.840.1.101.3.4.4.x.
    fn identifier(self) -> u8 {
        match self {
            Self::MlKem512 => 1,
            Self::MlKem768 => 2,
            Self::MlKem1024 => 3,
        }
    }

    /// The start of a `SubjectPublicKeyInfo` in DER, up to the public key: a sequence of the
    /// algorithm and a bit string without unused bits. RFC 9935.
    fn public_prefix(self) -> [u8; 22] {
        let ([a, b], [c, d]) = match self {
            Self::MlKem512 => ([0x03, 0x32], [0x03, 0x21]),
            Self::MlKem768 => ([0x04, 0xb2], [0x04, 0xa1]),
            Self::MlKem1024 => ([0x06, 0x32], [0x06, 0x21]),
        };
        let id = self.identifier();
        [
            0x30, 0x82, a, b, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
            0x04, id, 0x03, 0x82, c, d, 0x00,
        ]
    }

    /// The start of a private key as PKCS#8 in DER in the form of its seed, which follows.
    fn private_prefix(self) -> [u8; 22] {
        let id = self.identifier();
        [
            0x30, 0x54, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
            0x03, 0x04, 0x04, id, 0x04, 0x42, 0x80, 0x40,
        ]
    }
}

/// An ML-KEM pair.
pub(crate) struct MlKem {
    set: Set,
    seed: Box<Zeroizing<[u8; 64]>>,
    private: DecapsulationKey,
    public: Vec<u8>,
}

impl MlKem {
    pub(crate) fn generate(entropy: &dyn Entropy, set: Set) -> Self {
        let mut seed = Box::new(Zeroizing::new([0; 64]));
        entropy.fill(seed.as_mut_slice());
        Self::from_seed(set, seed)
    }

    fn from_seed(set: Set, seed: Box<Zeroizing<[u8; 64]>>) -> Self {
        let bytes: &[u8; 64] = &seed;
        let (private, public) = wipe::stack_after(|| match set {
            Set::MlKem512 => expand!(DecapsulationKey512, bytes),
            Set::MlKem768 => expand!(DecapsulationKey768, bytes),
            Set::MlKem1024 => expand!(DecapsulationKey1024, bytes),
        });
        let private = DecapsulationKey::new(set.algorithm(), private.expose());
        let private = must::succeed(private, "ML-KEM decapsulation key");
        Self {
            set,
            seed,
            private,
            public,
        }
    }

    /// Reads the seed form only.
    pub(crate) fn from_pkcs8(set: Set, pkcs8: &[u8]) -> Result<Self, Error> {
        let seed = pkcs8.strip_prefix(&set.private_prefix());
        let seed = seed.ok_or(Error::NotAKeyPair)?;
        let mut own = Box::new(Zeroizing::new([0; 64]));
        if seed.len() != own.len() {
            return Err(Error::NotAKeyPair);
        }
        own.copy_from_slice(seed);
        Ok(Self::from_seed(set, own))
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let parts: [&[u8]; 2] = [&self.set.private_prefix(), self.seed.as_slice()];
        SecretBytes::from(parts.concat())
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        let parts: [&[u8]; 2] = [&self.set.public_prefix(), &self.public];
        parts.concat()
    }

    pub(crate) fn encapsulate(&self) -> (Vec<u8>, SecretBytes) {
        let key = EncapsulationKey::new(self.set.algorithm(), &self.public);
        let key = must::succeed(key, "ML-KEM encapsulation key");
        let (ciphertext, secret) = must::succeed(key.encapsulate(), "ML-KEM encapsulation");
        let secret = SecretBytes::from(secret.as_ref().to_vec());
        (ciphertext.as_ref().to_vec(), secret)
    }

    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, OpenError> {
        let secret = self
            .private
            .decapsulate(Ciphertext::from(ciphertext))
            .map_err(|_opaque| OpenError)?;
        Ok(SecretBytes::from(secret.as_ref().to_vec()))
    }
}

/// The form that the library calls deprecated is the only one that aws-lc-rs takes.
#[expect(
    deprecated,
    reason = "aws-lc-rs reads expanded decapsulation keys only"
)]
fn expanded<K: ml_kem::ExpandedKeyEncoding>(key: &K) -> ml_kem::array::Array<u8, K::EncodedSize> {
    key.to_expanded_bytes()
}

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
