//! `DeriveSharedSecret`: what a KMS key and a public key agree on.

use crypto::KeyPair;
use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DeriveSharedSecretRequest, DeriveSharedSecretResponse};
use types::{Entropy, Service};

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyUsage;
use crate::symmetric::{end_dry_run, no_recipient};
use crate::uses::{Demand, key_for, with_pair};
use crate::{Error, actions, last_usage, metadata};

/// Derives the raw shared secret of ECDH with another party's public key: the x coordinate
/// of the common point, from which callers derive keys.
///
/// Fails with `ValidationException`, without a message, unless the public key is a
/// `SubjectPublicKeyInfo` of a point of the same named curve, with `InvalidKeyUsageException`
/// if the key is for something else, and as `Encrypt` does over the key's state.
#[derive(Debug)]
pub struct DeriveSharedSecret;

impl Operation for DeriveSharedSecret {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DeriveSharedSecret";
    const ACTIONS: &'static [&'static Action] = &[&actions::DERIVE_SHARED_SECRET];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DeriveSharedSecretRequest;
    type Output = DeriveSharedSecretResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        no_recipient(input.recipient.as_ref())?;
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let need = target
            .need(&actions::DERIVE_SHARED_SECRET)
            .across_accounts()
            .with(KeySet::default().one(
                "kms:keyagreementalgorithm",
                input.key_agreement_algorithm.as_str(),
            ));
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let demand = Demand {
            operation: Self::NAME,
            usage: KeyUsage::KeyAgreement,
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let key = key_for(ctx, permit.target(), demand)?;
        let peer = input.public_key;
        let agree = move |pair: &KeyPair, _: &dyn Entropy| pair.agree(peer.as_ref());
        let secret = with_pair(ctx, key, agree).await?;
        // AWS says nothing more either.
        let secret = secret.map_err(|_not_a_point| Error::Validation("".into()))?;
        end_dry_run(input.dry_run)?;
        last_usage::note(ctx, key, Self::NAME)?;
        Ok(Reply::read(DeriveSharedSecretResponse {
            key_id: Some(key.record.arn.to_string()),
            shared_secret: Some(secret.expose().to_vec().into()),
            ciphertext_for_recipient: None,
            key_agreement_algorithm: Some(input.key_agreement_algorithm),
            key_origin: Some(metadata::origin(key.record.origin)),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with(
                "keyAgreementAlgorithm",
                input.key_agreement_algorithm.as_str(),
            )
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
