//! `Verify`: whether a signature is one of a KMS key.

use crypto::KeyPair;
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{VerifyRequest, VerifyResponse};
use types::{Entropy, Service};

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyUsage;
use crate::symmetric::end_dry_run;
use crate::uses::{Demand, check_algorithm, key_for, with_pair};
use crate::{Error, actions, last_usage, signatures};

/// Verifies a signature that `Sign`, or anyone else who holds the private key, has made.
///
/// Fails with `KMSInvalidSignatureException` if it is none, never answers `false`, and fails
/// as `Sign` does otherwise.
#[derive(Debug)]
pub struct Verify;

impl Operation for Verify {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Verify";
    const ACTIONS: &'static [&'static Action] = &[&actions::VERIFY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = VerifyRequest;
    type Output = VerifyResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let need =
            target
                .need(&actions::VERIFY)
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
        let verify = move |pair: &KeyPair, _: &dyn Entropy| {
            let (scheme, message) = signatures::prepare(algorithm, kind, message.expose())?;
            let verified = pair.verify(scheme, message, input.signature.as_ref());
            verified.map_err(|source| Error::internal("verifying failed", source))
        };
        if !with_pair(ctx, key, verify).await?? {
            return Err(Error::InvalidSignature);
        }
        end_dry_run(input.dry_run)?;
        last_usage::note(ctx, key, Self::NAME)?;
        Ok(Reply::read(VerifyResponse {
            key_id: Some(key.record.arn.to_string()),
            signature_valid: Some(true),
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
