//! `SetDefaultPolicyVersion`: puts another version of a customer managed policy into force.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::SetDefaultPolicyVersionRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::records::ManagedPolicyRecord;
use crate::{Error, actions};

/// Puts a version into force: for whomever the policy is attached to or bounds, from the next
/// request on.
///
/// Fails with `ValidationError` if the ARN is none, and with `NoSuchEntity` if there is no such
/// policy or version. AWS managed policies belong to AWS: everybody is denied.
#[derive(Debug)]
pub(crate) struct SetDefaultPolicyVersion;

impl Operation for SetDefaultPolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "SetDefaultPolicyVersion";
    const ACTIONS: &'static [&'static Action] = &[&actions::SET_DEFAULT_POLICY_VERSION];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = SetDefaultPolicyVersionRequest;
    type Output = Empty;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((
            Needs::one(named.need(&actions::SET_DEFAULT_POLICY_VERSION)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, id) = (permit.target(), input.version_id.as_str());
        let mut record = ManagedPolicyRecord::clone(named.changeable()?);
        let (number, ..) = named.version(id)?;
        record.default_version = number;
        let mut batch = Batch::default();
        record.put(&mut batch);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("policyArn", arn)
            .with("versionId", input.version_id.as_str());
        event::about_policy(request, arn)
    }
}
