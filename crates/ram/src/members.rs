//! Finds the shares in which an account takes part, and looks at no others.
//!
//! Each share is listed, in memory, for everybody who has joined it: region, who, condition, owner,
//! share. *Who* is an account (that of a user or role, too), an organization, or a unit of one. The
//! *condition* is the organization that both accounts must belong to, or empty. A member is its
//! account, its organization, and the units that it is in: so few places are looked at, however much
//! others share among themselves.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use iam::Membership;
use store::{Key, View};
use types::{AccountId, Region};

use crate::records::{SHARES, SharePrincipal, ShareRecord, Standing};
use crate::turns::Turns;

/// The parts of an entry up to the owner of the share.
const UP_TO_OWNER: usize = 4;

/// The entries by which `share` is found; nobody who is only invited, or does not want to, has one.
pub(crate) fn entries(share: &ShareRecord) -> Vec<Key> {
    let joined = share.principals.iter().filter_map(|known| {
        let Standing::Joined { organization } = &known.standing else {
            return None;
        };
        // An organization takes part as long as it is one; an account may keep what it got from it.
        let keeps = share.outlasts_organization && known.principal.account().is_some();
        let condition = organization.as_deref().filter(|_| !keeps);
        Some(entry(&who(&known.principal), condition, share))
    });
    // Many users and roles of one account are one entry.
    let entries: BTreeSet<Key> = joined.collect();
    entries.into_iter().collect()
}

fn entry(who: &str, condition: Option<&str>, share: &ShareRecord) -> Key {
    let condition = condition.unwrap_or_default();
    let (region, owner) = (share.region.as_str(), share.owner.as_str());
    Key::of(&[region, who, condition, owner, &share.id])
}

/// Under whom a principal is listed.
fn who(principal: &SharePrincipal) -> Cow<'_, str> {
    match principal {
        SharePrincipal::Account(account) | SharePrincipal::Individual { account, .. } => {
            Cow::Borrowed(account.as_str())
        }
        SharePrincipal::Organization { id, .. } => Cow::Borrowed(id),
        SharePrincipal::Unit {
            organization, id, ..
        } => Cow::Owned(unit(organization, id)),
    }
}

fn unit(organization: &str, id: &str) -> String {
    format!("{organization}/{id}")
}

/// An account, and what else it is to shares.
#[derive(Debug)]
pub(crate) struct Member<'v> {
    view: &'v View,
    account: AccountId,
    /// The organization that it belongs to.
    organization: Option<String>,
    /// Itself, its organization, and the units that it is in.
    names: Vec<String>,
}

impl<'v> Member<'v> {
    /// `account` as `view` shows it.
    pub(crate) fn of(view: &'v View, account: AccountId) -> Self {
        let membership = Membership::of(view, account);
        let mut names = vec![account.to_string()];
        if let Some(Membership {
            organization, path, ..
        }) = &membership
        {
            names.push(organization.clone());
            let below = path.split('/').skip(1).filter(|node| !node.is_empty());
            names.extend(below.map(|node| unit(organization, node)));
        }
        Self {
            view,
            account,
            organization: membership.map(|own| own.organization),
            names,
        }
    }

    /// The account.
    pub(crate) fn account(&self) -> AccountId {
        self.account
    }

    /// Whether `principal` is, has, or is in the account.
    pub(crate) fn is(&self, principal: &SharePrincipal) -> bool {
        let who = who(principal);
        self.names.iter().any(|name| *name == who)
    }

    /// Whether somebody in the account takes part in `share`, as it is stored.
    pub(crate) fn takes_part(&self, share: &ShareRecord) -> bool {
        self.takes_part_among(share, &mut Owners::default())
    }

    fn takes_part_among(&self, share: &ShareRecord, owners: &mut Owners) -> bool {
        let mut places = self.places();
        share.owner != self.account
            && places.any(|(name, condition)| {
                let entry = entry(name, condition, share);
                let mut listed = self.view.snapshot().listed(&SHARES, &entry, None);
                listed.next().is_some() && owners.meet(self, condition, share.owner)
            })
    }

    /// The shares of others in `region` in which somebody in the account takes part.
    pub(crate) async fn shares(&self, region: &Region) -> Vec<&'v ShareRecord> {
        self.find(region, &mut Owners::default(), &mut Turns::default())
            .await
    }

    async fn find(
        &self,
        region: &Region,
        owners: &mut Owners,
        turns: &mut Turns,
    ) -> Vec<&'v ShareRecord> {
        let snapshot = self.view.snapshot();
        let mut found = BTreeMap::new();
        for (name, condition) in self.places() {
            let place = Key::of(&[region.as_str(), name, condition.unwrap_or_default()]);
            let mut after: Option<Key> = None;
            loop {
                turns.look(1).await;
                let next = snapshot.listed(&SHARES, &place, after.as_ref()).next();
                let Some((entry, row, share)) = next else {
                    break;
                };
                let is_others = share.owner != self.account;
                after = Some(if is_others && owners.meet(self, condition, share.owner) {
                    found.insert(row, share);
                    entry.clone()
                } else {
                    entry.of_first(UP_TO_OWNER).behind()
                });
            }
        }
        found.into_values().collect()
    }

    /// Where the shares are listed in which it may take part: under which name, and on which
    /// condition.
    fn places(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let conditions = || {
            [None]
                .into_iter()
                .chain(self.organization.as_deref().map(Some))
        };
        let names = self.names.iter();
        names.flat_map(move |name| conditions().map(move |condition| (name.as_str(), condition)))
    }
}

/// Which owners of shares are in the organization of a member, as far as that was asked.
#[derive(Debug, Default)]
struct Owners(BTreeMap<AccountId, bool>);

impl Owners {
    /// Whether `owner` meets the condition of a place of `member`, which meets it itself.
    fn meet(&mut self, member: &Member<'_>, condition: Option<&str>, owner: AccountId) -> bool {
        let Some(organization) = condition else {
            return true;
        };
        *self.0.entry(owner).or_insert_with(|| {
            let membership = Membership::of(member.view, owner);
            membership.is_some_and(|theirs| theirs.organization == organization)
        })
    }
}

#[cfg(test)]
mod tests;
