//! `Encrypt`: up to 4,096 bytes under a KMS key.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{EncryptRequest, EncryptResponse, EncryptionAlgorithmSpec};
use types::Service;

use crate::context::cryptographic_keys;
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::symmetric::{Checks, end_dry_run, usable_key};
use crate::{Error, Keyring, actions};

/// Encrypts a short plaintext under a key, bound to the encryption context.
///
/// Fails with `NotFoundException` if the key or alias does not exist, with
/// `DisabledException` or `KMSInvalidStateException` if its state forbids the call, and with
/// `InvalidKeyUsageException` if the algorithm is not one of the key's.
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
        );
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
                grant_tokens: input.grant_tokens.as_deref(),
            },
        )?;
        end_dry_run(input.dry_run)?;
        let context = input.encryption_context.unwrap_or_default();
        let keyring = ctx.part::<Keyring>()?;
        let blob = keyring.encrypt(ctx.view(), key, &context, input.plaintext.expose())?;
        Ok(Reply::read(EncryptResponse {
            ciphertext_blob: Some(blob.into()),
            key_id: Some(key.record.arn.to_string()),
            encryption_algorithm: Some(EncryptionAlgorithmSpec::SymmetricDefault),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let default = EncryptionAlgorithmSpec::SymmetricDefault;
        Fields::default()
            .with("keyId", input.key_id.clone())
            .context(input.encryption_context.as_ref())
            .with(
                "encryptionAlgorithm",
                input.encryption_algorithm.unwrap_or(default).as_str(),
            )
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
