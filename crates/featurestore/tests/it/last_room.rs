//! The last of the disk, which is kept for what takes rights away, of every account as much.

use std::sync::atomic::Ordering;

use pipeline::Caller;
use serde_json::json;

use crate::sharing::{Consumer, consumer as other_account, enable_within_organization};
use crate::world::{Outcome, World, check_refused, group_arn, text};

/// Less than what other changes are accepted with, and more than nothing.
const LAST: u64 = 100 << 20;

/// More than what other changes are accepted with.
const ROOM: u64 = 10 << 30;

/// An account that shares are for without invitations.
fn consumer(world: &World) -> Consumer {
    enable_within_organization(world);
    // The older account is the owner's.
    world.wait(1);
    other_account(world, "consumer")
}

/// As many users of the account as the policy of one resource can name.
fn many_users(world: &World, consumer: &Consumer) -> Vec<String> {
    let path = format!("/{}/", "x".repeat(450));
    let users = (0..39).map(|number| {
        let input = json!({ "UserName": format!("u{number}"), "Path": path });
        let made = world.call_as(&consumer.root, "CreateUser", input).unwrap();
        text(&made["User"]["Arn"])
    });
    users.collect()
}

fn many_groups(world: &World, count: usize) -> Vec<String> {
    let names = (0..count).map(|number| format!("g{number}"));
    let groups = names.map(|name| {
        world.group(&name);
        group_arn(&name)
    });
    groups.collect()
}

fn made_share(world: &World, resources: &[String], principals: &[String]) -> String {
    let input = json!({ "name": "s", "resourceArns": resources, "principals": principals });
    let made = world.ok("ram:CreateResourceShare", input);
    text(&made["resourceShare"]["resourceShareArn"])
}

/// Disables one key after the other as `caller` until one is refused; says how many were.
fn disable_all(world: &World, caller: &Caller, keys: &[String]) -> usize {
    let disabled = keys.iter().take_while(|key| {
        let input = json!({ "KeyId": key });
        world.call_as(caller, "DisableKey", input).is_ok()
    });
    disabled.count()
}

#[test]
fn a_large_revocation_leaves_the_last_room_to_those_of_others() {
    let world = World::new();
    let (consumer, other) = (consumer(&world), other_account(&world, "other"));
    let (groups, users) = (many_groups(&world, 40), many_users(&world, &consumer));
    let share = made_share(&world, &groups, &users);
    let keys_of = |caller: &Caller| -> Vec<String> {
        let keys = (0..40).map(|_| world.call_as(caller, "CreateKey", json!({})).unwrap());
        keys.map(|made| text(&made["KeyMetadata"]["KeyId"]))
            .collect()
    };
    let (own, theirs) = (keys_of(&world.administrator), keys_of(&other.root));
    world.faults.free.store(LAST, Ordering::Relaxed);
    // It would write the policies of all groups anew, and their history: more than a share.
    let refused = take_away(&world, &share, "principals", &users[0]);
    check_refused(refused, "ServiceUnavailable", "");
    // In steps it is done, until the account has had its share.
    let taken = groups.iter().take_while(|group| {
        let taken = take_away(&world, &share, "resourceArns", group);
        taken.is_ok()
    });
    let taken = taken.count();
    assert!((3..groups.len()).contains(&taken), "{taken}");
    assert!(disable_all(&world, &world.administrator, &own) < own.len());
    assert_eq!(disable_all(&world, &other.root, &theirs), theirs.len());
    // Nothing of it comes back while the disk is full; with room the share goes whole.
    world.wait(3600);
    let whole = json!({ "resourceShareArn": share });
    let refused = world.call("ram:DeleteResourceShare", whole.clone());
    check_refused(refused, "ServiceUnavailable", "");
    world.faults.free.store(ROOM, Ordering::Relaxed);
    world.ok("ram:DeleteResourceShare", whole);
}

#[test]
fn a_share_that_was_made_in_steps_is_taken_back_in_one() {
    let world = with_many_groups();
    let consumer = consumer(&world);
    let (groups, users) = (many_groups(&world, 200), many_users(&world, &consumer));
    let share = made_share(&world, &groups[..50], &users);
    let added = groups[50..].chunks(50);
    let added: Vec<_> = added.map(|some| add(&world, &share, some)).collect();
    assert!(added[0].is_ok() && added[1].is_ok(), "{added:?}");
    check_full(added[2].clone());
    take_away(&world, &share, "principals", &users[0]).unwrap();
}

#[test]
fn what_other_shares_add_can_be_taken_back_with_the_first() {
    let world = with_many_groups();
    let consumer = consumer(&world);
    let (groups, users) = (many_groups(&world, 200), many_users(&world, &consumer));
    let first = made_share(&world, &groups, &users[..20]);
    // What the second share has is not too much yet where the first is full.
    let second = made_share(&world, &[], &users[20..]);
    let added = groups.chunks(20);
    let added: Vec<_> = added.map(|some| add(&world, &second, some)).collect();
    let full = added.iter().position(Result::is_err).unwrap();
    assert!((3..7).contains(&full), "{full}");
    check_full(added[full].clone());
    take_away(&world, &first, "principals", &users[0]).unwrap();
    take_away(&world, &second, "principals", &users[20]).unwrap();
}

fn with_many_groups() -> World {
    let mut options = featurestore::Options::default();
    options.quotas.groups = 200;
    World::with(options)
}

fn add(world: &World, share: &str, resources: &[String]) -> Outcome {
    let input = json!({ "resourceShareArn": share, "resourceArns": resources });
    world.call("ram:AssociateResourceShare", input)
}

fn take_away(world: &World, share: &str, member: &str, arn: &str) -> Outcome {
    let input = json!({ "resourceShareArn": share, member: [arn] });
    world.call("ram:DisassociateResourceShare", input)
}

fn check_full(outcome: Outcome) {
    let code = "ResourceShareLimitExceededException";
    check_refused(outcome, code, "all resources of a share");
}
