//! Key specs and usages: which go together at AWS, and with which algorithms.

use crypto::{MacAlgorithm, PairSpec};
use shapes::kms::{
    CreateKeyRequest, CustomerMasterKeySpec, DataKeyPairSpec, EncapsulationAlgorithmSpec,
    EncryptionAlgorithmSpec, KeyAgreementAlgorithmSpec, KeyUsageType, MacAlgorithmSpec, OriginType,
    SigningAlgorithmSpec,
};

use crate::Error;
use crate::records::{KeyOrigin, KeySpec, KeyUsage};

/// What a key is: the properties that it has from its first day to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyForm {
    pub(crate) spec: KeySpec,
    pub(crate) usage: KeyUsage,
    pub(crate) origin: KeyOrigin,
    pub(crate) multi_region: bool,
}

impl KeyForm {
    /// A symmetric encryption key of one region, with material of its own.
    pub(crate) const SYMMETRIC: Self = Self {
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: KeyOrigin::AwsKms,
        multi_region: false,
    };

    /// What a caller asks for.
    ///
    /// Fails with `ValidationException` where AWS would refuse the combination, and with
    /// `UnsupportedOperationException` for keys that AWS has and this deployment does not.
    pub(crate) fn of_request(input: &CreateKeyRequest) -> Result<Self, Error> {
        let spec = spec(input)?;
        let usage = match (input.key_usage, spec) {
            (Some(usage), _) => KeyUsage::from_wire(usage),
            (None, shapes::kms::KeySpec::SymmetricDefault) => KeyUsage::EncryptDecrypt,
            (None, _) => {
                let text = "You must specify a KeyUsage value for all KMS keys except for \
                            symmetric encryption keys.";
                return Err(Error::Validation(text.into()));
            }
        };
        let Some(spec) = KeySpec::from_wire(spec) else {
            return Err(Error::Unsupported(format!("the key spec {spec}").into()));
        };
        if !spec.usages().contains(&usage) {
            let text = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
            return Err(Error::Validation(text.into()));
        }
        let form = Self {
            spec,
            usage,
            origin: origin(input, spec)?,
            multi_region: input.multi_region == Some(true),
        };
        form.check_store(input)?;
        Ok(form)
    }
}

impl KeyForm {
    /// Whether the key goes into a custom key store.
    pub(crate) fn is_held_outside(self) -> bool {
        matches!(
            self.origin,
            KeyOrigin::AwsCloudhsm | KeyOrigin::ExternalKeyStore
        )
    }

    /// Fails with `ValidationException` unless the key store and the external key are named
    /// where there are any, and with `UnsupportedOperationException` for keys that custom key
    /// stores do not hold.
    fn check_store(self, input: &CreateKeyRequest) -> Result<(), Error> {
        let (store, external) = (&input.custom_key_store_id, &input.xks_key_id);
        let wants_external = self.origin == KeyOrigin::ExternalKeyStore;
        if self.is_held_outside() != store.is_some() {
            let text = "CustomKeyStoreId must be given with the origins AWS_CLOUDHSM and \
                        EXTERNAL_KEY_STORE, and with no other";
            return Err(Error::Validation(text.into()));
        }
        if wants_external != external.is_some() {
            let text = "XksKeyId must be given with the origin EXTERNAL_KEY_STORE, and with no \
                        other";
            return Err(Error::Validation(text.into()));
        }
        if !self.is_held_outside() {
            return Ok(());
        }
        if self.spec != KeySpec::SymmetricDefault {
            let text = format!("the key spec {} in a custom key store", self.spec);
            return Err(Error::Unsupported(text.into()));
        }
        if self.multi_region {
            let text = "a multi-Region key in a custom key store";
            return Err(Error::Unsupported(text.into()));
        }
        Ok(())
    }
}

/// The spec, from the parameter or its deprecated synonym.
fn spec(input: &CreateKeyRequest) -> Result<shapes::kms::KeySpec, Error> {
    match (input.key_spec, input.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            let text = "You cannot specify KeySpec and CustomerMasterKeySpec in the same \
                        request. CustomerMasterKeySpec is deprecated.";
            Err(Error::Validation(text.into()))
        }
        (Some(spec), None) => Ok(spec),
        (None, Some(old)) => old.as_str().parse().map_err(|source| {
            Error::internal("a deprecated key spec has no current counterpart", source)
        }),
        (None, None) => Ok(shapes::kms::KeySpec::SymmetricDefault),
    }
}

fn origin(input: &CreateKeyRequest, spec: KeySpec) -> Result<KeyOrigin, Error> {
    match input.origin {
        None | Some(OriginType::AwsKms) => Ok(KeyOrigin::AwsKms),
        Some(OriginType::External) if spec.is_importable() => Ok(KeyOrigin::External),
        Some(OriginType::External) => {
            let text = format!("imported key material of the key spec {spec}");
            Err(Error::Unsupported(text.into()))
        }
        Some(OriginType::AwsCloudhsm) => Ok(KeyOrigin::AwsCloudhsm),
        Some(OriginType::ExternalKeyStore) => Ok(KeyOrigin::ExternalKeyStore),
    }
}

/// How material of a spec is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// AES-256-GCM with keys derived from the material.
    Symmetric,
    /// HMAC.
    Mac(MacAlgorithm),
    /// A key pair.
    Pair(PairSpec),
}

impl Family {
    /// Whether a new key is found by searching for primes: that takes up to seconds.
    pub(crate) fn searches_primes(self) -> bool {
        matches!(
            self,
            Self::Pair(PairSpec::Rsa2048 | PairSpec::Rsa3072 | PairSpec::Rsa4096)
        )
    }

    /// Whether computing with a key takes longer than a request may hold up others, a tenth of a
    /// millisecond (see [`crate::beside`]).
    pub(crate) fn is_slow(self) -> bool {
        match self {
            Self::Symmetric | Self::Mac(_) => false,
            Self::Pair(pair) => match pair {
                PairSpec::P256 | PairSpec::Ed25519 => false,
                PairSpec::Rsa2048
                | PairSpec::Rsa3072
                | PairSpec::Rsa4096
                | PairSpec::P384
                | PairSpec::P521
                | PairSpec::P256k1
                | PairSpec::MlDsa44
                | PairSpec::MlDsa65
                | PairSpec::MlDsa87
                | PairSpec::MlKem512
                | PairSpec::MlKem768
                | PairSpec::MlKem1024 => true,
            },
        }
    }
}

impl KeySpec {
    /// The spec of this name; `None` for SM2, which only the China Regions have.
    fn from_wire(spec: shapes::kms::KeySpec) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|own| own.as_str() == spec.as_str())
    }

    /// How its material is computed with.
    pub(crate) fn family(self) -> Family {
        match self {
            Self::SymmetricDefault => Family::Symmetric,
            Self::Hmac224 => Family::Mac(MacAlgorithm::Sha224),
            Self::Hmac256 => Family::Mac(MacAlgorithm::Sha256),
            Self::Hmac384 => Family::Mac(MacAlgorithm::Sha384),
            Self::Hmac512 => Family::Mac(MacAlgorithm::Sha512),
            Self::Rsa2048 => Family::Pair(PairSpec::Rsa2048),
            Self::Rsa3072 => Family::Pair(PairSpec::Rsa3072),
            Self::Rsa4096 => Family::Pair(PairSpec::Rsa4096),
            Self::EccNistP256 => Family::Pair(PairSpec::P256),
            Self::EccNistP384 => Family::Pair(PairSpec::P384),
            Self::EccNistP521 => Family::Pair(PairSpec::P521),
            Self::EccSecgP256k1 => Family::Pair(PairSpec::P256k1),
            Self::EccNistEdwards25519 => Family::Pair(PairSpec::Ed25519),
            Self::MlDsa44 => Family::Pair(PairSpec::MlDsa44),
            Self::MlDsa65 => Family::Pair(PairSpec::MlDsa65),
            Self::MlDsa87 => Family::Pair(PairSpec::MlDsa87),
            Self::MlKem512 => Family::Pair(PairSpec::MlKem512),
            Self::MlKem768 => Family::Pair(PairSpec::MlKem768),
            Self::MlKem1024 => Family::Pair(PairSpec::MlKem1024),
        }
    }

    /// The kind of keys that can stand for each other behind an alias.
    pub(crate) fn kind(self) -> &'static str {
        match self.family() {
            Family::Symmetric => "symmetric",
            Family::Mac(_) => "HMAC",
            Family::Pair(_) => "asymmetric",
        }
    }

    /// Whether material may come from outside.
    fn is_importable(self) -> bool {
        match self.family() {
            Family::Symmetric | Family::Mac(_) => true,
            Family::Pair(spec) => match spec {
                PairSpec::Rsa2048
                | PairSpec::Rsa3072
                | PairSpec::Rsa4096
                | PairSpec::P256
                | PairSpec::P384
                | PairSpec::P521
                | PairSpec::P256k1 => true,
                PairSpec::Ed25519
                | PairSpec::MlDsa44
                | PairSpec::MlDsa65
                | PairSpec::MlDsa87
                | PairSpec::MlKem512
                | PairSpec::MlKem768
                | PairSpec::MlKem1024 => false,
            },
        }
    }

    /// What keys of the spec may be for, by AWS's "Key spec reference".
    pub(crate) fn usages(self) -> &'static [KeyUsage] {
        use KeyUsage::{
            EncapsulateDecapsulate, EncryptDecrypt, GenerateVerifyMac, KeyAgreement, SignVerify,
        };
        match self {
            Self::SymmetricDefault => &[EncryptDecrypt],
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => &[GenerateVerifyMac],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[EncryptDecrypt, SignVerify],
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 => {
                &[SignVerify, KeyAgreement]
            }
            Self::EccSecgP256k1
            | Self::EccNistEdwards25519
            | Self::MlDsa44
            | Self::MlDsa65
            | Self::MlDsa87 => &[SignVerify],
            Self::MlKem512 | Self::MlKem768 | Self::MlKem1024 => &[EncapsulateDecapsulate],
        }
    }

    /// The algorithms of its encryption keys.
    pub(crate) fn encryption_algorithms(self) -> &'static [EncryptionAlgorithmSpec] {
        use EncryptionAlgorithmSpec::{RsaesOaepSha1, RsaesOaepSha256, SymmetricDefault};
        match self {
            Self::SymmetricDefault => &[SymmetricDefault],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[RsaesOaepSha1, RsaesOaepSha256],
            _ => &[],
        }
    }

    /// The algorithms of its signing keys.
    pub(crate) fn signing_algorithms(self) -> &'static [SigningAlgorithmSpec] {
        use SigningAlgorithmSpec as Algorithm;
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[
                Algorithm::RsassaPkcs1V15Sha256,
                Algorithm::RsassaPkcs1V15Sha384,
                Algorithm::RsassaPkcs1V15Sha512,
                Algorithm::RsassaPssSha256,
                Algorithm::RsassaPssSha384,
                Algorithm::RsassaPssSha512,
            ],
            Self::EccNistP256 | Self::EccSecgP256k1 => &[Algorithm::EcdsaSha256],
            Self::EccNistP384 => &[Algorithm::EcdsaSha384],
            Self::EccNistP521 => &[Algorithm::EcdsaSha512],
            Self::EccNistEdwards25519 => &[Algorithm::Ed25519Sha512, Algorithm::Ed25519PhSha512],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[Algorithm::MlDsaShake256],
            _ => &[],
        }
    }

    /// The algorithm of its HMAC keys.
    pub(crate) fn mac_algorithms(self) -> &'static [MacAlgorithmSpec] {
        match self {
            Self::Hmac224 => &[MacAlgorithmSpec::HmacSha224],
            Self::Hmac256 => &[MacAlgorithmSpec::HmacSha256],
            Self::Hmac384 => &[MacAlgorithmSpec::HmacSha384],
            Self::Hmac512 => &[MacAlgorithmSpec::HmacSha512],
            _ => &[],
        }
    }

    /// The spec under its current and its deprecated parameter; newer specs have no old name.
    pub(crate) fn on_wire(self) -> (Option<shapes::kms::KeySpec>, Option<CustomerMasterKeySpec>) {
        (self.as_str().parse().ok(), self.as_str().parse().ok())
    }
}

impl KeyUsage {
    fn from_wire(usage: KeyUsageType) -> Self {
        match usage {
            KeyUsageType::EncryptDecrypt => Self::EncryptDecrypt,
            KeyUsageType::SignVerify => Self::SignVerify,
            KeyUsageType::GenerateVerifyMac => Self::GenerateVerifyMac,
            KeyUsageType::KeyAgreement => Self::KeyAgreement,
            KeyUsageType::EncapsulateDecapsulate => Self::EncapsulateDecapsulate,
        }
    }

    pub(crate) fn on_wire(self) -> KeyUsageType {
        match self {
            Self::EncryptDecrypt => KeyUsageType::EncryptDecrypt,
            Self::SignVerify => KeyUsageType::SignVerify,
            Self::GenerateVerifyMac => KeyUsageType::GenerateVerifyMac,
            Self::KeyAgreement => KeyUsageType::KeyAgreement,
            Self::EncapsulateDecapsulate => KeyUsageType::EncapsulateDecapsulate,
        }
    }
}

/// The algorithms that a key may be used with, as metadata lists them.
#[derive(Debug, Default)]
pub(crate) struct Algorithms {
    pub(crate) encryption: Option<Vec<EncryptionAlgorithmSpec>>,
    pub(crate) signing: Option<Vec<SigningAlgorithmSpec>>,
    pub(crate) mac: Option<Vec<MacAlgorithmSpec>>,
    pub(crate) agreement: Option<Vec<KeyAgreementAlgorithmSpec>>,
    pub(crate) encapsulation: Option<Vec<EncapsulationAlgorithmSpec>>,
}

impl Algorithms {
    /// Those of the usage; no others are listed.
    pub(crate) fn of(spec: KeySpec, usage: KeyUsage) -> Self {
        let mut listed = Self::default();
        match usage {
            KeyUsage::EncryptDecrypt => {
                listed.encryption = Some(spec.encryption_algorithms().to_vec());
            }
            KeyUsage::SignVerify => listed.signing = Some(spec.signing_algorithms().to_vec()),
            KeyUsage::GenerateVerifyMac => listed.mac = Some(spec.mac_algorithms().to_vec()),
            KeyUsage::KeyAgreement => {
                listed.agreement = Some(vec![KeyAgreementAlgorithmSpec::Ecdh]);
            }
            KeyUsage::EncapsulateDecapsulate => {
                listed.encapsulation = Some(vec![EncapsulationAlgorithmSpec::MlKem]);
            }
        }
        listed
    }
}

/// The kind of data key pair that a caller asks for.
///
/// Fails with `UnsupportedOperationException` for SM2, as in a region that lacks it.
pub(crate) fn data_key_pair(spec: DataKeyPairSpec) -> Result<PairSpec, Error> {
    let own = KeySpec::ALL
        .iter()
        .find(|own| own.as_str() == spec.as_str());
    match own.map(|own| own.family()) {
        Some(Family::Pair(pair)) => Ok(pair),
        Some(Family::Symmetric | Family::Mac(_)) | None => Err(Error::Unsupported(
            format!("the key pair spec {spec}").into(),
        )),
    }
}

#[cfg(test)]
mod tests;
