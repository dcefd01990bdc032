//! `DeleteBucketPolicy`: a bucket without a policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::Value;
use shapes::Empty;
use shapes::buckets::BucketInput;
use store::{Batch, Lane};
use types::Service;

use super::DELETE_BUCKET_POLICY;
use crate::records::BucketRecord;
use crate::target::BucketTarget;
use crate::{Error, event};

/// Takes a bucket's policy away; that there is none is no failure.
///
/// Only for principals of the account that owns the bucket; its root user is never shut out.
/// Fails with `NoSuchBucket`.
#[derive(Debug)]
pub(crate) struct DeleteBucketPolicy;

impl Operation for DeleteBucketPolicy {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "DeleteBucketPolicy";
    const ACTIONS: &'static [&'static Action] = &[&DELETE_BUCKET_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = BucketInput;
    type Output = Empty;
    type Target = BucketTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, BucketTarget), Error> {
        let target = BucketTarget::find(ctx, &input.bucket)?;
        let need = target.need_on_policy(ctx, &DELETE_BUCKET_POLICY);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Empty>, Error> {
        let bucket = permit.target().bucket(ctx.region())?;
        let mut batch = Batch::new(Lane::Metadata);
        if bucket.policy.is_some() {
            let changed = BucketRecord {
                policy: None,
                ..bucket.clone()
            };
            changed.replace(&mut batch);
        }
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Empty>) -> EventDetail {
        event::of_bucket(&input.bucket, Value::Null)
    }
}
