//! `PutKeyPolicy`: replaces the key policy of a KMS key.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::PutKeyPolicyRequest;
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::key_policy::{KeyPolicy, POLICY_NAME};
use crate::records::KeyRecord;
use crate::{Error, actions, lockout};

/// Replaces the key policy. The next request is decided by the new one.
///
/// Fails with `MalformedPolicyDocumentException` if it is not a key policy, names a principal
/// that does not exist, or would keep the caller from calling `PutKeyPolicy` again (unless the
/// caller waives that check); with `LimitExceededException` beyond the quota,
/// which is 32,768 bytes at AWS.
#[derive(Debug)]
pub struct PutKeyPolicy;

impl Operation for PutKeyPolicy {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "PutKeyPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::PUT_KEY_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = PutKeyPolicyRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let name = input.policy_name.as_deref().unwrap_or(POLICY_NAME);
        let bypass = input.bypass_policy_lockout_safety_check;
        let keys = KeySet::default().one("kms:policyname", name).maybe(
            "kms:bypasspolicylockoutsafetycheck",
            bypass.map(|bypass| bypass.to_string()),
        );
        Ok((
            Needs::one(target.need(&actions::PUT_KEY_POLICY).with(keys)),
            target,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = permit.target().key()?;
        match input.policy_name.as_deref() {
            None | Some(POLICY_NAME) => {}
            Some("AWS_RAM") => {
                let text = "The AWS_RAM policy can only be managed by the RAM service";
                return Err(Error::Validation(text.into()));
            }
            Some(_) => return Err(Error::NoSuchPolicy),
        }
        let policy = KeyPolicy::accept(ctx, &input.policy)?;
        let record = KeyRecord {
            policy,
            ..KeyRecord::clone(&key.record)
        };
        if input.bypass_policy_lockout_safety_check != Some(true) {
            lockout::check(ctx, &record)?;
        }
        let mut effect = Batch::default();
        record.replace(&key.record, &mut effect);
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let bypass = input.bypass_policy_lockout_safety_check;
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with(
                "policyName",
                input.policy_name.as_deref().unwrap_or(POLICY_NAME),
            )
            .with("policy", input.policy.clone())
            .with("bypassPolicyLockoutSafetyCheck", bypass.unwrap_or(false))
            .request()
    }
}
