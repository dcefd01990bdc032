//! From a bucket's name to the bucket, and to what it takes to do something with it.

use pipeline::sources::{ResourceFacts, ResourceRule};
use pipeline::{Ctx, KeySet, Need};
use policy::Action;
use store::View;
use types::{AccountId, Arn, Principal, Region};

use crate::Error;
use crate::records::{BucketRecord, bucket_arn};
use crate::source::facts_of;

/// What a bucket's name stands for.
#[derive(Debug)]
pub struct BucketTarget {
    pub(crate) arn: Arn,
    found: Option<BucketRecord>,
    caller: AccountId,
}

impl BucketTarget {
    /// Finds the bucket that `name` stands for.
    ///
    /// Fails with `InvalidBucketName` for what no bucket can be called, and if the caller
    /// belongs to no account.
    pub(crate) fn find(ctx: &Ctx, name: &str) -> Result<Self, Error> {
        let caller = ctx.account().ok_or(Error::NoAccount)?;
        Self::seen_by(ctx.view(), caller, name)
    }

    /// The same for a caller of this account.
    pub(crate) fn seen_by(view: &View, caller: AccountId, name: &str) -> Result<Self, Error> {
        if !crate::is_bucket_name(name) {
            return Err(Error::BucketName);
        }
        Ok(Self {
            arn: bucket_arn(name),
            found: BucketRecord::find(view, name).cloned(),
            caller,
        })
    }

    /// The bucket, if it is there; only for callers who were allowed.
    ///
    /// Fails with `NoSuchBucket`, and with `PermanentRedirect` if it is in another region.
    pub(crate) fn bucket(&self, region: &Region) -> Result<&BucketRecord, Error> {
        let bucket = self.found.as_ref().ok_or(Error::NoSuchBucket)?;
        if bucket.region != *region {
            return Err(Error::OtherRegion {
                region: bucket.region.to_string(),
            });
        }
        Ok(bucket)
    }

    /// The same, which must belong to the account that is `expected`, if one is.
    ///
    /// Fails with `AccessDenied` too: names of buckets are free again when they are deleted, and
    /// whoever takes one must not get what is meant for another account's bucket.
    pub(crate) fn bucket_of(
        &self,
        region: &Region,
        expected: Option<&str>,
    ) -> Result<&BucketRecord, Error> {
        let bucket = self.bucket(region)?;
        if expected.is_some_and(|expected| expected != bucket.account.as_str()) {
            return Err(Error::OtherOwner);
        }
        Ok(bucket)
    }

    /// The need of `action` on the bucket.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        self.need_on(action, self.arn.clone())
    }

    /// The need of `action` on the bucket or an object of it.
    ///
    /// A bucket that is missing counts as the caller's own: whose identity policies allow the
    /// action learns that it is missing.
    pub(crate) fn need_on(&self, action: &'static Action, arn: Arn) -> Need {
        let facts = match &self.found {
            Some(bucket) => facts_of(bucket),
            None => ResourceFacts {
                account: Some(self.caller),
                rule: ResourceRule::None,
                keys: None,
            },
        };
        let owner = facts.account.map(|account| account.to_string());
        let keys = KeySet::default().maybe("s3:resourceaccount", owner);
        Need::on(action, arn).known(facts).with(keys)
    }

    /// The same for an action on the bucket's policy, of which the root user of the bucket's
    /// account is never shut out, whatever the policy says.
    pub(crate) fn need_on_policy(&self, ctx: &Ctx, action: &'static Action) -> Need {
        let need = self.need(action);
        let owner = self.found.as_ref().map(|bucket| bucket.account);
        match &ctx.caller().principal {
            Principal::Root { account } if Some(*account) == owner => need.known(ResourceFacts {
                account: owner,
                rule: ResourceRule::None,
                keys: None,
            }),
            _ => need,
        }
    }
}
