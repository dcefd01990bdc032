//! `DeleteBucket`: the end of a bucket record.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::Value;
use shapes::Empty;
use shapes::buckets::BucketInput;
use store::{Batch, Lane};
use types::Service;

use super::DELETE_BUCKET;
use crate::target::BucketTarget;
use crate::{Error, event};

/// Deletes a bucket, which holds no objects here. Feature groups whose offline store is in it
/// are blocked from then on, and keep what waits for it.
///
/// Fails with `NoSuchBucket`, and with `PermanentRedirect` in another region than the bucket's.
#[derive(Debug)]
pub(crate) struct DeleteBucket;

impl Operation for DeleteBucket {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "DeleteBucket";
    const ACTIONS: &'static [&'static Action] = &[&DELETE_BUCKET];
    const KIND: Kind = Kind::Mutating;
    type Input = BucketInput;
    type Output = Empty;
    type Target = BucketTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, BucketTarget), Error> {
        let target = BucketTarget::find(ctx, &input.bucket)?;
        let need = target.need(&DELETE_BUCKET).across_accounts();
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Empty>, Error> {
        let mut batch = Batch::new(Lane::Metadata);
        permit.target().bucket(ctx.region())?.remove(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Empty>) -> EventDetail {
        event::of_bucket(&input.bucket, Value::Null)
    }
}
