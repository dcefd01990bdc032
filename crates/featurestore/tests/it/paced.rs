//! How many calls a principal and an account may make that no quota counts, and how much an account
//! may write.

use std::sync::atomic::Ordering;

use pipeline::Caller;
use pipeline::sources::WriteBudgets;
use serde_json::{Value, json};
use types::AccountId;

use crate::world::{World, account, check_refused, region};

const RATE: u32 = 20;

/// How many of 60 calls are not refused as too many.
fn admitted(world: &World, caller: &Caller, operation: &str, input: &Value) -> usize {
    let calls = (0..60).map(|_| world.call_as(caller, operation, input.clone()));
    let admitted = calls.filter(|outcome| {
        let code = outcome.as_ref().err().map(|refused| refused.code.as_str());
        code != Some("ThrottlingException")
    });
    admitted.count()
}

fn user(world: &World, name: &str) -> Caller {
    let all = json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]);
    let user = world.user(name, &all);
    world.wait(1);
    user
}

fn check(operation: &str, input: &Value) {
    let world = World::paced(RATE);
    let alice = user(&world, "Alice");
    assert_eq!(
        admitted(&world, &alice, operation, input),
        20,
        "{operation}"
    );
    world.wait(1);
    assert_eq!(
        admitted(&world, &alice, operation, input),
        20,
        "{operation}"
    );
}

#[test]
fn what_our_own_service_does_is_bounded_though_it_has_quotas() {
    let bucket = json!({ "Bucket": "features" });
    let policy = json!({ "Bucket": "features", "Policy": "{}" });
    check("CreateBucket", &bucket);
    check("PutBucketPolicy", &policy);
    check("GetBucketPolicy", &bucket);
    check("ListBuckets", &json!({}));
    check(
        "DescribeFeatureGroupKeys",
        &json!({ "FeatureGroupName": "g" }),
    );
}

#[test]
fn what_a_quota_counts_is_not_counted_twice() {
    let world = World::paced(RATE);
    let alice = user(&world, "Alice");
    assert_eq!(admitted(&world, &alice, "ListKeys", &json!({})), 60);
}

#[test]
fn an_account_makes_no_more_calls_than_ten_principals() {
    let world = World::paced(RATE);
    let users: Vec<Caller> = (0..12)
        .map(|number| user(&world, &format!("u{number}")))
        .collect();
    let calls = |caller: &Caller| admitted(&world, caller, "ListFeatureGroups", &json!({}));
    let made: Vec<usize> = users.iter().map(calls).collect();
    assert_eq!(made[..10], [20; 10]);
    assert_eq!(made[10..], [0; 2]);
    let other = world.other_account("444455556666");
    assert_eq!(
        admitted(&world, &other, "ListFeatureGroups", &json!({})),
        20
    );
}

fn code(world: &World, caller: &Caller, operation: &str, input: Value) -> Option<String> {
    let outcome = world.call_as(caller, operation, input);
    outcome.err().map(|refused| refused.code)
}

/// A deployment whose first account has written as much as it may, and a user of it with a policy.
fn written(budgets: WriteBudgets) -> (World, Caller) {
    let world = World::with_budgets(budgets);
    let alice = user(&world, "Alice");
    let tags = |number: usize| {
        let tag = json!({ "Key": "k", "Value": format!("{number:0>250}") });
        world.call("TagUser", json!({ "UserName": "Alice", "Tags": [tag] }))
    };
    // Some call is beyond the budget.
    let refused = (0..10_000).find_map(|number| tags(number).err());
    let refused = refused.unwrap();
    check_refused(
        Err(refused),
        "ThrottlingException",
        "as much as it may in a day",
    );
    (world, alice)
}

#[test]
fn an_account_that_has_changed_all_it_may_can_still_take_rights_away_and_read() {
    let (world, alice) = written(WriteBudgets {
        metadata: 100_000,
        ..WriteBudgets::default()
    });
    let made = json!({ "UserName": "Bob" });
    let throttled = Some("ThrottlingException".to_owned());
    assert_eq!(code(&world, &alice, "CreateUser", made.clone()), throttled);
    assert_eq!(code(&world, &alice, "ListUsers", json!({})), None);
    // Another account has its own.
    let other = world.other_account("444455556666");
    assert_eq!(code(&world, &other, "CreateUser", made.clone()), None);
    let policy = json!({ "UserName": "Alice", "PolicyName": "inline" });
    world.ok("DeleteUserPolicy", policy);
    assert_eq!(
        code(&world, &alice, "ListUsers", json!({})).as_deref(),
        Some("AccessDenied")
    );
    // A day later what was written is paid back.
    world.wait(24 * 60 * 60);
    world.ok("CreateUser", made);
}

#[test]
fn what_takes_rights_away_is_slow_beyond_the_budget() {
    let (world, alice) = written(WriteBudgets {
        metadata: 100_000,
        ..WriteBudgets::default()
    });
    let gone = json!({ "UserName": "Alice", "PolicyName": "none" });
    let calls = (0..30).map(|_| code(&world, &alice, "DeleteUserPolicy", gone.clone()));
    let missing = calls.filter(|code| code.as_deref() == Some("NoSuchEntity"));
    assert_eq!(missing.count(), 10);
}

#[test]
fn an_account_that_has_recorded_all_it_may_makes_no_calls_that_leave_records() {
    let (world, alice) = written(WriteBudgets {
        log: 100_000,
        ..WriteBudgets::default()
    });
    let throttled = Some("ThrottlingException".to_owned());
    let reads = || code(&world, &alice, "ListUsers", json!({}));
    // The last of it is for reads, two a second.
    assert_eq!([reads(), reads(), reads()], [None, None, throttled.clone()]);
    let end = (0..100).position(|_| {
        world.wait(1);
        reads() == throttled
    });
    assert!(end.is_some());
    // Denials and what is throttled have their share, and are counted only beyond it.
    for _ in 0..10 {
        world.wait(1);
        for _ in 0..20 {
            assert_eq!(reads(), throttled);
        }
    }
    let before = world.records().len();
    for _ in 0..100 {
        assert_eq!(reads(), throttled);
    }
    assert_eq!(world.records().len(), before);
    world.wait(1);
    world.block_on(pipeline::flush_damped(&world.services));
    let counted = serde_json::to_value(&world.records()[0]).unwrap();
    let additional = &counted["additionalEventData"];
    assert_eq!(additional["principal"], "*");
    assert!(additional["suppressedCount"].as_u64().unwrap() > 100);
}

#[test]
fn what_services_do_for_an_account_is_taken_from_what_it_may_write() {
    const BUDGET: u64 = 400_000;
    let world = World::with_budgets(WriteBudgets {
        metadata: BUDGET,
        ..WriteBudgets::default()
    });
    world.group("g");
    let update = |number: usize| {
        let name = format!("more{number}");
        let more = json!([{ "FeatureName": name, "FeatureType": "String" }]);
        let more = json!({ "FeatureGroupName": "g", "FeatureAdditions": more });
        code(&world, &world.administrator, "UpdateFeatureGroup", more)
    };
    let refused = (0..1_000).find_map(update);
    assert_eq!(refused.as_deref(), Some("ThrottlingException"));
    // Half of it is written by the service, once the call is durable.
    let written = world.faults.metadata.load(Ordering::Relaxed);
    assert!((BUDGET..BUDGET * 5 / 4).contains(&written), "{written}");
}

#[test]
fn whoever_has_recorded_all_it_may_is_seen_by_the_owner_of_what_it_calls() {
    let world = World::with_budgets(WriteBudgets {
        log: 400_000,
        ..WriteBudgets::default()
    });
    let (key, other) = (world.key(), world.other_account("444455556666"));
    let policy = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": ["111122223333", "444455556666"] },
        "Action": "kms:*", "Resource": "*",
    } });
    let let_in = json!({ "KeyId": key, "Policy": policy.to_string() });
    world.ok("PutKeyPolicy", let_in);
    let fails = |operation: &str, input: &Value, expected: &str, seconds: usize| {
        for _ in 0..seconds {
            world.wait(1);
            for _ in 0..10 {
                let failed = code(&world, &other, operation, input.clone());
                assert_eq!(failed.as_deref(), Some(expected));
            }
        }
    };
    let recorded = |account: AccountId| {
        let mut records = testkit::records(&world.services, account, &region());
        records.retain(|record| record.event_name == "RevokeGrant");
        records
    };
    // Nothing is left of what the other account may record, not of refused calls either.
    let made = json!({ "UserName": "made" });
    let used_up = (0..1_000).any(|_| {
        let failed = code(&world, &other, "CreateUser", made.clone());
        failed.as_deref() == Some("ThrottlingException")
    });
    assert!(used_up);
    let nothing = json!({ "UserName": "made", "PolicyName": "none" });
    fails("DeleteUserPolicy", &nothing, "NoSuchEntity", 100);
    let revoke = json!({ "KeyId": key, "GrantId": "0".repeat(64) });
    fails("RevokeGrant", &revoke, "NotFoundException", 1);
    assert_eq!(recorded("444455556666".parse().unwrap()).len(), 0);
    let seen = recorded(account());
    assert_eq!(seen.len(), 10);
    assert_eq!(seen[0].error_code.as_deref(), Some("NotFoundException"));
    let identity = &seen[0].user_identity;
    assert_eq!(
        (identity.kind.as_str(), identity.account_id.as_deref()),
        ("AWSAccount", Some("444455556666"))
    );
    // It fills the owner's log no further than a share beside the owner's, and holds up nobody.
    fails("RevokeGrant", &revoke, "NotFoundException", 100);
    let seen = recorded(account()).len();
    assert!((11..150).contains(&seen), "{seen}");
    fails("RevokeGrant", &revoke, "NotFoundException", 1);
    assert_eq!(recorded(account()).len(), seen);
    world.wait(1);
    world.block_on(pipeline::flush_damped(&world.services));
    let mut counts = world.records();
    counts.retain(|record| record.event_name == "*");
    assert_eq!(counts.len(), 1);
    assert_eq!(counts[0].user_identity.kind, "AWSAccount");
    assert_eq!(counts[0].error_code.as_deref(), Some("NotFoundException"));
    world.ok("CreateUser", made);
}
