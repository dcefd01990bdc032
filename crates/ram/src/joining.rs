//! Adding somebody to a share: at once within the organization, by an invitation otherwise.

use std::collections::HashMap;

use iam::Membership;
use pipeline::Ctx;
use store::{Batch, View};
use types::{AccountId, Region, RequestId};

use crate::Error;
use crate::permissions::ResourceType;
use crate::principals::{Candidate, NamedPrincipal, candidate};
use crate::records::{
    INVITATIONS, InvitationRecord, Participant, SHARES, ShareRecord, Standing, shares_of,
};

/// Shares of an account in a region.
const MOST_SHARES: usize = 5_000;

/// Resources, and principals, of one share.
const MOST_IN_A_SHARE: usize = 5_000;

/// Invitations of an account in a region that are not answered yet.
const MOST_PENDING: usize = 20;

/// Checks that `owner` may have one more share.
///
/// Fails with `ResourceShareLimitExceededException`.
pub(crate) fn another_share(ctx: &Ctx, owner: AccountId) -> Result<(), Error> {
    let prefix = shares_of(owner, ctx.region());
    let others = ctx.view().scan(&SHARES, &prefix, None).count();
    below(others, MOST_SHARES, "the resource shares")
}

/// Checks what holds for a whole share: how much it has, and that single users and roles share
/// only what can be shared with them.
///
/// Fails with `ResourceShareLimitExceededException` and `InvalidParameterException`.
pub(crate) fn check(share: &ShareRecord) -> Result<(), Error> {
    let (resources, principals) = (share.resources.len(), share.principals.len());
    below(
        resources.saturating_sub(1),
        MOST_IN_A_SHARE,
        "the resources",
    )?;
    below(
        principals.saturating_sub(1),
        MOST_IN_A_SHARE,
        "the principals",
    )?;
    let individual = share.principals.iter().find(|participant| {
        matches!(
            participant.principal,
            crate::records::SharePrincipal::Individual { .. }
        )
    });
    let mut resources = share.resources.keys();
    let unfit = resources.find(|arn| {
        let kind = ResourceType::of(arn);
        kind.is_none_or(|kind| !kind.takes_individuals)
    });
    match (individual, unfit) {
        (Some(individual), Some(arn)) => Err(Error::invalid(format!(
            "`{arn}` cannot be shared with a single user or role such as `{}`",
            individual.principal.text()
        ))),
        _ => Ok(()),
    }
}

/// Adds all whom `written` name to `share`, as [`add`] does.
pub(crate) fn add_all(
    ctx: &Ctx,
    batch: &mut Batch,
    share: &mut ShareRecord,
    written: &[NamedPrincipal],
) -> Result<(), Error> {
    let (mut places, mut sent) = (Places::in_share(share), 0);
    for written in written {
        add(ctx, batch, share, written, (&mut places, &mut sent))?;
    }
    Ok(())
}

/// Adds whom `written` names to `share`, and to `batch` the invitation that this takes.
///
/// Whoever takes part or is invited stays as they are; whoever rejected an invitation, or let it
/// expire, is invited anew. Fails as [`candidate`] does, and with
/// `ResourceShareLimitExceededException` beyond the invitations that may be open.
fn add(
    ctx: &Ctx,
    batch: &mut Batch,
    share: &mut ShareRecord,
    written: &NamedPrincipal,
    (places, sent): (&mut Places, &mut usize),
) -> Result<(), Error> {
    let now = ctx.time();
    let place = places.of(written);
    let stays = place
        .and_then(|place| share.principals.get(place))
        .is_some_and(|known| is_open(ctx, share, known));
    if stays {
        return Ok(());
    }
    let Candidate {
        principal,
        external,
        organization,
    } = candidate(ctx, share.owner, share.allows_external, written)?;
    let standing = match principal.account() {
        Some(receiver) if organization.is_none() => {
            let open = pending_of(ctx, share.owner).saturating_add(*sent);
            below(open, MOST_PENDING, "the invitations without an answer")?;
            *sent = sent.saturating_add(1);
            let individual = match written {
                NamedPrincipal::Individual(arn, _) => Some(arn.clone()),
                NamedPrincipal::Account(_)
                | NamedPrincipal::Organization(..)
                | NamedPrincipal::Unit(..) => None,
            };
            let invitation = InvitationRecord {
                id: random_id(ctx),
                share: share.id.clone(),
                share_name: share.name.clone(),
                sender: share.owner,
                receiver,
                individual,
                region: share.region.clone(),
                at: now,
                answer: None,
            };
            let id = invitation.id.clone();
            batch.put(&INVITATIONS, invitation.row(), invitation);
            Standing::Invited(id)
        }
        _ => Standing::Joined { organization },
    };
    let participant = Participant {
        principal,
        external,
        standing,
        created: now,
        updated: now,
    };
    if let Some(place) = place
        && let Some(known) = share.principals.get_mut(place)
    {
        withdraw(batch, &share.region, known);
        *known = participant;
    } else {
        places.note(written.text(), share.principals.len());
        share.principals.push(participant);
    }
    Ok(())
}

/// The organization that whoever joins `share` must belong to, together with its owner: where
/// nobody from outside may take part, being inside is a condition for good.
///
/// Fails with `OperationNotPermittedException` where the share allows nobody from outside and its
/// owner is in no organization: nobody is inside then.
pub(crate) fn condition(view: &View, share: &ShareRecord) -> Result<Option<String>, Error> {
    let own = Membership::of(view, share.owner).map(|own| own.organization);
    inside(share.allows_external, own)
}

fn inside(allows_external: bool, own: Option<String>) -> Result<Option<String>, Error> {
    match own {
        _ if allows_external => Ok(None),
        Some(organization) => Ok(Some(organization)),
        None => Err(Error::not_permitted(
            "the resource share allows no external principals, and its owner belongs to no \
             organization",
        )),
    }
}

/// Adds to `batch` that an invitation which `known` has not answered is there no longer.
pub(crate) fn withdraw(batch: &mut Batch, region: &Region, known: &Participant) {
    if let (Standing::Invited(id), Some(receiver)) = (&known.standing, known.principal.account()) {
        let row = crate::records::invitation_row(receiver.as_str(), region.as_str(), id);
        batch.delete(&INVITATIONS, row);
    }
}

/// Where the principals of a share stand, by their names: whoever looks for thousands of thousands must
/// not look through all for each.
#[derive(Debug)]
pub(crate) struct Places(HashMap<String, usize>);

impl Places {
    /// Those in `share`.
    pub(crate) fn in_share(share: &ShareRecord) -> Self {
        let texts = share.principals.iter().map(|known| known.principal.text());
        Self(texts.map(str::to_owned).zip(0..).collect())
    }

    /// Where whom `written` names stands.
    pub(crate) fn of(&self, written: &NamedPrincipal) -> Option<usize> {
        self.0.get(written.text()).copied()
    }

    /// Notes that whoever has this name is at this place.
    fn note(&mut self, text: &str, place: usize) {
        self.0.insert(text.to_owned(), place);
    }
}

/// Where in `share` whom `written` names stands.
pub(crate) fn position(share: &ShareRecord, written: &NamedPrincipal) -> Option<usize> {
    let mut principals = share.principals.iter();
    principals.position(|known| known.principal.text() == written.text())
}

/// Whether somebody takes part, or may still say so. A user or role that was deleted and made
/// again is somebody else.
fn is_open(ctx: &Ctx, share: &ShareRecord, known: &Participant) -> bool {
    let is_there = match &known.principal {
        crate::records::SharePrincipal::Individual { arn, id, .. } => ctx
            .part::<pipeline::sources::Principals>()
            .is_ok_and(|directory| directory.0.unique_id(ctx.view(), arn).as_ref() == Some(id)),
        crate::records::SharePrincipal::Account(_)
        | crate::records::SharePrincipal::Organization { .. }
        | crate::records::SharePrincipal::Unit { .. } => true,
    };
    is_there
        && match &known.standing {
            Standing::Joined { organization: None } => true,
            // Of an organization that one of them has left nothing is left.
            Standing::Joined {
                organization: Some(id),
            } => is_within(ctx.view(), share.owner, id),
            Standing::Rejected => false,
            Standing::Invited(id) => invitation_of(ctx, share, known, id)
                .is_some_and(|invitation| invitation.is_pending(ctx.time())),
        }
}

fn is_within(view: &View, account: AccountId, organization: &str) -> bool {
    let membership = Membership::of(view, account);
    membership.is_some_and(|own| own.organization == organization)
}

/// The invitation that `known` has got to `share`.
pub(crate) fn invitation_of(
    ctx: &Ctx,
    share: &ShareRecord,
    known: &Participant,
    id: &str,
) -> Option<std::sync::Arc<InvitationRecord>> {
    let receiver = known.principal.account()?;
    let row = crate::records::invitation_row(receiver.as_str(), share.region.as_str(), id);
    ctx.view().get_shared(&INVITATIONS, &row)
}

/// How many invitations of `owner` wait for an answer.
fn pending_of(ctx: &Ctx, owner: AccountId) -> usize {
    let prefix = shares_of(owner, ctx.region());
    let shares = ctx.view().scan(&SHARES, &prefix, None);
    let participants = shares.flat_map(|(_, row)| {
        let share = row.record;
        share.principals.iter().map(move |known| (share, known))
    });
    participants
        .filter(|(share, known)| match &known.standing {
            Standing::Invited(id) => invitation_of(ctx, share, known, id)
                .is_some_and(|invitation| invitation.is_pending(ctx.time())),
            Standing::Joined { .. } | Standing::Rejected => false,
        })
        .count()
}

/// An id such as shares and invitations have.
pub(crate) fn random_id(ctx: &Ctx) -> String {
    RequestId::generate(ctx.entropy()).to_string()
}

fn below(have: usize, limit: usize, what: &'static str) -> Result<(), Error> {
    if have < limit {
        Ok(())
    } else {
        Err(Error::ShareLimit { what, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_inside_where_the_owner_has_no_organization() {
        let own = || Some("o-abcdefghij".to_owned());
        assert_eq!(inside(true, None).unwrap(), None);
        assert_eq!(inside(true, own()).unwrap(), None);
        assert_eq!(inside(false, own()).unwrap(), own());
        assert!(matches!(inside(false, None), Err(Error::NotPermitted(_))));
    }
}
