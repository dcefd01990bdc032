//! `CreateBucket`: a new bucket record.

use pipeline::sources::{ResourceFacts, ResourceRule};
use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::json;
use shapes::buckets::{CreateBucketInput, CreateBucketOutput};
use store::{Batch, Lane};
use types::{AccountId, Service};

use super::{CREATE_BUCKET, PUT_BUCKET_OWNERSHIP_CONTROLS};
use crate::records::{BucketRecord, Encryption, Ownership, bucket_arn};
use crate::{Error, event};

/// How many buckets an account may have.
const MOST_BUCKETS: usize = 100;

/// Creates a bucket in the region of the call, owned by the caller's account: without a policy,
/// encrypted with keys of S3's own, and its objects owned by the bucket's owner unless told
/// otherwise.
///
/// Names are unique among all accounts. Fails with `InvalidBucketName`, with
/// `BucketAlreadyOwnedByYou` or `BucketAlreadyExists` if the name is taken, with
/// `TooManyBuckets`, and with `InvalidArgument` for an ownership that does not exist. An
/// ownership that is given needs `s3:PutBucketOwnershipControls`, too.
#[derive(Debug)]
pub(crate) struct CreateBucket;

impl Operation for CreateBucket {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "CreateBucket";
    const ACTIONS: &'static [&'static Action] = &[&CREATE_BUCKET, &PUT_BUCKET_OWNERSHIP_CONTROLS];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateBucketInput;
    type Output = CreateBucketOutput;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, AccountId), Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        if !crate::is_bucket_name(&input.bucket) {
            return Err(Error::BucketName);
        }
        // The bucket that is to be: one of that name says nothing about it.
        let facts = ResourceFacts {
            account: Some(account),
            rule: ResourceRule::None,
            keys: None,
        };
        let ownership = input.object_ownership.as_deref();
        let keys = KeySet::default()
            .one("s3:locationconstraint", ctx.region().as_str())
            .maybe("s3:x-amz-object-ownership", ownership);
        let need = |action| Need::on(action, bucket_arn(&input.bucket)).known(facts.clone());
        let mut needs = Needs::one(need(&CREATE_BUCKET).with(keys));
        if ownership.is_some() {
            needs.push(need(&PUT_BUCKET_OWNERSHIP_CONTROLS));
        }
        Ok((needs, account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let ownership = match input.object_ownership.as_deref() {
            None => Ownership::BucketOwnerEnforced,
            Some(name) => Ownership::of(name)
                .ok_or_else(|| Error::Argument("Invalid x-amz-object-ownership header".into()))?,
        };
        match BucketRecord::find(ctx.view(), &input.bucket) {
            Some(bucket) if bucket.account == account => return Err(Error::BucketOwned),
            Some(_) => return Err(Error::BucketExists),
            None => {}
        }
        let others = BucketRecord::names_of(ctx.view(), account, None, MOST_BUCKETS);
        if others.len() >= MOST_BUCKETS {
            return Err(Error::TooManyBuckets);
        }
        let bucket = BucketRecord {
            name: input.bucket,
            account,
            region: ctx.region().clone(),
            created: ctx.time(),
            encryption: Encryption::S3,
            ownership,
            policy: None,
        };
        let output = CreateBucketOutput {
            bucket_arn: bucket.arn().to_string(),
            bucket_region: bucket.region.to_string(),
        };
        let mut batch = Batch::new(Lane::Metadata);
        bucket.insert(&mut batch);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let ownership = &input.object_ownership;
        event::of_bucket(&input.bucket, json!({ "objectOwnership": ownership }))
    }
}
