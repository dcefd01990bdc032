//! `DeleteAlias`: takes an alias away; the key stays.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::DeleteAliasRequest;
use store::Batch;
use types::{AccountId, Service};

use crate::aliases::{self, Alias};
use crate::event::Fields;
use crate::records::alias_arn;
use crate::{Error, actions};

/// Deletes an alias of the caller's account and region.
///
/// Fails as `CreateAlias` does over names, and with `NotFoundException` if the alias does not
/// exist.
#[derive(Debug)]
pub struct DeleteAlias;

/// Whose alias it is, if there is one.
#[derive(Debug)]
pub struct DeleteAliasTarget {
    account: AccountId,
    alias: Option<Alias>,
}

impl Operation for DeleteAlias {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DeleteAlias";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_ALIAS];
    const KIND: Kind = Kind::Mutating;
    type Input = DeleteAliasRequest;
    type Output = Empty;
    type Target = DeleteAliasTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        aliases::check_name(&input.alias_name)?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let name = alias_arn(account, ctx.region(), &input.alias_name);
        let alias = aliases::find(ctx.view(), account, ctx.region(), &input.alias_name);
        let action = &actions::DELETE_ALIAS;
        let mut needs = Needs::one(Need::on(action, name.clone()));
        if let Some(key) = alias.as_ref().and_then(|alias| alias.target.as_ref()) {
            needs.push(Need::on(action, key.record.arn.clone()).named(name));
        }
        Ok((needs, DeleteAliasTarget { account, alias }))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let DeleteAliasTarget { account, alias } = permit.into_target();
        let alias = alias.ok_or_else(|| Error::AliasNotFound {
            arn: alias_arn(account, ctx.region(), &input.alias_name),
        })?;
        let mut effect = Batch::default();
        aliases::remove(account, ctx.region(), &alias.record, &mut effect);
        Ok(Reply::write(Empty {}, effect))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("aliasName", input.alias_name.clone())
            .request()
    }
}
