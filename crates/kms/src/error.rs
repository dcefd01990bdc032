//! How KMS operations fail, with AWS's codes and, where AWS fixes them, AWS's texts.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use types::{Arn, ErrorKind, ServiceError};

use crate::key_stores::KeyStoreError;
use crate::records::{KeyOrigin, KeySpec, KeyState, KeyUsage};

/// A KMS call that cannot be answered.
///
/// `Display` is the text for the caller, except for [`Error::Internal`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A well-formed key id or key ARN that names no key.
    #[error("Key '{arn}' does not exist")]
    KeyNotFound {
        /// The key's ARN, as the caller's identifier spells it out.
        arn: Arn,
    },
    /// An alias that does not exist.
    #[error("Alias {arn} is not found.")]
    AliasNotFound {
        /// The alias's ARN.
        arn: Arn,
    },
    /// Neither a key id nor anything else that identifies a key here.
    #[error("Invalid keyId {id}")]
    InvalidKeyId {
        /// What the caller sent, as AWS shows it: in quotes, unless it stood in an ARN.
        id: String,
    },
    /// An ARN of another region than the one that was called.
    #[error("Invalid arn {region}")]
    ForeignRegion {
        /// The region that the ARN names.
        region: String,
    },
    /// An ARN that is malformed, or of something that cannot stand for a key here.
    #[error("Invalid arn '{arn}'")]
    InvalidArn {
        /// What the caller sent.
        arn: String,
    },
    /// An alias where the operation takes keys only, whether or not it exists. AWS's text.
    #[error("Key Aliases are not supported for this operation.")]
    AliasNotTaken,
    /// A key policy of another name than `default`.
    #[error("No such policy exists")]
    NoSuchPolicy,
    /// The key is disabled.
    #[error("{arn} is disabled.")]
    Disabled {
        /// The key.
        arn: Arn,
    },
    /// The key's state does not allow the call.
    #[error("{arn} is {}.", .state.phrase())]
    State {
        /// The key.
        arn: Arn,
        /// Its state.
        state: KeyState,
    },
    /// The key is not being deleted.
    #[error("{arn} is not pending deletion.")]
    NotPendingDeletion {
        /// The key.
        arn: Arn,
    },
    /// The call is not for keys whose material comes from there.
    #[error("{arn} origin is {origin} which is not valid for this operation.")]
    Origin {
        /// The key.
        arn: Arn,
        /// Where its material comes from.
        origin: KeyOrigin,
    },
    /// An automatic rotation is about to begin.
    #[error("an automatic rotation of {arn} begins within 20 minutes")]
    RotationDue {
        /// The key.
        arn: Arn,
    },
    /// Only symmetric encryption keys are rotated. As at AWS, without a text.
    #[error("")]
    NotRotatable,
    /// A key with imported material is rotated to material that was imported for it.
    #[error("No available key material pending rotation for the key: {arn}.")]
    NoPendingMaterial {
        /// The key.
        arn: Arn,
    },
    /// The call is for multi-Region primary keys.
    #[error("{arn} is not a multi-region primary key.")]
    NotPrimary {
        /// The key.
        arn: Arn,
    },
    /// The region has a key of the set already.
    #[error("a key with the ARN {arn} already exists")]
    ReplicaExists {
        /// The key.
        arn: Arn,
    },
    /// What the call needed in another region was denied there; the text is that denial's.
    #[error("{0}")]
    Denied(String),
    /// The account calls too often. AWS's text.
    #[error(
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
    )]
    OverQuota,
    /// A key with imported material has new material waiting for a rotation, and takes no other.
    #[error(
        "New key material (id: {new}) cannot be imported into KMS key {arn}, because another key \
         material (id: {waiting}) is pending rotation."
    )]
    OtherMaterialPending {
        /// The key.
        arn: Arn,
        /// The id of the material that was brought.
        new: String,
        /// The id of the material that waits.
        waiting: String,
    },
    /// The key is for something else.
    #[error("{arn} key usage is {usage} which is not valid for {operation}.")]
    Usage {
        /// The key.
        arn: Arn,
        /// What the key is for.
        usage: KeyUsage,
        /// The operation.
        operation: &'static str,
    },
    /// The algorithm does not go with the key.
    #[error("Algorithm {algorithm} is incompatible with key spec {spec}.")]
    Algorithm {
        /// What the caller asked for.
        algorithm: &'static str,
        /// The key's spec.
        spec: KeySpec,
    },
    /// Data keys are encrypted symmetrically. AWS's text.
    #[error("You cannot generate a data key with an asymmetric CMK")]
    AsymmetricDataKey,
    /// The key has no public key. As at AWS, without a text.
    #[error("")]
    NotAsymmetric,
    /// The ciphertext, or the encryption context given with it, is not what was encrypted.
    ///
    /// Says nothing more on purpose, as at AWS.
    #[error("")]
    InvalidCiphertext,
    /// The signature is not one of the message under the key. As at AWS, without a text.
    #[error("")]
    InvalidSignature,
    /// The code is not that of the message under the key. As at AWS, without a text.
    #[error("")]
    InvalidMac,
    /// The import token is not one for the key.
    #[error("the import token is not valid for the KMS key")]
    InvalidImportToken,
    /// The time of the import token is over.
    #[error("the import token has expired")]
    ExpiredImportToken,
    /// Not the material that the key was given first, or none of its kind.
    #[error("the key material is not valid for the KMS key")]
    IncorrectKeyMaterial,
    /// The key never had a material with this id.
    #[error("the KMS key has no such key material")]
    NoSuchMaterial,
    /// `KeyId` names another key than the ciphertext.
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
    /// `DryRun` was set and the call would have succeeded.
    #[error("The request would have succeeded, but the DryRun option is set.")]
    DryRun,
    /// No grant has the token.
    #[error("a grant token is not valid")]
    InvalidGrantToken,
    /// Not the id of a grant.
    #[error("the grant id is not valid")]
    InvalidGrantId,
    /// The key has no grant with the id.
    #[error("Grant ID {id} not found")]
    GrantNotFound {
        /// What the caller sent.
        id: String,
    },
    /// An ARN that names nobody whom a grant can name.
    #[error("ARN does not refer to a valid principal: {arn}")]
    InvalidPrincipal {
        /// What the caller sent.
        arn: String,
    },
    /// AWS has it, this deployment does not.
    #[error("{0} is not supported")]
    Unsupported(Cow<'static, str>),
    /// The request contradicts itself or a rule that the service model does not express.
    #[error("{0}")]
    Validation(Cow<'static, str>),
    /// The key policy is not one, or would lock its owner out.
    #[error("{0}")]
    MalformedPolicy(Cow<'static, str>),
    /// Too many wait for the like already.
    #[error("too many requests wait for keys that are slow to make or to use; try again later")]
    Throttled,
    /// A quota is used up.
    #[error("{0}")]
    LimitExceeded(Cow<'static, str>),
    /// The tags of a new key break AWS's rules.
    #[error("{0}")]
    Tags(&'static str),
    /// The alias exists.
    #[error("An alias with the name {arn} already exists")]
    AliasExists {
        /// The alias's ARN.
        arn: Arn,
    },
    /// `alias/aws/` belongs to AWS managed keys. As at AWS, without a text.
    #[error("")]
    AliasReserved,
    /// The marker is not one that this list has given out.
    #[error("the marker is not valid for this list")]
    InvalidMarker,
    /// A custom key store, or what is behind it, does not do what was asked.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
    /// The caller belongs to no account, but the call is about the caller's account.
    #[error("the caller belongs to no account")]
    NoAccount,
    /// A bug or a damaged store; the cause is for the log.
    #[error("{what}")]
    Internal {
        /// What could not be done.
        what: &'static str,
        /// Why, if something else failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl Error {
    /// A failure of our own making.
    pub(crate) fn internal(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            what,
            source: Some(source.into()),
        }
    }

    /// What must never be, without another error behind it.
    pub(crate) fn broken(what: &'static str) -> Self {
        Self::Internal { what, source: None }
    }

    /// AWS's text for a value outside the constraint of a service model.
    pub(crate) fn constraint(value: &str, member: &str, rule: &str) -> Self {
        Self::Validation(Cow::Owned(format!(
            "1 validation error detected: Value {value} at '{member}' failed to satisfy \
             constraint: {rule}"
        )))
    }

    fn aws_code(&self) -> &'static str {
        match self {
            Self::KeyNotFound { .. }
            | Self::AliasNotFound { .. }
            | Self::InvalidKeyId { .. }
            | Self::ForeignRegion { .. }
            | Self::GrantNotFound { .. }
            | Self::NoSuchMaterial
            | Self::NoSuchPolicy => "NotFoundException",
            Self::InvalidArn { .. } | Self::InvalidPrincipal { .. } | Self::AliasNotTaken => {
                "InvalidArnException"
            }
            Self::Disabled { .. } => "DisabledException",
            Self::State { .. }
            | Self::NotPendingDeletion { .. }
            | Self::NoPendingMaterial { .. }
            | Self::OtherMaterialPending { .. } => "KMSInvalidStateException",
            Self::Usage { .. } | Self::Algorithm { .. } | Self::AsymmetricDataKey => {
                "InvalidKeyUsageException"
            }
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::InvalidImportToken => "InvalidImportTokenException",
            Self::ExpiredImportToken => "ExpiredImportTokenException",
            Self::IncorrectKeyMaterial => "IncorrectKeyMaterialException",
            Self::InvalidSignature => "KMSInvalidSignatureException",
            Self::InvalidMac => "KMSInvalidMacException",
            Self::IncorrectKey => "IncorrectKeyException",
            Self::RotationDue { .. } => "ConflictException",
            Self::DryRun => "DryRunOperationException",
            Self::InvalidGrantToken => "InvalidGrantTokenException",
            Self::InvalidGrantId => "InvalidGrantIdException",
            Self::Unsupported(_)
            | Self::Origin { .. }
            | Self::NotPrimary { .. }
            | Self::NotAsymmetric
            | Self::NotRotatable => "UnsupportedOperationException",
            Self::Validation(_) => "ValidationException",
            Self::MalformedPolicy(_) => "MalformedPolicyDocumentException",
            Self::Throttled | Self::OverQuota => "ThrottlingException",
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::Tags(_) => "TagException",
            Self::AliasExists { .. } | Self::ReplicaExists { .. } => "AlreadyExistsException",
            Self::AliasReserved => "NotAuthorizedException",
            Self::InvalidMarker => "InvalidMarkerException",
            Self::NoAccount | Self::Denied(_) => "AccessDeniedException",
            Self::KeyStore(failed) => failed.code(),
            Self::Internal { .. } => "KMSInternalException",
        }
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::KeyNotFound { .. }
            | Self::AliasNotFound { .. }
            | Self::InvalidKeyId { .. }
            | Self::ForeignRegion { .. }
            | Self::GrantNotFound { .. }
            | Self::NoSuchMaterial
            | Self::NoSuchPolicy => ErrorKind::NotFound,
            Self::Disabled { .. }
            | Self::State { .. }
            | Self::NotPendingDeletion { .. }
            | Self::NoPendingMaterial { .. }
            | Self::OtherMaterialPending { .. }
            | Self::AliasExists { .. }
            | Self::ReplicaExists { .. }
            | Self::RotationDue { .. }
            | Self::DryRun => ErrorKind::Conflict,
            Self::InvalidArn { .. }
            | Self::AliasNotTaken
            | Self::Usage { .. }
            | Self::Algorithm { .. }
            | Self::AsymmetricDataKey
            | Self::InvalidCiphertext
            | Self::InvalidImportToken
            | Self::ExpiredImportToken
            | Self::IncorrectKeyMaterial
            | Self::InvalidSignature
            | Self::InvalidMac
            | Self::IncorrectKey
            | Self::InvalidGrantToken
            | Self::InvalidGrantId
            | Self::InvalidPrincipal { .. }
            | Self::Validation(_)
            | Self::MalformedPolicy(_)
            | Self::Tags(_)
            | Self::InvalidMarker => ErrorKind::Validation,
            Self::Unsupported(_)
            | Self::Origin { .. }
            | Self::NotPrimary { .. }
            | Self::NotAsymmetric
            | Self::NotRotatable => ErrorKind::Unsupported,
            Self::KeyStore(failed) => failed.kind(),
            Self::LimitExceeded(_) => ErrorKind::LimitExceeded,
            Self::Throttled | Self::OverQuota => ErrorKind::Throttled,
            Self::AliasReserved | Self::NoAccount | Self::Denied(_) => ErrorKind::Denied,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.aws_code())
    }

    fn public_message(&self) -> String {
        match self {
            Self::Internal { .. } => "the request could not be processed; try again".to_owned(),
            Self::KeyNotFound { .. }
            | Self::AliasNotFound { .. }
            | Self::InvalidKeyId { .. }
            | Self::ForeignRegion { .. }
            | Self::GrantNotFound { .. }
            | Self::InvalidGrantId
            | Self::InvalidPrincipal { .. }
            | Self::NoSuchMaterial
            | Self::NoSuchPolicy
            | Self::Disabled { .. }
            | Self::State { .. }
            | Self::NotPendingDeletion { .. }
            | Self::NoPendingMaterial { .. }
            | Self::OtherMaterialPending { .. }
            | Self::NotRotatable
            | Self::Origin { .. }
            | Self::AliasExists { .. }
            | Self::ReplicaExists { .. }
            | Self::NotPrimary { .. }
            | Self::Denied(_)
            | Self::OverQuota
            | Self::RotationDue { .. }
            | Self::DryRun
            | Self::InvalidArn { .. }
            | Self::AliasNotTaken
            | Self::Usage { .. }
            | Self::Algorithm { .. }
            | Self::AsymmetricDataKey
            | Self::NotAsymmetric
            | Self::InvalidCiphertext
            | Self::InvalidImportToken
            | Self::ExpiredImportToken
            | Self::IncorrectKeyMaterial
            | Self::InvalidSignature
            | Self::InvalidMac
            | Self::IncorrectKey
            | Self::InvalidGrantToken
            | Self::Validation(_)
            | Self::MalformedPolicy(_)
            | Self::Tags(_)
            | Self::InvalidMarker
            | Self::Unsupported(_)
            | Self::Throttled
            | Self::LimitExceeded(_)
            | Self::AliasReserved
            | Self::KeyStore(_)
            | Self::NoAccount => self.to_string(),
        }
    }

    /// KMS answers every failure of the caller's with 400, and what can be tried again with 500.
    fn status(&self) -> Option<u16> {
        let ours = matches!(self.kind(), ErrorKind::Internal | ErrorKind::Unavailable);
        Some(if ours { 500 } else { 400 })
    }
}

impl From<pipeline::MissingPart> for Error {
    fn from(missing: pipeline::MissingPart) -> Self {
        Self::internal("a part of the server is missing", missing)
    }
}
