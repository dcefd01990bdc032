//! Shares of many accounts, and how many of them a listing looks at.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use store::{Snapshot, SnapshotBuilder};
use types::{Arn, Timestamp};

use super::*;
use crate::records::{Participant, tables};

const OURS: &str = "111122223333";
const ORGANIZATION: &str = "o-abcdefghij";

fn account(number: usize) -> AccountId {
    format!("{:012}", 200_000_000_000 + number).parse().unwrap()
}

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

fn organization_arn(resource: &str) -> Arn {
    format!("arn:aws:organizations::{OURS}:{resource}")
        .parse()
        .unwrap()
}

fn organization(id: &str) -> SharePrincipal {
    SharePrincipal::Organization {
        arn: organization_arn(&format!("organization/{id}")),
        id: id.to_owned(),
    }
}

fn unit_of(id: &str) -> SharePrincipal {
    SharePrincipal::Unit {
        arn: organization_arn(&format!("ou/{ORGANIZATION}/{id}")),
        organization: ORGANIZATION.to_owned(),
        id: id.to_owned(),
    }
}

fn user(account: AccountId, name: &str) -> SharePrincipal {
    SharePrincipal::Individual {
        arn: format!("arn:aws:iam::{account}:user/{name}")
            .parse()
            .unwrap(),
        id: "AIDAALICE00000000000".parse().unwrap(),
        account,
    }
}

fn joined(condition: Option<&str>) -> Standing {
    Standing::Joined {
        organization: condition.map(str::to_owned),
    }
}

fn share(
    owner: AccountId,
    id: &str,
    outlasts: bool,
    principals: impl IntoIterator<Item = (SharePrincipal, Standing)>,
) -> ShareRecord {
    let participant = |(principal, standing)| Participant {
        principal,
        external: false,
        standing,
        created: Timestamp::EPOCH,
        updated: Timestamp::EPOCH,
    };
    ShareRecord {
        id: id.to_owned(),
        owner,
        region: region(),
        name: "s".to_owned(),
        allows_external: true,
        outlasts_organization: outlasts,
        tags: BTreeMap::new(),
        created: Timestamp::EPOCH,
        updated: Timestamp::EPOCH,
        resources: BTreeMap::new(),
        principals: principals.into_iter().map(participant).collect(),
        permissions: BTreeMap::new(),
    }
}

fn view(shares: impl IntoIterator<Item = ShareRecord>) -> View {
    let mut snapshot = SnapshotBuilder::new(&tables());
    for share in shares {
        snapshot.row(&SHARES, share.row(), 1, Arc::new(share));
    }
    let snapshot: Snapshot = snapshot.build(1);
    View::plain(Arc::new(snapshot))
}

/// An account in a unit below another.
fn member(view: &View) -> Member<'_> {
    let names = [
        OURS.to_owned(),
        ORGANIZATION.to_owned(),
        unit(ORGANIZATION, "r-root"),
        unit(ORGANIZATION, "ou-above"),
        unit(ORGANIZATION, "ou-own"),
    ];
    Member {
        view,
        account: OURS.parse().unwrap(),
        organization: Some(ORGANIZATION.to_owned()),
        names: names.into(),
    }
}

/// The ids of the shares that are found, and how often was looked.
fn find(member: &Member<'_>, inside: &[AccountId]) -> (Vec<String>, usize) {
    let mut owners = Owners(inside.iter().map(|owner| (*owner, true)).collect());
    let mut turns = Turns::default();
    let region = region();
    let found = {
        let mut found = pin!(member.find(&region, &mut owners, &mut turns));
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(found) = found.as_mut().poll(&mut cx) {
                break found;
            }
        }
    };
    (
        found.iter().map(|share| share.id.clone()).collect(),
        turns.0,
    )
}

#[test]
fn a_member_finds_exactly_the_shares_in_which_it_takes_part() {
    let ours: AccountId = OURS.parse().unwrap();
    let (inside, outside) = (account(1), account(2));
    let principals = [
        (SharePrincipal::Account(ours), true),
        (user(ours, "Alice"), true),
        (organization(ORGANIZATION), true),
        (unit_of("ou-own"), true),
        (unit_of("ou-above"), true),
        (unit_of("ou-beside"), false),
        (organization("o-elsewhere0"), false),
        (SharePrincipal::Account(account(3)), false),
        (user(account(3), "Alice"), false),
    ];
    let standings = [
        (joined(None), true),
        (joined(Some(ORGANIZATION)), true),
        (joined(Some("o-elsewhere0")), true),
        (Standing::Rejected, false),
        (Standing::Invited("i".to_owned()), false),
    ];
    let (mut shares, mut expected) = (Vec::new(), Vec::new());
    for owner in [ours, inside, outside] {
        for outlasts in [false, true] {
            for (principal, is_ours) in &principals {
                for (standing, has_joined) in &standings {
                    let id = format!("{:04}", shares.len());
                    let principal = principal.clone();
                    let keeps = outlasts && principal.account().is_some();
                    let meets = match standing {
                        Standing::Joined {
                            organization: Some(id),
                        } => keeps || id == ORGANIZATION && owner == inside,
                        _ => true,
                    };
                    if owner != ours && *is_ours && *has_joined && meets {
                        expected.push(id.clone());
                    }
                    // Others who take part, too, make no difference.
                    let all = [
                        (user(account(4), "Eve"), joined(None)),
                        (principal, standing.clone()),
                    ];
                    shares.push(share(owner, &id, outlasts, all));
                }
            }
        }
    }
    let view = view(shares.clone());
    let member = member(&view);
    assert_eq!(find(&member, &[inside]).0, expected);
    let mut owners = Owners(BTreeMap::from([(inside, true)]));
    let taking_part = shares
        .iter()
        .filter(|share| member.takes_part_among(share, &mut owners));
    let ids: Vec<String> = taking_part.map(|share| share.id.clone()).collect();
    assert_eq!(ids, expected);
    assert!(member.is(&unit_of("ou-above")) && !member.is(&unit_of("ou-beside")));
}

#[test]
fn what_others_share_among_themselves_is_not_looked_at() {
    let ours = SharePrincipal::Account(OURS.parse().unwrap());
    let others = (0..2_000).map(|number| {
        let principals = [
            (SharePrincipal::Account(account(number + 1)), joined(None)),
            (unit_of(&format!("ou-{number}")), joined(Some(ORGANIZATION))),
            (user(account(number + 2), "Eve"), joined(None)),
        ];
        share(account(number), &format!("{number:04}"), false, principals)
    });
    let own = share(account(7), "own", false, [(ours, joined(None))]);
    let view = view(others.chain([own]));
    let member = member(&view);
    let (found, looks) = find(&member, &[]);
    assert_eq!(found, ["own"]);
    // Each place is looked at once, and that with the share twice.
    assert_eq!(looks, member.places().count() + 1);
}

#[test]
fn the_shares_of_an_owner_that_has_left_the_organization_are_passed_over_at_once() {
    let all = (0..500).map(|number| {
        let principals = [(organization(ORGANIZATION), joined(Some(ORGANIZATION)))];
        share(account(1), &format!("{number:04}"), false, principals)
    });
    let view = view(all);
    let member = member(&view);
    let (found, looks) = find(&member, &[]);
    assert!(found.is_empty());
    assert_eq!(looks, member.places().count() + 1);
    assert_eq!(find(&member, &[account(1)]).0.len(), 500);
}

#[test]
fn many_users_of_an_account_are_one_entry() {
    let users = (0..100).map(|number| {
        let user = user(account(1), &format!("u{number}"));
        (user, joined(None))
    });
    assert_eq!(entries(&share(account(2), "s", false, users)).len(), 1);
}
