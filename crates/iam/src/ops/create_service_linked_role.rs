//! `CreateServiceLinkedRole`: a role for one of the services.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{CreateServiceLinkedRoleRequest, CreateServiceLinkedRoleResponse, Role};
use store::Batch;
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::records::{EntityKind, RoleRecord, TrustPolicy};
use crate::{Error, actions, documents, linked, lookup, quota, shape, tables};

/// Creates the role of a service that exists here, which only that service may assume and nobody
/// may change.
///
/// Fails with `InvalidInput` for a service that has no such role, for a suffix where the service
/// takes none, and if the role exists already.
#[derive(Debug)]
pub struct CreateServiceLinkedRole;

impl Operation for CreateServiceLinkedRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateServiceLinkedRole";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_SERVICE_LINKED_ROLE];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreateServiceLinkedRoleRequest;
    type Output = CreateServiceLinkedRoleResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = lookup::account(ctx)?;
        let name = linked::name_of(&input.aws_service_name, input.custom_suffix.as_deref())?;
        let path = linked::path_of(&input.aws_service_name);
        let arn = EntityKind::Role.arn(account, &path, &name);
        let keys = KeySet::default().one("iam:awsservicename", input.aws_service_name.as_str());
        let need = Need::on(&actions::CREATE_SERVICE_LINKED_ROLE, arn).with(keys);
        let wanted = Wanted {
            account,
            name,
            path,
        };
        Ok((Needs::one(need), wanted))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Wanted {
            account,
            name,
            path,
        } = permit.into_target();
        let view = ctx.view();
        if lookup::unused_name::<RoleRecord>(view, account, &name).is_err() {
            return Err(Error::LinkedRoleExists { name });
        }
        quota::room_in(
            view,
            &tables::ROLES,
            account,
            "RolesPerAccount",
            quota::ROLES,
        )?;
        let service = input.aws_service_name;
        let trust = TrustPolicy::accept(&linked::trust_of(&service), view)?;
        let id = lookup::unused_id(view, ctx.entropy(), EntityKind::Role);
        let role = RoleRecord {
            path,
            description: input.description,
            linked_to: Some(service),
            ..RoleRecord::new(account, (name, id), trust, ctx.time())
        };
        let answered = linked::answered_trust_of(role.linked_to.as_deref().unwrap_or_default());
        let output = CreateServiceLinkedRoleResponse {
            role: Some(Role {
                assume_role_policy_document: Some(documents::encoded(&answered)),
                ..shape::role(view, &role, None)
            }),
        };
        let mut batch = Batch::default();
        lookup::put_new(&mut batch, role);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("aWSServiceName", input.aws_service_name.as_str())
            .maybe("description", input.description.as_deref())
            .maybe("customSuffix", input.custom_suffix.as_deref());
        let role = output.and_then(|output| output.role.as_ref());
        event::created_role(event::request(request), role)
    }
}

/// The role that a request asks for.
#[derive(Debug)]
pub struct Wanted {
    account: AccountId,
    name: String,
    path: String,
}
