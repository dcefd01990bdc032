//! `CreatePolicy`: a new service or resource control policy.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{CreatePolicyRequest, CreatePolicyResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Constraint, Error};
use crate::organizations::policies::Policy;
use crate::organizations::records::{ControlPolicyRecord, OrganizationRecord, PolicyKind};
use crate::organizations::{answers, ids, quota, scope, shape, tables, tags};

/// Creates a policy; it binds nobody before it is attached.
///
/// Fails with `MalformedPolicyDocumentException`, with `DuplicatePolicyException`, with
/// `ConstraintViolationException` beyond 5,120 characters or 1,000 policies of the type, and with
/// `PolicyTypeNotAvailableForOrganizationException` for types that do not bear on requests. A
/// request with tags needs `organizations:TagResource` too.
#[derive(Debug)]
pub(crate) struct CreatePolicy;

impl Operation for CreatePolicy {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "CreatePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_POLICY, &actions::TAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = CreatePolicyRequest;
    type Output = CreatePolicyResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Wanted), Error> {
        let organization = scope::management(ctx)?;

        let kind = scope::kind_of(input.r#type)?;
        let tags = tags::read(input.tags.as_deref())?;
        let keys = tags::request_keys(&tags);
        let of_type = KeySet::default().one("organizations:policytype", scope::type_name(kind));
        let keys = keys.and(of_type);
        let mut needs = Needs::one(Need::anywhere(&actions::CREATE_POLICY).with(keys.clone()));
        if !tags.is_empty() {
            needs.push(Need::anywhere(&actions::TAG_RESOURCE).with(keys));
        }
        let wanted = Wanted {
            organization,
            kind,
            tags,
        };
        Ok((needs, wanted))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let wanted = permit.into_target();
        let content = quota::content(&input.content, wanted.kind)?;
        let all = Policy::all(ctx.view(), wanted.kind);
        if all.iter().any(|policy| policy.name() == input.name) {
            return Err(Conflict::DuplicatePolicy.into());
        }
        // One of them is AWS's.
        if all.len() > quota::POLICIES {
            return Err(Constraint::Policies.into());
        }
        let record = ControlPolicyRecord {
            id: ids::policy(ctx.entropy()),
            name: input.name,
            description: input.description,
            tags: wanted.tags,
            content,
        };
        let policy = Policy::Own(Arc::new(record.clone()));
        let policy = Some(shape::policy(&wanted.organization, &policy));
        let mut batch = Batch::default();
        batch.put(&tables::CONTROL_POLICIES, tables::by_id(&record.id), record);
        Ok(Reply::write(CreatePolicyResponse { policy }, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("name", input.name.as_str())
            .with("description", input.description.as_str())
            .with("type", input.r#type.as_str())
            .with("content", input.content.as_str())
            .maybe("tags", input.tags.as_deref().map(tags::in_event));
        let policy = output.and_then(|output| output.policy.as_ref());
        answers::of_policy(request, policy)
    }
}

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    organization: Arc<OrganizationRecord>,
    kind: PolicyKind,
    tags: Vec<(String, String)>,
}
