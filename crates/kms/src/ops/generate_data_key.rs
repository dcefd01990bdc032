//! `GenerateDataKey`: a random key, in clear and encrypted under a KMS key.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DataKeySpec, GenerateDataKeyRequest, GenerateDataKeyResponse};
use types::Service;

use crate::context::{self, EncryptionContext, cryptographic_keys};
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget, PredefinedAlias};
use crate::records::KeyRecord;
use crate::symmetric::{
    Checks, DEFAULT_ALGORITHM, DataKey, data_key, data_key_length, end_dry_run, no_recipient,
    usable_key,
};
use crate::{Error, actions, key_stores, last_usage};

/// Makes a data key of 1 to 1,024 bytes and returns it in clear and encrypted. Nothing of it
/// is kept here; `Decrypt` brings it back. A service that asks for the first data key under the
/// AWS managed key of its own makes that key.
///
/// Fails with `ValidationException` unless exactly one of `KeySpec` and `NumberOfBytes` is
/// given, and as `Encrypt` does over the key.
#[derive(Debug)]
pub struct GenerateDataKey;

impl Operation for GenerateDataKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GenerateDataKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::GENERATE_DATA_KEY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GenerateDataKeyRequest;
    type Output = GenerateDataKeyResponse;
    type Target = (KeyTarget, Option<Box<PredefinedAlias>>);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        no_recipient(input.recipient.as_ref())?;
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let keys = cryptographic_keys(input.encryption_context.as_ref(), None)?;
        let new = target.predefined(ctx);
        let new = new.filter(|alias| alias.is_called_by_its_service(ctx));
        let need = match &new {
            Some(alias) => alias.need(ctx, &actions::GENERATE_DATA_KEY)?,
            None => target.need(&actions::GENERATE_DATA_KEY),
        };
        let need = need.across_accounts().with(keys);
        Ok((Needs::one(need), (target, new.map(Box::new))))
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
        let (target, new) = permit.target();
        let length = data_key_length(input.key_spec, input.number_of_bytes);
        if let Some(alias) = new {
            let length = length?;
            end_dry_run(input.dry_run)?;
            let context = input.encryption_context.as_ref();
            return first_of(ctx, alias, context, length);
        }
        target.key()?;
        let length = length?;
        let key = usable_key(ctx, target, checks)?;
        end_dry_run(input.dry_run)?;
        let context = input.encryption_context.unwrap_or_default();
        let made = data_key(ctx, (key, Self::NAME), &context, length).await?;
        last_usage::note(ctx, key, Self::NAME)?;
        let reply = Reply::read(answer(made, &key.record));
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

/// Makes the AWS managed key of the service that calls, and the first data key under it.
fn first_of(
    ctx: &Ctx,
    alias: &PredefinedAlias,
    context: Option<&EncryptionContext>,
    length: usize,
) -> Result<Reply<GenerateDataKeyResponse>, Error> {
    let none = EncryptionContext::default();
    let context = context.unwrap_or(&none);
    context::check(context, DEFAULT_ALGORITHM)?;
    let (key, effect) = alias.create(ctx)?;
    let made = DataKey::draw(ctx, length, |plaintext| {
        key.encrypt(ctx.entropy(), context, plaintext)
    })?;
    last_usage::note_when_made(ctx, &key.record, GenerateDataKey::NAME);
    Ok(Reply::write(answer(made, &key.record), effect))
}

fn answer(made: DataKey, key: &KeyRecord) -> GenerateDataKeyResponse {
    GenerateDataKeyResponse {
        ciphertext_blob: Some(made.blob.into()),
        plaintext: Some(made.plaintext.into()),
        key_id: Some(key.arn.to_string()),
        ciphertext_for_recipient: None,
        key_material_id: key.shown_material().map(|id| id.to_string()),
    }
}
