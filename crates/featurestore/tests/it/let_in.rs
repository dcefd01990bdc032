//! What another account, which was let in, leaves in the history of an account.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use audit::Record;
use pipeline::Caller;
use pipeline::sources::WriteBudgets;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, account, check_refused, text};

const OTHER: &str = "444455556666";

/// A deployment whose accounts may record little, the administrator of another account in it, and
/// a key of the first account that the other may use once a second.
fn world() -> (World, Caller, String) {
    let quotas = BTreeMap::from([("symmetric".to_owned(), 1.0)]);
    let budgets = WriteBudgets {
        log: 240_000,
        ..WriteBudgets::default()
    };
    let world = World::with_quotas_and_budgets(&quotas, budgets);
    let other = world.other_account(OTHER);
    let all = |account: &str| {
        let root = format!("arn:aws:iam::{account}:root");
        json!({ "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*" })
    };
    let policy = json!({ "Version": "2012-10-17", "Statement": [all(ACCOUNT), all(OTHER)] });
    let key = world.ok("CreateKey", json!({ "Policy": policy.to_string() }));
    let key = text(&key["KeyMetadata"]["Arn"]);
    (world, other, key)
}

/// Encrypts under `key` as `other`, which has done so in this second.
fn throttled(world: &World, other: &Caller, key: &str) {
    let input = json!({ "KeyId": key, "Plaintext": "AA==" });
    let refused = world.call_as(other, "Encrypt", input);
    check_refused(refused, "ThrottlingException", "");
}

/// Uses the key once, as often as `other` may in a second.
fn use_once(world: &World, other: &Caller, key: &str) {
    let input = json!({ "KeyId": key, "Plaintext": "AA==" });
    world.call_as(other, "Encrypt", input).unwrap();
}

/// The first account's records of throttled calls.
fn shown(world: &World) -> Vec<Record> {
    let mut records = world.records();
    records.retain(|record| record.error_code.as_deref() == Some("ThrottlingException"));
    records
}

fn counted(record: &Record) -> Option<(Value, u64)> {
    let more = record.additional_event_data.as_ref()?;
    Some((more["principal"].clone(), more["suppressedCount"].as_u64()?))
}

/// Lets a second pass, at the end of which counts are written.
fn second(world: &World) {
    world.wait(1);
    world.block_on(pipeline::flush_damped(&world.services));
}

#[test]
fn whoever_was_let_in_hides_no_denials_of_the_accounts_own() {
    let (world, other, key) = world();
    let nobody = world.user(
        "nobody",
        &json!([{ "Effect": "Deny", "Action": "*", "Resource": "*" }]),
    );
    // About half of what the account may record of its own.
    let denied = || {
        let refused = world.call_as(&nobody, "ListKeys", json!({}));
        check_refused(refused, "AccessDeniedException", "");
    };
    (0..10).for_each(|_| denied());
    let before = world.records_of("ListKeys").len();
    for _ in 0..100 {
        // The first may succeed, while the account of `other` may record it.
        let input = json!({ "KeyId": key, "Plaintext": "AA==" });
        let _first = world.call_as(&other, "Encrypt", input);
        for _ in 0..15 {
            throttled(&world, &other, &key);
        }
        second(&world);
    }
    // Beyond the share of others they are only counted, all of them together.
    let (who, count) = counted(&shown(&world)[0]).unwrap();
    assert_eq!(who, "*");
    assert!(count >= 15, "{count}");
    // The account's own are recorded one by one all the same.
    denied();
    assert_eq!(world.records_of("ListKeys").len(), before + 1);
    let denied = &world.records_of("ListKeys")[0];
    assert_eq!(denied.error_code.as_deref(), Some("AccessDenied"));
    let who = denied.user_identity.arn.as_deref().unwrap();
    assert!(who.ends_with("user/nobody"), "{who}");
}

#[test]
fn what_could_not_be_recorded_is_charged_to_nobody() {
    let (world, other, key) = world();
    for _ in 0..10 {
        use_once(&world, &other, &key);
        world.faults.is_full.store(true, Ordering::Relaxed);
        for _ in 0..8 {
            throttled(&world, &other, &key);
        }
        world.faults.is_full.store(false, Ordering::Relaxed);
        world.wait(1);
    }
    assert!(shown(&world).is_empty());
    use_once(&world, &other, &key);
    throttled(&world, &other, &key);
    let records = shown(&world);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].recipient_account_id, account().as_str());
    assert_eq!(records[0].event_name, "Encrypt");
}
