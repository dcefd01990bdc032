//! Canned ACLs, as far as an owner enforced by the bucket leaves a meaning to them.

use crate::Error;
use crate::records::{BucketRecord, Ownership};

/// The canned ACL that gives the bucket's owner full control.
pub(crate) const BUCKET_OWNER: &str = "bucket-owner-full-control";

/// The canned ACLs that S3 has for objects.
const CANNED: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    BUCKET_OWNER,
];

/// Checks the canned ACL of an object.
///
/// Fails with `InvalidArgument` for one that does not exist, and with
/// `AccessControlListNotSupported` if the bucket's owner owns all objects and the ACL says
/// otherwise.
pub(crate) fn check(bucket: &BucketRecord, acl: Option<&str>) -> Result<(), Error> {
    match acl {
        None | Some(BUCKET_OWNER) => Ok(()),
        Some(acl) if !CANNED.contains(&acl) => Err(Error::Argument("no such canned ACL".into())),
        Some(_) if bucket.ownership == Ownership::BucketOwnerEnforced => Err(Error::NoAcl),
        Some(_) => Ok(()),
    }
}
