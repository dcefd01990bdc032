//! From what a caller sends as `KeyId` to a key: ids, ARNs, alias names, alias ARNs.
//!
//! What is malformed or of another region is refused at once. Whether a well-formed
//! identifier names a key that exists is told to those only whom the policies let have it:
//! `resolve` asks the policies about the ARN, and [`KeyTarget::key`] fails later.

use std::sync::Arc;

use pipeline::sources::{ResourceFacts, ResourceRule};
use pipeline::{Ctx, KeySet, Need};
use policy::Action;
use store::{Batch, View};
use types::{AccountId, Arn, KeyId, PARTITION, Region, Service};

use crate::new_key::{Managed, NewKey};
use crate::records::{ALIASES, KeyRecord, KeyRow, alias_arn, alias_row, key_arn};
use crate::{Error, Keyring};

/// What AWS's denials say of another account's key in place of the reason, which would tell whether the
/// key exists.
pub(crate) const UNSAID: &str = "because the resource does not exist in this Region, no \
    resource-based policies allow access, or a resource-based policy explicitly denies access";

/// The forms of identifier that an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forms {
    /// Key id or key ARN.
    Keys,
    /// These, and alias name or alias ARN.
    KeysAndAliases,
}

impl Forms {
    /// Fails with `InvalidArnException`, for a name as well, unless aliases are among them.
    fn check_alias(self) -> Result<(), Error> {
        match self {
            Self::Keys => Err(Error::AliasNotTaken),
            Self::KeysAndAliases => Ok(()),
        }
    }
}

/// A well-formed identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reference {
    Key { account: AccountId, id: KeyId },
    Alias { account: AccountId, name: String },
}

/// What an identifier stands for.
#[derive(Debug, Clone)]
pub struct KeyTarget {
    /// What the caller named: the ARN of the key, or of the alias.
    named: Arn,
    /// The alias's name, if one was used.
    alias: Option<String>,
    /// The key.
    found: Option<KeyRow>,
}

impl KeyTarget {
    /// Finds what `text` stands for in the caller's account and region.
    ///
    /// Fails if `text` is malformed, of a form that `forms` does not include, or of another
    /// region.
    pub(crate) fn find(ctx: &Ctx, text: &str, forms: Forms) -> Result<Self, Error> {
        find(ctx.view(), ctx.account(), ctx.region(), text, forms).map(|target| target.seen_by(ctx))
    }

    /// Finds the key that an alias is to stand for.
    ///
    /// Fails with `ValidationException` if `text` is an alias, and as [`Self::find`] does.
    pub(crate) fn to_be_named(ctx: &Ctx, text: &str) -> Result<Self, Error> {
        let target = Self::find(ctx, text, Forms::KeysAndAliases)?;
        if target.alias.is_some() {
            let text = "Aliases must refer to keys. Not aliases";
            return Err(Error::Validation(text.into()));
        }
        Ok(target)
    }

    /// The key with this id in an account that a ciphertext names.
    pub(crate) fn of_key(ctx: &Ctx, account: AccountId, id: &KeyId) -> Self {
        key_target(ctx.view(), account, ctx.region(), id).seen_by(ctx)
    }

    /// The target with the key as it is when the request was received.
    fn seen_by(self, ctx: &Ctx) -> Self {
        Self {
            found: self.found.map(|key| key.seen_at(ctx.time())),
            ..self
        }
    }

    /// The key.
    ///
    /// Fails with `NotFoundException` if there is none. Only for callers who were allowed.
    pub(crate) fn key(&self) -> Result<&KeyRow, Error> {
        self.found.as_ref().ok_or_else(|| match self.alias {
            Some(_) => Error::AliasNotFound {
                arn: self.named.clone(),
            },
            None => Error::KeyNotFound {
                arn: self.named.clone(),
            },
        })
    }

    /// The key, if it is one of `account`; another account's key is as good as missing.
    pub(crate) fn key_of(&self, account: AccountId) -> Result<&KeyRecord, Error> {
        let key = &self.key()?.record;
        let own = key.account == account;
        if own {
            Ok(key)
        } else {
            Err(Error::KeyNotFound {
                arn: self.named.clone(),
            })
        }
    }

    /// The ARN that policies are asked about: of the key, or of an alias that is missing.
    pub(crate) fn arn(&self) -> &Arn {
        self.found
            .as_ref()
            .map_or(&self.named, |row| &row.record.arn)
    }

    /// What it takes to make the key of a predefined alias of the caller's account; `None`
    /// for every other identifier, and once the key exists.
    pub(crate) fn predefined(&self, ctx: &Ctx) -> Option<PredefinedAlias> {
        let account = ctx
            .account()
            .filter(|account| self.named.account() == Some(*account))?;
        let managed = Managed::of(self.alias.as_deref()?)?;
        let id = KeyId::generate(ctx.entropy());
        let named = self.named.clone();
        self.found.is_none().then_some(PredefinedAlias {
            managed,
            named,
            account,
            id,
        })
    }

    /// The need of `action` on the key, with `kms:RequestAlias` if an alias was used.
    ///
    /// A denial shows what the caller named, so that it does not tell what an alias stands
    /// for, nor whether it exists.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        Need::on(action, self.arn().clone())
            .named(self.named.clone())
            .unsaid(UNSAID)
            .with(KeySet::default().maybe("kms:requestalias", self.alias.as_deref()))
    }
}

/// An alias of the caller's account that is predefined for an AWS managed key which does not
/// exist yet, and the id that the key will have.
#[derive(Debug, Clone)]
pub struct PredefinedAlias {
    managed: Managed,
    named: Arn,
    account: AccountId,
    id: KeyId,
}

impl PredefinedAlias {
    /// The need of `action` on the key that will exist, decided by the policy that it will have.
    pub(crate) fn need(&self, ctx: &Ctx, action: &'static Action) -> Result<Need, Error> {
        let policy = self.managed.policy(self.account, ctx.region())?;
        let facts = ResourceFacts {
            account: Some(self.account),
            rule: ResourceRule::Key(Arc::clone(policy.document())),
            keys: None,
        };
        let need = Need::on(action, key_arn(self.account, ctx.region(), &self.id));
        Ok(need
            .named(self.named.clone())
            .known(facts)
            .with(KeySet::default().one("kms:requestalias", self.named.resource())))
    }

    /// Whether it is the key's own service that makes this call for somebody.
    pub(crate) fn is_called_by_its_service(&self, ctx: &Ctx) -> bool {
        ctx.via().map(Service::action_prefix) == Some(self.managed.service())
    }

    /// The key, and the change that makes it.
    pub(crate) fn create(&self, ctx: &Ctx) -> Result<(NewKey, Batch), Error> {
        let place = (self.account, ctx.region(), self.id.clone());
        let shred = ctx.part::<Keyring>()?.shred();
        let seen = (ctx.view(), &**shred);
        self.managed.create(seen, ctx.entropy(), place, ctx.time())
    }
}

/// The ARN of the key that `text` stands for: a key id, key ARN, alias name or alias ARN,
/// seen from `account` in `region`. For services whose resources name a key.
///
/// Fails as the KMS call that the service would make: with `NotFoundException`,
/// `InvalidArnException`.
pub fn resolve_key_arn(
    view: &View,
    account: AccountId,
    region: &Region,
    text: &str,
) -> Result<Arn, Error> {
    let target = find(view, Some(account), region, text, Forms::KeysAndAliases)?;
    Ok(target.key()?.record.arn.clone())
}

fn find(
    view: &View,
    account: Option<AccountId>,
    region: &Region,
    text: &str,
    forms: Forms,
) -> Result<KeyTarget, Error> {
    Ok(match parse(text, account, region, forms)? {
        Reference::Key { account, id } => key_target(view, account, region, &id),
        Reference::Alias { account, name } => {
            let alias = view.get(&ALIASES, &alias_row(account, region, &name));
            let found =
                alias.and_then(|alias| KeyRow::load(view, account, region, &alias.record.target));
            KeyTarget {
                named: alias_arn(account, region, &name),
                alias: Some(name),
                found,
            }
        }
    })
}

fn key_target(view: &View, account: AccountId, region: &Region, id: &KeyId) -> KeyTarget {
    // To its callers an AWS owned key does not exist.
    let found = KeyRow::load(view, account, region, id).filter(|row| !row.record.owned);
    KeyTarget {
        named: key_arn(account, region, id),
        alias: None,
        found,
    }
}

fn parse(
    text: &str,
    account: Option<AccountId>,
    region: &Region,
    forms: Forms,
) -> Result<Reference, Error> {
    if text.starts_with("arn:") {
        return parse_arn(text, region, forms);
    }
    if text.starts_with("alias/") {
        forms.check_alias()?;
        let account = account.ok_or(Error::NoAccount)?;
        return Ok(Reference::Alias {
            account,
            name: text.to_owned(),
        });
    }
    let id = text.parse().map_err(|_source| Error::InvalidKeyId {
        id: format!("'{text}'"),
    })?;
    Ok(Reference::Key {
        account: account.ok_or(Error::NoAccount)?,
        id,
    })
}

fn parse_arn(text: &str, region: &Region, forms: Forms) -> Result<Reference, Error> {
    let invalid = || Error::InvalidArn {
        arn: text.to_owned(),
    };
    let arn: Arn = text.parse().map_err(|_source| invalid())?;
    if arn.partition() != PARTITION || arn.service() != "kms" || arn.region().is_empty() {
        return Err(invalid());
    }
    let account = arn.account().ok_or_else(invalid)?;
    if arn.region() != region.as_str() {
        return Err(Error::ForeignRegion {
            region: arn.region().to_owned(),
        });
    }
    if let Some(id) = arn.resource_of("key") {
        let id = id
            .parse()
            .map_err(|_source| Error::InvalidKeyId { id: id.to_owned() })?;
        return Ok(Reference::Key { account, id });
    }
    let is_alias = arn
        .resource_of("alias")
        .is_some_and(|name| !name.is_empty());
    if is_alias {
        forms.check_alias()?;
        return Ok(Reference::Alias {
            account,
            name: arn.resource().to_owned(),
        });
    }
    Err(invalid())
}

#[cfg(test)]
mod tests;
