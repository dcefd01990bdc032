//! `CreatePolicy`: a new customer managed policy.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{CreatePolicyRequest, CreatePolicyResponse};
use store::Batch;
use types::{AccountId, Service, UniqueId, UniqueIdKind};

use crate::event::{self, Fields};
use crate::managed::{Managed, Usage};
use crate::records::{ManagedPolicyRecord, PolicyVersion, policy_arn};
use crate::{Error, actions, documents, lookup, quota, shape, tables, tags};

/// Creates a managed policy with its first version, `v1`.
///
/// Names are unique in the account without regard to case. Fails with `EntityAlreadyExists`,
/// with `MalformedPolicyDocument`, with `LimitExceeded` beyond 6,144 characters that are not
/// white space or 1,500 policies, and with `InvalidInput` for tag keys that differ in case
/// only. A request with tags needs `iam:TagPolicy` too.
#[derive(Debug)]
pub(crate) struct CreatePolicy;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    account: AccountId,
    path: String,
    tags: Vec<(String, String)>,
}

impl Operation for CreatePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreatePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_POLICY, &actions::TAG_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreatePolicyRequest;
    type Output = CreatePolicyResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Wanted), Error> {
        let account = lookup::account(ctx)?;
        let path = input.path.clone().unwrap_or_else(|| "/".to_owned());
        let tags = tags::read(input.tags.as_deref())?;
        let arn = policy_arn(account, &path, &input.policy_name);
        let keys = tags::request_keys(&tags);
        let mut needs =
            Needs::one(Need::on(&actions::CREATE_POLICY, arn.clone()).with(keys.clone()));
        if !tags.is_empty() {
            needs.push(Need::on(&actions::TAG_POLICY, arn).with(keys));
        }
        Ok((
            needs,
            Wanted {
                account,
                path,
                tags,
            },
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Wanted {
            account,
            path,
            tags,
        } = permit.into_target();
        let policy = documents::read_managed(&input.policy_document)?;
        let view = ctx.view();
        let row = tables::named(account, &input.policy_name);
        if view.get(&tables::POLICIES, &row).is_some() {
            return Err(Error::PolicyExists {
                name: input.policy_name,
            });
        }
        quota::room_in(
            view,
            &tables::POLICIES,
            account,
            "PoliciesPerAccount",
            quota::POLICIES,
        )?;
        let now = ctx.time();
        let record = ManagedPolicyRecord {
            account,
            name: input.policy_name,
            path,
            id: UniqueId::generate(ctx.entropy(), UniqueIdKind::ManagedPolicy),
            description: input.description,
            created: now,
            updated: now,
            tags,
            default_version: 1,
            last_version: 1,
            versions: vec![PolicyVersion {
                number: 1,
                created: now,
                policy,
            }],
        };
        let usage = Usage::of(view, account, &record.arn());
        let created = shape::created_policy(&Managed::Customer(record.clone().into()), usage);
        let mut batch = Batch::default();
        batch.put(&tables::POLICIES, row, record);
        Ok(Reply::write(
            CreatePolicyResponse {
                policy: Some(created),
            },
            batch,
        ))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("policyName", input.policy_name.as_str())
            .maybe("path", input.path.as_deref())
            .with("policyDocument", input.policy_document.as_str())
            .maybe("description", input.description.as_deref())
            .tags(input.tags.as_deref());
        let Some(policy) = output.and_then(|output| output.policy.as_ref()) else {
            return event::request(request);
        };
        let arn = policy.arn.as_deref().unwrap_or_default();
        let mut created = Fields::default()
            .maybe("policyName", policy.policy_name.as_deref())
            .maybe("policyId", policy.policy_id.as_deref())
            .with("arn", arn)
            .maybe("path", policy.path.as_deref())
            .maybe("defaultVersionId", policy.default_version_id.as_deref())
            .maybe("attachmentCount", policy.attachment_count)
            .maybe(
                "permissionsBoundaryUsageCount",
                policy.permissions_boundary_usage_count,
            )
            .maybe("isAttachable", policy.is_attachable)
            .tags(policy.tags.as_deref());
        for (name, at) in [
            ("createDate", policy.create_date),
            ("updateDate", policy.update_date),
        ] {
            if let Some(at) = at {
                created = created.time(name, at);
            }
        }
        let response = Fields::default().with("policy", created.value()).value();
        event::about(
            EventDetail {
                response,
                ..event::request(request)
            },
            arn,
            event::POLICY,
        )
    }
}
