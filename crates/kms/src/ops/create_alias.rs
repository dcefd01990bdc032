//! `CreateAlias`: a friendly name for a customer managed key.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::CreateAliasRequest;
use store::Batch;
use types::{AccountId, Service};

use crate::event::Fields;
use crate::identifiers::KeyTarget;
use crate::records::{ALIASES, alias_arn, alias_row};
use crate::{Error, actions, aliases, state};

/// Makes an alias of a key of the caller's account and region.
///
/// Fails with `ValidationException` if the name is none, with `NotAuthorizedException` if it
/// begins with `alias/aws/`, with `AlreadyExistsException`, with `NotFoundException` if the
/// key does not exist, with `KMSInvalidStateException` if it is being deleted, and with
/// `LimitExceededException` beyond 50 aliases of the key.
#[derive(Debug)]
pub struct CreateAlias;

/// Whose alias it will be, and of which key.
#[derive(Debug)]
pub struct CreateAliasTarget {
    account: AccountId,
    key: KeyTarget,
}

impl Operation for CreateAlias {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CreateAlias";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_ALIAS];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateAliasRequest;
    type Output = Empty;
    type Target = CreateAliasTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        aliases::check_name(&input.alias_name)?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let key = KeyTarget::to_be_named(ctx, &input.target_key_id)?;
        let alias = alias_arn(account, ctx.region(), &input.alias_name);
        let needs = Needs::one(Need::on(&actions::CREATE_ALIAS, alias))
            .and(key.need(&actions::CREATE_ALIAS));
        Ok((needs, CreateAliasTarget { account, key }))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let CreateAliasTarget { account, key } = permit.target();
        let key = &key.key()?.record;
        let row = alias_row(*account, ctx.region(), &input.alias_name);
        if ctx.view().get(&ALIASES, &row).is_some() {
            let arn = alias_arn(*account, ctx.region(), &input.alias_name);
            return Err(Error::AliasExists { arn });
        }
        state::check(key, Self::NAME)?;
        aliases::check_quota(ctx, key)?;
        let mut effect = Batch::default();
        aliases::point(key, &input.alias_name, ctx.time(), &mut effect);
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("aliasName", input.alias_name.clone())
            .with("targetKeyId", input.target_key_id.clone())
            .request()
    }
}
