//! The closed words of a key: state, spec, usage, origin, manager, stored and shown as AWS's text.

/// A closed enumeration that is stored and shown as AWS's text.
macro_rules! text_enum {
    (
        $(#[$doc:meta])*
        $vis:vis $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            serde::Deserialize,
        )]
        $vis enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value.
            $vis const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value as AWS writes it.
            $vis fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use text_enum;

text_enum! {
    /// The state of a key.
    pub KeyState {
        /// Usable.
        Enabled = "Enabled",
        /// Switched off by its owner.
        Disabled = "Disabled",
        /// Waits for its end.
        PendingDeletion = "PendingDeletion",
        /// A multi-Region primary that waits for its replicas' end.
        PendingReplicaDeletion = "PendingReplicaDeletion",
        /// Has no material.
        PendingImport = "PendingImport",
        /// Its key store is disconnected.
        Unavailable = "Unavailable",
        /// A replica in the making.
        Creating = "Creating",
        /// Its primary Region is being changed.
        Updating = "Updating",
    }
}

impl KeyState {
    /// The state as AWS's messages say it: `<key> is pending deletion.`
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::PendingDeletion => "pending deletion",
            Self::PendingReplicaDeletion => "pending replica deletion",
            Self::PendingImport => "pending import",
            Self::Unavailable => "unavailable",
            Self::Creating => "creating",
            Self::Updating => "updating",
        }
    }
}

text_enum! {
    /// What kind of material a key has.
    pub KeySpec {
        /// 256 bits for AES-256-GCM.
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        /// 224 bits for HMAC-SHA-224.
        Hmac224 = "HMAC_224",
        /// 256 bits for HMAC-SHA-256.
        Hmac256 = "HMAC_256",
        /// 384 bits for HMAC-SHA-384.
        Hmac384 = "HMAC_384",
        /// 512 bits for HMAC-SHA-512.
        Hmac512 = "HMAC_512",
        /// RSA with 2048 bits.
        Rsa2048 = "RSA_2048",
        /// RSA with 3072 bits.
        Rsa3072 = "RSA_3072",
        /// RSA with 4096 bits.
        Rsa4096 = "RSA_4096",
        /// NIST P-256.
        EccNistP256 = "ECC_NIST_P256",
        /// NIST P-384.
        EccNistP384 = "ECC_NIST_P384",
        /// NIST P-521.
        EccNistP521 = "ECC_NIST_P521",
        /// SECG secp256k1.
        EccSecgP256k1 = "ECC_SECG_P256K1",
        /// Ed25519.
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        /// ML-DSA-44.
        MlDsa44 = "ML_DSA_44",
        /// ML-DSA-65.
        MlDsa65 = "ML_DSA_65",
        /// ML-DSA-87.
        MlDsa87 = "ML_DSA_87",
        /// ML-KEM-512.
        MlKem512 = "ML_KEM_512",
        /// ML-KEM-768.
        MlKem768 = "ML_KEM_768",
        /// ML-KEM-1024.
        MlKem1024 = "ML_KEM_1024",
    }
}

text_enum! {
    /// What a key is for.
    pub KeyUsage {
        /// Encryption and decryption.
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        /// Signatures.
        SignVerify = "SIGN_VERIFY",
        /// Message authentication codes.
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        /// Agreement on a shared secret.
        KeyAgreement = "KEY_AGREEMENT",
        /// Encapsulation of a shared secret.
        EncapsulateDecapsulate = "ENCAPSULATE_DECAPSULATE",
    }
}

text_enum! {
    /// Where a key's material comes from.
    pub KeyOrigin {
        /// Made here.
        AwsKms = "AWS_KMS",
        /// Imported by the key's owner.
        External = "EXTERNAL",
        /// Made on a token that its owner controls, and kept there.
        AwsCloudhsm = "AWS_CLOUDHSM",
        /// Held by an external key manager, beside material that was made here.
        ExternalKeyStore = "EXTERNAL_KEY_STORE",
    }
}

text_enum! {
    /// Who manages a key.
    pub KeyManager {
        /// A service, for the account that holds the key.
        Aws = "AWS",
        /// The account that holds the key.
        Customer = "CUSTOMER",
    }
}
