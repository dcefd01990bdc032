//! The condition keys that AWS has for IAM, STS and Organizations.

use policy::{KeyType, KnownKey};

/// Every condition key of the three services, those of operations that do not exist here
/// included.
pub const CONDITION_KEYS: &[KnownKey<'static>] = &[
    KnownKey::of("iam:AssociatedResourceArn", KeyType::Arn),
    KnownKey::one("iam:AWSServiceName"),
    KnownKey::of("iam:DelegationDuration", KeyType::Number),
    KnownKey::of("iam:DelegationRequestOwner", KeyType::Arn),
    KnownKey::one("iam:FIDO-certification"),
    KnownKey::one("iam:FIDO-FIPS-140-2-certification"),
    KnownKey::one("iam:FIDO-FIPS-140-3-certification"),
    KnownKey::of("iam:NotificationChannel", KeyType::Arn),
    KnownKey::one("iam:OrganizationsPolicyId"),
    KnownKey::one("iam:PassedToService"),
    KnownKey::one("iam:PermissionsBoundary"),
    KnownKey::of("iam:PolicyARN", KeyType::Arn),
    KnownKey::one("iam:RegisterSecurityKey"),
    KnownKey::one("iam:ResourceTag/"),
    KnownKey::of("iam:ServiceSpecificCredentialAgeDays", KeyType::Number),
    KnownKey::one("iam:ServiceSpecificCredentialServiceName"),
    KnownKey::of("iam:TemplateArn", KeyType::Arn),
    KnownKey::one("organizations:PolicyType"),
    KnownKey::one("organizations:ServicePrincipal"),
    KnownKey::one("sts:AWSServiceName"),
    KnownKey::of("sts:DurationSeconds", KeyType::Number),
    KnownKey::one("sts:ExternalId"),
    KnownKey::many("sts:IdentityTokenAudience"),
    KnownKey::one("sts:RequestContext/"),
    KnownKey::many("sts:RequestContextProviders"),
    KnownKey::one("sts:RoleSessionName"),
    KnownKey::one("sts:SigningAlgorithm"),
    KnownKey::one("sts:SourceIdentity"),
    KnownKey::of("sts:TaskPolicyArn", KeyType::Arn),
    KnownKey::many("sts:TransitiveTagKeys"),
];
