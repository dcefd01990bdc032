//! `CreateAlias`: a friendly name for a customer managed key.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::CreateAliasRequest;
use store::Batch;
use types::{AccountId, Service};

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::new_key::point_alias;
use crate::records::{ALIAS_NAMES, ALIASES, KeyRecord, alias_arn, alias_row};
use crate::state::{self, Guarded};
use crate::{Error, actions};

/// Aliases of one key.
const MOST_ALIASES: usize = 50;

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
        check_name(&input.alias_name)?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let key = match KeyTarget::find(ctx, &input.target_key_id, Forms::KeysAndAliases)? {
            key if key.is_alias() => {
                let text = "Aliases must refer to keys. Not aliases";
                return Err(Error::Validation(text.into()));
            }
            key => key,
        };
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
        state::check(key, Guarded::CreateAlias)?;
        check_quota(ctx, key)?;
        let mut effect = Batch::default();
        point_alias(key, &input.alias_name, ctx.time(), &mut effect);
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("aliasName", input.alias_name.clone())
            .with("targetKeyId", input.target_key_id.clone())
            .request()
    }
}

/// The rules that the service model's pattern does not express.
fn check_name(name: &str) -> Result<(), Error> {
    let Some(rest) = name.strip_prefix("alias/") else {
        let text = "Alias must start with the prefix \"alias/\". Please see \
                    https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
        return Err(Error::Validation(text.into()));
    };
    if rest.is_empty()
        || !rest
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c))
    {
        let text = format!("{name} contains invalid characters for an alias");
        return Err(Error::Validation(text.into()));
    }
    if rest == "aws" || rest.starts_with("aws/") {
        Err(Error::AliasReserved)
    } else {
        Ok(())
    }
}

fn check_quota(ctx: &Ctx, key: &KeyRecord) -> Result<(), Error> {
    let names = key.row_key();
    if ctx.view().scan(&ALIAS_NAMES, &names, None).count() < MOST_ALIASES {
        return Ok(());
    }
    Err(Error::LimitExceeded(
        format!("a key has at most {MOST_ALIASES} aliases").into(),
    ))
}

#[cfg(test)]
mod tests {
    use types::ServiceError;

    use super::*;

    fn check(name: &str, expected: Option<&str>) {
        let found = check_name(name).map_err(|error| error.code().into_owned());
        assert_eq!(found.err().as_deref(), expected, "{name}");
    }

    #[test]
    fn names_follow_the_rules_of_kms() {
        check("alias/app", None);
        check("alias/team/app_1-x", None);
        check("alias/awsome", None);
        check("app", Some("ValidationException"));
        check("alias/", Some("ValidationException"));
        check("alias/Service:Test", Some("ValidationException"));
        check("Alias/app", Some("ValidationException"));
        check("alias/aws", Some("NotAuthorizedException"));
        check("alias/aws/s3", Some("NotAuthorizedException"));
    }
}
