//! `ReEncrypt`: brings a ciphertext under another key, or another encryption context.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{EncryptionAlgorithmSpec, ReEncryptRequest, ReEncryptResponse};
use types::Service;

use crate::context::cryptographic_keys;
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::source::{DryRun, Opened, Source};
use crate::symmetric::{Checks, DEFAULT_ALGORITHM, end_dry_run, usable_key};
use crate::{Error, actions, last_usage, uses};

/// Decrypts a ciphertext and encrypts what it holds under the destination key, without showing
/// it. Each key must allow its part.
///
/// Fails over the source as `Decrypt` does, and over the destination as `Encrypt` does.
#[derive(Debug)]
pub struct ReEncrypt;

/// Both keys.
#[derive(Debug)]
pub struct ReEncryptTarget {
    source: Source,
    destination: KeyTarget,
}

impl Operation for ReEncrypt {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ReEncrypt";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::RE_ENCRYPT_FROM, &actions::RE_ENCRYPT_TO];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ReEncryptRequest;
    type Output = ReEncryptResponse;
    type Target = ReEncryptTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let blob = input.ciphertext_blob.as_ref().map(AsRef::as_ref);
        let (source_id, dry_run) = (input.source_key_id.as_ref(), dry_run(input));
        dry_run.check(source_id.is_some(), blob.is_some(), "sourceKeyId")?;
        let source_id = (source_id, "SourceKeyId");
        let source = Source::find(ctx, source_id, blob, input.source_encryption_algorithm)?;
        let id = &input.destination_key_id;
        let destination = KeyTarget::find(ctx, id, Forms::KeysAndAliases)?;
        let same = source.key.arn() == destination.arn();
        let same = KeySet::default().one("kms:reencryptonsamekey", same.to_string());
        let from = cryptographic_keys(
            input.source_encryption_context.as_ref(),
            input.source_encryption_algorithm,
        )?;
        let to = cryptographic_keys(
            input.destination_encryption_context.as_ref(),
            input.destination_encryption_algorithm,
        )?;
        let from_need = source.need(&actions::RE_ENCRYPT_FROM).across_accounts();
        let to_need = destination.need(&actions::RE_ENCRYPT_TO).across_accounts();
        let needs =
            Needs::one(from_need.with(from).with(same.clone())).and(to_need.with(to).with(same));
        Ok((
            needs,
            ReEncryptTarget {
                source,
                destination,
            },
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let ReEncryptTarget {
            source,
            destination,
        } = permit.target();
        let checks = |algorithm, context| Checks {
            operation: Self::NAME,
            algorithm,
            context,
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let ignored = dry_run(&input).ignores_ciphertext();
        let blob = input.ciphertext_blob.as_ref().filter(|_| !ignored);
        let nothing = crate::EncryptionContext::new();
        let context = input.source_encryption_context.as_ref();
        let from = checks(input.source_encryption_algorithm, context);
        let opened = source.open(
            ctx,
            (from, &actions::RE_ENCRYPT_FROM),
            blob.map(AsRef::as_ref),
            context.unwrap_or(&nothing),
        );
        let opened = opened.await?;
        let to = input.destination_encryption_context.as_ref();
        let checks = checks(input.destination_encryption_algorithm, to);
        let key = usable_key(ctx, destination, checks)?;
        let Opened::Plaintext(from, plaintext, material) = opened else {
            return Err(Error::DryRun);
        };
        end_dry_run(input.dry_run)?;
        let context = to.unwrap_or(&nothing);
        let (from_algorithm, algorithm) = (
            input
                .source_encryption_algorithm
                .unwrap_or(DEFAULT_ALGORITHM),
            input
                .destination_encryption_algorithm
                .unwrap_or(DEFAULT_ALGORITHM),
        );
        let used = (key, Self::NAME);
        let blob = uses::encrypt(ctx, used, algorithm, context, plaintext.expose()).await?;
        let made = key
            .record
            .shown_material()
            .filter(|_| algorithm == DEFAULT_ALGORITHM);
        if from.record.arn != key.record.arn {
            last_usage::note(ctx, from, Self::NAME)?;
        }
        last_usage::note(ctx, key, Self::NAME)?;
        Ok(Reply::read(ReEncryptResponse {
            ciphertext_blob: Some(blob.into()),
            source_key_id: Some(from.record.arn.to_string()),
            key_id: Some(key.record.arn.to_string()),
            source_encryption_algorithm: Some(from_algorithm),
            destination_encryption_algorithm: Some(algorithm),
            source_key_material_id: material.map(|id| id.to_string()),
            destination_key_material_id: made.map(|id| id.to_string()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let algorithm =
            |given: Option<EncryptionAlgorithmSpec>| given.unwrap_or(DEFAULT_ALGORITHM).as_str();
        let (from, to) = (
            input.source_encryption_algorithm,
            input.destination_encryption_algorithm,
        );
        Fields::default()
            .with("sourceEncryptionAlgorithm", algorithm(from))
            .context_as(
                "sourceEncryptionContext",
                input.source_encryption_context.as_ref(),
            )
            .maybe("sourceKeyId", input.source_key_id.clone())
            .with("destinationKeyId", input.destination_key_id.clone())
            .with("destinationEncryptionAlgorithm", algorithm(to))
            .context_as(
                "destinationEncryptionContext",
                input.destination_encryption_context.as_ref(),
            )
            .maybe("dryRun", input.dry_run)
            .request()
    }
}

fn dry_run(input: &ReEncryptRequest) -> DryRun<'_> {
    DryRun {
        dry_run: input.dry_run,
        modifiers: input.dry_run_modifiers.as_deref(),
    }
}
