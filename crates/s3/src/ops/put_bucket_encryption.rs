//! `PutBucketEncryption`: how objects are encrypted that say nothing of it.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::json;
use shapes::Empty;
use shapes::buckets::PutBucketEncryptionInput;
use store::{Batch, Lane};
use types::Service;

use super::PUT_ENCRYPTION_CONFIGURATION;
use crate::records::{BucketRecord, Encryption};
use crate::target::BucketTarget;
use crate::{Error, event};

/// Sets a bucket's default encryption, and whether its objects share a data key (a bucket key).
///
/// As at AWS the key is not used, and so not looked at, before an object is written. Fails with
/// `NoSuchBucket`, and with `InvalidArgument` for an encryption that S3 does not have and the
/// ARN of a key of another region.
#[derive(Debug)]
pub(crate) struct PutBucketEncryption;

impl Operation for PutBucketEncryption {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "PutBucketEncryption";
    const ACTIONS: &'static [&'static Action] = &[&PUT_ENCRYPTION_CONFIGURATION];
    const KIND: Kind = Kind::Mutating;
    type Input = PutBucketEncryptionInput;
    type Output = Empty;
    type Target = BucketTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, BucketTarget), Error> {
        let target = BucketTarget::find(ctx, &input.bucket)?;
        let need = target.need(&PUT_ENCRYPTION_CONFIGURATION).across_accounts();
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Empty>, Error> {
        let bucket = permit.target().bucket(ctx.region())?;
        let (algorithm, key) = (&input.sse_algorithm, input.kms_master_key_id.as_deref());
        let bucket_key = input.bucket_key_enabled == Some(true);
        let changed = BucketRecord {
            encryption: Encryption::asked(algorithm, key, bucket_key, &bucket.region)?,
            ..bucket.clone()
        };
        let mut batch = Batch::new(Lane::Metadata);
        changed.replace(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Empty>) -> EventDetail {
        let more = json!({
            "sseAlgorithm": input.sse_algorithm,
            "kmsMasterKeyID": input.kms_master_key_id,
            "bucketKeyEnabled": input.bucket_key_enabled,
        });
        event::of_bucket(&input.bucket, more)
    }
}
