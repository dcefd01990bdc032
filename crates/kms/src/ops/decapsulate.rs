//! `Decapsulate`: the shared secret that someone made for a KMS key.

use crypto::KeyPair;
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DecapsulateRequest, DecapsulateResponse};
use types::{Entropy, Service};

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyUsage;
use crate::symmetric::end_dry_run;
use crate::uses::{Demand, key_for, with_pair};
use crate::{Error, actions, last_usage};

/// Opens what `Encapsulate`, or anyone else who has the public key, made.
///
/// Fails with `InvalidCiphertextException` if the length is wrong. Another ciphertext of the
/// right length gives a secret that nobody else has (implicit rejection). Fails as
/// `Encapsulate` does otherwise.
#[derive(Debug)]
pub struct Decapsulate;

impl Operation for Decapsulate {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Decapsulate";
    const ACTIONS: &'static [&'static Action] = &[&actions::DECAPSULATE];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DecapsulateRequest;
    type Output = DecapsulateResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let need = target.need(&actions::DECAPSULATE).across_accounts();
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
        let blob = input.shared_secret_ciphertext_blob;
        let open = move |pair: &KeyPair, _: &dyn Entropy| pair.decapsulate(blob.as_ref());
        let secret = with_pair(ctx, key, open).await?;
        let secret = secret.map_err(|_length| Error::InvalidCiphertext)?;
        end_dry_run(input.dry_run)?;
        last_usage::note(ctx, key, Self::NAME)?;
        Ok(Reply::read(DecapsulateResponse {
            key_id: Some(key.record.arn.to_string()),
            shared_secret: Some(secret.expose().to_vec().into()),
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
