//! `CreatePolicyVersion`: another version of a customer managed policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{CreatePolicyVersionRequest, CreatePolicyVersionResponse, PolicyVersion};
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::records::{self, ManagedPolicyRecord};
use crate::{Error, actions, documents, managed, quota};

/// Adds a version under the next number, which nothing had before, and with `SetAsDefault` puts
/// it into force.
///
/// Fails with `ValidationError` if the ARN is none, with `NoSuchEntity` if there is no such
/// policy, with `MalformedPolicyDocument`, and with `LimitExceeded` beyond five versions or
/// 6,144 characters that are not white space. AWS managed policies belong to AWS: everybody is
/// denied.
#[derive(Debug)]
pub(crate) struct CreatePolicyVersion;

impl Operation for CreatePolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreatePolicyVersion";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_POLICY_VERSION];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreatePolicyVersionRequest;
    type Output = CreatePolicyVersionResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((
            Needs::one(named.need(&actions::CREATE_POLICY_VERSION)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut record = ManagedPolicyRecord::clone(permit.target().changeable()?);
        let policy = documents::read_managed(&input.policy_document)?;
        if record.versions.len() >= quota::POLICY_VERSIONS {
            return Err(Error::TooManyVersions);
        }
        let number = record.last_version.saturating_add(1);
        let is_default = input.set_as_default.unwrap_or(false);
        let now = ctx.time();
        record.versions.push(records::PolicyVersion {
            number,
            created: now,
            policy,
        });
        record.last_version = number;
        record.updated = now;
        if is_default {
            record.default_version = number;
        }
        let mut batch = Batch::default();
        record.put(&mut batch);
        // The text is not repeated to who sent it.
        let version = PolicyVersion {
            document: None,
            version_id: Some(managed::version_name(number)),
            is_default_version: Some(is_default),
            create_date: Some(now),
        };
        Ok(Reply::write(
            CreatePolicyVersionResponse {
                policy_version: Some(version),
            },
            batch,
        ))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("policyArn", arn)
            .with("policyDocument", input.policy_document.as_str())
            .maybe("setAsDefault", input.set_as_default);
        let detail = event::about_policy(request, arn);
        let Some(version) = output.and_then(|output| output.policy_version.as_ref()) else {
            return detail;
        };
        let mut created = Fields::default()
            .maybe("versionId", version.version_id.as_deref())
            .maybe("isDefaultVersion", version.is_default_version);
        if let Some(at) = version.create_date {
            created = created.time("createDate", at);
        }
        let response = Fields::default()
            .with("policyVersion", created.value())
            .value();
        EventDetail { response, ..detail }
    }
}
