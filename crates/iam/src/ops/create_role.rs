//! `CreateRole`: a new role in the caller's account.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{CreateRoleRequest, CreateRoleResponse};
use store::Batch;
use types::{AccountId, Arn, Service};

use crate::event::{self, Fields};
use crate::records::{EntityKind, RoleRecord, TrustPolicy, role};
use crate::tables::{self, Use};
use crate::{Error, actions, attachments, lookup, managed, paths, quota, shape, tags};

/// Creates a role that those whom its trust policy names may assume, optionally with tags and a
/// permissions boundary.
///
/// Names are unique in the account without regard to case. Fails with `EntityAlreadyExists`,
/// with `MalformedPolicyDocument` if the trust policy is none or names a principal that does
/// not exist, with `LimitExceeded` beyond 1,000 roles, with `InvalidInput` for tag keys that
/// differ in case only and for the paths of service-linked roles, and with `NoSuchEntity` if
/// the boundary's policy does not exist. A request with tags needs `iam:TagRole` too.
#[derive(Debug)]
pub(crate) struct CreateRole;

impl Operation for CreateRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateRole";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_ROLE, &actions::TAG_ROLE];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreateRoleRequest;
    type Output = CreateRoleResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = lookup::account(ctx)?;
        let path = paths::read(input.path.as_deref());
        let tags = tags::read(input.tags.as_deref())?;
        let boundary = input
            .permissions_boundary
            .as_deref()
            .map(managed::read_arn)
            .transpose()?;
        let arn = EntityKind::Role.arn(account, &path, &input.role_name);
        let bounded = boundary.as_ref().map(Arn::as_str);
        let keys = tags::request_keys(&tags)
            .and(KeySet::default().maybe("iam:permissionsboundary", bounded));
        let mut needs = Needs::one(Need::on(&actions::CREATE_ROLE, arn.clone()).with(keys.clone()));
        if !tags.is_empty() {
            needs.push(Need::on(&actions::TAG_ROLE, arn).with(keys));
        }
        let wanted = Wanted {
            account,
            path,
            tags,
            boundary,
        };
        Ok((needs, wanted))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let wanted = permit.into_target();
        let (view, account) = (ctx.view(), wanted.account);
        paths::not_of_aws(&wanted.path)?;
        let trust = TrustPolicy::accept(&input.assume_role_policy_document, view)?;
        lookup::unused_name::<RoleRecord>(view, account, &input.role_name)?;
        quota::room_in(
            view,
            &tables::ROLES,
            account,
            "RolesPerAccount",
            quota::ROLES,
        )?;
        if let Some(arn) = &wanted.boundary {
            attachments::can_bound(view, account, arn)?;
        }
        let id = lookup::unused_id(view, ctx.entropy(), EntityKind::Role);
        let role = RoleRecord {
            path: wanted.path,
            description: input.description,
            max_session: role::max_session(input.max_session_duration),
            tags: wanted.tags,
            boundary: wanted.boundary,
            ..RoleRecord::new(account, (input.role_name, id), trust, ctx.time())
        };
        let output = CreateRoleResponse {
            role: shape::role(view, &role, None),
        };
        let mut batch = Batch::default();
        if let Some(arn) = &role.boundary {
            attachments::put_use(&mut batch, &role, arn, Use::Boundary);
        }
        lookup::put_new(&mut batch, role);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("roleName", input.role_name.as_str())
            .with(
                "assumeRolePolicyDocument",
                input.assume_role_policy_document.as_str(),
            )
            .maybe("path", input.path.as_deref())
            .maybe("description", input.description.as_deref())
            .maybe("maxSessionDuration", input.max_session_duration)
            .maybe("permissionsBoundary", input.permissions_boundary.as_deref())
            .tags(input.tags.as_deref());
        let role = output.map(|output| &output.role);
        event::created_role(event::request(request), role)
    }
}

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    account: AccountId,
    path: String,
    tags: Vec<(String, String)>,
    boundary: Option<Arn>,
}
