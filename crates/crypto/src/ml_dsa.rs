//! ML-DSA (FIPS 204), over messages and over their representatives mu.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87,
    ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
    UnparsedPublicKey,
};
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, SigningKey, VerifyingKey};
use types::Entropy;

use crate::{Error, Key32, SecretBytes, must, wipe};

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl Set {
    fn signing(self) -> &'static PqdsaSigningAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44_SIGNING,
            Self::MlDsa65 => &ML_DSA_65_SIGNING,
            Self::MlDsa87 => &ML_DSA_87_SIGNING,
        }
    }

    fn verification(self) -> &'static PqdsaVerificationAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44,
            Self::MlDsa65 => &ML_DSA_65,
            Self::MlDsa87 => &ML_DSA_87,
        }
    }
}

/// The length of a private key as PKCS#8 in the form of its seed, which ends it.
const SEED_FORM_LEN: usize = 54;

/// An ML-DSA pair.
pub(crate) struct MlDsa {
    set: Set,
    seed: Key32,
    pair: PqdsaKeyPair,
}

impl MlDsa {
    pub(crate) fn generate(entropy: &dyn Entropy, set: Set) -> Self {
        let seed = Key32::generate(entropy);
        let pair = PqdsaKeyPair::from_seed(set.signing(), seed.expose());
        let pair = must::succeed(pair, "ML-DSA key from a seed");
        Self { set, seed, pair }
    }

    /// Refuses keys in expanded form: their seed cannot be had.
    pub(crate) fn from_pkcs8(set: Set, pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = PqdsaKeyPair::from_pkcs8(set.signing(), pkcs8);
        let pair = pair.map_err(|_reason| Error::NotAKeyPair)?;
        let seed_form = pair.to_pkcs8v1().map_err(|_opaque| Error::NotAKeyPair)?;
        let seed = seed_form.as_ref().last_chunk::<32>();
        let seed = seed.filter(|_| seed_form.as_ref().len() == SEED_FORM_LEN);
        let seed = seed.ok_or(Error::NotAKeyPair)?;
        let seed = Key32::try_from(seed.as_slice())?;
        Ok(Self { set, seed, pair })
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let pkcs8 = must::succeed(self.pair.to_pkcs8v1(), "ML-DSA key encoding");
        SecretBytes::from(pkcs8.as_ref().to_vec())
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        let spki: Result<PublicKeyX509Der<'_>, _> = self.pair.public_key().as_der();
        must::succeed(spki, "ML-DSA public key encoding")
            .as_ref()
            .to_vec()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.set.signing().signature_len()];
        let signed = self.pair.sign(message, &mut signature);
        must::succeed(signed, "ML-DSA signature");
        signature
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(self.set.verification(), self.pair.public_key().as_ref());
        key.verify(message, signature).is_ok()
    }

    /// Signs the representative of a message that the caller computed (FIPS 204, algorithm
    /// 7 from its sixth line on), hedged with randomness from `entropy`.
    pub(crate) fn sign_mu(&self, entropy: &dyn Entropy, mu: &[u8; 64]) -> Vec<u8> {
        wipe::stack_after(|| match self.set {
            Set::MlDsa44 => sign_mu::<MlDsa44>(&self.seed, entropy, mu),
            Set::MlDsa65 => sign_mu::<MlDsa65>(&self.seed, entropy, mu),
            Set::MlDsa87 => sign_mu::<MlDsa87>(&self.seed, entropy, mu),
        })
    }

    pub(crate) fn verify_mu(&self, mu: &[u8; 64], signature: &[u8]) -> bool {
        let key = self.pair.public_key().as_ref();
        match self.set {
            Set::MlDsa44 => verify_mu::<MlDsa44>(key, mu, signature),
            Set::MlDsa65 => verify_mu::<MlDsa65>(key, mu, signature),
            Set::MlDsa87 => verify_mu::<MlDsa87>(key, mu, signature),
        }
    }
}

fn sign_mu<P: MlDsaParams>(seed: &Key32, entropy: &dyn Entropy, mu: &[u8; 64]) -> Vec<u8> {
    let key = SigningKey::<P>::from_seed(seed.expose().into());
    let signed = key
        .expanded_key()
        .sign_mu_randomized(mu.into(), &mut Hedge(entropy));
    must::succeed(signed, "ML-DSA signature over a mu")
        .encode()
        .to_vec()
}

fn verify_mu<P: MlDsaParams>(key: &[u8], mu: &[u8; 64], signature: &[u8]) -> bool {
    let Ok(key) = key.try_into() else {
        return false;
    };
    Signature::<P>::try_from(signature)
        .is_ok_and(|signature| VerifyingKey::<P>::decode(key).verify_mu(mu.into(), &signature))
}

/// Entropy as the generator that the library asks for.
struct Hedge<'a>(&'a dyn Entropy);

impl rand_core::TryRng for Hedge<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Hedge<'_> {}

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
