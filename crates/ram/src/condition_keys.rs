//! The condition keys that AWS has for RAM.

use policy::{KeyType, KnownKey};

/// The condition keys of RAM, those of operations that do not exist here included.
pub const CONDITION_KEYS: &[KnownKey<'static>] = &[
    KnownKey::of("ram:AllowsExternalPrincipals", KeyType::Bool),
    KnownKey::of("ram:PermissionArn", KeyType::Arn),
    KnownKey::one("ram:PermissionResourceType"),
    KnownKey::many("ram:Principal"),
    KnownKey::of("ram:RequestedAllowsExternalPrincipals", KeyType::Bool),
    KnownKey::many("ram:RequestedResourceType"),
    KnownKey::many("ram:ResourceArn"),
    KnownKey::one("ram:ResourceShareName"),
    KnownKey::of("ram:RetainSharingOnAccountLeaveOrganization", KeyType::Bool),
    KnownKey::one("ram:ShareOwnerAccountId"),
];
