//! `Sign`: a signature under the private key of a KMS key.

use crypto::KeyPair;
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{SignRequest, SignResponse};
use types::{Entropy, Service};

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyUsage;
use crate::symmetric::end_dry_run;
use crate::uses::{Demand, check_algorithm, key_for, with_pair};
use crate::{Error, actions, last_usage, signatures};

/// Signs a message of up to 4,096 bytes, its digest, or for ML-DSA its representative mu.
///
/// Fails with `InvalidKeyUsageException` if the key or the algorithm is for something else,
/// with `ValidationException` if the message type does not go with the algorithm or a digest
/// has the wrong length, and as `Encrypt` does over the key's state.
#[derive(Debug)]
pub struct Sign;

impl Operation for Sign {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Sign";
    const ACTIONS: &'static [&'static Action] = &[&actions::SIGN];
    const KIND: Kind = Kind::ReadOnly;
    type Input = SignRequest;
    type Output = SignResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let need = target
            .need(&actions::SIGN)
            .across_accounts()
            .with(signatures::condition_keys(
                input.signing_algorithm,
                input.message_type,
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
            usage: KeyUsage::SignVerify,
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let key = key_for(ctx, permit.target(), demand)?;
        let algorithm = input.signing_algorithm;
        let algorithms = key.record.spec.signing_algorithms();
        check_algorithm(key, algorithms, algorithm, algorithm.as_str())?;
        let (message, kind) = (input.message, input.message_type);
        signatures::prepare(algorithm, kind, message.expose())?;
        end_dry_run(input.dry_run)?;
        let sign = move |pair: &KeyPair, entropy: &dyn Entropy| {
            let (scheme, message) = signatures::prepare(algorithm, kind, message.expose())?;
            let signed = pair.sign(entropy, scheme, message);
            signed.map_err(|source| Error::internal("signing failed", source))
        };
        let signature = with_pair(ctx, key, sign).await??;
        last_usage::note(ctx, key, Self::NAME)?;
        Ok(Reply::read(SignResponse {
            key_id: Some(key.record.arn.to_string()),
            signature: Some(signature.into()),
            signing_algorithm: Some(algorithm),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with("messageType", signatures::shown(input.message_type))
            .with("signingAlgorithm", input.signing_algorithm.as_str())
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
