//! How the keys of groups are made and wrapped: for whoever creates or moves a group, on their
//! behalf; for the service's own work, through the group's grant.

use crypto::Key32;
use pipeline::{Ctx, Failure, OwnWork};
use shapes::Blob;
use shapes::kms::{
    DataKeySpec, EncryptRequest, GenerateDataKeyRequest, GenerateDataKeyResponse, ReEncryptRequest,
};
use store::View;
use types::{Arn, Entropy, Region, Service};

use crate::Error;
use crate::data_keys::unwrap_own;
use crate::key_records::Wrapped;
use crate::records::GroupRecord;

/// Under what the keys of a group are wrapped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wrapping<'a> {
    pub(crate) region: &'a Region,
    /// The customer's key; without one an AWS owned key.
    pub(crate) key: Option<&'a Arn>,
    pub(crate) context: &'a kms::EncryptionContext,
}

impl<'a> Wrapping<'a> {
    /// That of `group` as it is.
    pub(crate) fn of(group: &'a GroupRecord) -> Self {
        Self {
            region: &group.region,
            key: group.kms_key(),
            context: &group.schema.context,
        }
    }

    /// Makes a new key and returns it wrapped; its plaintext is wiped here.
    ///
    /// Under a customer's key this is `GenerateDataKey` on the caller's behalf, decided and
    /// recorded like any other.
    pub(crate) async fn new_key(&self, ctx: &Ctx) -> Result<Wrapped, Error> {
        let Some(key) = self.key else {
            return self.new_owned(ctx.part()?, ctx.view(), ctx.entropy());
        };
        let on_behalf = ctx.on_behalf_of(Service::SageMaker);
        let call = pipeline::call::<kms::GenerateDataKey>(on_behalf, self.generate(key));
        made(Box::pin(call).await)
    }

    /// The same in the service's own name.
    pub(crate) async fn new_key_own(&self, work: &OwnWork) -> Result<Wrapped, Error> {
        let Some(key) = self.key else {
            return self.new_owned(work.services().part()?, work.view(), work.entropy());
        };
        let call = work.call::<kms::GenerateDataKey>(self.generate(key));
        made(Box::pin(call).await)
    }

    /// Wraps `secret`: under a customer's key by `Encrypt` on the caller's behalf.
    pub(crate) async fn wrap(&self, ctx: &Ctx, secret: &Key32) -> Result<Wrapped, Error> {
        let Some(key) = self.key else {
            return self.wrap_owned(ctx.part()?, ctx.view(), secret);
        };
        let on_behalf = ctx.on_behalf_of(Service::SageMaker);
        let call = pipeline::call::<kms::Encrypt>(on_behalf, self.encrypt(key, secret));
        let answer = Box::pin(call).await.map_err(Error::of_key_call)?;
        blob(answer.ciphertext_blob)
    }

    /// Wraps a key of `group`, wrapped under `from`, anew, in the service's own name: from one
    /// customer's key to another, or under the newest material of the same, by `ReEncrypt`.
    pub(crate) async fn anew_own(
        &self,
        work: &OwnWork,
        group: &GroupRecord,
        (from, wrapped): (Option<&Arn>, &Wrapped),
    ) -> Result<Wrapped, Error> {
        let answer = match (from, self.key) {
            (_, None) => {
                let secret = unwrap_own(work, group, from, wrapped).await?;
                return self.wrap_owned(work.services().part()?, work.view(), &secret);
            }
            (None, Some(key)) => {
                let secret = unwrap_own(work, group, None, wrapped).await?;
                let call = work.call::<kms::Encrypt>(self.encrypt(key, &secret));
                let answer = Box::pin(call).await;
                answer.map(|answer| answer.ciphertext_blob)
            }
            (Some(from), Some(key)) => {
                let call = work.call::<kms::ReEncrypt>(self.re_encrypt(key, (from, wrapped)));
                let answer = Box::pin(call).await;
                answer.map(|answer| answer.ciphertext_blob)
            }
        };
        blob(answer.map_err(Error::of_key_call)?)
    }

    fn encrypt(&self, key: &Arn, secret: &Key32) -> EncryptRequest {
        EncryptRequest {
            key_id: key.to_string(),
            encryption_context: Some(self.context.clone()),
            plaintext: secret.expose().to_vec().into(),
            ..EncryptRequest::default()
        }
    }

    fn re_encrypt(&self, key: &Arn, (from, wrapped): (&Arn, &Wrapped)) -> ReEncryptRequest {
        ReEncryptRequest {
            ciphertext_blob: Some(Blob(wrapped.0.clone())),
            source_key_id: Some(from.to_string()),
            source_encryption_context: Some(self.context.clone()),
            destination_key_id: key.to_string(),
            destination_encryption_context: Some(self.context.clone()),
            ..ReEncryptRequest::default()
        }
    }

    fn generate(&self, key: &Arn) -> GenerateDataKeyRequest {
        GenerateDataKeyRequest {
            key_id: key.to_string(),
            encryption_context: Some(self.context.clone()),
            key_spec: Some(DataKeySpec::Aes256),
            ..GenerateDataKeyRequest::default()
        }
    }

    fn new_owned(
        &self,
        keyring: &kms::Keyring,
        view: &View,
        entropy: &dyn Entropy,
    ) -> Result<Wrapped, Error> {
        self.wrap_owned(keyring, view, &Key32::generate(entropy))
    }

    fn wrap_owned(
        &self,
        keyring: &kms::Keyring,
        view: &View,
        secret: &Key32,
    ) -> Result<Wrapped, Error> {
        let service = Service::SageMaker;
        keyring
            .encrypt_owned(view, service, self.region, self.context, secret.expose())
            .map(Wrapped)
            .map_err(|source| Error::internal("a new key cannot be wrapped", source))
    }
}

fn made(answer: Result<GenerateDataKeyResponse, Failure>) -> Result<Wrapped, Error> {
    blob(answer.map_err(Error::of_key_call)?.ciphertext_blob)
}

fn blob(blob: Option<Blob>) -> Result<Wrapped, Error> {
    let blob = blob.ok_or_else(|| Error::broken("KMS wrapped no key"))?;
    Ok(Wrapped(blob.0))
}
