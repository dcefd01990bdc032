//! Aliases: what they may be called, how many a key has, how they are pointed at keys.

use pipeline::Ctx;
use store::{Batch, View};
use types::{AccountId, Region, Timestamp};

use crate::records::{
    ALIAS_NAMES, ALIASES, AliasName, AliasRecord, KeyRecord, KeyRow, alias_name_row, alias_row,
};
use crate::{Error, ResourceQuotas};

/// An alias, and the key that it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    pub(crate) record: AliasRecord,
    pub(crate) target: Option<KeyRow>,
}

/// The alias `name`, if it exists.
pub(crate) fn find(view: &View, account: AccountId, region: &Region, name: &str) -> Option<Alias> {
    let found = view.get(&ALIASES, &alias_row(account, region, name))?;
    Some(Alias {
        target: KeyRow::load(view, account, region, &found.record.target),
        record: found.record.clone(),
    })
}

/// The rules that the service model's pattern does not express.
///
/// Fails with `ValidationException` if `name` is no alias's, and with
/// `NotAuthorizedException` if it begins with `alias/aws/`.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
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

/// Fails with `LimitExceededException` if `key` has as many aliases as it may have.
pub(crate) fn check_quota(ctx: &Ctx, key: &KeyRecord) -> Result<(), Error> {
    let (names, most) = (key.row_key(), ResourceQuotas::of(ctx)?.aliases);
    if ctx.view().scan(&ALIAS_NAMES, &names, None).count() < most {
        return Ok(());
    }
    Err(Error::LimitExceeded(
        format!("a key has at most {most} aliases").into(),
    ))
}

/// Adds a new alias of `key` to `batch`.
pub(crate) fn point(key: &KeyRecord, name: &str, at: Timestamp, batch: &mut Batch) {
    let alias = AliasRecord {
        name: name.to_owned(),
        target: key.id.clone(),
        created: at,
        updated: at,
    };
    put(key, alias, batch);
}

/// Adds to `batch` that the alias stands for `key` from now on.
pub(crate) fn repoint(alias: &AliasRecord, key: &KeyRecord, at: Timestamp, batch: &mut Batch) {
    unname(key, alias, batch);
    let alias = AliasRecord {
        target: key.id.clone(),
        updated: at,
        ..alias.clone()
    };
    put(key, alias, batch);
}

/// Adds to `batch` that the alias, of the account and region of `key`, is gone.
pub(crate) fn remove(account: AccountId, region: &Region, alias: &AliasRecord, batch: &mut Batch) {
    batch.delete(&ALIASES, alias_row(account, region, &alias.name));
    let name = alias_name_row(account, region, &alias.target, &alias.name);
    batch.delete(&ALIAS_NAMES, name);
}

fn put(key: &KeyRecord, alias: AliasRecord, batch: &mut Batch) {
    let (account, region) = (key.account, &key.region);
    let name = alias_name_row(account, region, &key.id, &alias.name);
    batch.put(&ALIAS_NAMES, name, AliasName {});
    batch.put(&ALIASES, alias_row(account, region, &alias.name), alias);
}

fn unname(key: &KeyRecord, alias: &AliasRecord, batch: &mut Batch) {
    let name = alias_name_row(key.account, &key.region, &alias.target, &alias.name);
    batch.delete(&ALIAS_NAMES, name);
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
