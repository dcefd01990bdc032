//! `VerifyMac`: whether a message authentication code is one of an HMAC key.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{VerifyMacRequest, VerifyMacResponse};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyUsage;
use crate::symmetric::end_dry_run;
use crate::uses::{Demand, check_algorithm, key_for, mac_of};
use crate::{Error, actions, last_usage};

/// Verifies the HMAC of a message, in constant time.
///
/// Fails with `KMSInvalidMacException` if it is another, never answers `false`, and fails as
/// `GenerateMac` does otherwise.
#[derive(Debug)]
pub struct VerifyMac;

impl Operation for VerifyMac {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "VerifyMac";
    const ACTIONS: &'static [&'static Action] = &[&actions::VERIFY_MAC];
    const KIND: Kind = Kind::ReadOnly;
    type Input = VerifyMacRequest;
    type Output = VerifyMacResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let need = target
            .need(&actions::VERIFY_MAC)
            .across_accounts()
            .with(KeySet::default().one("kms:macalgorithm", input.mac_algorithm.as_str()));
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let demand = Demand {
            operation: Self::NAME,
            usage: KeyUsage::GenerateVerifyMac,
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let key = key_for(ctx, permit.target(), demand)?;
        let algorithm = input.mac_algorithm;
        let algorithms = key.record.spec.mac_algorithms();
        check_algorithm(key, algorithms, algorithm, algorithm.as_str())?;
        let (message, tag) = (input.message.expose(), input.mac.as_ref());
        if !mac_of(ctx, key, |mac| mac.verify(message, tag))? {
            return Err(Error::InvalidMac);
        }
        end_dry_run(input.dry_run)?;
        last_usage::note(ctx, key, Self::NAME)?;
        Ok(Reply::read(VerifyMacResponse {
            key_id: Some(key.record.arn.to_string()),
            mac_valid: Some(true),
            mac_algorithm: Some(algorithm),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with("macAlgorithm", input.mac_algorithm.as_str())
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
