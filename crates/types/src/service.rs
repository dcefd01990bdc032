//! The services that this deployment answers for.
#![deny(clippy::wildcard_enum_match_arm)]

/// A service with its own protocol, endpoint name and signing name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// SageMaker's control plane (feature-store operations), JSON 1.1.
    SageMaker,
    /// SageMaker Feature Store Runtime, REST-JSON; signed as `sagemaker`.
    FeatureStoreRuntime,
    /// Key Management Service, JSON 1.1.
    Kms,
    /// Identity and Access Management, Query.
    Iam,
    /// Security Token Service, Query.
    Sts,
    /// Organizations, JSON 1.1.
    Organizations,
    /// CloudTrail, JSON 1.1.
    CloudTrail,
    /// Resource Access Manager, REST-JSON.
    Ram,
    /// Simple Storage Service: bucket records, and what other services ask of them. It has no
    /// endpoint yet.
    S3,
    /// Our own operations, JSON 1.1.
    Strongroom,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 10] = [
        Self::SageMaker,
        Self::FeatureStoreRuntime,
        Self::Kms,
        Self::Iam,
        Self::Sts,
        Self::Organizations,
        Self::CloudTrail,
        Self::Ram,
        Self::S3,
        Self::Strongroom,
    ];

    /// The prefix of the service's actions, which is also its name in the credential scope
    /// of a signature and in ARNs.
    pub fn action_prefix(self) -> &'static str {
        match self {
            Self::SageMaker | Self::FeatureStoreRuntime => "sagemaker",
            Self::Kms => "kms",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Organizations => "organizations",
            Self::CloudTrail => "cloudtrail",
            Self::Ram => "ram",
            Self::S3 => "s3",
            Self::Strongroom => "strongroom",
        }
    }

    /// The name of the service as a principal and as CloudTrail's `eventSource`.
    pub fn principal(self) -> &'static str {
        match self {
            Self::SageMaker | Self::FeatureStoreRuntime => "sagemaker.amazonaws.com",
            Self::Kms => "kms.amazonaws.com",
            Self::Iam => "iam.amazonaws.com",
            Self::Sts => "sts.amazonaws.com",
            Self::Organizations => "organizations.amazonaws.com",
            Self::CloudTrail => "cloudtrail.amazonaws.com",
            Self::Ram => "ram.amazonaws.com",
            Self::S3 => "s3.amazonaws.com",
            Self::Strongroom => "strongroom.amazonaws.com",
        }
    }

    /// The name of botocore's service model, which metrics and documents use too.
    pub fn model_name(self) -> &'static str {
        match self {
            Self::SageMaker => "sagemaker",
            Self::FeatureStoreRuntime => "sagemaker-featurestore-runtime",
            Self::Kms => "kms",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Organizations => "organizations",
            Self::CloudTrail => "cloudtrail",
            Self::Ram => "ram",
            Self::S3 => "s3",
            Self::Strongroom => "strongroom",
        }
    }
}
