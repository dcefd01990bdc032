//! `TagPolicy`: adds or replaces tags of a customer managed policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::TagPolicyRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::records::ManagedPolicyRecord;
use crate::{Error, actions, tags};

/// Adds tags; a key that differs from an existing one in case only replaces it.
///
/// Fails with `ValidationError` if the ARN is none, with `NoSuchEntity` if there is no such
/// policy, with `InvalidInput` for keys that differ in case only, and with `LimitExceeded`
/// beyond 50 tags. AWS managed policies belong to AWS: everybody is denied.
#[derive(Debug)]
pub(crate) struct TagPolicy;

impl Operation for TagPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "TagPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::TAG_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = TagPolicyRequest;
    type Output = Empty;
    type Target = (NamedPolicy, Vec<(String, String)>);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        let tags = tags::read(Some(&input.tags))?;
        let need = named
            .need(&actions::TAG_POLICY)
            .with(tags::request_keys(&tags));
        Ok((Needs::one(need), (named, tags)))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, tags) = permit.into_target();
        let mut record = ManagedPolicyRecord::clone(named.changeable()?);
        tags::merge(&mut record.tags, tags, "TagsPerPolicy")?;
        let mut batch = Batch::default();
        record.put(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("policyArn", arn)
            .tags(Some(&input.tags));
        event::about_policy(request, arn)
    }
}
