//! `PutBucketPolicy`: what a bucket's policy says from now on.

use pipeline::sources::Principals;
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::{Value, json};
use shapes::Empty;
use shapes::buckets::PutBucketPolicyInput;
use store::{Batch, Lane};
use types::Service;

use super::PUT_BUCKET_POLICY;
use crate::bucket_policy::BucketPolicy;
use crate::records::BucketRecord;
use crate::target::BucketTarget;
use crate::{Error, event};

/// Gives a bucket a policy, in place of the one that it has.
///
/// Only for principals of the account that owns the bucket; its root user is never shut out.
/// Fails with `NoSuchBucket`, and with `MalformedPolicy` for what is no policy of this bucket
/// or names principals that do not exist.
#[derive(Debug)]
pub(crate) struct PutBucketPolicy;

impl Operation for PutBucketPolicy {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "PutBucketPolicy";
    const ACTIONS: &'static [&'static Action] = &[&PUT_BUCKET_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = PutBucketPolicyInput;
    type Output = Empty;
    type Target = BucketTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, BucketTarget), Error> {
        let target = BucketTarget::find(ctx, &input.bucket)?;
        let need = target.need_on_policy(ctx, &PUT_BUCKET_POLICY);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Empty>, Error> {
        let bucket = permit.target().bucket(ctx.region())?;
        let known = ctx.part::<Principals>()?;
        let policy = BucketPolicy::accept(&input.policy, &bucket.name, ctx.view(), known)?;
        let mut batch = Batch::new(Lane::Metadata);
        let changed = BucketRecord {
            policy: Some(policy),
            ..bucket.clone()
        };
        changed.replace(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Empty>) -> EventDetail {
        let policy: Value = serde_json::from_str(&input.policy).unwrap_or_default();
        event::of_bucket(&input.bucket, json!({ "bucketPolicy": policy }))
    }
}
