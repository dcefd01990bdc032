//! `Decrypt`: what a KMS key encrypted.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DecryptRequest, DecryptResponse};
use types::Service;

use crate::context::{EncryptionContext, cryptographic_keys};
use crate::event::Fields;
use crate::source::{DryRun, Opened, Source};
use crate::symmetric::{Checks, DEFAULT_ALGORITHM, end_dry_run, no_recipient};
use crate::{Error, actions, key_stores, last_usage};

/// Decrypts a ciphertext of `Encrypt` or of the data key operations. A symmetric ciphertext
/// names its key; `KeyId` is optional and must then name the same. What was encrypted under
/// the public key of an RSA pair names nothing.
///
/// Fails with `InvalidCiphertextException`, without a message, if the ciphertext or the
/// encryption context is not what was encrypted, with `IncorrectKeyException` if `KeyId` names
/// another key, with `AccessDeniedException` if the ciphertext names one that is not there, and as
/// `Encrypt` does over the key's state.
#[derive(Debug)]
pub struct Decrypt;

impl Operation for Decrypt {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Decrypt";
    const ACTIONS: &'static [&'static Action] = &[&actions::DECRYPT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DecryptRequest;
    type Output = DecryptResponse;
    type Target = Source;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        no_recipient(input.recipient.as_ref())?;
        let blob = input.ciphertext_blob.as_ref().map(AsRef::as_ref);
        dry_run(input).check(input.key_id.is_some(), blob.is_some(), "keyId")?;
        let id = (input.key_id.as_ref(), "KeyId");
        let source = Source::find(ctx, id, blob, input.encryption_algorithm)?;
        let keys = cryptographic_keys(
            input.encryption_context.as_ref(),
            input.encryption_algorithm,
        )?;
        let need = source.need(&actions::DECRYPT);
        Ok((Needs::one(need.across_accounts().with(keys)), source))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let checks = Checks {
            operation: Self::NAME,
            algorithm: input.encryption_algorithm,
            context: input.encryption_context.as_ref(),
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let ignored = dry_run(&input).ignores_ciphertext();
        let blob = input.ciphertext_blob.as_ref().filter(|_| !ignored);
        let nothing = EncryptionContext::new();
        let context = input.encryption_context.as_ref().unwrap_or(&nothing);
        let source = permit.target();
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let blob = blob.map(AsRef::as_ref);
        let opened = source.open(ctx, (checks, &actions::DECRYPT), blob, context);
        let opened = opened.await?;
        let Opened::Plaintext(key, plaintext, material) = opened else {
            return Err(Error::DryRun);
        };
        end_dry_run(input.dry_run)?;
        last_usage::note(ctx, key, Self::NAME)?;
        let reply = Reply::read(DecryptResponse {
            key_id: Some(key.record.arn.to_string()),
            plaintext: Some(plaintext.expose().to_vec().into()),
            encryption_algorithm: Some(algorithm),
            ciphertext_for_recipient: None,
            key_material_id: material.map(|material| material.to_string()),
        });
        Ok(key_stores::note(reply, &key.record))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let found = output.and_then(|output| output.key_id.clone());
        let material = output.and_then(|output| output.key_material_id.clone());
        let request = Fields::default()
            .maybe("keyId", input.key_id.clone().or(found))
            .context(input.encryption_context.as_ref())
            .with(
                "encryptionAlgorithm",
                input
                    .encryption_algorithm
                    .unwrap_or(DEFAULT_ALGORITHM)
                    .as_str(),
            )
            .maybe("dryRun", input.dry_run)
            .request();
        let additional = material.map(|id| Fields::default().with("keyMaterialId", id).value());
        EventDetail {
            additional,
            ..request
        }
    }
}

fn dry_run(input: &DecryptRequest) -> DryRun<'_> {
    DryRun {
        dry_run: input.dry_run,
        modifiers: input.dry_run_modifiers.as_deref(),
    }
}
