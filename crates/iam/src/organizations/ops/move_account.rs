//! `MoveAccount`: puts an account below another root or unit.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::MoveAccountRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Error, Missing};
use crate::organizations::records::NodeRecord;
use crate::organizations::scope::NamedNode;
use crate::organizations::tree;

/// Moves an account. The policies of its new place bind it on the next request.
///
/// Fails with `AccountNotFoundException`, `SourceParentNotFoundException` or
/// `DestinationParentNotFoundException`, and with `DuplicateAccountException` if it is there
/// already. An account that is not below the source counts as not found.
#[derive(Debug)]
pub(crate) struct MoveAccount;

impl Operation for MoveAccount {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "MoveAccount";
    const ACTIONS: &'static [&'static Action] = &[&actions::MOVE_ACCOUNT];
    const KIND: Kind = Kind::Mutating;
    type Input = MoveAccountRequest;
    type Output = Empty;
    type Target = Move;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Move), Error> {
        let account = NamedNode::of(ctx, &input.account_id)?;
        let organization = &account.organization;
        let source = NamedNode::within(ctx, organization, &input.source_parent_id);
        let destination = NamedNode::within(ctx, organization, &input.destination_parent_id);
        let needs = [&account, &source, &destination].map(|node| node.need(&actions::MOVE_ACCOUNT));
        let needs = needs.into_iter().fold(Needs::nothing(), Needs::and);
        let target = Move {
            account,
            source,
            destination,
        };
        Ok((needs, target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Move {
            account,
            source,
            destination,
        } = permit.target();
        let account = account.account()?;
        let source = source.parent(Missing::Source)?;
        let destination = destination.parent(Missing::Destination)?;
        if account.parent.as_ref() != Some(&source.id) {
            return Err(Missing::Account.into());
        }
        if source.id == destination.id {
            return Err(Conflict::DuplicateAccount.into());
        }
        let mut batch = Batch::default();
        tree::leave(&mut batch, account);
        let mut account = NodeRecord::clone(account);
        account.parent = Some(destination.id.clone());
        tree::put_below(&mut batch, account);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("accountId", input.account_id.as_str())
                .with("sourceParentId", input.source_parent_id.as_str())
                .with("destinationParentId", input.destination_parent_id.as_str()),
        )
    }
}

/// What a call names.
#[derive(Debug)]
pub(crate) struct Move {
    account: NamedNode,
    source: NamedNode,
    destination: NamedNode,
}
