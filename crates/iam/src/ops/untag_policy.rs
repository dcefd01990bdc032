//! `UntagPolicy`: removes tags of a customer managed policy.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::UntagPolicyRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::records::ManagedPolicyRecord;
use crate::{Error, actions, tags};

/// Removes tags by their keys, without regard to case. Keys that no tag has are passed over.
///
/// Fails with `ValidationError` if the ARN is none, and with `NoSuchEntity` if there is no such
/// policy. AWS managed policies belong to AWS: everybody is denied.
#[derive(Debug)]
pub(crate) struct UntagPolicy;

impl Operation for UntagPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UntagPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::UNTAG_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UntagPolicyRequest;
    type Output = Empty;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        let keys = KeySet::default().many("aws:tagkeys", input.tag_keys.clone());
        Ok((
            Needs::one(named.need(&actions::UNTAG_POLICY).with(keys)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut record = ManagedPolicyRecord::clone(permit.target().changeable()?);
        tags::remove(&mut record.tags, &input.tag_keys);
        let mut batch = Batch::default();
        record.put(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("policyArn", arn)
            .with("tagKeys", input.tag_keys.clone());
        event::about_policy(request, arn)
    }
}
