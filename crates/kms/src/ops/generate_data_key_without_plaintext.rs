//! `GenerateDataKeyWithoutPlaintext`: a random key, encrypted under a KMS key only.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    DataKeySpec, GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse,
};
use types::Service;

use crate::context::cryptographic_keys;
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::symmetric::{Checks, data_key, data_key_length, end_dry_run, usable_key};
use crate::{Error, actions, key_stores, last_usage};

/// Makes a data key of 1 to 1,024 bytes and returns it encrypted; it is wiped before the
/// answer leaves.
///
/// Fails as `GenerateDataKey` does.
#[derive(Debug)]
pub struct GenerateDataKeyWithoutPlaintext;

impl Operation for GenerateDataKeyWithoutPlaintext {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GenerateDataKeyWithoutPlaintext";
    const ACTIONS: &'static [&'static Action] = &[&actions::GENERATE_DATA_KEY_WITHOUT_PLAINTEXT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GenerateDataKeyWithoutPlaintextRequest;
    type Output = GenerateDataKeyWithoutPlaintextResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let keys = cryptographic_keys(input.encryption_context.as_ref(), None)?;
        let need = target
            .need(&actions::GENERATE_DATA_KEY_WITHOUT_PLAINTEXT)
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
            context: input.encryption_context.as_ref(),
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let target = permit.target();
        target.key()?;
        let length = data_key_length(input.key_spec, input.number_of_bytes)?;
        let key = usable_key(ctx, target, checks)?;
        end_dry_run(input.dry_run)?;
        let context = input.encryption_context.unwrap_or_default();
        let made = data_key(ctx, (key, Self::NAME), &context, length).await?;
        last_usage::note(ctx, key, Self::NAME)?;
        let reply = Reply::read(GenerateDataKeyWithoutPlaintextResponse {
            ciphertext_blob: Some(made.blob.into()),
            key_id: Some(key.record.arn.to_string()),
            key_material_id: key.record.shown_material().map(|id| id.to_string()),
        });
        Ok(key_stores::note(reply, &key.record))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("keySpec", input.key_spec.map(DataKeySpec::as_str))
            .maybe("numberOfBytes", input.number_of_bytes)
            .context(input.encryption_context.as_ref())
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
