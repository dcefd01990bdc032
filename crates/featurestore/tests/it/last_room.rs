//! The last of the disk, which is kept for what takes rights away, of every account as much.

use std::sync::atomic::Ordering;

use pipeline::Caller;
use serde_json::json;

use crate::sharing::{Consumer, consumer as other_account, enable_within_organization};
use crate::world::{Outcome, World, check_refused, group_arn, text};

/// Less than what other changes are accepted with, and more than nothing.
const LAST: u64 = 100 << 20;

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
    // After an hour there is some again, and a share that is deleted goes at once.
    world.wait(3600);
    let whole = json!({ "resourceShareArn": share });
    world.ok("ram:DeleteResourceShare", whole);
}

fn take_away(world: &World, share: &str, member: &str, arn: &str) -> Outcome {
    let input = json!({ "resourceShareArn": share, member: [arn] });
    world.call("ram:DisassociateResourceShare", input)
}
