//! `CloseAccount`: ends the use of an account.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::CloseAccountRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::creation;
use crate::organizations::error::Error;
use crate::organizations::scope::NamedNode;

/// Closes an account at once: its credentials and sessions count as unknown on the next request,
/// and nobody uses what it owns. Its records stay.
///
/// Fails with `AccountNotFoundException`, with `AccountAlreadyClosedException`, and with
/// `ConstraintViolationException` for the management account or beyond what AWS lets an
/// organization close within thirty days: 250 accounts or a fifth of them, whichever is more.
#[derive(Debug)]
pub(crate) struct CloseAccount;

impl Operation for CloseAccount {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "CloseAccount";
    const ACTIONS: &'static [&'static Action] = &[&actions::CLOSE_ACCOUNT];
    const KIND: Kind = Kind::Mutating;
    type Input = CloseAccountRequest;
    type Output = Empty;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let account = NamedNode::of(ctx, &input.account_id)?;
        Ok((Needs::one(account.need(&actions::CLOSE_ACCOUNT)), account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let account = named.account()?;
        let batch = creation::close(ctx, &named.organization, &account.id)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("accountId", input.account_id.as_str()))
    }
}
