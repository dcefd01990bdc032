//! `GetBucketEncryption`: how objects are encrypted that say nothing of it.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::Value;
use shapes::buckets::{BucketInput, GetBucketEncryptionOutput};
use types::Service;

use super::GET_ENCRYPTION_CONFIGURATION;
use crate::target::BucketTarget;
use crate::{Error, event};

/// Returns a bucket's default encryption; every bucket has one.
///
/// Fails with `NoSuchBucket`.
#[derive(Debug)]
pub(crate) struct GetBucketEncryption;

impl Operation for GetBucketEncryption {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "GetBucketEncryption";
    const ACTIONS: &'static [&'static Action] = &[&GET_ENCRYPTION_CONFIGURATION];
    const KIND: Kind = Kind::ReadOnly;
    type Input = BucketInput;
    type Output = GetBucketEncryptionOutput;
    type Target = BucketTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, BucketTarget), Error> {
        let target = BucketTarget::find(ctx, &input.bucket)?;
        let need = target.need(&GET_ENCRYPTION_CONFIGURATION).across_accounts();
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let encryption = &permit.target().bucket(ctx.region())?.encryption;
        Ok(Reply::read(GetBucketEncryptionOutput {
            sse_algorithm: encryption.algorithm().to_owned(),
            kms_master_key_id: encryption.key().map(str::to_owned),
            bucket_key_enabled: encryption.bucket_key(),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::of_bucket(&input.bucket, Value::Null)
    }
}
