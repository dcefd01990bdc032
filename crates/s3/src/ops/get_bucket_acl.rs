//! `GetBucketAcl`: who owns a bucket. Asked by other services in this process.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::buckets::{BucketInput, GetBucketAclOutput};
use types::Service;

use super::GET_BUCKET_ACL;
use crate::target::BucketTarget;
use crate::{Error, event};

/// Returns the owner of a bucket, who alone has a grant in its ACL, and where it is.
///
/// Fails with `NoSuchBucket`, and with `PermanentRedirect` in another region than the bucket's.
#[derive(Debug)]
pub struct GetBucketAcl;

impl Operation for GetBucketAcl {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "GetBucketAcl";
    const ACTIONS: &'static [&'static Action] = &[&GET_BUCKET_ACL];
    const KIND: Kind = Kind::ReadOnly;
    type Input = BucketInput;
    type Output = GetBucketAclOutput;
    type Target = BucketTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, BucketTarget), Error> {
        let target = BucketTarget::find(ctx, &input.bucket)?;
        let need = target.need(&GET_BUCKET_ACL).across_accounts();
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let bucket = permit.target().bucket(ctx.region())?;
        Ok(Reply::read(GetBucketAclOutput {
            owner: bucket.account.to_string(),
            bucket_region: bucket.region.to_string(),
            bucket_arn: bucket.arn().to_string(),
        }))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let owner = output.map(|output| output.owner.as_str());
        event::of_owned_bucket(&input.bucket, owner)
    }
}
