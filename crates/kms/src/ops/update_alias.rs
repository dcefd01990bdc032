//! `UpdateAlias`: points an alias at another key.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::UpdateAliasRequest;
use store::Batch;
use types::{AccountId, Service};

use crate::aliases::{self, Alias};
use crate::event::Fields;
use crate::identifiers::KeyTarget;
use crate::records::{KeyRecord, alias_arn};
use crate::{Error, actions, state};

/// Points an alias at another key of the same account and region, of the same type and usage.
///
/// Fails as `CreateAlias` does over names, the new key and its quota, with `NotFoundException`
/// if the alias or the key does not exist, and with `ValidationException` if the keys are not
/// of one kind.
#[derive(Debug)]
pub struct UpdateAlias;

/// The alias, and the key that it is to stand for.
#[derive(Debug)]
pub struct UpdateAliasTarget {
    account: AccountId,
    alias: Option<Alias>,
    key: KeyTarget,
}

impl Operation for UpdateAlias {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UpdateAlias";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_ALIAS];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdateAliasRequest;
    type Output = Empty;
    type Target = UpdateAliasTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        aliases::check_name(&input.alias_name)?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let key = KeyTarget::to_be_named(ctx, &input.target_key_id)?;
        let name = alias_arn(account, ctx.region(), &input.alias_name);
        let alias = aliases::find(ctx.view(), account, ctx.region(), &input.alias_name);
        let action = &actions::UPDATE_ALIAS;
        let mut needs = Needs::one(Need::on(action, name.clone())).and(key.need(action));
        if let Some(old) = alias.as_ref().and_then(|alias| alias.target.as_ref()) {
            needs.push(Need::on(action, old.record.arn.clone()).named(name));
        }
        Ok((
            needs,
            UpdateAliasTarget {
                account,
                alias,
                key,
            },
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let target = permit.into_target();
        let alias = target.alias.ok_or_else(|| Error::AliasNotFound {
            arn: alias_arn(target.account, ctx.region(), &input.alias_name),
        })?;
        let key = &target.key.key()?.record;
        state::check(key, Self::NAME)?;
        if let Some(old) = &alias.target {
            check_kind(&old.record, key)?;
        }
        if alias.record.target != key.id {
            aliases::check_quota(ctx, key)?;
        }
        let mut effect = Batch::default();
        aliases::repoint(&alias.record, key, ctx.time(), &mut effect);
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("aliasName", input.alias_name.clone())
            .with("targetKeyId", input.target_key_id.clone())
            .request()
    }
}

/// Whoever uses the alias must be able to go on.
fn check_kind(old: &KeyRecord, new: &KeyRecord) -> Result<(), Error> {
    if (old.spec.kind(), old.usage) == (new.spec.kind(), new.usage) {
        return Ok(());
    }
    let text = format!(
        "the alias stands for a key of type {} and usage {}, not {} and {}",
        old.spec.kind(),
        old.usage,
        new.spec.kind(),
        new.usage
    );
    Err(Error::Validation(text.into()))
}
