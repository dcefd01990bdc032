//! Simple Storage Service: bucket records, and what S3 decides about them.
//!
//! Layer 2b. There is no endpoint of S3 yet and no object is stored: a [`BucketRecord`] says who
//! owns a bucket, what its policy allows, and how its objects are encrypted. Operations of our
//! own service set buckets up under the actions of S3. [`GetBucketAcl`] and [`PutObject`] are
//! asked by other services in this process, as whoever they act for: they take the way of every
//! call, so that identity policies, the bucket's policy and the key's policy all count, and KMS
//! sees S3 and nobody else.

mod acl;
mod bucket_name;
mod bucket_policy;
mod condition_keys;
mod encryption;
mod error;
mod event;
mod ops;
mod records;
mod source;
mod target;

pub use bucket_name::is_bucket_name;
pub use condition_keys::CONDITION_KEYS;
pub use error::Error;
pub use ops::get_bucket_acl::GetBucketAcl;
pub use ops::put_object::{PutObject, write_needs};
pub use records::{BucketRecord, tables};
pub use source::Buckets;

use pipeline::{Operation as _, Registry};

/// Adds every operation that callers can call.
pub fn register(registry: &mut impl Registry) {
    registry.add::<ops::create_bucket::CreateBucket>();
    registry.add::<ops::delete_bucket::DeleteBucket>();
    registry.add::<ops::delete_bucket_policy::DeleteBucketPolicy>();
    registry.add::<ops::get_bucket_encryption::GetBucketEncryption>();
    registry.add::<ops::get_bucket_policy::GetBucketPolicy>();
    registry.add::<ops::list_buckets::ListBuckets>();
    registry.add::<ops::put_bucket_encryption::PutBucketEncryption>();
    registry.add::<ops::put_bucket_policy::PutBucketPolicy>();
}

/// The actions of the operations that only services of this process call.
pub fn internal_actions() -> impl Iterator<Item = &'static policy::Action> {
    let actions = [GetBucketAcl::ACTIONS, PutObject::ACTIONS];
    actions.into_iter().flatten().copied()
}

/// Adds the operations that only services of this process call.
pub fn register_internal(registry: &mut impl Registry) {
    registry.add::<GetBucketAcl>();
    registry.add::<PutObject>();
}
