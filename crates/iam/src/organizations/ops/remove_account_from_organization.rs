//! `RemoveAccountFromOrganization`: refused: accounts stay in their organization.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::RemoveAccountFromOrganizationRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Constraint, Error};
use crate::organizations::scope::NamedNode;

/// Always fails once it is permitted: with `AccountNotFoundException`, with
/// `MasterCannotLeaveOrganizationException` for the management account, and with
/// `ConstraintViolationException` for others, since every account of a deployment belongs to its
/// organization.
#[derive(Debug)]
pub(crate) struct RemoveAccountFromOrganization;

impl Operation for RemoveAccountFromOrganization {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "RemoveAccountFromOrganization";
    const ACTIONS: &'static [&'static Action] = &[&actions::REMOVE_ACCOUNT_FROM_ORGANIZATION];
    const KIND: Kind = Kind::Mutating;
    type Input = RemoveAccountFromOrganizationRequest;
    type Output = Empty;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let account = NamedNode::of(ctx, &input.account_id)?;
        Ok((
            Needs::one(account.need(&actions::REMOVE_ACCOUNT_FROM_ORGANIZATION)),
            account,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let account = named.account()?;
        if account.id == named.organization.management.as_str() {
            return Err(Conflict::ManagementCannotLeave.into());
        }
        Err(Constraint::CannotLeave.into())
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("accountId", input.account_id.as_str()))
    }
}
