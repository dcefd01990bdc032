//! From what callers name to shares, and who may see which.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use pipeline::sources::{ResourceFacts, ResourceRule};
use pipeline::{Ctx, Need};
use policy::Action;
use types::{Arn, PARTITION};

use crate::bounds::bounded;
use crate::members::Member;
use crate::permissions::ResourceType;
use crate::principals::NamedPrincipal;
use crate::records::{SHARES, ShareRecord, share_row, shares_of};
use crate::turns::Turns;
use crate::{Error, resources};

/// How many looks it counts as to find one share by its name.
const LOOKS_OF_SHARE: usize = 20;

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
            share.is_some_and(|share| Member::of(ctx.view(), account).takes_part(share))
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

/// Whose shares a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The account's own.
    Own,
    /// Those of others in which it takes part.
    Others,
    /// Both.
    All,
}

impl Shown {
    /// The account's `own` shares, or those of others.
    pub(crate) fn of(own: bool) -> Self {
        if own { Self::Own } else { Self::Others }
    }
}

/// The caller's account, as shares see it.
pub(crate) fn caller(ctx: &Ctx) -> Result<Member<'_>, Error> {
    let account = ctx.account().ok_or(Error::NoAccount)?;
    Ok(Member::of(ctx.view(), account))
}

/// The shares in the region of `ctx` that are shown to `caller`; of these only those that are named,
/// if any are. No others are looked at.
///
/// Fails with `UnknownResourceException` for one that is named but not among them, and as
/// [`bounded`] does.
pub(crate) async fn chosen<'a>(
    ctx: &'a Ctx,
    caller: &Member<'a>,
    shown: Shown,
    named: Option<&[String]>,
) -> Result<Vec<&'a ShareRecord>, Error> {
    let texts = bounded("resourceShareArns", named)?;
    if texts.is_empty() {
        let mut shares = Vec::new();
        if shown != Shown::Others {
            let own = shares_of(caller.account(), ctx.region());
            let own = ctx.view().scan(&SHARES, &own, None);
            shares.extend(own.map(|(_, row)| row.record));
        }
        if shown != Shown::Own {
            shares.extend(caller.shares(ctx.region()).await);
        }
        return Ok(shares);
    }
    let is_shown = |share: &ShareRecord| match shown {
        Shown::Own => share.owner == caller.account(),
        Shown::Others => caller.takes_part(share),
        Shown::All => share.owner == caller.account() || caller.takes_part(share),
    };
    let (mut shares, mut turns) = (BTreeMap::new(), Turns::default());
    for text in texts {
        turns.look(LOOKS_OF_SHARE).await;
        let unknown = || Error::unknown_share(text);
        let named = Named::find(ctx, text)?.share.ok_or_else(unknown)?;
        if let Entry::Vacant(free) = shares.entry(named.row()) {
            let share = ctx.view().get(&SHARES, free.key()).map(|row| row.record);
            free.insert(share.filter(|share| is_shown(share)).ok_or_else(unknown)?);
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
