//! Verifying the signatures of JSON Web Tokens (RFC 7518), with public keys only.
//!
//! The algorithm of a signature is bound to the key: what a token names selects among what its
//! key may do, and nothing else. There is no symmetric algorithm and no `none` to name.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED,
    EcdsaVerificationAlgorithm, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

/// Bytes of the shortest RSA modulus that is accepted: 2048 bits.
const SHORTEST_MODULUS: usize = 256;

/// Bytes of the longest RSA modulus that is accepted: 8192 bits.
const LONGEST_MODULUS: usize = 1024;

/// Bytes of the longest public exponent that is accepted; 65537 has three.
const LONGEST_EXPONENT: usize = 4;

/// The first byte of an uncompressed point.
const UNCOMPRESSED: u8 = 4;

/// An algorithm that a token may be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
}

impl SignatureAlgorithm {
    /// The algorithm of this registered name, which is case-sensitive; `None` for every other,
    /// `none` and the symmetric ones among them.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            _ => return None,
        })
    }
}

/// A curve of ECDSA keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    /// Bytes of a coordinate.
    fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
            Self::P521 => &ECDSA_P521_SHA512_FIXED,
        }
    }
}

/// A public key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The modulus is not one of 2048 to 8192 bits without leading zeros.
    #[error("the modulus of an RSA key has 2048 to 8192 bits")]
    Modulus,
    /// The exponent is even, 1, or unusually long.
    #[error("the exponent of an RSA key is odd, greater than 1 and below 2^32")]
    Exponent,
    /// The coordinates are not a point of the curve.
    #[error("the coordinates are not a point of the curve")]
    Point,
}

/// A signature is not that of the message under the key.
///
/// Says nothing more on purpose: another key, an algorithm that the key is not for, altered and
/// malformed bytes look the same to whoever sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not valid")]
pub struct SignatureError;

/// A public key that verifies signatures.
#[derive(Clone)]
pub struct VerifyingKey(Kind);

#[derive(Clone)]
enum Kind {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    Ec {
        curve: Curve,
        point: ParsedPublicKey,
    },
}

impl VerifyingKey {
    /// An RSA key from its modulus and public exponent, big-endian.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let leads = modulus.first().is_some_and(|byte| *byte >= 0x80);
        let size = SHORTEST_MODULUS..=LONGEST_MODULUS;
        let odd = modulus.last().is_some_and(|byte| byte & 1 == 1);
        if !leads || !odd || !size.contains(&modulus.len()) {
            return Err(KeyError::Modulus);
        }
        let canonical = exponent.first().is_some_and(|byte| *byte != 0);
        let odd = exponent.last().is_some_and(|byte| byte & 1 == 1);
        if !canonical || !odd || exponent == [1] || exponent.len() > LONGEST_EXPONENT {
            return Err(KeyError::Exponent);
        }
        Ok(Self(Kind::Rsa(RsaPublicKeyComponents {
            n: modulus.to_vec(),
            e: exponent.to_vec(),
        })))
    }

    /// An ECDSA key from the coordinates of its point, which have their full length.
    pub fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != curve.coordinate() || y.len() != curve.coordinate() {
            return Err(KeyError::Point);
        }
        let point = [&[UNCOMPRESSED], x, y].concat();
        let point = ParsedPublicKey::new(curve.verification(), point);
        let point = point.map_err(|_not_on_the_curve| KeyError::Point)?;
        Ok(Self(Kind::Ec { curve, point }))
    }

    /// Whether signatures of `algorithm` can be this key's: RSA keys have the algorithms of
    /// RSA, a key of a curve has the one that belongs to the curve.
    #[must_use]
    pub fn is_for(&self, algorithm: SignatureAlgorithm) -> bool {
        match &self.0 {
            Kind::Rsa(_) => rsa_parameters(algorithm).is_some(),
            Kind::Ec { curve, .. } => matches!(
                (curve, algorithm),
                (Curve::P256, SignatureAlgorithm::Es256)
                    | (Curve::P384, SignatureAlgorithm::Es384)
                    | (Curve::P521, SignatureAlgorithm::Es512)
            ),
        }
    }

    /// Checks that `signature` is that of `message` by `algorithm`.
    ///
    /// Fails for every algorithm that [is not for](Self::is_for) the key.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        if !self.is_for(algorithm) {
            return Err(SignatureError);
        }
        let verified = match &self.0 {
            Kind::Rsa(key) => {
                let parameters = rsa_parameters(algorithm).ok_or(SignatureError)?;
                key.verify(parameters, message, signature)
            }
            Kind::Ec { point, .. } => point.verify_sig(message, signature),
        };
        verified.map_err(|_unspecified| SignatureError)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Rsa(key) => write!(f, "VerifyingKey(RSA {})", key.n.len() * 8),
            Kind::Ec { curve, .. } => write!(f, "VerifyingKey({curve:?})"),
        }
    }
}

fn rsa_parameters(algorithm: SignatureAlgorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        SignatureAlgorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        SignatureAlgorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        SignatureAlgorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        SignatureAlgorithm::Es256 | SignatureAlgorithm::Es384 | SignatureAlgorithm::Es512 => None,
    }
}

#[cfg(test)]
mod tests;
