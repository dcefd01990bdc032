//! What principals without a right can use up of what their account may do: nothing that the others
//! need.

use pipeline::Caller;
use pipeline::sources::WriteBudgets;
use serde_json::{Value, json};

use crate::world::{World, allow};

const THROTTLED: &str = "ThrottlingException";

/// The code of a refusal; nothing if the call is answered.
fn code(world: &World, caller: &Caller, operation: &str, input: Value) -> Option<String> {
    let outcome = world.call_as(caller, operation, input);
    outcome.err().map(|refused| refused.code)
}

/// Whether the call is refused because too many were made, or too much was written.
fn is_throttled(world: &World, caller: &Caller, operation: &str, input: Value) -> bool {
    code(world, caller, operation, input).as_deref() == Some(THROTTLED)
}

/// A deployment whose account may record so little in a day.
fn little() -> World {
    World::with_budgets(WriteBudgets {
        log: 400_000,
        ..WriteBudgets::default()
    })
}

/// Has `caller` repeat the call until it is throttled, at most so often.
fn exhaust(world: &World, caller: &Caller, operation: &str, input: &Value, most: usize) {
    let throttled = (0..most).any(|_| is_throttled(world, caller, operation, input.clone()));
    assert!(throttled, "{operation}");
}

#[test]
fn principals_that_may_nothing_use_up_no_calls_of_the_others() {
    let world = World::paced(20);
    let nobodies: Vec<Caller> = (0..30)
        .map(|number| {
            world.wait(1);
            world.user(&format!("u{number}"), None)
        })
        .collect();
    world.wait(1);
    let calls = |caller| {
        let calls = (0..20).map(|_| world.call_as(caller, "GetCallerIdentity", json!({})));
        calls.flatten().count()
    };
    // A quarter of what ten principals may make.
    assert_eq!(nobodies.iter().map(calls).sum::<usize>(), 50);
    world.ok("ListUsers", json!({}));
    world.ok("CreateUser", json!({ "UserName": "made" }));
    world.ok("DeleteUser", json!({ "UserName": "made" }));
}

#[test]
fn rights_are_taken_away_though_all_calls_of_the_account_are_used_up() {
    let world = World::paced(20);
    let busy: Vec<Caller> = (0..11)
        .map(|number| {
            world.wait(1);
            world.user(&format!("u{number}"), Some(allow("iam:ListUsers", "*")))
        })
        .collect();
    world.wait(1);
    for caller in &busy {
        exhaust(&world, caller, "ListUsers", &json!({}), 21);
    }
    assert!(is_throttled(
        &world,
        &world.administrator,
        "ListUsers",
        json!({})
    ));
    for number in 0..11 {
        let policy = json!({ "UserName": format!("u{number}"), "PolicyName": "inline" });
        world.ok("DeleteUserPolicy", policy);
    }
}

#[test]
fn principals_that_may_nothing_use_up_nothing_that_the_others_record() {
    let world = little();
    let nobody = world.user("nobody", None);
    exhaust(&world, &nobody, "GetCallerIdentity", &json!({}), 1_000);
    // Denials beyond their share are only counted.
    for _ in 0..100 {
        world.wait(1);
        for _ in 0..10 {
            let denied = code(&world, &nobody, "ListUsers", json!({}));
            assert_eq!(denied.as_deref(), Some("AccessDenied"));
        }
    }
    let records = |world: &World| {
        let mut records = world.records();
        records.retain(|record| record.error_code.as_deref() == Some("AccessDenied"));
        records.len()
    };
    let before = records(&world);
    assert!((10..500).contains(&before), "{before}");
    code(&world, &nobody, "ListUsers", json!({}));
    assert_eq!(records(&world), before);
    world.ok("ListUsers", json!({}));
    world.ok("CreateUser", json!({ "UserName": "made" }));
}

#[test]
fn whoever_uses_up_what_the_account_may_record_leaves_the_others_something_to_read() {
    let world = little();
    let busy = world.user("busy", Some(allow("iam:*", "*")));
    exhaust(&world, &busy, "ListUsers", &json!({}), 1_000);
    assert!(is_throttled(
        &world,
        &world.administrator,
        "CreateUser",
        json!({ "UserName": "made" })
    ));
    // Who is it, and what does it do?
    world.ok("ListUsers", json!({}));
    world.ok(
        "GetUserPolicy",
        json!({ "UserName": "busy", "PolicyName": "inline" }),
    );
    assert!(is_throttled(
        &world,
        &world.administrator,
        "ListUsers",
        json!({})
    ));
    world.wait(1);
    world.ok("ListUsers", json!({}));
    let policy = json!({ "UserName": "busy", "PolicyName": "inline" });
    world.ok("DeleteUserPolicy", policy);
}

#[test]
fn removals_of_nothing_are_counted_beyond_the_budget_and_hold_nobody_up() {
    let world = little();
    let busy = world.user("busy", Some(allow("iam:*", "*")));
    exhaust(
        &world,
        &busy,
        "CreateUser",
        &json!({ "UserName": "busy" }),
        1_000,
    );
    let nothing = json!({ "UserName": "busy", "PolicyName": "none" });
    let missing = |world: &World| {
        let mut records = world.records();
        records.retain(|record| record.event_name == "DeleteUserPolicy");
        records.len()
    };
    for _ in 0..100 {
        world.wait(1);
        for _ in 0..10 {
            let failed = code(&world, &busy, "DeleteUserPolicy", nothing.clone());
            assert_eq!(failed.as_deref(), Some("NoSuchEntity"));
        }
    }
    let recorded = missing(&world);
    assert!((1..50).contains(&recorded), "{recorded}");
    // What does take a right away is recorded, and does not make the others wait longer.
    let policy = json!({ "UserName": "busy", "PolicyName": "inline" });
    world.ok("DeleteUserPolicy", policy);
    assert_eq!(missing(&world), recorded + 1);
    world.wait(60 * 60);
    world.ok("CreateUser", json!({ "UserName": "made" }));
}

#[test]
fn removals_that_change_nothing_are_answered_and_counted_when_their_own_share_is_used_up() {
    let world = little();
    let busy = world.user("busy", Some(allow("iam:*", "*")));
    world.ok("CreateUser", json!({ "UserName": "other" }));
    let key = world.ok("CreateAccessKey", json!({ "UserName": "other" }));
    let id = key["AccessKey"]["AccessKeyId"].clone();
    let disable = json!({ "UserName": "other", "AccessKeyId": id, "Status": "Inactive" });
    exhaust(
        &world,
        &busy,
        "CreateUser",
        &json!({ "UserName": "busy" }),
        1_000,
    );
    world.ok("UpdateAccessKey", disable.clone());
    let again = |times: usize| {
        for _ in 0..times {
            world.wait(1);
            for _ in 0..10 {
                let answered = world.call_as(&busy, "UpdateAccessKey", disable.clone());
                answered.unwrap();
            }
        }
    };
    let recorded = |operation: &str| {
        let mut records = world.records();
        records.retain(|record| record.event_name == operation);
        records.len()
    };
    again(50);
    let before = recorded("UpdateAccessKey");
    assert!((20..150).contains(&before), "{before}");
    again(50);
    assert_eq!(recorded("UpdateAccessKey"), before);
    // What is not recorded one by one is not lost, and no failure.
    world.wait(1);
    world.block_on(pipeline::flush_damped(&world.services));
    let mut counts = world.records();
    counts.retain(|record| record.event_name == "*" && record.error_code.is_none());
    let counted = counts[0].additional_event_data.as_ref().unwrap()["suppressedCount"].as_u64();
    assert!(counted >= Some(500), "{counted:?}");
    // What does take a right away is recorded, and goes on.
    let policy = json!({ "UserName": "busy", "PolicyName": "inline" });
    world.ok("DeleteUserPolicy", policy);
    assert_eq!(recorded("DeleteUserPolicy"), 1);
}
