//! `Decrypt`: what a KMS key encrypted.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DecryptRequest, DecryptResponse, DryRunModifierType, EncryptionAlgorithmSpec};
use types::{KeyId, Service};

use crate::ciphertext::Header;
use crate::context::cryptographic_keys;
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::symmetric::{Checks, end_dry_run, no_recipient, usable_key};
use crate::{Error, Keyring, actions};

/// Decrypts a ciphertext of `Encrypt` or of the data key operations. The ciphertext names its
/// key; `KeyId` is optional and must then name the same.
///
/// Fails with `InvalidCiphertextException`, without a message, if the ciphertext or the
/// encryption context is not what was encrypted, with `IncorrectKeyException` if `KeyId` names
/// another key, and as `Encrypt` does over the key's state.
#[derive(Debug)]
pub struct Decrypt;

/// The key that is to decrypt, and how it was found.
#[derive(Debug)]
pub struct DecryptTarget {
    key: KeyTarget,
    /// What the ciphertext says of itself; `None` if it is not one of ours.
    header: Option<Header>,
    /// Whether `KeyId` chose the key, not the ciphertext.
    named: bool,
}

impl Operation for Decrypt {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Decrypt";
    const ACTIONS: &'static [&'static Action] = &[&actions::DECRYPT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DecryptRequest;
    type Output = DecryptResponse;
    type Target = DecryptTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        check_parameters(input)?;
        let blob = input.ciphertext_blob.as_ref();
        let header = blob.and_then(|blob| Header::split(blob.as_ref()).ok());
        let header = header.map(|(header, _, _)| header);
        let key = match (&input.key_id, &header) {
            // A bare key id may also be that of another account's key, if the ciphertext
            // says so.
            (Some(id), Some(header)) if id.parse::<KeyId>().as_ref() == Ok(&header.key) => {
                KeyTarget::of_key(ctx, header.account, &header.key)
            }
            (Some(id), _) => KeyTarget::find(ctx, id, Forms::KeysAndAliases)?,
            (None, Some(header)) => KeyTarget::of_key(ctx, header.account, &header.key),
            (None, None) => return Err(Error::InvalidCiphertext),
        };
        let keys = cryptographic_keys(
            input.encryption_context.as_ref(),
            input.encryption_algorithm,
        );
        let need = key.need(&actions::DECRYPT).across_accounts().with(keys);
        Ok((
            Needs::one(need),
            DecryptTarget {
                key,
                header,
                named: input.key_id.is_some(),
            },
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let target = permit.target();
        if !target.named && target.key.key().is_err() {
            // The ciphertext of another deployment, or of a key that is gone.
            return Err(Error::InvalidCiphertext);
        }
        let key = usable_key(
            &target.key,
            Checks {
                algorithm: input.encryption_algorithm,
                grant_tokens: input.grant_tokens.as_deref(),
            },
        )?;
        if ignores_ciphertext(&input) {
            return Err(Error::DryRun);
        }
        let header = target.header.as_ref().ok_or(Error::InvalidCiphertext)?;
        if header.account != key.record.account || header.key != key.record.id {
            return Err(Error::IncorrectKey);
        }
        let blob = input
            .ciphertext_blob
            .as_ref()
            .ok_or(Error::InvalidCiphertext)?;
        let context = input.encryption_context.unwrap_or_default();
        let keyring = ctx.part::<Keyring>()?;
        let (plaintext, material) = keyring.decrypt(ctx.view(), key, &context, blob.as_ref())?;
        end_dry_run(input.dry_run)?;
        Ok(Reply::read(DecryptResponse {
            key_id: Some(key.record.arn.to_string()),
            plaintext: Some(plaintext.expose().to_vec().into()),
            encryption_algorithm: Some(EncryptionAlgorithmSpec::SymmetricDefault),
            ciphertext_for_recipient: None,
            key_material_id: Some(material.to_string()),
        }))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let default = EncryptionAlgorithmSpec::SymmetricDefault;
        let found = output.and_then(|output| output.key_id.clone());
        let material = output.and_then(|output| output.key_material_id.clone());
        let request = Fields::default()
            .maybe("keyId", input.key_id.clone().or(found))
            .context(input.encryption_context.as_ref())
            .with(
                "encryptionAlgorithm",
                input.encryption_algorithm.unwrap_or(default).as_str(),
            )
            .maybe("dryRun", input.dry_run)
            .request();
        let additional = material.map(|id| Fields::default().with("keyMaterialId", id).done());
        EventDetail {
            additional,
            ..request
        }
    }
}

fn ignores_ciphertext(input: &DecryptRequest) -> bool {
    let modifiers = input.dry_run_modifiers.as_deref().unwrap_or_default();
    modifiers.contains(&DryRunModifierType::IgnoreCiphertext)
}

/// What must be there when the ciphertext counts, and when a dry run ignores it.
fn check_parameters(input: &DecryptRequest) -> Result<(), Error> {
    no_recipient(input.recipient.as_ref())?;
    let missing = |member| Error::constraint("null", member, "Member must not be null");
    match (ignores_ciphertext(input), input.dry_run == Some(true)) {
        (true, false) => Err(Error::Validation(
            "DryRunModifiers can be used with DryRun only".into(),
        )),
        (true, true) if input.key_id.is_none() => Err(missing("keyId")),
        (false, _) if input.ciphertext_blob.is_none() => Err(missing("ciphertextBlob")),
        (true, true) | (false, _) => Ok(()),
    }
}
