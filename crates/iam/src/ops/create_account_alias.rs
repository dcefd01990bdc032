//! `CreateAccountAlias`: another name for the account.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::CreateAccountAliasRequest;
use store::Batch;
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::records::AliasRecord;
use crate::{Error, actions, lookup, tables};

/// Gives the caller's account an alias, instead of the one that it has. Aliases are unique in the
/// deployment.
///
/// Fails with `ValidationError` if it has not the form of one, and with `EntityAlreadyExists` if
/// another account has the alias.
#[derive(Debug)]
pub(crate) struct CreateAccountAlias;

impl Operation for CreateAccountAlias {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateAccountAlias";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_ACCOUNT_ALIAS];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreateAccountAliasRequest;
    type Output = Empty;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        if !has_the_form(&input.account_alias) {
            return Err(Error::InvalidAlias {
                alias: input.account_alias.clone(),
            });
        }
        let need = Need::anywhere(&actions::CREATE_ACCOUNT_ALIAS);
        Ok((Needs::one(need), lookup::account(ctx)?))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let view = ctx.view();
        let taken = view.get(&tables::ALIASES, &tables::alias(&input.account_alias));
        if taken.is_some_and(|row| row.record.account != account) {
            return Err(Error::AliasExists {
                alias: input.account_alias,
            });
        }
        let record = AliasRecord {
            account,
            alias: input.account_alias,
        };
        let mut batch = Batch::default();
        if let Some(old) = view.get(&tables::ACCOUNT_ALIASES, &tables::account(account)) {
            batch.delete(&tables::ALIASES, tables::alias(&old.record.alias));
        }
        let row = tables::alias(&record.alias);
        batch.put(&tables::ALIASES, row, record.clone());
        batch.put(&tables::ACCOUNT_ALIASES, tables::account(account), record);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("accountAlias", input.account_alias.as_str()))
    }
}

/// Small letters and digits, single hyphens between them: the pattern of AWS's model looks
/// ahead, which the patterns of requests do not.
fn has_the_form(alias: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    alias.chars().all(|c| plain(c) || c == '-')
        && alias.starts_with(plain)
        && alias.ends_with(plain)
        && !alias.contains("--")
}
