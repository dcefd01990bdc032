//! `DeletePolicyVersion`: ends a version of a customer managed policy that is not in force.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeletePolicyVersionRequest;
use store::Batch;
use types::Service;

use crate::error::Dependent;
use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::records::ManagedPolicyRecord;
use crate::{Error, actions};

/// Deletes a version. Its number is never used again.
///
/// Fails with `ValidationError` if the ARN is none, with `NoSuchEntity` if there is no such
/// policy or version, and with `DeleteConflict` for the version in force. AWS managed policies
/// belong to AWS: everybody is denied.
#[derive(Debug)]
pub(crate) struct DeletePolicyVersion;

impl Operation for DeletePolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeletePolicyVersion";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_POLICY_VERSION];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeletePolicyVersionRequest;
    type Output = Empty;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((
            Needs::one(named.need(&actions::DELETE_POLICY_VERSION)),
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
        if number == record.default_version {
            return Err(Error::InUse(Dependent::DefaultVersion));
        }
        record.versions.retain(|version| version.number != number);
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
