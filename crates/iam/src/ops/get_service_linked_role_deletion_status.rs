//! `GetServiceLinkedRoleDeletionStatus`: how far a deletion is.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{
    DeletionTaskStatusType, GetServiceLinkedRoleDeletionStatusRequest,
    GetServiceLinkedRoleDeletionStatusResponse,
};
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::records::EntityKind;
use crate::{Error, actions, linked, lookup, tables};

/// Says that the deletion has succeeded: roles of services are deleted at once.
///
/// Fails with `InvalidInput` if the id is none, and with `NoSuchEntity` if it names no deletion
/// of the account, or none of its newest hundred.
#[derive(Debug)]
pub(crate) struct GetServiceLinkedRoleDeletionStatus;

impl Operation for GetServiceLinkedRoleDeletionStatus {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetServiceLinkedRoleDeletionStatus";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::GET_SERVICE_LINKED_ROLE_DELETION_STATUS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetServiceLinkedRoleDeletionStatusRequest;
    type Output = GetServiceLinkedRoleDeletionStatusResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = lookup::account(ctx)?;
        let (path, name) = linked::role_of(&input.deletion_task_id)?;
        let arn = EntityKind::Role.arn(account, path, name);
        let need = Need::on(&actions::GET_SERVICE_LINKED_ROLE_DELETION_STATUS, arn);
        Ok((Needs::one(need), account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let row = tables::task(permit.into_target(), &input.deletion_task_id);
        if ctx.view().get(&tables::DELETION_TASKS, &row).is_none() {
            return Err(Error::NoSuchTask {
                id: input.deletion_task_id,
            });
        }
        Ok(Reply::read(GetServiceLinkedRoleDeletionStatusResponse {
            status: DeletionTaskStatusType::Succeeded,
            reason: None,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let id = input.deletion_task_id.as_str();
        event::request(Fields::default().with("deletionTaskId", id))
    }
}
