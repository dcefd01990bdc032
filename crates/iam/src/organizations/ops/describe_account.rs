//! `DescribeAccount`: one account.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{DescribeAccountRequest, DescribeAccountResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::scope::NamedNode;
use crate::organizations::shape;

/// Returns an account's name, address, state and place.
///
/// Fails with `AccountNotFoundException`.
#[derive(Debug)]
pub(crate) struct DescribeAccount;

impl Operation for DescribeAccount {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DescribeAccount";
    const ACTIONS: &'static [&'static Action] = &[&actions::DESCRIBE_ACCOUNT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeAccountRequest;
    type Output = DescribeAccountResponse;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let account = NamedNode::of(ctx, &input.account_id)?;
        Ok((
            Needs::one(account.need(&actions::DESCRIBE_ACCOUNT)),
            account,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let account = shape::account(ctx.view(), &named.organization, named.account()?);
        Ok(Reply::read(DescribeAccountResponse { account }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("accountId", input.account_id.as_str()))
    }
}
