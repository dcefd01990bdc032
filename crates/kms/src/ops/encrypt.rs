//! `Encrypt`: up to 4,096 bytes under a KMS key.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{EncryptRequest, EncryptResponse};
use types::Service;

use crate::context::cryptographic_keys;
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::symmetric::{Checks, DEFAULT_ALGORITHM, end_dry_run, usable_key};
use crate::{Error, actions, key_stores, last_usage, uses};

/// Encrypts a short plaintext under a key: symmetrically and bound to the encryption context,
/// or under the public key of an RSA pair.
///
/// Fails with `NotFoundException` if the key or alias does not exist, with
/// `DisabledException` or `KMSInvalidStateException` if its state forbids the call, and with
/// `InvalidKeyUsageException` if the key or the algorithm is for something else. RSA takes no
/// context and shorter plaintexts, or fails with `ValidationException`.
#[derive(Debug)]
pub struct Encrypt;

impl Operation for Encrypt {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Encrypt";
    const ACTIONS: &'static [&'static Action] = &[&actions::ENCRYPT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = EncryptRequest;
    type Output = EncryptResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let keys = cryptographic_keys(
            input.encryption_context.as_ref(),
            input.encryption_algorithm,
        )?;
        let need = target.need(&actions::ENCRYPT).across_accounts().with(keys);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = usable_key(
            ctx,
            permit.target(),
            Checks {
                operation: Self::NAME,
                algorithm: input.encryption_algorithm,
                context: input.encryption_context.as_ref(),
                grant_tokens: input.grant_tokens.as_deref(),
            },
        )?;
        end_dry_run(input.dry_run)?;
        let context = input.encryption_context.unwrap_or_default();
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let (used, plaintext) = ((key, Self::NAME), input.plaintext.expose());
        let blob = uses::encrypt(ctx, used, algorithm, &context, plaintext).await?;
        last_usage::note(ctx, key, Self::NAME)?;
        let reply = Reply::read(EncryptResponse {
            ciphertext_blob: Some(blob.into()),
            key_id: Some(key.record.arn.to_string()),
            encryption_algorithm: Some(algorithm),
        });
        Ok(key_stores::note(reply, &key.record))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .context(input.encryption_context.as_ref())
            .with(
                "encryptionAlgorithm",
                input
                    .encryption_algorithm
                    .unwrap_or(DEFAULT_ALGORITHM)
                    .as_str(),
            )
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
