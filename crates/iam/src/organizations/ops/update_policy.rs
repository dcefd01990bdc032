//! `UpdatePolicy`: another name, description or content for a policy.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{UpdatePolicyRequest, UpdatePolicyResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Error, Invalid};
use crate::organizations::policies::Policy;
use crate::organizations::records::ControlPolicyRecord;
use crate::organizations::scope::NamedPolicy;
use crate::organizations::{answers, quota, shape, tables};

/// Changes a policy. New content binds on the next request wherever the policy is attached.
///
/// Fails with `PolicyNotFoundException`, with `InvalidInputException` for a policy of AWS's, with
/// `DuplicatePolicyException`, with `MalformedPolicyDocumentException`, and with
/// `ConstraintViolationException` beyond 5,120 characters.
#[derive(Debug)]
pub(crate) struct UpdatePolicy;

impl Operation for UpdatePolicy {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "UpdatePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdatePolicyRequest;
    type Output = UpdatePolicyResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let policy = NamedPolicy::of(ctx, &input.policy_id)?;
        Ok((Needs::one(policy.need(&actions::UPDATE_POLICY)), policy))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.into_target();
        let Policy::Own(record) = named.found()? else {
            return Err(Invalid::ImmutablePolicy.into());
        };
        let kind = record.content.kind();
        let mut record = ControlPolicyRecord::clone(record);
        if let Some(name) = input.name {
            let others = |other: &Policy| other.id() != record.id && other.name() == name;
            if Policy::all(ctx.view(), kind).iter().any(others) {
                return Err(Conflict::DuplicatePolicy.into());
            }
            record.name = name;
        }
        if let Some(description) = input.description {
            record.description = description;
        }
        if let Some(content) = &input.content {
            record.content = quota::content(content, kind)?;
        }
        let policy = Policy::Own(Arc::new(record.clone()));
        let policy = Some(shape::policy(&named.organization, &policy));
        let mut batch = Batch::default();
        batch.put(&tables::CONTROL_POLICIES, tables::by_id(&record.id), record);
        Ok(Reply::write(UpdatePolicyResponse { policy }, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("policyId", input.policy_id.as_str())
            .maybe("name", input.name.as_deref())
            .maybe("description", input.description.as_deref())
            .maybe("content", input.content.as_deref());
        let policy = output.and_then(|output| output.policy.as_ref());
        answers::of_policy(request, policy)
    }
}
