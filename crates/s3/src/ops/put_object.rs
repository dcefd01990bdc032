//! `PutObject`, up to the body: what is decided before an object is written. Asked by other
//! services in this process.

use std::sync::Arc;

use kms::EncryptionContext;
use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::Value;
use shapes::buckets::{PutObjectInput, PutObjectOutput};
use shapes::kms::{DataKeySpec, GenerateDataKeyRequest};
use store::View;
use types::{AccountId, Arn, Region, Service};

use super::{GENERATE_DATA_KEY, PUT_OBJECT, PUT_OBJECT_ACL};
use crate::encryption::{AES256, MANAGED_KEY};
use crate::records::{BucketRecord, Encryption, object_arn};
use crate::target::BucketTarget;
use crate::{Error, acl, event};

/// Decides whether an object of this key may be written with this encryption and ACL: the
/// caller needs `s3:PutObject` on it, with an ACL also `s3:PutObjectAcl`, and with `aws:kms` its
/// data key, which S3 has KMS make on the caller's behalf, under the encryption context
/// `aws:s3:arn`. Writes nothing: objects come with S3's endpoint.
///
/// The context is the object's ARN, or the bucket's where objects share a data key. Without a
/// key `aws:kms` means the AWS managed key of S3 in the caller's account, which is made when it
/// is first used. Fails with `NoSuchBucket`, `PermanentRedirect`, `InvalidArgument`, `AccessDenied`
/// for a bucket of another account than the expected, `AccessControlListNotSupported`, and with the code of KMS behind `KMS.` if the key cannot be
/// used.
#[derive(Debug)]
pub struct PutObject;

impl Operation for PutObject {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "PutObject";
    const ACTIONS: &'static [&'static Action] = &[&PUT_OBJECT, &PUT_OBJECT_ACL];
    const KIND: Kind = Kind::DataWrite;
    const DENIED_CODE: Option<&'static str> = Some("AccessDenied");
    type Input = PutObjectInput;
    type Output = PutObjectOutput;
    type Target = BucketTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, BucketTarget), Error> {
        let target = BucketTarget::find(ctx, &input.bucket)?;
        Ok((needs(&target, input), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = permit.target().bucket_of(ctx.region(), owner)?;
        acl::check(bucket, input.acl.as_deref())?;
        let encryption = encryption(bucket, &input)?;
        let Encryption::Kms { key, bucket_key } = encryption else {
            return Ok(Reply::read(PutObjectOutput {
                server_side_encryption: AES256.to_owned(),
                sse_kms_key_id: None,
            }));
        };
        let request = GenerateDataKeyRequest {
            key_id: key.unwrap_or_else(|| MANAGED_KEY.to_owned()),
            encryption_context: Some(context(bucket, &input.key, bucket_key)),
            key_spec: Some(DataKeySpec::Aes256),
            ..GenerateDataKeyRequest::default()
        };
        let on_behalf = ctx.on_behalf_of(Service::S3);
        let call = pipeline::call::<kms::GenerateDataKey>(on_behalf, request);
        // The data key is wiped here: there is no object yet that it would be kept with.
        let made = Box::pin(call).await.map_err(Error::of_key_call)?;
        Ok(Reply::read(PutObjectOutput {
            server_side_encryption: crate::encryption::AWS_KMS.to_owned(),
            sse_kms_key_id: made.key_id,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::of_bucket(&input.bucket, Value::Null)
    }
}

/// Everything that writing such an object takes: what [`PutObject`] needs, and the data key
/// under the key at `key`. For asking whether a caller of `account` could, without doing it.
///
/// Fails as [`PutObject`] does for the bucket and the ACL.
pub fn write_needs(
    view: &View,
    (account, region): (AccountId, &Region),
    input: &PutObjectInput,
    key: &Arn,
) -> Result<Needs, Error> {
    let target = BucketTarget::seen_by(view, account, &input.bucket)?;
    let bucket = target.bucket_of(region, input.expected_bucket_owner.as_deref())?;
    acl::check(bucket, input.acl.as_deref())?;
    let bucket_key = encryption(bucket, input)?.bucket_key();
    let context = context(bucket, &input.key, bucket_key);
    let keys = kms::encryption_context_keys(&context);
    let need = Need::on(&GENERATE_DATA_KEY, key.clone())
        .via(Service::S3)
        .across_accounts()
        .with_shared(Arc::new(keys));
    Ok(needs(&target, input).and(need))
}

fn needs(target: &BucketTarget, input: &PutObjectInput) -> Needs {
    let object = object_arn(&input.bucket, &input.key);
    let key = input.sse_kms_key_id.as_deref();
    let keys = KeySet::default()
        .maybe("s3:x-amz-acl", input.acl.as_deref())
        .maybe(
            "s3:x-amz-server-side-encryption",
            input.server_side_encryption.as_deref(),
        )
        .maybe("s3:x-amz-server-side-encryption-aws-kms-key-id", key);
    let need = |action| {
        let need = target.need_on(action, object.clone()).across_accounts();
        need.with(keys.clone())
    };
    let needs = Needs::one(need(&PUT_OBJECT));
    match &input.acl {
        Some(_) => needs.and(need(&PUT_OBJECT_ACL)),
        None => needs,
    }
}

/// How the object will be encrypted: as it asks for, else as the bucket says. Whether data keys
/// are shared is the bucket's business.
fn encryption(bucket: &BucketRecord, input: &PutObjectInput) -> Result<Encryption, Error> {
    let key = input.sse_kms_key_id.as_deref();
    match input.server_side_encryption.as_deref() {
        None if key.is_some() => Err(Error::Argument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header \
             x-amz-server-side-encryption : aws:kms"
                .into(),
        )),
        None => Ok(bucket.encryption.clone()),
        Some(algorithm) => {
            let shared = algorithm != AES256 && bucket.encryption.bucket_key();
            Encryption::asked(algorithm, key, shared, &bucket.region)
        }
    }
}

fn context(bucket: &BucketRecord, key: &str, bucket_key: bool) -> EncryptionContext {
    let arn = if bucket_key {
        bucket.arn()
    } else {
        object_arn(&bucket.name, key)
    };
    EncryptionContext::from([("aws:s3:arn".to_owned(), arn.to_string())])
}
