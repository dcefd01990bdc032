//! `DeleteServiceLinkedRole`: ends the role of a service.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{DeleteServiceLinkedRoleRequest, DeleteServiceLinkedRoleResponse};
use store::Batch;
use types::{RequestId, Service};

use crate::event::{self, Fields};
use crate::lookup::{self, NamedRole};
use crate::records::DeletionTaskRecord;
use crate::{Error, actions, inline, linked, quota, tables};

/// Deletes the role of a service at once, and returns the id under which AWS lets callers ask how
/// far the deletion is. The newest hundred of an account are remembered.
///
/// Fails with `NoSuchEntity` if there is no such role, and with `InvalidInput` if it is linked
/// to no service.
#[derive(Debug)]
pub(crate) struct DeleteServiceLinkedRole;

impl Operation for DeleteServiceLinkedRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteServiceLinkedRole";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_SERVICE_LINKED_ROLE];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteServiceLinkedRoleRequest;
    type Output = DeleteServiceLinkedRoleResponse;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((
            Needs::one(named.need(&actions::DELETE_SERVICE_LINKED_ROLE)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().found()?;
        let Some(service) = &role.linked_to else {
            return Err(Error::NotLinked {
                name: role.name.clone(),
            });
        };
        inline::without_policies(ctx.view(), &**role)?;
        let number = RequestId::generate(ctx.entropy());
        let id = linked::task_of(service, &role.name, &number.to_string());
        let task = DeletionTaskRecord {
            role: role.id.clone(),
            at: ctx.time(),
        };
        let mut batch = Batch::default();
        lookup::delete(&mut batch, &**role);
        batch.delete(&tables::ROLE_LAST_USED, tables::principal_id(&role.id));
        let tasks = (&tables::DELETION_TASKS, &tables::account(role.account));
        quota::make_room(ctx.view(), &mut batch, tasks, quota::DELETION_TASKS, |_| {
            true
        });
        batch.put(
            &tables::DELETION_TASKS,
            tables::task(role.account, &id),
            task,
        );
        let output = DeleteServiceLinkedRoleResponse {
            deletion_task_id: id,
        };
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default().with("roleName", input.role_name.as_str());
        let id = output.map(|output| output.deletion_task_id.as_str());
        EventDetail {
            response: Fields::default().maybe("deletionTaskId", id).value(),
            ..event::request(request)
        }
    }
}
