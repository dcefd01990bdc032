//! `GetPublicKey`: the public key of an asymmetric KMS key.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{GetPublicKeyRequest, GetPublicKeyResponse};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::prices::Class;
use crate::specs::{Algorithms, Family};
use crate::uses::{Demand, key_for, with_pair};
use crate::{Error, actions, last_usage};

/// Returns the public key as `SubjectPublicKeyInfo` in DER, with what it may be used for.
///
/// Fails with `UnsupportedOperationException` if the key is not asymmetric, and as `Encrypt`
/// does over the key's state.
#[derive(Debug)]
pub struct GetPublicKey;

impl Operation for GetPublicKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GetPublicKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_PUBLIC_KEY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetPublicKeyRequest;
    type Output = GetPublicKeyResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let need = target.need(&actions::GET_PUBLIC_KEY).across_accounts();
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let target = permit.target();
        let demand = Demand {
            operation: Self::NAME,
            // Whatever it is for.
            usage: target.key()?.record.usage,
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let key = key_for(ctx, target, demand)?;
        let record = &key.record;
        if !matches!(record.spec.family(), Family::Pair(_)) {
            return Err(Error::NotAsymmetric);
        }
        let public_key = with_pair(ctx, key, |pair, _| pair.public_key()).await?;
        // Billed at AWS like the uses of a pair, but none of them.
        last_usage::count(ctx, key, Self::NAME, Class::of(record))?;
        let (key_spec, customer_master_key_spec) = record.spec.on_wire();
        let algorithms = Algorithms::of(record.spec, record.usage);
        Ok(Reply::read(GetPublicKeyResponse {
            key_id: Some(record.arn.to_string()),
            public_key: Some(public_key.into()),
            customer_master_key_spec,
            key_spec,
            key_usage: Some(record.usage.on_wire()),
            encryption_algorithms: algorithms.encryption,
            signing_algorithms: algorithms.signing,
            key_agreement_algorithms: algorithms.agreement,
            encapsulation_algorithms: algorithms.encapsulation,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .request()
    }
}
