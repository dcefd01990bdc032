//! `GenerateDataKeyPairWithoutPlaintext`: a key pair, its private key
//! encrypted under a KMS key only.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyPairWithoutPlaintextResponse,
};
use types::Service;

use crate::context::cryptographic_keys;
use crate::data_key_pair::data_key_pair;
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::specs;
use crate::symmetric::{Checks, end_dry_run, usable_key};
use crate::{Error, actions, last_usage};

/// Makes a key pair and returns the private key encrypted. Nothing of it is kept here;
/// `Decrypt` brings the private key back.
///
/// Fails with `InvalidKeyUsageException` unless the key is for symmetric encryption, and as
/// `Encrypt` does over the key's state.
#[derive(Debug)]
pub struct GenerateDataKeyPairWithoutPlaintext;

impl Operation for GenerateDataKeyPairWithoutPlaintext {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GenerateDataKeyPairWithoutPlaintext";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GenerateDataKeyPairWithoutPlaintextRequest;
    type Output = GenerateDataKeyPairWithoutPlaintextResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        specs::data_key_pair(input.key_pair_spec)?;
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let keys = cryptographic_keys(input.encryption_context.as_ref(), None)
            .one("kms:datakeypairspec", input.key_pair_spec.as_str());
        let need = target
            .need(&actions::GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT)
            .across_accounts()
            .with(keys);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let checks = Checks {
            operation: Self::NAME,
            algorithm: None,
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let key = usable_key(ctx, permit.target(), checks)?;
        end_dry_run(input.dry_run)?;
        let context = input.encryption_context.unwrap_or_default();
        let made = data_key_pair(ctx, key, &context, input.key_pair_spec).await?;
        last_usage::note(ctx, key, Self::NAME)?;
        Ok(Reply::read(GenerateDataKeyPairWithoutPlaintextResponse {
            private_key_ciphertext_blob: Some(made.blob.into()),
            public_key: Some(made.public_key.into()),
            key_id: Some(key.record.arn.to_string()),
            key_pair_spec: Some(input.key_pair_spec),
            key_material_id: key.record.material.map(|id| id.to_string()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with("keyPairSpec", input.key_pair_spec.as_str())
            .context(input.encryption_context.as_ref())
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
