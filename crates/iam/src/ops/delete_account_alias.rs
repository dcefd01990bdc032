//! `DeleteAccountAlias`: takes the account's other name away.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteAccountAliasRequest;
use store::Batch;
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::{Error, actions, lookup, tables};

/// Deletes the alias of the caller's account.
///
/// Fails with `NoSuchEntity` if the account has no such alias.
#[derive(Debug)]
pub(crate) struct DeleteAccountAlias;

impl Operation for DeleteAccountAlias {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteAccountAlias";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_ACCOUNT_ALIAS];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteAccountAliasRequest;
    type Output = Empty;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let need = Need::anywhere(&actions::DELETE_ACCOUNT_ALIAS);
        Ok((Needs::one(need), lookup::account(ctx)?))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let row = tables::account(account);
        let current = ctx.view().get(&tables::ACCOUNT_ALIASES, &row);
        if current.is_none_or(|current| current.record.alias != input.account_alias) {
            return Err(Error::NoSuchAlias {
                alias: input.account_alias,
            });
        }
        let mut batch = Batch::default();
        batch.delete(&tables::ALIASES, tables::alias(&input.account_alias));
        batch.delete(&tables::ACCOUNT_ALIASES, row);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("accountAlias", input.account_alias.as_str()))
    }
}
