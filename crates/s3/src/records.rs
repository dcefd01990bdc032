//! What is stored of buckets.

use serde::{Deserialize, Serialize};
use store::{AnyTable, Batch, Key, Record, Table, View};
use types::{AccountId, Arn, Region, Timestamp};

use crate::bucket_policy::BucketPolicy;

/// Buckets by name: of all accounts and regions, as names are unique in a partition.
static BUCKETS: Table<BucketRecord> = Table::with_history("s3_buckets");

/// The names of an account's buckets.
static OWNED: Table<Owned> = Table::without_history("s3_buckets_of_account");

/// Every table of this crate, for the engine to open.
pub fn tables() -> Vec<&'static dyn AnyTable> {
    vec![&BUCKETS, &OWNED]
}

/// A bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BucketRecord {
    /// The name.
    pub name: String,
    /// The account that owns it.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// When it was created.
    pub created: Timestamp,
    /// How objects are encrypted that say nothing of it.
    pub encryption: Encryption,
    /// Who owns its objects.
    pub ownership: Ownership,
    /// The bucket policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<BucketPolicy>,
}

/// Server-side encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    /// `AES256`: keys of S3's own.
    S3,
    /// `aws:kms`.
    Kms {
        /// The key as it was given; the AWS managed key of S3 without.
        key: Option<String>,
        /// Whether the bucket's objects share a data key.
        bucket_key: bool,
    },
}

/// `ObjectOwnership`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ownership {
    /// The bucket's owner, and ACLs say nothing.
    BucketOwnerEnforced,
    /// The bucket's owner, if whoever writes an object lets it be.
    BucketOwnerPreferred,
    /// Whoever writes an object.
    ObjectWriter,
}

impl Record for BucketRecord {
    const VERSION: u16 = 1;

    fn memory(&self) -> usize {
        let policy = self.policy.as_ref();
        policy.map_or(0, |policy| policy.document().memory())
    }
}

/// That a bucket is of an account: all is in the row's key.
#[derive(Debug, Serialize, Deserialize)]
struct Owned {}

impl Record for Owned {
    const VERSION: u16 = 1;
}

impl Ownership {
    /// The setting of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [
            Self::BucketOwnerEnforced,
            Self::BucketOwnerPreferred,
            Self::ObjectWriter,
        ]
        .into_iter()
        .find(|known| known.as_str() == name)
    }

    /// Its name at AWS.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }
}

impl BucketRecord {
    /// The bucket of this name.
    pub(crate) fn find<'a>(view: &'a View, name: &str) -> Option<&'a Self> {
        view.get(&BUCKETS, &Key::of(&[name])).map(|row| row.record)
    }

    /// The names of the buckets of `account` behind `after`, in order, at most `limit`.
    pub(crate) fn names_of(
        view: &View,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<String> {
        let after = after.map(|name| Key::of(&[account.as_str(), name]));
        let of_account = Key::of(&[account.as_str()]);
        let rows = view.scan(&OWNED, &of_account, after.as_ref());
        rows.filter_map(|(row, _)| row.text_parts().pop())
            .take(limit)
            .collect()
    }

    /// The bucket's ARN.
    pub fn arn(&self) -> Arn {
        bucket_arn(&self.name)
    }

    /// The change that stores a new bucket.
    pub(crate) fn insert(self, batch: &mut Batch) {
        let owned = Key::of(&[self.account.as_str(), &self.name]);
        batch.put(&OWNED, owned, Owned {});
        self.replace(batch);
    }

    /// The change that stores the bucket as it is now.
    pub(crate) fn replace(self, batch: &mut Batch) {
        batch.put(&BUCKETS, Key::of(&[&self.name]), self);
    }

    /// The change that removes the bucket.
    pub(crate) fn remove(&self, batch: &mut Batch) {
        batch.delete(&BUCKETS, Key::of(&[&self.name]));
        batch.delete(&OWNED, Key::of(&[self.account.as_str(), &self.name]));
    }
}

/// The ARN of the bucket of this name.
pub(crate) fn bucket_arn(name: &str) -> Arn {
    Arn::new("s3", None, None, name)
}

/// The ARN of an object.
pub(crate) fn object_arn(bucket: &str, key: &str) -> Arn {
    Arn::new("s3", None, None, &format!("{bucket}/{key}"))
}
