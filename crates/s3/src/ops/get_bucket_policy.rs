//! `GetBucketPolicy`: what a bucket's policy says.

use pipeline::sources::Principals;
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::Value;
use shapes::buckets::{BucketInput, GetBucketPolicyOutput};
use types::Service;

use super::GET_BUCKET_POLICY;
use crate::target::BucketTarget;
use crate::{Error, event};

/// Returns a bucket's policy.
///
/// Only for principals of the account that owns the bucket; its root user is never shut out.
/// Fails with `NoSuchBucket`, and with `NoSuchBucketPolicy` if the bucket has none.
#[derive(Debug)]
pub(crate) struct GetBucketPolicy;

impl Operation for GetBucketPolicy {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "GetBucketPolicy";
    const ACTIONS: &'static [&'static Action] = &[&GET_BUCKET_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = BucketInput;
    type Output = GetBucketPolicyOutput;
    type Target = BucketTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, BucketTarget), Error> {
        let target = BucketTarget::find(ctx, &input.bucket)?;
        let need = target.need_on_policy(ctx, &GET_BUCKET_POLICY);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let bucket = permit.target().bucket(ctx.region())?;
        let policy = bucket.policy.as_ref().ok_or(Error::NoPolicy)?;
        let policy = policy.shown(ctx.view(), ctx.part::<Principals>()?)?;
        Ok(Reply::read(GetBucketPolicyOutput { policy }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::of_bucket(&input.bucket, Value::Null)
    }
}
