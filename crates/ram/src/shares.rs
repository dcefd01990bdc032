//! From what callers name to shares, and who may see which.

use std::collections::BTreeMap;
use std::sync::Arc;

use iam::Membership;
use pipeline::sources::{ResourceFacts, ResourceRule};
use pipeline::{Ctx, Need};
use policy::Action;
use store::View;
use types::{AccountId, Arn, PARTITION};

use crate::bounds::bounded;
use crate::permissions::ResourceType;
use crate::principals::NamedPrincipal;
use crate::records::{SHARES, SharePrincipal, ShareRecord, Standing, share_row};
use crate::{Error, resources};

/// The share that a call names; it may not exist.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) arn: Arn,
    pub(crate) share: Option<Arc<ShareRecord>>,
}

impl Named {
    /// Looks `text` up. Fails with `MalformedArnException` for what is no share's ARN.
    pub(crate) fn find(ctx: &Ctx, text: &str) -> Result<Self, Error> {
        let malformed = || Error::malformed_arn(text);
        let arn: Arn = text.parse().map_err(|_source| malformed())?;
        let id = arn.resource_of("resource-share").ok_or_else(malformed)?;
        if arn.partition() != PARTITION || arn.service() != "ram" || arn.account().is_none() {
            return Err(malformed());
        }
        let row = share_row(arn.account_text(), arn.region(), id);
        let here = arn.region() == ctx.region().as_str();
        let share = ctx.view().get_shared(&SHARES, &row).filter(|_| here);
        Ok(Self { arn, share })
    }

    /// The need of `action` on it, for the account that owns it.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        Need::on(action, self.arn.clone())
    }

    /// The need of `action` on it, for everybody who takes part: decided by the policies of the
    /// caller's own account.
    pub(crate) fn visible_need(&self, ctx: &Ctx, action: &'static Action) -> Need {
        let account = ctx.account();
        let own = self.arn.account() == account;
        let takes_part = account.is_some_and(|account| {
            let share = self.share.as_ref();
            share.is_some_and(|share| takes_part(ctx.view(), share, account))
        });
        let need = self.need(action);
        if own || !takes_part {
            return need;
        }
        need.known(ResourceFacts {
            account,
            rule: ResourceRule::None,
            keys: None,
        })
    }

    /// The share. Fails with `UnknownResourceException`. Only for callers who were allowed.
    pub(crate) fn share(&self) -> Result<&Arc<ShareRecord>, Error> {
        let share = self.share.as_ref();
        share.ok_or_else(|| Error::unknown_share(self.arn.as_str()))
    }
}

/// What a call adds to, or takes from, which share.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) named: Named,
    pub(crate) resources: Vec<Arn>,
    pub(crate) principals: Vec<NamedPrincipal>,
}

impl Parts {
    /// Reads what a call names.
    ///
    /// Fails with `InvalidParameterException` if it names neither resources nor principals.
    pub(crate) fn read(
        ctx: &Ctx,
        share: &str,
        resources: Option<&[String]>,
        principals: Option<&[String]>,
    ) -> Result<Self, Error> {
        let parts = Self {
            named: Named::find(ctx, share)?,
            resources: resources::named(ctx, resources)?,
            principals: NamedPrincipal::read_all(principals)?,
        };
        if parts.resources.is_empty() && parts.principals.is_empty() {
            return Err(Error::invalid("neither resources nor principals are given"));
        }
        Ok(parts)
    }
}

/// Every share in the region of `ctx`, whoever owns it.
pub(crate) fn in_region(ctx: &Ctx) -> Vec<&ShareRecord> {
    let everything = store::Key::of(&[]);
    let region = ctx.region();
    let rows = ctx.view().scan(&SHARES, &everything, None);
    rows.map(|(_, row)| row.record)
        .filter(|share| share.region == *region)
        .collect()
}

/// Whether somebody in `account` takes part in `share`.
pub(crate) fn takes_part(view: &View, share: &ShareRecord, account: AccountId) -> bool {
    let mut principals = share.principals.iter();
    share.owner != account
        && principals.any(|known| {
            let Standing::Joined { organization } = &known.standing else {
                return false;
            };
            let organization = organization.as_deref();
            let organization = organization
                .filter(|_| !share.outlasts_organization || known.principal.account().is_none());
            names(view, &known.principal, account)
                && organization.is_none_or(|id| {
                    let within = |account| {
                        Membership::of(view, account).is_some_and(|it| it.organization == id)
                    };
                    within(account) && within(share.owner)
                })
        })
}

/// Whether `principal` is, has, or is in `account`.
pub(crate) fn names(view: &View, principal: &SharePrincipal, account: AccountId) -> bool {
    let membership = || Membership::of(view, account);
    match principal {
        SharePrincipal::Account(known) | SharePrincipal::Individual { account: known, .. } => {
            *known == account
        }
        SharePrincipal::Organization { id, .. } => {
            membership().is_some_and(|it| it.organization == *id)
        }
        SharePrincipal::Unit {
            organization, id, ..
        } => membership().is_some_and(|it| it.organization == *organization && it.is_below(id)),
    }
}

/// The caller's `own` shares or those of others in which it takes part; of these only those that
/// are named, if any are.
///
/// Fails with `UnknownResourceException` for one that is named but not among them.
pub(crate) fn chosen<'a>(
    ctx: &'a Ctx,
    own: bool,
    named: Option<&[String]>,
) -> Result<Vec<&'a ShareRecord>, Error> {
    let account = ctx.account().ok_or(Error::NoAccount)?;
    let shows = |share: &ShareRecord| {
        if own {
            share.owner == account
        } else {
            takes_part(ctx.view(), share, account)
        }
    };
    named_or_all(ctx, named, shows)
}

/// The shares that are named or, if none are, all in the region of `ctx`, as far as the caller is
/// shown them.
///
/// Fails with `UnknownResourceException` for one that is named and that it is not shown, and as
/// [`bounded`] does.
pub(crate) fn named_or_all<'a>(
    ctx: &'a Ctx,
    named: Option<&[String]>,
    shows: impl Fn(&ShareRecord) -> bool,
) -> Result<Vec<&'a ShareRecord>, Error> {
    let texts = bounded("resourceShareArns", named)?;
    if texts.is_empty() {
        let mut shares = in_region(ctx);
        shares.retain(|share| shows(share));
        return Ok(shares);
    }
    let mut shares = BTreeMap::new();
    for text in texts {
        let unknown = || Error::unknown_share(text);
        let row = Named::find(ctx, text)?.share.ok_or_else(unknown)?.row();
        if !shares.contains_key(&row) {
            let share = ctx.view().get(&SHARES, &row).map(|row| row.record);
            let share = share.filter(|share| shows(share)).ok_or_else(unknown)?;
            shares.insert(row, share);
        }
    }
    Ok(shares.into_values().collect())
}

/// The share that one of the two parameters names. Fails with `InvalidParameterException`.
pub(crate) fn one_of<'a>(
    share: Option<&'a str>,
    resource: Option<&'a str>,
) -> Result<&'a str, Error> {
    match (share, resource) {
        (Some(arn), None) | (None, Some(arn)) => Ok(arn),
        (Some(_), Some(_)) | (None, None) => Err(Error::invalid(
            "exactly one of resourceShareArn and resourceArn must be given",
        )),
    }
}

/// Gives `share` the default permission of each type of its resources that it has none for.
pub(crate) fn give_defaults(share: &mut ShareRecord) {
    for kind in share.resources.keys().filter_map(ResourceType::of) {
        if let Some(default) = kind.default_permission() {
            let permissions = share.permissions.entry(kind.name.to_owned());
            permissions.or_insert_with(|| default.name.to_owned());
        }
    }
}

/// Checks the name of a share. Fails with `InvalidParameterException`.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > 255 {
        return Err(Error::invalid(
            "the name of a resource share has 1 to 255 characters",
        ));
    }
    Ok(())
}
