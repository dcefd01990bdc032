//! `Encapsulate`: a new shared secret for the holder of a KMS key.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{EncapsulateRequest, EncapsulateResponse};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyUsage;
use crate::symmetric::end_dry_run;
use crate::uses::{Demand, key_for, with_pair};
use crate::{Error, actions, last_usage};

/// Makes a shared secret with ML-KEM and its ciphertext, which `Decapsulate` opens.
///
/// Fails with `InvalidKeyUsageException` if the key is for something else, and as `Encrypt`
/// does over the key's state.
#[derive(Debug)]
pub struct Encapsulate;

impl Operation for Encapsulate {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Encapsulate";
    const ACTIONS: &'static [&'static Action] = &[&actions::ENCAPSULATE];
    const KIND: Kind = Kind::ReadOnly;
    type Input = EncapsulateRequest;
    type Output = EncapsulateResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let need = target.need(&actions::ENCAPSULATE).across_accounts();
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let demand = Demand {
            operation: Self::NAME,
            usage: KeyUsage::EncapsulateDecapsulate,
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let key = key_for(ctx, permit.target(), demand)?;
        end_dry_run(input.dry_run)?;
        let made = with_pair(ctx, key, |pair, _| pair.encapsulate()).await?;
        let (ciphertext, secret) =
            made.map_err(|source| Error::internal("encapsulation failed", source))?;
        last_usage::note(ctx, key, Self::NAME)?;
        Ok(Reply::read(EncapsulateResponse {
            key_id: Some(key.record.arn.to_string()),
            shared_secret: Some(secret.expose().to_vec().into()),
            shared_secret_ciphertext_blob: Some(ciphertext.into()),
            encapsulation_algorithm: Some(input.encapsulation_algorithm),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with(
                "encapsulationAlgorithm",
                input.encapsulation_algorithm.as_str(),
            )
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
