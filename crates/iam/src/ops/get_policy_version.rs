//! `GetPolicyVersion`: the text of one version of a managed policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{GetPolicyVersionRequest, GetPolicyVersionResponse, PolicyVersion};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::{Error, actions, documents, managed};

/// Returns a version of a managed policy, its text percent-encoded as AWS does.
///
/// Fails with `ValidationError` if the ARN is none, and with `NoSuchEntity` if there is no
/// such policy or version.
#[derive(Debug)]
pub(crate) struct GetPolicyVersion;

impl Operation for GetPolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetPolicyVersion";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_POLICY_VERSION];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetPolicyVersionRequest;
    type Output = GetPolicyVersionResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((
            Needs::one(named.need_to_read(&actions::GET_POLICY_VERSION)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let policy = permit.target().found()?;
        let (number, created, text) = permit.target().version(&input.version_id)?;
        let version = PolicyVersion {
            document: Some(documents::encoded(text.text())),
            version_id: Some(managed::version_name(number)),
            is_default_version: Some(number == policy.default_version()),
            create_date: Some(created),
        };
        Ok(Reply::read(GetPolicyVersionResponse {
            policy_version: Some(version),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("policyArn", arn)
            .with("versionId", input.version_id.as_str());
        event::about_policy(request, arn)
    }
}
